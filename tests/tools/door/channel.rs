//! A channel in players: over the border between items, round again, and to its end. The numbers of pictures begin again with each
//! item.

use std::ops::Range;

use super::live::BEFORE_SIZE;
use super::others::{in_ffmpeg, in_ffmpeg_for, in_mpv, in_mpv_for, in_vlc};
use super::programme::{OpenDoor, RATE, clip};
use crate::browser::{Case, Seen, Shown};
use crate::support::{home, wait_closed_of};

/// Seconds of the two recordings, which have pictures of two sizes. Each is one chunk.
const LENGTHS: [u32; 2] = [6, 5];
/// Seconds of a loop that players play: of the longer item alone, two borders at the least.
const PLAYED: &str = "20";

#[test]
fn a_channel_plays_over_its_borders_round_again_and_to_its_end() {
    let door = OpenDoor::start();
    let [one, other] = [0, 1].map(|item| {
        let file = door.home.path().join(format!("{item}.flv"));
        let stream = format!("live/item{item}");
        clip(&file, item + 1, LENGTHS[item]);
        door.publish(&file, &stream);
        door.typed(&["recording", "finish", &stream]);
        wait_closed_of(&door.service.data(), &stream).id
    });
    let channel = |name: &str, items: [&str; 2], play: &str| {
        door.typed(&["channel", "put", name, items[0], items[1], "--play", play]);
        door.url(&format!("/channel/{name}/master.m3u8"))
    };
    let once = channel("once", [&one, &one], "once");
    let alike = channel("alike", [&one, &one], "loop");
    let mixed = channel("mixed", [&one, &other], "loop");
    let hls = Case::at(&mixed).limit(24.0).follow();
    let run_time = format!("--run-time={PLAYED}");
    let options = [run_time.as_str()];
    std::thread::scope(|scope| {
        let [once, alike, mixed] = [&once, &alike, &mixed].map(String::as_str);
        scope.spawn(|| is_whole("ffmpeg", &in_ffmpeg(once)));
        scope.spawn(|| is_whole("mpv", &in_mpv(home().path(), once)));
        scope.spawn(|| is_whole("VLC", &in_vlc(home().path(), &[], once)));
        scope.spawn(|| goes_round("ffmpeg", &in_ffmpeg_for(PLAYED, alike)));
        scope.spawn(|| goes_round("mpv", &in_mpv_for(home().path(), PLAYED, alike)));
        scope.spawn(|| goes_round("VLC", &in_vlc(home().path(), &options, alike)));
        // Behind the border these decode with the init of the first item. VLC may do so from the beginning, and ends there.
        scope.spawn(|| is_right_to_a_border("ffmpeg", &in_ffmpeg_for(PLAYED, mixed)));
        scope.spawn(|| is_right_to_a_border("mpv", &in_mpv_for(home().path(), PLAYED, mixed)));
    });
    assert_alternates(&hls.end());
}

/// The number of pictures of an item.
fn pictures(item: usize) -> usize {
    LENGTHS[item] as usize * RATE
}

/// Pictures that follow each other.
fn runs(numbers: &[usize]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some(run) if run.end == *number => run.end += 1,
            _ => runs.push(*number..number + 1),
        }
    }
    runs
}

/// Both items, each picture once. VLC keeps some of the last ones.
#[track_caller]
fn is_whole(player: &str, numbers: &[usize]) {
    let runs = runs(numbers);
    let kept = if player == "VLC" { RATE } else { 0 };
    let is_whole = match runs.as_slice() {
        [first, second] => {
            *first == (0..pictures(0)) && second.start == 0 && second.end + kept >= pictures(0)
        }
        _ => false,
    };
    assert!(is_whole, "{player}: {runs:?}");
}

/// The same item again and again, from any place on and to any place.
#[track_caller]
fn goes_round(player: &str, numbers: &[usize]) {
    let runs = runs(numbers);
    let last = runs.len() - 1;
    assert!(last >= 2, "{player}: {runs:?}");
    for (place, run) in runs.iter().enumerate() {
        assert!(place == 0 || run.start == 0, "{player}: {runs:?}");
        assert!(place == last || run.end == pictures(0), "{player}: {runs:?}");
    }
}

/// The first item that is played is right.
#[track_caller]
fn is_right_to_a_border(player: &str, numbers: &[usize]) {
    let runs = runs(numbers);
    let first = runs.first().expect("a picture");
    assert!(
        [pictures(0), pictures(1)].contains(&first.end),
        "{player}: {runs:?}"
    );
}

/// Fails unless hls.js showed one item behind the other, each in its size and in the order of its pictures, over two borders at
/// the least. A busy machine does not show all pictures.
#[track_caller]
fn assert_alternates(seen: &Seen) {
    assert!(!seen.fatal, "{seen:?}");
    let mut items: Vec<Vec<usize>> = Vec::new();
    let mut before = None;
    for Shown(_, number, width) in &seen.numbers {
        // An item is over when its size changes.
        if before != Some(*width) {
            items.push(Vec::new());
        }
        before = Some(*width);
        items.last_mut().unwrap().push(*number);
    }
    assert!(items.len() >= 3, "{items:?}");
    for item in &items {
        // The size is told a moment after the first picture that has it: the next item may have begun.
        let next = item
            .iter()
            .rev()
            .take_while(|number| **number < BEFORE_SIZE)
            .count();
        let own = item.get(BEFORE_SIZE..item.len() - next).unwrap_or_default();
        assert!(own.is_sorted_by(|one, next| one <= next), "{items:?}");
    }
}
