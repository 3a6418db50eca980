//! Recordings beside each other as one view: what happened at the same moment plays at the same moment.

use std::sync::Arc;

use super::{FileError, Gaps, Segments, View, ViewSegment};

/// The most recordings that play beside each other.
pub const MOST_IN_STEP: usize = 4;

impl<S> View<S> {
    /// The same view, as one of several that are to play in step: [joined](View::join) with others of its kind, it does not play
    /// behind them but beside them, by UTC. Its gaps stay as long as they were. Only MP4 can carry such a view: it has the tracks
    /// of each recording, with this name.
    pub fn in_step(mut self, name: &Arc<str>) -> View<S> {
        for segment in &mut self.segments {
            segment.in_step = Some(name.clone());
        }
        self.gaps(Gaps::Keep)
    }

    /// True where the ranges of the view play beside each other.
    pub fn is_in_step(&self) -> bool {
        self.segments.iter().any(|segment| segment.in_step.is_some())
    }

    /// The first of the recordings that play beside each other. Any other view stays as it is.
    pub fn first_side(mut self) -> View<S> {
        if let Some(first) = self.segments.first().filter(|_| self.is_in_step()) {
            let range = first.range;
            self.segments.retain(|segment| segment.range == range);
            self.segments
                .iter_mut()
                .for_each(|segment| segment.in_step = None);
        }
        self
    }
}

impl ViewSegment {
    /// Refuses a segment of recordings in step, in formats that have one line for all of the view.
    pub(in crate::format) fn expect_one_line(&self) -> Result<(), FileError> {
        match self.in_step {
            None => Ok(()),
            Some(_) => Err(FileError::Unsupported {
                format: "this format",
                reason: "it has recordings beside each other, which only an MP4 of all of it can carry"
                    .to_owned(),
            }),
        }
    }
}

impl Segments {
    /// The recordings of a view in step, each with its name, as views of one recording have them.
    pub(super) fn sides(self) -> Vec<(Arc<str>, Vec<ViewSegment>)> {
        let mut sides: Vec<(Arc<str>, Vec<ViewSegment>)> = Vec::new();
        let mut before = None;
        for mut segment in self {
            let name = segment.in_step.take().unwrap_or_default();
            match sides.last_mut() {
                Some((_, segments)) if before == Some(segment.range) => segments.push(segment),
                _ => {
                    before = Some(segment.range);
                    sides.push((name, vec![segment]));
                }
            }
        }
        sides
    }
}
