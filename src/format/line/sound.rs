//! Where silence goes, so that sound has no gap between segments.
//!
//! Many players play sound end to end, whatever its times say. So the sound is laid end to end: whole frames of silence fill
//! what is missing. The rest, at most half a frame, is carried on to the next seam.
//!
//! Sound also drops out where the picture goes on: packets of sound are lost, or a microphone is off. A segment in which the
//! sound comes back is laid in pieces, with silence between them. A piece is a part of the segment's file, because sound may be
//! in a later fragment than its pictures, and bytes that were sent of a growing file must stay. Some files have their fragments
//! read one after the other. In these files, whole fragments without sound hold the silence themselves: by then it is not known
//! whether the sound will be back.

use std::sync::Arc;

use crate::format::cut::Place;
use crate::format::index::SampleIndex;
use crate::format::silence::{FilledFragment, SilentFrame};
use crate::format::{TrackBase, ViewSegment};
use crate::media::{AudioCodec, AudioConfig, Micros, TrackKind, Tracks, rescale};

use super::heard::{Begins, Heard};
use super::{TrackLine, seam, shown};

/// A shorter time from the end of a frame to the next is no drop-out: clocks are steered by such steps.
const LEAST_MS: i64 = 40;

/// In a pause of both picture and sound that is longer, chunks of nothing but silence would stop browsers. There the last frame
/// before the pause lasts until the sound is back.
const LONGEST_MS: i64 = 2_000;

/// The longest break that timestamps may claim.
const BELIEVED_MS: i64 = 24 * 3_600 * 1_000;

/// Sound that is missing in a fragment may still come with the next one, so silence stays this far behind the pictures.
const BEHIND_MS: i64 = 400;

/// No sound is recorded later than this behind its pictures.
const LAG: Micros = 3_000_000;

/// The most drop-outs of one segment that are filled with silence: each makes another piece of the segment.
const MOST: usize = 200;

/// The sound of a line that is being laid out.
#[derive(Clone, Debug, Default)]
pub(super) struct Sound {
    /// The configuration that decodes the sound on the line.
    config: Option<Arc<AudioConfig>>,
    /// How much later the line is than sound that is played end to end, in ticks of the sample rate.
    late: i64,
    rate: u32,
    /// The longest time that sound came behind its pictures.
    lag: Micros,
    in_chunks: bool,
}

/// A segment in the making: its pieces, with silence between them and in them.
#[derive(Debug)]
struct Pieces {
    done: Vec<ViewSegment>,
    /// The part of the segment behind the last cut.
    rest: ViewSegment,
    is_cut: bool,
    /// True when something stands before the next cut.
    any: bool,
    /// True while no frame of sound came behind those that are left out at the beginning of `rest`.
    skips: bool,
    filled: Vec<FilledFragment>,
}

impl Pieces {
    fn new(segment: &ViewSegment) -> Self {
        Self {
            done: Vec::new(),
            rest: segment.clone(),
            is_cut: false,
            any: false,
            skips: segment.kept.sound_skipped > 0,
            filled: Vec::new(),
        }
    }

    /// Ends a piece at a place of the file.
    fn cut(&mut self, place: Place) {
        let mut before = self.rest.clone();
        before.kept.until = before.kept.until.min(place);
        self.rest.kept.after = self.rest.kept.after.max(place);
        self.rest.kept.sound_skipped = 0;
        self.is_cut = true;
        if std::mem::take(&mut self.any) {
            self.done.push(before);
        }
    }

    /// Returns the pieces; none if the segment is as it was.
    fn finish(mut self, frame: &SilentFrame) -> Vec<ViewSegment> {
        let is_filled = !self.filled.is_empty();
        if !self.is_cut && !is_filled {
            return Vec::new();
        }
        self.done.push(self.rest);
        if is_filled {
            let filled = Arc::new(frame.fill(self.filled));
            let tape = self.done.iter_mut().filter(|piece| piece.silence.is_none());
            tape.for_each(|piece| piece.filled = Some(Arc::clone(&filled)));
        }
        self.done
    }
}

