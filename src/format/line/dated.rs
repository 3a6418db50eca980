//! What time it was at the moments of a line.

use crate::format::index::{Run, SampleIndex};
use crate::format::{FileError, TapeSource, View, ViewSegment};
use crate::media::{Micros, TrackKind};

use super::Line;

impl Line {
    /// The moments of the line from which on another clock is right than before, with the UTC of each, in microseconds: the first
    /// moment, what follows a closed gap, each range, and a publish with other dates. Reads the index of a segment at each of them.
    /// A kept gap is none: time goes on through it.
    pub(in crate::format) fn dated<S: TapeSource>(
        &self,
        segments: &[ViewSegment],
        view: &View<S>,
    ) -> Result<Vec<(Micros, Micros)>, FileError> {
        let (mut dated, mut ahead) = (Vec::new(), None);
        for (stretch, segment) in self.stretches.iter().zip(segments) {
            let zero = stretch.zero_ms.saturating_mul(1_000);
            let own = segment.publish_zero_utc.saturating_sub(zero);
            if segment.silence.is_some() || ahead == Some(own) {
                continue;
            }
            // A segment may be there only to decode the next one.
            if let Some(begins) = first(segment, view.index(segment)?.as_ref()) {
                let line = begins.saturating_sub(segment.publish_zero).saturating_add(zero);
                dated.push((line, line.saturating_add(own)));
                ahead = Some(own);
            }
        }
        Ok(dated)
    }
}

/// Tape time at which the first picture of a segment is shown, or its sound begins where it shows none.
fn first(segment: &ViewSegment, index: &SampleIndex) -> Option<Micros> {
    let shown = segment.kept.shown_from..segment.kept.shown_to;
    let pictures = index.runs(TrackKind::Video).flat_map(Run::placed);
    let pictures = pictures.map(|placed| segment.shown(&placed));
    let sound = || {
        let run = index.runs(TrackKind::Audio).next()?;
        Some(segment.tape(TrackKind::Audio, run.first_dts))
    };
    pictures.filter(|tape| shown.contains(tape)).min().or_else(sound)
}
