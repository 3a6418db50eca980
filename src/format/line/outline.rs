//! What one pass over a view's indexes finds: segments, fragments and tracks. `segment` adds a segment; `track` adds samples to
//! a track.

mod segment;
mod track;

use crate::format::index::{Run, RunFacts};
use crate::format::mark::Marker;
use crate::format::{FileError, TapeSource, ViewSegment};
use crate::media::{SegmentId, TrackKind, rescale};

use super::shown::Shown;
use super::walk::{Placement, Spot};
use super::{Config, Laying, Tape, contradiction};

/// A view's segments, fragments and tracks.
#[derive(Clone, Debug, Default)]
pub(in crate::format) struct Line {
    /// One entry for each segment of the view.
    pub(in crate::format) stretches: Vec<Stretch>,
    /// Every fragment, oldest first.
    pub(in crate::format) parts: Vec<Part>,
    /// The track of the picture, if it has any sample.
    pub(in crate::format) video: Option<TrackLine>,
    /// The track of the sound, if it has any sample.
    pub(in crate::format) audio: Option<TrackLine>,
    /// The part of the line that is shown, for formats that hide the rest.
    pub(in crate::format) shown: Shown,
}

/// One segment on the line.
#[derive(Clone, Debug, Default)]
pub(in crate::format) struct Stretch {
    /// Index of the segment's first fragment in [`Line::parts`].
    pub(in crate::format) first_part: usize,
    pub(in crate::format) parts: usize,
    /// True when the segment does not continue the one before: it belongs to another publish, or to another range of a joined
    /// view.
    pub(in crate::format) breaks: bool,
    /// Where media time zero of the segment's publish lies on the line, in milliseconds.
    pub(in crate::format) zero_ms: i64,
    /// The segment's samples of the picture.
    pub(in crate::format) video: Summary,
    /// The segment's samples of the sound.
    pub(in crate::format) audio: Summary,
}

/// One fragment.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct Part {
    pub(in crate::format) segment: u32,
    /// The place of the picture's bytes.
    pub(in crate::format) video: Extent,
    /// The place of the sound's bytes.
    pub(in crate::format) audio: Extent,
}

/// A run's place in the segment's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::format) struct Extent {
    pub(in crate::format) offset: u64,
    pub(in crate::format) bytes: u32,
    pub(in crate::format) samples: u32,
}

/// Counts of one track in one segment.
#[derive(Clone, Debug, Default)]
pub(in crate::format) struct Summary {
    /// Where the segment's ticks lie on the line.
    pub(in crate::format) placement: Placement,
    /// Index in [`TrackLine::configs`] of the configuration that decodes the samples.
    pub(in crate::format) config: usize,
    pub(in crate::format) samples: u32,
    /// Samples of the track in all segments before.
    pub(in crate::format) samples_before: u32,
    /// Fragments with at least one sample of the track.
    pub(in crate::format) chunks: u32,
    /// Fragments with at least one sample of the track, in all segments before.
    pub(in crate::format) chunks_before: u32,
    /// Samples at which decoding can begin.
    pub(in crate::format) keys: u32,
    /// Runs of equal durations, as `stts` counts them.
    pub(in crate::format) duration_runs: u32,
    /// Runs of equal composition offsets, as `ctts` counts them.
    pub(in crate::format) cts_runs: u32,
    /// Runs of fragments with equally many samples.
    pub(in crate::format) chunk_runs: u32,
    /// Decode time of the last sample in an earlier segment, the one before this segment's first.
    pub(in crate::format) previous_dts: Option<i64>,
    /// Decode time of the first sample in a later segment, the one after this segment's last.
    pub(in crate::format) next_dts: Option<i64>,
}

/// One track over the whole view.
#[derive(Clone, Debug)]
pub(in crate::format) struct TrackLine {
    pub(in crate::format) timescale: u32,
    /// The track's configurations in order of appearance, each once.
    pub(in crate::format) configs: Vec<Config>,
    pub(in crate::format) samples: u32,
    pub(in crate::format) bytes: u64,
    /// Fragments with at least one sample.
    pub(in crate::format) chunks: u32,
    /// Samples at which decoding can begin.
    pub(in crate::format) keys: u32,
    pub(in crate::format) first_dts: i64,
    /// Decode time of the last sample plus its duration.
    pub(in crate::format) end_dts: i64,
    pub(in crate::format) first_pts: i64,
    /// Presentation time of the last sample plus its duration.
    pub(in crate::format) end_pts: i64,
    /// Smallest composition offset.
    pub(in crate::format) min_cts: i32,
    /// Largest composition offset.
    pub(in crate::format) max_cts: i32,
    /// The longest time from one sample to the next.
    pub(in crate::format) longest: u64,
    pub(super) tail: Option<Tail>,
}

/// The last sample seen. Its duration is not known before the next sample is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub(super) stretch: usize,
    pub(super) spot: Spot,
    pub(super) before: Option<u64>,
}

