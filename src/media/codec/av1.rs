//! `AV1CodecConfigurationRecord`, AV1 in ISOBMFF §2.3, and the sequence header OBU in it, AV1 spec §5.5.

use bytes::Bytes;

use super::bits::{Bits, byte, split};
use super::{CodecError, VideoCodec, VideoConfig, display_size};

const CODEC: &str = "AV1";
const SEQUENCE_HEADER: u8 = 1;

/// Parses an `AV1CodecConfigurationRecord` (AV1 in ISOBMFF §2.3.3) whose `configOBUs` hold the sequence
/// header. The picture's size is the sequence's largest frame.
pub fn parse_av1(record: Bytes) -> Result<VideoConfig, CodecError> {
    let header = sequence_header(&record)?;
    let (width, height) = frame_size(header).ok_or_else(|| short("sequence header"))?;
    let (width, height) = display_size((width, 0), (height, 0)).ok_or_else(|| invalid("picture size"))?;
    Ok(VideoConfig {
        codec: VideoCodec::Av1,
        record,
        width,
        height,
    })
}

/// The body of the first sequence header OBU.
pub(super) fn sequence_header(record: &[u8]) -> Result<&[u8], CodecError> {
    let mut rest = record;
    let head = split(&mut rest, 4).ok_or_else(|| short("header"))?;
    if head.first() != Some(&0x81) {
        return Err(invalid("marker and version are not 1"));
    }
    while !rest.is_empty() {
        let (kind, body) = next_obu(&mut rest).ok_or_else(|| short("OBU"))?;
        if kind == SEQUENCE_HEADER {
            return Ok(body);
        }
    }
    Err(invalid("no sequence header"))
}

/// `open_bitstream_unit()`, AV1 spec §5.3; an OBU without a size is the last one.
pub(in crate::media) fn next_obu<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let header = byte(rest)?;
    if header & 0b100 != 0 {
        byte(rest)?;
    }
    let size = match header & 0b10 {
        0 => rest.len(),
        _ => leb128(rest)?,
    };
    Some((header >> 3 & 0xf, split(rest, size)?))
}

/// `leb128()`, AV1 spec §4.10.5.
fn leb128(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0u64;
    for group in 0..8 {
        let next = byte(rest)?;
        value |= u64::from(next & 0x7f) << (group * 7);
        if next & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

/// `sequence_header_obu()`, AV1 spec §5.5.1, as far as the size of its frames.
fn frame_size(header: &[u8]) -> Option<(u64, u64)> {
    let mut bits = Bits::new(header);
    bits.skip(3 + 1)?; // seq_profile, still_picture
    if bits.flag()? {
        bits.skip(5)?; // reduced_still_picture_header: seq_level_idx[0] is all there is
    } else {
        skip_operating_points(&mut bits)?;
    }
    let width_bits = bits.take(4)? + 1;
    let height_bits = bits.take(4)? + 1;
    let width = u64::from(bits.take(width_bits)?) + 1;
    let height = u64::from(bits.take(height_bits)?) + 1;
    Some((width, height))
}

fn skip_operating_points(bits: &mut Bits<'_>) -> Option<()> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.skip(64)?; // num_units_in_display_tick, time_scale
        if bits.flag()? {
            bits.ue()?; // num_ticks_per_picture_minus_1
        }
        if bits.flag()? {
            delay_bits = Some(bits.take(5)? as usize + 1);
            bits.skip(32 + 5 + 5)?; // the rest of decoder_model_info()
        }
    }
    let has_display_delay = bits.flag()?;
    for _ in 0..=bits.take(5)? {
        bits.skip(12)?; // operating_point_idc
        let level = bits.take(5)?;
        if level > 7 {
            bits.flag()?; // seq_tier
        }
        if let Some(delay_bits) = delay_bits
            && bits.flag()?
        {
            bits.skip(delay_bits * 2 + 1)?;
        }
        if has_display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    Some(())
}

fn short(what: &'static str) -> CodecError {
    CodecError::Short { codec: CODEC, what }
}

fn invalid(what: &'static str) -> CodecError {
    CodecError::Invalid { codec: CODEC, what }
}
