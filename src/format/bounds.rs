//! Where a view begins and ends, and where one can begin in it.

use super::{SourceError, TapeSource, View, ViewSegment};
use crate::format::index::{Placed, RunFacts};
use crate::media::{Micros, TrackKind};

/// The headers in front of a picture's slices are within this many bytes.
const HEAD: u32 = 4_096;

/// No publisher sends a larger picture.
pub(in crate::format) const LARGEST: u32 = 16 << 20;

impl<S: TapeSource> View<S> {
    /// Finds the last sample that decoding can begin at and that is presented at or before `at`. Returns the tape time of its
    /// DTS. The sample is a keyframe, or any sound in segments without a picture. Where pictures are refreshed bit by bit, the
    /// picture presented at `at` is whole from there on, if the view goes back far enough.
    pub fn entry_before(&self, at: Micros) -> Result<Option<Micros>, SourceError> {
        self.last_entry(|_| at)
    }

    /// Exact tape times of the first sample's DTS and of the end of the last sample, of any track. Nothing if there is no
    /// sample.
    pub fn bounds(&self) -> Result<Option<(Micros, Micros)>, SourceError> {
        let mut start: Option<Micros> = None;
        for segment in &self.segments {
            if start.is_none_or(|start| segment.begins() < start) {
                let first = |run: &RunFacts| run.first_dts;
                start = start.into_iter().chain(self.times(segment, first)?).min();
            }
        }
        let mut end: Option<Micros> = None;
        for segment in self.segments.iter().rev() {
            // A segment that is known to end no later needs no look.
            if end.is_none_or(|end| segment.end.is_none_or(|last| last > end)) {
                let last = self.times(segment, RunFacts::end_dts)?;
                end = end.into_iter().chain(last).max();
            }
        }
        Ok(start.zip(end))
    }

    /// UTC of the first moment that is shown, and of the end of the last one. Nothing if there is no sample.
    pub fn shown_utc(&self) -> Result<Option<(Micros, Micros)>, SourceError> {
        let bounds = self.bounds()?;
        let shown = self.segments.first().zip(self.segments.last()).zip(bounds);
        Ok(shown.and_then(|((first, last), (begins, ends))| {
            let from = self.utc(begins.max(first.kept.shown_from))?;
            Some((from, self.utc(ends.min(last.kept.shown_to))?))
        }))
    }

    /// UTC of a tape time, by the publish of the last segment that begins at or before it. An earlier time is converted by the
    /// publish of the first segment. Nothing if there is no segment.
    pub fn utc(&self, at: Micros) -> Option<Micros> {
        let within = self.segments.iter().rev().find(|segment| segment.begins() <= at);
        Some(within.or(self.segments.first())?.utc(at))
    }

    /// The [`entry_before`](Self::entry_before) of a time that depends on the segment.
    pub(in crate::format) fn last_entry(
        &self,
        at: impl Fn(&ViewSegment) -> Micros,
    ) -> Result<Option<Micros>, SourceError> {
        // `pictures` counts the pictures behind the keyframe that are presented by then. `too_late` is a keyframe with too few
        // of them.
        let mut pictures = 0_usize;
        let mut too_late = None;
        for segment in self.segments.iter().rev() {
            let at = at(segment);
            if segment.begins() > at {
                continue;
            }
            let kind = segment.leading();
            for run in self.index(segment)?.runs(kind).rev() {
                let keys = run.placed().filter(|placed| placed.sample.key);
                let shown = |placed: &Placed| match kind {
                    TrackKind::Video => segment.shown(placed),
                    TrackKind::Audio => segment.tape(kind, placed.dts),
                };
                let keys: Vec<Placed> = keys.take_while(|placed| shown(placed) <= at).collect();
                for entry in keys.iter().rev() {
                    let behind = run.placed().filter(|placed| placed.dts > entry.dts);
                    let behind = pictures + behind.filter(|placed| shown(placed) <= at).count();
                    let waits = self.recovers_after(segment, entry).unwrap_or(0) as usize;
                    too_late = Some(segment.tape(kind, entry.dts));
                    if behind >= waits {
                        return Ok(too_late);
                    }
                }
                pictures += run.placed().filter(|placed| shown(placed) <= at).count();
            }
        }
        Ok(too_late)
    }

    /// The number of pictures from one that begins a gradual refresh to the first whole picture. Nothing for any other picture.
    pub(in crate::format) fn recovers_after(&self, segment: &ViewSegment, picture: &Placed) -> Option<u32> {
        let video = segment.tracks.video.as_ref().filter(|_| picture.sample.key)?;
        let read = |size: u32| {
            let mut bytes = vec![0; size as usize];
            let read = self.source.read_exact_at(segment.id, picture.offset, &mut bytes);
            // A failed read is not reported here: the reader of the file will report it.
            read.is_ok().then_some(bytes)
        };
        let head = picture.sample.size.min(HEAD);
        let pictures = video.recovers_after(&read(head)?)?;
        if picture.sample.size <= HEAD {
            Some(pictures)
        } else {
            video.recovers_after(&read(picture.sample.size.min(LARGEST))?)
        }
    }

