//! PDQ of a picture of 64 by 64: the hash and the quality, bit by bit as the reference of facebook/ThreatExchange (folder `pdq`)
//! has them. Making the picture so small is the caller's part.
//!
//! The hash is made of the 16 by 16 lowest frequencies of a cosine transform, but for those that are constant along a side. A bit is
//! set where its frequency is stronger than the median of all.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// Pixels of a side of the picture.
pub const SIDE: usize = 64;
/// Frequencies of a side.
const KEPT: usize = 16;
/// What the reference divides the sum of all gradients by.
const GRADIENTS: u32 = 90;

/// The luma of a picture of 64 by 64, row by row.
pub type Luma = [u8; SIDE * SIDE];

/// The hash of a picture. Bit 0 is the lowest bit of the first word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pdq([u64; 4]);

/// Why a text is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash of PDQ is written as 64 hexadecimal digits")]
pub struct NotPdq;

impl Pdq {
    /// The hash of a picture, and how much there is to see on it: its quality times as the reference counts it, but without the bound
    /// of 100.
    pub fn of(luma: &Luma) -> (Self, u16) {
        (hash(&transformed(luma)), detail(luma))
    }

    /// How many bits differ: 0 to 256.
    pub fn distance(self, other: Self) -> u32 {
        let words = self.0.iter().zip(&other.0);
        words.map(|(one, other)| (one ^ other).count_ones()).sum()
    }

    /// How many bits differ, if they are at most so many.
    pub(super) fn within(self, other: Self, most: u32) -> Option<u32> {
        let mut bits = 0;
        for (one, other) in self.0.iter().zip(&other.0) {
            bits += (one ^ other).count_ones();
            if bits > most {
                return None;
            }
        }
        Some(bits)
    }

    /// The bytes in the order of the text: the highest bits first.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let words = bytes.chunks_exact_mut(8).zip(self.0.iter().rev());
        words.for_each(|(place, word)| place.copy_from_slice(&word.to_be_bytes()));
        bytes
    }

    /// The hash of these bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut words = [0; 4];
        let places = words.iter_mut().rev().zip(bytes.as_chunks::<8>().0);
        places.for_each(|(place, word)| *place = u64::from_be_bytes(*word));
        Self(words)
    }
}

impl fmt::Display for Pdq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [last, third, second, first] = self.0;
        write!(f, "{first:016x}{second:016x}{third:016x}{last:016x}")
    }
}

impl FromStr for Pdq {
    type Err = NotPdq;

    fn from_str(text: &str) -> Result<Self, NotPdq> {
        let mut words = [0; 4];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NotPdq);
        }
        for (place, at) in words.iter_mut().rev().zip((0..64).step_by(16)) {
            let digits = text.get(at..at + 16).ok_or(NotPdq)?;
            *place = u64::from_str_radix(digits, 16).map_err(|_| NotPdq)?;
        }
        Ok(Self(words))
    }
}

/// The sum of all steps between neighbours, each in hundredths of what a step can be, rounded down.
fn detail(luma: &Luma) -> u16 {
    let step = |(one, other): (&u8, &u8)| u32::from(one.abs_diff(*other)) * 100 / 255;
    let below = luma.iter().zip(luma.iter().skip(SIDE));
    let beside = luma
        .as_chunks::<SIDE>()
        .0
        .iter()
        .flat_map(|row| row.iter().zip(row.iter().skip(1)));
    let sum: u32 = below.map(step).sum::<u32>() + beside.map(step).sum::<u32>();
    u16::try_from(sum / GRADIENTS).unwrap_or(u16::MAX)
}

/// The cosines: a row for each frequency that is kept. In the numbers and in the order of the reference, so that all bits are the same.
static COSINES: LazyLock<[[f32; SIDE]; KEPT]> = LazyLock::new(|| {
    let scale = f64::from((2.0 / SIDE as f64).sqrt() as f32);
    let angle = std::f64::consts::PI / 2.0 / SIDE as f64;
    std::array::from_fn(|row| {
        std::array::from_fn(|at| (scale * (angle * (row + 1) as f64 * (2 * at + 1) as f64).cos()) as f32)
    })
});

