//! `AudioSpecificConfig`, ISO/IEC 14496-3 §1.6.2.1.

use bytes::Bytes;

use super::bits::Bits;
use super::{AudioCodec, AudioConfig, CodecError};

const CODEC: &str = "AAC";

/// Table 1.18 of ISO/IEC 14496-3.
pub(super) const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

/// Object types that have a meaning here, ISO/IEC 14496-3 table 1.17.
const SBR: u32 = 5;
const PS: u32 = 29;
const ER_BSAC: u32 = 22;
const ER_AAC_LD: u32 = 23;
const ER_AAC_ELD: u32 = 39;

/// Parses an `AudioSpecificConfig` (ISO/IEC 14496-3 §1.6.2.1).
///
/// With SBR or PS signalled, the sample rate is that of the AAC core, and a frame has the core's samples. The timestamps run on
/// that clock, and players that know nothing of SBR decode that.
pub fn parse_aac(record: Bytes) -> Result<AudioConfig, CodecError> {
    let mut bits = Bits::new(&record);
    let head = read_head(&mut bits)
        .ok_or_else(|| short("AudioSpecificConfig"))?
        .ok_or_else(|| invalid("reserved sampling frequency"))?;
    if !(1_000..=192_000).contains(&head.sample_rate) {
        return Err(invalid("sampling frequency"));
    }
    let frame_samples = frame_samples(&mut bits, head.object)?;
    let channels = match head.channels {
        0 if head.object != ER_AAC_ELD => pce_channels(&mut bits, head.object)?,
        count @ 1..=6 => count as u8,
        7 | 12 | 14 => 8,
        11 => 7,
        _ => return Err(invalid("reserved channel configuration")),
    };
    Ok(AudioConfig {
        codec: AudioCodec::Aac,
        sample_rate: head.sample_rate,
        channels,
        frame_samples,
        record,
    })
}

/// The first object type a record names: 2 for AAC-LC, 5 and 29 where SBR and PS are signalled hierarchically.
pub(super) fn object_type(record: &[u8]) -> Option<u32> {
    read_object_type(&mut Bits::new(record))
}

/// The meaning of a record, without the choice between forms that mean the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    /// The meaning of a record without a program configuration.
    Plain {
        /// The first object type: SBR and PS come first as far as they are signalled hierarchically.
        first_object: u32,
        object: u32,
        sample_rate: u32,
        /// The sample rate of SBR, where SBR is signalled.
        extended_rate: Option<u32>,
        channels: u32,
        /// `frameLengthFlag` and `dependsOnCoreCoder`.
        flags: u32,
        parametric_stereo: bool,
    },
    /// The bytes of any other record, without the zeros at the end.
    Bytes(&'a [u8]),
}

/// Finds the meaning of a record. A sync extension (§1.6.5.2) that says no means nothing, and neither do zeros at the end.
pub(super) fn meaning(record: &[u8]) -> Meaning<'_> {
    plain(record).unwrap_or_else(|| {
        let used = record
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        Meaning::Bytes(record.get(..used).unwrap_or_default())
    })
}

fn plain(record: &[u8]) -> Option<Meaning<'_>> {
    let mut bits = Bits::new(record);
    let head = read_head(&mut bits)??;
    if !matches!(head.object, 1..=4) || head.channels == 0 {
        return None;
    }
    let flags = bits.take(2)?;
    let is_extended = bits.flag()?;
    if flags & 1 != 0 || is_extended {
        return None;
    }
    let first_object = object_type(record)?;
    let (mut extended_rate, mut parametric_stereo) = (head.extended_rate, first_object == PS);
    let sync = |bits: &mut Bits<'_>, word: u32, size: usize| {
        (bits.left() >= size).then(|| bits.take(11) == Some(word))
    };
    if extended_rate.is_none() && sync(&mut bits, 0x2b7, 16) == Some(true) {
        match (read_object_type(&mut bits)?, bits.flag()?) {
            (SBR, true) => {
                extended_rate = Some(read_rate(&mut bits)??);
                parametric_stereo = sync(&mut bits, 0x548, 12) == Some(true) && bits.flag()?;
            }
            (SBR, false) => {}
            _ => return None,
        }
    }
    Some(Meaning::Plain {
        first_object,
        object: head.object,
        sample_rate: head.sample_rate,
        extended_rate,
        channels: head.channels,
        flags,
        parametric_stereo,
    })
}

