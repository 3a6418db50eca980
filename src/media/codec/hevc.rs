//! `HEVCDecoderConfigurationRecord`, ISO/IEC 14496-15 §8.3.3, and the sequence parameter set in it,
//! ISO/IEC 23008-2 §7.3.2.2.

use bytes::Bytes;

use super::bits::{Bits, be16, byte, split, unescape};
use super::look::{Appearance, rate_of, read_sei, read_vui};
use super::{CodecError, ColourInfo, MILLISECONDS, VideoCodec, VideoConfig, display_size};

const CODEC: &str = "H.265";
const SPS: u8 = 33;
const PREFIX_SEI: u8 = 39;

/// Parses an `HEVCDecoderConfigurationRecord` (ISO/IEC 14496-15 §8.3.3.1).
///
/// The picture's size is that of the first sequence parameter set, inside its conformance window.
pub fn parse_hevc(record: Bytes) -> Result<VideoConfig, CodecError> {
    let sps = first_sps(&record)?;
    let (width, height) = sps_size(&unescape(sps))?;
    Ok(VideoConfig {
        codec: VideoCodec::Hevc,
        record,
        width,
        height,
        timescale: MILLISECONDS,
        colour_info: ColourInfo::default(),
    })
}

/// The first 22 bytes of a record, made from the sequence parameter set. It announces lengths of four bytes.
pub(in crate::media) fn hevc_head(sps: &[u8]) -> Option<Vec<u8>> {
    let sps = unescape(sps);
    let layers = *sps.get(2)?;
    let mut bits = Bits::new(&sps);
    let read = read_sps(&mut bits)?;
    let depth = |bits: &mut Bits<'_>| u8::try_from(bits.ue()?).ok().filter(|depth| *depth < 8);
    let (luma, chroma) = (depth(&mut bits)?, depth(&mut bits)?);
    let format = u8::try_from(read.chroma_format)
        .ok()
        .filter(|format| *format < 4)?;
    let sub_layers = u8::try_from(read.sub_layers).ok()? + 1;
    let mut head = vec![1];
    // Both write the profile, the tier and the level alike.
    head.extend_from_slice(sps.get(3..15)?);
    // Spatial segments, parallel decoding and the rate are not known.
    head.extend([0xF0, 0, 0xFC, 0xFC | format, 0xF8 | luma, 0xF8 | chroma, 0, 0]);
    head.push(sub_layers << 3 | (layers & 1) << 2 | 3);
    Some(head)
}

fn first_sps(record: &[u8]) -> Result<&[u8], CodecError> {
    let mut first = None;
    each_set(record, |kind, nal| {
        if kind == SPS && first.is_none() {
            first = Some(nal);
        }
    })?;
    first.ok_or_else(|| invalid("no sequence parameter set"))
}

/// Walks through the arrays of a record. Gives the type of each unit, and the unit.
pub(super) fn each_set<'a>(record: &'a [u8], mut take: impl FnMut(u8, &'a [u8])) -> Result<(), CodecError> {
    let mut rest = record;
    let head = split(&mut rest, 22).ok_or_else(|| short("header"))?;
    // Some encoders still write 0, the version of the draft.
    if head.first().is_none_or(|version| *version > 1) {
        return Err(invalid("configurationVersion is not 1"));
    }
    if head.last().is_none_or(|lengths| lengths & 3 == 2) {
        return Err(invalid("NAL lengths of three bytes"));
    }
    let arrays = byte(&mut rest).ok_or_else(|| short("number of arrays"))?;
    for _ in 0..arrays {
        let kind = byte(&mut rest).ok_or_else(|| short("array"))? & 0x3f;
        let count = be16(&mut rest).ok_or_else(|| short("array"))?;
        for _ in 0..count {
            let nal = be16(&mut rest)
                .and_then(|length| split(&mut rest, length.into()))
                .ok_or_else(|| short("parameter set"))?;
            take(kind, nal);
        }
    }
    Ok(())
}

/// The fields of a sequence parameter set that decide the size of the picture.
struct Sps {
    sub_layers: u32,
    chroma_format: u32,
    separate_planes: bool,
    width: u32,
    height: u32,
    window: [u32; 4],
}

fn sps_size(sps: &[u8]) -> Result<(u16, u16), CodecError> {
    let sps = read_sps(&mut Bits::new(sps)).ok_or_else(|| short("sequence parameter set"))?;
    let (sub_width, sub_height) = match (sps.chroma_format, sps.separate_planes) {
        (1, _) => (2, 2),
        (2, _) => (2, 1),
        _ => (1, 1),
    };
    let [left, right, top, bottom] = sps.window.map(u64::from);
    display_size(
        (sps.width.into(), (left + right) * sub_width),
        (sps.height.into(), (top + bottom) * sub_height),
    )
    .ok_or_else(|| invalid("picture size"))
}

