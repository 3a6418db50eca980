//! The bytes before a sample in a tag's body. A tag's body is also the body of an RTMP message.
//!
//! | codec | form |
//! |---|---|
//! | H.264, AAC, MP3 | FLV v10.1 §E.4.2, §E.4.3 |
//! | HEVC, AV1, Opus | Enhanced RTMP v2: `ExVideoTagHeader`, `ExAudioTagHeader` with a FourCC |

use crate::media::{AudioCodec, AudioConfig, CodecConfig, VideoCodec, VideoConfig};

/// Type of an audio tag, and of the RTMP message with the same body.
pub const AUDIO: u8 = 8;
/// Type of a video tag, and of the RTMP message with the same body.
pub const VIDEO: u8 = 9;
/// Type of a tag with script data, such as `onMetaData`.
pub const SCRIPT: u8 = 18;

/// CodecID of H.264.
const AVC: u8 = 7;
/// SoundFormat of AAC; FLV fixes its other bits to 44 kHz, 16 bits, stereo.
const AAC: u8 = 0xAF;
/// SoundFormat of MP3.
const MP3: u8 = 2;
/// SoundFormat of MP3 at 8 kHz: the rate bits cannot say 8 kHz.
const MP3_8K: u8 = 14;
/// SoundFormat of a tag that continues as an `ExAudioTagHeader`.
const EX_AUDIO: u8 = 9;

const KEY: u8 = 1;
const INTER: u8 = 2;

/// `ExHeader` bit of the first byte of a video tag.
pub(super) const EX_VIDEO: u8 = 0x80;
const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;

/// The few bytes before a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagHeader {
    bytes: [u8; 8],
    len: u8,
}

impl TagHeader {
    /// The header's bytes, one to eight.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len()).unwrap_or_default()
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Never true: a tag at least names its codec.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut bytes = [0; 8];
        let mut len = 0;
        for (to, from) in bytes.iter_mut().zip(parts.iter().copied().flatten()) {
            *to = *from;
            len += 1;
        }
        Self { bytes, len }
    }
}

/// The bytes before a picture. `cts_ms` is kept to 24 bits.
pub fn video_header(config: &VideoConfig, key: bool, cts_ms: i32) -> TagHeader {
    let frame = if key { KEY } else { INTER } << 4;
    let [_, cts @ ..] = cts_ms.clamp(-0x80_0000, 0x7F_FFFF).to_be_bytes();
    match config.codec {
        VideoCodec::Avc => TagHeader::of(&[&[frame | AVC, 1], &cts]),
        VideoCodec::Hevc => TagHeader::of(&[&[EX_VIDEO | frame | CODED_FRAMES], b"hvc1", &cts]),
        VideoCodec::Av1 => TagHeader::of(&[&[EX_VIDEO | frame | CODED_FRAMES], b"av01"]),
    }
}

/// The bytes before a packet of sound.
pub fn audio_header(config: &AudioConfig) -> TagHeader {
    match config.codec {
        AudioCodec::Aac => TagHeader::of(&[&[AAC, 1]]),
        AudioCodec::Mp3 => TagHeader::of(&[&[mp3_flags(config)]]),
        AudioCodec::Opus => TagHeader::of(&[&[EX_AUDIO << 4 | CODED_FRAMES], b"Opus"]),
    }
}

pub use super::colour_info::colour_info;

/// The whole body of the tag that carries the decoder configuration. `None` for MP3, whose frames carry it themselves.
pub fn sequence_header(config: &CodecConfig) -> Option<Vec<u8>> {
    match config {
        CodecConfig::Video(config) => Some(video_sequence_header(config)),
        CodecConfig::Audio(config) => audio_sequence_header(config),
    }
}

pub(super) fn video_sequence_header(config: &VideoConfig) -> Vec<u8> {
    let ex = [EX_VIDEO | KEY << 4 | SEQUENCE_START];
    let mut body = match config.codec {
        VideoCodec::Avc => vec![KEY << 4 | AVC, 0, 0, 0, 0],
        VideoCodec::Hevc => [&ex[..], b"hvc1"].concat(),
        VideoCodec::Av1 => [&ex[..], b"av01"].concat(),
    };
    body.extend_from_slice(&config.record);
    body
}

