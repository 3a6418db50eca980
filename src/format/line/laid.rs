//! The beginning of what grows, laid out once.

use crate::format::{FileError, TapeSource, ViewSegment};

use super::{Laying, Line, Tape};

/// The sealed segments at the beginning of a view, on their line. The next look goes on behind them. `Default` has no segment.
#[derive(Debug, Default)]
pub(in crate::format) struct Laid {
    /// The segments as the view has them.
    segments: Vec<ViewSegment>,
    laying: Laying,
    goes_on: bool,
}

impl Laid {
    /// Lays out a view, and keeps the part of it that will not change. A view that does not begin with the very same segments
    /// is laid out from its beginning. After an error this value is of no use.
    pub(in crate::format) fn lay<S: TapeSource>(&mut self, tape: &mut Tape<S>) -> Result<Line, FileError> {
        self.goes_on = tape.segments().starts_with(&self.segments);
        if !self.goes_on {
            *self = Self::default();
        }
        let view = tape.view();
        let mut new = view.segments.iter().skip(self.segments.len()).peekable();
        while let Some(segment) = new.next_if(|segment| segment.end.is_some()) {
            self.laying.add(view, segment.clone())?;
            self.segments.push(segment.clone());
        }
        let mut laying = self.laying.clone();
        for segment in new {
            laying.add(view, segment.clone())?;
        }
        Ok(laying.finish(tape))
    }

    /// True when the last look went on from the one before. Otherwise nothing that was known before holds any more.
    pub(in crate::format) fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// How many fragments the sealed segments have.
    pub(in crate::format) fn parts(&self) -> usize {
        self.laying.parts()
    }
}
