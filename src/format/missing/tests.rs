//! Numbered pictures of a tape that is cut apart. The tests check which of them each part shows.

use super::*;
use crate::format::mp4::{Mp4, tests::presented};
use crate::format::testing::{self, Reel, Shot, Take, all, rendered, steps};
use crate::format::{Growing as _, VirtualFile as _};

/// Slices of H.264 behind their lengths: an I slice of an IDR picture, an I slice of another picture, and a P slice.
const IDR: &[u8] = &[0, 0, 0, 4, 0x65, 0x88, 0x80, 1];
const INTRA: &[u8] = &[0, 0, 0, 4, 0x61, 0x88, 0x80, 1];
const OTHER: &[u8] = &[0, 0, 0, 2, 0x01, 0x9E];

/// Pictures in the order of their decoding, ten a second. Each comes with the number that says when it is shown, and with its
/// bytes if it is a keyframe. Pictures are shown 200 ms later than their number says.
fn tape(tracks: &crate::media::Tracks, pictures: &[(i64, Option<&[u8]>)]) -> Vec<Take> {
    let lasts = pictures.len() as i64 * 100;
    let mut shots = testing::shoot(&testing::sound_only(), 0, lasts, 0);
    if tracks.audio.is_none() {
        shots.clear();
    }
    for ((number, key), dts) in pictures.iter().zip((0..).step_by(100)) {
        let mut payload = key.unwrap_or(OTHER).to_vec();
        payload.extend(number.to_be_bytes());
        shots.push(Shot {
            kind: TrackKind::Video,
            dts,
            cts: i32::try_from(number * 100 + 200 - dts).unwrap(),
            key: key.is_some(),
            payload,
        });
    }
    vec![Take {
        shots,
        tracks: tracks.clone(),
        publish_zero: 7_000_000,
    }]
}

/// GOPs of a second. Each keyframe is decoded before two pictures that are shown before it.
fn open_gops(key: &'static [u8]) -> Vec<(i64, Option<&'static [u8]>)> {
    let mut pictures = Vec::new();
    for gop in (0..40).step_by(10) {
        pictures.extend([(gop + 2, Some(key)), (gop, None), (gop + 1, None)]);
        pictures.extend((gop + 3..gop + 10).map(|number| (number, None)));
    }
    pictures
}

/// One keyframe, and then P B B all along.
fn one_gop() -> Vec<(i64, Option<&'static [u8]>)> {
    let mut pictures = vec![(0, Some(IDR))];
    for number in (3..40).step_by(3) {
        pictures.extend([(number, None), (number - 2, None), (number - 1, None)]);
    }
    pictures
}

/// A recovery point of H.264 with P slices. Five more pictures must follow until the picture is whole.
const REFRESH: &[u8] = &[0, 0, 0, 5, 6, 6, 1, 0x34, 0x80, 0, 0, 0, 2, 0x41, 0x9A];

/// An IDR picture, and from then on a recovery point every second and no other keyframe.
fn refreshed() -> Vec<(i64, Option<&'static [u8]>)> {
    let key = |number: i64| match number {
        0 => Some(IDR),
        _ => (number % 10 == 0).then_some(REFRESH),
    };
    (0..40).map(|number| (number, key(number))).collect()
}

/// The part from a moment on, with what it misses.
fn from<S: TapeSource + Clone>(whole: &View<S>, at: Micros) -> View<S> {
    let part = whole.clone().cut(at, Micros::MAX).unwrap();
    let Some(missing) = part.missing().unwrap() else {
        return part;
    };
    match whole.clone().before(&missing).unwrap() {
        Some(lead) => part.behind(lead.segments, &missing),
        None => part,
    }
}

fn number(bytes: &[u8]) -> i64 {
    i64::from_be_bytes(bytes[bytes.len() - 8..].try_into().unwrap())
}

/// The numbers of the pictures that MP4 shows.
fn shown(view: View<Reel>) -> Vec<i64> {
    let bytes = all(&mut Mp4::open(view).unwrap());
    let mut pictures = presented(&bytes, 1);
    pictures.sort_by(|one, other| one.0.total_cmp(&other.0));
    pictures.iter().map(|picture| number(&picture.1)).collect()
}

fn both_sides(whole: &View<Reel>, at: Micros) -> [Vec<i64>; 2] {
    let before = whole.clone().cut(Micros::MIN, at).unwrap();
    [shown(before), shown(from(whole, at))]
}

#[test]
fn parts_that_meet_in_an_open_gop_show_every_picture_once_in_mp4() {
    let silent = crate::media::Tracks {
        audio: None,
        ..testing::both()
    };
    for (key, tracks) in [(INTRA, testing::both()), (INTRA, silent), (IDR, testing::both())] {
        let whole = testing::view(&tape(&tracks, &open_gops(key)));
        for second in [1, 2, 3] {
            let at = 7_000_000 + second * 1_000_000;
            let [before, behind] = both_sides(&whole, at);
            // The very first keyframe has nothing before it.
            let first = if key == IDR { 0 } else { 2 };
            assert!(before.into_iter().eq(first..second * 10), "{second}");
            assert!(behind.iter().copied().eq(second * 10..40), "{second}: {behind:?}");
        }
    }
}

