//! Chunks from the tape and from memory.

use proptest::prelude::*;

use super::footage::{Sent, footage, plain, sent};
use crate::format::fragmented::tests::samples;
use crate::format::hls::live::{ChunkBytes, ChunkFile, ChunkFrames, ChunkPlace, Init};
use crate::format::testing::{self, all, assert_same_in_pieces, timescales};
use crate::media::{TargetDuration, TrackKind};

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_same_frames_are_the_same_bytes_from_the_tape_and_from_memory(
        sent in sent(),
        together in 2..70_usize,
        cut in any::<prop::sample::Index>(),
    ) {
        let footage = footage(&sent);
        // The last chunk is never complete, so that its last picture has no end.
        let count = footage.chunks.len() - 1;
        prop_assume!(count > 0);
        let cut = cut.index(count);
        for these in [0..cut, cut..count] {
            if these.is_empty() {
                continue;
            }
            let (segment, source, places) = footage.on_tape(these.clone(), together);
            for (chunk, place) in these.zip(&places) {
                let mut memory = footage.in_memory(chunk);
                let mut tape = ChunkFile::open(segment.clone(), source.clone(), place).unwrap();
                prop_assert_eq!(memory.facts(), tape.facts());
                prop_assert_eq!(memory.tag(), tape.tag());
                prop_assert_eq!(segment.chunk_facts(&source.index, place).unwrap(), tape.facts());
                let bytes = all(&mut tape);
                prop_assert_eq!(bytes.len() as u64, tape.facts().bytes);
                prop_assert!(all(&mut memory) == bytes);
                prop_assert!(memory.pieces().concat() == bytes);
                assert_same_in_pieces(&mut memory, &bytes, &[1, 700, 13]);
                assert_same_in_pieces(&mut tape, &bytes, &[9, 5_000]);
            }
        }
    }

    #[test]
    fn every_frame_is_in_one_chunk_at_its_time_on_the_tape(sent in sent()) {
        let footage = footage(&sent);
        let mut found = [Vec::new(), Vec::new()];
        for chunk in 0..footage.chunks.len() {
            let bytes = all(&mut footage.in_memory(chunk));
            for (track, dts, payload) in samples(&bytes) {
                found[track as usize - 1].push((dts as i64, payload));
            }
        }
        for (kind, found) in [TrackKind::Video, TrackKind::Audio].into_iter().zip(found) {
            let scale = footage.tracks.timescale(kind).unwrap_or(1_000);
            let zero = (footage.tape_zero * i64::from(scale) + 500_000) / 1_000_000;
            let silent = |payload: &[u8]| testing::is_silence(payload) || payload == [0xFC, 0xFF, 0xFE];
            let own = found.iter().filter(|(_, payload)| !silent(payload));
            let own: Vec<_> = own.map(|(dts, payload)| (dts - zero, payload.clone())).collect();
            let sent = footage.frames.iter().filter(|frame| frame.kind == kind);
            let sent: Vec<_> = sent.map(|frame| (frame.dts, frame.payload.to_vec())).collect();
            prop_assert!(own == sent);
            // Silence stands between frames, and never over one, except where a chunk ends.
            prop_assert!(found.is_sorted_by_key(|(dts, _)| *dts) || sent.is_empty() || kind == TrackKind::Audio);
        }
    }
}

#[test]
fn a_chunk_has_one_moof_and_goes_on_where_the_one_before_ended() {
    let footage = footage(&plain());
    let init = Init::of(&footage.tracks);
    assert_eq!(timescales(&init.bytes).len(), 2);
    let mut ends = None;
    for chunk in 0..3 {
        let mut file = footage.in_memory(chunk);
        let facts = file.facts();
        assert_eq!((facts.pictures, facts.duration_us), (50, 2_000_000));
        assert!(facts.independent);
        assert!(ends.is_none_or(|ends| ends == facts.start), "{chunk}");
        ends = Some(facts.start + 2_000_000);
        let bytes = all(&mut file);
        assert_eq!(bytes[4..12], *b"stypmsdh");
        let moofs = bytes.windows(4).filter(|word| word == b"moof").count();
        assert_eq!(moofs, 1);
    }
}

