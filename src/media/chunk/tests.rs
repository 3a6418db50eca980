//! Tests of the borders of chunks.

use proptest::prelude::*;

use super::*;

/// Pictures of a publish: media time, and whether it is a keyframe.
fn gops(gop: Micros, step: Micros, until: Micros) -> Vec<(Micros, bool)> {
    let count = until / step;
    let frames_in_gop = gop / step;
    (0..count).map(|n| (n * step, n % frames_in_gop == 0)).collect()
}

/// Where chunks of pictures begin.
fn begins(frames: &[(Micros, bool)], target: TargetDuration) -> (Vec<Micros>, TargetDuration) {
    let mut chunker = Chunker::new(TrackKind::Video, target);
    let begins = frames
        .iter()
        .filter(|(at, key)| chunker.begins(TrackKind::Video, *at, *key))
        .map(|(at, _)| *at)
        .collect();
    (begins, chunker.target())
}

fn lengths(begins: &[Micros]) -> Vec<Micros> {
    begins
        .iter()
        .zip(begins.iter().skip(1))
        .map(|(a, b)| b - a)
        .collect()
}

#[test]
fn each_gop_that_is_long_enough_is_a_chunk() {
    for gop in [760_000, 1_000_000, 2_000_000, 4_000_000, 6_000_000] {
        let (begins, target) = begins(&gops(gop, 40_000, 60_000_000), TargetDuration::default());
        assert!(lengths(&begins).iter().all(|length| *length == gop), "{gop}");
        let seconds = u16::try_from((gop + 500_000) / 1_000_000).unwrap();
        assert_eq!(target, TargetDuration::Known(seconds));
    }
}

#[test]
fn short_gops_share_a_chunk() {
    let (begins, _) = begins(&gops(200_000, 40_000, 10_000_000), TargetDuration::default());
    assert_eq!(
        begins.iter().take(5).collect::<Vec<_>>(),
        [&0, &800_000, &1_600_000, &2_400_000, &3_000_000]
    );
    let slots: Vec<Micros> = begins.iter().map(|at| at / SLOT).collect();
    assert!(slots.windows(2).all(|pair| pair[0] < pair[1]), "{slots:?}");
}

#[test]
fn a_long_gop_is_cut_at_six_seconds_until_the_target_is_known() {
    let (begins, target) = begins(&gops(60_000_000, 40_000, 60_000_000), TargetDuration::default());
    assert_eq!(
        begins.iter().take(4).collect::<Vec<_>>(),
        [&0, &6_000_000, &12_000_000, &18_000_000]
    );
    assert_eq!(target, TargetDuration::Known(6));
    // From then on up to what is rounded to six seconds.
    assert_eq!(lengths(&begins).get(3), Some(&6_480_000));
}

#[test]
fn an_encoder_that_becomes_slower_keeps_the_target_duration() {
    let mut frames = gops(2_000_000, 40_000, 20_000_000);
    frames.extend(
        gops(10_000_000, 40_000, 40_000_000)
            .into_iter()
            .map(|(at, key)| (at + 20_000_000, key)),
    );
    let (begins, target) = begins(&frames, TargetDuration::default());
    assert_eq!(target, TargetDuration::Known(2));
    assert!(lengths(&begins).iter().all(|length| *length <= 2_490_000));
    // A keyframe begins a chunk again, unless a chunk has just begun.
    assert!(begins.contains(&20_000_000) && begins.contains(&30_000_000));
}

#[test]
fn an_inherited_target_holds_from_the_first_chunk_on() {
    let (begins, target) = begins(&gops(6_000_000, 40_000, 12_000_000), TargetDuration::Known(2));
    assert_eq!(target, TargetDuration::Known(2));
    assert_eq!(begins.get(1), Some(&2_480_000));
}

#[test]
fn pictures_that_are_far_apart_do_not_make_a_chunk_too_long() {
    let frames: Vec<_> = (0..20).map(|n| (n * 4_000_000, n == 0)).collect();
    let (begins, target) = begins(&frames, TargetDuration::default());
    assert_eq!(begins.len(), 20);
    assert_eq!(target, TargetDuration::Known(4));
}

#[test]
fn sound_alone_begins_a_chunk_in_each_slot() {
    let mut chunker = Chunker::new(TrackKind::Audio, TargetDuration::default());
    let begins: Vec<Micros> = (0..500)
        .map(|n| n * 21_333)
        .filter(|at| chunker.begins(TrackKind::Audio, *at, true))
        .collect();
    assert_eq!(
        begins.iter().take(3).collect::<Vec<_>>(),
        [&0, &767_988, &1_514_643]
    );
    assert!(begins.windows(2).all(|pair| pair[0] / SLOT + 1 == pair[1] / SLOT));
    assert_eq!(chunker.target(), TargetDuration::Known(1));
}

