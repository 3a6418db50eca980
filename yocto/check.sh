#!/usr/bin/env bash
# Proves the layer with the real bitbake, without building a distribution: everything is parsed, and what the recipe and
# the image need is resolved. Usage: yocto/check.sh OE_CORE_DIR [LAYER_DIR...]
#
# OE_CORE_DIR is a checkout of openembedded-core with one of bitbake in its folder bitbake/, or beside it. LAYER_DIRs are more
# layers in the order of their dependencies: meta-openembedded/meta-oe, meta-openembedded/meta-python,
# meta-openembedded/meta-networking, meta-raspberrypi. MACHINE is qemuarm64 if nothing else is said. BUILD is where the
# files of the build go; without it, a folder that goes again.
set -euo pipefail

die() {
  echo "yocto/check.sh: $*" >&2
  exit 1
}

[ $# -ge 1 ] || die "usage: yocto/check.sh OE_CORE_DIR [LAYER_DIR...]"
[ "$(id -u)" != 0 ] || die "bitbake refuses to run as root: run this as an ordinary user"

core=$(cd "$1" && pwd)
shift
[ -f "$core/oe-init-build-env" ] || die "$core is no checkout of openembedded-core"
layer=$(cd "$(dirname "$0")/meta-edgereel" && pwd)
export LANG="${LANG:-en_US.UTF-8}"

clean=
if [ -n "${BUILD:-}" ]; then
  mkdir -p "$BUILD"
  BUILD=$(cd "$BUILD" && pwd)
else
  BUILD=$(mktemp -d)
  clean=$BUILD
fi

others=()
for other; do
  other=$(cd "$other" && pwd)
  [ -f "$other/conf/layer.conf" ] || die "$other is no layer"
  others+=("$other")
done

mkdir -p "$BUILD/conf"
cat > "$BUILD/conf/local.conf" <<CONF
MACHINE = "${MACHINE:-qemuarm64}"
BB_NO_NETWORK = "1"
CONF

# bblayers LAYER_DIR...
bblayers() {
  cat > "$BUILD/conf/bblayers.conf" <<CONF
BBPATH = "\${TOPDIR}"
BBFILES ?= ""
BBLAYERS ?= "$*"
CONF
}

step() {
  echo "==> $*"
  "$@" || die "failed: $*"
}

# It reads variables that are not set.
set +u
# shellcheck source=/dev/null
. "$core/oe-init-build-env" "$BUILD" >/dev/null
set -u

# Parsing is what takes time; a server that stays has it done for the next command.
export BB_SERVER_TIMEOUT=300
finish() {
  bitbake -m >/dev/null 2>&1 || true
  [ -z "$clean" ] || rm -rf "$clean"
}
trap finish EXIT

bblayers "$core/meta" "${others[@]}" "$layer"
step bitbake -p
for target in edgereel edgereel-data edgereel-image; do
  step bitbake -g "$target"
  echo "$target: $(wc -l < pn-buildlist) recipes are built for it"
done
bitbake -m >/dev/null 2>&1 || true

# It adds the layers by itself, to see what they change.
bblayers "$core/meta"
if [ ${#others[@]} = 0 ]; then
  step yocto-check-layer --no-auto "$layer"
else
  step yocto-check-layer --no-auto "$layer" --additional-layers "${others[@]}"
fi
