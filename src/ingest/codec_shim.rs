//! Stand-ins for the parsers of codec configurations until `media` has them.

use bytes::Bytes;

use crate::media::{AudioCodec, AudioConfig, CodecError, VideoCodec, VideoConfig};

fn video(codec: VideoCodec, record: Bytes) -> Result<VideoConfig, CodecError> {
    if record.len() < 4 {
        return Err(CodecError::Short {
            codec: codec.as_str(),
            what: "record",
        });
    }
    Ok(VideoConfig {
        codec,
        record,
        width: 0,
        height: 0,
    })
}

pub(super) fn parse_avc(record: Bytes) -> Result<VideoConfig, CodecError> {
    video(VideoCodec::Avc, record)
}

pub(super) fn parse_hevc(record: Bytes) -> Result<VideoConfig, CodecError> {
    video(VideoCodec::Hevc, record)
}

pub(super) fn parse_av1(record: Bytes) -> Result<VideoConfig, CodecError> {
    video(VideoCodec::Av1, record)
}

fn audio(codec: AudioCodec, record: Bytes) -> Result<AudioConfig, CodecError> {
    Ok(AudioConfig {
        codec,
        record,
        sample_rate: 48_000,
        channels: 2,
        frame_samples: 1024,
    })
}

pub(super) fn parse_aac(record: Bytes) -> Result<AudioConfig, CodecError> {
    audio(AudioCodec::Aac, record)
}

pub(super) fn parse_opus(record: Bytes) -> Result<AudioConfig, CodecError> {
    audio(AudioCodec::Opus, record)
}

pub(super) fn parse_mp3(frame: &[u8]) -> Result<AudioConfig, CodecError> {
    if frame.len() < 4 || frame.first() != Some(&0xFF) {
        return Err(CodecError::Short {
            codec: "mp3",
            what: "frame header",
        });
    }
    audio(AudioCodec::Mp3, Bytes::new())
}