#[test]
fn sound_begins_with_the_part_and_is_together_with_its_pictures() {
    let whole = testing::view(&tape(&testing::both(), &open_gops(INTRA)));
    let part = from(&whole, 9_000_000);
    let bytes = all(&mut Mp4::open(part).unwrap());
    let (pictures, sounds) = (presented(&bytes, 1), presented(&bytes, 2));
    let all_sounds = testing::shoot(&testing::sound_only(), 0, 4_000, 0);
    let wanted: Vec<_> = all_sounds.iter().filter(|shot| shot.dts >= 2 * 44_100).collect();
    assert_eq!(sounds.len(), wanted.len());
    let zero = wanted[0].dts as f64 / 44_100.0;
    for (sound, wanted) in sounds.iter().zip(&wanted) {
        assert!(sound.1 == wanted.payload);
        assert!((sound.0 - (wanted.dts as f64 / 44_100.0 - zero)).abs() < 0.001);
    }
    for (at, bytes) in &pictures {
        let wanted = number(bytes) as f64 / 10.0 + 0.2 - zero;
        assert!((at - wanted).abs() < 0.002, "{at} {wanted}");
    }
    // A file of sound alone has no part in it.
    let alone = all(&mut Mp4::open_audio(from(&whole, 9_000_000)).unwrap());
    let without = whole.cut(9_000_000, Micros::MAX).unwrap();
    assert!(alone == all(&mut Mp4::open_audio(without).unwrap()));
}

#[test]
fn formats_that_hide_nothing_begin_with_the_keyframe_as_before() {
    let whole = testing::view(&tape(&testing::both(), &open_gops(INTRA)));
    for (format, [pictures, sound]) in rendered(&from(&whole, 9_000_000)) {
        let numbers: Vec<i64> = pictures.iter().map(|picture| number(&picture.1)).collect();
        let wanted = [22].into_iter().chain(23..30).chain([32, 30, 31]).chain(33..40);
        match format {
            "MP4" => assert_eq!((numbers[0], numbers.len()), (12, 28), "{numbers:?}"),
            _ => assert!(numbers.iter().copied().eq(wanted), "{format}: {numbers:?}"),
        }
        assert!(sound.len().abs_diff(2 * 44_100 / 1_024) <= 1, "{format}");
    }
}

#[test]
fn parts_that_meet_without_a_keyframe_show_every_picture_once() {
    let whole = testing::view(&tape(&testing::both(), &one_gop()));
    // The cut is between two groups of P B B: all pictures before it are shown before those behind it.
    for cut in [1, 4, 13, 22] {
        let [before, behind] = both_sides(&whole, 7_000_000 + cut * 100_000);
        assert!(before.iter().copied().eq(0..cut), "{before:?}");
        assert!(behind.iter().copied().eq(cut..40), "{cut}: {behind:?}");
    }
    // The cut is within such a group. No picture is missing: the reference picture was decoded before, and both parts show it.
    let [before, behind] = both_sides(&whole, 8_100_000 + 100_000);
    assert_eq!(before[before.len() - 1], 12);
    assert!(behind.iter().copied().eq(11..40), "{behind:?}");
}

#[test]
fn what_is_not_the_same_tape_decodes_nothing() {
    let mut takes = tape(&testing::both(), &open_gops(INTRA));
    let misses = |whole: &View<Reel>, at: Micros| {
        let part = whole.clone().cut(at, Micros::MAX).unwrap();
        let missing = part.missing().unwrap().unwrap();
        whole.clone().before(&missing).unwrap().is_none()
    };
    let whole = testing::view(&takes);
    assert!(!misses(&whole, 9_000_000));
    // The tape has nothing before the first keyframe.
    assert!(misses(&whole, 7_000_000));
    // A part of what is before was deleted.
    takes[0]
        .shots
        .retain(|shot| !(1_000..2_000).contains(&shot.dts) || shot.kind == TrackKind::Audio);
    assert!(misses(&testing::view(&takes), 9_000_000));
    // The pictures before belong to another publish.
    let mut takes = tape(&testing::both(), &open_gops(INTRA));
    let (behind, before) = takes[0].shots.iter().cloned().partition(|shot| match shot.kind {
        TrackKind::Video => shot.dts >= 2_000,
        TrackKind::Audio => shot.dts >= 2 * 44_100,
    });
    takes[0].shots = before;
    let mut other = takes[0].clone();
    other.shots = behind;
    other.publish_zero += 1;
    let two = testing::view(&[takes[0].clone(), other.clone()]);
    assert!(misses(&two, 9_000_000));
    other.publish_zero -= 1;
    assert!(!misses(&testing::view(&[takes[0].clone(), other]), 9_000_000));
}

