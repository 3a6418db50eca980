//! Ranges follow each other without a gap and lose nothing.

use super::*;
use crate::format::hls::Hls;
use crate::format::testing::{self, OnTape, Reel, Take, eventful, on_tape, rendered, two_segments, view_of};
use crate::media::{Micros, TrackKind};

fn range(takes: &[Take], reel: u8, start: Micros, end: Micros) -> View<Reel> {
    view_of(takes, reel).cut(start, end).unwrap()
}

/// Other footage, with other bytes: an encoder without B-pictures whose sound begins 7 ms after the picture.
fn other_footage() -> Vec<Take> {
    let tracks = testing::both();
    let mut shots = testing::shoot(&tracks, 2_000, 9_000, 309);
    for shot in &mut shots {
        shot.cts = 0;
        shot.payload.reverse();
    }
    vec![Take {
        tracks,
        publish_zero: 777_000_000_000,
        shots,
    }]
}

/// Asserts that every format has the samples of the ranges one after the other. Each range keeps its own times, moved as one,
/// and begins where the one before ends.
#[track_caller]
fn assert_spliced(ranges: &[View<Reel>]) {
    let (first, others) = ranges.split_first().unwrap();
    let joined = first.clone().join(others.to_vec());
    for (format, tracks) in rendered(&joined) {
        let mut at = [0, 0];
        let mut end = [f64::NEG_INFINITY; 2];
        for (number, range) in ranges.iter().enumerate() {
            let samples = on_tape(range);
            let mut moved: Option<f64> = None;
            for (track, kind) in [TrackKind::Video, TrackKind::Audio].into_iter().enumerate() {
                let own: Vec<&OnTape> = samples.iter().filter(|sample| sample.0 == kind).collect();
                let found = &tracks[track][at[track]..at[track] + own.len()];
                at[track] += own.len();
                for (found, own) in found.iter().zip(&own) {
                    assert!(
                        found.1 == own.2,
                        "{format}, range {number}: other bytes at {}",
                        found.0
                    );
                    let by = found.0 - own.1 as f64 / 1_000.0;
                    let expected = *moved.get_or_insert(by);
                    assert!(
                        (by - expected).abs() < 1.6,
                        "{format}, range {number}: {by} for {expected}"
                    );
                    assert!(
                        found.0 > end[track],
                        "{format}, range {number}: {} after {}",
                        found.0,
                        end[track]
                    );
                    end[track] = found.0;
                }
            }
            // At most one picture more than both tracks need, and the time that B-pictures are shown later.
            let next = tracks[0].get(at[0]).map_or(end[0] + 33.0, |next| next.0);
            assert!(
                next - end[0] < 33.4 + 100.1,
                "{format}: {} after range {number}",
                next - end[0]
            );
        }
        assert_eq!(at, [tracks[0].len(), tracks[1].len()], "{format}");
    }
}

#[test]
fn ranges_of_one_recording_follow_each_other() {
    let takes = two_segments();
    let range = |start, end| range(&takes, 0, start, end);
    assert_spliced(&[range(0, 900_000), range(3_000_000, 4_100_000)]);
    // The same segment twice, and backwards.
    assert_spliced(&[
        range(1_000_000, 1_500_000),
        range(0, 700_000),
        range(1_000_000, 1_900_000),
    ]);
}

#[test]
fn what_was_cut_apart_is_as_before_when_joined() {
    let takes = two_segments();
    let whole = rendered(&testing::view(&takes));
    let range = |start, end| range(&takes, 0, start, end);
    let cuts = vec![range(1_234_567, 3_000_000), range(3_000_000, Micros::MAX)];
    let joined = rendered(&range(Micros::MIN, 1_234_567).join(cuts));
    for ((format, whole), (_, joined)) in whole.iter().zip(&joined) {
        for (whole, joined) in whole.iter().flatten().zip(joined.iter().flatten()) {
            assert!(whole.1 == joined.1);
            // A cut in the middle of a GOP leaves pictures that are shown after pictures behind them.
            assert!(
                (whole.0 - joined.0).abs() < 101.0,
                "{format}: {} for {}",
                joined.0,
                whole.0
            );
        }
    }
}

