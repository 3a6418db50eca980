//! `sidx` (ISO/IEC 14496-12 §8.16.3): an index from times to places in a file of fragments. With it a player finds a time
//! without reading every `moof` on the way.

use bytes::BufMut;

use super::boxes::full;

/// The most references of an index: with seconds between them enough for a day, and a few hundred kilobytes.
pub(in crate::format) const MAX_REFERENCES: usize = 16_384;

/// The part of the file from one entry of the index to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct Reference {
    /// Length in bytes.
    pub(in crate::format) bytes: u64,
    /// Duration in ticks of the index.
    pub(in crate::format) duration: u64,
    /// True when decoding can begin at the first sample of the part.
    pub(in crate::format) key: bool,
}

/// Bytes of an index with so many references.
pub(in crate::format) fn sidx_len(references: usize) -> u64 {
    40 + 12 * references as u64
}

/// An index that stands right before the fragments that it refers to. `begins` is the first presentation time of `track`.
/// Nothing when a value does not fit into a reference.
pub(in crate::format) fn sidx(
    track: u32,
    timescale: u32,
    begins: u64,
    references: &[Reference],
) -> Option<Vec<u8>> {
    const NARROW: u64 = 0x7FFF_FFFF;
    let count = u16::try_from(references.len()).ok()?;
    let fits = |one: &Reference| one.bytes <= NARROW && u32::try_from(one.duration).is_ok();
    if !references.iter().all(fits) {
        return None;
    }
    let mut out = Vec::new();
    full(&mut out, b"sidx", 1, 0, |out| {
        out.put_u32(track);
        out.put_u32(timescale);
        out.put_u64(begins);
        out.put_u64(0);
        out.put_u16(0);
        out.put_u16(count);
        for reference in references {
            out.put_u32(fitted!(reference.bytes, "the bytes of a reference"));
            out.put_u32(fitted!(reference.duration, "the duration of a reference"));
            // starts_with_SAP and SAP_type 1: the samples that follow are decoded and shown in one go.
            out.put_u32(if reference.key { 0x9000_0000 } else { 0 });
        }
    });
    debug_assert_eq!(out.len() as u64, sidx_len(references.len()));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_says_where_what_is() {
        let reference = |bytes, key| Reference {
            bytes,
            duration: 2_000,
            key,
        };
        let out = sidx(1, 1_000, 40, &[reference(70_000, true), reference(9, false)]).unwrap();
        assert_eq!(out.len() as u64, sidx_len(2));
        assert_eq!(&out[..12], b"\0\0\0\x40sidx\x01\0\0\0");
        let numbers: Vec<u32> = out[12..]
            .chunks(4)
            .map(|four| u32::from_be_bytes(four.try_into().unwrap()))
            .collect();
        let wanted = [1, 1_000, 0, 40, 0, 0, 2, 70_000, 2_000, 0x9000_0000, 9, 2_000, 0];
        assert_eq!(numbers, wanted);
        assert_eq!(sidx(1, 1_000, 0, &[reference(1 << 31, true)]), None);
        assert_eq!(sidx(1, 1_000, 0, &vec![reference(1, true); 65_536]), None);
    }
}
