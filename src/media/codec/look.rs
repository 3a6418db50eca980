//! The appearance of a picture beyond its size: the shape of its pixels, its colours, its light, its rate. Sequence parameter
//! sets, SEI messages and OBUs contain it. Files repeat it, because players ask the file.

use super::bits::{Bits, byte, split, unescape};
use super::{VideoCodec, VideoConfig, av1, avc, hevc};

/// Colours, as numbers of ISO/IEC 23091-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// `ColourPrimaries`.
    pub primaries: u8,
    /// `TransferCharacteristics`.
    pub transfer: u8,
    /// `MatrixCoefficients`.
    pub matrix: u8,
    /// `VideoFullRangeFlag`.
    pub full_range: bool,
}

/// The display that a picture was mastered on (SMPTE ST 2086), in the units of `mdcv`: 0.00002 and 0.0001 cd/m².
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mastering {
    /// x and y of green, blue and red.
    pub primaries: [[u16; 2]; 3],
    /// x and y of the white point.
    pub white: [u16; 2],
    /// The highest luminance.
    pub max_luminance: u32,
    /// The lowest luminance.
    pub min_luminance: u32,
}

/// Content light level (CTA-861.3), in cd/m².
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LightLevel {
    /// Light of the brightest pixel.
    pub content: u16,
    /// Average light of the brightest picture.
    pub average: u16,
}

/// The known appearance of a picture. A field is missing where the stream does not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appearance {
    /// Width and height of a pixel, as a ratio, where it is not square.
    pub pixel: Option<(u16, u16)>,
    /// The colours.
    pub colour: Option<Colour>,
    /// The display that the picture was mastered on.
    pub mastering: Option<Mastering>,
    /// The light of the content.
    pub light: Option<LightLevel>,
    /// The picture rate as (pictures, seconds).
    pub rate: Option<(u32, u32)>,
}

/// Table E-1 of ISO/IEC 14496-10: `aspect_ratio_idc` from 1 on.
const RATIOS: [(u16, u16); 16] = [
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];
const EXTENDED_SAR: u32 = 255;

/// SEI payload types, and OBU metadata types.
const SEI_MASTERING: u32 = 137;
const SEI_LIGHT: u32 = 144;
const OBU_LIGHT: u8 = 1;
const OBU_MASTERING: u8 = 2;

impl VideoConfig {
    /// How the picture looks: as the publisher says, or else as the record says.
    pub fn appearance(&self) -> Appearance {
        self.colour_info.over(self.codec_appearance())
    }

    /// How the picture looks by the record. A record with impossible values gives nothing.
    pub(super) fn codec_appearance(&self) -> Appearance {
        match self.codec {
            VideoCodec::Avc => avc::look(&self.record),
            VideoCodec::Hevc => hevc::look(&self.record),
            VideoCodec::Av1 => av1::look(&self.record),
        }
    }

    /// Width and height as they are to be shown: with square pixels.
    pub fn display_size(&self) -> (u32, u32) {
        let (width, height) = (u32::from(self.width), u32::from(self.height));
        match self.appearance().pixel {
            // The picture becomes wider or higher, never smaller: no part of it is thrown away.
            Some((x, y)) if x >= y => (scaled(width, x, y), height),
            Some((x, y)) => (width, scaled(height, y, x)),
            None => (width, height),
        }
    }
}

fn scaled(size: u32, times: u16, by: u16) -> u32 {
    let by = u64::from(by.max(1));
    let scaled = (u64::from(size) * u64::from(times) + by / 2) / by;
    u32::try_from(scaled).unwrap_or(size).min(u16::MAX.into())
}

/// The beginning of `vui_parameters()` up to the colours. H.264 (§E.1.1) and HEVC (§E.2.1) share it.
pub(super) fn read_vui(bits: &mut Bits<'_>, look: &mut Appearance) -> Option<()> {
    if bits.flag()? {
        let ratio = match bits.take(8)? {
            EXTENDED_SAR => (bits.take(16)?, bits.take(16)?),
            known => {
                let at = usize::try_from(known).ok()?.checked_sub(1);
                let ratio = at.and_then(|at| RATIOS.get(at)).copied().unwrap_or_default();
                (ratio.0.into(), ratio.1.into())
            }
        };
        let narrow = (u16::try_from(ratio.0).ok()?, u16::try_from(ratio.1).ok()?);
        look.pixel = Some(narrow).filter(|(x, y)| *x > 0 && *y > 0 && x != y && x.max(y) / x.min(y) < 16);
    }
    if bits.flag()? {
        bits.flag()?; // overscan_appropriate_flag
    }
    if bits.flag()? {
        bits.skip(3)?; // video_format
        let full_range = bits.flag()?;
        let colour = if bits.flag()? {
            [bits.take(8)?, bits.take(8)?, bits.take(8)?]
        } else {
            [2; 3]
        };
        look.colour = Colour::of(colour, full_range);
    }
    if bits.flag()? {
        bits.ue()?; // chroma_sample_loc_type_top_field
        bits.ue()?; // chroma_sample_loc_type_bottom_field
    }
    Some(())
}

