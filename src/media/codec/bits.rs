//! Bits from the most significant end, as the MPEG and AOM specifications write them.

/// A reader of bits. Its functions return `None` once there are not enough bits.
pub(in crate::media) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(in crate::media) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// `u(1)`.
    pub(in crate::media) fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// `u(n)`, n at most 32.
    pub(in crate::media) fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// Skips `count` bits.
    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        let at = self.at.checked_add(count)?;
        if at > self.bytes.len().checked_mul(8)? {
            return None;
        }
        self.at = at;
        Some(())
    }

    /// `ue(v)`, ISO/IEC 14496-10 §9.1, which is also the code of AV1's `uvlc()`. Values of more than 32 bits are refused,
    /// because no field has them.
    pub(in crate::media) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.take(zeros)?;
        ((1u32 << zeros) - 1).checked_add(rest)
    }

    /// Number of bits that are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len().saturating_mul(8).saturating_sub(self.at)
    }

    /// `se(v)`, ISO/IEC 14496-10 §9.1.1.
    pub(in crate::media) fn se(&mut self) -> Option<i32> {
        let code = self.ue()?;
        let size = i32::try_from(code / 2 + code % 2).ok()?;
        Some(if code % 2 == 1 { size } else { -size })
    }
}

/// Takes `count` bytes off the front.
pub(super) fn split<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

/// Takes one byte off the front.
pub(super) fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (head, tail) = rest.split_first()?;
    *rest = tail;
    Some(*head)
}

/// Takes a big-endian 16-bit number off the front.
pub(super) fn be16(rest: &mut &[u8]) -> Option<u16> {
    let (head, tail) = rest.split_first_chunk::<2>()?;
    *rest = tail;
    Some(u16::from_be_bytes(*head))
}

/// A NAL unit without its emulation prevention bytes, ISO/IEC 14496-10 §7.4.1.
pub(in crate::media) fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_golomb_codes() {
        // 1 | 010 | 011 | 00100 | 0001000
        let bytes = [0b1010_0110, 0b0100_0001, 0b0000_0000];
        let mut bits = Bits::new(&bytes);
        let codes: Vec<_> = (0..5).map(|_| bits.ue()).collect();
        assert_eq!(codes, [Some(0), Some(1), Some(2), Some(3), Some(7)]);
        let mut bits = Bits::new(&bytes);
        let codes: Vec<_> = (0..4).map(|_| bits.se()).collect();
        assert_eq!(codes, [Some(0), Some(1), Some(-1), Some(2)]);
    }

    #[test]
    fn the_end_is_not_passed() {
        let mut bits = Bits::new(&[0xff]);
        assert_eq!(bits.take(9), None);
        let mut bits = Bits::new(&[0x00; 8]);
        assert_eq!(bits.ue(), None);
        assert_eq!(Bits::new(&[0]).skip(9), None);
        assert_eq!(Bits::new(&[0]).skip(usize::MAX), None);
    }

    #[test]
    fn emulation_prevention_is_removed() {
        assert_eq!(
            unescape(&[0, 0, 3, 1, 0, 0, 0, 3, 0, 0, 3]),
            [0, 0, 1, 0, 0, 0, 0, 0]
        );
    }
}
