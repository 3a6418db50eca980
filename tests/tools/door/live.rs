//! What is live, in all players at one time: a break, another picture size, and the end.

use super::others::{in_ffmpeg, in_gstreamer, in_mpv, in_vlc};
use super::programme::{OpenDoor, PARTS, Programme, RATE, WIDTHS, run};
use super::recorded::assert_lands;
use crate::browser::{Case, Seen, Shown};
use crate::documents::blocks;
use crate::support::{Pusher, home};

/// How long a player waits for the stream and plays it, in seconds.
const LONGEST: f64 = 150.0;

/// On a busy machine the next picture may be there before the last one was looked at, in seconds.
const LATE: f64 = 0.13;
/// Pictures that may be shown before the page is told that their size is another one.
pub(super) const BEFORE_SIZE: usize = 3;
/// How many chunks there are when the players begin.
const LISTED: usize = 5;

/// The page of docs/playback.md, as it is printed, with another address.
fn printed_page(url: &str) -> String {
    let blocks = blocks("docs/playback.md").into_iter();
    let page = blocks
        .map(|block| block.text)
        .find(|text| text.contains("new Hls("))
        .expect("a page with a player");
    let with_url = page.replace("http://box-17:8080/live/cam1/master.m3u8", url);
    assert_ne!(with_url, page, "the address of the page is another one");
    with_url
}

#[test]
fn what_is_live_plays_over_a_break_and_a_change_of_size_to_its_end() {
    let door = OpenDoor::start();
    let programme = Programme::draw(door.home.path());
    let url = door.url("/live/cam1/master.m3u8");
    // The page is open before the stream is on the air.
    let page = Case::page(&printed_page(&url)).limit(LONGEST).follow();
    let pusher = Pusher::start(door.service.address(), "live/cam1", &programme.before, 1.0);
    door.wait_listed(LISTED);
    let hls = Case::at(&url).limit(LONGEST).follow();
    std::thread::scope(|scope| {
        let url = url.as_str();
        let ffmpeg = scope.spawn(|| in_ffmpeg(url));
        let mpv = scope.spawn(|| in_mpv(home().path(), url));
        let gstreamer = scope.spawn(|| in_gstreamer(home().path(), url));
        let vlc = scope.spawn(|| in_vlc(home().path(), &[], url));
        let token = scope.spawn(|| a_token_ends(&door));
        pusher.done();
        // The player has nothing more to show.
        hls.wait_shown(PARTS[0].end - 5);
        let pusher = Pusher::start(door.service.address(), "live/cam1", &programme.after, 1.0);
        hls.wait_shown(PARTS[1].start + RATE);
        a_recording_that_grows_is_sought(&door);
        pusher.done();
        door.finish();

        let seen = hls.end();
        assert_shown(&seen, 0, "hls.js");
        // It begins near the end of the playlist, not at its beginning.
        assert!(seen.numbers[0].1 >= RATE, "{:?}", seen.numbers[0]);
        assert_eq!(
            seen.errors.iter().find(|error| !is_a_wait(error)),
            None,
            "{seen:?}"
        );
        assert_shown(&page.end(), 1, "the page of the document");
        token.join().unwrap();

        // These decode no picture of the other size: they keep the first init.
        for (numbers, name) in [(ffmpeg.join().unwrap(), "ffmpeg"), (mpv.join().unwrap(), "mpv")] {
            let shown = run(&numbers);
            assert!(shown.start <= PARTS[0].end - RATE, "{name}: {shown:?}");
            assert!(shown.end >= PARTS[1].end, "{name}: {shown:?}");
        }
        // GStreamer 1.22 plays the last chunks again, or leaves them out, when a live playlist ends.
        let shown = run(&gstreamer.join().unwrap());
        assert!(shown.start <= PARTS[0].end - RATE, "GStreamer: {shown:?}");
        assert!(shown.end >= PARTS[2].start + RATE, "GStreamer: {shown:?}");
        // VLC 3 ends at a discontinuity, and keeps some of the last pictures.
        let shown = run(&vlc.join().unwrap());
        assert!(shown.end >= PARTS[0].end - RATE, "VLC: {shown:?}");
    });
}

/// While there is nothing new, hls.js waits, and passes over a moment without sound at the break.
fn is_a_wait(error: &str) -> bool {
    error.starts_with("bufferStalledError")
        || error.starts_with("bufferNudgeOnStall")
        || error.starts_with("bufferSeekOverHole")
}

/// Fails unless the pictures of these parts were decoded, and those that were shown came in their order, in their size, each at
/// its time, up to the end. A busy machine does not show all of them.
#[track_caller]
pub(super) fn assert_shown(seen: &Seen, from_part: usize, name: &str) {
    // hls.js 1.7 does not say that the video has ended while there is a hole in what it has buffered: sound may end some
    // milliseconds before the picture at the break.
    assert!(!seen.fatal, "{name}: {seen:?}");
    let numbers = &seen.numbers;
    assert!(
        numbers.is_sorted_by(|one, next| one.1 <= next.1),
        "{name}: {numbers:?}"
    );
    for (part, width) in PARTS.iter().zip(WIDTHS).skip(from_part) {
        let shown: Vec<&Shown> = numbers.iter().filter(|shown| part.contains(&shown.1)).collect();
        let Shown(begins, first, _) = shown.first().expect("a picture of each part");
        for Shown(time, number, own_width) in &shown {
            let due = begins + (number - first) as f64 / RATE as f64;
            assert!((time - due).abs() < LATE, "{name}: {number} at {time}, not {due}");
            // The size is told a moment after the first picture that has it.
            if number - part.start >= BEFORE_SIZE {
                assert_eq!(*own_width, width, "{name}: {number}");
            }
        }
    }
    let (first, last) = (numbers[0].1, numbers[numbers.len() - 1].1);
    let end = PARTS[2].end;
    assert!(last >= end - RATE, "{name}: {last}");
    assert!(
        seen.frames as usize + 2 >= end - first,
        "{name}: {} of {first} to {end}",
        seen.frames
    );
}

/// A token that ends while hls.js plays: the pictures that are there are shown, then the player is told why there are no others.
fn a_token_ends(door: &OpenDoor) {
    // On a busy machine a player may have shown nothing when a short one ends.
    for valid in ["8s", "30s", "90s"] {
        let url = format!("{}/live/cam1/master.m3u8", door.token(valid));
        let seen = Case::at(&url).limit(LONGEST).follow().end();
        if seen.ended {
            panic!("the stream ended before a token of {valid}");
        }
        assert!(seen.fatal, "{seen:?}");
        let last = seen.errors.last().unwrap();
        assert!(last.contains("LoadError 403"), "{:?}", seen.errors);
        if !seen.numbers.is_empty() {
            return;
        }
    }
    panic!("no token lasted until there was a picture");
}

/// The recording of the stream, while it is open.
#[track_caller]
fn a_recording_that_grows_is_sought(door: &OpenDoor) {
    let id = door.recording("open").id;
    for path in [format!("/r/{id}.mp4"), format!("/r/{id}/master.m3u8")] {
        let seen = Case::at(&door.url(&path))
            .numbered()
            .seeks(&[-1.0, 1.04, 4.04])
            .play();
        assert_lands(&seen, 0, &path);
    }
}
