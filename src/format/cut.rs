//! Exactly the samples of a range of tape, or of one track, without touching a byte.
//!
//! A sample belongs to a range when the tape time of its DTS is not before the range's start and is before its end, whichever
//! track it is of. So every sample belongs to exactly one of several ranges that follow each other, wherever segments and
//! fragments begin.
//!
//! A part of a range may be shown: the pictures that are presented from one moment to another. The other pictures are there to
//! decode these. Formats that can hide pictures hide them.

use std::sync::Arc;

use super::{SourceError, TapeSource, View, ViewSegment};
use crate::format::index::{FragmentIndex, Placed, Run, SampleIndex};
use crate::media::{Micros, TrackKind, Tracks};

/// Which samples of a segment belong to a view. `Default` keeps all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The view keeps samples from this tape time on.
    pub from: Micros,
    /// The view keeps samples before this tape time.
    pub to: Micros,
    /// The view keeps samples of this track alone.
    pub only: Option<TrackKind>,
    /// Pictures that are presented before this tape time are there to decode what follows. A format that can hide them does not
    /// show them.
    pub shown_from: Micros,
    /// Pictures that are presented from this tape time on are not shown either. The view keeps those that other pictures need.
    pub shown_to: Micros,
    /// True when the format can hide pictures. Sound that goes with hidden pictures is then left out.
    pub hides: bool,
    /// True when the segment is there only for formats that hide pictures. Other formats do without it.
    pub if_hidden: bool,
    /// The number of frames of sound that are left out at the beginning.
    pub sound_skipped: u32,
    /// The view keeps samples from this place of the file on.
    pub after: Place,
    /// The view keeps samples before this place of the file.
    pub until: Place,
    /// Pictures that are presented before this tape time are left out, because the pictures that they refer to are not there.
    pub pictures_from: Micros,
    /// Two tape times. Playback cannot begin at keyframes that are decoded from the first time on and presented by the second:
    /// the pictures shown next are not whole without the pictures before. For formats that hide those, these samples are no
    /// keyframes.
    pub passed: (Micros, Micros),
}

/// A place in a segment's file: where a fragment begins, and a tape time within it. Sound may be in a later fragment than its
/// pictures, so a tape time alone does not say what comes before the place.
pub(in crate::format) type Place = (u64, Micros);

impl Default for Kept {
    fn default() -> Self {
        Self {
            from: Micros::MIN,
            to: Micros::MAX,
            only: None,
            shown_from: Micros::MIN,
            shown_to: Micros::MAX,
            hides: false,
            if_hidden: false,
            sound_skipped: 0,
            after: (0, Micros::MIN),
            until: (u64::MAX, Micros::MAX),
            pictures_from: Micros::MIN,
            passed: (Micros::MAX, Micros::MIN),
        }
    }
}

impl<S: TapeSource> View<S> {
    /// Keeps the samples from tape time `start` to `end`. Reads the indexes of segments that lie across either, and of segments
    /// whose [`end`](ViewSegment::end) is not known.
    pub fn cut(self, start: Micros, end: Micros) -> Result<View<S>, SourceError> {
        self.narrow(|_| (start, end))
    }

    /// Keeps the samples of one track.
    pub fn only(mut self, kind: TrackKind) -> View<S> {
        self.segments
            .retain(|segment| segment.tracks.timescale(kind).is_some());
        for segment in &mut self.segments {
            segment.kept.only = Some(kind);
            segment.tracks = match kind {
                TrackKind::Video => Tracks {
                    audio: None,
                    ..segment.tracks.clone()
                },
                TrackKind::Audio => Tracks {
                    video: None,
                    ..segment.tracks.clone()
                },
            };
        }
        self
    }

    /// Keeps of each segment the samples between two tape times. Drops segments that have no sample left.
    pub(in crate::format) fn narrow(
        mut self,
        range: impl Fn(&ViewSegment) -> (Micros, Micros),
    ) -> Result<View<S>, SourceError> {
        let mut left = Vec::with_capacity(self.segments.len());
        for mut segment in std::mem::take(&mut self.segments) {
            let (from, to) = range(&segment);
            if segment.begins() >= to || segment.end.is_some_and(|end| end < from) {
                continue;
            }
            // A segment may end where its last sample begins, so a sample may begin at the very end.
            let last = to.min(segment.kept.shown_to);
            let ends_within = last == Micros::MAX || segment.end.is_some_and(|end| end < last);
            let within = segment.begins() >= from && ends_within;
            if !within {
                segment.kept.from = segment.kept.from.max(from);
                segment.kept.to = segment.kept.to.min(to);
                if self.index(&segment)?.fragments.is_empty() {
                    continue;
                }
            }
            left.push(segment);
        }
        self.segments = left.into();
        Ok(self)
    }
}

