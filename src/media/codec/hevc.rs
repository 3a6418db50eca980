//! `HEVCDecoderConfigurationRecord`, ISO/IEC 14496-15 §8.3.3, and the sequence parameter set in it,
//! ISO/IEC 23008-2 §7.3.2.2.

use bytes::Bytes;

use super::bits::{Bits, be16, byte, split, unescape};
use super::{CodecError, VideoCodec, VideoConfig, display_size};

const CODEC: &str = "H.265";
const SPS: u8 = 33;

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
    })
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

/// Walks through what the arrays of a record hold: the type of each unit, and the unit.
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

/// What of a sequence parameter set decides the size of the picture.
struct Sps {
    chroma_format: u32,
    separate_planes: bool,
    width: u32,
    height: u32,
    window: [u32; 4],
}

fn sps_size(sps: &[u8]) -> Result<(u16, u16), CodecError> {
    let sps = read_sps(sps).ok_or_else(|| short("sequence parameter set"))?;
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

fn read_sps(sps: &[u8]) -> Option<Sps> {
    let mut bits = Bits::new(sps);
    bits.skip(16)?; // NAL unit header
    bits.skip(4)?; // sps_video_parameter_set_id
    let sub_layers = bits.take(3)?;
    bits.flag()?; // sps_temporal_id_nesting_flag
    skip_profile_tier_level(&mut bits, sub_layers)?;
    bits.ue()?; // sps_seq_parameter_set_id
    let chroma_format = bits.ue()?;
    let separate_planes = chroma_format == 3 && bits.flag()?;
    let width = bits.ue()?;
    let height = bits.ue()?;
    let window = match bits.flag()? {
        true => [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?],
        false => [0; 4],
    };
    Some(Sps {
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

fn short(what: &'static str) -> CodecError {
    CodecError::Short { codec: CODEC, what }
}

fn invalid(what: &'static str) -> CodecError {
    CodecError::Invalid { codec: CODEC, what }
}
