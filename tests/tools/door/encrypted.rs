//! An encrypted recording, and an encrypted stream by its name, in players: the right pictures in the right order, over a break, a change of size and a change of keys.

use super::live::assert_shown;
use super::others::{in_ffmpeg, in_mpv};
use super::programme::{OpenDoor, PARTS, Programme, RATE, run};
use super::recorded::assert_lands;
use crate::browser::Case;
use crate::support::Pusher;

const SECTIONS: &str =
    "[encryption]\nmaster_key = \"4c1f0c5ae29b4f63886b0e4f9a2c51d74c1f0c5ae29b4f63886b0e4f9a2c51d7\"\n";

#[test]
fn an_encrypted_recording_plays_over_a_change_of_size_and_of_keys() {
    let door = OpenDoor::with(
        "formats = [\"hls\"]\nhls = { encrypt = \"aes-128\", key_chunks = 2 }",
        SECTIONS,
    );
    let home = door.home.path();
    let programme = Programme::draw(home);
    for (flv, name) in [(&programme.before, "before.flv"), (&programme.after, "after.flv")] {
        let file = home.join(name);
        flv.write(&file);
        door.publish(&file, "live/cam1");
    }
    door.finish();
    let path = format!("/r/{}/index.m3u8", door.recording("closed").id);
    let (text, hls) = (door.text(&path), door.url(&path));
    assert!(
        text.contains("-1\",IV=0x00000000000000000000000000000003"),
        "{text}"
    );
    let count = |what: &str| text.matches(what).count();
    assert_eq!(count("#EXT-X-KEY:METHOD=AES-128"), count(".m4s"));
    assert_eq!((count("#EXT-X-KEY:METHOD=NONE"), count("#EXT-X-MAP")), (2, 2));

    let seen = Case::at(&hls).numbered().seeks(&[10.04, -0.06, 1.04]).play();
    assert_lands(&seen, 0, "hls.js");
    let seen = Case::at(&hls).numbered().rate(4.0).play();
    seen.plays_through(PARTS[2].end as f64 / RATE as f64);
    assert!(seen.frames as usize + 2 >= PARTS[2].end, "hls.js: {seen:?}");
    // As without encryption: behind the change of size they decode with the wrong init.
    assert!(run(&in_ffmpeg(&hls)).end >= PARTS[1].end);
    assert!(run(&in_mpv(home, &hls)).end >= PARTS[1].end);
}

#[test]
fn an_encrypted_stream_plays_live_and_shifted_over_a_change_of_size_and_of_keys() {
    let door = OpenDoor::with(
        "formats = [\"hls\"]\nhls = { encrypt = \"aes-128\", key_chunks = 2 }",
        SECTIONS,
    );
    let programme = Programme::draw(door.home.path());
    let url = door.url("/live/cam1/master.m3u8");
    let pusher = Pusher::start(door.service.address(), "live/cam1", &programme.before, 1.0);
    door.wait_listed(4);
    let hls = Case::at(&url).limit(150.0).follow();
    std::thread::scope(|scope| {
        let ffmpeg = scope.spawn(|| in_ffmpeg(&url));
        pusher.done();
        hls.wait_shown(PARTS[0].end - 5);
        let pusher = Pusher::start(door.service.address(), "live/cam1", &programme.after, 1.0);
        pusher.done();
        door.finish();
        assert_shown(&hls.end(), 0, "hls.js");
        // It decodes no picture of the other size: it keeps the first init.
        let shown = run(&ffmpeg.join().unwrap());
        assert!(
            shown.start <= PARTS[0].end - RATE && shown.end >= PARTS[1].end,
            "ffmpeg: {shown:?}"
        );
    });

    let start = door.recording("closed").start;
    let path = format!("/live/cam1.m3u8?start={start}");
    let (text, shifted) = (door.text(&path), door.url(&path));
    let count = |what: &str| text.matches(what).count();
    assert_eq!(count("#EXT-X-KEY:METHOD=AES-128"), count(".m4s"));
    assert_eq!(
        (count("#EXT-X-KEY:METHOD=NONE"), count("#EXT-X-MAP")),
        (3, 3),
        "{text}"
    );
    let seen = Case::at(&shifted).numbered().rate(4.0).play();
    assert!(seen.frames as usize + 2 >= PARTS[2].end, "hls.js: {seen:?}");
    assert_eq!(run(&in_ffmpeg(&shifted)).start, 0);
    assert!(run(&in_mpv(door.home.path(), &shifted)).end >= PARTS[1].end);
}
