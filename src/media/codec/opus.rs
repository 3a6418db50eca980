//! The identification header of Opus, RFC 7845 §5.1, and the length of its packets, RFC 6716 §3.1.

use bytes::Bytes;

use super::{AudioCodec, AudioConfig, CodecError};

const CODEC: &str = "Opus";
const MAGIC: &[u8] = b"OpusHead";
/// Bytes of version, channels, pre-skip, input rate, gain and mapping family.
const FIXED: usize = 11;
/// A packet lasts at most 120 ms, RFC 6716 §3.2.5.
const LONGEST_PACKET: u32 = 5_760;

/// Parses an `OpusHead` (RFC 7845 §5.1) with or without its magic. The magic is not kept.
///
/// The sample rate is 48 000 whatever the header says: its field is the rate of the input, for display.
pub fn parse_opus(record: Bytes) -> Result<AudioConfig, CodecError> {
    let start = if record.starts_with(MAGIC) { MAGIC.len() } else { 0 };
    let body = record.get(start..).unwrap_or_default();
    let fixed = body.first_chunk::<FIXED>().ok_or_else(|| short("OpusHead"))?;
    let &[version, channels, .., family] = fixed;
    if version & 0xf0 != 0 {
        return Err(invalid("version"));
    }
    let length = match (family, channels) {
        (0, 1..=2) => FIXED,
        (1..=255, 1..=8) => FIXED + 2 + usize::from(channels),
        _ => return Err(invalid("number of channels")),
    };
    if body.len() < length {
        return Err(short("channel mapping"));
    }
    Ok(AudioConfig {
        codec: AudioCodec::Opus,
        record: record.slice(start..start + length),
        sample_rate: 48_000,
        channels,
        frame_samples: 960,
    })
}

impl AudioConfig {
    /// Samples at the beginning that are decoded and not heard (RFC 7845 §4.2): the delay of an Opus encoder. 0 for other
    /// codecs, whose encoders do not tell it.
    pub fn pre_skip(&self) -> u16 {
        let number = self.record.get(2..4).and_then(|bytes| bytes.first_chunk::<2>());
        match (self.codec, number) {
            (AudioCodec::Opus, Some(bytes)) => u16::from_le_bytes(*bytes),
            _ => 0,
        }
    }
}

/// Samples at 48 kHz in an Opus packet, from its table-of-contents byte (RFC 6716 §3.1). 0 for an invalid packet: empty,
/// without frames, or longer than 120 ms.
pub fn opus_packet_samples(packet: &[u8]) -> u32 {
    let Some(&toc) = packet.first() else { return 0 };
    let configuration = toc >> 3;
    let frame = match (configuration, configuration & 3) {
        (0..=11, 3) => 2_880,
        (0..=11, size) => 480 << size,
        (12..=15, size) => 480 << (size & 1),
        (_, size) => 120 << size,
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1).map_or(0, |count| count & 0x3f)),
    };
    match frame * frames {
        samples if samples > LONGEST_PACKET => 0,
        samples => samples,
    }
}

fn short(what: &'static str) -> CodecError {
    CodecError::Short { codec: CODEC, what }
}

fn invalid(what: &'static str) -> CodecError {
    CodecError::Invalid { codec: CODEC, what }
}
