//! Codec configurations, parsed once from the sequence header and then passed around by reference.

mod aac;
mod adts;
mod av1;
mod avc;
mod bits;
mod colour_info;
mod hevc;
mod look;
mod mp3;
mod name;
mod opus;
mod same;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{Micros, TrackKind, rescale};

pub use aac::parse_aac;
pub use adts::Adts;
pub(in crate::media) use av1::next_obu;
pub use av1::parse_av1;
pub use avc::parse_avc;
pub(in crate::media) use bits::{Bits, unescape};
pub use colour_info::ColourInfo;
pub(in crate::media) use hevc::hevc_head;
pub use hevc::parse_hevc;
pub use look::{Appearance, Colour, LightLevel, Mastering};
pub use mp3::parse_mp3;
pub use opus::{opus_packet_samples, parse_opus};

/// Ticks a second of the pictures of a source that counts milliseconds: RTMP, FLV.
pub const MILLISECONDS: u32 = 1_000;

/// The most ticks a second of a track. The tape counts microseconds.
pub const MAX_TIMESCALE: u32 = 1_000_000;

/// Codec of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// H.264, ISO/IEC 14496-10.
    Avc,
    /// H.265, ISO/IEC 23008-2.
    Hevc,
    /// AV1.
    Av1,
}

impl VideoCodec {
    /// `h264`, `hevc` or `av1`: the names ffprobe uses.
    pub fn as_str(self) -> &'static str {
        match self {
            VideoCodec::Avc => "h264",
            VideoCodec::Hevc => "hevc",
            VideoCodec::Av1 => "av1",
        }
    }
}

/// Codec of the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// AAC in any of its object types, ISO/IEC 14496-3.
    Aac,
    /// MPEG-1/2 layer III.
    Mp3,
    /// Opus, RFC 6716.
    Opus,
}

impl AudioCodec {
    /// `aac`, `mp3` or `opus`: the names ffprobe uses.
    pub fn as_str(self) -> &'static str {
        match self {
            AudioCodec::Aac => "aac",
            AudioCodec::Mp3 => "mp3",
            AudioCodec::Opus => "opus",
        }
    }
}

/// How to decode a video track. Two configurations are equal when they decode the same samples and count time alike. Their
/// parameter sets are compared, not the form of the record.
#[derive(Clone)]
pub struct VideoConfig {
    /// The codec.
    pub codec: VideoCodec,
    /// The configuration record exactly as the publisher sent it: `AVCDecoderConfigurationRecord`,
    /// `HEVCDecoderConfigurationRecord` (ISO/IEC 14496-15) or `AV1CodecConfigurationRecord`.
    pub record: Bytes,
    /// Display width in pixels, after cropping.
    pub width: u16,
    /// Display height in pixels, after cropping.
    pub height: u16,
    /// Ticks a second of the track: [`MILLISECONDS`] over RTMP, 90 000 over RTP and in MPEG-TS. From 1 to [`MAX_TIMESCALE`].
    pub timescale: u32,
    /// The publisher's own description of colours and light.
    pub colour_info: ColourInfo,
}

/// How to decode an audio track. Two configurations are equal when they decode the same samples, whatever the form of the
/// record.
#[derive(Clone)]
pub struct AudioConfig {
    /// The codec.
    pub codec: AudioCodec,
    /// `AudioSpecificConfig` (AAC), the body of an `OpusHead` without its magic (Opus, RFC 7845 §5.1),
    /// nothing (MP3).
    pub record: Bytes,
    /// Samples a second, and the ticks a second of the track. 48 000 for Opus.
    pub sample_rate: u32,
    /// Channels, 1 to 8.
    pub channels: u8,
    /// Samples in one coded frame: 1024 or 960 (AAC; 512 or 480 in its low-delay forms), 1152 or 576 (MP3), 960 as a first
    /// guess (Opus, whose packets carry their own length).
    pub frame_samples: u32,
}

/// A parsed sequence header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecConfig {
    /// The configuration of the picture.
    Video(VideoConfig),
    /// The configuration of the sound.
    Audio(AudioConfig),
}

impl CodecConfig {
    /// The track that this configures.
    pub fn kind(&self) -> TrackKind {
        match self {
            CodecConfig::Video(_) => TrackKind::Video,
            CodecConfig::Audio(_) => TrackKind::Audio,
        }
    }
}

/// The tracks a stream has at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracks {
    /// The picture, once its configuration is known.
    pub video: Option<Arc<VideoConfig>>,
    /// The sound, once its configuration is known.
    pub audio: Option<Arc<AudioConfig>>,
}

impl Tracks {
    /// True before the first configuration has come.
    pub fn is_empty(&self) -> bool {
        self.video.is_none() && self.audio.is_none()
    }

    /// Bytes of all configuration records.
    pub fn record_bytes(&self) -> usize {
        let video = self.video.as_ref().map_or(0, |video| video.record.len());
        let audio = self.audio.as_ref().map_or(0, |audio| audio.record.len());
        video.saturating_add(audio)
    }

    /// Ticks a second of the track `kind`, if it exists.
    pub fn timescale(&self, kind: TrackKind) -> Option<u32> {
        match kind {
            TrackKind::Video => self.video.as_ref().map(|video| video.timescale),
            TrackKind::Audio => self.audio.as_ref().map(|audio| audio.sample_rate),
        }
    }

    /// The track with which chunks begin: the picture, or the sound where there is no picture.
    pub fn led_by(&self) -> TrackKind {
        match self.video {
            Some(_) => TrackKind::Video,
            None => TrackKind::Audio,
        }
    }

    /// True when these tracks do not decode all that the other ones decode: a track has another configuration, or is gone.
    pub fn replace(&self, other: &Tracks) -> bool {
        (other.video.is_some() && other.video != self.video)
            || (other.audio.is_some() && other.audio != self.audio)
    }

    /// Microseconds of `ticks` ticks of a track. Ticks of a missing track are milliseconds.
    pub fn micros(&self, kind: TrackKind, ticks: i64) -> Micros {
        rescale(ticks, self.timescale(kind).unwrap_or(MILLISECONDS), 1_000_000)
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The record ends before it is complete.
    #[error("{codec} configuration is cut short: {what}")]
    Short {
        /// The codec.
        codec: &'static str,
        /// The field that was missing.
        what: &'static str,
    },
    /// The record has a value that is not allowed.
    #[error("{codec} configuration is not usable: {what}")]
    Invalid {
        /// The codec.
        codec: &'static str,
        /// The field, and the reason.
        what: &'static str,
    },
}

/// Width and height, each from (coded size, cropped off). `None` when nothing is left or the size is too large.
fn display_size(width: (u64, u64), height: (u64, u64)) -> Option<(u16, u16)> {
    let shown = |(coded, cropped): (u64, u64)| {
        let shown = coded.checked_sub(cropped).filter(|shown| *shown > 0)?;
        u16::try_from(shown).ok()
    };
    Some((shown(width)?, shown(height)?))
}

// The records are long and binary, and a log line should be readable.
impl fmt::Debug for VideoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}x{}", self.codec.as_str(), self.width, self.height)
    }
}

impl fmt::Debug for AudioConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} Hz {} ch",
            self.codec.as_str(),
            self.sample_rate,
            self.channels
        )
    }
}
