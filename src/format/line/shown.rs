//! The pictures of a line that are shown, in formats that can hide the rest.
//!
//! A range begins with the keyframe before it and may end with pictures that only other pictures need. These hidden pictures
//! take up time in the file and none on the line. Behind them the picture lies later in the file than on the line, and an edit
//! list leads from one to the other. Sound needs no edit list: sound that is not heard is not in the file.

use crate::format::ViewSegment;
use crate::format::index::{Run, SampleIndex};
use crate::media::{MILLISECONDS, Micros, TrackKind, rescale};

use super::{Placement, TrackLine, seam};

/// Pictures that are shown one after the other, in ticks of the track on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct Show {
    /// When the first picture is presented, on the line.
    pub(in crate::format) start: i64,
    /// When the last picture ends, on the line.
    pub(in crate::format) end: i64,
    /// When the first picture is presented, in the file.
    pub(in crate::format) in_file: i64,
    /// How much later in the file than on the line the pictures lie, in milliseconds.
    hidden_ms: i64,
    /// True when pictures that are not shown follow at once.
    pub(in crate::format) trailing: bool,
}

/// The parts of a line that are shown.
#[derive(Clone, Debug, Default)]
pub(in crate::format) struct Shown {
    /// The shown parts of the picture, in order.
    pub(in crate::format) shows: Vec<Show>,
    /// When presentation begins, in microseconds on the line. Nothing where it begins with the first sample.
    pub(in crate::format) begins: Option<Micros>,
    /// How much later in the file than on the line the picture lies now, in milliseconds.
    pub(super) hidden_ms: i64,
    /// True when something is hidden or could be.
    pub(in crate::format) any: bool,
    /// Where the range that is being laid out ends on the line, if something of it is shown.
    end: Option<Micros>,
    /// Where the range before ends on the line, if something of it is shown.
    before: Option<Micros>,
    /// True when the next shown pictures begin another [`Show`], because their segment does not continue the one before.
    apart: bool,
}

impl Shown {
    /// Line time of the media time zero of a segment that does not continue the one before. The pictures shown of it follow the
    /// pictures shown before. Nothing where [`seam::place`] decides.
    pub(super) fn place(
        &mut self,
        before: &ViewSegment,
        segment: &ViewSegment,
        index: &SampleIndex,
    ) -> Option<Micros> {
        let spliced = before.range != segment.range;
        if spliced {
            self.before = self.end.take().or(self.before);
        }
        if !segment.kept.hides || !(before.kept.is_part() || segment.kept.is_part()) {
            return None;
        }
        if !spliced && self.end.is_some() {
            return None;
        }
        let start = start(segment, index).saturating_sub(segment.publish_zero);
        Some(self.before.unwrap_or(0).saturating_sub(start))
    }

    /// Makes space in the file for pictures that are hidden.
    pub(super) fn shift(
        &mut self,
        track: Option<&TrackLine>,
        segment: &ViewSegment,
        zero: Micros,
        index: &SampleIndex,
    ) {
        self.apart = true;
        let begin = seam::begin(segment, TrackKind::Video, index);
        if let (Some(track), Some(begin)) = (track, begin) {
            let end = seam::end(track);
            let at = zero
                .div_euclid(1_000)
                .saturating_add(self.hidden_ms)
                .saturating_mul(1_000);
            let dts = end.dts.saturating_sub(begin.dts.saturating_add(at));
            let pts = end.pts.saturating_sub(begin.pts.saturating_add(at));
            // The picture before stands until the first picture that is shown. No hidden picture may begin by then.
            let shown = index.runs(TrackKind::Video).flat_map(Run::placed);
            let shown = shown.map(|placed| segment.shown(&placed));
            let first = shown.filter(|tape| *tape >= segment.kept.shown_from).min();
            let lead = first.map_or(0, |tape| {
                tape.saturating_sub(segment.publish_zero)
                    .saturating_sub(begin.pts)
            });
            let short = dts.max(pts).max(lead).max(0);
            self.hidden_ms = self
                .hidden_ms
                .saturating_add(short.saturating_add(999).div_euclid(1_000));
        }
    }

    /// Multiplies the timescale by `times`, and the times with it.
    pub(super) fn multiply(&mut self, times: u32) {
        for show in &mut self.shows {
            for ticks in [&mut show.start, &mut show.end, &mut show.in_file] {
                *ticks = ticks.saturating_mul(times.into());
            }
        }
    }

