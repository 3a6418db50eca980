//! Fingerprints by a real ffmpeg: a clip that was encoded anew is found, and no other film.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::programs::FFMPEG;
use crate::session::push_copy;
use crate::support::wait::wait_until;
use crate::support::worker::Worker;
use crate::support::{Service, home, typed, wait_closed_of};

/// A film of blurred scenes that change every other second: each number has another one.
fn film(folder: &Path, number: u32, seconds: u32) -> PathBuf {
    let path = folder.join(format!("film{number}.flv"));
    let picture = format!(
        "color=gray:s=32x18:r=1/2:d={seconds},format=yuv420p,noise=c0s=100:c0f=t:all_seed={number},\
         scale=640:360:flags=bicubic,fps=25"
    );
    let codecs = "-c:v libx264 -preset ultrafast -g 50 -an -f flv";
    let start = ["-v", "error", "-y", "-f", "lavfi", "-i", &picture];
    FFMPEG
        .run(
            start
                .into_iter()
                .chain(codecs.split(' '))
                .chain([path.to_str().unwrap()]),
        )
        .ok();
    path
}

/// 20 s of a film, at half the size and with other keyframes.
fn clip(folder: &Path, of: &Path) -> PathBuf {
    let path = folder.join("clip.flv");
    let start = [
        "-v",
        "error",
        "-y",
        "-ss",
        "33.3",
        "-t",
        "20",
        "-i",
        of.to_str().unwrap(),
    ];
    let codecs = "-vf scale=320:180 -c:v libx264 -preset veryfast -b:v 150k -g 35 -an -f flv";
    FFMPEG
        .run(
            start
                .into_iter()
                .chain(codecs.split(' '))
                .chain([path.to_str().unwrap()]),
        )
        .ok();
    path
}

#[test]
fn a_clip_of_half_the_size_is_found_in_its_film_and_in_no_other() {
    let home = home();
    let socket = home.path().join("media.sock");
    let config = format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\n[media]\nsocket = {socket:?}\n\
         [[template]]\nname = \"default\"\nfingerprint = true\n"
    );
    let service = Service::start_with(home.path(), &config);
    let wanted = film(home.path(), 1, 120);
    let films = [
        wanted.clone(),
        film(home.path(), 2, 60),
        film(home.path(), 3, 60),
        clip(home.path(), &wanted),
    ];
    let ids: Vec<String> = ["a", "b", "c", "clip"]
        .iter()
        .zip(&films)
        .map(|(name, film)| {
            let stream = format!("live/{name}");
            push_copy(FFMPEG, film, "", &service.url(&stream));
            wait_closed_of(&service.data(), &stream).id
        })
        .collect();
    // They wait for a worker.
    service.wait_for_log(|log| log.contains("a fingerprint waits").then_some(()));
    let state = |id: &str| typed(home.path(), &["fingerprint", "get", id]);
    assert_eq!(state(&ids[0])["state"], "waiting");
    let _worker = Worker::start(&socket, &FFMPEG.path());
    for id in &ids {
        // Whoever asks need not wait until it is tried again.
        typed(home.path(), &["fingerprint", "create", id]);
        wait_until("the fingerprint", || {
            let now = state(id);
            assert_ne!(now["state"], "failed", "{now}");
            now["state"] == "whole"
        });
    }
    let found = |arguments: &[&str]| -> Vec<Value> {
        let answer = typed(home.path(), &[&["fingerprint", "search"], arguments].concat());
        assert_eq!(answer["complete"], true);
        answer["matches"].as_array().unwrap().clone()
    };
    let places = found(&["--recording", &ids[3]]);
    assert_eq!(places.len(), 1, "{places:?}");
    assert_eq!(places[0]["recording"], ids[0].as_str());
    let begins = places[0]["from_s"].as_f64().unwrap();
    assert!((begins - 33.3).abs() < 1.5, "{begins}");
    // A film that nobody cut a clip of is nowhere else.
    assert_eq!(found(&["--recording", &ids[1]]), [] as [Value; 0]);
    let cover = typed(home.path(), &["recording", "get", &ids[0]]);
    assert_eq!(cover["thumbnails_s"].as_array().unwrap().len(), 5, "{cover}");
    assert!(cover["cover_s"].as_f64().unwrap() < 120.0);
}
