//! `AVCDecoderConfigurationRecord`, ISO/IEC 14496-15 §5.3.3, and the sequence parameter set in it,
//! ISO/IEC 14496-10 §7.3.2.1.1.

use bytes::Bytes;

use super::bits::{Bits, be16, byte, split, unescape};
use super::look::{Appearance, rate_of, read_vui};
use super::{CodecError, ColourInfo, MILLISECONDS, VideoCodec, VideoConfig, display_size};

const CODEC: &str = "H.264";

/// Parses an `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15 §5.3.3.1).
///
/// The picture's size is that of the first sequence parameter set, after cropping. The bytes behind the picture parameter sets
/// (the extension of the high profiles, padding) are kept but not looked at: many encoders leave the extension out or fill it
/// with something else.
pub fn parse_avc(record: Bytes) -> Result<VideoConfig, CodecError> {
    let sps = first_sps(&record)?;
    let (width, height) = sps_size(&unescape(sps))?;
    Ok(VideoConfig {
        codec: VideoCodec::Avc,
        record,
        width,
        height,
        timescale: MILLISECONDS,
        colour_info: ColourInfo::default(),
    })
}

fn first_sps(record: &[u8]) -> Result<&[u8], CodecError> {
    let mut first = None;
    each_set(record, |nal| {
        let is_sps = nal.first().is_some_and(|header| header & 0x1f == 7);
        if is_sps && first.is_none() {
            first = Some(nal);
        }
    })?;
    first.ok_or_else(|| invalid("no sequence parameter set"))
}

/// Walks through the parameter sets of a record, those of sequences first.
pub(super) fn each_set<'a>(record: &'a [u8], mut take: impl FnMut(&'a [u8])) -> Result<(), CodecError> {
    let mut rest = record;
    let head = split(&mut rest, 6).ok_or_else(|| short("header"))?;
    let &[version, _profile, _compatibility, _level, lengths, sps_count] = head else {
        return Err(short("header"));
    };
    if version != 1 {
        return Err(invalid("configurationVersion is not 1"));
    }
    if lengths & 3 == 2 {
        return Err(invalid("NAL lengths of three bytes"));
    }
    for _ in 0..sps_count & 0x1f {
        let nal = be16(&mut rest).and_then(|length| split(&mut rest, length.into()));
        take(nal.ok_or_else(|| short("sequence parameter set"))?);
    }
    let pps_count = byte(&mut rest).ok_or_else(|| short("number of picture parameter sets"))?;
    for _ in 0..pps_count {
        let nal = be16(&mut rest).and_then(|length| split(&mut rest, length.into()));
        take(nal.ok_or_else(|| short("picture parameter set"))?);
    }
    Ok(())
}

/// The fields of a sequence parameter set that decide the size of the picture.
struct Sps {
    chroma_array_type: u32,
    frame_mbs_only: bool,
    width_in_mbs: u64,
    height_in_map_units: u64,
    crop: [u32; 4],
}

fn sps_size(sps: &[u8]) -> Result<(u16, u16), CodecError> {
    let sps = read_sps(&mut Bits::new(sps)).ok_or_else(|| short("sequence parameter set"))?;
    let (sub_width, sub_height) = match sps.chroma_array_type {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let fields = if sps.frame_mbs_only { 1 } else { 2 };
    let [left, right, top, bottom] = sps.crop.map(u64::from);
    display_size(
        (sps.width_in_mbs * 16, (left + right) * sub_width),
        (
            sps.height_in_map_units * 16 * fields,
            (top + bottom) * sub_height * fields,
        ),
    )
    .ok_or_else(|| invalid("picture size"))
}

/// Reads a set up to `vui_parameters_present_flag`.
fn read_sps(bits: &mut Bits<'_>) -> Option<Sps> {
    bits.skip(8)?; // NAL unit header
    let profile = bits.take(8)?;
    bits.skip(16)?; // constraint flags, level
    bits.ue()?; // seq_parameter_set_id
    let mut chroma_array_type = 1;
    if has_chroma_format(profile) {
        let chroma_format = bits.ue()?;
        let separate_planes = chroma_format == 3 && bits.flag()?;
        chroma_array_type = if separate_planes { 0 } else { chroma_format };
        bits.ue()?; // bit_depth_luma_minus8
        bits.ue()?; // bit_depth_chroma_minus8
        bits.flag()?; // qpprime_y_zero_transform_bypass_flag
        if bits.flag()? {
            skip_scaling_matrix(bits, if chroma_format == 3 { 12 } else { 8 })?;
        }
    }
    bits.ue()?; // log2_max_frame_num_minus4
    skip_picture_order(bits)?;
    bits.ue()?; // max_num_ref_frames
    bits.flag()?; // gaps_in_frame_num_value_allowed_flag
    let width_in_mbs = u64::from(bits.ue()?) + 1;
    let height_in_map_units = u64::from(bits.ue()?) + 1;
    let frame_mbs_only = bits.flag()?;
    if !frame_mbs_only {
        bits.flag()?; // mb_adaptive_frame_field_flag
    }
    bits.flag()?; // direct_8x8_inference_flag
    let crop = if bits.flag()? {
        [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?]
    } else {
        [0; 4]
    };
    Some(Sps {
        chroma_array_type,
        frame_mbs_only,
        width_in_mbs,
        height_in_map_units,
        crop,
    })
}

/// Reads the appearance of the picture from the first sequence parameter set (ISO/IEC 14496-10 §E.1.1).
pub(super) fn look(record: &[u8]) -> Appearance {
    let mut look = Appearance::default();
    if let Ok(sps) = first_sps(record) {
        // A set that is cut short gives what came before its end.
        let _ = read_look(&mut Bits::new(&unescape(sps)), &mut look);
    }
    look
}

fn read_look(bits: &mut Bits<'_>, look: &mut Appearance) -> Option<()> {
    read_sps(bits)?;
    if !bits.flag()? {
        return Some(());
    }
    read_vui(bits, look)?;
    if bits.flag()? {
        let (units, scale) = (bits.take(32)?, bits.take(32)?);
        // Two fields make a picture.
        look.rate = rate_of(scale, u64::from(units) * 2);
    }
    Some(())
}

fn has_chroma_format(profile: u32) -> bool {
    matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    )
}

/// `scaling_list()`, §7.3.2.1.1.1. A list ends early once its next scale is 0.
fn skip_scaling_matrix(bits: &mut Bits<'_>, lists: usize) -> Option<()> {
    for list in 0..lists {
        if !bits.flag()? {
            continue;
        }
        let (mut last, mut next) = (8i32, 8i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = last.wrapping_add(bits.se()?).rem_euclid(256);
            }
            if next != 0 {
                last = next;
            }
        }
    }
    Some(())
}

fn skip_picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.ue()? {
        0 => {
            bits.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.flag()?; // delta_pic_order_always_zero_flag
            bits.se()?; // offset_for_non_ref_pic
            bits.se()?; // offset_for_top_to_bottom_field
            let count = bits.ue()?;
            if count > 255 {
                return None;
            }
            for _ in 0..count {
                bits.se()?; // offset_for_ref_frame
            }
        }
        _ => {}
    }
    Some(())
}

fn short(what: &'static str) -> CodecError {
    CodecError::Short { codec: CODEC, what }
}

fn invalid(what: &'static str) -> CodecError {
    CodecError::Invalid { codec: CODEC, what }
}