/// Pictures a second, where both numbers make sense.
pub(super) fn rate_of(scale: u32, units: u64) -> Option<(u32, u32)> {
    let units = u32::try_from(units).ok()?;
    let sensible = units > 0 && scale > 0 && scale / units <= 1_000;
    sensible.then_some((scale, units))
}

impl Colour {
    /// The colours. Nothing where all numbers are unspecified and the range is the usual one.
    pub(super) fn of(numbers: [u32; 3], full_range: bool) -> Option<Self> {
        let [primaries, transfer, matrix] = numbers.map(|number| u8::try_from(number).unwrap_or(2));
        let says = full_range || numbers.iter().any(|number| *number != 2);
        says.then_some(Self {
            primaries,
            transfer,
            matrix,
            full_range,
        })
    }
}

/// Reads `sei_rbsp()` (ISO/IEC 14496-10 §7.3.2.3) of a unit without its header.
pub(super) fn read_sei(unit: &[u8], look: &mut Appearance) {
    let unit = unescape(unit);
    let mut rest = unit.as_slice();
    // The last bytes hold a stop bit.
    while rest.len() > 2 {
        let (Some(kind), Some(size)) = (sei_number(&mut rest), sei_number(&mut rest)) else {
            return;
        };
        let Some(body) = usize::try_from(size).ok().and_then(|size| split(&mut rest, size)) else {
            return;
        };
        match kind {
            SEI_MASTERING => look.mastering = read_mastering(body),
            SEI_LIGHT => look.light = read_light(body),
            _ => (),
        }
    }
}

fn sei_number(rest: &mut &[u8]) -> Option<u32> {
    let mut number = 0_u32;
    loop {
        let next = byte(rest)?;
        number = number.checked_add(next.into())?;
        if next != 0xff {
            return Some(number);
        }
    }
}

fn read_mastering(body: &[u8]) -> Option<Mastering> {
    let mut bits = Bits::new(body);
    let mut pair = || Some([narrow(bits.take(16)?), narrow(bits.take(16)?)]);
    Some(Mastering {
        primaries: [pair()?, pair()?, pair()?],
        white: pair()?,
        max_luminance: bits.take(32)?,
        min_luminance: bits.take(32)?,
    })
}

fn read_light(body: &[u8]) -> Option<LightLevel> {
    let mut bits = Bits::new(body);
    Some(LightLevel {
        content: narrow(bits.take(16)?),
        average: narrow(bits.take(16)?),
    })
}

/// `metadata_obu()`, AV1 spec §5.8: chromaticities in 16.16, red first, and luminances in 24.8 and 18.14.
pub(super) fn read_metadata(body: &[u8], look: &mut Appearance) {
    let Some((kind, rest)) = body.split_first() else {
        return;
    };
    match *kind {
        OBU_LIGHT => look.light = read_light(rest),
        OBU_MASTERING => look.mastering = read_av1_mastering(rest),
        _ => (),
    }
}

fn read_av1_mastering(body: &[u8]) -> Option<Mastering> {
    let mut bits = Bits::new(body);
    let mut point = || {
        let mut one = || Some(narrow((bits.take(16)? * 50_000 + 32_768) >> 16));
        Some([one()?, one()?])
    };
    let [red, green, blue, white] = [point()?, point()?, point()?, point()?];
    let luminance = |value: u32, shift: u32| {
        let scaled = (u64::from(value) * 10_000 + (1 << (shift - 1))) >> shift;
        u32::try_from(scaled).unwrap_or(u32::MAX)
    };
    Some(Mastering {
        primaries: [green, blue, red],
        white,
        max_luminance: luminance(bits.take(32)?, 8),
        min_luminance: luminance(bits.take(32)?, 14),
    })
}

fn narrow(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
