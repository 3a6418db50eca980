//! The one pass over a view's indexes.

use std::sync::Arc;

use crate::format::index::{Run, RunFacts, Sample, SampleIndex};
use crate::format::mark::Marker;
use crate::format::{FileError, TapeSource, ViewSegment};
use crate::media::{SegmentId, TrackKind, Tracks, common_timescale, rescale};

use super::shown::Shown;
use super::walk::{Placement, Spot, spots_of};
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

    /// Adds one segment. The media time zero of its publish lies at `zero_ms`.
    pub(super) fn add(
        &mut self,
        number: usize,
        segment: &ViewSegment,
        zero_ms: i64,
        breaks: bool,
        index: &SampleIndex,
    ) -> Result<(), FileError> {
        self.add_parts(number, segment.id, index)?;
        if let Some(stretch) = self.stretches.last_mut() {
            stretch.zero_ms = zero_ms;
            stretch.breaks = breaks;
        }
        for kind in [TrackKind::Video, TrackKind::Audio] {
            self.add_track(number, segment, zero_ms, kind, index)?;
        }
        Ok(())
    }

    fn add_parts(&mut self, number: usize, id: SegmentId, index: &SampleIndex) -> Result<(), FileError> {
        self.stretches.push(Stretch {
            first_part: self.parts.len(),
            parts: index.fragments.len(),
            ..Stretch::default()
        });
        let segment = fitted!(number, "the number of a segment in a view");
        for fragment in &index.fragments {
            self.parts.push(Part {
                segment,
                video: Extent::of(&fragment.video, id)?,
                audio: Extent::of(&fragment.audio, id)?,
            });
        }
        Ok(())
    }

    fn add_track(
        &mut self,
        number: usize,
        segment: &ViewSegment,
        zero_ms: i64,
        kind: TrackKind,
        index: &SampleIndex,
    ) -> Result<(), FileError> {
        self.count_in_ticks_of(segment, kind, index);
        let Some((config, placement)) = self.placement(segment, zero_ms, kind) else {
            return if index
                .fragments
                .iter()
                .all(|f| super::run(f, kind).samples.is_empty())
            {
                Ok(())
            } else {
                Err(contradiction(
                    segment.id,
                    "samples of a track that it has no configuration for",
                ))
            };
        };
        let previous_dts = self.tail(kind).map(|tail| tail.spot.dts);
        let mut summary = Summary {
            placement,
            previous_dts,
            ..Summary::default()
        };
        self.count_chunks(number, kind, &mut summary);
        let mut seen = Seen::default();
        let mut floor = previous_dts.unwrap_or(i64::MIN);
        for (fragment, entry) in index.fragments.iter().enumerate() {
            let run = super::run(entry, kind);
            let is_steady = is_steady(run, placement, floor);
            let singly = if is_steady { 1 } else { run.samples.len() };
            for mut spot in spots_of(run, (fragment, kind), placement).take(singly) {
                floor = floor.max(spot.dts);
                spot.dts = floor;
                match seen.last {
                    None => {
                        self.end_last(kind, Some(spot.dts));
                        summary.config = self.enter(kind, placement.line, &config, &spot, &mut summary);
                    }
                    Some(last) => {
                        let duration = spot.dts.saturating_sub(last.dts).unsigned_abs();
                        if seen.duration != Some(duration) {
                            summary.duration_runs += 1;
                        }
                        seen.duration = Some(duration);
                    }
                }
                if seen.cts != Some(spot.cts) {
                    summary.cts_runs += 1;
                    seen.cts = Some(spot.cts);
                }
                summary.keys += u32::from(spot.key);
                if let Some(track) = self.track_mut(kind) {
                    track.see(&spot, seen.last.as_ref());
                }
                seen.last = Some(spot);
            }
            if is_steady && let Some(track) = self.track_mut(kind) {
                floor = track
                    .see_others(&run.samples, &mut seen, &mut summary)
                    .unwrap_or(floor);
            }
            let samples = u32::try_from(run.samples.len()).ok();
            summary.samples = samples
                .and_then(|samples| summary.samples.checked_add(samples))
                .ok_or_else(|| contradiction(segment.id, "more samples than a file can count"))?;
        }
        let (last, before) = (seen.last, seen.duration);
        if let (Some(spot), Some(track)) = (last, self.track_mut(kind)) {
            track.tail = Some(Tail {
                stretch: number,
                spot,
                before,
            });
            track.chunks += summary.chunks;
            track.keys += summary.keys;
            track.samples = track
                .samples
                .checked_add(summary.samples)
                .ok_or_else(|| contradiction(segment.id, "more samples than a file can count"))?;
        }
        if let Some(stretch) = self.stretches.get_mut(number) {
            *stretch.track_mut(kind) = summary;
        }
        Ok(())
    }

    /// Chooses a timescale of the line in which the ticks of the segment's pictures are whole, if there is one.
    fn count_in_ticks_of(&mut self, segment: &ViewSegment, kind: TrackKind, index: &SampleIndex) {
        let (TrackKind::Video, Some(video)) = (kind, &segment.tracks.video) else {
            return;
        };
        let Some(track) = &mut self.video else { return };
        if track.timescale == video.timescale || index.runs(kind).next().is_none() {
            return;
        }
        let Some(common) = common_timescale(track.timescale, video.timescale) else {
            return;
        };
        let times = common / track.timescale.max(1);
        if times > 1 && track.multiply(times) {
            for stretch in &mut self.stretches {
                stretch.video.multiply(times);
            }
            self.shown.multiply(times);
        }
    }

    pub(super) fn placement(
        &self,
        segment: &ViewSegment,
        zero_ms: i64,
        kind: TrackKind,
    ) -> Option<(Config, Placement)> {
        let (config, own, base) = track_of(&segment.tracks, kind).map(|(config, own)| match kind {
            TrackKind::Video => (config, own, segment.base.video),
            TrackKind::Audio => (config, own, segment.base.audio),
        })?;
        let hidden_ms = match kind {
            TrackKind::Video => self.shown.hidden_ms,
            TrackKind::Audio => 0,
        };
        let zero = rescale(zero_ms.saturating_add(hidden_ms), 1_000, own).saturating_add(base);
        let line = self.track(kind).map_or(own, |track| track.timescale);
        Some((config, Placement { zero, own, line }))
    }

    pub(super) fn count_chunks(&self, number: usize, kind: TrackKind, summary: &mut Summary) {
        let mut samples = None;
        let first = self.stretches.get(number).map_or(0, |stretch| stretch.first_part);
        for part in self.parts.iter().skip(first) {
            let extent = part.extent(kind);
            if extent.samples == 0 {
                continue;
            }
            summary.chunks += 1;
            if samples != Some(extent.samples) {
                summary.chunk_runs += 1;
                samples = Some(extent.samples);
            }
        }
    }

    /// Enters the segment's first sample of a track. Makes the track if this is its first sample at all. Returns the index of
    /// the configuration.
    pub(super) fn enter(
        &mut self,
        kind: TrackKind,
        timescale: u32,
        config: &Config,
        spot: &Spot,
        summary: &mut Summary,
    ) -> usize {
        let slot = match kind {
            TrackKind::Video => &mut self.video,
            TrackKind::Audio => &mut self.audio,
        };
        let track = slot.get_or_insert_with(|| TrackLine::beginning(timescale, spot));
        summary.samples_before = track.samples;
        summary.chunks_before = track.chunks;
        match track.configs.iter().position(|known| known == config) {
            Some(known) => known,
            None => {
                track.configs.push(config.clone());
                track.configs.len() - 1
            }
        }
    }

    /// Gives the last sample seen its duration: until `next`, or its own duration when no sample follows.
    pub(super) fn end_last(&mut self, kind: TrackKind, next: Option<i64>) {
        let Some(track) = self.track_mut(kind) else { return };
        let Some(Tail {
            stretch,
            spot,
            before,
        }) = track.tail.take()
        else {
            return;
        };
        let duration = match next {
            Some(next) => next.saturating_sub(spot.dts).unsigned_abs(),
            None => spot.duration,
        };
        track.longest = track.longest.max(duration);
        track.end_dts = spot.dts.saturating_add_unsigned(duration);
        track.end_pts = track
            .end_pts
            .max(track.end_dts.saturating_add(i64::from(spot.cts)));
        if let Some(stretch) = self.stretches.get_mut(stretch) {
            let summary = stretch.track_mut(kind);
            summary.next_dts = next;
            summary.duration_runs += u32::from(before != Some(duration));
        }
    }

    pub(super) fn tail(&self, kind: TrackKind) -> Option<Tail> {
        self.track(kind).and_then(|track| track.tail)
    }

    pub(super) fn track_mut(&mut self, kind: TrackKind) -> Option<&mut TrackLine> {
        match kind {
            TrackKind::Video => self.video.as_mut(),
            TrackKind::Audio => self.audio.as_mut(),
        }
    }
}

