SUMMARY = "What lasts of a box with a read-only root"
DESCRIPTION = "The file system labelled edgereel-data gets the rest of the card at the first boot. Mounted at \
/data, it holds the recorder's /var/lib/edgereel, its credentials and the host keys of ssh."
HOMEPAGE = "https://github.com/edgereel/edgereel"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

SRC_URI = "\
    file://edgereel-data-grow \
    file://edgereel-data-grow.service \
    file://var-lib-dropbear.mount \
    file://var-lib-edgereel.mount \
    file://dropbearkey-data.conf \
    file://edgereel-data.conf \
    file://etc-edgereel-credentials.mount \
"
S = "${UNPACKDIR}"

inherit allarch systemd features_check
REQUIRED_DISTRO_FEATURES = "systemd"

do_install() {
    install -D -m 0755 ${S}/edgereel-data-grow ${D}${libexecdir}/edgereel-data-grow

    install -d ${D}${systemd_system_unitdir}
    install -m 0644 ${S}/edgereel-data-grow.service ${S}/*.mount ${D}${systemd_system_unitdir}
    sed -i -e 's,@LIBEXECDIR@,${libexecdir},g' ${D}${systemd_system_unitdir}/edgereel-data-grow.service
    install -D -m 0644 ${S}/edgereel-data.conf ${D}${systemd_system_unitdir}/edgereel.service.d/data.conf
    install -D -m 0644 ${S}/dropbearkey-data.conf ${D}${systemd_system_unitdir}/dropbearkey.service.d/data.conf

    # A read-only root cannot make it.
    install -d ${D}/data
}

SYSTEMD_SERVICE:${PN} = "edgereel-data-grow.service"
FILES:${PN} += "/data ${systemd_system_unitdir}"

RDEPENDS:${PN} = "e2fsprogs-e2fsck util-linux-partx util-linux-sfdisk"
