//! Playlists as they were compressed for one viewer, for the next ones.
//!
//! Viewers of one stream or channel ask for the same text within seconds, and to compress it takes longer than to write it. A text is
//! known by its SHA-256, so a viewer never gets another text than its own, whatever that depends on.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// The most texts that are kept, and the most bytes of them. The playlist of a day takes 40 kB.
const MOST: usize = 64;
const MOST_BYTES: usize = 512 << 10;

type Sum = [u8; 32];

/// The compressed texts, the one used last behind.
#[derive(Debug, Default)]
pub(super) struct Packed {
    kept: Mutex<VecDeque<(Sum, Bytes)>>,
}

impl Packed {
    /// The text, compressed with gzip (RFC 1952).
    pub(super) fn of(&self, text: &[u8]) -> Bytes {
        let sum: Sum = Sha256::digest(text).into();
        if let Some(known) = self.find(&sum) {
            return known;
        }
        let packed = Bytes::from(gzipped(text));
        self.keep(sum, packed.clone());
        packed
    }

    fn find(&self, sum: &Sum) -> Option<Bytes> {
        let mut kept = self.kept();
        let at = kept.iter().position(|(known, _)| known == sum)?;
        let found = kept.remove(at)?;
        let packed = found.1.clone();
        kept.push_back(found);
        Some(packed)
    }

    fn keep(&self, sum: Sum, packed: Bytes) {
        if packed.len() > MOST_BYTES {
            return;
        }
        let mut kept = self.kept();
        kept.push_back((sum, packed));
        let bytes =
            |kept: &VecDeque<(Sum, Bytes)>| kept.iter().map(|(_, packed)| packed.len()).sum::<usize>();
        while kept.len() > MOST || bytes(&kept) > MOST_BYTES {
            kept.pop_front();
        }
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(Sum, Bytes)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A text, compressed with gzip (RFC 1952).
pub(super) fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    // Writing to memory does not fail.
    let written = encoder.write_all(text).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn unpacked(packed: &[u8]) -> Vec<u8> {
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(packed)
            .read_to_end(&mut back)
            .unwrap();
        back
    }

    #[test]
    fn a_text_is_compressed_once_and_each_gets_its_own() {
        let packed = Packed::default();
        let text = b"#EXTM3U\n".repeat(1_000);
        let first = packed.of(&text);
        assert!(first.len() < text.len() / 10);
        assert_eq!(unpacked(&first), text);
        // Clones of one text share its bytes.
        assert_eq!(packed.of(&text).as_ptr(), first.as_ptr());
        let other = b"#EXTM3V\n".repeat(1_000);
        assert_eq!(unpacked(&packed.of(&other)), other);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let packed = Packed::default();
        for number in 0..1_000_u32 {
            packed.of(number.to_string().repeat(100).as_bytes());
        }
        assert_eq!(packed.kept().len(), MOST);
        let noise = |seed: u32| -> Vec<u8> {
            let mut sum = Sha256::digest(seed.to_be_bytes());
            let mut noise = Vec::new();
            while noise.len() < MOST_BYTES / 3 {
                sum = Sha256::digest(sum);
                noise.extend_from_slice(&sum);
            }
            noise
        };
        for seed in 0..9 {
            packed.of(&noise(seed));
        }
        let bytes: usize = packed.kept().iter().map(|(_, packed)| packed.len()).sum();
        assert!(bytes <= MOST_BYTES && packed.kept().len() == 2);
    }
}
