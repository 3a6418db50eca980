#!/usr/bin/env bash
# In how many files a fact is named: a field of a recording, a key of the configuration, a command, a codec. The fewer, the
# less there is to change, and to forget, when another of its kind is added (CONTRIBUTING.md).
#
#   scripts/places.sh [-l] [COMMIT]
#
# Counts what is there, or a commit. -l names the files of the product. Names alone are counted: `domain` is a word of rules and of
# publishers, too, so the figure says more about the way down than about one field.
set -euo pipefail

cd "$(dirname "$0")/.."
list=
if [ "${1-}" = -l ]; then
    list=yes
    shift
fi
tree=${1-}

# Files that no release has in it: tests, what they share, and what is made by them.
TESTS='(^|/)(tests?|testing|crash|asyncapi|described|openapi)(/|\.rs$)|/(samples|testing)\.rs$|^(benches|fuzz)/'

# The files that name PATTERN below the paths, without the commit in front.
files() {
    local pattern=$1
    shift
    git grep -lPi "$pattern" ${tree:+"$tree"} -- "$@" | sed "s|^$tree:||" || true
}

row() {
    local what=$1 pattern=$2 product tests docs
    product=$(files "$pattern" src | grep -vE "$TESTS" || true)
    tests=$(files "$pattern" src tests benches fuzz | grep -E "$TESTS" || true)
    # Manual pages, completions and schemas are made of the others.
    docs=$(files "$pattern" README.md docs ':!docs/schemas.json' ':!docs/asyncapi.yaml' ':!docs/openapi.yaml' || true)
    printf '%-42s %8s %8s %8s\n' "$what" "$(count "$product")" "$(count "$tests")" "$(count "$docs")"
    if [ -n "$list" ] && [ -n "$product" ]; then
        sed 's/^/    /' <<<"$product"
    fi
}

count() {
    if [ -z "$1" ]; then echo 0; else wc -l <<<"$1"; fi
}

printf '%-42s %8s %8s %8s\n' "named in so many files" product tests docs
row 'field of a recording: domain' '\bdomain\b'
row 'key of the configuration: durability' '\bdurability\b'
row 'command: recording.tag' 'recording\.tag\b|\bRecordingTagged\b|\b(Command|Change|Op)::Tag\b'
row 'codec: opus' '\bopus\b'