/// The samples of a fragment are needed to decide, and not known.
pub(super) struct Unknown;

impl Sound {
    /// The sound of a line whose fragments become chunks.
    pub(super) fn in_chunks() -> Self {
        Self {
            in_chunks: true,
            ..Self::default()
        }
    }

    /// Returns the silence before a segment whose media time zero lies at `zero` on the line, and the number of frames of its
    /// own sound that are too many. `before` is the segment before it, with its own zero in milliseconds. `breaks` is true when
    /// the segment does not continue that one.
    pub(super) fn before(
        &mut self,
        (before, before_ms): (&ViewSegment, i64),
        track: Option<&TrackLine>,
        (segment, zero): (&ViewSegment, Micros),
        breaks: bool,
        begins: Begins,
    ) -> (Vec<ViewSegment>, u32) {
        let (Some(config), Some(track)) = (self.config.clone(), track) else {
            return (Vec::new(), 0);
        };
        let hides = segment.kept.hides;
        let Some(frame) = SilentFrame::of(&config) else {
            return (Vec::new(), 0);
        };
        let rate = config.sample_rate.max(1);
        let is_part = hides && segment.kept.is_part();
        let own = begins.sound;
        if !is_part && !breaks && own.is_none() && segment.tracks.audio.as_ref() == Some(&config) {
            // The sound is missing, or comes later than the pictures. The fragments decide which.
            return (Vec::new(), 0);
        }
        let zero_ms = zero.div_euclid(1_000);
        let at = match (own, segment.tracks.timescale(TrackKind::Audio)) {
            (Some(own), Some(scale)) => {
                let placed = rescale(zero_ms, 1_000, scale).saturating_add(own);
                Some(rescale(placed, scale, rate))
            }
            _ if is_part => None,
            _ => begins
                .first
                .map(|at| rescale(zero.saturating_add(at), 1_000_000, rate)),
        };
        let Some(at) = at else {
            return (Vec::new(), 0);
        };
        let (end, _) = track.end();
        let ends = rescale(end, track.timescale, rate);
        let ticks = i64::from(frame.ticks());
        self.count_in(rate);
        let late = self.late.saturating_add(at).saturating_sub(ends);
        let frames = late.saturating_add(ticks / 2).div_euclid(ticks);
        let frames = frames.max(if hides && own.is_some() { i64::MIN } else { 0 });
        let too_much = u32::try_from(frames.saturating_neg()).unwrap_or(0);
        if too_much > 0 && too_much as usize >= begins.frames {
            // No sound of the segment is left, so the sound behind it is judged by the same end.
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

    /// Lays a segment in pieces, with silence where its sound drops out. Returns nothing where the sound does not drop out.
    /// `ends` is the end of the sound before the segment, in ticks of its file. After an error this value is of no use.
    pub(super) fn within<'a>(
        &mut self,
        segment: &ViewSegment,
        ends: Option<i64>,
        fragments: impl Iterator<Item = Heard<'a>>,
    ) -> Result<Vec<ViewSegment>, Unknown> {
        let Some(config) = &segment.tracks.audio else {
            return Ok(Vec::new());
        };
        let Some(frame) = SilentFrame::of(config) else {
            return Ok(Vec::new());
        };
        self.count_in(config.sample_rate.max(1));
        let mut walk = Walk {
            sound: self,
            segment,
            config,
            frame: &frame,
            pieces: Pieces::new(segment),
            ends,
            is_made: false,
            holds: config.frame_samples,
            pictures: None,
            drop_outs: 0,
        };
        let mut is_known = walk.sound.config.as_ref() == Some(config);
        for fragment in fragments {
            if !fragment.sound.is_empty() {
                walk.sound_of(&fragment)?;
            } else if is_known {
                walk.fill(&fragment);
            }
            is_known |= !fragment.sound.is_empty();
            walk.pieces.any = true;
            walk.pictures = walk.pictures.max(walk.pictures_end(&fragment));
        }
        Ok(walk.pieces.finish(&frame))
    }

    /// Takes note that the line ends with this segment for now. `heard` is true when it has sound.
    pub(super) fn ends_with(&mut self, segment: &ViewSegment, heard: bool) {
        if heard {
            self.config.clone_from(&segment.tracks.audio);
        }
    }

    /// Counts in ticks of another rate from now on.
    fn count_in(&mut self, rate: u32) {
        if self.rate != rate {
            self.late = rescale(self.late, self.rate.max(1), rate);
            self.rate = rate;
        }
    }

    /// The silence before the first segment of a line. It lasts from the requested start of a part to the first sound of the
    /// part.
    pub(super) fn first(&mut self, segment: &ViewSegment, index: &SampleIndex) -> Vec<ViewSegment> {
        let Some(config) = segment.tracks.audio.clone() else {
            return Vec::new();
        };
        let Some(begins) = seam::sound_begins(segment, index) else {
            return Vec::new();
        };
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

/// A walk over the fragments of a segment. It decides on each fragment by what came until then, so that a decision stays when
/// more comes. Times are ticks of the segment's file.
struct Walk<'a> {
    sound: &'a mut Sound,
    segment: &'a ViewSegment,
    config: &'a Arc<AudioConfig>,
    frame: &'a SilentFrame,
    pieces: Pieces,
    /// Where the sound so far ends.
    ends: Option<i64>,
    /// True when the sound so far ends with silence that was made.
    is_made: bool,
    /// How long one frame sounds. The tape only says how long it is from each frame to the next. Packets of Opus are as long as
    /// the shortest of their fragment. The length of the fragment's last packet is a guess.
    holds: u32,
    /// Where the pictures so far end.
    pictures: Option<i64>,
    drop_outs: usize,
}

impl Walk<'_> {
    fn fill(&mut self, fragment: &Heard<'_>) {
        let (Some(ends), false) = (self.ends, self.segment.kept.hides) else {
            return;
        };
        let Some(pictures) = self.pictures_end(fragment) else {
            return;
        };
        let behind = self.sound.lag.saturating_add(BEHIND_MS.saturating_mul(1_000));
        let missing = pictures
            .saturating_sub(self.ticks(behind, 1_000_000))
            .saturating_sub(ends);
        if missing > self.ticks(BELIEVED_MS, 1_000) {
            return;
        }
        let ticks = i64::from(self.frame.ticks());
        let mut frames = missing.div_euclid(ticks).max(0).unsigned_abs();
        let mut begins = ends;
        if ends < 0 {
            // Silence before the beginning of the file is no part of the file.
            let before = ends.unsigned_abs().div_ceil(ticks.unsigned_abs()).min(frames);
            self.put_silence((fragment.offset, Micros::MIN), ends, before);
            frames -= before;
            begins = ends.saturating_add_unsigned(before.saturating_mul(ticks.unsigned_abs()));
        }
        if let (Ok(first_dts), Ok(frames @ 1..)) = (u64::try_from(begins), u32::try_from(frames)) {
            self.pieces.filled.push(FilledFragment {
                offset: fragment.offset,
                first_dts,
                frames,
            });
            begins = begins.saturating_add(ticks.saturating_mul(frames.into()));
        }
        self.is_made |= begins > ends;
        self.ends = Some(begins);
    }

    fn sound_of(&mut self, fragment: &Heard<'_>) -> Result<(), Unknown> {
        let facts = &fragment.sound;
        if self.config.codec == AudioCodec::Opus && facts.samples > 1 {
            self.holds = facts.shortest;
        }
        let least = self.ticks(LEAST_MS, 1_000);
        let is_whole = i64::from(facts.longest).saturating_sub(self.holds.into()) < least;
        if self.frame(fragment.offset, (0, facts.first_dts), least) && is_whole {
            // No sound drops out within most fragments: their first frame decides.
            let last = i64::try_from(facts.last_dts()).unwrap_or(i64::MAX);
            self.ends = Some(last.saturating_add(self.holds.into()));
        } else if facts.samples > 1 {
            let run = fragment.samples.ok_or(Unknown)?;
            for (number, placed) in run.placed().enumerate().skip(1) {
                self.frame(fragment.offset, (number, placed.dts), least);
            }
        }
        Ok(())
    }

    /// Takes the next frame of a fragment's sound. Gives false for a frame that is left out.
    fn frame(&mut self, offset: u64, (number, dts): (usize, u64), least: i64) -> bool {
        let back = i64::try_from(dts).unwrap_or(i64::MAX);
        let half = i64::from(self.frame.ticks() / 2);
        if let Some(ends) = self.ends {
            let gap = back.saturating_sub(ends);
            let place = || match number {
                0 => (offset, Micros::MIN),
                _ => (offset, self.segment.tape(TrackKind::Audio, dts)),
            };
            if self.is_made && gap < -half {
                // The frame came later than sound has ever come. Silence is in its place already.
                self.skip(place());
                return false;
            }
            if gap >= least {
                self.drop_out(place(), ends, gap);
            } else if self.is_made {
                self.sound.late = self.sound.late.saturating_add(gap);
            } else if let (0, Some(pictures)) = (number, self.pictures) {
                let rate = self.config.sample_rate.max(1);
                let lag = rescale(pictures.saturating_sub(ends), rate, 1_000_000);
                self.sound.lag = self.sound.lag.max(lag.clamp(0, LAG));
            }
        }
        self.is_made = false;
        self.pieces.any = true;
        self.pieces.skips = false;
        self.ends = Some(back.saturating_add(self.holds.into()));
        true
    }

    fn drop_out(&mut self, place: Place, ends: i64, gap: i64) {
        let longest = if self.sound.in_chunks {
            rescale(self.sound.lag, 1_000_000, 1_000).saturating_add(LONGEST_MS)
        } else {
            BELIEVED_MS
        };
        if gap > self.ticks(longest, 1_000) || self.drop_outs >= MOST {
            return;
        }
        self.drop_outs += 1;
        let ticks = i64::from(self.frame.ticks());
        let late = self.sound.late.saturating_add(gap);
        let frames = late.saturating_add(ticks / 2).div_euclid(ticks).max(0);
        self.sound.late = late.saturating_sub(frames.saturating_mul(ticks));
        self.put_silence(place, ends, frames.unsigned_abs());
    }

    fn put_silence(&mut self, place: Place, begins: i64, frames: u64) {
        self.pieces.cut(place);
        let base = self.segment.base.audio.saturating_add(begins);
        let pieces = silence(self.segment, self.config, self.frame, base, frames);
        self.pieces.done.extend(pieces);
    }

    /// Leaves out a frame of sound, and the frames before it in the same fragment. A piece leaves out its first frames alone, so
    /// frames that are left out behind others begin another piece.
    fn skip(&mut self, place: Place) {
        if !std::mem::replace(&mut self.pieces.skips, true) {
            self.pieces.cut(place);
        }
        self.pieces.any = true;
        self.pieces.rest.kept.sound_skipped += 1;
    }

    /// When the pictures of a fragment end.
    fn pictures_end(&self, fragment: &Heard<'_>) -> Option<i64> {
        let tape = self.segment.tape(TrackKind::Video, fragment.pictures_end?);
        let since = tape.saturating_sub(self.segment.publish_zero);
        Some(
            self.ticks(since, 1_000_000)
                .saturating_sub(self.segment.base.audio),
        )
    }

    /// Converts a time from the scale `scale`.
    fn ticks(&self, time: i64, scale: u32) -> i64 {
        rescale(time, scale, self.config.sample_rate.max(1))
    }
}

/// Frames of silence as segments of the publish of `like`, the first one at `base`.
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
            filled: None,
            in_step: None,
            ..like.clone()
        }
    });
    pieces.collect()
}

#[cfg(test)]
mod tests;
