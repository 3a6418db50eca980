#!/usr/bin/env bash
# Makes a release in one folder: packages, archives, bills of materials, licences and debug symbols for all processors, their
# checksums, and a signature over these. docs/operations.md says how one is checked.
# Usage: scripts/release.sh build [--out FOLDER] [ARCH...] | seal FOLDER | check FOLDER [PUBLIC-KEY] | compare FOLDER FOLDER
#
#   build  builds, packs and seals; ARCH: amd64 arm64 armhf arm64-musl, or those that are named
#   seal   writes SHA256SUMS of what is in the folder, and signs it with RELEASE_KEY: the file of a secret key of minisign, or
#          the name of a key that gpg has. Without it the sums stay unsigned, and that is said
#   check  sums and signature of a folder; PUBLIC-KEY: minisign's, where it is signed with that
#   compare  two folders of the same commit, byte for byte: which files differ, and what in them. Signatures are another
#          each time, and are left out
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/targets.sh
PATH=$TOOLS/bin:$PATH
export LC_ALL=C
# Whoever gets the folder can read it, whatever the umask of whoever makes it.
umask 022

SUMS=SHA256SUMS

say() { echo "release: $*" >&2; }

die() {
  say "$*"
  exit 1
}

usage="usage: scripts/release.sh build [--out FOLDER] [ARCH...] | seal FOLDER | check FOLDER [PUBLIC-KEY] | compare FOLDER FOLDER"

build() {
  local version out arch
  version=$(sed -n 's/^version = "\(.*\)"/\1/p;/^version = /q' Cargo.toml)
  out=$TARGET/dist/edgereel-$version
  if [ "${1:-}" = --out ]; then out=${2:?$usage} && shift 2; fi
  [ $# -gt 0 ] || set -- amd64 arm64 armhf arm64-musl
  for arch in "$@"; do triple "$arch" >/dev/null; done
  only_what_is_committed
  only_our_flags
  [ ! -e "$out" ] || [ -z "$(ls -A "$out")" ] || die "$out is not empty: a release is made anew; remove it first"
  mkdir -p "$out"
  out=$(realpath "$out")
  for arch in "$@"; do
    say "building for $arch"
    scripts/setup.sh cross "$arch"
    scripts/package.sh build "$arch"
    case $arch in *-musl) ;; *) scripts/package.sh deb "$arch" --out "$out" ;; esac
    scripts/package.sh tarball "$arch" --out "$out"
    scripts/third-party.sh licences "$(triple "$arch")" >"$out/edgereel-$version-$(triple "$arch").licences.txt"
  done
  install -m 0644 LICENSE-MIT LICENSE-APACHE "$out"
  seal "$out"
  say "made in $out"
}

# Whoever makes it again has the commit and nothing else.
only_what_is_committed() {
  local other
  other=$(git status --porcelain 2>/dev/null | head -5) || return 0
  [ -z "$other" ] || [ "${RELEASE_DIRTY:-}" = yes ] ||
    die "these files are not as they are committed; commit them first, or say RELEASE_DIRTY=yes to try it:"$'\n'"$other"
}

# What somebody set for his own builds would be in the program.
only_our_flags() {
  local name
  for name in $(compgen -e); do
    case $name in
      RUSTFLAGS | CARGO_ENCODED_RUSTFLAGS | CARGO_BUILD_RUSTFLAGS | CARGO_TARGET_*_RUSTFLAGS | CARGO_PROFILE_* | \
        CFLAGS | CFLAGS_* | TARGET_CFLAGS | HOST_CFLAGS | LDFLAGS | RUSTC_WRAPPER)
        say "$name is left out of account: a release is built by the project's own flags"
        unset "$name"
        ;;
    esac
  done
}

seal() {
  local folder=${1:?$usage}
  [ -d "$folder" ] || die "$folder is no folder"
  (
    cd "$folder"
    # What signed other sums would be wrong, and so would sums that nobody makes anew.
    rm -f "$SUMS" "$SUMS".*
    local files=(*)
    [ -e "${files[0]}" ] || die "$folder is empty: there is nothing to seal"
    for file in "${files[@]}"; do [ -f "$file" ] || die "$folder/$file is no file: a release is a flat folder of files"; done
    sha256sum -- "${files[@]}" >"$SUMS"
  )
  sign "$folder/$SUMS"
}

