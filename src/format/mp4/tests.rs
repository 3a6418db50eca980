//! What other people's parsers find in our files.

use std::io::Cursor;
use std::sync::Arc;

use proptest::prelude::*;

use crate::format::index::{FragmentIndex, Run, Sample, SampleIndex};
use crate::format::testing::{self, Shot, Take, all, assert_same_in_pieces, expected};
use crate::format::{
    FileError, Gaps, Kept, SourceError, TapeSource, TrackBase, View, ViewSegment, VirtualFile,
};
use crate::media::{AudioConfig, SegmentId, TrackKind, Tracks};

use super::Mp4;

/// Samples as the crate `mp4` finds them: (start time, rendering offset, sync, bytes).
pub(in crate::format) fn found(bytes: &[u8], track: u32) -> Vec<(u64, i32, bool, Vec<u8>)> {
    let mut reader = mp4::Mp4Reader::read_header(Cursor::new(bytes), bytes.len() as u64).unwrap();
    let count = reader.sample_count(track).unwrap();
    (1..=count)
        .map(|number| {
            let sample = reader.read_sample(track, number).unwrap().unwrap();
            (
                sample.start_time,
                sample.rendering_offset,
                sample.is_sync,
                sample.bytes.to_vec(),
            )
        })
        .collect()
}

fn assert_carries(takes: &[Take], kind: TrackKind, bytes: &[u8], track: u32) {
    let shots: Vec<Shot> = expected(takes)
        .into_iter()
        .filter(|shot| shot.kind == kind)
        .collect();
    let mut samples = found(bytes, track);
    samples.retain(|sample| !testing::is_silence(&sample.3));
    assert_eq!(samples.len(), shots.len());
    for ((start, cts, sync, payload), shot) in samples.into_iter().zip(&shots) {
        assert_eq!(start as i64, shot.dts - shots[0].dts);
        assert_eq!(cts, shot.cts);
        assert_eq!(sync, shot.key);
        assert!(payload == shot.payload);
    }
}

/// `elst` of a track: (segment duration, media time).
pub(in crate::format) fn edits(bytes: &[u8], track: u32) -> Vec<(u64, i64)> {
    let reader = mp4::Mp4Reader::read_header(Cursor::new(bytes), bytes.len() as u64).unwrap();
    let elst = reader.tracks()[&track]
        .trak
        .edts
        .as_ref()
        .unwrap()
        .elst
        .as_ref()
        .unwrap();
    elst.entries
        .iter()
        .map(|e| (e.segment_duration, i64::from(e.media_time as u32 as i32)))
        .collect()
}

#[test]
fn every_sample_is_where_the_tables_say() {
    for takes in [testing::two_segments(), testing::eventful()] {
        let bytes = all(&mut Mp4::open(testing::view(&takes)).unwrap());
        assert_carries(&takes, TrackKind::Video, &bytes, 1);
        assert_carries(&takes, TrackKind::Audio, &bytes, 2);
        let sound = all(&mut Mp4::open_audio(testing::view(&takes)).unwrap());
        assert_carries(&takes, TrackKind::Audio, &sound, 2);
    }
}

#[test]
fn the_earliest_presentation_is_at_zero_and_offsets_are_exact() {
    let bytes = all(&mut Mp4::open(testing::view(&testing::two_segments())).unwrap());
    // Pictures begin 33 ms after their decode time zero, sound at 20 ms; movie time is in 1/441000 s.
    assert_eq!(edits(&bytes, 1)[0], (13 * 441, -1));
    assert_eq!(edits(&bytes, 1)[1].1, 33);
    assert_eq!(edits(&bytes, 2)[0].1, 0);

    let bytes = all(&mut Mp4::open(testing::view(&testing::eventful())).unwrap());
    assert_eq!(edits(&bytes, 2)[0].1, 0);
    // The sound begins at -40 ms. The first picture is shown at 1033 ms.
    assert_eq!(edits(&bytes, 1)[0].0, 1_073 * 441);
}