impl Summary {
    /// Adds to `marker` what the tables of the track depend on, beside the places of its samples.
    pub(in crate::format) fn mark(&self, marker: &mut Marker) {
        let Placement { zero, own, line } = self.placement;
        let ticks = |ticks: Option<i64>| ticks.unwrap_or(i64::MIN).cast_unsigned();
        marker.numbers(&[
            zero.cast_unsigned(),
            own.into(),
            line.into(),
            self.config as u64,
            self.samples.into(),
            self.samples_before.into(),
            self.chunks_before.into(),
            self.keys.into(),
            self.duration_runs.into(),
            self.cts_runs.into(),
            ticks(self.previous_dts),
            ticks(self.next_dts),
        ]);
    }

    /// Multiplies the timescale of the line by `times`, and the times with it.
    fn multiply(&mut self, times: u32) {
        self.placement.line = self.placement.line.saturating_mul(times);
        for ticks in [&mut self.previous_dts, &mut self.next_dts].into_iter().flatten() {
            *ticks = ticks.saturating_mul(times.into());
        }
    }
}

impl Stretch {
    /// The summary of the track `kind`.
    pub(in crate::format) fn track(&self, kind: TrackKind) -> &Summary {
        match kind {
            TrackKind::Video => &self.video,
            TrackKind::Audio => &self.audio,
        }
    }

    pub(super) fn track_mut(&mut self, kind: TrackKind) -> &mut Summary {
        match kind {
            TrackKind::Video => &mut self.video,
            TrackKind::Audio => &mut self.audio,
        }
    }
}

impl Part {
    /// The place of the run of `kind`.
    pub(in crate::format) fn extent(&self, kind: TrackKind) -> Extent {
        match kind {
            TrackKind::Video => self.video,
            TrackKind::Audio => self.audio,
        }
    }
}

impl Extent {
    pub(in crate::format) fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.bytes))
    }

    /// The place of a run in the file of a segment.
    pub(in crate::format) fn of(run: &Run, segment: SegmentId) -> Result<Self, FileError> {
        if run.samples.is_empty() {
            // The offset of an empty run depends on how the segment is read, so it is left out.
            return Ok(Self::default());
        }
        let samples = u32::try_from(run.samples.len()).unwrap_or(u32::MAX);
        Self::new(run.data_offset, (run.bytes(), samples), segment)
    }

    /// The same by the facts of the run.
    pub(super) fn of_facts(run: &RunFacts, segment: SegmentId) -> Result<Self, FileError> {
        if run.is_empty() {
            return Ok(Self::default());
        }
        Self::new(run.data_offset, (run.bytes, run.samples), segment)
    }

    fn new(offset: u64, (bytes, samples): (u64, u32), segment: SegmentId) -> Result<Self, FileError> {
        let bytes = u32::try_from(bytes).map_err(|_| contradiction(segment, "a run of more than 4 GiB"))?;
        Ok(Self {
            offset,
            bytes,
            samples,
        })
    }
}

impl Line {
    /// Reads every index of the view once.
    pub(in crate::format) fn open<S: TapeSource>(tape: &mut Tape<S>) -> Result<Self, FileError> {
        Self::lay(tape, Laying::default())
    }

    /// Reads every index of the view once, for a folder of [chunks](Laying::in_chunks).
    pub(in crate::format) fn open_in_chunks<S: TapeSource>(tape: &mut Tape<S>) -> Result<Self, FileError> {
        Self::lay(tape, Laying::in_chunks())
    }

    fn lay<S: TapeSource>(tape: &mut Tape<S>, mut laying: Laying) -> Result<Self, FileError> {
        for segment in tape.segments().to_vec() {
            laying.add(tape.view(), segment)?;
        }
        Ok(laying.finish(tape))
    }

    /// Where the line's sound ends, in ticks of the file of `segment`, whose media time zero lies at `zero_ms`. Nothing if the
    /// segment has sound `at_once`: such sound was laid behind the line's.
    pub(super) fn sound_ends(&self, segment: &ViewSegment, zero_ms: i64, at_once: bool) -> Option<i64> {
        let track = self.audio.as_ref()?;
        let is_part = segment.kept.hides && segment.kept.is_part();
        if is_part || at_once {
            return None;
        }
        let rate = segment.tracks.timescale(TrackKind::Audio)?;
        let ends = rescale(track.end().0, track.timescale, rate);
        let zero = rescale(zero_ms, 1_000, rate).saturating_add(segment.base.audio);
        Some(ends.saturating_sub(zero))
    }

    /// About how many bytes of memory the line takes up.
    pub(in crate::format) fn weight(&self) -> usize {
        size_of_val(self.stretches.as_slice())
            + size_of_val(self.parts.as_slice())
            + size_of_val(self.shown.shows.as_slice())
    }

    /// The track `kind`, if it has samples.
    pub(in crate::format) fn track(&self, kind: TrackKind) -> Option<&TrackLine> {
        match kind {
            TrackKind::Video => self.video.as_ref(),
            TrackKind::Audio => self.audio.as_ref(),
        }
    }

    /// The tracks that have samples, the picture first.
    pub(in crate::format) fn kinds(&self) -> Vec<TrackKind> {
        [TrackKind::Video, TrackKind::Audio]
            .into_iter()
            .filter(|kind| self.track(*kind).is_some())
            .collect()
    }
}
