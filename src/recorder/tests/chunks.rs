//! The chunks of a stream: the tape has those that the recorder decided on, and memory has the same.

use proptest::prelude::*;

use super::sessions::rule;
use super::{Rig, SETTINGS, audio_header, name, picture, sound, video_header};
use crate::config::RecordWhen;
use crate::format::TrackBase;
use crate::format::chunks::ChunkScan;
use crate::format::fmp4::{Place, fragment_header};
use crate::format::hls::live::{ChunkBytes, ChunkFrames};
use crate::media::{ChunkStart, Fragment, SegmentId, TargetDuration};
use crate::recorder::core::{Core, RecorderSettings};
use crate::recorder::orders::StartOrder;
use crate::recorder::played::RingChunks;
use crate::store::Command;

/// A recorder whose streams are played out of memory.
fn played() -> Rig {
    let settings = RecorderSettings {
        live_window: 10_000_000,
        ..SETTINGS
    };
    Rig {
        core: Core::new(settings, 1_000_000_000),
        ..Rig::new()
    }
}

fn starts(fragments: &[&Fragment]) -> Vec<ChunkStart> {
    fragments.iter().filter_map(|fragment| fragment.chunk).collect()
}

fn base_of(fragment: &Fragment) -> TrackBase {
    let video = fragment.video.first().map(|frame| frame.dts);
    let audio = fragment.audio.first().map(|frame| frame.dts.div_euclid(48));
    let zero = video.into_iter().chain(audio).min().unwrap_or(0);
    TrackBase {
        video: zero,
        audio: zero * 48,
    }
}

/// Compares the chunks that a reader finds in a segment of these fragments with those that the recorder decided on.
fn compare(fragments: &[&Fragment]) -> Result<usize, TestCaseError> {
    let (first, base) = (fragments[0], base_of(fragments[0]));
    let mut scan = ChunkScan::new(&first.tracks, base, first.chunk.unwrap_or_default().target);
    let mut chunks = 0;
    for (n, fragment) in fragments.iter().enumerate() {
        let ends = fragment.tracks != first.tracks || fragment.chunk.is_some_and(|chunk| chunk.breaks);
        if n > 0 && ends {
            break;
        }
        let place = Place {
            segment: SegmentId::from_bytes([1; 16]),
            sequence: 1,
            durable: 0,
            offset: 1000,
        };
        let index = fragment_header(place, base, fragment).unwrap().index;
        let begins = scan.begins(&index);
        prop_assert_eq!(
            begins,
            fragment.chunk.is_some(),
            "fragment {} of {}",
            n,
            fragments.len()
        );
        if let Some(chunk) = fragment.chunk {
            chunks += 1;
            prop_assert_eq!(scan.target(), chunk.target, "fragment {}", n);
        }
    }
    Ok(chunks)
}

fn compare_all(fragments: &[&Fragment]) -> Result<(), TestCaseError> {
    for from in 0..fragments.len() {
        if fragments[from].chunk.is_some() {
            compare(&fragments[from..])?;
        }
    }
    Ok(())
}

#[test]
fn every_recorded_publish_is_chunks_from_its_first_fragment_on() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 11_000, 2_000);
    rig.end("live/a", publish);
    let starts = starts(&rig.fragments());
    assert_eq!(starts.len(), 6);
    assert!(starts[0].breaks && !starts[1..].iter().any(|start| start.breaks));
    // The tape counts, where nothing is played out of memory.
    assert!(starts.iter().all(|start| start.number == 0));
    assert_eq!(starts[2].target.target_s(), None);
    assert_eq!(starts[3].target, TargetDuration::Known(2));
    compare_all(&rig.fragments()).unwrap();
}

#[test]
fn short_gops_make_no_chunks_of_their_own() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 6_000, 200);
    rig.end("live/a", publish);
    assert_eq!(starts(&rig.fragments()).len(), 8);
    compare_all(&rig.fragments()).unwrap();
}