impl Kept {
    /// The part of a segment's index that is kept.
    pub(in crate::format) fn of(&self, segment: &ViewSegment, whole: Arc<SampleIndex>) -> Arc<SampleIndex> {
        let (from, shown) = self.passed;
        let kept = self.samples(segment, whole);
        let is_passed = |placed: &Placed| {
            placed.sample.key
                && segment.tape(TrackKind::Video, placed.dts) >= from
                && segment.shown(placed) <= shown
        };
        if !self.hides
            || from > shown
            || !kept
                .runs(TrackKind::Video)
                .any(|run| run.placed().any(|placed| is_passed(&placed)))
        {
            return kept;
        }
        let mut fragments = kept.fragments.clone();
        for run in fragments.iter_mut().map(|fragment| &mut fragment.video) {
            let passed: Vec<bool> = run.placed().map(|placed| is_passed(&placed)).collect();
            for (sample, passed) in run.samples.iter_mut().zip(passed) {
                sample.key &= !passed;
            }
        }
        Arc::new(SampleIndex { fragments })
    }

    fn samples(&self, segment: &ViewSegment, whole: Arc<SampleIndex>) -> Arc<SampleIndex> {
        let sound_from = if self.hides {
            self.from.max(self.shown_from)
        } else {
            self.from
        };
        let is_all = self.only.is_none()
            && self.sound_skipped == 0
            && self.shown_to == Micros::MAX
            && self.is_whole_file();
        if is_all && self.from.max(sound_from) == Micros::MIN && self.to == Micros::MAX {
            return whole;
        }
        let needed = self.last_needed(segment, &whole);
        let keeps = |fragment: &FragmentIndex, kind: TrackKind, placed: &Placed| {
            let dts = placed.dts;
            let tape = segment.tape(kind, dts);
            self.only.is_none_or(|only| only == kind)
                && (self.after..self.until).contains(&(fragment.offset, tape))
                && match kind {
                    TrackKind::Video => {
                        (self.from..self.to).contains(&tape)
                            && needed.is_some_and(|last| dts <= last)
                            && (self.pictures_from == Micros::MIN
                                || segment.shown(placed) >= self.pictures_from)
                    }
                    TrackKind::Audio => (sound_from..self.to.min(self.shown_to)).contains(&tape),
                }
        };
        let kinds = [TrackKind::Video, TrackKind::Audio];
        let all = |fragment: &FragmentIndex| {
            kinds.into_iter().all(|kind| {
                let placed = || fragment.run(kind).placed();
                let ends = placed().next().into_iter().chain(placed().last());
                ends.into_iter().all(|placed| keeps(fragment, kind, &placed))
            })
        };
        let mut skip = self.sound_skipped as usize;
        if skip == 0 && self.pictures_from == Micros::MIN && whole.fragments.iter().all(all) {
            return whole;
        }
        let mut fragments = Vec::with_capacity(whole.fragments.len());
        for fragment in &whole.fragments {
            let left = FragmentIndex {
                offset: fragment.offset,
                len: fragment.len,
                video: cut(&fragment.video, &mut 0, |placed| {
                    keeps(fragment, TrackKind::Video, placed)
                }),
                audio: cut(&fragment.audio, &mut skip, |placed| {
                    keeps(fragment, TrackKind::Audio, placed)
                }),
            };
            if !left.video.samples.is_empty() || !left.audio.samples.is_empty() {
                fragments.push(left);
            }
        }
        Arc::new(SampleIndex { fragments })
    }

    /// Makes more keyframes [passed over](Self::passed), and also the keyframes between these and the earlier ones.
    pub(in crate::format) fn pass(&mut self, from: Micros, shown: Micros) {
        if from <= shown {
            self.passed = match self.passed {
                (was_from, was_shown) if was_from <= was_shown => (from.min(was_from), shown.max(was_shown)),
                _ => (from, shown),
            };
        }
    }

    /// True when only a part of the kept samples is shown.
    pub(in crate::format) fn is_part(&self) -> bool {
        self.shown_from > Micros::MIN || self.shown_to < Micros::MAX
    }

    /// True when all samples are kept, and shown.
    pub(in crate::format) fn is_all(&self) -> bool {
        *self == Self::default()
    }

    fn is_whole_file(&self) -> bool {
        let whole = Self::default();
        self.after == whole.after && self.until == whole.until && self.pictures_from == whole.pictures_from
    }

    /// DTS of the last picture that is shown or is needed by a shown picture. Nothing if no picture is shown.
    fn last_needed(&self, segment: &ViewSegment, whole: &SampleIndex) -> Option<u64> {
        if self.shown_to == Micros::MAX {
            return Some(u64::MAX);
        }
        let placed = whole.runs(TrackKind::Video).flat_map(Run::placed);
        let shown = placed.filter(|placed| segment.shown(placed) < self.shown_to);
        shown.map(|placed| placed.dts).max()
    }
}

/// The kept samples of a run, without the first `skip` of them.
fn cut(run: &Run, skip: &mut usize, keeps: impl Fn(&Placed) -> bool) -> Run {
    let mut placed = run.placed().filter(|placed| {
        let kept = keeps(placed);
        let skipped = kept && *skip > 0;
        *skip -= usize::from(skipped);
        kept && !skipped
    });
    let Some(first) = placed.next() else {
        return Run::default();
    };
    let samples = std::iter::once(first).chain(placed);
    Run {
        first_dts: first.dts,
        data_offset: first.offset,
        samples: samples.map(|placed| placed.sample).collect(),
    }
}

#[cfg(test)]
mod tests;
