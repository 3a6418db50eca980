#!/usr/bin/env bash
# Looks for known faults of the dependencies in the database of RustSec; deny.toml says which are known, and why they do no harm.
# A fault that is found is a failure. Where the database cannot be fetched, the copy of an earlier run is asked, and its age
# is said; where there is none, nothing was checked: that is said, and is a failure with ADVISORIES=required alone.
# ADVISORY_DB: a mirror of the database, a folder or an address, for machines that reach no other.
set -euo pipefail
cd "$(dirname "$0")/.."

ORIGIN=https://github.com/RustSec/advisory-db
say() { echo "advisories: $*" >&2; }

export GIT_TERMINAL_PROMPT=0
if [ -n "${ADVISORY_DB:-}" ]; then
  # git asks the mirror when it is told to ask the origin.
  count=${GIT_CONFIG_COUNT:-0}
  export "GIT_CONFIG_KEY_$count=url.$ADVISORY_DB.insteadOf" "GIT_CONFIG_VALUE_$count=$ORIGIN" GIT_CONFIG_COUNT=$((count + 1))
fi

if ! said=$(timeout 120 cargo deny --locked fetch db 2>&1); then
  copy=$(find "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | head -1) || true
  if [ -z "$copy" ]; then
    say "NOT CHECKED: the database cannot be fetched from ${ADVISORY_DB:-$ORIGIN}, and there is no copy of it here:" \
      "whether a dependency has a known fault is not known. Name a mirror in ADVISORY_DB, or check where there is a network." \
      "$(tail -1 <<<"$said")"
    [ "${ADVISORIES:-}" != required ]
    exit
  fi
  say "the database cannot be fetched: a copy of $(git -C "$copy" log -1 --format=%cs 2>/dev/null || echo unknown age) is asked; what was found later is not known"
fi
cargo deny --locked --offline check advisories
