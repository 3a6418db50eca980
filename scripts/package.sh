#!/usr/bin/env bash
# Makes what people install, in target/packages: a Debian package, or an archive for everybody else with its bill of
# materials, both of a program that is built already. The same sources give the same files.
# Usage: scripts/package.sh build|deb|tarball amd64|arm64|armhf|arm64-musl [--binary PATH] [--out FOLDER] [--fast]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/targets.sh
root=$PWD
PATH=$TOOLS/bin:$PATH
# Order and words must not hang on who makes it.
export LC_ALL=C

die() {
  echo "package: $*" >&2
  exit 1
}

usage="usage: scripts/package.sh build|deb|tarball amd64|arm64|armhf|arm64-musl [--binary PATH] [--out FOLDER] [--fast]"
[ $# -ge 2 ] || die "$usage"
what=$1 arch=$2
shift 2

case "$arch" in
  amd64) machine=X86-64 ;;
  arm64 | arm64-musl) machine=AArch64 ;;
  armhf) machine=ARM ;;
  *) die "there is no package for '$arch': $usage" ;;
esac
triple=$(triple "$arch")
binary=$TARGET/$triple/device/edgereel
out=$TARGET/packages
fast='' level=9
while [ $# -gt 0 ]; do
  case "$1" in
    --binary) binary=${2:?$usage} && shift ;;
    --out) out=${2:?$usage} && shift ;;
    # Packed badly, for tests.
    --fast) fast=--fast level=1 ;;
    *) die "$usage" ;;
  esac
  shift
done

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
export SOURCE_DATE_EPOCH

package=$(cargo metadata --locked --format-version 1 --no-deps | jq '.packages[0]')
version=$(jq -r .version <<<"$package")
name=edgereel-$version-$triple

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

check_binary() {
  [ -f "$binary" ] || die "$binary is not there: scripts/package.sh build $arch"
  readelf -h "$binary" | grep -q "Machine:.*\b$machine\b" || die "$binary is no program for $arch"
}

# The newest version of glibc that the program cannot do without, of all that Debian's libc6 has.
libc6() {
  local others
  others=$(readelf -dW "$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(lib(c|m|gcc_s|pthread|dl|rt)\.so|ld-linux)' || true)
  [ -z "$others" ] || die "$binary needs libraries that the package does not depend on: $others"
  readelf -W --dyn-syms "$binary" | grep -v ' WEAK ' | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1 | sed 's/GLIBC_//'
}

# CHANGELOG.md as Debian has it. What is unreleased is as old as the sources.
debian_changelog() {
  awk -v maintainer="$(jq -r .metadata.deb.maintainer <<<"$package")" -v now="@$SOURCE_DATE_EPOCH" '
    function fold(text, first, rest,   words, count, i, line) {
      count = split(text, words, " ")
      line = first words[1]
      for (i = 2; i <= count; i++) {
        if (length(line) + 1 + length(words[i]) > 78) { print line; line = rest words[i] }
        else line = line " " words[i]
      }
      print line
    }
    function item() { if (text != "") fold(text, "  * ", "    "); text = "" }
    function release(   command, stamp) {
      item()
      if (version == "") return
      command = "date -u -R -d " (date ~ /^[0-9]+-[0-9]+-[0-9]+$/ ? date : now)
      command | getline stamp
      close(command)
      print "\n -- " maintainer "  " stamp "\n"
      version = ""
    }
    /^## \[/ {
      release()
      version = $2; gsub(/[][]/, "", version); date = $NF
      if (version !~ /^[0-9]/) { version = ""; next }
      print "edgereel (" version "-1) unstable; urgency=medium\n"
      next
    }
    version == "" { next }
    /^- / { item(); text = substr($0, 3); next }
    /^  / && text != "" { text = text " " $0; next }
    /^$/ || /^#/ { item() }
    END { release() }' CHANGELOG.md
}

# cargo-deb works on a copy of this folder, whose manifest says what this program needs of libc.
deb() {
  case "$triple" in *-musl) die "Debian has no packages for musl" ;; esac
  check_binary
  local built=$stage/target/$triple/release needs
  needs=$(libc6)
  mkdir -p "$built" "$out"
  find "$root" -mindepth 1 -maxdepth 1 ! -name target ! -name Cargo.toml ! -name .git -exec ln -s -t "$stage" {} +
  sed "/^depends = /s/\$auto/libc6 (>= $needs)/" Cargo.toml >"$stage/Cargo.toml"
  cp "$binary" "$built/edgereel"
  debian_changelog >"$stage/debian-changelog"
  scripts/third-party.sh licences "$triple" | gzip -9n >"$stage/THIRD-PARTY-LICENSES.gz"
  local folder
  folder=$(realpath "$out")
  (cd "$stage" && CARGO_TARGET_DIR=$stage/target cargo deb --quiet --locked --offline --no-build --no-strip \
    $fast --target "$triple" --output "$folder/")
}

tarball() {
  check_binary
  local tree=$stage/$name
  mkdir -p "$tree/bin" "$out"
  install -m 0755 "$binary" "$tree/bin/edgereel"
  cp -r --preserve=mode systemd packaging/man packaging/completions packaging/grafana packaging/edgereel.toml docs README.md CHANGELOG.md LICENSE-* "$tree/"
  scripts/third-party.sh licences "$triple" >"$tree/THIRD-PARTY-LICENSES"
  scripts/third-party.sh sbom "$triple" >"$tree/sbom.cdx.json"
  cp "$tree/sbom.cdx.json" "$out/$name.cdx.json"
  chmod -R u=rwX,go=rX "$tree"
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu -C "$stage" -cf - "$name" |
    gzip "-n$level" >"$out/$name.tar.gz"
  if [ -f "$binary.debug" ]; then
    zstd -19 -q -f "$binary.debug" -o "$out/$name.debug.zst"
    chmod 0644 "$out/$name.debug.zst"
  fi
}

case "$what" in
  build) make --no-print-directory cross ARCH="$arch" ;;
  deb | tarball)
    "$what"
    (cd "$out" && sha256sum edgereel[-_]* >SHA256SUMS)
    ls -l "$out" | sed 1d
    ;;
  *) die "$usage" ;;
esac
