#!/usr/bin/env bash
# The console: what is in assets/console/ is made of console/. Builds of the program take it as it is, and need nothing of this.
# Usage: scripts/console.sh build    makes assets/console/
#        scripts/console.sh check    types, tests, and whether assets/console/ is what the sources make
#        scripts/console.sh tools    fetches the tools alone: tests use axe-core
#        scripts/console.sh pictures takes the pictures of docs/pictures anew, in Chromium
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-}
case "$what" in build | check | tools | pictures) ;; *) echo "usage: scripts/console.sh build|check|tools|pictures" >&2 && exit 2 ;; esac
[ "$what" != pictures ] || exec cargo test --locked --test tools -- --ignored the_pictures_of_the_console_are_taken
. scripts/targets.sh
work=$TARGET/console out=assets/console
[ "$what" = build ] || out=$work/made

# The tools of console/package-lock.json, by their checksums. No script of a package runs.
mkdir -p "$work"
cp console/package.json console/package-lock.json console/.npmrc "$work/"
cmp -s console/package-lock.json "$work/installed" || {
  npm ci --silent --ignore-scripts --no-audit --no-fund --prefix "$work" >&2
  cp console/package-lock.json "$work/installed"
}
[ "$what" != tools ] || exit 0
tools=$work/node_modules
esbuild() { node "$tools/esbuild/bin/esbuild" --log-level=warning "$@"; }

node "$tools/typescript/bin/tsc" -p console
mkdir -p "$out"
# What both scripts need is in a third one. The page loads the second when somebody opens one of its screens.
esbuild console=console/src/main.ts manage=console/src/manage/index.ts --bundle --splitting --format=esm --chunk-names=shared \
  --minify --target=es2021 --charset=utf8 --outdir="$out"
esbuild console/console.css --minify --charset=utf8 --outfile="$out/console.css"
cp console/index.html console/icon.svg "$out/"
# Byte for byte as it was published; a test compares its sum with docs/dependencies.md.
cp "$tools/hls.js/dist/hls.light.min.js" "$out/hls.js"
cp "$tools/hls.js/LICENSE" "$out/hls.js.licence"

[ "$what" = check ] || exit 0
esbuild console/tests/*.ts --bundle --platform=node --format=esm --outdir="$work/tests" --out-extension:.js=.mjs \
  --banner:js='globalThis.navigator ??= { languages: ["en"] };'
node --test "$work"/tests/*.mjs
diff -r "$out" assets/console >&2 || {
  echo "console: assets/console/ is not what console/ makes: run make console" >&2
  exit 1
}
