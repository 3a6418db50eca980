//! Where a push enters a chunk.

use std::ops::Range;

use crate::format::hls::ChunkTag;
use crate::media::{Micros, TrackKind};

/// A batch of messages is at most so much media, and about so many bytes.
const BATCH_MS: u64 = 1_000;
const BATCH_BYTES: usize = 1 << 20;

/// What decides of a sample: which track, whether decoding can begin with it, when, and how large it is.
pub(super) trait Placed {
    /// The track.
    fn kind(&self) -> TrackKind;
    /// True for a picture at which decoding can begin.
    fn key(&self) -> bool;
    /// Media time in milliseconds.
    fn at_ms(&self) -> u64;
    /// Bytes.
    fn len(&self) -> usize;
}

impl Placed for ChunkTag {
    fn kind(&self) -> TrackKind {
        self.kind
    }

    fn key(&self) -> bool {
        self.key
    }

    fn at_ms(&self) -> u64 {
        self.at_ms
    }

    fn len(&self) -> usize {
        ChunkTag::len(self)
    }
}

/// The first sample to send where nothing was sent before: the last keyframe that is shown by now, so that what is sent at once is
/// at most a GOP; or the next keyframe. `due` says when a media time is shown. None where decoding cannot begin in the chunk.
pub(super) fn enter<T: Placed>(tags: &[T], due: impl Fn(u64) -> Micros, now: Micros) -> Option<usize> {
    let has_pictures = tags.iter().any(|tag| tag.kind() == TrackKind::Video);
    if !has_pictures {
        return tags.iter().position(|tag| due(tag.at_ms()) >= now);
    }
    let keys = || {
        tags.iter()
            .enumerate()
            .filter(|(_, tag)| tag.key())
            .map(|(place, _)| place)
    };
    let is_shown = |place: &usize| tags.get(*place).is_some_and(|tag| due(tag.at_ms()) <= now);
    let key = keys().take_while(is_shown).last().or_else(|| keys().next())?;
    // Sound that begins the chunk belongs to its first keyframe.
    let is_first =
        keys().next() == Some(key) && tags.iter().take(key).all(|tag| tag.kind() == TrackKind::Audio);
    Some(if is_first { 0 } else { key })
}

/// The messages from `from` on that are read at once.
pub(super) fn batch<T: Placed>(tags: &[T], from: usize) -> Range<usize> {
    let rest = tags.get(from..).unwrap_or_default();
    let begins = rest.first().map_or(0, Placed::at_ms);
    let mut bytes = 0;
    let count = rest
        .iter()
        .take_while(|tag| {
            let fits = bytes < BATCH_BYTES && tag.at_ms() < begins.saturating_add(BATCH_MS);
            bytes += tag.len();
            fits
        })
        .count();
    from..from + count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample of a kilobyte.
    struct Sample(TrackKind, bool, u64);

    impl Placed for Sample {
        fn kind(&self) -> TrackKind {
            self.0
        }

        fn key(&self) -> bool {
            self.1
        }

        fn at_ms(&self) -> u64 {
            self.2
        }

        fn len(&self) -> usize {
            1_024
        }
    }

    /// Six seconds from 100 s on: sound each 20 ms, pictures each 40 ms from 100.01 s on, keyframes each 2 s.
    fn chunk() -> Vec<Sample> {
        let sound = (0..300).map(|at| Sample(TrackKind::Audio, false, 100_000 + at * 20));
        let pictures = (0..150).map(|at| Sample(TrackKind::Video, at % 50 == 0, 100_010 + at * 40));
        let mut all: Vec<Sample> = sound.chain(pictures).collect();
        all.sort_by_key(|sample| sample.2);
        all
    }

    #[test]
    fn a_push_enters_at_the_last_keyframe_that_is_shown() {
        let all = chunk();
        // Media time 100 s is shown at zero.
        let due = |at_ms: u64| (at_ms as i64 - 100_000) * 1_000;
        for (now_ms, entered) in [
            (-50, 100_000),
            (5, 100_000),
            (1_999, 100_000),
            (2_010, 102_010),
            (3_900, 102_010),
            (9_000, 104_010),
        ] {
            let place = enter(&all, due, now_ms * 1_000).unwrap();
            assert_eq!(all[place].2, entered, "{now_ms}");
        }
        let cut: Vec<Sample> = chunk().into_iter().skip(3).collect();
        assert_eq!(cut[enter(&cut, due, 0).unwrap()].2, 102_010, "the next keyframe");
        let sound: Vec<Sample> = chunk()
            .into_iter()
            .filter(|sample| sample.0 == TrackKind::Audio)
            .collect();
        assert_eq!(sound[enter(&sound, due, 1_010_000).unwrap()].2, 101_020);
        assert_eq!(enter(&sound, due, 7_000_000), None);
        let keyless: Vec<Sample> = chunk().into_iter().filter(|sample| !sample.1).collect();
        assert_eq!(enter(&keyless, due, 0), None);
    }

    #[test]
    fn batches_are_a_second_or_a_mebibyte_and_cover_the_chunk() {
        let all = chunk();
        let (mut from, mut batches) = (0, Vec::new());
        while from < all.len() {
            let next = batch(&all, from);
            assert_eq!(next.start, from);
            assert!(all[next.end - 1].2 - all[next.start].2 < 1_000);
            batches.push(next.len());
            from = next.end;
        }
        assert!((6..=7).contains(&batches.len()), "{batches:?}");
        let dense: Vec<Sample> = (0..4_000).map(|_| Sample(TrackKind::Video, false, 0)).collect();
        assert_eq!(batch(&dense, 0), 0..1_024);
    }
}