struct Head {
    object: u32,
    sample_rate: u32,
    /// The sample rate of SBR, where SBR is signalled hierarchically.
    extended_rate: Option<u32>,
    channels: u32,
}

/// The outer `None` is a record cut short, the inner one a reserved frequency.
fn read_head(bits: &mut Bits<'_>) -> Option<Option<Head>> {
    let mut object = read_object_type(bits)?;
    let Some(sample_rate) = read_rate(bits)? else {
        return Some(None);
    };
    let channels = bits.take(4)?;
    let mut extended_rate = None;
    if object == SBR || object == PS {
        extended_rate = read_rate(bits)?;
        if extended_rate.is_none() {
            return Some(None);
        }
        object = read_object_type(bits)?;
        if object == ER_BSAC {
            bits.take(4)?; // extensionChannelConfiguration
        }
    }
    Some(Some(Head {
        object,
        sample_rate,
        extended_rate,
        channels,
    }))
}

fn read_object_type(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.take(5)? {
        31 => Some(32 + bits.take(6)?),
        object => Some(object),
    }
}

fn read_rate(bits: &mut Bits<'_>) -> Option<Option<u32>> {
    match bits.take(4)? {
        15 => Some(Some(bits.take(24)?)),
        index => Some(RATES.get(index as usize).copied()),
    }
}

/// Reads `GASpecificConfig` (§4.4.1) up to its program configuration, or the start of `ELDSpecificConfig`.
fn frame_samples(bits: &mut Bits<'_>, object: u32) -> Result<u32, CodecError> {
    let (long, cut) = match object {
        1..=4 | 6 | 7 | 17 | 19..=22 => (1024, 960),
        ER_AAC_LD | ER_AAC_ELD => (512, 480),
        _ => return Err(invalid("object type")),
    };
    let is_cut = bits.flag().ok_or_else(|| short("frameLengthFlag"))?;
    Ok(if is_cut { cut } else { long })
}

/// Counts the channels of a `program_config_element()`, §4.4.1.1.
fn pce_channels(bits: &mut Bits<'_>, object: u32) -> Result<u8, CodecError> {
    let channels = read_pce(bits, object).ok_or_else(|| short("program configuration"))?;
    match channels {
        1..=8 => Ok(channels as u8),
        _ => Err(invalid("program configuration has no channel or more than eight")),
    }
}

fn read_pce(bits: &mut Bits<'_>, object: u32) -> Option<u32> {
    if bits.flag()? {
        bits.take(14)?; // coreCoderDelay
    }
    bits.flag()?; // extensionFlag
    if matches!(object, 6 | 20) {
        return None; // scalable objects have no program configuration here
    }
    bits.take(4 + 2 + 4)?; // element_instance_tag, object_type, sampling_frequency_index
    let elements = bits.take(4)? + bits.take(4)? + bits.take(4)?;
    let lfe = bits.take(2)?;
    bits.take(3 + 4)?; // associated data, coupling channels
    for mixdown_bits in [4, 4, 3] {
        if bits.flag()? {
            bits.take(mixdown_bits)?;
        }
    }
    let mut channels = lfe;
    for _ in 0..elements {
        channels += if bits.flag()? { 2 } else { 1 };
        bits.take(4)?; // element_tag_select
    }
    Some(channels)
}

fn short(what: &'static str) -> CodecError {
    CodecError::Short { codec: CODEC, what }
}

fn invalid(what: &'static str) -> CodecError {
    CodecError::Invalid { codec: CODEC, what }
}
