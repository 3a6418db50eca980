//! The publisher's description of its pictures, beside the one inside them: `colorInfo` of Enhanced RTMP.

use super::{Appearance, Colour, LightLevel, Mastering, VideoConfig};

/// The number for "unspecified" in ISO/IEC 23091-2.
const UNSPECIFIED: u8 = 2;

/// The last values that the publisher sent. A value is missing if it was not sent or cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColourInfo {
    /// `ColourPrimaries`, `TransferCharacteristics` and `MatrixCoefficients` of ISO/IEC 23091-2; 2 for an unspecified one.
    pub colour: Option<[u8; 3]>,
    /// The display that the picture was mastered on.
    pub mastering: Option<Mastering>,
    /// The light of the content.
    pub light: Option<LightLevel>,
}

impl ColourInfo {
    /// Puts these values in place of the pictures' own. Only the pictures say whether the range is full.
    pub(super) fn over(self, look: Appearance) -> Appearance {
        Appearance {
            colour: self.colour_over(look.colour),
            mastering: self.mastering.or(look.mastering),
            light: self.light.or(look.light),
            ..look
        }
    }

    fn colour_over(self, own: Option<Colour>) -> Option<Colour> {
        let Some(said) = self.colour else {
            return own;
        };
        let known = own.map_or([UNSPECIFIED; 3], |own| [own.primaries, own.transfer, own.matrix]);
        let mut numbers = said.into_iter().zip(known).map(|(said, own)| match said {
            UNSPECIFIED => own,
            said => said,
        });
        let mut next = || u32::from(numbers.next().unwrap_or(UNSPECIFIED));
        Colour::of([next(), next(), next()], own.is_some_and(|own| own.full_range))
    }
}

impl VideoConfig {
    /// Adds what the boxes of a file say beyond the pictures themselves. Such values replaced those of the pictures when the
    /// file was written.
    pub fn with_boxes(mut self, boxes: &Appearance) -> Self {
        self.colour_info = ColourInfo::default();
        let own = self.appearance();
        let numbers = |colour: Colour| [colour.primaries, colour.transfer, colour.matrix];
        let colour = boxes.colour.map(numbers);
        self.colour_info = ColourInfo {
            colour: colour
                .filter(|colour| *colour != [UNSPECIFIED; 3] && own.colour.map(numbers) != Some(*colour)),
            mastering: boxes.mastering.filter(|_| boxes.mastering != own.mastering),
            light: boxes.light.filter(|_| boxes.light != own.light),
        };
        self
    }

    /// The colours of the publisher and those of the pictures, in this order, where they differ.
    pub fn contradicted_colour(&self) -> Option<([u8; 3], [u8; 3])> {
        let said = self.colour_info.colour?;
        let own = self.codec_appearance().colour?;
        let own = [own.primaries, own.transfer, own.matrix];
        let differ = |(said, own): (&u8, &u8)| said != own && *said != UNSPECIFIED && *own != UNSPECIFIED;
        said.iter().zip(&own).any(differ).then_some((said, own))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_avc;
    use super::*;

    /// 720x576 without colours.
    const PAL: [u8; 44] = [
        0x01, 0x64, 0x00, 0x1e, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xb4, 0x12,
        0x6c, 0x10, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0c, 0x83, 0xc5, 0x8b, 0x65, 0x80, 0x01,
        0x00, 0x04, 0x68, 0xef, 0xbc, 0xb0, 0xfd, 0xf8, 0xf8, 0x00,
    ];

    const BT709: Colour = Colour {
        primaries: 1,
        transfer: 1,
        matrix: 1,
        full_range: true,
    };

    fn said(colour: [u8; 3]) -> ColourInfo {
        ColourInfo {
            colour: Some(colour),
            ..ColourInfo::default()
        }
    }

    #[test]
    fn what_is_said_counts_and_what_is_left_open_does_not() {
        let own = Some(BT709);
        let pq = Colour {
            primaries: 9,
            transfer: 16,
            matrix: 9,
            full_range: true,
        };
        assert_eq!(said([9, 16, 9]).colour_over(own), Some(pq));
        let mixed = Colour {
            transfer: 18,
            ..BT709
        };
        assert_eq!(said([2, 18, 2]).colour_over(own), Some(mixed));
        assert_eq!(said([2, 2, 2]).colour_over(own), own);
        assert_eq!(said([2, 2, 2]).colour_over(None), None);
        assert_eq!(ColourInfo::default().colour_over(own), own);
        let alone = said([9, 16, 9]).colour_over(None).unwrap();
        assert!(!alone.full_range);
    }

    #[test]
    fn what_looks_the_same_is_the_same_configuration() {
        let plain = parse_avc(PAL.to_vec().into()).unwrap();
        let mut other = plain.clone();
        other.colour_info = said([2, 2, 2]);
        assert_eq!(plain, other);
        other.colour_info = said([9, 16, 9]);
        assert_ne!(plain, other);
        let read = plain.clone().with_boxes(&other.appearance());
        assert_eq!((read.colour_info, &read), (other.colour_info, &other));
        let read = other.with_boxes(&plain.appearance());
        assert_eq!(read.colour_info, ColourInfo::default());
    }
}
