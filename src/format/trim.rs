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
