//! A line that is laid out segment by segment, so that the line of a growing recording can be continued.

use crate::format::cut::Place;
use crate::format::index::{FragmentList, Placed};
use crate::format::{FileError, TapeSource, View, ViewSegment};
use crate::media::{Micros, RandomAccess, TrackKind};

use super::heard::{Begins, Heard};
use super::sound::Sound;
use super::{Line, Stretch, Tape, contradiction, seam};

/// No publisher sends a larger picture.
const LARGEST: u32 = 16 << 20;

/// A line that is being laid out. A copy of it goes on as the original would.
#[derive(Clone, Debug, Default)]
pub(in crate::format) struct Laying {
    line: Line,
    sound: Sound,
    /// The segments on the line, with the silence between them.
    laid: Vec<ViewSegment>,
    /// The last segment that is no silence, with the line time of its publish's zero.
    before: Option<(ViewSegment, Micros)>,
    /// The range whose first picture is already on the line.
    pictured: Option<u32>,
    /// Its fragments become chunks, for which the lists of fragments are enough.
    is_in_chunks: bool,
}

impl Laying {
    /// A line for chunks: a long pause of both picture and sound gets no chunk of silence.
    pub(in crate::format) fn in_chunks() -> Self {
        Self {
            sound: Sound::in_chunks(),
            is_in_chunks: true,
            ..Self::default()
        }
    }

    /// Adds the next segment of the view and reads its index. After an error the line is of no use.
    pub(in crate::format) fn add<S: TapeSource>(
        &mut self,
        view: &View<S>,
        segment: ViewSegment,
    ) -> Result<(), FileError> {
        segment.expect_one_line()?;
        let Some((shown, behind)) = self.leading(view, &segment)? else {
            return self.add_piece(view, segment);
        };
        let mut first = segment.clone();
        first.kept.pictures_from = shown;
        let Some(behind) = behind else {
            return self.add_piece(view, first);
        };
        first.kept.until = first.kept.until.min(behind);
        self.add_piece(view, first)?;
        let mut rest = segment;
        rest.kept.after = rest.kept.after.max(behind);
        self.add_piece(view, rest)
    }

    /// Concerns a segment that begins with the keyframe of an open GOP and has leading pictures. Returns when the keyframe is
    /// presented, and the place behind the leading pictures, if it is known. The leading pictures refer to pictures that are
    /// not in the view.
    fn leading<S: TapeSource>(
        &mut self,
        view: &View<S>,
        segment: &ViewSegment,
    ) -> Result<Option<(Micros, Option<Place>)>, FileError> {
        if self.pictured == Some(segment.range) || segment.tracks.video.is_none() {
            return Ok(None);
        }
        if let Some(list) = view.listed(segment) {
            let Some((_, run)) = list.first_picture() else {
                return Ok(None);
            };
            if run.samples > 1 && !run.shape.leads {
                self.pictured = Some(segment.range);
                return Ok(None);
            }
        }
        let index = view.index(segment)?;
        let fragments = index.fragments.iter();
        let mut pictures = fragments.flat_map(|fragment| {
            let placed = fragment.video.placed();
            placed.map(move |placed| (fragment.offset, placed))
        });
        let (Some((_, first)), Some(video)) = (pictures.next(), &segment.tracks.video) else {
            return Ok(None);
        };
        self.pictured = Some(segment.range);
        let shown = segment.shown(&first);
        let leads = |placed: &Placed| !placed.sample.key && segment.shown(placed) < shown;
        let any = pictures.next().is_some_and(|(_, placed)| leads(&placed));
        if !any || !first.sample.key || first.sample.size > LARGEST {
            return Ok(None);
        }
        let mut picture = vec![0; first.sample.size as usize];
        view.source
            .read_exact_at(segment.id, first.offset, &mut picture)?;
        if video.random_access(&picture) == RandomAccess::Closed {
            return Ok(None);
        }
        let behind = pictures.find(|(_, placed)| !leads(placed));
        let behind = behind.map(|(offset, placed)| (offset, segment.tape(TrackKind::Video, placed.dts)));
        Ok(Some((shown, behind)))
    }