#[test]
fn another_configuration_begins_a_chunk_behind_a_break() {
    let mut rig = played();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 3_000, 1_000);
    rig.send("live/a", publish, video_header(1280));
    rig.play("live/a", publish, 3_000, 5_000, 1_000);
    rig.end("live/a", publish);
    let starts = starts(&rig.fragments());
    let said: Vec<_> = starts
        .iter()
        .map(|start| (start.number, start.discontinuity, start.breaks))
        .collect();
    assert_eq!(said[..3], [(0, 0, true), (1, 0, false), (2, 0, false)]);
    assert_eq!(said[3], (3, 1, true));
    assert!(
        said[4..]
            .iter()
            .all(|(_, discontinuity, breaks)| (*discontinuity, *breaks) == (1, false))
    );
    compare_all(&rig.fragments()).unwrap();
}

#[test]
fn numbers_go_on_with_the_next_publish_and_behind_those_of_an_earlier_run() {
    let mut rig = played();
    rig.core.count_from(1 << 32);
    for _ in 0..2 {
        let publish = rig.begin("live/a");
        rig.configure("live/a", publish);
        rig.play("live/a", publish, 0, 3_000, 1_000);
        rig.end("live/a", publish);
    }
    let numbers: Vec<u64> = starts(&rig.fragments())
        .iter()
        .map(|start| start.number)
        .collect();
    assert_eq!(numbers, (0..6).map(|n| (1 << 32) + n).collect::<Vec<u64>>());
    let breaks: Vec<u64> = starts(&rig.fragments())
        .iter()
        .map(|start| start.discontinuity - (1 << 32))
        .collect();
    assert_eq!(breaks, [0, 0, 0, 1, 1, 1]);
}

/// The target duration that a publish begins with, so many seconds after one with chunks of two seconds.
fn inherited(after_s: i64) -> Option<u16> {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 9_000, 2_000);
    rig.end("live/a", publish);
    rig.boot += after_s * 1_000_000;
    let from = rig.fragments().len();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 3_000, 1_000);
    rig.end("live/a", publish);
    starts(&rig.fragments()[from..])[0].target.target_s()
}

#[test]
fn a_publisher_that_is_back_soon_keeps_the_target_duration() {
    assert_eq!(inherited(170), Some(2));
    assert_eq!(inherited(200), None);
}

#[test]
fn a_target_duration_outlives_a_restart() {
    let mut rig = Rig::new();
    let end = 1_000_000_000 + rig.boot - 60_000_000;
    rig.core.inherit([(name("live/a"), (4, end))]);
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 3_000, 1_000);
    assert_eq!(starts(&rig.fragments())[0].target, TargetDuration::Known(4));
}

#[test]
fn chunks_begin_anew_where_the_tape_begins_in_the_middle() {
    for (gop_ms, before_ms) in [(400, 5_000), (600, 7_300), (2_000, 5_000), (8_000, 9_000)] {
        let mut rig = Rig::new();
        let on_demand = vec![rule("default", RecordWhen::OnDemand)];
        rig.core.rulebook.configure(Vec::new(), on_demand);
        let publish = rig.begin("live/a");
        rig.configure("live/a", publish);
        rig.play("live/a", publish, 0, before_ms, gop_ms);
        let order = StartOrder {
            stream: name("live/a"),
            template: None,
            name: None,
            pre_roll: 2_000_000,
            longest: 3_600_000_000,
        };
        let now = rig.now();
        rig.core.start(&order, now, &mut rig.commands).unwrap();
        rig.play("live/a", publish, before_ms, before_ms + 20_000, gop_ms);
        rig.end("live/a", publish);
        let fragments = rig.fragments();
        let first = fragments[0].chunk.unwrap();
        assert!(
            first.breaks && fragments[0].starts_with_key(),
            "GOPs of {gop_ms} ms"
        );
        compare_all(&fragments).unwrap();
    }
}

/// What is played out of memory.
fn played_chunks(rig: &mut Rig) -> RingChunks {
    rig.core.stream(&name("live/a")).unwrap().chunks(0, 0).unwrap()
}

