//! Players play straight from the bucket, while it is recorded and afterwards.

use std::path::Path;

use serde_json::Value;

use crate::judge::decodes;
use crate::players::MPV_OPTIONS;
use crate::programs::{FFMPEG, FFPROBE, MPV};
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
        // What is there by now decodes, though nobody knows how it goes on.
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
