#!/usr/bin/env bash
# Makes what the device test boots: an ARM64 Debian with systemd, as a disk image, with a kernel and an initrd.
# Nothing of ARM runs here: packages are unpacked, and what their scripts would do for a small box is done below.
# Usage: make-root.sh OUT; as root. Leaves OUT/{root.img,vmlinuz,initrd,key,key.pub}; nothing to do when they are there, made
# by this script as it is.
set -euo pipefail

out=$(realpath -m "$1")
made_by=$(sha256sum "$0" | cut -d' ' -f1)
[ "$(cat "$out/made-by" 2>/dev/null)" != "$made_by" ] || exit 0
echo "making the disk of an ARM64 Debian in $out …" >&2
packages=(
  base-files base-passwd bash coreutils dash debianutils diffutils dpkg e2fsprogs findutils grep gzip hostname
  init-system-helpers libc-bin login mawk mount passwd perl-base procps sed tar util-linux
  systemd systemd-sysv udev kmod iproute2 netbase tzdata ca-certificates adduser
  openssh-server chrony busybox-static linux-image-cloud-arm64
)

work=$(mktemp -d "${TMPDIR:-/tmp}/edgereel-root-XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$out"

unpack() {
  local include
  include=$(IFS=,; echo "${packages[*]}")
  mmdebstrap --quiet --arch=arm64 --variant=extract --include="$include" \
    --extract-hook="$(declare -f register); register \"\$1\"" bookworm "$root"
}

# Tells dpkg of what was unpacked, so that it can say what a package to install still misses.
register() {
  local deb name
  for deb in "$1"/var/cache/apt/archives/*.deb; do
    name=$(dpkg-deb --field "$deb" Package)
    dpkg-deb --field "$deb" | sed '/^Package:/a Status: install ok installed'
    echo
    dpkg-deb --fsys-tarfile "$deb" | tar -t | sed 's,^\.,,; s,/$,,; s,^$,/.,' >"$1/var/lib/dpkg/info/$name.list"
  done >>"$1/var/lib/dpkg/status"
}

settle() {
  cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
  cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
  ln -sf mawk "$root/usr/bin/awk"
  systemd-sysusers --root="$root"
  echo 'u _chrony - "chrony" /var/lib/chrony' | systemd-sysusers --root="$root" -
  echo 'u sshd - "ssh" /run/sshd' | systemd-sysusers --root="$root" -

  echo box >"$root/etc/hostname"
  echo '127.0.0.1 localhost box' >"$root/etc/hosts"
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  cat >"$root/etc/fstab" <<-END
	/dev/vda / ext4 rw,noatime 0 1
	LABEL=data /var/lib/edgereel ext4 noatime,nofail,x-systemd.device-timeout=20s 0 2
	END
  mkdir -p "$root/var/lib/edgereel"
  cat >"$root/etc/systemd/network/10-wire.network" <<-END
	[Match]
	Name=eth0
	[Network]
	Address=10.0.2.15/24
	Gateway=10.0.2.2
	END

  ssh-keygen -q -t ed25519 -N '' -C device-test -f "$work/key"
  mkdir -p -m 700 "$root/root/.ssh"
  cp "$work/key.pub" "$root/root/.ssh/authorized_keys"
  ssh-keygen -q -t ed25519 -N '' -f "$root/etc/ssh/ssh_host_ed25519_key"
  # PAM's files are made by scripts that did not run.
  cat >"$root/etc/ssh/sshd_config" <<-END
	HostKey /etc/ssh/ssh_host_ed25519_key
	UsePAM no
	PasswordAuthentication no
	UseDNS no
	END

  # Units alone: scripts of old would have systemctl run ARM's own tools.
  rm -rf "$root"/etc/init.d/*
  systemctl --root="$root" --quiet enable ssh.service systemd-networkd.service chrony.service
  systemctl --root="$root" --quiet set-default multi-user.target
  systemctl --root="$root" --quiet mask serial-getty@ttyAMA0.service getty@tty1.service e2scrub_reap.service \
    systemd-networkd-wait-online.service systemd-firstboot.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer
  mkdir -p "$root/etc/systemd/journald.conf.d"
  printf '[Journal]\nStorage=persistent\nSyncIntervalSec=5s\n' >"$root/etc/systemd/journald.conf.d/device.conf"
}

# In their order: virtio needs virtio_ring.
modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_mmio failover net_failover
  virtio_net virtio_blk virtio-rng crc32c_generic libcrc32c crc16 mbcache jbd2 ext4)

initrd() {
  local name found
  mkdir -p "$work/initrd"/{bin,dev,proc,sys,root,modules}
  cp "$root/bin/busybox" "$work/initrd/bin/"
  for name in "${modules[@]}"; do
    found=$(find "$root/lib/modules" -name "$name.ko" | head -1)
    [ -z "$found" ] || cp "$found" "$work/initrd/modules/$name.ko"
  done
  cat >"$work/initrd/init" <<-END
	#!/bin/busybox sh
	busybox mount -t devtmpfs dev /dev
	busybox mount -t proc proc /proc
	for name in ${modules[*]}; do
	  [ ! -e /modules/\$name.ko ] || busybox insmod /modules/\$name.ko
	done
	while [ ! -b /dev/vda ]; do busybox usleep 20000; done
	busybox mount -t ext4 -o rw,noatime /dev/vda /root || busybox mount -t ext4 /dev/vda /root
	busybox umount /proc
	busybox mount --move /dev /root/dev
	exec busybox switch_root /root /lib/systemd/systemd
	END
  chmod +x "$work/initrd/init"
  (cd "$work/initrd" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$out/initrd"
}

unpack
settle
initrd
cp "$root"/boot/vmlinuz-* "$out/vmlinuz"
cp "$work/key" "$work/key.pub" "$out/"
rm -rf "$root"/boot/* "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale"
rm -f "$out/root.img"
PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -L root -d "$root" "$out/root.img" 1500M
echo "$made_by" >"$out/made-by"
