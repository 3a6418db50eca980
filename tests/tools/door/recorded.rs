//! A recording with a break and another picture size, as files and as HLS: from the beginning to the end, and seeks.

use super::others::{
    in_ffmpeg, in_ffmpeg_from, in_gstreamer, in_gstreamer_from, in_mpv, in_vlc, sought_in_mpv,
};
use super::programme::{OpenDoor, PARTS, Programme, RATE, run};
use crate::browser::{Case, Seen};
use crate::programs::{ENHANCED, FFMPEG};

/// Seconds of the recording, and the number of the picture there.
const PLACE: (&str, usize) = ("6.04", 150);

#[test]
fn a_recording_plays_over_a_break_and_a_change_of_size_and_is_sought() {
    let door = OpenDoor::start();
    let home = door.home.path();
    let programme = Programme::draw(home);
    for (flv, name) in [(&programme.before, "before.flv"), (&programme.after, "after.flv")] {
        let file = home.join(name);
        flv.write(&file);
        door.publish(&file, "live/cam1");
    }
    door.finish();
    let id = door.recording("closed").id;
    let hls = door.url(&format!("/r/{id}/master.m3u8"));
    // A new file begins where the size changes.
    let files = ["", "?part=2"].map(|query| door.url(&format!("/r/{id}.mp4{query}")));
    let starts = [0, PARTS[2].start];

    for (case, name) in [(Case::at(&hls), "hls.js"), (Case::at(&hls).native(), "Chromium")] {
        let places = [10.04, -0.06, 1.04, 14.04];
        let seen = case.clone().numbered().seeks(&places).play();
        assert_lands(&seen, 0, name);
        let seen = case.numbered().rate(4.0).play();
        seen.plays_through(PARTS[2].end as f64 / RATE as f64);
        assert!(seen.frames as usize + 2 >= PARTS[2].end, "{name}: {seen:?}");
        assert!(
            seen.numbers.is_sorted_by(|one, next| one.1 <= next.1),
            "{name}: {seen:?}"
        );
    }
    for (file, first) in files.iter().zip(starts) {
        let seen = Case::at(file).numbered().seeks(&[3.04, -0.06, 1.04]).play();
        assert_lands(&seen, first, file);
    }

    let (small, large) = (PARTS[0].start..PARTS[1].end, PARTS[2].clone());
    let (place, number) = PLACE;
    for (file, pictures) in files.iter().zip([&small, &large]) {
        assert!(in_ffmpeg(file).into_iter().eq(pictures.clone()), "{file}");
        assert!(in_mpv(home, file).into_iter().eq(pictures.clone()), "{file}");
        assert!(
            in_gstreamer(home, file).into_iter().eq(pictures.clone()),
            "{file}"
        );
        assert!(run(&in_vlc(home, &[], file)).end + RATE >= pictures.end, "{file}");
    }
    // Behind the change of size the first three decode with the wrong init, and VLC ends.
    assert!(run(&in_ffmpeg(&hls)).end >= small.end);
    assert!(run(&in_mpv(home, &hls)).end >= small.end);
    assert!(run(&in_vlc(home, &[], &hls)).end + RATE >= small.end);
    assert!(in_gstreamer(home, &hls).into_iter().eq(0..large.end));

    let file = files[0].as_str();
    for (numbers, name) in [
        (in_ffmpeg_from(FFMPEG, place, file), "ffmpeg, MP4"),
        // Older ones do not seek in HLS with fragmented MP4, also of their own.
        (in_ffmpeg_from(ENHANCED, place, &hls), "a recent ffmpeg, HLS"),
        (in_gstreamer_from(home, place, file), "GStreamer, MP4"),
        (in_gstreamer_from(home, place, &hls), "GStreamer, HLS"),
        (in_vlc(home, &["--start-time", place], file), "VLC, MP4"),
        (in_vlc(home, &["--start-time", place], &hls), "VLC, HLS"),
    ] {
        assert!(numbers[0].abs_diff(number) <= 2, "{name}: {}", numbers[0]);
        assert!(
            run(&numbers).end + RATE >= small.end,
            "{name}: {:?}",
            run(&numbers)
        );
    }
    let sought = sought_in_mpv(home, &[place, "-0.1", "1.04"], file);
    let wanted = [number, small.end - 3, RATE];
    let near = |(one, wanted): (&usize, &usize)| one.abs_diff(*wanted) <= 2;
    assert!(
        sought.len() == wanted.len() && sought.iter().zip(&wanted).all(near),
        "mpv: {sought:?} for {wanted:?}"
    );
}

/// Fails unless each seek showed the picture of its place, or the one beside it. `first` is the number at the beginning.
#[track_caller]
pub(super) fn assert_lands(seen: &Seen, first: usize, name: &str) {
    assert!(!seen.fatal && !seen.seeks.is_empty(), "{name}: {seen:?}");
    for seek in &seen.seeks {
        let due = first as f64 + seek.at * RATE as f64;
        let number = seek.number.expect("a picture") as f64;
        assert!(
            seek.landed && (number + 0.5 - due).abs() <= 1.5,
            "{name}: {seek:?} shows not {due}"
        );
    }
}
