use std::io::Cursor;

use bytes::Bytes;

use super::*;
use crate::format::testing::{self, SOME_DAY, Shot, all};

/// The bytes of the only sample of a file, with its ticks.
fn picture(bytes: &[u8]) -> (Vec<u8>, u32) {
    let mut reader = ::mp4::Mp4Reader::read_header(Cursor::new(bytes), bytes.len() as u64).unwrap();
    assert_eq!(reader.tracks().len(), 1);
    assert_eq!(reader.sample_count(1).unwrap(), 1);
    let sample = reader.read_sample(1, 1).unwrap().unwrap();
    assert!(sample.is_sync);
    (sample.bytes.to_vec(), sample.duration)
}

fn keys(shots: &[Shot]) -> Vec<&Shot> {
    shots
        .iter()
        .filter(|shot| shot.kind == TrackKind::Video && shot.key)
        .collect()
}

#[test]
fn the_keyframe_at_or_before_is_the_only_sample() {
    let takes = testing::two_segments();
    let shots: Vec<Shot> = takes.iter().flat_map(|take| take.shots.clone()).collect();
    let keys = keys(&shots);
    for (ms, key) in [
        (33, 0),
        (1_032, 0),
        (1_033, 1),
        (2_500, 2),
        (4_040, 4),
        (99_999, 4),
    ] {
        let view = testing::view(&takes);
        let mut still = view.still(SOME_DAY + ms * 1_000).unwrap().unwrap();
        let bytes = all(&mut still);
        let (payload, _) = picture(&bytes);
        assert!(payload == keys[key].payload, "{ms}");
        // The keyframe of a second is presented 33 ms after it is decoded.
        assert_eq!(still.utc(), SOME_DAY + key as i64 * 1_000_000 + 33_000);
        // The tape is held back by DTS.
        assert_eq!(still.entry(), takes[0].publish_zero + key as i64 * 1_000_000);
        let at = |kind: &[u8]| bytes.windows(4).position(|word| word == kind).unwrap();
        assert!(at(b"moov") < at(b"mdat"));
        assert!(bytes.len() < payload.len() + 1_500);
    }
    let view = testing::view(&takes);
    assert!(view.clone().still(SOME_DAY + 32_000).unwrap().is_none());
    let last = view.still(Micros::MAX).unwrap().unwrap();
    assert_eq!(last.utc(), SOME_DAY + 4_033_000);
}

#[test]
fn a_time_in_a_break_shows_the_picture_before_it() {
    let takes = testing::eventful();
    let utc = SOME_DAY + takes[3].publish_zero;
    let still = |at| testing::view(&takes).still(at).unwrap().unwrap().utc();
    assert_eq!(still(utc - 1_000_000), SOME_DAY + 10_033_000);
    assert_eq!(still(utc + 33_000), utc + 33_000);
}

#[test]
fn the_part_of_a_view_that_is_shown_does_not_matter() {
    let view = testing::view(&testing::two_segments()).shown_from(1_500_000);
    let mut still = view.still(SOME_DAY + 1_600_000).unwrap().unwrap();
    assert_eq!(still.utc(), SOME_DAY + 1_033_000);
    picture(&all(&mut still));
}

#[test]
fn sound_alone_has_no_still_and_the_error_says_so() {
    let tracks = testing::sound_only();
    let take = testing::Take {
        shots: testing::shoot(&tracks, 0, 2_000, 0),
        tracks: tracks.clone(),
        publish_zero: 0,
    };
    let frame = Frame {
        kind: TrackKind::Audio,
        dts: 0,
        cts: 0,
        key: true,
        payload: Bytes::from_static(b"sound"),
    };
    let in_memory = Still::of_picture(&Picture {
        tracks: &tracks,
        frame: &frame,
        next_dts: None,
        publish_zero_utc: 0,
    });
    let on_tape = testing::view(&[take]).still(Micros::MAX);
    for error in [in_memory.err().unwrap(), on_tape.err().unwrap()] {
        let said = "frame.mp4 cannot carry this recording: it has no picture, only sound";
        assert_eq!(error.to_string(), said);
    }
    assert!(testing::view(&[]).still(Micros::MAX).is_err());
}

#[test]
fn a_keyframe_in_memory_makes_the_same_file_as_on_the_tape() {
    for takes in [
        testing::two_segments(),
        vec![testing::ticking(90_000, 3_003, 4, 1)],
    ] {
        let shots: Vec<Shot> = takes.iter().flat_map(|take| take.shots.clone()).collect();
        let video: Vec<&Shot> = shots
            .iter()
            .filter(|shot| shot.kind == TrackKind::Video)
            .collect();
        let zero = takes[0].publish_zero;
        let scale = takes[0].tracks.timescale(TrackKind::Video).unwrap();
        for (at, key) in video.iter().enumerate().filter(|(_, shot)| shot.key).skip(1) {
            let frame = Frame {
                kind: TrackKind::Video,
                dts: key.dts,
                cts: key.cts,
                key: true,
                payload: Bytes::from(key.payload.clone()),
            };
            let mut memory = Still::of_picture(&Picture {
                tracks: &takes[0].tracks,
                frame: &frame,
                next_dts: video.get(at + 1).map(|next| next.dts),
                publish_zero_utc: SOME_DAY + zero,
            })
            .unwrap();
            let shown = crate::media::rescale(frame.pts(), scale, 1_000_000);
            let utc = SOME_DAY + zero + shown;
            let mut tape = testing::view(&takes).still(utc).unwrap().unwrap();
            assert_eq!((memory.utc(), tape.utc()), (utc, utc));
            assert!(all(&mut memory) == all(&mut tape), "{at}");
        }
    }
}