/// The samples of a segment so far.
#[derive(Default)]
struct Seen {
    last: Option<Spot>,
    /// From the sample before the last one to it.
    duration: Option<u64>,
    cts: Option<i32>,
}

/// True when each sample of a run but the first begins where the one before ends, with no time rounded, moved or too large.
fn is_steady(run: &Run, placement: Placement, floor: i64) -> bool {
    const FAR: i64 = 1 << 60;
    let begins = placement.place_own(run.first_dts);
    placement.own == placement.line
        && run.samples.len() > 1
        && run.first_dts < FAR.unsigned_abs()
        && begins >= floor
        && (-FAR..FAR).contains(&begins)
}

impl TrackLine {
    /// Takes note of the samples of a [steady](is_steady) run whose first one is the last that was seen. This is what
    /// [`see`](Self::see) does for each of them, in a fraction of the time. Returns the decode time of the last one.
    fn see_others(&mut self, samples: &[Sample], seen: &mut Seen, summary: &mut Summary) -> Option<i64> {
        let spot = seen.last?;
        let (mut dts, mut duration, mut cts) = (spot.dts, seen.duration.unwrap_or(u64::MAX), spot.cts);
        let (mut first_pts, mut end_pts) = (self.first_pts, self.end_pts);
        let (mut longest, mut bytes, mut keys) = (self.longest, 0_u64, 0_u32);
        for (last, sample) in samples.iter().zip(samples.iter().skip(1)) {
            let lasts = u64::from(last.duration);
            summary.duration_runs += u32::from(lasts != duration);
            summary.cts_runs += u32::from(sample.cts != cts);
            (duration, cts) = (lasts, sample.cts);
            longest = longest.max(lasts);
            dts += i64::from(last.duration);
            end_pts = end_pts.max(dts + i64::from(last.cts));
            first_pts = first_pts.min(dts + i64::from(cts));
            self.min_cts = self.min_cts.min(cts);
            self.max_cts = self.max_cts.max(cts);
            bytes += u64::from(sample.size);
            keys += u32::from(sample.key);
        }
        (self.first_pts, self.end_pts, self.longest) = (first_pts, end_pts, longest);
        self.bytes = self.bytes.saturating_add(bytes);
        summary.keys += keys;
        let last = samples.last()?;
        *seen = Seen {
            last: Some(Spot {
                dts,
                duration: last.duration.into(),
                cts,
                key: last.key,
                size: last.size,
                ..spot
            }),
            duration: Some(duration),
            cts: Some(cts),
        };
        Some(dts)
    }

