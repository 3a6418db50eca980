//! `AV1CodecConfigurationRecord`, AV1 in ISOBMFF §2.3, and the sequence header OBU in it, AV1 spec §5.5.

use bytes::Bytes;

use super::bits::{Bits, byte, split};
use super::look::{Appearance, Colour, read_metadata};
use super::{CodecError, ColourInfo, MILLISECONDS, VideoCodec, VideoConfig, display_size};

const CODEC: &str = "AV1";
const SEQUENCE_HEADER: u8 = 1;
const METADATA: u8 = 5;

/// Parses an `AV1CodecConfigurationRecord` (AV1 in ISOBMFF §2.3.3) whose `configOBUs` hold the sequence
/// header. The picture's size is the sequence's largest frame.
pub fn parse_av1(record: Bytes) -> Result<VideoConfig, CodecError> {
    let header = sequence_header(&record)?;
    let (width, height) = frame_size(&mut Bits::new(header)).ok_or_else(|| short("sequence header"))?;
    let (width, height) = display_size((width, 0), (height, 0)).ok_or_else(|| invalid("picture size"))?;
    Ok(VideoConfig {
        codec: VideoCodec::Av1,
        record,
        width,
        height,
        timescale: MILLISECONDS,
        colour_info: ColourInfo::default(),
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

/// `open_bitstream_unit()`, AV1 spec §5.3. An OBU without a size is the last one.
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
fn frame_size(bits: &mut Bits<'_>) -> Option<(u64, u64)> {
    bits.skip(3 + 1)?; // seq_profile, still_picture
    if bits.flag()? {
        bits.skip(5)?; // reduced_still_picture_header: seq_level_idx[0] is all there is
    } else {
        skip_operating_points(bits)?;
    }
    let width_bits = bits.take(4)? + 1;
    let height_bits = bits.take(4)? + 1;
    let width = u64::from(bits.take(width_bits)?) + 1;
    let height = u64::from(bits.take(height_bits)?) + 1;
    Some((width, height))
}

/// Reads the appearance of the picture from the sequence header and the metadata beside it.
pub(super) fn look(record: &[u8]) -> Appearance {
    let mut look = Appearance::default();
    if let Ok(header) = sequence_header(record) {
        look.colour = colour(header);
    }
    let mut rest = record.get(4..).unwrap_or_default();
    while let Some((kind, body)) = next_obu(&mut rest) {
        if kind == METADATA {
            read_metadata(body, &mut look);
        }
    }
    look
}

/// `sequence_header_obu()` behind the size of its frames, and `color_config()`, AV1 spec §5.5.2.
fn colour(header: &[u8]) -> Option<Colour> {
    let profile = header.first()? >> 5;
    let reduced = header.first()? & 0b1000 != 0;
    let mut bits = Bits::new(header);
    frame_size(&mut bits)?;
    if !reduced && bits.flag()? {
        bits.skip(4 + 3)?; // lengths of frame ids
    }
    bits.skip(3)?; // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
    if !reduced {
        bits.skip(4)?; // from enable_interintra_compound to enable_dual_filter
        let order_hints = bits.flag()?;
        if order_hints {
            bits.skip(2)?; // enable_jnt_comp, enable_ref_frame_mvs
        }
        let screen_content = bits.flag()? || bits.flag()?;
        if screen_content && !bits.flag()? {
            bits.flag()?; // seq_force_integer_mv
        }
        if order_hints {
            bits.skip(3)?; // order_hint_bits_minus_1
        }
    }
    colour_config(&mut bits, profile)
}

fn colour_config(bits: &mut Bits<'_>, profile: u8) -> Option<Colour> {
    bits.skip(3)?; // enable_superres, enable_cdef, enable_restoration
    let high_depth = bits.flag()?;
    if profile == 2 && high_depth {
        bits.flag()?; // twelve_bit
    }
    let grey = profile != 1 && bits.flag()?;
    let numbers = if bits.flag()? {
        [bits.take(8)?, bits.take(8)?, bits.take(8)?]
    } else {
        [2; 3]
    };
    // sRGB is always of the full range.
    let full_range = numbers == [1, 13, 0] && !grey || bits.flag()?;
    Colour::of(numbers, full_range)
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