sign() {
  local sums=$1
  if [ -z "${RELEASE_KEY:-}" ]; then
    say "$sums is NOT SIGNED: who can change a package on its way can change its sum. Set RELEASE_KEY to the file of a" \
      "minisign key or to the name of a gpg key, then: scripts/release.sh seal $(dirname "$sums")"
  elif [ -f "$RELEASE_KEY" ]; then
    command -v minisign >/dev/null || die "RELEASE_KEY is a file, a key of minisign, and minisign is not here: apt-get install minisign"
    minisign -S -s "$RELEASE_KEY" -m "$sums" -x "$sums.minisig" -t "edgereel: $(basename "$(dirname "$sums")")" >/dev/null ||
      die "$sums is not signed: minisign does not sign with $RELEASE_KEY"
    say "signed: $sums.minisig"
  else
    command -v gpg >/dev/null || die "RELEASE_KEY names a key of gpg, and gpg is not here: apt-get install gnupg"
    gpg --batch --yes --quiet --armor --local-user "$RELEASE_KEY" --output "$sums.asc" --detach-sign "$sums" ||
      die "$sums is not signed: gpg does not sign with '$RELEASE_KEY' (no such file, and no such secret key)"
    say "signed: $sums.asc"
  fi
}

check() {
  local folder=${1:?$usage} key=${2:-} listed there
  [ -f "$folder/$SUMS" ] || die "$folder has no $SUMS"
  [ -z "$key" ] || key=$(realpath "$key")
  cd "$folder"
  # The signature first: sums that somebody else wrote say nothing.
  if [ -f "$SUMS.minisig" ]; then
    [ -n "$key" ] || die "$SUMS is signed with minisign: name the file of the public key"
    minisign -V -q -p "$key" -x "$SUMS.minisig" -m "$SUMS" || die "the signature of $SUMS is not that of $key"
  elif [ -n "$key" ]; then
    die "$SUMS is not signed with minisign"
  elif [ -f "$SUMS.asc" ]; then
    gpg --batch --verify "$SUMS.asc" "$SUMS" || die "the signature of $SUMS is wrong, or its key is not known to gpg"
  else
    say "$SUMS is not signed: only damage is found, not what somebody changed"
  fi
  sha256sum --check --strict --quiet "$SUMS" || die "what is in $folder is not what $SUMS says"
  listed=$(sed 's/^[0-9a-f]*  //' "$SUMS" | sort)
  there=$(ls -A | grep -vx "$SUMS\(\.asc\|\.minisig\)\?" | sort)
  [ "$listed" = "$there" ] || die "these are in one of folder and $SUMS alone: $(comm -3 <(echo "$listed") <(echo "$there") | tr -s '\t\n' ' ')"
  say "all of $(wc -l <"$SUMS") files are as $SUMS says"
}

compare() {
  local one=${1:?$usage} other=${2:?$usage} name folder files=0 differ=0
  for folder in "$one" "$other"; do [ -d "$folder" ] || die "$folder is no folder"; done
  # What SHA256SUMS says follows from the files.
  while read -r name; do
    files=$((files + 1))
    if [ ! -f "$one/$name" ]; then
      echo "$name: only in $other"
    elif [ ! -f "$other/$name" ]; then
      echo "$name: only in $one"
    elif ! cmp -s "$one/$name" "$other/$name"; then
      echo "$name: other bytes"
      inside "$one/$name" "$other/$name"
    else
      continue
    fi
    differ=$((differ + 1))
  done < <({ ls -A "$one" && ls -A "$other"; } | grep -v "^$SUMS" | sort -u)
  [ "$files" -gt 0 ] || die "there is nothing to compare in $one and $other"
  [ "$differ" = 0 ] || die "$differ of $files files are not the same"
  say "all of $files files are the same, byte for byte"
}

# What differs in two packages or archives.
inside() {
  local work
  work=$(mktemp -d)
  mkdir "$work/one" "$work/other"
  if unpack "$1" "$work/one" && unpack "$2" "$work/other"; then
    (cd "$work" && { diff -rq one other || true; } | sed 's/^/  /')
  fi
  rm -rf "$work"
}

unpack() {
  case $1 in
    *.tar.gz) tar -xzf "$1" -C "$2" ;;
    *.deb) command -v dpkg-deb >/dev/null && dpkg-deb -R "$1" "$2" ;;
    *) return 1 ;;
  esac
}

what=${1:-}
[ $# -gt 0 ] && shift
case $what in
  build | seal | check | compare) "$what" "$@" ;;
  *) die "$usage" ;;
esac