    fn add_piece<S: TapeSource>(
        &mut self,
        view: &View<S>,
        mut segment: ViewSegment,
    ) -> Result<(), FileError> {
        if let Some(list) = self.is_in_chunks.then(|| view.listed(&segment)).flatten()
            && self.add_listed(&segment, &list)?
        {
            return Ok(());
        }
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
            let (track, begins) = (line.audio.as_ref(), Begins::of(&segment, &index));
            let (silences, too_much) =
                self.sound
                    .before((&before, before_ms), track, (&segment, zero), breaks, begins);
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
        let at_once = seam::sound_at_once(&segment, &index).is_some();
        let sound_ends = self.line.sound_ends(&segment, zero_ms, at_once);
        let pieces = self.sound.within(&segment, sound_ends, Heard::of(&index));
        let Ok(pieces) = pieces else {
            return Err(contradiction(segment.id, "its samples are not known"));
        };
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
        let is_heard = index.runs(TrackKind::Audio).next().is_some();
        self.sound.ends_with(&segment, is_heard);
        let scale = self.line.video.as_ref().map(|track| track.timescale);
        self.line.shown.add(&segment, zero, scale, &index);
        self.before = Some((segment, zero));
        Ok(())
    }

    /// Adds a segment by the list of its fragments, where that decides everything. Gives false where the index is needed: then
    /// nothing is changed.
    fn add_listed(&mut self, segment: &ViewSegment, list: &FragmentList) -> Result<bool, FileError> {
        let zero = match &self.before {
            Some((before, _)) if seam::breaks(before, segment) => return Ok(false),
            Some((_, zero)) => *zero,
            None => 0,
        };
        let zero_ms = zero.div_euclid(1_000);
        if !self.line.takes(segment, zero_ms, list) {
            return Ok(false);
        }
        let (mut sound, begins) = (self.sound.clone(), Begins::of_list(segment, list));
        let track = self.line.audio.as_ref();
        if let Some((before, _)) = &self.before {
            let (silences, too_much) = sound.before((before, zero_ms), track, (segment, zero), false, begins);
            if !silences.is_empty() || too_much > 0 {
                return Ok(false);
            }
        }
        let sound_ends = self.line.sound_ends(segment, zero_ms, begins.has_sound());
        match sound.within(segment, sound_ends, Heard::of_list(list)) {
            Ok(pieces) if pieces.is_empty() => (),
            Ok(_) | Err(_) => return Ok(false),
        }
        sound.ends_with(
            segment,
            list.fragments.iter().any(|fragment| !fragment.audio.is_empty()),
        );
        self.sound = sound;
        let breaks = self.before.is_none();
        self.line
            .add_listed(self.laid.len(), segment, (zero_ms, breaks), list)?;
        self.laid.push(segment.clone());
        self.before = Some((segment.clone(), zero));
        Ok(true)
    }

    fn silences<S: TapeSource>(
        &mut self,
        view: &View<S>,
        silences: Vec<ViewSegment>,
        zero_ms: i64,
    ) -> Result<(), FileError> {
        for silence in silences {
            let index = view.index(&silence)?;
            self.line.add(self.laid.len(), &silence, zero_ms, false, &index)?;
            self.laid.push(silence);
        }
        Ok(())
    }

    /// Number of fragments on the line.
    pub(super) fn parts(&self) -> usize {
        self.line.parts.len()
    }

    /// Number of segments on the line, silence counted.
    pub(in crate::format) fn count(&self) -> usize {
        self.laid.len()
    }

    /// The segments behind the first `count`.
    pub(in crate::format) fn since(&self, count: usize) -> impl Iterator<Item = (&Stretch, &ViewSegment)> {
        self.line.stretches.iter().zip(&self.laid).skip(count)
    }

    /// Ends the line: no segment follows. The tape's segments become those of the line.
    pub(in crate::format) fn finish<S: TapeSource>(mut self, tape: &mut Tape<S>) -> Line {
        tape.lay(self.laid);
        for kind in [TrackKind::Video, TrackKind::Audio] {
            self.line.end_last(kind, None);
        }
        self.line
    }
}

#[cfg(test)]
mod tests;