#[test]
fn the_first_picture_joins_the_sound_before_it() {
    let mut chunker = Chunker::new(TrackKind::Video, TargetDuration::default());
    assert!(chunker.begins(TrackKind::Audio, -20_000, true));
    assert!(!chunker.begins(TrackKind::Video, 900_000, true));
    assert!(!chunker.begins(TrackKind::Video, 1_480_000, true));
    assert!(chunker.begins(TrackKind::Video, 1_520_000, true));
}

#[test]
fn sound_goes_on_in_chunks_when_no_picture_comes() {
    let mut chunker = Chunker::new(TrackKind::Video, TargetDuration::Known(2));
    assert!(chunker.begins(TrackKind::Video, 0, true));
    let sound = |chunker: &mut Chunker, from: i64, to: i64| -> Vec<Micros> {
        (from..to)
            .map(|n| n * 20_000)
            .filter(|at| chunker.begins(TrackKind::Audio, *at, true))
            .collect()
    };
    assert_eq!(sound(&mut chunker, 0, 400), [3_000_000, 5_400_000, 7_800_000]);
    // A picture that comes back belongs to the chunk if that has just begun.
    assert!(!chunker.begins(TrackKind::Video, 8_000_000, false));
    assert!(sound(&mut chunker, 400, 540).is_empty());
    assert_eq!(sound(&mut chunker, 540, 600), [11_000_000]);
    assert!(chunker.begins(TrackKind::Video, 12_100_000, false));
}

#[test]
fn a_break_begins_a_chunk() {
    let mut chunker = Chunker::new(TrackKind::Video, TargetDuration::default());
    assert!(chunker.begins(TrackKind::Video, 0, true));
    chunker.break_off(TrackKind::Video);
    assert!(chunker.begins(TrackKind::Video, 40_000, false));
    assert!(!chunker.begins(TrackKind::Video, 80_000, true));
}

#[test]
fn a_pace_is_two_numbers_and_back() {
    for target in [
        TargetDuration::default(),
        TargetDuration::Unknown {
            complete: 2,
            longest_s: 6,
        },
        TargetDuration::Known(1),
        TargetDuration::Known(6),
    ] {
        let (seconds, complete) = target.to_parts();
        assert_eq!(TargetDuration::from_parts(seconds, complete), Some(target));
    }
    for (seconds, complete) in [(0, 3), (7, 3), (7, 0), (1, 4)] {
        assert_eq!(TargetDuration::from_parts(seconds, complete), None);
    }
}

prop_compose! {
    /// Pictures with any distances, and keyframes anywhere.
    fn pictures()(steps in proptest::collection::vec((1_000i64..400_000, proptest::bool::weighted(0.1)), 1..400))
        -> Vec<(Micros, bool)> {
        let mut at = 0;
        steps.into_iter().map(|(step, key)| { at += step; (at, key) }).collect()
    }
}

proptest! {
    /// A reader that begins at a border finds the borders behind it.
    #[test]
    fn frames_behind_a_border_give_the_same_borders(frames in pictures(), which in any::<prop::sample::Index>()) {
        let mut chunker = Chunker::new(TrackKind::Video, TargetDuration::default());
        let mut borders = Vec::new();
        for (n, (at, key)) in frames.iter().enumerate() {
            if chunker.begins(TrackKind::Video, *at, *key) {
                borders.push((n, chunker.target()));
            }
        }
        let (from, target) = borders[which.index(borders.len())];
        let mut again = Chunker::new(TrackKind::Video, target);
        let found: Vec<_> = (from..frames.len())
            .filter(|n| again.begins(TrackKind::Video, frames[*n].0, frames[*n].1))
            .collect();
        let said: Vec<_> = borders.iter().map(|(n, _)| *n).filter(|n| *n >= from).collect();
        prop_assert_eq!(found, said);
        prop_assert_eq!(again.target(), chunker.target());
    }

    /// Chunks keep the target duration, and no two begin in one slot.
    #[test]
    fn chunks_are_neither_too_long_nor_too_many(frames in pictures()) {
        let (begins, target) = begins(&frames, TargetDuration::default());
        prop_assert!(begins.windows(2).all(|pair| pair[0] / SLOT < pair[1] / SLOT));
        let longest = lengths(&begins).into_iter().max().unwrap_or(0);
        // A step may be longer than the one before it.
        prop_assert!(longest <= target.limit().max(LONGEST) + 400_000);
    }
}