#[test]
fn what_the_encoder_of_opus_was_late_by_is_not_presented() {
    let tracks = Tracks {
        audio: Some(Arc::new(testing::opus())),
        ..testing::both()
    };
    for sound_from in [0, 48 * 20, 48 * 200] {
        let take = Take {
            shots: testing::shoot(&tracks, 0, 3_000, sound_from),
            tracks: tracks.clone(),
            publish_zero: 0,
        };
        let bytes = all(&mut Mp4::open(testing::view(&[take])).unwrap());
        // For each entry: the movie time of its presentation, in 1/48000 s, and the media time it begins at.
        let begins = |track| match edits(&bytes, track).as_slice() {
            [(_, media)] => (0, *media),
            [(empty, -1), (_, media)] => (*empty as i64, *media),
            other => panic!("{other:?}"),
        };
        let (picture, sound) = (begins(1), begins(2));
        assert_eq!((picture.1, sound.1), (33, 312));
        assert_eq!(picture.0.min(sound.0), 0);
        // The first picture is presented at 33 ms.
        assert_eq!(sound.0 - picture.0, sound_from + 312 - 33 * 48);
        assert!(bytes.windows(8).any(|word| word == b"sgpd\x01\0\0\0"));
    }
    // A shorter take: all of it is presented.
    let take = Take {
        shots: vec![Shot {
            kind: TrackKind::Audio,
            dts: 0,
            cts: 0,
            key: true,
            payload: vec![1; 20],
        }],
        tracks: Tracks {
            video: None,
            audio: Some(Arc::new(AudioConfig {
                frame_samples: 120,
                ..testing::opus()
            })),
        },
        publish_zero: 0,
    };
    let bytes = all(&mut Mp4::open_audio(testing::view(&[take])).unwrap());
    assert_eq!(edits(&bytes, 2)[0].1, 0);
}

#[test]
fn a_new_configuration_is_a_second_sample_entry() {
    let bytes = all(&mut Mp4::open(testing::view(&testing::eventful())).unwrap());
    let reader = mp4::Mp4Reader::read_header(Cursor::new(&bytes), bytes.len() as u64).unwrap();
    let stbl = &reader.tracks()[&1].trak.mdia.minf.stbl;
    let used: Vec<u32> = stbl
        .stsc
        .entries
        .iter()
        .map(|e| e.sample_description_index)
        .collect();
    assert!(used.starts_with(&[1]) && used.ends_with(&[2]), "{used:?}");
}

#[test]
fn negative_composition_offsets_are_shifted_and_trimmed() {
    let mut takes = testing::two_segments();
    let shots = takes.iter_mut().flat_map(|take| &mut take.shots);
    for shot in shots.filter(|shot| shot.kind == TrackKind::Video) {
        shot.cts -= 50;
    }
    let bytes = all(&mut Mp4::open(testing::view(&takes)).unwrap());
    let shown: Vec<i64> = found(&bytes, 1)
        .iter()
        .map(|s| s.0 as i64 + i64::from(s.1))
        .collect();
    assert!(found(&bytes, 1).iter().all(|sample| sample.1 >= 0));
    let trimmed = edits(&bytes, 1)[0].1;
    assert_eq!(shown.iter().min(), Some(&trimmed));
}

#[test]
fn changing_the_coding_is_refused_by_name() {
    let mut takes = testing::eventful();
    takes[3].tracks.audio = Some(Arc::new(testing::opus()));
    let error = Mp4::open(testing::view(&takes)).err().unwrap();
    assert!(error.to_string().contains("from aac to opus"), "{error}");
    let silent = Take {
        tracks: Tracks {
            audio: None,
            ..testing::both()
        },
        shots: testing::shoot(
            &Tracks {
                audio: None,
                ..testing::both()
            },
            0,
            1_000,
            0,
        ),
        publish_zero: 0,
    };
    let error = Mp4::open_audio(testing::view(&[silent])).err().unwrap();
    assert_eq!(
        error.to_string(),
        "m4a cannot carry this recording: it has no sound"
    );
    assert!(matches!(
        Mp4::open(testing::view(&[])),
        Err(FileError::Unsupported { .. })
    ));
}

#[test]
fn the_boxes_are_as_golden() {
    let bytes = all(&mut Mp4::open(testing::view(&testing::eventful())).unwrap());
    insta::assert_snapshot!(outline(&bytes, 0));
}

