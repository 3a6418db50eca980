//! Numbers in few bytes, under a version and a checksum: the form in which the journal keeps the index and the lists of a
//! segment.
//!
//! ```text
//! bytes
//!   1  version
//!   4  CRC-32C of all that follows, big-endian
//!   …  numbers
//! ```

use bytes::BufMut;
use crc32c::crc32c;

use super::IndexError;

/// Bytes before the checksummed part.
const HEAD: usize = 5;

/// The version, the checksum, and about `len` bytes that `put` writes behind them.
pub(in crate::format) fn encoded(version: u8, len: usize, put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + len);
    out.put_bytes(0, HEAD);
    put(&mut out);
    let crc = crc32c(out.get(HEAD..).unwrap_or_default());
    if let Some(head) = out.first_chunk_mut::<HEAD>() {
        let [b0, b1, b2, b3] = crc.to_be_bytes();
        *head = [version, b0, b1, b2, b3];
    }
    out
}

/// The bytes behind the version and the checksum. Fails unless both are right.
pub(in crate::format) fn body(version: u8, blob: &[u8]) -> Result<&[u8], IndexError> {
    let ([found, crc @ ..], body) = blob.split_first_chunk::<HEAD>().ok_or(IndexError::Short)?;
    if *found != version {
        return Err(IndexError::Version(*found));
    }
    if crc32c(body) != u32::from_be_bytes(*crc) {
        return Err(IndexError::Checksum);
    }
    Ok(body)
}

/// Writes a number in groups of seven bits, low ones first. All groups but the last have the high bit set.
pub(in crate::format) fn put_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// Writes a signed number so that small ones of either sign are short.
pub(in crate::format) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_unsigned(out, (value << 1 ^ value >> 63).cast_unsigned());
}

/// Takes numbers off a blob.
pub(in crate::format) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(in crate::format) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(in crate::format) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, IndexError> {
        let (&byte, rest) = self.rest.split_first().ok_or(IndexError::Short)?;
        self.rest = rest;
        Ok(byte)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], IndexError> {
        self.rest.split_off(..count).ok_or(IndexError::Short)
    }

    pub(in crate::format) fn unsigned(&mut self) -> Result<u64, IndexError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7F);
            if shift == 63 && group > 1 {
                break;
            }
            value |= group << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(IndexError::Malformed("number"))
    }

    pub(in crate::format) fn signed(&mut self) -> Result<i64, IndexError> {
        let value = self.unsigned()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}

#[cfg(test)]
pub(in crate::format) mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    /// A place in bytes, and a bit of a byte.
    pub(in crate::format) fn any_bit() -> impl Strategy<Value = (Index, u8)> {
        (any::<Index>(), 0..8_u8)
    }

    /// The bytes with another bit, and the bytes up to there.
    pub(in crate::format) fn spoilt(blob: &[u8], (at, bit): (Index, u8)) -> [Vec<u8>; 2] {
        let at = at.index(blob.len());
        let mut flipped = blob.to_vec();
        flipped[at] ^= 1 << bit;
        [flipped, blob[..at].to_vec()]
    }

    /// Any bytes under a version and a right checksum.
    pub(in crate::format) fn made(version: u8, body: &[u8]) -> Vec<u8> {
        super::encoded(version, body.len(), |out| out.extend(body))
    }
}
