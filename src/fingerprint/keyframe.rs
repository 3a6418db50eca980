//! A keyframe with its hash, and blocks of them.
//!
//! ```text
//! block      0  mark and version, "EFP1"
//!            4  CRC-32C of the rest                              four bytes
//!            8  keyframes, 40 bytes each, in the order of their times
//!
//! keyframe   0  time, ms from the beginning of the recording     four bytes
//!            4  PDQ, the highest bits first                      32 bytes
//!           36  detail: the quality without its bound of 100     two bytes
//!           38  mean luma
//!           39  0
//! ```
//!
//! Numbers are big-endian. A block of 1,024 keyframes takes 40 KiB.

use super::{Luma, Pdq};

/// The most keyframes of a block.
pub const MOST_OF_BLOCK: usize = 1_024;

const MARK: &[u8; 4] = b"EFP1";
const HEAD: usize = 8;
const ENTRY: usize = 40;

/// A keyframe, as far as it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyframe {
    /// When it is shown: milliseconds from the beginning of the recording, by the clock.
    pub at_ms: u32,
    /// Its hash.
    pub pdq: Pdq,
    /// How much there is to see on it.
    pub detail: u16,
    /// Its mean luma.
    pub luma: u8,
}

/// Bytes are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a part of the fingerprint is damaged: have it made again")]
pub struct BadBlock;

impl Keyframe {
    /// A keyframe with this luma.
    pub fn new(at_ms: u32, luma: &Luma) -> Self {
        let (pdq, detail) = Pdq::of(luma);
        let sum: u32 = luma.iter().map(|pixel| u32::from(*pixel)).sum();
        Self {
            at_ms,
            pdq,
            detail,
            luma: u8::try_from(sum as usize / luma.len()).unwrap_or(u8::MAX),
        }
    }

    /// The quality, as the reference has it: 0 to 100.
    pub fn quality(&self) -> u8 {
        u8::try_from(self.detail.min(100)).unwrap_or(100)
    }

    /// True where the hash says something: the picture is not flat.
    pub fn is_distinct(&self) -> bool {
        self.quality() >= super::LEAST_QUALITY
    }
}

/// Writes a block. Of more keyframes than [`MOST_OF_BLOCK`] the last ones are left out.
pub fn block(keyframes: &[Keyframe]) -> Vec<u8> {
    let mut entries = Vec::with_capacity(keyframes.len().min(MOST_OF_BLOCK) * ENTRY);
    for keyframe in keyframes.iter().take(MOST_OF_BLOCK) {
        entries.extend(keyframe.at_ms.to_be_bytes());
        entries.extend(keyframe.pdq.to_bytes());
        entries.extend(keyframe.detail.to_be_bytes());
        entries.extend([keyframe.luma, 0]);
    }
    let crc = crc32c::crc32c(&entries).to_be_bytes();
    [&MARK[..], &crc, &entries].concat()
}

/// Reads a block.
pub fn read_block(block: &[u8]) -> Result<impl Iterator<Item = Keyframe>, BadBlock> {
    let (head, entries) = block.split_at_checked(HEAD).ok_or(BadBlock)?;
    let (entries, rest) = entries.as_chunks::<ENTRY>();
    let crc = crc32c::crc32c(entries.as_flattened()).to_be_bytes();
    if head != [*MARK, crc].as_flattened() || !rest.is_empty() || entries.len() > MOST_OF_BLOCK {
        return Err(BadBlock);
    }
    Ok(entries.iter().filter_map(|entry| {
        let (at, rest) = entry.split_first_chunk()?;
        let (pdq, rest) = rest.split_first_chunk()?;
        let (detail, rest) = rest.split_first_chunk()?;
        Some(Keyframe {
            at_ms: u32::from_be_bytes(*at),
            pdq: Pdq::from_bytes(pdq),
            detail: u16::from_be_bytes(*detail),
            luma: *rest.first()?,
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_as_it_was_written_and_none_with_a_wrong_bit() {
        let luma = std::array::from_fn(|at| u8::try_from(at * 31 % 251).unwrap());
        let keyframes: Vec<Keyframe> = (0..3).map(|n| Keyframe::new(n * 2_000, &luma)).collect();
        let bytes = block(&keyframes);
        assert_eq!(bytes.len(), HEAD + 3 * ENTRY);
        assert_eq!(read_block(&bytes).unwrap().collect::<Vec<_>>(), keyframes);
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 4;
            assert!(read_block(&wrong).is_err(), "{at}");
            assert!(read_block(&bytes[..at]).is_err(), "{at}");
        }
        assert_eq!(read_block(&block(&[])).unwrap().count(), 0);
        let most = vec![keyframes[0]; MOST_OF_BLOCK + 1];
        assert_eq!(read_block(&block(&most)).unwrap().count(), MOST_OF_BLOCK);
    }

    #[test]
    fn a_flat_picture_is_not_distinct_and_says_how_bright_it_is() {
        for pixel in [0, 128, 255] {
            let flat = Keyframe::new(0, &[pixel; 4_096]);
            assert_eq!((flat.detail, flat.luma, flat.is_distinct()), (0, pixel, false));
        }
    }
}