/// Reads a set up to the conformance window.
fn read_sps(bits: &mut Bits<'_>) -> Option<Sps> {
    bits.skip(16)?; // NAL unit header
    bits.skip(4)?; // sps_video_parameter_set_id
    let sub_layers = bits.take(3)?;
    bits.flag()?; // sps_temporal_id_nesting_flag
    skip_profile_tier_level(bits, sub_layers)?;
    bits.ue()?; // sps_seq_parameter_set_id
    let chroma_format = bits.ue()?;
    let separate_planes = chroma_format == 3 && bits.flag()?;
    let width = bits.ue()?;
    let height = bits.ue()?;
    let window = if bits.flag()? {
        [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?]
    } else {
        [0; 4]
    };
    Some(Sps {
        sub_layers,
        chroma_format,
        separate_planes,
        width,
        height,
        window,
    })
}

/// `profile_tier_level(1, sub_layers)`, §7.3.3.
fn skip_profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    const PROFILE: usize = 88;
    const LEVEL: usize = 8;
    bits.skip(PROFILE + LEVEL)?;
    if sub_layers == 0 {
        return Some(());
    }
    let mut length = 0;
    for layer in 0..8 {
        let (profile, level) = (bits.flag()?, bits.flag()?);
        if layer < sub_layers {
            length += if profile { PROFILE } else { 0 } + if level { LEVEL } else { 0 };
        }
    }
    bits.skip(length)
}

/// Reads the appearance of the picture from the first sequence parameter set (ISO/IEC 23008-2 §E.2.1) and the messages beside
/// it.
pub(super) fn look(record: &[u8]) -> Appearance {
    let mut look = Appearance::default();
    if let Ok(sps) = first_sps(record) {
        // A set that is cut short gives what came before its end.
        let _ = read_look(&mut Bits::new(&unescape(sps)), &mut look);
    }
    // A record that is cut short gives what came before its end.
    let _ = each_set(record, |kind, unit| {
        if let Some(message) = unit.get(2..).filter(|_| kind == PREFIX_SEI) {
            read_sei(message, &mut look);
        }
    });
    look
}

/// Reads a set (§7.3.2.2) from behind the conformance window on.
fn read_look(bits: &mut Bits<'_>, look: &mut Appearance) -> Option<()> {
    let sps = read_sps(bits)?;
    bits.ue()?; // bit_depth_luma_minus8
    bits.ue()?; // bit_depth_chroma_minus8
    let order_bits = bits.ue()?.checked_add(4).filter(|bits| *bits <= 16)?;
    let first = if bits.flag()? { 0 } else { sps.sub_layers };
    for _ in first..=sps.sub_layers {
        bits.ue()?; // sps_max_dec_pic_buffering_minus1
        bits.ue()?; // sps_max_num_reorder_pics
        bits.ue()?; // sps_max_latency_increase_plus1
    }
    for _ in 0..6 {
        bits.ue()?; // sizes of coding and transform blocks, and how deep they nest
    }
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if bits.flag()? {
        bits.skip(8)?; // bit depths of PCM
        bits.ue()?;
        bits.ue()?;
        bits.flag()?;
    }
    skip_reference_sets(bits)?;
    if bits.flag()? {
        let count = bits.ue()?;
        if count > 32 {
            return None;
        }
        bits.skip(usize::try_from(count * (order_bits + 1)).ok()?)?;
    }
    bits.skip(2)?; // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
    if !bits.flag()? {
        return Some(());
    }
    read_vui(bits, look)?;
    bits.skip(3)?; // neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
    if bits.flag()? {
        for _ in 0..4 {
            bits.ue()?; // the default display window
        }
    }
    if bits.flag()? {
        let (units, scale) = (bits.take(32)?, bits.take(32)?);
        look.rate = rate_of(scale, units.into());
    }
    Some(())
}

/// `scaling_list_data()`, §7.3.4.
fn skip_scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4 {
        for _ in (0..6).step_by(if size == 3 { 3 } else { 1 }) {
            if !bits.flag()? {
                bits.ue()?; // scaling_list_pred_matrix_id_delta
                continue;
            }
            if size > 1 {
                bits.se()?; // scaling_list_dc_coef_minus8
            }
            for _ in 0..64.min(1 << (4 + size * 2)) {
                bits.se()?;
            }
        }
    }
    Some(())
}

/// `st_ref_pic_set()` for each set, §7.3.7. The length of one follows from the one before.
fn skip_reference_sets(bits: &mut Bits<'_>) -> Option<()> {
    let count = bits.ue()?;
    if count > 64 {
        return None;
    }
    let mut before = 0_u32;
    for set in 0..count {
        if set > 0 && bits.flag()? {
            bits.flag()?; // delta_rps_sign
            bits.ue()?; // abs_delta_rps_minus1
            let mut own = 0;
            for _ in 0..=before {
                let used = bits.flag()?;
                own += u32::from(used || bits.flag()?);
            }
            before = own;
            continue;
        }
        let (negative, positive) = (bits.ue()?, bits.ue()?);
        if negative > 16 || positive > 16 {
            return None;
        }
        for _ in 0..negative + positive {
            bits.ue()?; // delta_poc_minus1
            bits.flag()?; // used_by_curr_pic_flag
        }
        before = negative + positive;
    }
    Some(())
}

fn short(what: &'static str) -> CodecError {
    CodecError::Short { codec: CODEC, what }
}

fn invalid(what: &'static str) -> CodecError {
    CodecError::Invalid { codec: CODEC, what }
}
