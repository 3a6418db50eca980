//! The header of an MPEG audio frame, ISO/IEC 11172-3 §2.4.1.3 and ISO/IEC 13818-3 §2.4.1.3.

use bytes::Bytes;

use super::{AudioCodec, AudioConfig, CodecError};

/// Parses the header of an MPEG-1, MPEG-2 or "MPEG-2.5" layer III frame. MP3 has no other configuration: every frame brings its
/// own.
pub fn parse_mp3(frame: &[u8]) -> Result<AudioConfig, CodecError> {
    let Some(&[sync, version, rates, mode]) = frame.first_chunk::<4>() else {
        return Err(CodecError::Short {
            codec: "MP3",
            what: "frame header",
        });
    };
    if sync != 0xff || version & 0xe0 != 0xe0 {
        return Err(invalid("no frame sync"));
    }
    let (divisor, frame_samples) = match version >> 3 & 3 {
        0b11 => (1, 1152),
        0b10 => (2, 576),
        0b00 => (4, 576),
        _ => return Err(invalid("reserved version")),
    };
    if version >> 1 & 3 != 0b01 {
        return Err(invalid("not layer III"));
    }
    if rates >> 4 == 0b1111 {
        return Err(invalid("reserved bit rate"));
    }
    let base_rate = match rates >> 2 & 3 {
        0 => 44_100,
        1 => 48_000,
        2 => 32_000,
        _ => return Err(invalid("reserved sampling frequency")),
    };
    Ok(AudioConfig {
        codec: AudioCodec::Mp3,
        record: Bytes::new(),
        sample_rate: base_rate / divisor,
        channels: if mode >> 6 == 0b11 { 1 } else { 2 },
        frame_samples,
    })
}

fn invalid(what: &'static str) -> CodecError {
    CodecError::Invalid { codec: "MP3", what }
}
