//! Gaps in a tape. A gap opens where media is lost, and is told of once the tape goes on behind it.

use super::StreamWriter;
use crate::media::Micros;
use crate::store::GapCause;

/// A part of a publish that is not on the tape. Nothing behind it is durable yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store::writer) struct Gap {
    /// Tape time where the tape stops.
    from: Micros,
    /// Tape time up to which media is known to be lost.
    to: Micros,
    /// Tape time of the media behind the gap that is written and not durable yet.
    goes_on: Option<Micros>,
    cause: GapCause,
    reason: String,
}

/// A gap that has an end, in tape time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store::writer) struct ClosedGap {
    pub(in crate::store::writer) from: Micros,
    pub(in crate::store::writer) to: Micros,
    pub(in crate::store::writer) cause: GapCause,
    pub(in crate::store::writer) reason: String,
}

impl Gap {
    fn closed(self) -> ClosedGap {
        ClosedGap {
            from: self.from,
            to: self.goes_on.unwrap_or(self.to).max(self.from),
            cause: self.cause,
            reason: self.reason,
        }
    }
}

impl StreamWriter {
    /// Notes that media time `span` is not on the tape: opens a gap, or extends the open one.
    pub(in crate::store::writer) fn open_gap(
        &mut self,
        span: (Micros, Micros),
        (cause, reason): (GapCause, &str),
    ) {
        let tape = |media: Micros| self.tape_zero.saturating_add(media);
        let (from, to) = (self.written_end().unwrap_or(tape(span.0)), tape(span.1));
        match &mut self.gap {
            Some(gap) => {
                gap.from = gap.from.min(from);
                gap.to = gap.to.max(to);
                gap.goes_on = None;
            }
            None => {
                self.gap = Some(Gap {
                    from,
                    to,
                    goes_on: None,
                    cause,
                    reason: reason.to_owned(),
                });
            }
        }
    }

    /// Notes that media that begins at tape time `start` is written.
    pub(in crate::store::writer) fn reach(&mut self, start: Micros) {
        if let Some(gap) = &mut self.gap {
            gap.goes_on = gap.goes_on.or(Some(start));
        }
    }

    /// Closes the gap when written media is durable: a gap before that media has found its end.
    pub(in crate::store::writer) fn close_gap(&mut self) -> Option<ClosedGap> {
        self.gap.take_if(|gap| gap.goes_on.is_some()).map(Gap::closed)
    }

    /// Closes the gap when the publish is over: nothing will come behind it.
    pub(in crate::store::writer) fn end_gap(&mut self) -> Option<ClosedGap> {
        self.gap.take().map(Gap::closed)
    }

    /// Tape time up to which there is media on the tape, durable or not.
    fn written_end(&self) -> Option<Micros> {
        let open = self.segment.as_ref().filter(|segment| segment.written.bytes > 0);
        open.map(|segment| segment.written.end).or(self.sealed_end)
    }
}
