SUMMARY = "RTMP recorder for edge boxes"
DESCRIPTION = "Encoders push live video over RTMP; edgereel writes it to local flash so that a power cut costs at most \
two seconds, delivers it to a bucket whenever there is a network, and gives it back as MP4, HLS, FLV or AAC."
HOMEPAGE = "https://github.com/edgereel/edgereel"
SECTION = "multimedia"
LICENSE = "MIT | Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE-MIT;md5=6321a4e514f6f34e05b416c6fb2b8305 \
                    file://LICENSE-APACHE;md5=3b83ef96387f14655fc854ddc3c6bd57"

inherit cargo cargo-update-recipe-crates systemd useradd bash-completion

# The source is the checkout that this layer is part of, so that program, list of crates and units are always of one
# commit. All that a build needs is listed, so that what else lies in a checkout (target/) is neither copied nor a reason
# to build again. Cargo wants to see benches and tests, because its manifest names some.
EDGEREEL_SOURCE ??= "${@os.path.abspath(d.getVar('FILE_DIRNAME') + '/../../../..')}"
FILESEXTRAPATHS:prepend = "${EDGEREEL_SOURCE}:"

SRC_URI = "\
    file://.cargo/config.toml;subdir=${BP} \
    file://Cargo.toml;subdir=${BP} \
    file://Cargo.lock;subdir=${BP} \
    file://LICENSE-APACHE;subdir=${BP} \
    file://LICENSE-MIT;subdir=${BP} \
    file://assets;subdir=${BP} \
    file://benches;subdir=${BP} \
    file://packaging;subdir=${BP} \
    file://src;subdir=${BP} \
    file://systemd;subdir=${BP} \
    file://tests;subdir=${BP} \
"
require ${BPN}-crates.inc

# Trust for https, s3 and mqtts; without it name a ca_file in the configuration.
PACKAGECONFIG ??= "ca-certificates"
PACKAGECONFIG[ca-certificates] = ",,,,ca-certificates"
# A broker on the box itself, and its tools; in meta-networking.
PACKAGECONFIG[mosquitto] = ",,,,mosquitto mosquitto-clients"
# Time zones that a package update can change; the binary has a copy of its own.
PACKAGECONFIG[tzdata] = ",,,,tzdata"

# The program's own profile for boxes, with symbols, which go into edgereel-dbg; but a debug build stays one. Series after
# wrynose need the first line alone.
CARGO_PROFILE = "${@oe.utils.vartrue('DEBUG_BUILD', 'dev', 'device', d)}"
BUILD_MODE = "--profile ${CARGO_PROFILE}"
BUILD_DIR = "${@oe.utils.vartrue('DEBUG_BUILD', 'debug', 'device', d)}"

# Cargo looks for a configuration upwards from the build directory, so it would not find the project's, which has SQLite's
# options.
CARGO_BUILD_FLAGS:append = " --config ${S}/.cargo/config.toml"

do_install:append() {
    install -D -m 0644 ${S}/systemd/edgereel.service ${D}${systemd_system_unitdir}/edgereel.service
    install -D -m 0644 ${S}/systemd/edgereel-media.socket ${D}${systemd_system_unitdir}/edgereel-media.socket
    install -D -m 0644 ${S}/systemd/edgereel-media@.service ${D}${systemd_system_unitdir}/edgereel-media@.service
    install -D -m 0644 ${S}/systemd/edgereel.sysusers ${D}${nonarch_libdir}/sysusers.d/edgereel.conf
    install -D -m 0644 ${S}/systemd/edgereel.tmpfiles ${D}${nonarch_libdir}/tmpfiles.d/edgereel.conf
    # No preset: systemd.bbclass writes one from SYSTEMD_AUTO_ENABLE, and ours would be read before it.

    # As tmpfiles would make them, which cannot where the root is read-only. Without the folder the unit does not start.
    install -d ${D}${sysconfdir}/edgereel
    install -d -m 0700 ${D}${sysconfdir}/edgereel/credentials
    # It may hold keys.
    install -m 0640 ${S}/packaging/edgereel.toml ${D}${sysconfdir}/edgereel/edgereel.toml
    chown root:edgereel ${D}${sysconfdir}/edgereel/edgereel.toml

    install_all ${mandir}/man1 ${S}/packaging/man/*.1
    install_all ${mandir}/man5 ${S}/packaging/man/*.5
    install_all ${datadir}/bash-completion/completions ${S}/packaging/completions/bash/*
    install_all ${datadir}/zsh/site-functions ${S}/packaging/completions/zsh/*
    install_all ${datadir}/fish/vendor_completions.d ${S}/packaging/completions/fish/*
}

# install_all FOLDER FILE...: a pattern that matched nothing is no file.
install_all() {
    folder=$1
    shift
    for file in "$@"; do
        [ ! -f "$file" ] || install -D -m 0644 "$file" "${D}$folder/${file##*/}"
    done
}

SYSTEMD_PACKAGES = "${PN} ${PN}-media"
SYSTEMD_SERVICE:${PN} = "edgereel.service"
SYSTEMD_SERVICE:${PN}-media = "edgereel-media.socket"

# A configuration belongs to the group, and its package may be the first to come: the group is made by whichever does.
USERADD_PACKAGES = "${PN} ${PN}-config"
GROUPADD_PARAM:${PN} = "--system edgereel"
GROUPADD_PARAM:${PN}-config = "--system edgereel"
USERADD_PARAM:${PN} = "--system --gid edgereel --no-create-home --home-dir ${localstatedir}/lib/edgereel --shell /sbin/nologin edgereel"

PACKAGE_BEFORE_PN += "${PN}-config ${PN}-media ${PN}-zsh-completion ${PN}-fish-completion"

FILES:${PN} += "${nonarch_libdir}/sysusers.d ${nonarch_libdir}/tmpfiles.d ${systemd_system_unitdir}"
FILES:${PN}-media = "${systemd_system_unitdir}/edgereel-media.socket ${systemd_system_unitdir}/edgereel-media@.service"
FILES:${PN}-config = "${sysconfdir}/edgereel/edgereel.toml"
FILES:${PN}-zsh-completion = "${datadir}/zsh"
FILES:${PN}-fish-completion = "${datadir}/fish"

CONFFILES:${PN}-config = "${sysconfdir}/edgereel/edgereel.toml"

# A fleet has a configuration of its own: it names the package here.
VIRTUAL-RUNTIME_edgereel-config ??= "${PN}-config"
RRECOMMENDS:${PN} += "${VIRTUAL-RUNTIME_edgereel-config}"

# Pictures: the worker is the same program. ffmpeg wants LICENSE_FLAGS_ACCEPTED "commercial", so it is recommended alone: without it, the
# worker says what is missing.
RDEPENDS:${PN}-media += "${PN}"
RRECOMMENDS:${PN}-media += "ffmpeg"