    /// Adds the shown pictures of a segment. `scale` is the timescale of the picture on the line.
    pub(super) fn add(
        &mut self,
        segment: &ViewSegment,
        zero: Micros,
        scale: Option<u32>,
        index: &SampleIndex,
    ) {
        let kept = &segment.kept;
        if !kept.hides || segment.silence.is_some() {
            return;
        }
        self.any |= kept.shown_from > Micros::MIN || kept.shown_to < Micros::MAX;
        let on_line = |tape: Micros| zero.saturating_add(tape.saturating_sub(segment.publish_zero));
        let own = segment.tracks.timescale(TrackKind::Video).unwrap_or(MILLISECONDS);
        let line = scale.unwrap_or(own);
        let zero_ms = zero.div_euclid(1_000);
        let zero_at = |ms| Placement {
            zero: rescale(ms, 1_000, own).saturating_add(segment.base.video),
            own,
            line,
        };
        let (seen, in_file) = (zero_at(zero_ms), zero_at(zero_ms.saturating_add(self.hidden_ms)));
        let to_ticks = match kept.shown_to {
            Micros::MAX => i64::MAX,
            to => rescale(on_line(to), 1_000_000, line),
        };
        let mut show: Option<Show> = None;
        let mut trailing = false;
        for placed in index.runs(TrackKind::Video).flat_map(Run::placed) {
            let tape = segment.shown(&placed);
            trailing |= tape >= kept.shown_to;
            if tape < kept.shown_from || tape >= kept.shown_to {
                continue;
            }
            let start = seen.shown(&placed);
            let end = start.saturating_add(i64::from(seen.sample(&placed).duration));
            let end = end.min(to_ticks).max(start);
            let this = Show {
                start,
                end,
                in_file: in_file.shown(&placed),
                hidden_ms: self.hidden_ms,
                trailing: false,
            };
            show.get_or_insert(this).take(this);
        }
        let sound = seam::sound_begins(segment, index).is_some();
        if show.is_some() || sound {
            let begins = on_line(start(segment, index));
            let shown_at = match (kept.shown_from, show) {
                // No start was asked for: presentation begins with the first picture or sound there is.
                (Micros::MIN, Some(show)) => {
                    let heard = heard(segment, index).map(on_line);
                    let seen = rescale(show.start, line, 1_000_000);
                    heard.map_or(seen, |heard| heard.min(seen))
                }
                _ => begins,
            };
            self.begins.get_or_insert(shown_at);
            let last = index.end_dts(TrackKind::Audio);
            let sound_ends = sound.then(|| on_line(segment.tape(TrackKind::Audio, last)));
            let show_ends = show.map(|show| rescale(show.end, line, 1_000_000));
            let ends = sound_ends.max(show_ends).unwrap_or(begins);
            let window = match kept.shown_to {
                Micros::MAX => ends,
                to => on_line(to).min(ends),
            };
            self.end = self.end.max(Some(window));
        }
        let apart = std::mem::take(&mut self.apart);
        match (self.shows.last_mut(), show) {
            (Some(last), Some(show)) if !apart && last.hidden_ms == show.hidden_ms => {
                last.take(show);
                last.trailing |= trailing;
            }
            (_, Some(show)) => self.shows.push(Show { trailing, ..show }),
            (_, None) => self.apart |= apart,
        }
    }
}

impl Show {
    fn take(&mut self, other: Self) {
        self.start = self.start.min(other.start);
        self.in_file = self.in_file.min(other.in_file);
        self.end = self.end.max(other.end);
    }
}

/// Tape time of the first sound that is to be heard.
fn heard(segment: &ViewSegment, index: &SampleIndex) -> Option<Micros> {
    let first = index.runs(TrackKind::Audio).next()?.first_dts;
    let skip = segment.tracks.audio.as_ref().map_or(0, |audio| audio.pre_skip());
    Some(segment.tape(TrackKind::Audio, first.saturating_add(skip.into())))
}

/// Tape time at which presentation of a segment begins: the requested time, if the segment has a sample by then.
pub(super) fn start(segment: &ViewSegment, index: &SampleIndex) -> Micros {
    let first = index.runs(TrackKind::Video).next();
    let first = first.map(|run| segment.tape(TrackKind::Video, run.first_dts));
    let sound = index.runs(TrackKind::Audio).next();
    let sound = sound.map(|run| segment.tape(TrackKind::Audio, run.first_dts));
    let begins = [first, sound].into_iter().flatten().min();
    begins
        .unwrap_or(segment.publish_zero)
        .max(segment.kept.shown_from)
}
