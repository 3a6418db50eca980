//! Silence where the sound of a chunk is missing.
//!
//! A player that puts chunks together waits where one of its tracks has a hole. So whole frames of silence stand where sound
//! drops out within a chunk, where it ends early, and in a chunk that has none. Only the chunk's own frames decide this. Sound
//! may come in the chunk behind its pictures, so a short time is not filled at the end, and nothing at the beginning: there the
//! chunk before has the sound. Only the first chunk of a publish has none before it.

use bytes::Bytes;

use super::samples::{Run, Timed};
use crate::format::index::Sample;
use crate::format::silence::SilentFrame;
use crate::media::{AudioCodec, AudioConfig, MILLISECONDS, TrackKind, Tracks, rescale};

/// A shorter time from the end of a frame to the next is no drop-out: clocks are steered by such steps.
const LEAST_MS: i64 = 40;

/// Sound that ends less than this before its pictures goes on in the next chunk.
const LAG_MS: i64 = 1_000;

/// A longer time is not filled: no chunk is that long, unless timestamps are wrong.
const MOST_MS: i64 = 60_000;

/// The order in which frames of sound and frames of silence stand in a chunk.
#[derive(Clone, Debug, Default)]
pub(super) struct Filling {
    /// The silent frame.
    pub(super) silence: Bytes,
    pub(super) pieces: Vec<Piece>,
}

/// Some frames in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Sound(usize),
    Silence(usize),
}

/// The sound of a chunk in the making. Times are ticks of the sound.
struct Filler {
    /// A silent frame, and how long it lasts.
    silence: Bytes,
    ticks: i64,
    rate: u32,
    /// How long one frame sounds.
    holds: i64,
    samples: Vec<Timed>,
    pieces: Vec<Piece>,
}

/// Puts silence where it is missing, and lets the last frame last as long as it sounds.
pub(super) fn filled(tracks: &Tracks, video: &Run, mut audio: Run) -> (Run, Filling) {
    let Some(config) = &tracks.audio else {
        return (audio, Filling::default());
    };
    let holds = holds(config, &audio);
    if let Some(last) = audio.samples.last_mut() {
        last.sample.duration = holds;
    }
    let Some(frame) = SilentFrame::of(config) else {
        let all = Piece::Sound(audio.samples.len());
        let filling = Filling {
            pieces: vec![all],
            ..Filling::default()
        };
        return (audio, filling);
    };
    let mut filler = Filler {
        silence: frame.bytes(),
        ticks: frame.ticks().into(),
        rate: config.sample_rate.max(1),
        holds: holds.into(),
        samples: Vec::with_capacity(audio.samples.len()),
        pieces: Vec::new(),
    };
    let span = span(tracks, video, filler.rate);
    filler.before(span, video, &audio);
    let following: Vec<i64> = audio.samples.iter().skip(1).map(|next| next.dts).collect();
    for (timed, next) in audio
        .samples
        .iter()
        .zip(following.into_iter().map(Some).chain([None]))
    {
        filler.sound(*timed, next);
    }
    filler.behind(span, &audio);
    let filling = Filling {
        silence: filler.silence,
        pieces: filler.pieces,
    };
    let samples = filler.samples;
    (Run { samples }, filling)
}

/// How long one frame sounds, in ticks. The tape only says how long it is from each frame to the next. A packet of Opus is as
/// long as the shortest of its chunk.
fn holds(config: &AudioConfig, audio: &Run) -> u32 {
    let known = audio.samples.split_last().map_or(&[][..], |(_, known)| known);
    let shortest = known
        .iter()
        .map(|timed| timed.sample.duration)
        .filter(|ticks| *ticks > 0)
        .min();
    match config.codec {
        AudioCodec::Opus => shortest.unwrap_or(config.frame_samples).max(1),
        AudioCodec::Aac | AudioCodec::Mp3 => config.frame_samples.max(1),
    }
}

/// When the pictures begin to be shown, and when they end.
fn span(tracks: &Tracks, video: &Run, rate: u32) -> Option<(i64, i64)> {
    let scale = tracks.timescale(TrackKind::Video)?;
    let begins = video.first_pts()?;
    let first = video.samples.first()?.dts;
    let ends = video.end_dts()?.saturating_add(begins.saturating_sub(first));
    Some((rescale(begins, scale, rate), rescale(ends, scale, rate)))
}

impl Filler {
    fn before(&mut self, span: Option<(i64, i64)>, video: &Run, audio: &Run) {
        let Some((begins, ends)) = span else { return };
        let begins_publish = video.samples.first().is_some_and(|first| first.dts <= 0);
        let ticks = self.ticks;
        match audio.samples.first() {
            None => {
                let lasts = ends.saturating_sub(begins);
                let frames = lasts.saturating_add(ticks / 2).div_euclid(ticks).max(1);
                self.fill(begins, lasts, frames);
            }
            Some(first) if begins_publish => {
                let late = first.dts.saturating_sub(begins);
                let frames = late.div_euclid(ticks);
                if late >= self.ms(LEAST_MS) {
                    let from = first.dts.saturating_sub(frames.saturating_mul(ticks));
                    self.fill(from, late, frames);
                }
            }
            Some(_) => (),
        }
    }

    fn sound(&mut self, mut timed: Timed, next: Option<i64>) {
        let ends = timed.dts.saturating_add(self.holds);
        let gap = next.map_or(0, |next| next.saturating_sub(ends));
        let frames = gap.div_euclid(self.ticks);
        let is_filled = gap >= self.ms(LEAST_MS) && frames > 0 && self.is_believed(gap);
        if is_filled {
            timed.sample.duration = u32::try_from(self.holds).unwrap_or(u32::MAX);
        }
        self.samples.push(timed);
        match self.pieces.last_mut() {
            Some(Piece::Sound(count)) => *count += 1,
            _ => self.pieces.push(Piece::Sound(1)),
        }
        if is_filled {
            self.fill(ends, gap, frames);
            if let (Some(last), Some(next)) = (self.samples.last_mut(), next) {
                let rest = next.saturating_sub(last.dts);
                last.sample.duration = u32::try_from(rest).unwrap_or(u32::MAX);
            }
        }
    }

    fn behind(&mut self, span: Option<(i64, i64)>, audio: &Run) {
        let (Some((_, ends)), Some(last)) = (span, audio.samples.last()) else {
            return;
        };
        let sound_ends = last.dts.saturating_add(self.holds);
        let missing = ends.saturating_sub(sound_ends);
        if missing >= self.ms(LAG_MS) {
            self.fill(sound_ends, missing, missing.div_euclid(self.ticks));
        }
    }

    /// Adds silent frames over a time that is so long.
    fn fill(&mut self, from: i64, lasts: i64, frames: i64) {
        if !self.is_believed(lasts) || frames <= 0 {
            return;
        }
        let sample = Sample {
            size: fitted!(self.silence.len(), "the size of a silent frame"),
            duration: u32::try_from(self.ticks).unwrap_or(u32::MAX),
            cts: 0,
            key: true,
        };
        self.samples.extend((0..frames).map(|number| Timed {
            dts: from.saturating_add(number.saturating_mul(self.ticks)),
            sample,
        }));
        self.pieces
            .push(Piece::Silence(usize::try_from(frames).unwrap_or(0)));
    }

    fn is_believed(&self, lasts: i64) -> bool {
        lasts <= self.ms(MOST_MS)
    }

    fn ms(&self, ms: i64) -> i64 {
        rescale(ms, MILLISECONDS, self.rate)
    }
}