    /// A tape time that no sample of a segment ends after. Nothing if the segment has no sample.
    pub(in crate::format) fn end_of(&self, segment: &ViewSegment) -> Result<Option<Micros>, SourceError> {
        match segment.end {
            Some(end) => Ok(Some(end)),
            None => Ok(self.times(segment, RunFacts::end_dts)?.into_iter().max()),
        }
    }

    /// One tape time of each run of a segment.
    fn times(
        &self,
        segment: &ViewSegment,
        of: impl Fn(&RunFacts) -> u64,
    ) -> Result<Vec<Micros>, SourceError> {
        let list = self.fragments(segment)?;
        let mut times = Vec::new();
        for kind in [TrackKind::Video, TrackKind::Audio] {
            let runs = list.fragments.iter().map(|fragment| fragment.run(kind));
            let runs = runs.filter(|run| !run.is_empty());
            times.extend(runs.map(|run| segment.tape(kind, of(run))));
        }
        Ok(times)
    }
}

impl ViewSegment {
    /// UTC of a tape time, by its publish.
    pub(in crate::format) fn utc(&self, tape: Micros) -> Micros {
        let since = tape.saturating_sub(self.publish_zero);
        self.publish_zero_utc.saturating_add(since)
    }

    /// Tape time of a UTC time, by the segment's publish. The first and the last possible time stay as they are.
    pub(in crate::format) fn tape_at(&self, utc: Micros) -> Micros {
        if [Micros::MIN, Micros::MAX].contains(&utc) {
            return utc;
        }
        let since = utc.saturating_sub(self.publish_zero_utc);
        self.publish_zero.saturating_add(since)
    }

    /// The track whose samples say where decoding can begin.
    pub(in crate::format) fn leading(&self) -> TrackKind {
        match self.tracks.video {
            Some(_) => TrackKind::Video,
            None => TrackKind::Audio,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::testing::{self, SOME_DAY, on_tape};

    #[test]
    fn bounds_are_those_of_the_samples() {
        for takes in [testing::two_segments(), testing::eventful()] {
            let mut view = testing::view(&takes);
            let samples = on_tape(&view);
            let first = samples.iter().map(|sample| sample.1).min();
            let (start, end) = view.bounds().unwrap().unwrap();
            assert_eq!(Some(start), first);
            // The last take is 4.5 s or 1.7 s long. The sound lasts less than a frame longer.
            let over = end - takes.last().unwrap().publish_zero;
            assert!((4_500_000..4_524_000).contains(&over) || (1_700_000..1_724_000).contains(&over));
            for (segment, take) in view.segments.iter_mut().zip(&takes) {
                segment.end = Some(take.publish_zero + 6_000_000);
            }
            assert_eq!(view.bounds().unwrap(), Some((start, end)));
            assert_eq!(view.utc(start), Some(SOME_DAY + start));
            assert_eq!(view.utc(end), Some(SOME_DAY + end));
            let cut = view.cut(start + 1, end - 700_000).unwrap();
            let (after, before) = cut.bounds().unwrap().unwrap();
            assert!(after > start && before < end - 600_000);
        }
        let none = testing::view(&[]);
        assert_eq!((none.bounds().unwrap(), none.utc(0)), (None, None));
    }

    #[test]
    fn the_entry_is_the_last_keyframe_at_or_before() {
        let takes = testing::two_segments();
        let view = testing::view(&takes);
        for (at, entry) in [
            (33_000, 0),
            // The keyframe of a second is presented 33 ms after it is decoded.
            (1_032_999, 0),
            (1_033_000, 1_000_000),
            (2_032_999, 1_000_000),
            (2_033_000, 2_000_000),
            (9_999_999, 4_000_000),
        ] {
            assert_eq!(view.entry_before(at).unwrap(), Some(entry), "{at}");
        }
        assert_eq!(view.entry_before(32_999).unwrap(), None);
        let cut = view.cut(1_500_000, 3_500_000).unwrap();
        assert_eq!(cut.entry_before(1_900_000).unwrap(), None);
        assert_eq!(cut.entry_before(9_000_000).unwrap(), Some(3_000_000));
    }

    #[test]
    fn where_there_is_no_picture_sound_can_begin_anywhere() {
        let takes = testing::eventful();
        let view = testing::view(&takes);
        let sound = on_tape(&view.clone().only(TrackKind::Audio));
        let before = |at: Micros| {
            sound
                .iter()
                .map(|sample| sample.1)
                .filter(|time| *time <= at)
                .max()
        };
        // The sound begins 40 ms before five seconds, the picture a second later.
        for at in [4_960_000, 5_300_000, 5_999_999] {
            assert_eq!(view.entry_before(at).unwrap(), before(at));
        }
        assert_eq!(view.entry_before(7_032_999).unwrap(), Some(6_000_000));
        let alone = view.only(TrackKind::Audio);
        assert_eq!(alone.entry_before(9_123_456).unwrap(), before(9_123_456));
    }
}
