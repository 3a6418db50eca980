//! A look that goes on from the one before has the same result as a look from the beginning, and reads only what is new.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use crate::format::hls::{Hls, Prefix, Uris};
use crate::format::index::SampleIndex;
pub(in crate::format) use crate::format::testing::Growing;
use crate::format::testing::{self, Take, all};
use crate::format::{Fmp4, Mark, SourceError, TapeSource, View};
use crate::media::{Micros, SegmentId, TrackKind, Tracks};

const TARGET_MS: u32 = 1_500;

/// A tape after each fragment, where sound comes with its pictures.
pub(in crate::format) fn steps(takes: &[Take], sealed: bool) -> Vec<View<Growing>> {
    testing::steps(&testing::view(takes), sealed)
}

/// What comes next on the tape.
#[derive(Clone, Debug)]
pub(in crate::format) enum Next {
    GoesOn,
    /// Another publish, so many milliseconds after the end of the one before.
    Publish(i64),
    SoundOnly,
    OtherPicture,
    OtherSound,
    /// A track is announced, and comes so many milliseconds later, if at all.
    Late(TrackKind, i64),
    /// Nothing comes for so many milliseconds.
    Pause(i64),
    /// The sound drops out: after so many milliseconds, for so many milliseconds.
    DropOut(i64, i64),
}

pub(in crate::format) fn next() -> impl Strategy<Value = Next> {
    prop_oneof![
        3 => Just(Next::GoesOn),
        2 => (0_i64..4_000).prop_map(Next::Publish),
        1 => Just(Next::SoundOnly),
        1 => Just(Next::OtherPicture),
        1 => Just(Next::OtherSound),
        1 => (500_i64..9_000).prop_map(|late| Next::Late(TrackKind::Video, late)),
        1 => (500_i64..9_000).prop_map(|late| Next::Late(TrackKind::Audio, late)),
        1 => (100_i64..4_000).prop_map(Next::Pause),
        3 => (0_i64..5_000, 30_i64..9_000).prop_map(|(after, lasts)| Next::DropOut(after, lasts)),
    ]
}

pub(in crate::format) fn takes(parts: &[(Next, i64)], first_ms: i64) -> Vec<Take> {
    let (mut publish_zero, mut at, mut sound) = (0, first_ms, 882);
    let mut takes = Vec::new();
    for (next, lasts) in parts {
        let mut tracks = testing::both();
        match next {
            Next::Publish(later) => {
                publish_zero += (at + later) * 1_000;
                (at, sound) = (first_ms, 100);
            }
            Next::SoundOnly => tracks.video = None,
            Next::OtherPicture => tracks.video = Some(Arc::new(testing::other_video())),
            Next::OtherSound => tracks.audio = Some(Arc::new(testing::opus())),
            Next::Pause(pause) => at += pause,
            Next::GoesOn | Next::Late(..) | Next::DropOut(..) => (),
        }
        let mut shots = testing::shoot(&tracks, at, at + lasts, sound);
        if let Next::Late(kind, late) = next {
            let until = match kind {
                TrackKind::Video => at + late,
                TrackKind::Audio => (at + late) * rate(&tracks) / 1_000,
            };
            shots.retain(|shot| shot.kind != *kind || shot.dts >= until);
        }
        if let Next::DropOut(after, lasts) = next {
            let ticks = |ms: i64| ms * rate(&tracks) / 1_000;
            let gone = ticks(at + after)..ticks(at + after + lasts);
            shots.retain(|shot| shot.kind == TrackKind::Video || !gone.contains(&shot.dts));
        }
        at += lasts;
        takes.push(Take {
            tracks,
            shots,
            publish_zero,
        });
    }
    takes.retain(|take| !take.shots.is_empty());
    takes
}

fn rate(tracks: &Tracks) -> i64 {
    tracks
        .audio
        .as_ref()
        .map_or(1_000, |audio| i64::from(audio.sample_rate))
}

type Told = (
    Vec<(String, Mark)>,
    Vec<(u64, Mark, usize)>,
    usize,
    u64,
    [Vec<u8>; 2],
    [Vec<u8>; 2],
);

