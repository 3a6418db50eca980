//! Goes over the tape of a stream from its beginning to its end, and cuts it where recordings begin and end.

use super::line::{Piece, Timeline, share};
use crate::media::Micros;
use crate::model::Origin;
use crate::store::journal::{GapSpan, RecordingSpan, SegmentSpan};
use crate::store::short::GAP;

/// A recording may begin or end this far from the segments that are its tape: two tracks end a frame apart, and times are rounded.
/// A piece that is shorter comes from such a difference.
const SLIVER: Micros = 250_000;

/// The reason where media was on the tape and is gone.
const GONE: &str = "deleted, or evicted for newer media";

/// The recordings that the sweep has passed or has before it, and the last segment.
pub(super) struct Sweep {
    recordings: Vec<RecordingSpan>,
    gaps: Vec<GapSpan>,
    /// The first recording that has not begun.
    next: usize,
    /// The recordings that go on here, in the order of their starts.
    open: Vec<usize>,
    /// The first gap that ends behind the last segment.
    gap: usize,
    /// The segment that the sweep takes next. It waits for the segment behind it, by which the reason of a gap is known.
    waits: Option<SegmentSpan>,
    /// Tape time up to which the sweep has gone.
    through: Micros,
}

impl Sweep {
    /// Begins before all tape. Recordings are in the order of their starts, gaps in the order of their ends.
    pub(super) fn new(recordings: Vec<RecordingSpan>, gaps: Vec<GapSpan>) -> Self {
        Self {
            recordings,
            gaps,
            next: 0,
            open: Vec::new(),
            gap: 0,
            waits: None,
            through: Micros::MIN,
        }
    }

    /// Takes the next segment, in the order of the ends.
    pub(super) fn segment(&mut self, segment: SegmentSpan, line: &mut Timeline) {
        if let Some(before) = self.waits.take() {
            let is_gone = segment.publish == before.publish && segment.sequence > before.sequence + 1;
            self.pass(&before, is_gone.then_some(GONE), line);
        }
        self.waits = Some(segment);
    }

    /// Takes the last segment, and gives the recordings back.
    pub(super) fn finish(mut self, line: &mut Timeline) -> Vec<RecordingSpan> {
        if let Some(last) = self.waits.take() {
            self.pass(&last, None, line);
        }
        self.recordings
    }

    /// Hands over the pieces of a segment that belong to recordings.
    fn pass(&mut self, segment: &SegmentSpan, gone: Option<&str>, line: &mut Timeline) {
        let length = segment.end.saturating_sub(segment.start).max(1);
        // The sound of a segment may end after the picture of the next began: no moment is counted twice.
        let mut at = segment.start.max(self.through);
        let part =
            |from: Micros, to: Micros| share(segment.bytes, from - segment.start, to - segment.start, length);
        while at < segment.end {
            self.reach(at);
            let edge = self.edge(at).min(segment.end);
            if !self.open.is_empty() && edge - at >= SLIVER.min(length) {
                let stops = self.stops(edge, segment, gone);
                line.add(Piece {
                    from: at.saturating_add(segment.utc),
                    to: edge.saturating_add(segment.utc),
                    bytes: part(at, edge),
                    recordings: &self.open,
                    stops,
                });
            }
            at = edge;
        }
        self.through = self.through.max(segment.end);
    }

    /// Opens the recordings that have begun at a tape time, and closes those that have ended.
    fn reach(&mut self, at: Micros) {
        while self
            .recordings
            .get(self.next)
            .is_some_and(|next| next.start <= at)
        {
            self.open.push(self.next);
            self.next += 1;
        }
        let recordings = &self.recordings;
        self.open
            .retain(|open| recordings.get(*open).is_some_and(|open| open.end > at));
    }

    /// The next tape time at which a recording begins or ends.
    fn edge(&self, at: Micros) -> Micros {
        let begins = self
            .recordings
            .get(self.next)
            .map_or(Micros::MAX, |next| next.start);
        let ends = self.open.iter().filter_map(|open| self.recordings.get(*open));
        ends.map(|open| open.end).fold(begins, Micros::min).max(at + 1)
    }

    /// The reason why no tape follows behind `at`, if none does: a gap that was told of, the end of the recordings, what became of
    /// the next segment, or the end of the publish.
    fn stops(&mut self, at: Micros, segment: &SegmentSpan, gone: Option<&str>) -> Option<String> {
        while self.gaps.get(self.gap).is_some_and(|gap| gap.end <= at) {
            self.gap += 1;
        }
        let told = self
            .gaps
            .get(self.gap)
            .filter(|gap| gap.start <= at.saturating_add(GAP));
        if let Some(told) = told {
            return Some(told.reason.clone());
        }
        // A clip ends wherever somebody wanted.
        let ends = |open: &&RecordingSpan| {
            open.end <= at.saturating_add(GAP) && open.spec.about.origin != Origin::Clip
        };
        let all = self.open.iter().filter_map(|open| self.recordings.get(*open));
        let ended = all.filter(ends).find_map(|open| open.ended.clone());
        ended
            .or_else(|| gone.map(str::to_owned))
            .or_else(|| segment.publish_ended.clone())
    }
}