#[test]
fn sound_that_is_missing_is_silence_of_the_same_length() {
    // (from, to, frames of silence in each of three chunks)
    for (from, to, silent) in [
        (0, 0, [0, 0, 0]),
        // It comes late: only the first chunk has nothing before it.
        (0, 500, [22, 0, 0]),
        // It drops out within a chunk.
        (2_500, 3_000, [0, 22, 0]),
        // It is off in the second chunk, and in the end of the first.
        (900, 4_000, [47, 86, 0]),
        // It ends a moment early, and may come with the next chunk.
        (1_500, 2_000, [0, 0, 0]),
    ] {
        let footage = footage(&Sent {
            silent: (from, to),
            ..plain()
        });
        for (chunk, silent) in silent.into_iter().enumerate() {
            let bytes = all(&mut footage.in_memory(chunk));
            let sound = samples(&bytes).into_iter().filter(|sample| sample.0 == 2);
            let sound: Vec<_> = sound.collect();
            let found = sound
                .iter()
                .filter(|sample| testing::is_silence(&sample.2))
                .count();
            assert_eq!(found, silent, "{from}..{to}, chunk {chunk}");
            let gap = sound.windows(2).map(|pair| pair[1].1 - pair[0].1).max().unwrap();
            assert!(gap < 2 * 1_024, "{from}..{to}, chunk {chunk}: {gap}");
        }
    }
}

#[test]
fn an_absurd_hole_is_not_filled() {
    let mut footage = footage(&plain());
    let chunk = footage.chunk(1);
    for frame in &mut footage.frames[chunk.start + 40..] {
        let day = 86_400 * i64::from(footage.tracks.timescale(frame.kind).unwrap());
        frame.dts += day;
    }
    let bytes = all(&mut footage.in_memory(1));
    assert!(bytes.len() < 100_000);
}

#[test]
fn a_pause_of_the_timestamps_is_in_no_chunk() {
    let mut footage = footage(&plain());
    let chunk = footage.chunk(1);
    for frame in &mut footage.frames[chunk.start..] {
        frame.dts += 30 * i64::from(footage.tracks.timescale(frame.kind).unwrap());
    }
    let target = TargetDuration::default();
    let first = footage.in_memory(0).facts();
    assert_eq!(first.duration_us, target.limit().unsigned_abs());
    let next = footage.in_memory(1).facts();
    assert_eq!(
        (next.start - first.start, next.duration_us),
        (32_000_000, 2_000_000)
    );
    // The tape says the same, also where a segment ends at the pause.
    for these in [0..1, 0..2] {
        let (segment, source, places) = footage.on_tape(these, 30);
        assert_eq!(segment.chunk_facts(&source.index, &places[0]).unwrap(), first);
        let mut tape = ChunkFile::open(segment, source, &places[0]).unwrap();
        assert_eq!(all(&mut tape), all(&mut footage.in_memory(0)));
    }
}

#[test]
fn what_is_no_chunk_is_an_error() {
    let footage = footage(&plain());
    let (segment, source, places) = footage.on_tape(0..2, 30);
    for fragments in [0..0, 3..99, 90..91] {
        let place = ChunkPlace {
            number: 5,
            fragments,
            target: TargetDuration::default(),
        };
        assert!(ChunkFile::open(segment.clone(), source.clone(), &place).is_err());
        assert!(segment.chunk_facts(&source.index, &place).is_err());
    }
    assert!(ChunkFile::open(segment, source, &places[0]).is_ok());
    let none = ChunkFrames {
        number: 1,
        target: TargetDuration::default(),
        tracks: &footage.tracks,
        tape_zero: 0,
        frames: &[],
        next_video_dts: None,
    };
    assert!(ChunkBytes::of(&none).is_err());
}

#[test]
fn an_open_group_of_pictures_is_not_independent() {
    let mut footage = footage(&plain());
    assert!(footage.in_memory(1).facts().independent);
    let first = footage.chunk(1).start;
    let pictures = footage.frames[first + 1..].iter_mut();
    let next = pictures.filter(|frame| frame.kind == TrackKind::Video).take(1);
    next.for_each(|frame| frame.cts = -60);
    assert!(!footage.in_memory(1).facts().independent);
    footage.frames[first].key = false;
    assert!(!footage.in_memory(1).facts().independent);
}
