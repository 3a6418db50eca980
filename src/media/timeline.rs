//! Turns a publisher's 32-bit milliseconds into ticks that never mislead.
//!
//! There are two steps, each in its own file. [`epochs`] turns timestamps that wrap and jump into media milliseconds of the
//! publish, shared by both tracks. Video takes these as they are. Audio runs on its own [`samples`] clock, and the media
//! milliseconds steer that clock.

mod epochs;
mod samples;
#[cfg(test)]
mod tests;

use self::epochs::Epochs;
use self::samples::SampleClock;
use super::{AudioCodec, AudioConfig, Frame, Incoming, Micros, TrackKind, opus_packet_samples};

/// A frame is shown at most this long before or after it is decoded, in milliseconds…
const LONGEST_CTS_MS: i64 = 10_000;
/// … or at most this many pictures, if they last longer: a decoder reorders 16 at most (ISO/IEC 14496-10 §A.3.1).
const LONGEST_CTS_PICTURES: i64 = 17;
/// The limit while the distance of pictures is not known yet, because they may be far apart.
const LONGEST_FIRST_CTS_MS: i64 = 60_000;

/// An event in a publisher's timestamps that a user should know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exception {
    /// The timestamps jumped by this many milliseconds and the time has not passed. The tape goes on.
    Jump {
        /// Signed size of the jump.
        by_ms: i64,
    },
    /// Nothing came for this long, and the timestamps agree. The tape has a gap.
    Gap {
        /// Length of the gap.
        ms: i64,
    },
    /// A composition offset of more than ten seconds, and more than 17 pictures, was taken as 0. Reported once for each
    /// publish.
    CompositionOffset {
        /// The offset that the publisher sent, in milliseconds.
        ms: i32,
    },
}

/// Places frames on the media time of their publish.
///
/// Media time zero is the first frame's timestamp. Each track's DTS is strictly increasing, also across
/// jumps of the timestamps and changes of the configuration.
#[derive(Debug, Default)]
pub struct Timeline {
    epochs: Epochs,
    last_video_dts: Option<i64>,
    audio: SampleClock,
    repaired: u64,
    cts_reported: bool,
}

impl Timeline {
    /// The timeline of a publish that has sent nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Places one frame. `audio` is the current audio configuration. `arrival` is the boot time at which the frame came.
    ///
    /// Video is placed in [`MILLISECONDS`](super::MILLISECONDS), audio in the sample rate of `audio`; an
    /// audio frame without a configuration counts as a millisecond of samples at 1000 Hz.
    pub fn place(
        &mut self,
        incoming: Incoming,
        audio: Option<&AudioConfig>,
        arrival: Micros,
    ) -> (Frame, Option<Exception>) {
        let (media_ms, exception) = self.epochs.place(incoming.kind, incoming.timestamp_ms, arrival);
        let (dts, cts, oddity) = match incoming.kind {
            TrackKind::Video => self.place_video(media_ms, incoming.cts_ms),
            TrackKind::Audio => (self.place_audio(media_ms, &incoming.payload, audio), 0, None),
        };
        let frame = Frame {
            kind: incoming.kind,
            dts,
            cts,
            key: incoming.key,
            payload: incoming.payload,
        };
        (frame, exception.or(oddity))
    }

    /// Number of video frames whose DTS was moved because it did not come after the one before.
    pub fn repaired(&self) -> u64 {
        self.repaired
    }

    /// Places a picture. A DTS that does not increase is moved by as little as necessary; the PTS stays where it was.
    fn place_video(&mut self, media_ms: i64, cts_ms: i32) -> (i64, i32, Option<Exception>) {
        let longest = match self.epochs.picture_step() {
            Some(step) => LONGEST_CTS_MS.max(step * LONGEST_CTS_PICTURES),
            None => LONGEST_FIRST_CTS_MS,
        };
        let is_absurd = i64::from(cts_ms).abs() > longest;
        let oddity = (is_absurd && !self.cts_reported).then_some(Exception::CompositionOffset { ms: cts_ms });
        self.cts_reported |= is_absurd;
        let cts_ms = if is_absurd { 0 } else { cts_ms };

        let earliest = self.last_video_dts.map_or(media_ms, |last| last + 1);
        let dts = media_ms.max(earliest);
        if dts != media_ms {
            self.repaired += 1;
        }
        self.last_video_dts = Some(dts);
        let cts = i64::from(cts_ms) - (dts - media_ms);
        (dts, i32::try_from(cts).unwrap_or(0), oddity)
    }

    fn place_audio(&mut self, media_ms: i64, payload: &[u8], audio: Option<&AudioConfig>) -> i64 {
        let (rate, samples) = match audio {
            Some(config) => (config.sample_rate, frame_samples(config, payload)),
            None => (1_000, 1),
        };
        self.audio.place(media_ms, rate, samples)
    }
}

fn frame_samples(config: &AudioConfig, payload: &[u8]) -> u32 {
    match config.codec {
        AudioCodec::Opus => match opus_packet_samples(payload) {
            0 => config.frame_samples,
            samples => samples,
        },
        AudioCodec::Aac | AudioCodec::Mp3 => config.frame_samples,
    }
}