/// Everything that delivery asks of a folder.
fn told<S: TapeSource + Clone>(hls: &Hls<S>) -> Told {
    let chunks =
        (0..hls.chunks()).map(|chunk| (hls.chunk_len(chunk), hls.chunk_mark(chunk), hls.chunk_init(chunk)));
    (
        hls.inits().collect(),
        chunks.collect(),
        hls.settled(),
        hls.until_settled_ms(),
        [hls.live_playlist(hls.settled()), hls.playlist().to_vec()],
        [hls.live_master(), hls.master().to_vec()],
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The result is the same whatever comes, and whether or not the kept values were lost in between.
    #[test]
    fn a_look_at_what_is_new_is_the_same_as_one_from_the_beginning(
        parts in prop::collection::vec((next(), 1_000_i64..6_000), 1..7),
        first_ms in 0_i64..90,
        sealed in any::<bool>(),
        lag in prop_oneof![Just(0_i64), 0_i64..3_000],
        crashes in prop::collection::vec(prop::bool::weighted(0.1), 1..16),
    ) {
        let takes = takes(&parts, first_ms);
        let came = |kind, ms| if kind == TrackKind::Audio { ms + lag } else { ms };
        let steps = testing::steps(&testing::view_as_it_came(&takes, 0, came), sealed);
        let mut prefix = Prefix::default();
        let mut stays: Vec<(u64, Mark, usize)> = Vec::new();
        let mut last = None;
        for (view, crash) in steps.into_iter().zip(crashes.iter().cycle()) {
            if *crash {
                prefix = Prefix::default();
            }
            let Ok(whole) = Hls::growing(view.clone(), TARGET_MS) else { continue };
            let (hls, next) = Hls::resume(view, TARGET_MS, prefix).unwrap();
            prefix = next;
            let (incremental, from_the_beginning) = (told(&hls), told(&whole));
            prop_assert_eq!(&incremental, &from_the_beginning);
            prop_assert!(prefix.chunks() <= hls.settled());
            let known = stays.len().min(incremental.1.len());
            prop_assert_eq!(&incremental.1[..known], &stays[..known]);
            stays = incremental.1[..hls.settled()].to_vec();
            last = Some((hls, whole));
        }
        if let Some((hls, whole)) = last {
            for (name, _) in whole.files() {
                let bytes = all(&mut hls.named(&name).unwrap());
                prop_assert!(bytes == all(&mut whole.named(&name).unwrap()), "{}", name);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// A folder is the same where lists of fragments take the place of indexes.
    #[test]
    fn lists_of_fragments_say_what_the_indexes_say(
        parts in prop::collection::vec((next(), 1_000_i64..6_000), 1..7),
        first_ms in 0_i64..90,
        lag in prop_oneof![Just(0_i64), 0_i64..3_000],
        ticks in prop::option::of(prop_oneof![Just((90_000_u32, 3_003_i64)), Just((12_288, 1_024)), Just((1_000, 40))]),
    ) {
        let mut takes = takes(&parts, first_ms);
        if let Some((timescale, step)) = ticks {
            takes.push(testing::ticking(timescale, step, 7, 3));
        }
        let came = |kind, ms| if kind == TrackKind::Audio { ms + lag } else { ms };
        let mut view = testing::view_as_it_came(&takes, 0, came);
        view.segments.iter_mut().for_each(|segment| segment.end = Some(Micros::MAX - 1));
        let listed = testing::Listed::of(view.clone());
        for (by_index, by_list) in [
            (Hls::open(view.clone(), TARGET_MS), Hls::open(listed.clone(), TARGET_MS)),
            (Hls::growing(view.clone(), TARGET_MS), Hls::growing(listed.clone(), TARGET_MS)),
        ] {
            let (Ok(by_index), Ok(by_list)) = (by_index, by_list) else { continue };
            prop_assert_eq!(told(&by_list), told(&by_index));
            prop_assert_eq!(by_list.served_master(&Uris::default()), by_index.served_master(&Uris::default()));
            for (name, _) in by_index.files() {
                let bytes = all(&mut by_list.named(&name).unwrap());
                prop_assert!(bytes == all(&mut by_index.named(&name).unwrap()), "{}", name);
            }
        }
        // A file of fragments is read in another way, and takes the lists, too.
        if let (Ok(mut by_index), Ok(mut by_list)) = (Fmp4::open(view), Fmp4::open(listed)) {
            prop_assert!(all(&mut by_list) == all(&mut by_index));
        }
    }
}

#[test]
fn the_playlists_of_a_steady_publish_need_no_index() {
    let mut views = steps(&long(30), true);
    let view = views.pop().unwrap();
    let reads = view.source.reads.clone();
    let whole = Hls::growing(view.clone(), TARGET_MS).unwrap();
    let listed = testing::Listed::of(view);
    reads.store(0, Ordering::Relaxed);
    let hls = Hls::growing(listed.clone(), TARGET_MS).unwrap();
    assert!(listed.missing_of(false).unwrap().is_none());
    assert_eq!(reads.load(Ordering::Relaxed), 0);
    assert_eq!(told(&hls), told(&whole));
    all(&mut hls.named("00003.m4s").unwrap());
    let of_a_chunk = reads.load(Ordering::Relaxed);
    assert!((1..=3).contains(&of_a_chunk), "{of_a_chunk}");
}

/// Segments of one publish.
pub(in crate::format) fn long(segments: i64) -> Vec<Take> {
    let parts: Vec<_> = (0..segments).map(|_| (Next::GoesOn, 3_000)).collect();
    takes(&parts, 0)
}

#[test]
fn a_look_reads_as_many_indexes_after_a_day_as_after_a_minute() {
    let mut prefix = Prefix::default();
    let (mut looks, mut whole) = (Vec::new(), 0);
    for view in steps(&long(30), false) {
        let reads = view.source.reads.clone();
        let segments = view.segments.len();
        let (hls, next) = Hls::resume(view.clone(), TARGET_MS, prefix).unwrap();
        prefix = next;
        looks.push((segments, reads.swap(0, Ordering::Relaxed)));
        assert_eq!(hls.chunks(), Hls::growing(view, TARGET_MS).unwrap().chunks());
        whole = reads.load(Ordering::Relaxed);
    }
    let most = |range: std::ops::Range<usize>| {
        let looks = looks.iter().filter(|(segments, _)| range.contains(segments));
        looks.map(|(_, reads)| *reads).max().unwrap()
    };
    let (early, late) = (most(4..8), most(20..31));
    assert_eq!(early, late);
    assert!(late <= 12 && whole >= 60, "{late} {whole}");
}

/// The same minute over and over. Its index is as the journal has it.
#[derive(Clone)]
struct Minutes(Arc<[u8]>);

impl TapeSource for Minutes {
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        let index = SampleIndex::decode(&self.0);
        index.map(Arc::new).map_err(|error| SourceError {
            segment,
            reason: error.to_string(),
        })
    }

    fn read_exact_at(&self, _: SegmentId, _: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        buf.fill(0);
        Ok(())
    }
}

#[test]
#[ignore = "it measures"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn what_a_look_takes_after_a_minute_an_hour_and_a_day() {
    let take = &takes(&[(Next::GoesOn, 60_000)], 0)[..];
    let whole = testing::view(take);
    let first = &whole.segments[0];
    let blob = whole.source.index(first.id).unwrap().encode();
    let view = |minutes: u16| View {
        segments: (0..minutes)
            .map(|minute| {
                let mut segment = first.clone();
                let mut id = [0; 16];
                id[..2].copy_from_slice(&minute.to_be_bytes());
                segment.id = SegmentId::from_bytes(id);
                segment.base.video += i64::from(minute) * 60_000;
                segment.base.audio += i64::from(minute) * 60 * 44_100;
                segment.end = (minute + 1 < minutes).then_some(Micros::MAX - 1);
                segment
            })
            .collect(),
        source: Minutes(blob.clone().into()),
    };
    for minutes in [2, 60, 1_440] {
        let began = std::time::Instant::now();
        let (_, prefix) = Hls::resume(view(minutes), 6_000, Prefix::default()).unwrap();
        let whole = began.elapsed();
        let began = std::time::Instant::now();
        let (hls, prefix) = Hls::resume(view(minutes), 6_000, prefix).unwrap();
        println!(
            "{minutes} min, {} chunks: from the beginning {whole:?}, what is new {:?}, {}",
            hls.chunks(),
            began.elapsed(),
            prefix.goes_on()
        );
    }
}

#[test]
fn what_begins_otherwise_is_looked_at_from_its_beginning() {
    let mut views = steps(&long(6), true);
    let (last, before) = (views.pop().unwrap(), views.pop().unwrap());
    let (_, prefix) = Hls::resume(before, TARGET_MS, Prefix::default()).unwrap();
    assert!(prefix.chunks() > 4);
    // The clock was set, so every date is another.
    let mut redated = last.clone();
    for segment in &mut redated.segments {
        segment.publish_zero_utc += 5_000_000;
    }
    let (hls, prefix) = Hls::resume(redated.clone(), TARGET_MS, prefix).unwrap();
    assert!(!prefix.goes_on());
    assert_eq!(
        told(&hls),
        told(&Hls::growing(redated.clone(), TARGET_MS).unwrap())
    );
    // The first segment of the view was given up.
    let mut shorter = redated;
    shorter.segments.remove(0);
    let (hls, prefix) = Hls::resume(shorter.clone(), TARGET_MS, prefix).unwrap();
    assert!(!prefix.goes_on());
    assert_eq!(
        told(&hls),
        told(&Hls::growing(shorter.clone(), TARGET_MS).unwrap())
    );
    let (_, prefix) = Hls::resume(shorter, TARGET_MS, prefix).unwrap();
    assert!(prefix.goes_on());
}

#[test]
fn sound_that_comes_too_late_twice_leaves_the_chunk_before_as_it_is() {
    let parts = [(Next::SoundOnly, 1_000), (Next::DropOut(609, 1_581), 4_851)];
    for lag in [1_119, 1_124] {
        let came = |kind, ms| if kind == TrackKind::Audio { ms + lag } else { ms };
        let view = testing::view_as_it_came(&takes(&parts, 37), 0, came);
        let mut stays = Vec::new();
        for view in testing::steps(&view, false) {
            let Ok(hls) = Hls::growing(view, TARGET_MS) else {
                continue;
            };
            let chunks = told(&hls).1;
            assert!(chunks.starts_with(&stays), "{lag}");
            stays = chunks[..hls.settled()].to_vec();
        }
        assert!(stays.len() > 1);
    }
}
