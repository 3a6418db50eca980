//! Exactly the samples of a range of tape, or of one track, without touching a byte.
//!
//! A sample belongs to a range when the tape time of its DTS is not before the range's start and before its
//! end, whichever track it is of. So of ranges that follow each other every sample belongs to exactly one,
//! wherever segments and fragments begin.

use std::sync::Arc;

use super::{SourceError, TapeSource, View, ViewSegment};
use crate::format::index::{FragmentIndex, Run, SampleIndex};
use crate::media::{Micros, TrackKind, Tracks};

/// Which samples of a segment belong to a view. `Default` keeps all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Those from this tape time on.
    pub from: Micros,
    /// Those before this tape time.
    pub to: Micros,
    /// Those of one track.
    pub only: Option<TrackKind>,
    /// Those before this tape time are there to decode what follows, and are not shown where a format can say
    /// so.
    pub shown_from: Micros,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            from: Micros::MIN,
            to: Micros::MAX,
            only: None,
            shown_from: Micros::MIN,
        }
    }
}

impl<S: TapeSource> View<S> {
    /// The samples from tape time `start` to `end`. Reads the indexes of segments that lie across either, and
    /// of those whose [`end`](ViewSegment::end) is not known.
    pub fn cut(self, start: Micros, end: Micros) -> Result<View<S>, SourceError> {
        self.narrow(|_| (start, end))
    }

    /// The samples of one track.
    pub fn only(mut self, kind: TrackKind) -> View<S> {
        self.segments
            .retain(|segment| segment.tracks.timescale(kind).is_some());
        for segment in &mut self.segments {
            segment.kept.only = Some(kind);
            segment.tracks = match kind {
                TrackKind::Video => Tracks {
                    audio: None,
                    ..segment.tracks.clone()
                },
                TrackKind::Audio => Tracks {
                    video: None,
                    ..segment.tracks.clone()
                },
            };
        }
        self
    }

    /// Leaves of each segment what lies between two tape times, and no segment without a sample.
    pub(in crate::format) fn narrow(
        mut self,
        range: impl Fn(&ViewSegment) -> (Micros, Micros),
    ) -> Result<View<S>, SourceError> {
        let mut left = Vec::with_capacity(self.segments.len());
        for mut segment in std::mem::take(&mut self.segments) {
            let (from, to) = range(&segment);
            if segment.begins() >= to || segment.end.is_some_and(|end| end < from) {
                continue;
            }
            // A sample may begin where it ends, so one may begin at the very end.
            let ends_within = to == Micros::MAX || segment.end.is_some_and(|end| end < to);
            let within = segment.begins() >= from && ends_within;
            if !within {
                segment.kept.from = segment.kept.from.max(from);
                segment.kept.to = segment.kept.to.min(to);
                if self.index(&segment)?.fragments.is_empty() {
                    continue;
                }
            }
            left.push(segment);
        }
        self.segments = left;
        Ok(self)
    }
}

impl Kept {
    /// What is kept of a segment's index.
    pub(in crate::format) fn of(&self, segment: &ViewSegment, whole: Arc<SampleIndex>) -> Arc<SampleIndex> {
        if self.is_all() || whole.fragments.iter().all(|all| self.keeps(segment, all)) {
            return whole;
        }
        let run = |fragment: &FragmentIndex, kind| self.cut(segment, kind, fragment.run(kind));
        let fragments = whole.fragments.iter().map(|fragment| FragmentIndex {
            offset: fragment.offset,
            len: fragment.len,
            video: run(fragment, TrackKind::Video),
            audio: run(fragment, TrackKind::Audio),
        });
        let fragments =
            fragments.filter(|left| !left.video.samples.is_empty() || !left.audio.samples.is_empty());
        Arc::new(SampleIndex {
            fragments: fragments.collect(),
        })
    }

    fn is_all(&self) -> bool {
        (self.from, self.to, self.only) == (Micros::MIN, Micros::MAX, None)
    }

    /// True when nothing of a fragment is cut off.
    fn keeps(&self, segment: &ViewSegment, fragment: &FragmentIndex) -> bool {
        [TrackKind::Video, TrackKind::Audio].into_iter().all(|kind| {
            let run = fragment.run(kind);
            let Some(last) = run.samples.last() else {
                return true;
            };
            let last_dts = run.end_dts().saturating_sub(u64::from(last.duration));
            self.only.is_none_or(|only| only == kind)
                && segment.tape(kind, run.first_dts) >= self.from
                && segment.tape(kind, last_dts) < self.to
        })
    }

    fn cut(&self, segment: &ViewSegment, kind: TrackKind, run: &Run) -> Run {
        if self.only.is_some_and(|only| only != kind) {
            return Run::default();
        }
        let kept = |dts| (self.from..self.to).contains(&segment.tape(kind, dts));
        let mut placed = run.placed().filter(|placed| kept(placed.dts));
        let Some(first) = placed.next() else {
            return Run::default();
        };
        let samples = std::iter::once(first).chain(placed);
        Run {
            first_dts: first.dts,
            data_offset: first.offset,
            samples: samples.map(|placed| placed.sample).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
