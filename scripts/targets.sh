# The processors that edgereel is built for. Sourced by the other scripts.

# Where cargo builds: what CARGO_TARGET_DIR or cargo's configuration says, else target/. All that is made goes there.
TARGET=$(cargo metadata --no-deps --format-version 1 --offline 2>/dev/null | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
TARGET=${TARGET:-${CARGO_TARGET_DIR:-$PWD/target}}
TOOLS=$TARGET/tools
KNOWN_ARCHES='amd64|aarch64|armv7|aarch64-musl'

# Rust's name for one, from that or from Debian's.
triple() {
  case $1 in
    amd64 | x86_64) echo x86_64-unknown-linux-gnu ;;
    arm64 | aarch64) echo aarch64-unknown-linux-gnu ;;
    armhf | armv7) echo armv7-unknown-linux-gnueabihf ;;
    arm64-musl | aarch64-musl) echo aarch64-unknown-linux-musl ;;
    *)
      echo "ARCH is one of $KNOWN_ARCHES, not '$1'" >&2
      return 2
      ;;
  esac
}

# What the GNU tools for it are called after.
gnu_prefix() {
  case $1 in
    x86_64-*) echo x86_64-linux-gnu ;;
    aarch64-*) echo aarch64-linux-gnu ;;
    armv7-*) echo arm-linux-gnueabihf ;;
  esac
}

# The program that runs its programs here.
qemu_user() {
  case $1 in
    aarch64-*) echo qemu-aarch64-static ;;
    armv7-*) echo qemu-arm-static ;;
  esac
}

host() { rustc -vV | sed -n 's/^host: //p'; }

# Whether the machine's Rust has a standard library for it.
rust_knows() { ls "$(rustc --print target-libdir --target "$1" 2>/dev/null)"/libstd-*.rlib >/dev/null 2>&1; }
