//! What earlier looks at a growing recording found.
//!
//! Sealed segments never change, and what follows from them is decided forwards: their places on the line, and all chunks but
//! the last two. These results are kept, and the next look goes on behind them. A view that does not begin with the very same
//! segments is looked at from its beginning. The result is the same in both cases.

use std::mem;

use crate::format::fragmented::{Fragments, Known};
use crate::format::line::{Laying, Line, Tape};
use crate::format::{FileError, TapeSource, View, ViewSegment};

use super::chunk::{Cut, Rule};

/// The sealed segments at the beginning of a recording, laid out. `Default` has no segment.
#[derive(Debug)]
pub struct Prefix {
    /// The segments as the view has them.
    segments: Vec<ViewSegment>,
    laying: Laying,
    /// The chunks of these segments.
    cut: Option<Cut>,
    /// What is known of the fragments of the decided chunks.
    known: Known,
    goes_on: bool,
}

impl Default for Prefix {
    fn default() -> Self {
        Self {
            segments: Vec::new(),
            laying: Laying::in_chunks(),
            cut: None,
            known: Known::default(),
            goes_on: false,
        }
    }
}

impl Prefix {
    /// True when the last look went on from the one before. Otherwise nothing that was known before holds any more.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Number of chunks that stay as they are, whatever the segment that is being written brings.
    pub fn chunks(&self) -> usize {
        self.cut.as_ref().map_or(0, Cut::decided)
    }

    /// Lays out a view, and keeps the part of it that will not change. After an error this value is of no use.
    pub(super) fn lay<S: TapeSource>(
        &mut self,
        tape: &mut Tape<S>,
        target_ms: i64,
    ) -> Result<(Line, Cut), FileError> {
        self.goes_on = self.is_beginning_of(tape.segments(), target_ms);
        if !self.goes_on {
            *self = Self::default();
        }
        let view = tape.view();
        let known = self.cut.take();
        let mut kept = known.unwrap_or_else(|| Cut::new(false, target_ms, Rule::Growing));
        let mut new = view.segments.iter().skip(self.segments.len()).peekable();
        while let Some(segment) = new.next_if(|segment| segment.end.is_some()) {
            add(&mut self.laying, &mut kept, view, segment)?;
            self.segments.push(segment.clone());
        }
        let (mut laying, mut cut) = (self.laying.clone(), kept.clone());
        for segment in new {
            add(&mut laying, &mut cut, view, segment)?;
        }
        self.cut = Some(kept);
        let line = laying.finish(tape);
        let cut = cut.finish(&line);
        Ok((line, cut))
    }

    pub(super) fn take_known(&mut self) -> Known {
        mem::take(&mut self.known)
    }

    pub(super) fn know(&mut self, fragments: &Fragments) {
        let parts = self.cut.as_ref().map_or(0, Cut::decided_parts);
        self.known = fragments.known(parts);
    }

    fn is_beginning_of(&self, segments: &[ViewSegment], target_ms: i64) -> bool {
        let same = self.cut.as_ref().is_some_and(|cut| cut.target_ms == target_ms);
        same && segments.starts_with(&self.segments)
    }
}

fn add<S: TapeSource>(
    laying: &mut Laying,
    cut: &mut Cut,
    view: &View<S>,
    segment: &ViewSegment,
) -> Result<(), FileError> {
    let count = laying.count();
    laying.add(view, segment.clone())?;
    for (stretch, segment) in laying.since(count) {
        let list = view.fragments(segment)?;
        cut.segment(stretch, segment, &list);
    }
    Ok(())
}

#[cfg(test)]
pub(in crate::format) mod tests;
