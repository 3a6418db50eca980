//! Players play directly from the bucket, during the recording and afterwards.

use std::path::Path;

use serde_json::Value;

use crate::judge::decodes;
use crate::players::{MPV_OPTIONS, vlc};
use crate::programs::{FFMPEG, FFPROBE, MPV};
use crate::session::{flash_and_beep, push_copy};
use crate::support::bucket::Bucket;
use crate::support::delivered::{ALL, all_delivered, rows, sync_to};
use crate::support::{Service, home, sample_path, wait_for, wait_until};

#[test]
fn players_play_from_the_bucket_while_it_is_recorded_and_afterwards() {
    let (home, dir) = (home(), home());
    let bucket = Bucket::start(dir.path());
    bucket.open_to_all();
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "when = \"live\"") + ALL));
    let url = service.url("live/cam");
    let sample = sample_path();
    let push = [
        "-v",
        "error",
        "-re",
        "-i",
        sample.to_str().unwrap(),
        "-c",
        "copy",
        "-f",
        "flv",
        &url,
    ];
    let pushing = std::thread::scope(|scope| {
        let pushing = scope.spawn(|| FFMPEG.run(push));
        let key = wait_for("a live playlist", || {
            let objects = bucket.objects().into_keys();
            objects.into_iter().find(|key| key.ends_with("index.m3u8"))
        });
        // The media that is there by now can be decoded, though its continuation is not known.
        let live = format!("{}/media/{key}", bucket.endpoint());
        let arguments = [
            "-v",
            "error",
            "-xerror",
            "-live_start_index",
            "0",
            "-i",
            &live,
            "-t",
            "4",
            "-f",
            "null",
            "-",
        ];
        FFMPEG.run(arguments).ok();
        pushing.join().unwrap()
    });
    pushing.ok();
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    let keys: Vec<String> = bucket.objects().into_keys().collect();
    let whole = |key: &&String| {
        [".mp4", ".flv", ".m4a", ".m3u8"]
            .iter()
            .any(|end| key.ends_with(end))
    };
    let mut played = 0;
    for key in keys.iter().filter(whole).filter(|key| !key.ends_with("init.mp4")) {
        let url = format!("{}/media/{key}", bucket.endpoint());
        decodes(Path::new(&url), FFMPEG);
        let probed = FFPROBE
            .run([
                "-v",
                "error",
                "-show_entries",
                "format=duration",
                "-of",
                "csv=p=0",
                &url,
            ])
            .ok();
        let seconds: f64 = probed.text().trim().parse().unwrap();
        assert!((19.0..21.0).contains(&seconds), "{key}: {seconds} s");
        let options = MPV_OPTIONS.split_whitespace().chain([url.as_str()]);
        assert_eq!(MPV.run(options).code, Some(0), "{key}");
        played += 1;
    }
    assert_eq!(played, 5);
    let row = &rows(&service.data())[0];
    let hls = |rendition: &&Value| rendition["format"] == "hls";
    let hls = row["renditions"].as_array().unwrap().iter().find(hls).unwrap();
    assert!(
        hls["master_url"].as_str().unwrap().ends_with("/master.m3u8"),
        "{hls}"
    );
}

/// Two publishes in one recording. VLC stops where a playlist has a discontinuity.
#[test]
fn vlc_plays_past_a_break() {
    let (home, dir, folder) = (home(), home(), home());
    let bucket = Bucket::start(dir.path());
    bucket.open_to_all();
    let template = "\n[[template]]\nname = \"lesson\"\nformats = [\"hls\"]\nresume_window = \"3s\"\nresume_after = \"any\"\n\
                    [[rule]]\ntemplate = \"lesson\"\n";
    let service = Service::start_with(home.path(), &(sync_to(&bucket, "") + template));
    let file = flash_and_beep(folder.path(), 8);
    for _ in 0..2 {
        push_copy(FFMPEG, &file, "", &service.url("live/cam"));
    }
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    let keys = bucket.objects().into_keys();
    let key = keys
        .into_iter()
        .find(|key| key.ends_with("/master.m3u8"))
        .unwrap();
    let url = format!("{}/media/{key}", bucket.endpoint());
    let played = vlc(folder.path(), &[], &url);
    let probed = FFPROBE.run([
        "-v",
        "error",
        "-count_packets",
        "-select_streams",
        "v",
        "-show_entries",
        "stream=nb_read_packets",
        "-of",
        "csv=p=0",
        played.to_str().unwrap(),
    ]);
    let probed = probed.ok();
    let pictures = probed
        .text()
        .split_whitespace()
        .next()
        .and_then(|count| count.parse::<u32>().ok());
    // VLC does not report the last pictures.
    assert!(
        pictures.is_some_and(|pictures| pictures > 380),
        "{pictures:?} of 400"
    );
}
