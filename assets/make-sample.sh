#!/bin/sh
# Makes sample.flv, the clip that demonstrations and tests publish: 20 s of a test picture with a running
# clock, and a beep at each full second. Everything in it is generated, so it is nobody's but ours.
#
#   H.264 main with B-frames, 320x180, 25 pictures a second, a keyframe every 2 s
#   AAC-LC, 44.1 kHz, stereo, 48 kbit/s
#
# It loops every 20 s: 500 pictures, and 861 frames of sound (19.992 s), the most that does not exceed them.
#
# Needs ffmpeg with libx264 and drawtext, and a monospaced font (fonts-dejavu-core).
set -eu

out=${1:-sample.flv}
font=${FONT:-/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf}

picture="testsrc2=size=320x180:rate=25:duration=20"
clock="drawtext=fontfile=$font:timecode='00\\:00\\:00\\:00':rate=25:fontsize=34:fontcolor=white:box=1:boxcolor=black@0.8:boxborderw=8:x=(w-tw)/2:y=(h-th)/2"

# 80 ms of 1 kHz each second, 2 kHz at the start of the clip, so that a loop is heard.
beep="aevalsrc='0.4*sin(2*PI*if(lt(t,1),2000,1000)*t)*lt(mod(t,1),0.08)':s=44100:c=stereo,atrim=end_sample=880640"

# The sound is 860 frames; the encoder puts one of priming before it.
ffmpeg -hide_banner -loglevel error -y \
  -f lavfi -i "$picture,$clock,format=yuv420p" \
  -f lavfi -i "$beep" \
  -map 0:v -map 1:a \
  -c:v libx264 -profile:v main -preset slow -tune animation -bf 2 -b_strategy 0 -b-pyramid none -refs 2 \
  -g 50 -keyint_min 50 -sc_threshold 0 -b:v 120k -maxrate 180k -bufsize 180k -threads 1 \
  -c:a aac -profile:a aac_low -b:a 48k \
  -map_metadata -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact \
  -f flv "$out"
