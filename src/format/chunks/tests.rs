//! Tests of the chunks of a segment.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::format::index::{Run, Sample};
use crate::media::{AudioCodec, AudioConfig, ColourInfo, MILLISECONDS, VideoCodec, VideoConfig};

fn tracks(picture: bool) -> Tracks {
    let video = VideoConfig {
        codec: VideoCodec::Avc,
        record: Bytes::from_static(&[1, 2, 3]),
        width: 640,
        height: 360,
        timescale: MILLISECONDS,
        colour_info: ColourInfo::default(),
    };
    let audio = AudioConfig {
        codec: AudioCodec::Aac,
        record: Bytes::from_static(&[0x11, 0x90]),
        sample_rate: 48_000,
        channels: 2,
        frame_samples: 1024,
    };
    Tracks {
        video: picture.then(|| Arc::new(video)),
        audio: Some(Arc::new(audio)),
    }
}

fn run(first_dts: u64, count: u32, duration: u32, key: bool) -> Run {
    let sample = |n| Sample {
        size: 10,
        duration,
        cts: 0,
        key: key && n == 0,
    };
    Run {
        first_dts,
        data_offset: 0,
        samples: (0..count).map(sample).collect(),
    }
}

/// Fragments of half a second, of which each `gop`th begins with a keyframe. The `without`th has sound alone.
fn index(count: u64, gop: u64, without: Option<u64>) -> SampleIndex {
    let fragment = |n: u64| FragmentIndex {
        offset: n * 1000,
        len: 1000,
        video: Some(n)
            .filter(|n| without != Some(*n))
            .map_or_else(Run::default, |n| run(n * 500, 10, 50, n % gop == 0)),
        audio: run(n * 24_000, 24, 1000, true),
    };
    SampleIndex {
        fragments: (0..count).map(fragment).collect(),
    }
}

const NUMBERS: ChunkNumbers = ChunkNumbers {
    chunk: 70,
    discontinuity: 3,
    breaks: true,
    skipped: 0,
    target: TargetDuration::Known(2),
};

const BASE: TrackBase = TrackBase {
    video: 10_000,
    audio: 480_000,
};

#[test]
fn chunks_are_runs_of_fragments_with_numbers_that_follow_each_other() {
    let chunks = chunks(&index(10, 4, None), BASE, &tracks(true), &NUMBERS);
    let said: Vec<_> = chunks
        .iter()
        .map(|chunk| (chunk.number, chunk.fragments.clone(), chunk.dts, chunk.ticks))
        .collect();
    assert_eq!(
        said,
        [
            (70, 0..4, 10_000, 2_000),
            (71, 4..8, 12_000, 2_000),
            (72, 8..10, 14_000, 1_000)
        ]
    );
    let first = chunks.first().unwrap();
    assert_eq!((first.start, first.duration), (10_000_000, 2_000_000));
    assert!(chunks.iter().all(|chunk| chunk.independent));
    let breaks: Vec<bool> = chunks.iter().map(|chunk| chunk.discontinuity).collect();
    assert_eq!(breaks, [true, false, false]);
    let counted = count(&index(10, 4, None), BASE, &tracks(true), NUMBERS.target);
    assert_eq!(counted, (3, TargetDuration::Known(2)));
}

#[test]
fn the_first_fragments_of_a_segment_give_the_same_chunks() {
    let whole = chunks(&index(30, 3, None), BASE, &tracks(true), &NUMBERS);
    for count in 1..30 {
        let some = chunks(&index(count, 3, None), BASE, &tracks(true), &NUMBERS);
        let complete = some.len() - 1;
        assert_eq!(some[..complete], whole[..complete], "{count}");
    }
}

#[test]
fn a_chunk_without_a_keyframe_is_not_independent() {
    let chunks = chunks(&index(12, 12, None), BASE, &tracks(true), &NUMBERS);
    let said: Vec<_> = chunks
        .iter()
        .map(|chunk| (chunk.fragments.clone(), chunk.independent))
        .collect();
    assert_eq!(said, [(0..5, true), (5..10, false), (10..12, false)]);
}

#[test]
fn leading_pictures_make_a_chunk_dependent() {
    let mut index = index(4, 4, None);
    index.fragments[0].video.samples[0].cts = 100;
    let chunks = chunks(&index, BASE, &tracks(true), &NUMBERS);
    assert!(!chunks[0].independent);
}

#[test]
fn sound_alone_has_chunks_in_the_ticks_of_the_sound() {
    let mut index = index(4, 1, None);
    index
        .fragments
        .iter_mut()
        .for_each(|fragment| fragment.video = Run::default());
    let chunks = chunks(&index, BASE, &tracks(false), &NUMBERS);
    let said: Vec<_> = chunks
        .iter()
        .map(|chunk| (chunk.fragments.clone(), chunk.dts, chunk.ticks))
        .collect();
    assert_eq!(
        said,
        [
            (0..1, 480_000, 24_000),
            (1..3, 504_000, 48_000),
            (3..4, 552_000, 24_000)
        ]
    );
}

#[test]
fn a_fragment_of_sound_among_pictures_begins_no_chunk() {
    let chunks = chunks(&index(8, 4, Some(3)), BASE, &tracks(true), &NUMBERS);
    let said: Vec<_> = chunks
        .iter()
        .map(|chunk| (chunk.fragments.clone(), chunk.ticks))
        .collect();
    assert_eq!(said, [(0..4, 2_000), (4..8, 2_000)]);
}

#[test]
fn nothing_has_no_chunk() {
    assert!(chunks(&SampleIndex::default(), BASE, &tracks(true), &NUMBERS).is_empty());
}
