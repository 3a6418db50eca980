//! Exactly the samples of a range, or of one track, without touching a byte.

use std::collections::HashMap;
use std::sync::Arc;

use super::{SourceError, TapeSource, TrackBase, View, ViewSegment};
use crate::format::index::{FragmentIndex, Run, SampleIndex};
use crate::media::{AudioConfig, Micros, SegmentId, TrackKind, Tracks, VIDEO_TIMESCALE, rescale};

/// A source that shows only the samples of a range of tape, or of one track.
///
/// A sample belongs to the range when the tape time of its DTS is not before the range's start and before its end: so
/// that of ranges that follow each other each sample belongs to exactly one.
#[derive(Clone)]
pub struct Cut<S> {
    source: S,
    start: Micros,
    end: Micros,
    only: Option<TrackKind>,
    places: Arc<HashMap<SegmentId, Place>>,
}

/// Where a segment's own zero lies on its tracks' time lines, and what those are.
#[derive(Clone, Debug)]
struct Place {
    zero: Micros,
    base: TrackBase,
    audio_rate: u32,
    /// All of it is to be shown.
    whole: bool,
}

impl<S: TapeSource> View<S> {
    /// The samples from tape time `start` to `end`. Segments that are known to lie within, by being neither the first two
    /// nor the last two, are taken as they are.
    pub fn cut(self, start: Micros, end: Micros) -> Result<View<Cut<S>>, SourceError> {
        self.cut_to(start, end, None)
    }

    /// All of it, as what a part of it would be.
    pub fn uncut(self) -> View<Cut<S>> {
        View {
            segments: self.segments,
            source: Cut {
                source: self.source,
                start: Micros::MIN,
                end: Micros::MAX,
                only: None,
                places: Arc::default(),
            },
        }
    }

    /// The samples of one track.
    pub fn only(self, kind: TrackKind) -> Result<View<Cut<S>>, SourceError> {
        self.cut_to(Micros::MIN, Micros::MAX, Some(kind))
    }

    /// The samples from tape time `start` to `end`, of one track if `only` one is wanted.
    pub fn cut_to(
        self,
        start: Micros,
        end: Micros,
        only: Option<TrackKind>,
    ) -> Result<View<Cut<S>>, SourceError> {
        let count = self.segments.len();
        let mut places = HashMap::with_capacity(count);
        let mut segments = Vec::with_capacity(count);
        for (number, mut segment) in self.segments.into_iter().enumerate() {
            let bound = number < 2 || number + 2 >= count;
            let place = Place::of(&segment, !bound && only.is_none());
            if bound {
                let index = self.source.index(segment.id)?;
                if place.cut(&index, start, end, only).fragments.is_empty() {
                    continue;
                }
            }
            segment.tracks = of_only(segment.tracks, only);
            places.insert(segment.id, place);
            segments.push(segment);
        }
        Ok(View {
            segments,
            source: Cut {
                source: self.source,
                start,
                end,
                only,
                places: Arc::new(places),
            },
        })
    }

    /// Tape time (DTS) of the last sample at or before `at` that decoding can begin at: a keyframe, or any packet where
    /// there is no picture.
    pub fn entry_before(&self, at: Micros) -> Result<Option<Micros>, SourceError> {
        for segment in self.segments.iter().rev() {
            let place = Place::of(segment, false);
            let index = self.source.index(segment.id)?;
            let kind = match segment.tracks.video {
                Some(_) => TrackKind::Video,
                None => TrackKind::Audio,
            };
            for run in index.runs(kind).rev() {
                let keys = run.placed().filter(|placed| placed.sample.key);
                let entry = keys
                    .map(|placed| place.tape(kind, placed.dts))
                    .filter(|entry| *entry <= at);
                if let Some(entry) = entry.max() {
                    return Ok(Some(entry));
                }
            }
        }
        Ok(None)
    }

