//! Players that write what they decode into a file.

use std::path::Path;

use crate::numbered::{BITS, numbers, numbers_of};
use crate::players::vlc;
use crate::programs::{FFMPEG, GST_LAUNCH, GST_PLAY, MPV, Program};

/// Seeks to each place after the one before, and stores the picture that is there then.
const SEEKS: &str = "
local number = 0
mp.register_event('playback-restart', function()
  if number > 0 then mp.commandv('screenshot-to-file', string.format('%s/%d.png', folder, number), 'video') end
  number = number + 1
  if places[number] then mp.commandv('seek', places[number], 'absolute+exact') else mp.commandv('quit') end
end)
";

/// The numbers that ffmpeg decodes.
#[track_caller]
pub(super) fn in_ffmpeg(url: &str) -> Vec<usize> {
    numbers(Path::new(url))
}

/// The same from a place on, in seconds.
#[track_caller]
pub(super) fn in_ffmpeg_from(program: Program, seconds: &str, url: &str) -> Vec<usize> {
    by_ffmpeg(program, ["-ss", seconds], url)
}

/// The same of so many seconds.
#[track_caller]
pub(super) fn in_ffmpeg_for(seconds: &str, url: &str) -> Vec<usize> {
    by_ffmpeg(FFMPEG, ["-t", seconds], url)
}

#[track_caller]
fn by_ffmpeg(program: Program, part: [&str; 2], url: &str) -> Vec<usize> {
    let scale = format!("scale={BITS}:1:flags=area,format=gray");
    let start = ["-v", "error", part[0], part[1], "-i", url];
    let start = start.into_iter().chain(["-map", "0:v", "-vf", &scale]);
    let words = "-fps_mode passthrough -f rawvideo -";
    let done = program.run(start.chain(words.split(' '))).ok();
    numbers_of(&done.stdout)
}

/// The numbers that mpv decodes.
#[track_caller]
pub(super) fn in_mpv(folder: &Path, url: &str) -> Vec<usize> {
    by_mpv(folder, &[], url)
}

/// The same of so many seconds.
#[track_caller]
pub(super) fn in_mpv_for(folder: &Path, seconds: &str, url: &str) -> Vec<usize> {
    by_mpv(folder, &[&format!("--length={seconds}")], url)
}

#[track_caller]
fn by_mpv(folder: &Path, part: &[&str], url: &str) -> Vec<usize> {
    let out = folder.join("mpv.raw");
    let to = format!("--o={}", out.display());
    let scale = format!("--vf=scale={BITS}:1,format=gray");
    let words = [
        "--no-config",
        "--no-terminal",
        "--no-audio",
        "--of=rawvideo",
        "--ovc=rawvideo",
    ];
    let words = words.into_iter().chain(part.iter().copied());
    MPV.run(words.chain([scale.as_str(), &to, url])).ok();
    numbers_of(&std::fs::read(out).unwrap())
}

/// The numbers that mpv shows where it seeks to, one place after the other.
#[track_caller]
pub(super) fn sought_in_mpv(folder: &Path, places: &[&str], url: &str) -> Vec<usize> {
    let shots = folder.join("mpv");
    std::fs::create_dir_all(&shots).unwrap();
    let script = folder.join("seek.lua");
    let head = format!(
        "local folder = '{}'\nlocal places = {{'{}'}}",
        shots.display(),
        places.join("','")
    );
    std::fs::write(&script, head + SEEKS).unwrap();
    let script = format!("--script={}", script.display());
    let words = [
        "--no-config",
        "--no-terminal",
        "--pause",
        "--vo=null",
        "--ao=null",
    ];
    MPV.run(words.into_iter().chain([script.as_str(), url])).ok();
    let shots = (1..=places.len()).map(|number| shots.join(format!("{number}.png")));
    shots.flat_map(|shot| numbers(&shot)).collect()
}

/// The numbers that GStreamer decodes: in the pipeline whose demuxer knows discontinuities, as applications use it.
#[track_caller]
pub(super) fn in_gstreamer(folder: &Path, url: &str) -> Vec<usize> {
    let out = folder.join("gstreamer.raw");
    let (uri, sink) = (format!("uri={url}"), format!("video-sink={}", sink(&out)));
    let words = ["-q", "playbin3", &uri, "audio-sink=fakesink", &sink];
    let done = GST_LAUNCH.run(words).ok();
    assert!(!done.stderr.contains("ERROR"), "{}", done.stderr);
    numbers_of(&std::fs::read(out).unwrap())
}

/// The same from a place on, in seconds.
#[track_caller]
pub(super) fn in_gstreamer_from(folder: &Path, seconds: &str, url: &str) -> Vec<usize> {
    let out = folder.join("gstreamer.raw");
    let sink = format!("--videosink={}", sink(&out));
    let words = [
        "-q",
        "--no-interactive",
        "--use-playbin3",
        "--audiosink=fakesink",
        "-s",
        seconds,
    ];
    GST_PLAY.run(words.into_iter().chain([sink.as_str(), url])).ok();
    numbers_of(&std::fs::read(out).unwrap())
}

fn sink(out: &Path) -> String {
    let small = format!("video/x-raw,format=GRAY8,width={BITS},height=1");
    format!(
        "videoconvert ! videoscale ! {small} ! filesink location={}",
        out.display()
    )
}

/// The numbers that VLC passes on. Of the last pictures it keeps some.
#[track_caller]
pub(super) fn in_vlc(folder: &Path, options: &[&str], url: &str) -> Vec<usize> {
    let out = vlc(folder, options, url);
    numbers(&out)
}
