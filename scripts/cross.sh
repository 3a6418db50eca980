#!/usr/bin/env bash
# Builds or tests for another processor, without containers. `scripts/setup.sh cross ARCH` brings what it needs.
# Usage: scripts/cross.sh build|test|run ARCH [ARGUMENT...]
#
#   build  leaves target/TRIPLE/device/edgereel, without symbols, and beside it edgereel.debug for a debugger
#   test   the tests that need nothing but cargo; their programs run under qemu-user
#   run    what was built, under qemu-user, with the arguments
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/targets.sh

[ $# -ge 2 ] || {
  echo "usage: scripts/cross.sh build|test|run $KNOWN_ARCHES [ARGUMENT...]" >&2
  exit 2
}
verb=$1
target=$(triple "$2")
shift 2

gnu=$(gnu_prefix "$target")
built=$TARGET/$target/device
lower=${target//-/_}
upper=${lower^^}
cargo_build=(cargo build)
arguments=(--locked --target "$target")
emulator=()

case $target in
  "$(host)") ;;
  *-musl)
    # The distribution's C compiler is for glibc; zig has musl's headers.
    cargo_build=(cargo zigbuild)
    export CARGO_ZIGBUILD_ZIG_PATH=$TOOLS/bin/zig
    emulator=("$(qemu_user "$target")")
    ;;
  *)
    export "CC_$lower=$gnu-gcc" "AR_$lower=$gnu-ar" "CARGO_TARGET_${upper}_LINKER=$gnu-gcc"
    emulator=("$(qemu_user "$target")" -L "/usr/$gnu")
    ;;
esac

# setup.sh has brought the distribution's Rust where the machine's own has no standard library for the target. That has
# one for 64-bit ARM; others are built with the program, from its source, which cargo still calls unstable.
if [ "${RUST_FROM:-}" = debian ] || ! rust_knows "$target"; then
  export RUSTC=$TOOLS/debian-rust/rustc
  if [ "$target" != aarch64-unknown-linux-gnu ]; then
    export RUSTC_BOOTSTRAP=1
    arguments+=(-Zbuild-std=std,panic_unwind)
  fi
  case $target in *-musl) export "CARGO_TARGET_${upper}_RUSTFLAGS=-C link-self-contained=no" ;; esac
fi

# Where the sources and the tools lie on this machine is nothing that a program should tell, and would make it another one
# elsewhere: the debugger's link has the checksum of all paths in it. The last that fits counts.
same_everywhere() {
  local from to flags='' rust='' home=${CARGO_HOME:-$HOME/.cargo}
  # A compiler names the folder that it works in as it really is.
  export CARGO_HOME
  CARGO_HOME=$(realpath "$home")
  while read -r from to; do
    rust+=" --remap-path-prefix=$from=$to"
    flags+=" -ffile-prefix-map=$from=$to"
  done <<END
$CARGO_HOME /cargo
$(pwd -P) /edgereel
$(realpath -m "$TARGET") /target
$("${RUSTC:-rustc}" --print sysroot) /rust
END
  local c="CFLAGS_$lower"
  rust_flags "$rust"
  export "$c=${!c:-${CFLAGS:-}}$flags"
}

# What RUSTFLAGS says is all that cargo looks at.
rust_flags() {
  local own="CARGO_TARGET_${upper}_RUSTFLAGS"
  if [ -n "${RUSTFLAGS:-}" ]; then RUSTFLAGS+=$1; else export "$own=${!own:-}$1"; fi
}

# Why each of these: docs/hardware.md
smaller() {
  local lld
  rust_flags " -Cllvm-args=-inline-threshold=20 -Cllvm-args=-inlinehint-threshold=20"
  case $target in aarch64-*) rust_flags " -Cllvm-args=-outliner-benefit-threshold=40" ;; esac
  if [ "$target" = aarch64-unknown-linux-gnu ]; then
    # A compiler for another processor looks for a linker among its own programs only.
    lld=$(dirname "$(realpath "$(command -v ld.lld)")")
    rust_flags " -Clink-arg=-B$lld -Clink-arg=-fuse-ld=lld -Clink-arg=-Wl,--icf=safe -Cllvm-args=-addrsig"
  fi
}

# Metrics name the commit that the program was built of. Sources without a history have none.
revision() {
  git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null || true
}

build() {
  same_everywhere
  smaller
  EDGEREEL_REVISION=${EDGEREEL_REVISION-$(revision)}
  export EDGEREEL_REVISION
  "${cargo_build[@]}" "${arguments[@]}" --profile device --bin edgereel
  "$gnu-objcopy" --only-keep-debug "$built/edgereel" "$built/edgereel.debug"
  "$gnu-objcopy" --strip-all --add-gnu-debuglink="$built/edgereel.debug" "$built/edgereel" "$built/edgereel.stripped"
  mv "$built/edgereel.stripped" "$built/edgereel"
  stat --printf '%n\t%s bytes\n' "$built/edgereel"
}

# Everything runs several times slower, so it is optimised a little, and what signs more. What is tried again and again, at every moment or at random, is tried less often, as it
# is tried in full on the machine's own processor.
emulated_tests() {
  export CARGO_PROFILE_DEV_DEBUG=none CARGO_PROFILE_DEV_OPT_LEVEL=1
  export EDGEREEL_TEST_STRIDE=13 EDGEREEL_TEST_KILLS="${EDGEREEL_TEST_KILLS:-5}"
  export EDGEREEL_TEST_MUTATIONS="${EDGEREEL_TEST_MUTATIONS:-20}"
  export "CARGO_TARGET_${upper}_RUNNER=${emulator[*]}" EDGEREEL_TEST_RUNNER="${emulator[*]}"
  export PROPTEST_CASES="${PROPTEST_CASES:-8}"
  cargo test "${arguments[@]}" --config profile.dev.package.sha2.opt-level=3 --config profile.dev.package.md-5.opt-level=3 "$@"
}

case $verb in
  build) build ;;
  test) emulated_tests "$@" ;;
  run) exec "${emulator[@]}" "$built/edgereel" "$@" ;;
  *)
    echo "unknown '$verb': build, test or run" >&2
    exit 2
    ;;
esac
