#!/usr/bin/env bash
# Installs what one of the Makefile's targets needs and this machine misses, and says what and why.
# Does nothing when all is there. Usage: scripts/setup.sh demo|test|power|device|bench|lint|fuzz|package, or cross ARCH
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/targets.sh

tools=$TOOLS
apt_updated=

say() { echo "setup: $*" >&2; }

die() {
  say "$*"
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# apt PACKAGE... -- WHY
apt() {
  local packages=()
  while [ "$1" != -- ]; do packages+=("$1") && shift; done
  command -v apt-get >/dev/null || die "please install ${packages[*]} ($2): there is no apt-get here"
  say "installing ${packages[*]}: $2"
  if [ -z "$apt_updated" ]; then
    as_root apt-get update -qq
    apt_updated=yes
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
}

# apt_program SERVICE PACKAGE... -- WHY: the same for a package that brings a service. It is neither started nor enabled:
# only its program is wanted, and a port that somebody else opens is a surprise.
apt_program() {
  local service=$1 policy=/usr/sbin/policy-rc.d made=
  shift
  if [ ! -e "$policy" ]; then
    # What Debian's packages ask before they start anything (101: "not allowed").
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 0755 "$policy"
    made=yes
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt "$@"
  if [ -n "$made" ]; then
    as_root rm -f "$policy"
    trap - EXIT
  fi
  if has systemctl; then
    as_root systemctl disable --quiet "$service" 2>/dev/null || true
  elif has update-rc.d; then
    as_root update-rc.d "$service" disable >/dev/null 2>&1 || true
  fi
  say "$service.service is neither enabled nor started; to have it as a service: sudo systemctl enable --now $service"
}

has() { command -v "$1" >/dev/null; }

# What only root's PATH leads to.
sbin() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }

kernel_knows() { grep -qw "$1" /proc/filesystems || PATH=$PATH:/usr/sbin:/sbin modprobe -qn "$1" 2>/dev/null; }

compiler() {
  has cargo || die "please install Rust 1.94 or newer from https://rustup.rs"
  has cc || apt build-essential -- "SQLite is compiled from C"
}

gstreamer_element() { has gst-inspect-1.0 && gst-inspect-1.0 "$1" >/dev/null 2>&1; }

# Where Python's packages go that bring programs.
venv() {
  has python3 || apt python3 -- "fetches programs that are distributed as Python's packages"
  python3 -c 'import ensurepip, venv' 2>/dev/null || apt python3-venv -- "keeps Python's packages away from the system's"
  mkdir -p "$tools/bin"
  [ -x "$tools/venv/bin/python" ] || python3 -m venv "$tools/venv"
}

# The distribution's ffmpeg may be older than Enhanced RTMP; this one sends and judges HEVC, AV1 and Opus.
enhanced_ffmpeg() {
  [ -x "$tools/bin/ffmpeg-enhanced" ] && return
  say "installing imageio-ffmpeg into $tools/venv: an ffmpeg that speaks Enhanced RTMP"
  venv
  "$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'imageio-ffmpeg>=0.6' >&2
  local found
  found=$("$tools/venv/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
  ln -sf "$found" "$tools/bin/ffmpeg-enhanced"
}

# What plays HLS in browsers, as a web page brings it.
hls_js() {
  [ -e "$tools/node_modules/hls.js/dist/hls.min.js" ] && return
  has npm || apt npm -- "fetches hls.js"
  say "installing hls.js into $tools: it plays HLS in browsers"
  npm install --silent --no-save --no-audit --no-fund --prefix "$tools" 'hls.js@^1.6' >&2
}

axe() {
  cmp -s console/package-lock.json "$TARGET/console/installed" && return
  has npm || apt npm -- "fetches what makes the console"
  say "installing what console/package-lock.json names into $TARGET/console: axe-core judges whether everybody can use the console"
  scripts/console.sh tools
}

# Power cuts are made on a device that writes down every request. Root, /dev/fuse and loop devices are the machine's to
# give: the test says so where they are missing.
power_cuts() {
  has qemu-storage-daemon || apt qemu-utils -- "its qemu-storage-daemon records what a block device is told"
  { has mkfs.ext4 || [ -x /sbin/mkfs.ext4 ]; } || apt e2fsprogs -- "power cuts are tried on ext4"
  { has losetup || [ -x /sbin/losetup ]; } || apt mount -- "mounts the devices whose power is cut"
}

# Packages are made of a program that is built already.
packaging() {
  has jq || apt jq -- "reads what cargo says of crates"
  has readelf || apt binutils -- "says what a program needs of libc"
  has zstd || apt zstd -- "packs debug symbols"
  cargo_tool cargo-deb "makes Debian packages"
}

# cargo_tool NAME WHY
cargo_tool() {
  has "$1" || [ -x "$tools/bin/$1" ] && return
  say "installing $1 into $tools: $2 (takes a few minutes, once)"
  # Built quickly: it runs for seconds.
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo install --locked --quiet --root "$tools" "$1"
}

# A compiler for what is written in C, and what runs the result here.
cross_tools() {
  case $1 in
    "$(host)") has objcopy || apt binutils -- "puts debug symbols aside" ;;
    *)
      local gnu package
      gnu=$(gnu_prefix "$1")
      case $1 in aarch64-*) package=arm64 ;; *) package=armhf ;; esac
      { has "$gnu-gcc" && [ -e "/usr/$gnu/include/stdio.h" ]; } ||
        apt "gcc-$gnu" "libc6-dev-$package-cross" -- "compiles SQLite and ring, and links, for $1"
      has "$(qemu_user "$1")" || apt qemu-user-static -- "runs programs for $1 here"
      ;;
  esac
  case $1 in
    *-musl) zig ;;
    aarch64-*) has ld.lld || apt lld -- "links, and keeps one of functions that have the same code" ;;
  esac
}