fn transformed(luma: &Luma) -> [f32; KEPT * KEPT] {
    let rows = luma.as_chunks::<SIDE>().0;
    let mut out = [0.0; KEPT * KEPT];
    for (cosines, kept) in COSINES.iter().zip(out.as_chunks_mut::<KEPT>().0) {
        let mut across = [0.0_f32; SIDE];
        for (cosine, row) in cosines.iter().zip(rows) {
            let sums = across.iter_mut().zip(row);
            sums.for_each(|(sum, pixel)| *sum += cosine * f32::from(*pixel));
        }
        for (cosines, place) in COSINES.iter().zip(kept) {
            *place = across
                .iter()
                .zip(cosines)
                .fold(0.0, |sum, (one, cosine)| sum + one * cosine);
        }
    }
    out
}

fn hash(frequencies: &[f32; KEPT * KEPT]) -> Pdq {
    let mut sorted = *frequencies;
    // The reference looks for the median by Torben's way, which gives the lower one of two.
    let (_, median, _) = sorted.select_nth_unstable_by(KEPT * KEPT / 2 - 1, f32::total_cmp);
    let median = *median;
    let mut words = [0_u64; 4];
    for (word, of_word) in words.iter_mut().zip(frequencies.as_chunks::<64>().0) {
        for (bit, frequency) in of_word.iter().enumerate() {
            *word |= u64::from(*frequency > median) << bit;
        }
    }
    Pdq(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(pixel: impl Fn(usize, usize) -> usize) -> Luma {
        std::array::from_fn(|at| u8::try_from(pixel(at % SIDE, at / SIDE)).unwrap())
    }

    fn wave(at: usize, period: usize) -> usize {
        (at % period * 2).abs_diff(period) * 255 / period
    }

    /// Hashes that the reference of ThreatExchange (`pdq/cpp`, commit baefb4ed) gives for buffers of 64 by 64.
    #[test]
    fn hash_and_quality_are_those_of_the_reference() {
        let noise = {
            let mut seed = 1_u64;
            let mut next = || {
                seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff;
                120 + u8::try_from(seed >> 16 & 15).unwrap()
            };
            std::array::from_fn(|_| next())
        };
        let known = [
            (
                picture(|x, y| ((x * 7 + y * 13) ^ (x * y)) & 255),
                "cb8d9f0b1e5b7e99481ad033207346fe85de7dde6108e7181ed824f0e1a1eb83",
                100,
            ),
            (
                picture(|x, y| (wave(x * 3 + y, 97) + wave(y * 5 + 2 * x, 61) + wave(x * y, 211)) / 3),
                "7315e70dc6258e2d1c25380ff1dac3f007da0f917f0bf413ec0f0817002f7ffa",
                100,
            ),
            (
                picture(|x, y| if (x / 9 + y / 7) % 3 == 0 { 255 } else { x + y }),
                "81cf2b20ab0f2e205430d0df54b8ab471e30ab25a1cfd4dad5dbd4dad4dad4da",
                100,
            ),
            (
                noise,
                "9b901035f97787c85269c7466cdf1fb9d08a8c958d9f6dab8b1c9786b4885a23",
                100,
            ),
            (
                picture(|x, y| (x * 2 + y * 2).min(255)),
                "ac5d4ad81e6caba5b82936bd8e262e23ee71212c58b1aa6ab4a5acd036da157f",
                0,
            ),
        ];
        for (luma, hash, quality) in known {
            let (found, detail) = Pdq::of(&luma);
            assert_eq!((found.to_string().as_str(), detail.min(100)), (hash, quality));
        }
    }

    #[test]
    fn texts_and_bytes_are_read_as_they_are_written() {
        let text = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22";
        let hash: Pdq = text.parse().unwrap();
        assert_eq!(hash.to_string(), text);
        assert_eq!(Pdq::from_bytes(&hash.to_bytes()), hash);
        assert_eq!(hash.to_bytes()[0], 0xf8);
        assert_eq!(text.to_uppercase().parse(), Ok(hash));
        for wrong in [
            "",
            &text[1..],
            &format!("{text}0"),
            &text.replace('f', "g"),
            &text.replace('f', "+"),
        ] {
            assert_eq!(wrong.parse::<Pdq>(), Err(NotPdq), "{wrong}");
        }
    }

    #[test]
    fn the_distance_is_the_number_of_bits_that_differ() {
        let one: Pdq = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
            .parse()
            .unwrap();
        let other: Pdq = "30a10efd71cc3d429013d48d0ffffc52e34e0e17ada952a9d29685211ea9e5af"
            .parse()
            .unwrap();
        assert_eq!(one.distance(other), 120, "of ThreatExchange's test");
        assert_eq!(
            (one.within(other, 120), one.within(other, 119)),
            (Some(120), None)
        );
        let none = Pdq([!0; 4]);
        assert_eq!(none.distance(Pdq::default()), 256);
    }
}