pub(super) fn audio_sequence_header(config: &AudioConfig) -> Option<Vec<u8>> {
    let mut body = match config.codec {
        AudioCodec::Aac => vec![AAC, 0],
        AudioCodec::Mp3 => return None,
        // Enhanced RTMP wants the whole identification header, which begins with its magic (RFC 7845 §5.1).
        AudioCodec::Opus => [&[EX_AUDIO << 4 | SEQUENCE_START][..], b"OpusOpusHead"].concat(),
    };
    body.extend_from_slice(&config.record);
    Some(body)
}

/// The `videocodecid` of `onMetaData`: the CodecID, or the FourCC as a number.
pub(super) fn video_codec_id(codec: VideoCodec) -> f64 {
    match codec {
        VideoCodec::Avc => f64::from(AVC),
        VideoCodec::Hevc => f64::from(u32::from_be_bytes(*b"hvc1")),
        VideoCodec::Av1 => f64::from(u32::from_be_bytes(*b"av01")),
    }
}

/// The `audiocodecid` of `onMetaData`: the SoundFormat, or the FourCC as a number.
pub(super) fn audio_codec_id(codec: AudioCodec) -> f64 {
    match codec {
        AudioCodec::Aac => f64::from(AAC >> 4),
        AudioCodec::Mp3 => f64::from(MP3),
        AudioCodec::Opus => f64::from(u32::from_be_bytes(*b"Opus")),
    }
}

fn mp3_flags(config: &AudioConfig) -> u8 {
    let (format, rate) = match config.sample_rate {
        8_000 => (MP3_8K, 0),
        ..=11_999 => (MP3, 1),
        12_000..=24_000 => (MP3, 2),
        _ => (MP3, 3),
    };
    format << 4 | rate << 2 | 2 | u8::from(config.channels > 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::testing;

    #[test]
    fn legacy_codings_have_legacy_headers() {
        let video = testing::small_video();
        assert_eq!(video_header(&video, true, 33).as_slice(), [0x17, 1, 0, 0, 33]);
        assert_eq!(
            video_header(&video, false, -1).as_slice(),
            [0x27, 1, 0xFF, 0xFF, 0xFF]
        );
        assert_eq!(audio_header(&testing::aac()).as_slice(), [0xAF, 1]);
        let header = sequence_header(&CodecConfig::Audio(testing::aac())).unwrap();
        assert_eq!(header, [0xAF, 0, 0x12, 0x10]);
    }

    #[test]
    fn newer_codings_have_a_fourcc() {
        let hevc = VideoConfig {
            codec: VideoCodec::Hevc,
            ..testing::small_video()
        };
        assert_eq!(video_header(&hevc, true, 2).as_slice(), b"\x91hvc1\0\0\x02");
        let av1 = VideoConfig {
            codec: VideoCodec::Av1,
            ..testing::small_video()
        };
        assert_eq!(video_header(&av1, false, 0).as_slice(), b"\xA1av01");
        assert_eq!(audio_header(&testing::opus()).as_slice(), b"\x91Opus");
        let header = sequence_header(&CodecConfig::Audio(testing::opus())).unwrap();
        assert!(header.starts_with(b"\x90OpusOpusHead\x01\x02"));
    }

    #[test]
    fn mp3_says_its_rate() {
        let mp3 = |sample_rate, channels| AudioConfig {
            codec: AudioCodec::Mp3,
            sample_rate,
            channels,
            ..testing::aac()
        };
        assert_eq!(audio_header(&mp3(44_100, 2)).as_slice(), [0x2F]);
        assert_eq!(audio_header(&mp3(22_050, 1)).as_slice(), [0x2A]);
        assert_eq!(audio_header(&mp3(8_000, 1)).as_slice(), [0xE2]);
        assert_eq!(sequence_header(&CodecConfig::Audio(mp3(44_100, 2))), None);
    }
}