# A C compiler that has musl's headers, and what lets cargo link with it.
zig() {
  [ -x "$tools/bin/zig" ] && [ -x "$tools/bin/cargo-zigbuild" ] && return
  say "installing ziglang and cargo-zigbuild into $tools/venv: they compile and link for musl"
  venv
  "$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check ziglang cargo-zigbuild >&2
  ln -sf "$("$tools/venv/bin/python" -c 'import os, ziglang; print(os.path.dirname(ziglang.__file__))')/zig" "$tools/bin/zig"
  ln -sf ../venv/bin/cargo-zigbuild "$tools/bin/cargo-zigbuild"
}

# The standard library for a target: rustup's, or the distribution's Rust, unpacked and not installed.
rust_for() {
  [ "${RUST_FROM:-}" = debian ] || { rust_knows "$1" && return; }
  if [ "${RUST_FROM:-}" != debian ] && has rustup; then
    say "adding $1 to the Rust that is installed"
    timeout 180 rustup target add "$1" >&2 && rust_knows "$1" && return
  fi
  debian_rust "$1"
}

# debian_rust TARGET: a Rust that has 64-bit ARM's standard library, and the source of it for other targets. What apt
# knows of other architectures stays here, too.
debian_rust() {
  local home=$tools/debian-rust runtime llvm packages
  local options=(-o "Dir::State::Lists=$home/lists" -o "Dir::Cache=$home/cache" -o APT::Sandbox::User=root
    -o APT::Architectures::=amd64 -o APT::Architectures::=arm64)
  [ "$(host)" = x86_64-unknown-linux-gnu ] || die "Rust has no standard library for $1 here, and none can be had"
  [ -x "$home/rustc" ] && [ -d "$home/root/usr/lib/rustlib/aarch64-unknown-linux-gnu" ] && return
  has dpkg-deb || die "Rust has no standard library for $1 here: install it (rustup target add $1)"
  say "unpacking the distribution's Rust into $home: the machine's own does not know $1"
  mkdir -p "$home"/{lists/partial,cache/archives/partial,root}
  apt-get "${options[@]}" update -qq
  runtime=$(apt-cache "${options[@]}" depends libstd-rust-web-dev | grep -om1 'libstd-rust-web-[0-9][0-9.]*')
  llvm=$(apt-cache "${options[@]}" depends "$runtime" | grep -om1 'libllvm[0-9][0-9]*')
  packages=(rustc-web "$runtime" libstd-rust-web-dev libstd-rust-web-dev:arm64 "$llvm" rust-web-src)
  (cd "$home/cache" && apt-get "${options[@]}" download -qq "${packages[@]}")
  for package in "$home"/cache/*.deb; do dpkg-deb -x "$package" "$home/root"; done
  rm -rf "$home/cache" "$home/lists"
  # Where a build of the standard library looks for its source.
  mkdir -p "$home/root/usr/lib/rustlib/src"
  ln -sfn "$(find "$home/root/usr/src" -maxdepth 1 -name 'rustc-*' | head -1)" "$home/root/usr/lib/rustlib/src/rust"
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$home/root/usr/lib/x86_64-linux-gnu" \
    "$home/root/usr/bin/rustc" >"$home/rustc"
  chmod +x "$home/rustc"
}

case "${1:-}" in
  cross)
    target=$(triple "${2:-}")
    compiler
    cross_tools "$target"
    rust_for "$target"
    ;;
  demo)
    compiler
    sbin mosquitto || apt_program mosquitto mosquitto -- "a broker, so that the demo shows events going by"
    ;;
  test)
    compiler
    has ffmpeg || apt ffmpeg -- "pushes to the service, and judges what comes out"
    has openssl || apt openssl -- "makes certificates for RTMPS"
    has gst-launch-1.0 || apt gstreamer1.0-tools -- "another publisher and player"
    gstreamer_element flvmux || apt gstreamer1.0-plugins-good -- "GStreamer's flvmux and qtdemux"
    { gstreamer_element rtmp2sink && gstreamer_element rtmpsink; } ||
      apt gstreamer1.0-plugins-bad -- "GStreamer's two publishers: its own, and librtmp"
    gstreamer_element x264enc || apt gstreamer1.0-plugins-ugly -- "GStreamer's x264"
    gstreamer_element avdec_h264 || apt gstreamer1.0-libav -- "GStreamer's decoders"
    has curl || apt curl -- "what people download with"
    has mpv || apt mpv -- "a player that people use"
    sbin mosquitto || apt_program mosquitto mosquitto -- "a broker that people use; the tests start their own"
    has promtool || apt_program prometheus prometheus -- "reads the metrics, and checks them and the alerts; the tests start their own"
    sbin ip || apt iproute2 -- "what documents say to type is typed in a network of its own"
    has cvlc || apt vlc-bin vlc-plugin-base -- "another player that people use"
    has gst-discoverer-1.0 || apt gstreamer1.0-plugins-base-apps -- "says how long GStreamer takes a file to be"
    has chromium || apt chromium -- "a browser, which plays what web pages show"
    has firefox-esr || apt firefox-esr -- "another browser, in which the console is looked at"
    hls_js
    axe
    has mosquitto_sub || apt mosquitto-clients -- "speaks to the broker as people do"
    { has systemd-analyze && has systemd-sysusers; } || apt systemd -- "judges the unit"
    has systemd-nspawn || apt systemd-container -- "boots the unit, in its sandbox"
    enhanced_ffmpeg
    power_cuts
    packaging
    has lintian || apt lintian -- "judges the Debian package"
    has dpkg-deb || apt dpkg -- "opens, installs and removes it"
    has minisign || apt minisign -- "signs a release"
    has gpg || apt gnupg -- "signs a release, too"
    has zsh || apt zsh -- "a shell that people use: completion is tried in it"
    ;;
  power)
    compiler
    power_cuts
    ;;
  device)
    compiler
    [ "$(id -u)" = 0 ] || die "please run this as root: it makes the disk of a system, with files of all its users"
    has ffmpeg || apt ffmpeg -- "pushes to the box, and judges what comes out"
    sbin mosquitto || apt_program mosquitto mosquitto -- "the broker outside of the box"
    has mosquitto_sub || apt mosquitto-clients -- "listens to that broker"
    has mmdebstrap || apt mmdebstrap arch-test -- "unpacks the box's system"
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || apt debian-archive-keyring -- "the box's system is Debian's"
    has systemd-sysusers || apt systemd -- "makes users in the box's system"
    has cpio || apt cpio -- "packs the box's initrd"
    has ssh || apt openssh-client -- "speaks to the box"
    sbin mke2fs || apt e2fsprogs -- "formats the box's disks"
    has qemu-system-aarch64 || apt qemu-system-arm -- "is the box"
    ;;
  bench)
    compiler
    has ffmpeg || apt ffmpeg -- "a recorder to compare with"
    { has nginx || [ -x /usr/sbin/nginx ]; } || apt_program nginx nginx -- "carries nginx-rtmp"
    [ -e /usr/lib/nginx/modules/ngx_rtmp_module.so ] || apt libnginx-mod-rtmp -- "a recorder to compare with"
    has strace || apt strace -- "sees when what is recorded is durable, beside viewers"
    has chromium || apt chromium -- "a browser, which shows how late what is live is"
    hls_js
    sbin losetup || apt mount -- "a block device of its own, to count what is written to it"
    sbin mkfs.ext4 || apt e2fsprogs -- "the file system on that device"
    ! kernel_knows f2fs || sbin mkfs.f2fs || apt f2fs-tools -- "the other file system on that device"
    ;;
  lint)
    compiler
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
    cargo_tool cargo-deny "checks licences and sources of dependencies"
    has npm || apt npm -- "fetches what makes the console"
    ;;
  console)
    has npm || apt npm -- "fetches what makes the console"
    ;;
  fuzz)
    compiler
    has c++ || apt g++ -- "libFuzzer is C++"
    cargo_tool cargo-fuzz "runs the fuzz targets"
    ;;
  package)
    compiler
    packaging
    ;;
  *)
    die "usage: scripts/setup.sh demo|test|power|device|bench|lint|console|fuzz|package, or cross ARCH"
    ;;
esac
