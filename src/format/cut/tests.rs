//! Cuts share no sample and lose none.

use proptest::prelude::*;

use super::*;
use crate::format::Fmp4;
use crate::format::adts::Adts;
use crate::format::flv::Flv;
use crate::format::hls::Hls;
use crate::format::mp4::Mp4;
use crate::format::mp4::read::Mp4Reader;
use crate::format::testing::{Reel, all, two_segments, view};

/// Every sample of a view: track, tape time, place in its file.
fn samples<S: TapeSource>(view: &View<S>) -> Vec<(TrackKind, Micros, SegmentId, u64)> {
    let mut out = Vec::new();
    for segment in &view.segments {
        let place = Place::of(segment, false);
        let index = view.source.index(segment.id).unwrap();
        for kind in [TrackKind::Video, TrackKind::Audio] {
            for placed in index.runs(kind).flat_map(Run::placed) {
                out.push((kind, place.tape(kind, placed.dts), segment.id, placed.offset));
            }
        }
    }
    out
}

fn footage() -> View<Reel> {
    view(&two_segments())
}

proptest! {
    #[test]
    fn cuts_that_follow_each_other_are_the_whole(mut at in prop::collection::vec(0i64..5_000_000, 0..6)) {
        at.sort_unstable();
        let zero = footage().segments[0].publish_zero;
        let mut bounds = vec![Micros::MIN];
        bounds.extend(at.iter().map(|at| zero + at));
        bounds.push(Micros::MAX);
        let mut pieces = Vec::new();
        for pair in bounds.windows(2) {
            let piece = footage().cut(pair[0], pair[1]).unwrap();
            let of_it = samples(&piece);
            prop_assert!(of_it.iter().all(|(_, at, _, _)| (pair[0]..pair[1]).contains(at)));
            if let Some((first, last)) = piece.bounds().unwrap() {
                prop_assert_eq!(of_it.iter().map(|sample| sample.1).min(), Some(first));
                prop_assert!(of_it.iter().all(|sample| sample.1 < last));
            }
            pieces.extend(of_it);
        }
        let order = |sample: &(TrackKind, Micros, SegmentId, u64)| (sample.0 == TrackKind::Audio, sample.1);
        let mut whole = samples(&footage());
        whole.sort_by_key(order);
        pieces.sort_by_key(order);
        prop_assert_eq!(pieces, whole);
    }
}

#[test]
fn a_cut_from_a_keyframe_makes_every_rendition() {
    let whole = footage();
    let (first, last) = whole.bounds().unwrap().unwrap();
    let entry = whole.entry_before(last - 500_000).unwrap().unwrap();
    assert!(entry > first);
    assert_eq!(whole.entry_before(entry).unwrap(), Some(entry));
    assert!(
        whole
            .entry_before(entry - 1)
            .unwrap()
            .is_some_and(|before| before < entry)
    );
    assert_eq!(whole.entry_before(first - 1).unwrap(), None);

    let cut = || footage().cut(entry, last - 100_000).unwrap();
    let of_it = samples(&cut());
    let count = |kind| of_it.iter().filter(|sample| sample.0 == kind).count();
    let bytes = all(&mut Mp4::open(cut()).unwrap());
    let reader = Mp4Reader::open(bytes.as_slice(), bytes.len() as u64).unwrap();
    let read: Vec<_> = reader.samples().map(Result::unwrap).collect();
    assert_eq!(read.len(), of_it.len());
    let video = read.iter().filter(|sample| sample.kind == TrackKind::Video);
    assert_eq!(video.clone().count(), count(TrackKind::Video));
    assert!(
        video
            .clone()
            .next()
            .is_some_and(|sample| sample.key && sample.dts_ms < 100)
    );
    assert!(!all(&mut Fmp4::open(cut()).unwrap()).is_empty());
    assert!(!all(&mut Flv::open(cut()).unwrap()).is_empty());
    assert!(!all(&mut Adts::open(cut()).unwrap()).is_empty());
    assert!(Hls::open(cut(), 6_000).unwrap().count() > 0);
}

#[test]
fn one_track_alone() {
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let only = footage().only(kind).unwrap();
        assert!(samples(&only).iter().all(|sample| sample.0 == kind));
        let whole = samples(&footage())
            .into_iter()
            .filter(|sample| sample.0 == kind)
            .count();
        assert_eq!(samples(&only).len(), whole);
        let bytes = all(&mut Mp4::open(only.clone()).unwrap());
        let reader = Mp4Reader::open(bytes.as_slice(), bytes.len() as u64).unwrap();
        assert!(reader.samples().all(|sample| sample.unwrap().kind == kind));
        assert!(Hls::open(only.clone(), 6_000).unwrap().count() > 0);
        assert!(!all(&mut Flv::open(only).unwrap()).is_empty());
    }
}