#[test]
fn ranges_of_different_streams_follow_each_other() {
    let (takes, others) = (two_segments(), other_footage());
    let zero = others[0].publish_zero;
    assert_spliced(&[
        range(&takes, 0, 0, 2_400_000),
        range(&others, 1, zero + 3_000_000, zero + 5_500_000),
        range(&takes, 0, 2_000_000, 3_000_000),
        range(&others, 1, zero + 2_000_000, zero + 9_000_000),
    ]);
}

#[test]
fn many_ranges_do_not_drift_apart() {
    let (takes, others) = (two_segments(), other_footage());
    let zero = others[0].publish_zero;
    let ranges: Vec<_> = (0..60)
        .map(|number| match number % 3 {
            0 => range(&takes, 0, 1_000_000, 1_700_000),
            1 => range(&others, 1, zero + 4_000_000, zero + 4_300_000 + number * 1_001),
            _ => range(&takes, 0, 3_000_000, 3_000_001 + number * 9_000),
        })
        .collect();
    assert_spliced(&ranges);
}

#[test]
fn a_break_within_a_range_is_told_by_its_date() {
    let takes = eventful();
    let joined = range(&takes, 0, 7_000_000, 7_500_000).join(vec![range(&takes, 0, 9_000_000, Micros::MAX)]);
    let hls = Hls::open(joined, 1_000).unwrap();
    let text = String::from_utf8(hls.playlist().to_vec()).unwrap();
    // The splice, with its new configuration. The break behind it is closed, and its date tells of it.
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{text}");
    let dates = ["03:04:12.711Z", "03:04:14.711Z", "03:04:23.056Z"];
    assert!(dates.iter().all(|date| text.contains(date)), "{text}");
}

#[test]
fn what_is_shown_of_a_range_is_shown_before_the_next() {
    let (takes, others) = (two_segments(), other_footage());
    let zero = others[0].publish_zero;
    // The first range ends after a picture that is shown behind three others, and two of these are not there. The second range
    // shows every picture as it is decoded.
    let first = range(&takes, 0, 0, 2_134_000);
    let pictures = on_tape(&first.clone().only(TrackKind::Video)).len();
    let joined = first.join(vec![range(&others, 1, zero + 3_000_000, zero + 4_000_000)]);
    let mp4 = testing::all(&mut crate::format::mp4::Mp4::open(joined).unwrap());
    let found = crate::format::mp4::tests::found(&mp4, 1);
    let shown: Vec<i64> = found
        .iter()
        .map(|sample| sample.0 as i64 + i64::from(sample.1))
        .collect();
    let (before, after) = shown.split_at(pictures);
    assert!(!before.is_sorted(), "{before:?}");
    let (last, next) = (before.iter().max().unwrap(), after.iter().min().unwrap());
    assert!((30..=35).contains(&(next - last)), "{last} {next}");
}

#[test]
fn a_range_without_picture_follows_one_without_sound() {
    let takes = two_segments();
    let pictures = range(&takes, 0, 0, 2_400_000).only(TrackKind::Video);
    let sound = range(&takes, 0, 1_000_000, 2_000_000).only(TrackKind::Audio);
    for (format, [video, audio]) in rendered(&pictures.clone().join(vec![sound.clone(), pictures.clone()])) {
        let before = video[video.len() / 2 - 1].0;
        let after = video[video.len() / 2].0;
        let (first, last) = (audio[0].0, audio.last().unwrap().0);
        assert!(
            (30.0..70.0).contains(&(first - before)),
            "{format}: {first} after {before}"
        );
        assert!(
            (20.0..70.0).contains(&(after - last)),
            "{format}: {after} after {last}"
        );
    }
}
