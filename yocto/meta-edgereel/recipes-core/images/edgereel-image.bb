SUMMARY = "A box that records: edgereel on a read-only root, with the rest of the card for recordings"
LICENSE = "MIT"

inherit core-image features_check

# The recorder's units, and what makes /data.
REQUIRED_DISTRO_FEATURES = "systemd"

IMAGE_FEATURES += "read-only-rootfs ssh-server-dropbear"
IMAGE_LINGUAS = ""

# Keeps the clock; where meta-networking is not there, systemd-timesyncd does.
EDGEREEL_NTP ?= "${@bb.utils.contains('BBFILE_COLLECTIONS', 'networking-layer', 'chrony chronyc', '', d)}"

# "1": a broker on the box; needs meta-networking.
EDGEREEL_MOSQUITTO ?= "0"

IMAGE_INSTALL = "\
    packagegroup-core-boot \
    edgereel \
    edgereel-data \
    ${EDGEREEL_NTP} \
    ${@'mosquitto mosquitto-clients' if bb.utils.to_boolean(d.getVar('EDGEREEL_MOSQUITTO')) else ''} \
    ${CORE_IMAGE_EXTRA_INSTALL} \
"

# Two that set the clock would exclude each other at each boot, and which of them wins is nobody's choice.
ROOTFS_POSTPROCESS_COMMAND += "${@'only_chrony' if 'chrony' in d.getVar('EDGEREEL_NTP').split() else ''}"
only_chrony() {
    install -d ${IMAGE_ROOTFS}${sysconfdir}/systemd/system
    ln -sf /dev/null ${IMAGE_ROOTFS}${sysconfdir}/systemd/system/systemd-timesyncd.service
}

# Machines whose firmware reads files from a FAT partition say which; the others have no such partition.
EDGEREEL_WKS_BOOT = "${@'part /boot --source bootimg_partition --fstype=vfat --label boot --use-label --active --align 4096 --size 128 --fsoptions ro,nofail' if d.getVar('IMAGE_BOOT_FILES') else ''}"
# Other machines keep their own layout unless they are told: it must say where their boot loader goes.
WKS_FILE:rpi = "edgereel.wks.in"
WKS_FILE:qemuall = "edgereel.wks.in"

# runqemu brings the kernel along.
IMAGE_FSTYPES:append:qemuall = " wic"
QB_DEFAULT_FSTYPE:qemuall = "wic"
QB_FSINFO:qemuall = "wic:no-kernel-in-fs"
QB_KERNEL_ROOT:qemuall = "/dev/vda1 ro"
QB_MEM:qemuall = "-m 512"
