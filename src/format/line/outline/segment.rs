//! Adds a segment to the line.

use std::sync::Arc;

use super::track::Seen;
use super::{Extent, Line, Part, Stretch, Summary, Tail, TrackLine};
use crate::format::index::{Run, SampleIndex};
use crate::format::line::walk::{Placement, Spot, spots_of};
use crate::format::line::{Config, contradiction, run};
use crate::format::{FileError, ViewSegment};
use crate::media::{SegmentId, TrackKind, Tracks, common_timescale, rescale};

impl Line {
    /// Adds one segment. The media time zero of its publish lies at `zero_ms`.
    pub(in crate::format::line) fn add(
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
            return if index.fragments.iter().all(|f| run(f, kind).samples.is_empty()) {
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
            let run = run(entry, kind);
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

    pub(in crate::format::line) fn placement(
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

    pub(in crate::format::line) fn count_chunks(
        &self,
        number: usize,
        kind: TrackKind,
        summary: &mut Summary,
    ) {
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
    pub(in crate::format::line) fn enter(
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
    pub(in crate::format::line) fn end_last(&mut self, kind: TrackKind, next: Option<i64>) {
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

    pub(in crate::format::line) fn tail(&self, kind: TrackKind) -> Option<Tail> {
        self.track(kind).and_then(|track| track.tail)
    }

    pub(in crate::format::line) fn track_mut(&mut self, kind: TrackKind) -> Option<&mut TrackLine> {
        match kind {
            TrackKind::Video => self.video.as_mut(),
            TrackKind::Audio => self.audio.as_mut(),
        }
    }
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