fn played_numbers(rig: &mut Rig) -> Vec<u64> {
    let played = played_chunks(rig);
    played.chunks.iter().map(|chunk| chunk.number).collect()
}

/// All complete chunks, also those that are played from the tape.
fn in_memory(rig: &mut Rig, from: u64) -> RingChunks {
    let chunks = rig
        .core
        .stream(&name("live/a"))
        .unwrap()
        .complete_chunks(from..u64::MAX);
    RingChunks {
        chunks,
        ..played_chunks(rig)
    }
}

/// Chunks of a recorded stream are played when they are durable, so not out of memory, also after the end of the publish. What was
/// complete before may have been played already, whether the recording has it or not.
#[test]
fn memory_plays_what_was_complete_before_the_recording_began() {
    let mut rig = played();
    let on_demand = vec![rule("default", RecordWhen::OnDemand)];
    rig.core.rulebook.configure(Vec::new(), on_demand);
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 4_500, 1_000);
    assert_eq!(played_numbers(&mut rig), [0, 1, 2, 3]);
    let start = |rig: &mut Rig, pre_roll| {
        let order = StartOrder {
            stream: name("live/a"),
            template: None,
            name: None,
            pre_roll,
            longest: 3_600_000_000,
        };
        let now = rig.now();
        rig.core.start(&order, now, &mut rig.commands).unwrap();
    };
    start(&mut rig, 2_000_000);
    assert_eq!(played_numbers(&mut rig), [0, 1, 2, 3]);
    rig.play("live/a", publish, 4_500, 7_500, 1_000);
    assert!(played_chunks(&mut rig).recorded);
    assert_eq!(played_numbers(&mut rig), [0, 1, 2, 3]);
    rig.end("live/a", publish);
    assert!(!played_chunks(&mut rig).recorded);
    assert_eq!(played_numbers(&mut rig), [0, 1, 2, 3]);
    // A publish that is recorded from its beginning.
    rig.core.rulebook.configure(Vec::new(), Vec::new());
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 4_500, 1_000);
    assert_eq!(in_memory(&mut rig, 0).chunks.len(), 4);
    assert_eq!(played_numbers(&mut rig), [0; 0]);
    rig.end("live/a", publish);
    assert_eq!(played_numbers(&mut rig), [0; 0]);
}

#[test]
fn a_publish_in_memory_has_the_date_that_the_clock_says_now() {
    let mut rig = played();
    rig.begin("live/a");
    let began = rig.boot;
    rig.boot += 5_000_000;
    let stream = rig.core.stream(&name("live/a")).unwrap();
    for offset in [0, 1_780_000_000_000_000] {
        assert_eq!(stream.chunks(0, offset).unwrap().zero_utc, began + offset);
    }
}

#[test]
fn memory_has_the_chunks_of_the_tape() {
    let mut rig = played();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 9_000, 2_000);
    let chunks = in_memory(&mut rig, 0);
    assert!(chunks.on_air && chunks.recorded);
    assert_eq!((chunks.publish, chunks.target_s), (publish, Some(2)));
    let numbers: Vec<u64> = chunks.chunks.iter().map(|chunk| chunk.number).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert_eq!(in_memory(&mut rig, 3).chunks, chunks.chunks[3..]);
    rig.end("live/a", publish);
    let over = in_memory(&mut rig, 0);
    assert!(!over.on_air && !over.recorded);
    assert_eq!(over.chunks.len(), 5);

    // The same frames are on the tape under the same numbers.
    let mut taped: Vec<(u64, usize, usize)> = Vec::new();
    for fragment in rig.fragments() {
        if let Some(start) = fragment.chunk {
            taped.push((start.number, 0, 0));
        }
        let last = taped.last_mut().unwrap();
        last.1 += fragment.video.len();
        last.2 += fragment.audio.len();
    }
    let pictures = |chunk: &crate::recorder::RingChunk| {
        let video = |frame: &&crate::media::Frame| frame.kind == crate::media::TrackKind::Video;
        chunk.frames.iter().filter(video).count()
    };
    let kept: Vec<(u64, usize, usize)> = over
        .chunks
        .iter()
        .map(|chunk| {
            (
                chunk.number,
                pictures(chunk),
                chunk.frames.len() - pictures(chunk),
            )
        })
        .collect();
    assert_eq!(kept, taped);
}