    fn beginning(timescale: u32, spot: &Spot) -> Self {
        let pts = spot.dts.saturating_add(i64::from(spot.cts));
        Self {
            timescale,
            configs: Vec::new(),
            samples: 0,
            bytes: 0,
            chunks: 0,
            keys: 0,
            first_dts: spot.dts,
            end_dts: spot.dts,
            first_pts: pts,
            end_pts: pts,
            min_cts: spot.cts,
            max_cts: spot.cts,
            longest: 0,
            tail: None,
        }
    }

    /// Decode and presentation time at which the samples seen so far end.
    pub(super) fn end(&self) -> (i64, i64) {
        let Some(Tail { spot, .. }) = self.tail else {
            return (self.end_dts, self.end_pts);
        };
        let dts = spot.dts.saturating_add_unsigned(spot.duration);
        (dts, self.end_pts.max(dts.saturating_add(i64::from(spot.cts))))
    }

    /// Multiplies the timescale by `times`, and the times with it. Returns false if an offset becomes too large.
    fn multiply(&mut self, times: u32) -> bool {
        let (Some(min_cts), Some(max_cts)) =
            (multiplied(self.min_cts, times), multiplied(self.max_cts, times))
        else {
            return false;
        };
        self.timescale = self.timescale.saturating_mul(times);
        (self.min_cts, self.max_cts) = (min_cts, max_cts);
        for ticks in [
            &mut self.first_dts,
            &mut self.end_dts,
            &mut self.first_pts,
            &mut self.end_pts,
        ] {
            *ticks = ticks.saturating_mul(times.into());
        }
        self.longest = self.longest.saturating_mul(times.into());
        if let Some(tail) = &mut self.tail {
            tail.spot.dts = tail.spot.dts.saturating_mul(times.into());
            tail.spot.duration = tail.spot.duration.saturating_mul(times.into());
            tail.spot.cts = multiplied(tail.spot.cts, times).unwrap_or(tail.spot.cts);
            tail.before = tail.before.map(|before| before.saturating_mul(times.into()));
        }
        true
    }

    fn see(&mut self, spot: &Spot, last: Option<&Spot>) {
        let pts = spot.dts.saturating_add(i64::from(spot.cts));
        if let Some(last) = last {
            let duration = spot.dts.saturating_sub(last.dts).unsigned_abs();
            self.longest = self.longest.max(duration);
            let last_end = last
                .dts
                .saturating_add_unsigned(duration)
                .saturating_add(i64::from(last.cts));
            self.end_pts = self.end_pts.max(last_end);
        }
        self.first_pts = self.first_pts.min(pts);
        self.min_cts = self.min_cts.min(spot.cts);
        self.max_cts = self.max_cts.max(spot.cts);
        self.bytes = self.bytes.saturating_add(u64::from(spot.size));
    }
}

/// An offset in a timescale that is `times` times as large.
fn multiplied(ticks: i32, times: u32) -> Option<i32> {
    i32::try_from(times).ok()?.checked_mul(ticks)
}

fn track_of(tracks: &Tracks, kind: TrackKind) -> Option<(Config, u32)> {
    match kind {
        TrackKind::Video => {
            let config = Arc::clone(tracks.video.as_ref()?);
            let timescale = config.timescale.max(1);
            Some((Config::Video(config), timescale))
        }
        TrackKind::Audio => {
            let config = Arc::clone(tracks.audio.as_ref()?);
            let rate = config.sample_rate.max(1);
            Some((Config::Audio(config), rate))
        }
    }
}