    /// Tape times of the first sample's DTS and of the last sample's end.
    pub fn bounds(&self) -> Result<Option<(Micros, Micros)>, SourceError> {
        let mut bounds: Option<(Micros, Micros)> = None;
        let count = self.segments.len();
        for (number, segment) in self.segments.iter().enumerate() {
            // Tracks overlap by less than a segment.
            if number >= 2 && number + 2 < count {
                continue;
            }
            let place = Place::of(segment, false);
            let index = self.source.index(segment.id)?;
            for kind in [TrackKind::Video, TrackKind::Audio] {
                let first = index.runs(kind).next().map(|run| place.tape(kind, run.first_dts));
                let last = index
                    .runs(kind)
                    .next_back()
                    .map(|run| place.tape(kind, run.end_dts()));
                if let (Some(first), Some(last)) = (first, last) {
                    bounds = Some(bounds.map_or((first, last), |(a, z)| (a.min(first), z.max(last))));
                }
            }
        }
        Ok(bounds)
    }

    /// UTC of a tape time, by the publish of the segment that it lies in.
    pub fn utc(&self, at: Micros) -> Option<Micros> {
        let begins = |segment: &ViewSegment| Place::of(segment, false).tape(TrackKind::Video, 0);
        let within = self.segments.iter().rev().find(|segment| begins(segment) <= at);
        let segment = within.or(self.segments.first())?;
        let since = at.saturating_sub(segment.publish_zero);
        Some(segment.publish_zero_utc.saturating_add(since))
    }
}

impl<S: TapeSource> TapeSource for Cut<S> {
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        let whole = self.source.index(segment)?;
        match self.places.get(&segment) {
            Some(place) if !place.whole => Ok(Arc::new(place.cut(&whole, self.start, self.end, self.only))),
            _ => Ok(whole),
        }
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.source.read_exact_at(segment, offset, buf)
    }
}

impl Place {
    fn of(segment: &ViewSegment, whole: bool) -> Self {
        let rate = |audio: &Arc<AudioConfig>| audio.sample_rate;
        Self {
            zero: segment.publish_zero,
            base: segment.base,
            audio_rate: segment.tracks.audio.as_ref().map_or(VIDEO_TIMESCALE, rate),
            whole,
        }
    }

    /// Tape time of a DTS of the segment.
    fn tape(&self, kind: TrackKind, dts: u64) -> Micros {
        let (base, rate) = match kind {
            TrackKind::Video => (self.base.video, VIDEO_TIMESCALE),
            TrackKind::Audio => (self.base.audio, self.audio_rate),
        };
        let ticks = base.saturating_add(i64::try_from(dts).unwrap_or(i64::MAX));
        self.zero.saturating_add(rescale(ticks, rate, 1_000_000))
    }

    /// What of a segment's index lies within.
    fn cut(&self, index: &SampleIndex, start: Micros, end: Micros, only: Option<TrackKind>) -> SampleIndex {
        let run = |kind: TrackKind, run: &Run| match only.is_none_or(|only| only == kind) {
            true => self.cut_run(kind, run, start, end),
            false => Run::default(),
        };
        let fragments = index.fragments.iter().map(|fragment| FragmentIndex {
            video: run(TrackKind::Video, &fragment.video),
            audio: run(TrackKind::Audio, &fragment.audio),
            ..*fragment
        });
        let has_samples = |fragment: &FragmentIndex| {
            !fragment.video.samples.is_empty() || !fragment.audio.samples.is_empty()
        };
        SampleIndex {
            fragments: fragments.filter(has_samples).collect(),
        }
    }

    fn cut_run(&self, kind: TrackKind, run: &Run, start: Micros, end: Micros) -> Run {
        let within = |dts: u64| (start..end).contains(&self.tape(kind, dts));
        let mut kept = run.placed().filter(|placed| within(placed.dts));
        let Some(first) = kept.next() else {
            return Run::default();
        };
        let mut samples = vec![first.sample];
        samples.extend(kept.map(|placed| placed.sample));
        Run {
            first_dts: first.dts,
            data_offset: first.offset,
            samples,
        }
    }
}

fn of_only(tracks: Tracks, only: Option<TrackKind>) -> Tracks {
    match only {
        None => tracks,
        Some(TrackKind::Video) => Tracks {
            audio: None,
            ..tracks
        },
        Some(TrackKind::Audio) => Tracks {
            video: None,
            ..tracks
        },
    }
}

#[cfg(test)]
mod tests;