#[test]
fn nothing_of_an_unknown_stream_is_in_memory() {
    let mut rig = played();
    assert!(rig.core.stream(&name("live/a")).is_none());
    rig.begin("live/a");
    assert_eq!(in_memory(&mut rig, 0).chunks, []);
}

/// No chunk is longer than the target duration when both are rounded to seconds.
fn expect_short(ring: &RingChunks) -> Result<(), TestCaseError> {
    for chunk in &ring.chunks {
        let bytes = ChunkBytes::of(&ChunkFrames {
            number: chunk.number,
            target: chunk.target,
            tracks: &chunk.tracks,
            tape_zero: ring.tape_zero,
            frames: &chunk.frames,
            next_video_dts: chunk.next_video_dts,
        });
        let seconds = (bytes.unwrap().facts().duration_us + 500_000) / 1_000_000;
        prop_assert!(
            seconds <= ring.target_s.unwrap_or(6).into(),
            "{} s, chunk {}",
            seconds,
            chunk.number
        );
    }
    Ok(())
}

/// What a publisher does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A picture so many milliseconds after the one before, with the sound until then.
    Picture(u32, bool),
    /// The same, and the sound came before the picture by so much.
    Lagging(u32, u32),
    /// Sound alone for so many milliseconds.
    Stall(u32),
    /// The timestamps of both tracks pass over so many milliseconds.
    Pause(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (10u32..250, proptest::bool::weighted(0.15)).prop_map(|(ms, key)| Step::Picture(ms, key)),
        3 => (10u32..120, 10u32..400).prop_map(|(ms, lag)| Step::Lagging(ms, lag)),
        1 => (500u32..20_000).prop_map(Step::Stall),
        1 => (500u32..20_000).prop_map(Step::Pause),
    ];
    proptest::collection::vec(step, 20..250)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever a publisher sends, a reader finds the chunks of the tape that the recorder decided on.
    #[test]
    fn a_reader_finds_the_chunks_that_the_recorder_decided_on(steps in steps(), sound_first in any::<bool>()) {
        let mut rig = played();
        let publish = rig.begin("live/a");
        rig.send("live/a", publish, video_header(640));
        rig.send("live/a", publish, audio_header());
        let (mut at, mut heard) = (1_000, 1_000);
        if sound_first {
            rig.send("live/a", publish, sound(heard));
            heard += 20;
        }
        rig.send("live/a", publish, picture(at, true));
        for step in steps {
            let (next, key, lag) = match step {
                Step::Picture(ms, key) => (at + ms, Some(key), 0),
                Step::Lagging(ms, lag) => (at + ms, Some(false), lag),
                Step::Stall(ms) => (at + ms, None, 0),
                Step::Pause(ms) => {
                    (at, heard) = (at + ms, heard + ms);
                    continue;
                }
            };
            while heard < next + lag {
                rig.boot += 20_000;
                rig.send("live/a", publish, sound(heard));
                heard += 20;
            }
            at = next;
            if let Some(key) = key {
                rig.send("live/a", publish, picture(at, key));
            }
        }
        rig.end("live/a", publish);
        expect_short(&in_memory(&mut rig, 0))?;
        let fragments = rig.fragments();
        compare_all(&fragments)?;
        let numbers: Vec<u64> = starts(&fragments).iter().map(|start| start.number).collect();
        prop_assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
        let any = rig.commands.iter().any(|command| matches!(command, Command::Append { .. }));
        prop_assert_eq!(any, !fragments.is_empty());
    }
}