fn outline(mut bytes: &[u8], depth: usize) -> String {
    let mut text = String::new();
    while bytes.len() >= 8 {
        let size = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
        let kind = std::str::from_utf8(&bytes[4..8]).unwrap_or("????");
        text += &format!("{}{kind} {size}\n", "  ".repeat(depth));
        if ["moov", "trak", "mdia", "minf", "stbl", "edts", "dinf", "udta"].contains(&kind) {
            text += &outline(&bytes[8..size], depth + 1);
        }
        bytes = &bytes[size..];
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_way_of_reading_gives_the_same_bytes(lengths in prop::collection::vec(1_usize..70_000, 1..8)) {
        let view = testing::view(&testing::eventful());
        let whole = all(&mut Mp4::open(view.clone()).unwrap());
        assert_same_in_pieces(&mut Mp4::open(view).unwrap(), &whole, &lengths);
    }
}

/// A file of six gigabytes that does not exist: every byte of the media is the low byte of its offset.
struct Endless;

impl TapeSource for Endless {
    fn index(&self, _: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        let sample = Sample {
            size: 50 << 20,
            duration: 1_000,
            cts: 0,
            key: true,
        };
        let fragments = (0..128).map(|n| FragmentIndex {
            offset: n << 30,
            len: 50 << 20,
            video: Run {
                first_dts: n * 1_000,
                data_offset: (n << 30) + 3,
                samples: vec![sample],
            },
            audio: Run::default(),
        });
        Ok(Arc::new(SampleIndex {
            fragments: fragments.collect(),
        }))
    }

    fn read_exact_at(&self, _: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        for (byte, at) in buf.iter_mut().zip(offset..) {
            *byte = at as u8;
        }
        Ok(())
    }
}

#[test]
fn beyond_four_gigabytes_offsets_are_64_bits() {
    let segment = ViewSegment {
        id: SegmentId::from_bytes([1; 16]),
        tracks: Tracks {
            audio: None,
            ..testing::both()
        },
        base: TrackBase::default(),
        publish_zero: 0,
        publish_zero_utc: testing::SOME_DAY,
        end: None,
        kept: Kept::default(),
        range: 0,
        gaps: Gaps::Close,
        silence: None,
        filled: None,
        in_step: None,
    };
    let view = View {
        segments: vec![segment].into(),
        source: Endless,
    };
    let mut file = Mp4::open(view).unwrap();
    assert!(file.len() > 6 << 30);
    let mut front = vec![0; 1 << 20];
    file.read_at(0, &mut front).unwrap();
    let at = |kind: &[u8]| front.windows(4).position(|four| four == kind).unwrap();
    let co64 = at(b"co64") + 8;
    let count = u32::from_be_bytes(front[co64..co64 + 4].try_into().unwrap());
    assert_eq!(count, 128);
    let mdat = at(b"mdat");
    assert_eq!(front[mdat - 4..mdat], [0, 0, 0, 1]);
    let size = u64::from_be_bytes(front[mdat + 4..mdat + 12].try_into().unwrap());
    assert_eq!(mdat as u64 - 4 + size, file.len());
    for chunk in [0_usize, 77, 127] {
        let entry = co64 + 4 + chunk * 8;
        let offset = u64::from_be_bytes(front[entry..entry + 8].try_into().unwrap());
        let mut byte = [0];
        file.read_at(offset, &mut byte).unwrap();
        assert_eq!(byte, [3]);
        file.read_at(offset + (50 << 20) - 1, &mut byte).unwrap();
        assert_eq!(byte, [2]);
    }
}

/// What an edit list shows of a track: movie time and bytes of the presented pictures or frames of sound.
pub(in crate::format) fn presented(bytes: &[u8], track: u32) -> Vec<(f64, Vec<u8>)> {
    let reader = mp4::Mp4Reader::read_header(Cursor::new(bytes), bytes.len() as u64).unwrap();
    let movie = f64::from(reader.moov.mvhd.timescale);
    let rate = f64::from(reader.tracks()[&track].timescale());
    let found = found(bytes, track);
    let (mut at, mut out) = (0.0, Vec::new());
    for (duration, media) in edits(bytes, track) {
        let lasts = duration as f64 / movie;
        if media >= 0 {
            let from = media as f64 / rate;
            let pts = |sample: &(u64, i32, bool, Vec<u8>)| (sample.0 as f64 + f64::from(sample.1)) / rate;
            let within = |sample: &&(u64, i32, bool, Vec<u8>)| {
                pts(sample) > from - 0.000_02 && pts(sample) < from + lasts - 0.000_5
            };
            let mut shown: Vec<_> = found
                .iter()
                .filter(within)
                .map(|sample| (at + pts(sample) - from, sample.3.clone()))
                .collect();
            shown.sort_by(|one, other| one.0.total_cmp(&other.0));
            out.extend(shown);
        }
        at += lasts;
    }
    out
}

/// The pictures of takes that are presented in a range of tape, in milliseconds, in the order of their presentation.
fn pictures(takes: &[Take], from_ms: i64, to_ms: i64) -> Vec<(i64, Vec<u8>)> {
    let shots = takes.iter().flat_map(|take| &take.shots);
    let shots = shots.filter(|shot| shot.kind == TrackKind::Video);
    let pts = |shot: &Shot| shot.dts + i64::from(shot.cts);
    let mut shown: Vec<_> = shots
        .filter(|shot| (from_ms..to_ms).contains(&pts(shot)))
        .map(|shot| (pts(shot), shot.payload.clone()))
        .collect();
    shown.sort();
    shown
}

#[test]
fn a_part_shows_exactly_the_pictures_presented_in_it() {
    let takes = testing::two_segments();
    for from_ms in [40, 500, 1_000, 1_033, 1_433, 2_999, 3_700] {
        for lasts_ms in [50, 700, 733, 1_001] {
            let at = |ms: i64| testing::SOME_DAY + ms * 1_000;
            let part = testing::view(&takes).trim(at(from_ms), at(from_ms + lasts_ms));
            let bytes = all(&mut Mp4::open(part.unwrap()).unwrap());
            let wanted = pictures(&takes, from_ms, from_ms + lasts_ms);
            let shown = presented(&bytes, 1);
            assert_eq!(shown.len(), wanted.len(), "{from_ms}, {lasts_ms}");
            for (shown, wanted) in shown.iter().zip(&wanted) {
                let at = (wanted.0 - from_ms) as f64 / 1_000.0;
                assert!(
                    (shown.0 - at).abs() < 0.001,
                    "{from_ms}, {lasts_ms}: {} {at}",
                    shown.0
                );
                assert!(shown.1 == wanted.1, "{from_ms}, {lasts_ms} at {at}");
            }
            // The sound stays where it was, and none of it is hidden.
            let sound = takes.iter().flat_map(|take| &take.shots);
            let first = sound
                .filter(|shot| shot.kind == TrackKind::Audio && shot.dts * 10 >= from_ms * 441)
                .min_by_key(|shot| shot.dts)
                .unwrap();
            let mut heard = presented(&bytes, 2);
            heard.retain(|heard| !testing::is_silence(&heard.1));
            let at = first.dts as f64 / 44_100.0 - from_ms as f64 / 1_000.0;
            assert!((heard[0].0 - at).abs() < 0.001, "{from_ms}: {} {at}", heard[0].0);
            assert!(heard[0].1 == first.payload);
        }
    }
}

#[test]
fn five_hundred_ranges_show_what_was_asked_for_and_do_not_drift() {
    let takes = testing::two_segments();
    let at = |ms: i64| testing::SOME_DAY + ms * 1_000;
    let ranges: Vec<(i64, i64)> = (0..500)
        .map(|number| (100 + number * 7 % 3_700, 250 + number * 13 % 400))
        .collect();
    let mut parts = ranges.iter().map(|(from, lasts)| {
        let part = testing::view(&takes).trim(at(*from), at(from + lasts));
        part.unwrap()
    });
    let first = parts.next().unwrap();
    let bytes = all(&mut Mp4::open(first.join(parts.collect())).unwrap());
    let (shown, heard) = (presented(&bytes, 1), presented(&bytes, 2));
    let sounds: Vec<&Shot> = takes
        .iter()
        .flat_map(|take| &take.shots)
        .filter(|shot| shot.kind == TrackKind::Audio)
        .collect();
    let (mut begins, mut pictures_shown, mut sound) = (0, shown.iter(), 0);
    for (from_ms, lasts_ms) in ranges {
        for wanted in pictures(&takes, from_ms, from_ms + lasts_ms) {
            let shown = pictures_shown.next().unwrap();
            let at = (begins + wanted.0 - from_ms) as f64 / 1_000.0;
            assert!((shown.0 - at).abs() < 0.001, "{from_ms}: {} {at}", shown.0);
            assert!(shown.1 == wanted.1, "{from_ms} at {at}");
        }
        // Played end to end, the sound of the range is within half a frame of the picture.
        let from = begins as f64 / 1_000.0;
        for shot in &sounds {
            let own = shot.dts as f64 / 44_100.0 - from_ms as f64 / 1_000.0;
            if own < 0.05 || own > lasts_ms as f64 / 1_000.0 - 0.05 {
                continue;
            }
            let found = heard.iter().skip(sound).position(|heard| heard.1 == shot.payload);
            sound += found.unwrap();
            let played = heard[0].0 + sound as f64 * 1_024.0 / 44_100.0;
            let off = played - from - own;
            assert!(off.abs() < 0.0126, "{from_ms}: {off}");
        }
        begins += lasts_ms;
    }
    assert_eq!(pictures_shown.next(), None);
}

#[test]
fn a_track_that_ends_before_what_is_shown_is_left_out() {
    let mut takes = testing::two_segments();
    let pictures = |take: &mut Take| take.shots.retain(|shot| shot.kind == TrackKind::Video);
    pictures(&mut takes[1]);
    let view = testing::view(&takes).shown_from(3_500_000);
    let bytes = all(&mut Mp4::open(view).unwrap());
    let reader = mp4::Mp4Reader::read_header(Cursor::new(&bytes), bytes.len() as u64).unwrap();
    assert_eq!(reader.tracks().keys().collect::<Vec<_>>(), [&1]);
    assert_eq!(found(&bytes, 1).len(), 135);
}