#[test]
fn pieces_of_a_file_show_every_picture_once() {
    let whole = testing::view(&tape(&testing::both(), &open_gops(INTRA)));
    let pieces = whole.split(1_000_000).unwrap();
    assert_eq!(pieces.len(), 4);
    let numbers: Vec<Vec<i64>> = pieces.into_iter().map(shown).collect();
    assert!(numbers.concat().into_iter().eq(2..40), "{numbers:?}");
}

#[test]
fn a_part_of_a_part_shows_what_was_asked_for() {
    let whole = testing::view(&tape(&testing::both(), &open_gops(INTRA)));
    let part = from(&whole, 9_000_000);
    let at = |number: i64| testing::SOME_DAY + 7_000_000 + number * 100_000 + 200_000;
    for (first, last) in [(0, 25), (20, 30), (21, 24), (22, 40), (25, 33)] {
        let trimmed = part.clone().trim(at(first), at(last)).unwrap();
        let numbers = shown(trimmed);
        assert!(
            numbers.iter().copied().eq(first.max(20)..last),
            "{first}: {numbers:?}"
        );
    }
}

#[test]
fn what_was_sent_of_a_file_that_grows_stays() {
    let whole = testing::view(&tape(&testing::both(), &open_gops(INTRA)));
    let last = Mp4::open(from(&whole, 8_000_000)).unwrap();
    for step in steps(&whole, true) {
        let part = from(&step, 8_000_000);
        if part.segments.is_empty() {
            continue;
        }
        let file = Mp4::open(part).unwrap();
        assert!(file.len() <= last.len());
        let settled = file.settled();
        assert_eq!(file.mark(settled), last.mark(settled));
    }
}

/// What MP4 decodes and does not show: the numbers of the first picture in the file, and of the first that is shown.
fn begins(view: View<Reel>) -> (i64, i64) {
    let bytes = all(&mut Mp4::open(view.clone()).unwrap());
    let decoded = crate::format::mp4::tests::found(&bytes, 1);
    (number(&decoded[0].3), shown(view)[0])
}

/// The numbers of the pictures that MP4 names as places to begin at.
fn keyframes(view: View<Reel>) -> Vec<i64> {
    let bytes = all(&mut Mp4::open(view).unwrap());
    let pictures = crate::format::mp4::tests::found(&bytes, 1).into_iter();
    let keys = pictures.filter(|picture| picture.2);
    keys.map(|picture| number(&picture.3)).collect()
}

#[test]
fn what_begins_at_a_recovery_point_is_decoded_from_the_one_before_in_mp4() {
    let whole = testing::view(&tape(&testing::both(), &refreshed()));
    for (second, first) in [(1, 0), (2, 10), (3, 20)] {
        let at = 7_000_000 + second * 1_000_000;
        let [before, behind] = both_sides(&whole, at);
        assert!(before.iter().copied().eq(0..second * 10), "{before:?}");
        assert!(behind.iter().copied().eq(second * 10..40), "{second}: {behind:?}");
        assert_eq!(begins(from(&whole, at)), (first, second * 10));
        // A player would begin to decode with the last keyframe at or before the first picture that is shown.
        let keys = [first].into_iter().chain((second * 10 + 10..40).step_by(10));
        assert!(keyframes(from(&whole, at)).into_iter().eq(keys));
    }
    // The other formats have nothing in front, because they cannot hide it.
    for (format, [pictures, _]) in rendered(&from(&whole, 9_000_000)) {
        let first = number(&pictures[0].1);
        assert_eq!(first, if format == "MP4" { 10 } else { 20 }, "{format}");
    }
    // The first picture of all has nothing before it and misses nothing.
    assert!(whole.missing().unwrap().is_none());
}

#[test]
fn a_part_begins_so_early_that_its_first_picture_is_refreshed() {
    let whole = testing::view(&tape(&testing::both(), &refreshed()));
    let at = |number: i64| testing::SOME_DAY + 7_000_000 + number * 100_000 + 200_000;
    // The picture is whole five pictures after a recovery point. An earlier picture needs the recovery point before, or else
    // the IDR picture.
    for (first, decoded) in [(9, 0), (14, 0), (15, 10), (24, 10), (25, 20), (30, 20)] {
        let part = whole.clone().trim(at(first), at(38)).unwrap();
        assert_eq!(begins(part.clone()), (decoded, first));
        let keys = keyframes(part);
        assert!(
            keys[0] == decoded && keys.iter().skip(1).all(|key| *key > first),
            "{keys:?}"
        );
    }
    // A part with nothing before it does not begin with a whole picture.
    let late = whole.cut(8_000_000, Micros::MAX).unwrap();
    assert_eq!(begins(late.trim(at(12), at(38)).unwrap()), (10, 12));
}
