//! A view that begins with a keyframe of an open GOP.

use super::*;
use crate::format::View;
use crate::format::testing::{self, Reel, Shot, Take, rendered, steps};

/// Slices of H.264 behind their lengths: an I slice of an IDR picture, and one of another picture.
const IDR: [u8; 8] = [0, 0, 0, 4, 0x65, 0x88, 0x80, 1];
const INTRA: [u8; 8] = [0, 0, 0, 4, 0x61, 0x88, 0x80, 1];

/// Ten pictures a second. The first of each second is a keyframe. The two pictures behind it are shown before it.
fn open_gops(key: [u8; 8]) -> Vec<Take> {
    let mut shots = testing::shoot(&testing::sound_only(), 0, 4_000, 0);
    for number in 0..40_i64 {
        let (cts, is_key) = match number % 10 {
            0 => (300, true),
            1 | 2 => (0, false),
            _ => (100, false),
        };
        let mut payload = if is_key {
            key.to_vec()
        } else {
            vec![0, 0, 0, 2, 1, 0x9E]
        };
        payload.extend(number.to_be_bytes());
        shots.push(Shot {
            kind: TrackKind::Video,
            dts: number * 100,
            cts,
            key: is_key,
            payload,
        });
    }
    vec![Take {
        shots,
        tracks: testing::both(),
        publish_zero: 0,
    }]
}

/// The numbers of the pictures that each format has, and how many frames of sound.
fn pictures(view: &View<Reel>) -> Vec<(&'static str, Vec<i64>, usize)> {
    let formats = rendered(view).into_iter();
    formats
        .map(|(format, [pictures, sound])| {
            let number = |bytes: &[u8]| i64::from_be_bytes(bytes[bytes.len() - 8..].try_into().unwrap());
            let numbers = pictures.iter().map(|picture| number(&picture.1)).collect();
            (format, numbers, sound.len())
        })
        .collect()
}

#[test]
fn what_leads_the_first_keyframe_of_a_view_is_left_out_of_every_format() {
    let cut = |key| {
        testing::view(&open_gops(key))
            .cut(1_000_000, Micros::MAX)
            .unwrap()
    };
    let sound = (1_000..4_000).len() * 44_100 / 1_024 / 1_000;
    for (format, numbers, frames) in pictures(&cut(INTRA)) {
        let wanted: Vec<i64> = (10..40).filter(|number| ![11, 12].contains(number)).collect();
        assert_eq!(numbers, wanted, "{format}");
        assert!(frames.abs_diff(sound) <= 1, "{format}: {frames} of {sound}");
    }
    // The pictures that follow an IDR picture refer to nothing before it.
    for (format, numbers, _) in pictures(&cut(IDR)) {
        assert!(numbers.into_iter().eq(10..40), "{format}");
    }
    // Each of several ranges begins anew.
    let twice = cut(INTRA).join(vec![cut(INTRA)]);
    for (format, numbers, _) in pictures(&twice).iter().filter(|(format, ..)| *format != "MP4") {
        assert_eq!(numbers.len(), 2 * 28, "{format}");
        assert!(!numbers.contains(&11) && !numbers.contains(&12), "{format}");
    }
}

#[test]
fn what_was_settled_stays_where_leading_pictures_are_left_out() {
    let view = testing::view(&open_gops(INTRA));
    let whole = crate::format::hls::Hls::growing(view.clone(), 1_000).unwrap();
    for step in steps(&view, true) {
        let short = crate::format::hls::Hls::growing(step, 1_000).unwrap();
        for chunk in 0..short.settled() {
            assert_eq!(short.chunk_mark(chunk), whole.chunk_mark(chunk));
            assert_eq!(short.chunk_len(chunk), whole.chunk_len(chunk));
        }
    }
}
