//! Cuts and joins, as a real decoder sees them.

use std::path::{Path, PathBuf};

use crate::judge::decodes;
use crate::packets::Packets;
use crate::programs::{FFMPEG, FFPROBE};
use crate::session::{H264_AAC, Session, plain_session, push_copy, source};
use crate::support::delivered::{all_delivered, rows};
use crate::support::{Service, edgereel, home, typed, wait_closed, wait_until};

#[track_caller]
fn made(session: &Session, arguments: &[&str], name: &str) -> PathBuf {
    let data = session.service.data();
    let path = data.with_file_name(name);
    let more = ["--data", data.to_str().unwrap(), "-o", path.to_str().unwrap()];
    edgereel(&[&["export"], arguments, &more].concat()).ok();
    if path.is_dir() {
        path.join("index.m3u8")
    } else {
        path
    }
}

/// The presentation times of one track's frames, in seconds.
pub(crate) fn shown(path: &Path, track: &str) -> Vec<f64> {
    let words = format!("-v error -select_streams {track} -show_entries frame=pts_time -of csv=p=0");
    let done = FFPROBE
        .run(words.split_whitespace().chain([path.to_str().unwrap()]))
        .ok();
    let text = done.text();
    let times = text
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse().ok());
    times.collect()
}

#[test]
fn a_cut_is_shown_from_and_to_the_very_picture() {
    let session = plain_session(14);
    let id = session.recording.id.as_str();
    // There is a keyframe every 2 s, so the picture at 5 s needs the pictures before it for decoding.
    let path = made(
        &session,
        &[id, "--format", "mp4", "--from", "5s", "--to", "9s"],
        "cut.mp4",
    );
    decodes(&path, FFMPEG);
    crate::players::plays(&path);
    let pictures = shown(&path, "v:0");
    assert!(pictures[0].abs() < 0.001, "{pictures:?}");
    let (last, others) = pictures.split_last().unwrap();
    assert!(others.len() == 99 && (3.9..4.0).contains(last), "{pictures:?}");
    assert!(
        others
            .windows(2)
            .all(|pair| (pair[1] - pair[0] - 0.04).abs() < 0.0015),
        "{pictures:?}"
    );
    // Sound is cut at the sample: the presented sound is as long as the picture, to a frame.
    let sound = shown(&path, "a:0");
    assert!(sound[0] < 0.022, "{sound:?}");
    assert!((3.85..4.02).contains(sound.last().unwrap()), "{sound:?}");
}

#[test]
fn joined_ranges_decode_and_never_go_back() {
    let session = plain_session(14);
    let id = session.recording.id.as_str();
    let ranges = [
        format!("{id}@2120ms..4080ms"),
        format!("{id}@8120ms..12080ms"),
        format!("{id}@..2080ms"),
    ];
    let ranges: Vec<&str> = ranges.iter().map(String::as_str).collect();
    for (format, name) in [
        ("mp4", "joined.mp4"),
        ("fmp4", "fragmented.mp4"),
        ("flv", "joined.flv"),
        ("hls", "joined"),
    ] {
        let path = made(&session, &[&ranges[..], &["--format", format]].concat(), name);
        let packets = Packets::of(&path, FFMPEG);
        // The ranges present 49, 99 and 50 pictures. An MP4 hides the other pictures that these need. Other formats show the
        // two pictures that the last ones of the ranges need.
        let shows = if format == "mp4" { 198 } else { 200 };
        assert!(packets.video.len() >= shows, "{format}");
        assert!(
            (372..=390).contains(&packets.audio.len()),
            "{format}: {}",
            packets.audio.len()
        );
        decodes(&path, FFMPEG);
        crate::players::plays(&path);
        let pictures = shown(&path, "v:0");
        assert_eq!(pictures.len(), shows, "{format}");
        for pair in pictures.windows(2) {
            let step = pair[1] - pair[0];
            assert!((0.035..0.125).contains(&step), "{format}: {step} at {}", pair[0]);
        }
        let lasts = pictures.last().unwrap() - pictures[0];
        assert!((7.95..8.1).contains(&lasts), "{format}: {lasts}");
    }
}

#[test]
fn a_time_lapse_has_the_keyframes_alone() {
    let session = plain_session(14);
    let id = session.recording.id.as_str();
    // A keyframe every 2 s, ten times faster: five a second.
    let path = made(&session, &[id, "--timelapse", "10"], "fast.mp4");
    decodes(&path, FFMPEG);
    crate::players::plays(&path);
    let pictures = shown(&path, "v:0");
    assert_eq!(pictures.len(), 7, "{pictures:?}");
    let steps = pictures.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(
        steps.clone().all(|step| (step - 0.2).abs() < 0.002),
        "{pictures:?}"
    );
    assert!(shown(&path, "a:0").is_empty());
    // No more than two a second.
    let fewer = made(&session, &[id, "--timelapse", "10", "--fps", "2"], "fewer.mp4");
    decodes(&fewer, FFMPEG);
    assert!(shown(&fewer, "v:0").len() <= 4);
}

#[test]
fn a_delivered_time_lapse_decodes_with_its_times_and_chapters() {
    let target = home();
    let more = format!("[sync]\nurl = \"file://{}\"\n", target.path().display());
    let folder = home();
    let service = Service::start_with(folder.path(), &more);
    let file = source(folder.path(), FFMPEG, 14, H264_AAC);
    push_copy(FFMPEG, &file, "", &service.url("live/cam1"));
    let id = wait_closed(&service.data()).id;
    let notes = r#"[{"at_s":5,"text":"Proof"}]"#;
    typed(folder.path(), &["recording", "set", &id, "--notes", notes]);
    let words = ["recording", "timelapse", &id, "--speed", "10", "--title", "Fast"];
    let made = typed(folder.path(), &words);
    let film = made["recording"].as_str().unwrap().to_owned();
    wait_until("it to be delivered", || all_delivered(&service.data(), 2));
    let row = rows(&service.data())
        .into_iter()
        .find(|row| row["id"] == film)
        .unwrap();
    let path = target.path().join(row["renditions"][0]["key"].as_str().unwrap());
    decodes(&path, FFMPEG);
    crate::players::plays(&path);
    // A keyframe every 2 s, ten times faster: five a second.
    let words = "-v error -count_frames -select_streams v:0 -show_entries stream=nb_read_frames -of csv=p=0";
    let count = FFPROBE
        .run(words.split(' ').chain([path.to_str().unwrap()]))
        .ok()
        .text();
    assert_eq!(count.trim().trim_end_matches(','), "7");
    let times = shown(&path, "v:0");
    assert!(
        times
            .iter()
            .zip(0_u32..)
            .all(|(time, at)| (time - 0.2 * f64::from(at)).abs() < 0.002),
        "{times:?}"
    );
    assert!(shown(&path, "a:0").is_empty());
    let words = "-v error -show_chapters -show_format";
    let text = FFPROBE
        .run(words.split(' ').chain([path.to_str().unwrap()]))
        .ok()
        .text();
    for line in ["TAG:title=Fast", "TAG:title=Proof", "start_time=0.500000"] {
        assert!(text.contains(line), "no {line} in {text}");
    }
}
