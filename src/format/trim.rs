//! A shorter view: from one moment to another, without touching a byte.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::{SourceError, TapeSource, View, ViewSegment};
use crate::format::index::{FragmentIndex, SampleIndex};
use crate::media::{Micros, SegmentId, VIDEO_TIMESCALE, rescale};

/// A source that shows only some fragments of each segment.
#[derive(Clone)]
pub struct Trim<S> {
    source: S,
    kept: Arc<HashMap<SegmentId, Range<usize>>>,
}

impl<S: TapeSource> View<S> {
    /// The part from `from` to `to`, both UTC. It begins at the last keyframe that begins a fragment at or
    /// before `from`, and ends with the fragment that holds the last moment before `to`: at most a second late.
    pub fn trim(self, from: Micros, to: Micros) -> Result<View<Trim<S>>, SourceError> {
        let mut kept: Vec<(ViewSegment, Range<usize>)> = Vec::new();
        for segment in self.segments {
            let index = self.source.index(segment.id)?;
            let before_end = index
                .fragments
                .iter()
                .take_while(|f| begins(&segment, f) < to)
                .count();
            let entry = |f: &FragmentIndex| is_entry(&segment, f) && begins(&segment, f) <= from;
            let first = index.fragments.iter().take(before_end).rposition(entry);
            if let Some(first) = first {
                // This is a later way in than any found so far.
                kept.clear();
                kept.push((segment, first..before_end));
            } else if before_end > 0 {
                kept.push((segment, 0..before_end));
            }
        }
        let ranges: HashMap<_, _> = kept
            .iter()
            .map(|(segment, range)| (segment.id, range.clone()))
            .collect();
        Ok(View {
            segments: kept.into_iter().map(|(segment, _)| segment).collect(),
            source: Trim {
                source: self.source,
                kept: Arc::new(ranges),
            },
        })
    }
}

impl<S: TapeSource> TapeSource for Trim<S> {
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        let whole = self.source.index(segment)?;
        let range = self.kept.get(&segment).cloned().unwrap_or(0..0);
        if range == (0..whole.fragments.len()) {
            return Ok(whole);
        }
        let fragments = whole.fragments.get(range).unwrap_or_default().to_vec();
        Ok(Arc::new(SampleIndex { fragments }))
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.source.read_exact_at(segment, offset, buf)
    }
}

/// UTC at which a fragment begins.
fn begins(segment: &ViewSegment, fragment: &FragmentIndex) -> Micros {
    let video = fragment.video.samples.first().map(|_| {
        rescale(
            segment.base.video + ticks(fragment.video.first_dts),
            VIDEO_TIMESCALE,
            1_000_000,
        )
    });
    let audio = segment
        .tracks
        .audio
        .as_ref()
        .filter(|_| !fragment.audio.samples.is_empty())
        .map(|audio| {
            rescale(
                segment.base.audio + ticks(fragment.audio.first_dts),
                audio.sample_rate,
                1_000_000,
            )
        });
    segment.publish_zero_utc + video.or(audio).unwrap_or(0)
}

/// True when a player can begin at this fragment.
fn is_entry(segment: &ViewSegment, fragment: &FragmentIndex) -> bool {
    match fragment.video.samples.first() {
        Some(sample) => sample.key,
        None => segment.tracks.video.is_none(),
    }
}

fn ticks(dts: u64) -> i64 {
    i64::try_from(dts).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Rendition as _;
    use crate::format::mp4::Mp4;
    use crate::format::testing::{Reel, SOME_DAY, all, two_segments, view};

    /// UTC of the fragments that a trim keeps, in milliseconds from the beginning.
    fn kept(from_ms: i64, to_ms: i64) -> Vec<i64> {
        let trimmed = trim(from_ms, to_ms);
        let mut out = Vec::new();
        for segment in &trimmed.segments {
            let index = trimmed.source.index(segment.id).unwrap();
            out.extend(
                index
                    .fragments
                    .iter()
                    .map(|f| (begins(segment, f) - SOME_DAY) / 1000),
            );
        }
        out
    }

    fn trim(from_ms: i64, to_ms: i64) -> View<Trim<Reel>> {
        let at = |ms: i64| SOME_DAY.saturating_add(ms.saturating_mul(1000));
        view(&two_segments()).trim(at(from_ms), at(to_ms)).unwrap()
    }

    #[test]
    fn begins_at_the_keyframe_before_and_ends_with_the_fragment_that_holds_the_end() {
        let whole = kept(i64::MIN / 2000, i64::MAX / 2000);
        assert!(whole.len() > 4 && whole.is_sorted(), "{whole:?}");
        for from in [0, 700, 1_900, 2_100, 3_500] {
            for to in [from + 1, from + 800, from + 2_500] {
                let part = kept(from, to);
                let (first, last) = (part.first().copied().unwrap(), part.last().copied().unwrap());
                assert!(first <= from.max(whole[0]), "{from}..{to}: {part:?}");
                assert!(last < to, "{from}..{to}: {part:?}");
                assert!(
                    whole.windows(part.len()).any(|run| run == part),
                    "{from}..{to}: {part:?}"
                );
                let next = whole.iter().find(|at| **at > last);
                assert!(next.is_none_or(|next| *next >= to), "{from}..{to}: {part:?}");
            }
        }
    }

    #[test]
    fn nothing_is_left_of_a_range_before_the_beginning() {
        assert!(trim(-5_000, -1_000).segments.is_empty());
    }

    #[test]
    fn a_trimmed_view_makes_a_smaller_file_that_holds_together() {
        let whole = Mp4::open(view(&two_segments())).unwrap().len();
        let mut part = Mp4::open(trim(2_100, 3_000)).unwrap();
        assert!(part.len() < whole);
        let bytes = all(&mut part);
        let reader = crate::format::mp4::read::Mp4Reader::open(bytes.as_slice(), bytes.len() as u64).unwrap();
        assert!(reader.samples().all(|sample| sample.is_ok()));
    }
}
