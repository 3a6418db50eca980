//! Keyframes of films that nobody shot, for tests.

use super::{Keyframe, Pdq};

/// A film: scenes of some seconds, of which each picture differs a little from the one before.
pub(crate) struct Film(u64);

impl Film {
    /// Another film for each number.
    pub(crate) fn new(number: u64) -> Self {
        Self(number.wrapping_mul(0xa076_1d64_78bd_642f) ^ 0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A picture that looks like no other.
    pub(crate) fn other(&mut self) -> Keyframe {
        let mut bytes = [0; 32];
        bytes
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .for_each(|word| *word = self.next().to_be_bytes());
        Keyframe {
            at_ms: 0,
            pdq: Pdq::from_bytes(&bytes),
            detail: 100 + (self.next() % 100) as u16,
            luma: 90 + (self.next() % 80) as u8,
        }
    }

    /// An hour of keyframes, one each so many milliseconds. A scene lasts six; pictures of a scene differ by 8 bits from the one before.
    pub(crate) fn hour(&mut self, every_ms: u32) -> Vec<Keyframe> {
        let mut one = self.other();
        (0..3_600_000 / every_ms)
            .map(|n| {
                one = if n % 6 == 0 {
                    self.other()
                } else {
                    self.moved(&one)
                };
                one.at_ms = n * every_ms;
                one
            })
            .collect()
    }

    /// The same picture, of which 8 other bits differ.
    fn moved(&mut self, of: &Keyframe) -> Keyframe {
        let mut bytes = of.pdq.to_bytes();
        for part in bytes.as_chunks_mut::<4>().0 {
            let bit = self.next() % 32;
            part[bit as usize / 8] ^= 1 << (bit % 8);
        }
        Keyframe {
            pdq: Pdq::from_bytes(&bytes),
            ..*of
        }
    }
}

/// The same picture, coded again: so many bits differ.
pub(crate) fn again(of: &Keyframe, bits: usize) -> Keyframe {
    let mut bytes = of.pdq.to_bytes();
    bytes.iter_mut().take(bits).for_each(|byte| *byte ^= 0x10);
    Keyframe {
        pdq: Pdq::from_bytes(&bytes),
        ..*of
    }
}
