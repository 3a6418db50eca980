//! Streams that change, or begin in an unusual way, as real decoders see the files.

use std::path::Path;

use crate::judge::{ALL, decodes, same_in};
use crate::packets::Packets;
use crate::programs::{FFMPEG, FFPROBE};
use crate::session::{H264_AAC, Session, push_copy, sized_source, source};
use crate::support::flv::SCRIPT;
use crate::support::{self, Flv, Tag, home, publish_file};

#[test]
fn a_resolution_that_changes_in_the_middle() {
    let folder = home();
    let small = Flv::read(&sized_source(folder.path(), FFMPEG, 4, "320x180", H264_AAC));
    let large = Flv::read(&sized_source(folder.path(), FFMPEG, 4, "640x360", H264_AAC));
    let end = small.tags.iter().map(|tag| tag.time).max().unwrap() + 40;
    let mut both = small.clone();
    both.tags.extend(
        large
            .later(end)
            .tags
            .into_iter()
            .filter(|tag: &Tag| tag.kind != SCRIPT),
    );
    let file = folder.path().join("both.flv");
    both.write(&file);
    let session = Session::record(|url| {
        publish_file(&file, url);
    });
    let mut sent = small.media();
    sent.extend(large.later(end).media());
    let flv = session.rendition("flv");
    let got = Packets::of(&flv, FFMPEG);
    assert_eq!(got.video.len(), sent.video.len());
    // The sound of the first clip is some frames shorter than its picture. Silence fills the rest.
    let sound = sent.audio.len()..=sent.audio.len() + 5;
    assert!(sound.contains(&got.audio.len()), "{} {sound:?}", got.audio.len());
    decodes(&flv, FFMPEG);
    crate::players::plays(&flv);
    assert_eq!(widths(&flv), ["320", "640"]);
    // Each configuration has its own file: few players follow a picture that changes in an MP4.
    let first = session.rendition("mp4");
    let second = first.with_file_name("out-2.mp4");
    let mut packets = (0, 0);
    for (path, width) in [(first, "320"), (second, "640")] {
        let got = Packets::of(&path, FFMPEG);
        packets = (packets.0 + got.video.len(), packets.1 + got.audio.len());
        decodes(&path, FFMPEG);
        crate::players::plays(&path);
        assert_eq!(widths(&path), [width]);
    }
    assert_eq!(packets.0, sent.video.len());
    assert!(sound.contains(&packets.1), "{} {sound:?}", packets.1);
    // ffmpeg's HLS demuxer uses the first header for all parts of any playlist. So each part is decoded alone.
    let hls = session.rendition("hls");
    let read = support::hls::read(hls.parent().unwrap());
    read.media.without_silence(&sent).same_bytes(&sent, "hls");
    let parts = support::hls::parts(hls.parent().unwrap(), &read.playlist);
    for (part, width) in parts.iter().zip(["320", "640"]) {
        let path = folder.path().join(format!("part-{width}.mp4"));
        std::fs::write(&path, part).unwrap();
        decodes(&path, FFMPEG);
        crate::players::plays(&path);
        assert_eq!(widths(&path), [width]);
    }
    assert_eq!(parts.len(), 2);
}

/// The widths of a file's pictures, in the order of their first appearance.
fn widths(path: &Path) -> Vec<String> {
    let words = "-v error -select_streams v -show_entries frame=width -of csv=p=0";
    let done = FFPROBE
        .run(words.split_whitespace().chain([path.to_str().unwrap()]))
        .ok();
    let mut widths: Vec<String> = done
        .text()
        .lines()
        .map(|line| line.trim_end_matches(',').to_owned())
        .collect();
    widths.retain(|width| !width.is_empty());
    widths.dedup();
    widths
}

#[test]
fn sound_that_begins_two_seconds_before_the_picture() {
    let folder = home();
    let file = source(
        folder.path(),
        FFMPEG,
        8,
        &format!("-filter:v setpts=PTS+2/TB -t 8 {H264_AAC}"),
    );
    let session = Session::record(|url| push_copy(FFMPEG, &file, "-copyts", url));
    same_in(&session, &file, &ALL, FFMPEG);
}

#[test]
fn a_picture_a_second() {
    let folder = home();
    let file = source(
        folder.path(),
        FFMPEG,
        120,
        &format!("-r 1 {H264_AAC}").replace("-g 50", "-g 4"),
    );
    let session = Session::record(|url| push_copy(FFMPEG, &file, "", url));
    same_in(&session, &file, &["mp4", "hls", "flv"], FFMPEG);
}

#[test]
fn every_picture_a_keyframe() {
    let folder = home();
    let file = source(
        folder.path(),
        FFMPEG,
        6,
        &H264_AAC.replace("-bf 2 -g 50", "-bf 0 -g 1"),
    );
    let session = Session::record(|url| push_copy(FFMPEG, &file, "", url));
    same_in(&session, &file, &ALL, FFMPEG);
}

#[test]
fn no_metadata_at_all() {
    let folder = home();
    let made = Flv::read(&source(folder.path(), FFMPEG, 6, H264_AAC));
    let file = folder.path().join("bare.flv");
    made.only(|tag| tag.kind != SCRIPT).write(&file);
    let session = Session::record(|url| {
        publish_file(&file, url);
    });
    same_in(&session, &folder.path().join("source-320x180.flv"), &ALL, FFMPEG);
}
