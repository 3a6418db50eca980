//! Several ranges of tape, one after the other, as one view.

use std::collections::HashMap;
use std::sync::Arc;

use super::index::SampleIndex;
use super::{TapeSource, View};
use crate::media::SegmentId;

/// The most ranges of one file.
pub const MAX_RANGES: usize = 500;

/// A source of segments that can become one with others of its kind.
pub trait JoinSource: TapeSource + Sized {
    /// One source that has the segments of all.
    fn join(self, others: Vec<Self>) -> Self;

    /// The same source, which says this of the samples of these segments.
    fn with_indexes(self, indexes: HashMap<SegmentId, Arc<SampleIndex>>) -> Self;
}

impl<S: JoinSource> View<S> {
    /// This view with others behind it. They may be of the same recording, of other recordings or of other streams. Each range
    /// begins where the one before ends. Breaks within a range stay. The same tape may be in the view more than once.
    ///
    /// [`View::changes`] lists the differences between ranges that some formats cannot carry.
    pub fn join(mut self, others: Vec<View<S>>) -> View<S> {
        let mut sources = Vec::with_capacity(others.len());
        for other in others {
            let next = self
                .segments
                .last()
                .map_or(0, |last| last.range.saturating_add(1));
            self.segments
                .extend(other.segments.into_iter().map(|mut segment| {
                    segment.range = segment.range.saturating_add(next);
                    segment
                }));
            sources.push(other.source);
        }
        View {
            segments: self.segments,
            source: self.source.join(sources),
        }
    }
}

#[cfg(test)]
mod tests;
