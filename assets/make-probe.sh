#!/bin/sh
# Makes probe.mp4: one grey picture of 64 by 64 in H.264 (constrained baseline), which the media worker decodes to see whether it can decode
# anything. The message of x264 with its settings is left out.
set -eu
cd "$(dirname "$0")"
raw=$(mktemp)
trap 'rm -f "$raw"' EXIT
ffmpeg -v error -y -f lavfi -i color=gray:s=64x64:d=0.04 -frames:v 1 -c:v libx264 -profile:v baseline -preset fast -f h264 \
  -bsf:v 'filter_units=remove_types=6' "$raw"
ffmpeg -v error -y -r 25 -f h264 -i "$raw" -c copy -map_metadata -1 -fflags +bitexact -movflags +faststart -brand isom probe.mp4
