//! Where silence goes, so that sound has no gap between segments.
//!
//! Many players play sound end to end, whatever its times say. So it is laid end to end: what is missing is made up
//! for by whole frames of silence, and what is left over, at most half a frame, is carried on to the next seam.
//!
//! Sound also drops out for a moment where nothing else does, when packets of it are lost: such a segment is laid in pieces, with
//! silence between them.

use std::sync::Arc;

use crate::format::index::SampleIndex;
use crate::format::silence::SilentFrame;
use crate::format::{TrackBase, ViewSegment};
use crate::media::{AudioCodec, AudioConfig, Micros, TrackKind, Tracks, rescale};

use super::{TrackLine, seam, shown};

/// Less than this from the end of a frame to the next is no drop-out: clocks are steered by such steps.
const LEAST_MS: i64 = 40;

/// A longer drop-out has no silence in files whose fragments are read one after the other: it would come long after
/// the pictures that it goes with. There the last frame before it lasts until the sound is back.
const LONGEST_MS: i64 = 2_000;

/// Most drop-outs of one segment that silence is made for: each makes another piece of it.
const MOST: usize = 200;

/// The sound of a line that is being laid out.
#[derive(Clone, Debug, Default)]
pub(super) struct Sound {
    /// What the sound on the line decodes with.
    config: Option<Arc<AudioConfig>>,
    /// How much later the line is than sound that is played end to end, in ticks of `rate`.
    late: i64,
    rate: u32,
}

impl Sound {
    /// The silence before a segment whose media time zero lies at `zero` on the line, and how many frames of its own sound
    /// are too much. `before` is the segment before it, with its own zero in milliseconds.
    pub(super) fn before(
        &mut self,
        (before, before_ms): (&ViewSegment, i64),
        track: Option<&TrackLine>,
        (segment, zero): (&ViewSegment, Micros),
        index: &SampleIndex,
    ) -> (Vec<ViewSegment>, u32) {
        let own = segment.tracks.audio.clone();
        let known = match index.runs(TrackKind::Audio).next() {
            Some(_) => std::mem::replace(&mut self.config, own),
            None => self.config.clone(),
        };
        let (Some(config), Some(track)) = (known, track) else {
            return (Vec::new(), 0);
        };
        let hides = segment.kept.hides;
        let Some(frame) = SilentFrame::of(&config) else {
            return (Vec::new(), 0);
        };
        let rate = config.sample_rate.max(1);
        // The sound of a publish may come in a later fragment. While it grows it is not known how much later.
        let own = match hides {
            true => seam::sound_begins(segment, index),
            false => seam::sound_at_once(segment, index),
        };
        let zero_ms = zero.div_euclid(1_000);
        let begins = match (own, segment.tracks.timescale(TrackKind::Audio)) {
            (Some(own), Some(scale)) => {
                let placed = rescale(zero_ms, 1_000, scale).saturating_add(own);
                Some(rescale(placed, scale, rate))
            }
            _ if hides => None,
            _ => seam::begins(segment, index).map(|at| rescale(zero.saturating_add(at), 1_000_000, rate)),
        };
        let Some(begins) = begins else {
            return (Vec::new(), 0);
        };
        let (end, _) = track.end();
        let ends = rescale(end, track.timescale, rate);
        let ticks = i64::from(frame.ticks());
        self.count_in(rate);
        let late = self.late.saturating_add(begins).saturating_sub(ends);
        let frames = late.saturating_add(ticks / 2).div_euclid(ticks);
        let frames = frames.max(if hides { i64::MIN } else { 0 });
        let too_much = u32::try_from(frames.saturating_neg()).unwrap_or(0);
        if too_much > 0 && too_much as usize >= index.sample_count(TrackKind::Audio) {
            // Nothing is left of it: what follows is judged by the same end.
            return (Vec::new(), too_much);
        }
        if own.is_some() {
            self.late = late.saturating_sub(frames.saturating_mul(ticks));
        }
        let frames = frames.max(0);
        let base = ends.saturating_sub(rescale(before_ms, 1_000, rate));
        let pieces = silence(before, &config, &frame, base, frames.unsigned_abs());
        (pieces, too_much)
    }

