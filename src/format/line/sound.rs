//! Where silence goes, so that sound has no gap between segments.
//!
//! Many players play sound end to end, whatever its times say. So it is laid end to end: what is missing is made up
//! for by whole frames of silence, and what is left over, at most half a frame, is carried on to the next seam.

use std::sync::Arc;

use crate::format::index::SampleIndex;
use crate::format::silence::SilentFrame;
use crate::format::{TrackBase, ViewSegment};
use crate::media::{AudioConfig, Micros, TrackKind, Tracks, rescale};

use super::{TrackLine, seam, shown};

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
        if self.rate != rate {
            self.late = rescale(self.late, self.rate.max(1), rate);
            self.rate = rate;
        }
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
