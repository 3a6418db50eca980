//! Holes in a tape: opened where media is lost, told of once the tape goes on behind them.

use super::{Lane, Pass, Writer};
use crate::media::{Micros, PublishId};
use crate::store::journal::Op;

/// Media of a publish that is not on the tape, and nothing behind it is durable yet.
pub(super) struct Hole {
    /// Tape time where the tape stops.
    from: Micros,
    /// Tape time up to which media is known to be lost.
    to: Micros,
    /// Tape time where media goes on that is written and not durable yet.
    goes_on: Option<Micros>,
    reason: String,
}

impl Writer {
    /// Media never came this far: what is open ends here, so that the hole lies between two segments.
    pub(super) fn skip(
        &mut self,
        publish: PublishId,
        span: (Micros, Micros),
        bytes: u64,
        reason: &str,
        pass: &mut Pass,
    ) {
        self.progress.bytes_dropped += bytes;
        let Some(lane) = self.lanes.get(&publish) else {
            return;
        };
        if lane.segment.is_some() {
            // What is behind an earlier hole becomes durable before there is another.
            let stream = lane.stream.clone();
            self.settle(publish);
            pass.held.insert(stream);
            pass.turns.push((publish, None));
        }
        self.open_hole(publish, span, bytes, Some(reason));
    }

    /// Media of tape time `from` to `to` is gone again, though it was on the tape.
    pub(super) fn lose_from(&mut self, publish: PublishId, from: Micros, to: Micros) {
        let Some(lane) = self.lanes.get_mut(&publish) else {
            return;
        };
        lane.sealed_end = Some(from);
        let span = (
            from.saturating_sub(lane.tape_zero),
            to.saturating_sub(lane.tape_zero),
        );
        self.open_hole(publish, span, 0, None);
    }

    /// A fragment cannot be kept.
    pub(super) fn lose_fragment(&mut self, publish: PublishId, span: (Micros, Micros), bytes: usize) {
        self.lose(bytes as u64);
        self.open_hole(publish, span, bytes as u64, None);
    }

    /// Notes a hole for media time `span`, or makes the one that is open longer. Without a reason it is the last
    /// failure's.
    pub(super) fn open_hole(
        &mut self,
        publish: PublishId,
        span: (Micros, Micros),
        bytes: u64,
        reason: Option<&str>,
    ) {
        let Some(lane) = self.lanes.get_mut(&publish) else {
            return;
        };
        let stream = self.progress.streams.entry(lane.stream.clone()).or_default();
        stream.bytes_lost += bytes;
        let from = lane
            .written_end()
            .unwrap_or(lane.tape_zero.saturating_add(span.0));
        let to = lane.tape_zero.saturating_add(span.1);
        match &mut lane.hole {
            Some(hole) => {
                hole.from = hole.from.min(from);
                hole.to = hole.to.max(to);
                hole.goes_on = None;
            }
            None => {
                let reason = reason.map(str::to_owned);
                let failure = || self.progress.last_error.clone();
                let reason = reason.or_else(failure);
                lane.hole = Some(Hole {
                    from,
                    to,
                    goes_on: None,
                    reason: reason.unwrap_or_else(|| "no keyframe came to go on from".to_owned()),
                });
            }
        }
    }

    /// Media that begins at tape time `start` is written.
    pub(super) fn reach(&mut self, publish: PublishId, start: Micros) {
        let hole = self.lanes.get_mut(&publish).and_then(|lane| lane.hole.as_mut());
        if let Some(hole) = hole {
            hole.goes_on = hole.goes_on.or(Some(start));
        }
    }

    /// What is written is durable: a hole before it has found its end.
    pub(super) fn close_hole(&mut self, publish: PublishId) {
        let goes_on = |hole: &mut Hole| hole.goes_on.is_some();
        let hole = self
            .lanes
            .get_mut(&publish)
            .and_then(|lane| lane.hole.take_if(goes_on));
        self.tell_hole(publish, hole);
    }

    /// The publish is over: nothing will come behind the hole.
    pub(super) fn end_hole(&mut self, publish: PublishId) {
        let hole = self.lanes.get_mut(&publish).and_then(|lane| lane.hole.take());
        self.tell_hole(publish, hole);
    }

    fn tell_hole(&mut self, publish: PublishId, hole: Option<Hole>) {
        let (Some(hole), Some(lane)) = (hole, self.lanes.get(&publish)) else {
            return;
        };
        let to = hole.goes_on.unwrap_or(hole.to).max(hole.from);
        tracing::warn!(
            stream = %lane.stream,
            "the tape has a gap of {} ms: {}",
            to.saturating_sub(hole.from) / 1_000,
            hole.reason
        );
        self.progress.gaps += 1;
        let stream = self.progress.streams.entry(lane.stream.clone()).or_default();
        stream.gaps += 1;
        self.pending.push(Op::Gap {
            publish,
            from: hole.from,
            to,
            reason: hole.reason,
        });
    }
}

impl Lane {
    /// Tape time up to which there is media on the tape, durable or not.
    fn written_end(&self) -> Option<Micros> {
        let open = self.segment.as_ref().filter(|segment| segment.written.bytes > 0);
        open.map(|segment| segment.written.end).or(self.sealed_end)
    }
}
