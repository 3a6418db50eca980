//! Where a view changes in a way that one MP4 file should not hold.

use std::fmt;

use super::line::Config;
use super::{TapeSource, View};
use crate::media::{Micros, TrackKind};

/// A track that continues with another codec configuration: another codec, size, rate, or other parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// UTC of the first segment that has the new configuration.
    pub at: Micros,
    /// The ranges of a [joined](View::join) view before and after the change, counted from 1. Both are the same within a range.
    pub ranges: (u32, u32),
    segment: usize,
    before: Config,
    after: Config,
}

impl<S: TapeSource> View<S> {
    /// Where tracks change. The beginning or the end of a track is no change. Recordings [in step](View::in_step) have tracks of
    /// their own, each.
    pub fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut known: [Option<(Config, u32)>; 2] = [None, None];
        for (number, segment) in self.segments.iter().enumerate() {
            for (kind, known) in [TrackKind::Video, TrackKind::Audio].into_iter().zip(&mut known) {
                let Some(after) = Config::of(&segment.tracks, kind) else {
                    continue;
                };
                if let Some((before, range)) = known.take()
                    && before != after
                    && (segment.in_step.is_none() || range == segment.range)
                {
                    changes.push(Change {
                        at: segment.utc(segment.begins()),
                        ranges: (range.saturating_add(1), segment.range.saturating_add(1)),
                        segment: number,
                        before,
                        after: after.clone(),
                    });
                }
                *known = Some((after, segment.range));
            }
        }
        changes
    }

    /// The view in as few pieces as possible, each with one configuration. Recordings in step stay one piece.
    pub fn parts(mut self) -> Vec<View<S>>
    where
        S: Clone,
    {
        if self.is_in_step() {
            return vec![self];
        }
        let mut cuts: Vec<usize> = self.changes().iter().map(|change| change.segment).collect();
        cuts.dedup();
        let mut parts = Vec::with_capacity(cuts.len() + 1);
        for cut in cuts.into_iter().rev() {
            let cut = cut.min(self.segments.len());
            parts.push(View {
                segments: self.segments.split_off(cut).into(),
                source: self.source.clone(),
            });
        }
        parts.push(self);
        parts.reverse();
        parts
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = (self.before.to_string(), self.after.to_string());
        match (self.ranges, before == after) {
            ((one, other), false) if one != other => {
                write!(f, "range {other} has {after}, range {one} has {before}")
            }
            ((one, other), true) if one != other => {
                write!(
                    f,
                    "range {other} has {after} with other parameters than range {one}"
                )
            }
            (_, false) => write!(f, "{before} becomes {after}"),
            (_, true) => write!(f, "{before} goes on with other parameters"),
        }
    }
}

#[cfg(test)]
mod tests;
