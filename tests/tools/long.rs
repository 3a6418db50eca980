//! Two hours, pushed unpaced: one MP4, exact to the frame, made with little memory.

use std::process::Stdio;
use std::time::Instant;

use crate::programs::FFPROBE;
use crate::session::Session;
use crate::support::cli::{command, finish};
use crate::support::rtmp::Rtmp;
use crate::support::service::own_memory;
use crate::support::{home, sample};

/// How many times the clip of 20 s is sent.
const LOOPS: u32 = 360;
/// The most memory of its own that an export may have.
const EXPORT_MEMORY: u64 = 16 << 20;

#[test]
fn two_hours_unpaced_are_one_mp4() {
    let session = Session::record(|url| {
        let address = url
            .trim_start_matches("rtmp://")
            .split('/')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let mut client = Rtmp::publishing(address, "live", "cam1");
        let clip = sample();
        for turn in 0..LOOPS {
            for tag in clip
                .later(turn * 20_000)
                .tags
                .iter()
                .filter(|tag| turn == 0 || !tag.is_header())
            {
                client.media(tag.kind, tag.time, &tag.body).unwrap();
            }
        }
        client.unpublish("cam1").unwrap();
    });
    let length = f64::from(LOOPS) * 20.0;
    let recording = &session.recording;
    assert!(
        (recording.duration_s - length).abs() < 0.04,
        "{} s",
        recording.duration_s
    );
    assert!(recording.gaps.is_empty(), "{:?}", recording.gaps);

    let folder = home();
    let out = folder.path().join("two-hours.mp4");
    let began = Instant::now();
    let peak = export_watched(&session, &out);
    let took = began.elapsed();
    let bytes = std::fs::metadata(&out).unwrap().len();
    let rate = bytes as f64 / 1e6 / took.as_secs_f64();
    println!(
        "{:.0} MB in {took:.2?}: {rate:.0} MB/s, {:.1} MiB of memory",
        bytes as f64 / 1e6,
        peak as f64 / 1048576.0
    );
    assert!(peak < EXPORT_MEMORY, "{peak} bytes of memory");

    let entries = "stream=codec_type,nb_frames,duration:format=duration";
    let probed = FFPROBE.run([
        "-v",
        "error",
        "-show_entries",
        entries,
        "-of",
        "json",
        out.to_str().unwrap(),
    ]);
    let probed: serde_json::Value = serde_json::from_slice(&probed.ok().stdout).unwrap();
    let seconds = |value: &serde_json::Value| value["duration"].as_str().unwrap().parse::<f64>().unwrap();
    assert!((seconds(&probed["format"]) - length).abs() < 0.041, "{probed:#}");
    let streams = probed["streams"].as_array().unwrap();
    let video = streams
        .iter()
        .find(|stream| stream["codec_type"] == "video")
        .unwrap();
    let audio = streams
        .iter()
        .find(|stream| stream["codec_type"] == "audio")
        .unwrap();
    assert_eq!(video["nb_frames"], (LOOPS * 500).to_string());
    let frames = LOOPS as usize * sample().media().audio.len();
    assert_eq!(audio["nb_frames"], frames.to_string());
    assert!((seconds(video) - length).abs() < 0.001, "{probed:#}");
}

/// Exports. Returns the most memory of its own that was seen.
fn export_watched(session: &Session, out: &std::path::Path) -> u64 {
    let mut command = command();
    command
        .args(["export", &session.recording.id, "--format", "mp4", "--data"])
        .arg(session.service.data());
    command
        .arg("-o")
        .arg(out)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let id = child.id();
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = own_memory(id) {
            peak = peak.max(now);
            std::thread::park_timeout(std::time::Duration::from_millis(2));
        }
        peak
    });
    finish(child, "the export").ok();
    watch.join().unwrap()
}
