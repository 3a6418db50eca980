//! Players play each file to its end.

use std::path::{Path, PathBuf};

use crate::judge::decodes;
use crate::programs::{CVLC, FFMPEG, FFPROBE, GST_LAUNCH, MPV, SETPRIV};
use crate::session::plain_session;

/// Plays without waiting for the media's time. How it ended comes to its standard output.
pub(crate) const MPV_OPTIONS: &str = "--no-config --vo=null --ao=null --untimed --ao-null-untimed --no-input-terminal \
    --term-status-msg= --msg-level=all=error,cplayer=info";

/// Fails unless mpv plays a file to its end without a message.
///
/// Errors are read from its log, which has the level of each line. How it ended is not: a thread writes the log, and mpv ends
/// without waiting for the last lines.
#[track_caller]
pub(crate) fn plays(path: &Path) {
    let log = format!("{}.log", path.display());
    let to_log = format!("--log-file={log}");
    let done = MPV.run(
        MPV_OPTIONS
            .split_whitespace()
            .chain([to_log.as_str(), path.to_str().unwrap()]),
    );
    let said = format!("{}{}", done.text(), done.stderr);
    assert_eq!(done.code, Some(0), "{}: {said}", path.display());
    assert!(
        said.contains("Exiting... (End of file)"),
        "{} was not played to its end: {said}",
        path.display()
    );
    let logged = std::fs::read_to_string(log).unwrap();
    let complaints: Vec<&str> = logged
        .lines()
        .filter(|line| line.contains("[e]") || line.contains("[f]"))
        .collect();
    assert!(complaints.is_empty(), "{}: {complaints:#?}", path.display());
}

/// Has VLC write the pictures and the sound that it finds into a file in this folder. Returns the path of the file.
#[track_caller]
pub(crate) fn vlc(folder: &Path, options: &[&str], url: &str) -> PathBuf {
    // VLC refuses to run as root.
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder, everybody).unwrap();
    let played = folder.join("played.ts");
    let sout = format!("#std{{access=file,mux=ts,dst={}}}", played.display());
    let always = "--no-video-title-show --intf dummy --play-and-exit --sout";
    let cvlc = CVLC.path();
    let words = always.split(' ').chain([sout.as_str()]);
    let words = words.chain(options.iter().copied()).chain([url]);
    if nix::unistd::geteuid().is_root() {
        let other = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        SETPRIV.run(other.into_iter().chain([cvlc.to_str().unwrap()]).chain(words))
    } else {
        CVLC.run(words)
    }
    .ok();
    played
}

#[test]
fn mpv_plays_every_rendition() {
    let session = plain_session(6);
    for name in ["mp4", "fmp4", "hls", "master", "flv", "m4a", "adts"] {
        plays(&session.rendition(name));
    }
}

#[test]
fn gstreamer_plays_every_rendition() {
    let session = plain_session(6);
    for name in ["mp4", "fmp4", "master", "flv", "m4a", "adts"] {
        let uri = format!("uri=file://{}", session.rendition(name).display());
        let done = GST_LAUNCH
            .run([
                "-q",
                "playbin",
                &uri,
                "video-sink=fakesink",
                "audio-sink=fakesink",
            ])
            .ok();
        assert!(!done.stderr.contains("ERROR"), "{name}: {}", done.stderr);
    }
}

#[test]
fn each_segment_of_the_tape_plays_alone() {
    let session = plain_session(70);
    let segments = session.segments();
    assert!(segments.len() >= 2, "{segments:?}");
    for segment in segments {
        let text = segment.to_str().unwrap();
        let streams = FFPROBE.run([
            "-v",
            "error",
            "-show_entries",
            "stream=codec_name",
            "-of",
            "csv=p=0",
            text,
        ]);
        let streams = streams.ok();
        assert_eq!(
            streams.text().split_whitespace().collect::<Vec<_>>(),
            ["h264", "aac"],
            "{text}"
        );
        assert!(streams.stderr.is_empty(), "{text}: {}", streams.stderr);
        decodes(&segment, FFMPEG);
        plays(&segment);
    }
}
