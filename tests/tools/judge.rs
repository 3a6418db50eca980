//! Compares a recording with the pushed media, as ffmpeg sees both.

use std::path::Path;

use crate::packets::Packets;
use crate::programs::Program;
use crate::session::Session;

/// Every format of AAC recordings.
pub(crate) const ALL: [&str; 6] = ["mp4", "fmp4", "hls", "flv", "m4a", "adts"];
/// Every format of other recordings.
pub(crate) const WITHOUT_AAC: [&str; 4] = ["mp4", "fmp4", "hls", "flv"];

/// Fails unless each format has the packets of `source`, and decodes without a message.
#[track_caller]
pub(crate) fn same_in(session: &Session, source: &Path, renditions: &[&str], judge: Program) {
    let sent = Packets::of(source, judge);
    assert!(
        sent.video.len() > 100 && sent.audio.len() > 100,
        "the source is short"
    );
    for name in renditions {
        let path = session.rendition(name);
        let got = Packets::of(&path, judge);
        match *name {
            "m4a" | "adts" => got.same_as(&sent.sound(), name),
            _ => got.same_as(&sent, name),
        }
        decodes(&path, judge);
    }
}

/// Fails unless a file decodes to its end without a message.
#[track_caller]
pub(crate) fn decodes(path: &Path, judge: Program) {
    let arguments = [
        "-v",
        "error",
        "-xerror",
        "-i",
        path.to_str().unwrap(),
        "-f",
        "null",
        "-",
    ];
    let done = judge.run(arguments).ok();
    // ffmpeg rounds the times of decoded pictures to the rate that it guesses: live pictures may then coincide.
    let rounded = |line: &&str| !line.contains("non monotonically increasing dts to muxer");
    let complaints: Vec<&str> = done.stderr.lines().filter(rounded).collect();
    assert!(complaints.is_empty(), "{}: {complaints:#?}", path.display());
}
