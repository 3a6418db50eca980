//! A line that is laid out segment by segment, so that what grows can be gone on with.

use crate::format::{RenditionError, TapeSource, View, ViewSegment};
use crate::media::{Micros, TrackKind};

use super::sound::Sound;
use super::{Line, Stretch, Tape, seam};

/// A line that is being laid out. A copy of it goes on as the original would.
#[derive(Clone, Debug, Default)]
pub(in crate::format) struct Laying {
    line: Line,
    sound: Sound,
    /// The segments on it, with the silence between them.
    laid: Vec<ViewSegment>,
    /// The last one that is no silence, with the line time of its publish's zero.
    before: Option<(ViewSegment, Micros)>,
}

impl Laying {
    /// The next segment of the view. Reads its index. After an error the line is of no use.
    pub(in crate::format) fn add<S: TapeSource>(
        &mut self,
        view: &View<S>,
        mut segment: ViewSegment,
    ) -> Result<(), RenditionError> {
        let mut index = view.index(&segment)?;
        let (mut zero, mut breaks) = (0, true);
        if let Some((before, before_zero)) = self.before.take() {
            let line = &mut self.line;
            let tracks = [line.video.as_ref(), line.audio.as_ref()];
            breaks = seam::breaks(&before, &segment);
            let shown = breaks
                .then(|| line.shown.place(&before, &segment, &index))
                .flatten();
            let hidden_ms = line.shown.hidden_ms;
            zero = match shown {
                Some(zero) => zero,
                None => seam::place(&before, &segment, before_zero, || {
                    seam::least(tracks, hidden_ms, &segment, &index)
                }),
            };
            if shown.is_some() {
                line.shown.shift(line.video.as_ref(), &segment, zero, &index);
            }
            let before_ms = before_zero.div_euclid(1_000);
            let track = line.audio.as_ref();
            let (silences, too_much) =
                self.sound
                    .before((&before, before_ms), track, (&segment, zero), &index);
            self.silences(view, silences, before_ms)?;
            if too_much > 0 {
                segment.kept.sound_skipped = too_much;
                index = view.index(&segment)?;
            }
        } else {
            let silences = self.sound.first(&segment, &index);
            self.silences(view, silences, 0)?;
        }
        let zero_ms = zero.div_euclid(1_000);
        let sound_ends = self.line.sound_ends(&segment, zero_ms, &index);
        let pieces = self.sound.within(&segment, sound_ends, &index);
        if pieces.is_empty() {
            self.line
                .add(self.laid.len(), &segment, zero_ms, breaks, &index)?;
            self.laid.push(segment.clone());
        }
        for piece in pieces {
            let index = view.index(&piece)?;
            self.line.add(self.laid.len(), &piece, zero_ms, breaks, &index)?;
            self.laid.push(piece);
            breaks = false;
        }
        self.line.shown.add(&segment, zero, &index);
        self.before = Some((segment, zero));
        Ok(())
    }

    fn silences<S: TapeSource>(
        &mut self,
        view: &View<S>,
        silences: Vec<ViewSegment>,
        zero_ms: i64,
    ) -> Result<(), RenditionError> {
        for silence in silences {
            let index = view.index(&silence)?;
            self.line.add(self.laid.len(), &silence, zero_ms, false, &index)?;
            self.laid.push(silence);
        }
        Ok(())
    }

    /// How many fragments are on it.
    pub(super) fn parts(&self) -> usize {
        self.line.parts.len()
    }

    /// How many segments are on it, silence counted.
    pub(in crate::format) fn count(&self) -> usize {
        self.laid.len()
    }

    /// Those behind the first so many.
    pub(in crate::format) fn since(&self, count: usize) -> impl Iterator<Item = (&Stretch, &ViewSegment)> {
        self.line.stretches.iter().zip(&self.laid).skip(count)
    }

    /// Nothing follows. The tape's segments become those of the line.
    pub(in crate::format) fn finish<S: TapeSource>(mut self, tape: &mut Tape<S>) -> Line {
        tape.lay(self.laid);
        for kind in [TrackKind::Video, TrackKind::Audio] {
            self.line.settle(kind, None);
        }
        self.line
    }
}
