# A package's life on a copy of this machine's system: run in a mount namespace of its own, with which everything goes.
# Usage: unshare --mount --propagation private --pid --fork sh -eu tests/tools/installed.sh DEB FOLDER
# The copy has no systemd running; later on there is something in its place that writes down what it is told.

if [ "$1" != inside ]; then
  mkdir -p "$2"
  mount -t tmpfs none "$2"
  mkdir "$2/new" "$2/work" "$2/root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$2/new,workdir=$2/work" "$2/root"
  for there in tmp run; do mount -t tmpfs none "$2/root/$there"; done
  mount --rbind /dev "$2/root/dev"
  cp "$1" "$2/root/tmp/edgereel.deb"
  cp "$0" "$2/root/tmp/installed.sh"
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    chroot "$2/root" sh -eu /tmp/installed.sh inside
fi

cd /tmp
exec 2>&1

step() { echo "== $*"; }

die() {
  echo "FAILED: $*"
  exit 1
}

is() { [ "$1" = "$2" ] || die "'$1' instead of '$2'${3:+: $3}"; }

# is_of PATH MODE OWNER
is_of() { is "$(stat -c '%a %U:%G' "$1")" "$2 $3" "$1"; }

left() { find /etc /usr /var /run -xdev -name '*edgereel*' ! -path '/var/log/*' | sort | tr '\n' ' '; }

told() { cat /tmp/told 2>/dev/null || true; }

# The service as its unit starts it, on a port that the system chooses, until it has a store.
record_nothing() {
  install -d -o edgereel -g edgereel -m 0750 /var/lib/edgereel
  EDGEREEL__RTMP__LISTEN='["127.0.0.1:0"]' setpriv --reuid edgereel --regid edgereel --clear-groups edgereel run >/tmp/log 2>&1 &
  for _ in $(seq 200); do
    ! grep -q 'listening on' /tmp/log || break
    sleep 0.1
  done
  kill $!
  wait $! || die "the service: $(cat /tmp/log)"
}

step "a system without edgereel, whose policy is that nothing is started"
dpkg --no-triggers --purge edgereel >/dev/null
userdel edgereel 2>/dev/null || true
find /etc /usr /var -xdev -name '*edgereel*' -prune -exec rm -rf {} +
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
before=$(left)

step "it comes; there is no /proc yet"
dpkg --no-triggers --install edgereel.deb
is_of /etc/edgereel/edgereel.toml 640 root:edgereel
is_of /etc/edgereel/credentials 700 root:root
is "$(getent passwd edgereel | cut -d: -f6)" /var/lib/edgereel
[ -L /etc/systemd/system/multi-user.target.wants/edgereel.service ] || die "it is not enabled"
[ -L /etc/systemd/system/sockets.target.wants/edgereel-media.socket ] || die "the media worker is not enabled"
setpriv --reuid edgereel --regid edgereel --clear-groups edgereel check-config | grep -q 'dir = "/var/lib/edgereel/store"' ||
  die "the service does not read its configuration"

mount -t proc none /proc

step "it goes, with a store in which nothing was recorded"
record_nothing
dpkg --no-triggers --purge edgereel
is "$(left)" "$before"
getent passwd edgereel >/dev/null || die "the user must stay: it may have files elsewhere"

step "it comes to a system that runs systemd"
rm /usr/sbin/policy-rc.d
mkdir -p /run/systemd/system
mv /usr/bin/systemctl /usr/bin/systemctl.real 2>/dev/null || true
cat >/usr/bin/systemctl <<'END'
#!/bin/sh
echo "$*" >>/tmp/told
case "$*" in
  *is-enabled*) echo enabled ;;
  *--root=*) exec /usr/bin/systemctl.real "$@" ;;
esac
END
chmod +x /usr/bin/systemctl
dpkg --no-triggers --install edgereel.deb
told | grep -qw 'start edgereel-media.socket' || die "the media worker was not started: $(told)"
told | grep -qw 'start edgereel.service' || die "it was not started: $(told)"

step "a later release comes, with a new configuration file; the old one was edited"
rm /tmp/told
record_nothing
mkdir -p /var/lib/edgereel/store/tape/live+cam1
echo media >/var/lib/edgereel/store/tape/live+cam1/00000001.mp4
echo secret >/etc/edgereel/credentials/publish-key
echo '# mine' >>/etc/edgereel/edgereel.toml
dpkg-deb --raw-extract edgereel.deb later
sed -i 's/^Version: .*/Version: 99.0-1/' later/DEBIAN/control
echo '# theirs' >>later/etc/edgereel/edgereel.toml
dpkg-deb -Znone --build later later.deb >/dev/null
dpkg --no-triggers --install --force-confdef --force-confold later.deb
is "$(tail -n 1 /etc/edgereel/edgereel.toml)" '# mine'
is_of /etc/edgereel/edgereel.toml 640 root:edgereel
told | grep -qw 'restart edgereel.service' || die "it was not restarted: $(told)"
! told | grep -qw 'stop edgereel.service' || die "it was stopped for longer than a restart: $(told)"

step "it is removed"
rm /tmp/told
dpkg --no-triggers --remove edgereel
told | grep -qw 'stop edgereel.service' || die "it was not stopped: $(told)"
told | grep -q 'stop .*edgereel-media.socket' || die "the media worker was not stopped: $(told)"
is "$(tail -n 1 /etc/edgereel/edgereel.toml)" '# mine'
[ -s /var/lib/edgereel/store/tape/live+cam1/00000001.mp4 ] || die "the recording is gone"

step "it is purged"
dpkg --no-triggers --purge edgereel 2>&1 | tee purge.log
grep -q 'recordings stay in /var/lib/edgereel' purge.log || die "nobody was told of the recordings"
[ -s /var/lib/edgereel/store/tape/live+cam1/00000001.mp4 ] || die "the recording is gone"
[ -e /var/lib/edgereel/store/journal.db ] || die "the journal of the recording is gone"
is_of /var/lib/edgereel 750 edgereel:edgereel
grep -q 'secrets stay in /etc/edgereel/credentials' purge.log || die "nobody was told of the secrets"
[ ! -e /etc/edgereel/edgereel.toml ] || die "the configuration is still there"
is "$(left)" "$(echo "$before/etc/edgereel /var/lib/edgereel" | xargs -n 1 | sort | tr '\n' ' ')"

echo "all is as it should be"