    /// A segment in pieces, with silence where its sound drops out for a moment; nothing where it does not. `ends` is where
    /// the sound before it ends, in ticks of its file.
    pub(super) fn within(
        &mut self,
        segment: &ViewSegment,
        ends: Option<i64>,
        index: &SampleIndex,
    ) -> Vec<ViewSegment> {
        let Some(config) = &segment.tracks.audio else {
            return Vec::new();
        };
        let Some(frame) = SilentFrame::of(config) else {
            return Vec::new();
        };
        let rate = config.sample_rate.max(1);
        self.count_in(rate);
        let ticks = i64::from(frame.ticks());
        let longest = match segment.kept.hides {
            true => i64::MAX,
            false => rescale(LONGEST_MS, 1_000, rate),
        };
        let mut pieces = Vec::new();
        let mut rest = segment.clone();
        let drop_outs = drop_outs(config, ends, index);
        let short = drop_outs.filter(|drop_out| drop_out.ticks() <= longest);
        for drop_out in short.take(MOST) {
            let late = self.late.saturating_add(drop_out.ticks());
            let frames = late.saturating_add(ticks / 2).div_euclid(ticks).max(0);
            self.late = late.saturating_sub(frames.saturating_mul(ticks));
            let back = segment.tape(TrackKind::Audio, drop_out.back);
            let mut before = rest.clone();
            before.kept.to = before.kept.to.min(back);
            rest.kept.from = rest.kept.from.max(back);
            rest.kept.sound_skipped = 0;
            pieces.push(before);
            let base = segment.base.audio.saturating_add(drop_out.gone);
            pieces.extend(silence(segment, config, &frame, base, frames.unsigned_abs()));
        }
        if !pieces.is_empty() {
            pieces.push(rest);
        }
        pieces
    }

    /// Goes on counting in ticks of another rate.
    fn count_in(&mut self, rate: u32) {
        if self.rate != rate {
            self.late = rescale(self.late, self.rate.max(1), rate);
            self.rate = rate;
        }
    }

    /// The silence before the first segment of a line: from where presentation of a part was asked for to its first sound.
    pub(super) fn first(&mut self, segment: &ViewSegment, index: &SampleIndex) -> Vec<ViewSegment> {
        let Some(config) = segment.tracks.audio.clone() else {
            return Vec::new();
        };
        let Some(begins) = seam::sound_begins(segment, index) else {
            return Vec::new();
        };
        self.config = Some(config.clone());
        let is_part = segment.kept.hides && segment.kept.shown_from > Micros::MIN;
        let (true, Some(frame)) = (
            is_part && segment.tracks.video.is_some(),
            SilentFrame::of(&config),
        ) else {
            return Vec::new();
        };
        let rate = config.sample_rate.max(1);
        let from = shown::start(segment, index).saturating_sub(segment.publish_zero);
        let late = begins.saturating_sub(rescale(from, 1_000_000, rate));
        let ticks = i64::from(frame.ticks());
        let frames = late.saturating_add(ticks / 2).div_euclid(ticks).max(0);
        let base = begins.saturating_sub(frames.saturating_mul(ticks));
        silence(segment, &config, &frame, base, frames.unsigned_abs())
    }
}

/// Sound that is missing, in ticks of its segment's file.
#[derive(Clone, Copy, Debug)]
struct DropOut {
    /// Where what is there ends.
    gone: i64,
    /// The first frame behind.
    back: u64,
}

impl DropOut {
    fn ticks(&self) -> i64 {
        i64::try_from(self.back)
            .unwrap_or(i64::MAX)
            .saturating_sub(self.gone)
    }
}

/// Where the sound of a segment drops out. The tape says of each frame how long it is until the next, so what a frame
/// holds has to be known: packets of Opus are as long as the shortest of their fragment, whose last one's length is a guess.
fn drop_outs(config: &AudioConfig, ends: Option<i64>, index: &SampleIndex) -> impl Iterator<Item = DropOut> {
    let least = rescale(LEAST_MS, 1_000, config.sample_rate.max(1));
    let (codec, mut holds) = (config.codec, config.frame_samples);
    let mut ends = ends;
    let frames = index.runs(TrackKind::Audio).flat_map(move |run| {
        let known = run.samples.split_last().map_or(&[][..], |(_, known)| known);
        let shortest = known.iter().map(|sample| sample.duration).min();
        if let (AudioCodec::Opus, Some(shortest)) = (codec, shortest) {
            holds = shortest;
        }
        run.placed().map(move |placed| (placed.dts, holds))
    });
    frames.filter_map(move |(back, holds)| {
        let gone = ends.replace(i64::try_from(back.saturating_add(holds.into())).unwrap_or(i64::MAX));
        let drop_out = DropOut { gone: gone?, back };
        (drop_out.ticks() >= least).then_some(drop_out)
    })
}

/// So many frames as segments, the first one at `base`; of the publish of `like`.
fn silence(
    like: &ViewSegment,
    config: &Arc<AudioConfig>,
    frame: &SilentFrame,
    base: i64,
    frames: u64,
) -> Vec<ViewSegment> {
    let ticks = u64::from(frame.ticks());
    let pieces = frame.pieces(frames).map(|(skipped, silence)| {
        let audio = base.saturating_add_unsigned(skipped.saturating_mul(ticks));
        ViewSegment {
            tracks: Tracks {
                video: None,
                audio: Some(config.clone()),
            },
            base: TrackBase {
                video: rescale(audio, config.sample_rate.max(1), 1_000),
                audio,
            },
            end: None,
            kept: crate::format::Kept::default(),
            silence: Some(silence),
            ..like.clone()
        }
    });
    pieces.collect()
}

#[cfg(test)]
mod tests;
