//! The bytes of a segment where fragments were deleted on request: a `free` box that names the fragment behind it.

use bytes::BufMut;
use crc32c::crc32c;

use super::boxes::{take, take_u32};
use super::fragment::{CHECKSUM_BOX, Checksums};
use super::scan::{Position, ReadAt, fill};
use crate::format::index::SampleIndex;
use crate::media::SegmentId;

/// The bytes that mark such a box, before its zeros. A change of its layout takes another mark.
const MARK: [u8; 16] = *b"edgereel:gone\x00\x00\x01";

/// Bytes of the box that are not zeros:
///
/// ```text
/// at  bytes
///  0     4  size                       to the next fragment, or to the end of the tape in the file
///  4     4  "free"
///  8    16  "edgereel:gone" 0 0 1
/// 24    16  segment
/// 40     4  sequence                   of the next fragment
/// 44     4  CRC-32C of the 44 above
/// ```
pub const GONE_BOX: usize = 48;

/// A stretch of a segment whose fragments were deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Where the stretch begins in the file.
    pub offset: u64,
    /// Length of the stretch, in bytes.
    pub len: u64,
    /// Sequence of the fragment behind the stretch.
    pub next: u32,
}

impl Gone {
    /// The head of the stretch's box; zeros fill the rest. `None` for a stretch that is too short or too long for a box.
    pub fn head(&self, segment: SegmentId) -> Option<Vec<u8>> {
        let size = u32::try_from(self.len)
            .ok()
            .filter(|size| *size as usize >= GONE_BOX)?;
        let mut out = Vec::with_capacity(GONE_BOX);
        out.put_u32(size);
        out.put_slice(b"free");
        out.put_slice(&MARK);
        out.put_slice(&segment.to_bytes());
        out.put_u32(self.next);
        out.put_u32(crc32c(&out));
        Some(out)
    }

    /// The position of the fragment behind the stretch.
    pub fn behind(&self) -> Position {
        Position {
            offset: self.offset.saturating_add(self.len),
            sequence: self.next,
        }
    }
}

/// Reads the box at `offset`, if it belongs to this segment and ends within the file's first `len` bytes.
pub(super) fn read_gone(
    reader: &(impl ReadAt + ?Sized),
    len: u64,
    segment: SegmentId,
    offset: u64,
) -> Option<Gone> {
    let mut bytes = [0; GONE_BOX];
    fill(reader, &mut bytes, offset).ok().filter(|whole| *whole)?;
    let (fields, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c(fields) != u32::from_be_bytes(*crc) {
        return None;
    }
    let mut rest = fields;
    let size = take_u32(&mut rest)?;
    let is_ours =
        take(&mut rest)? == *b"free" && take(&mut rest)? == MARK && take(&mut rest)? == segment.to_bytes();
    let gone = Gone {
        offset,
        len: u64::from(size),
        next: take_u32(&mut rest)?,
    };
    (is_ours && size as usize >= GONE_BOX && gone.len <= len.saturating_sub(offset)).then_some(gone)
}

/// The stretches between a header and byte `end` that no fragment of an index covers. The fragment behind each is read from the
/// file. `None` when the bytes there are no fragment of the segment.
pub fn stretches(
    reader: &(impl ReadAt + ?Sized),
    segment: SegmentId,
    index: &SampleIndex,
    header: u64,
    end: u64,
) -> Option<Vec<Gone>> {
    let mut at = Position::first(header);
    let mut found = Vec::new();
    for fragment in &index.fragments {
        let sequence = if at.offset == fragment.offset {
            at.sequence
        } else {
            sequence_at(reader, segment, fragment.offset)?
        };
        if at.offset < fragment.offset {
            found.push(Gone {
                offset: at.offset,
                len: fragment.offset - at.offset,
                next: sequence,
            });
        }
        at = Position {
            offset: fragment.end(),
            sequence: sequence.saturating_add(1),
        };
    }
    if at.offset < end {
        found.push(Gone {
            offset: at.offset,
            len: end - at.offset,
            next: at.sequence,
        });
    }
    Some(found)
}

/// The sequence of the segment's fragment that begins at `offset`.
pub fn sequence_at(reader: &(impl ReadAt + ?Sized), segment: SegmentId, offset: u64) -> Option<u32> {
    let mut bytes = [0; CHECKSUM_BOX];
    fill(reader, &mut bytes, offset).ok().filter(|whole| *whole)?;
    let checksums = Checksums::parse(&bytes).ok()?;
    (checksums.segment == segment).then_some(checksums.sequence)
}

/// True when the box of a stretch stands where it belongs.
pub fn is_marked(reader: &(impl ReadAt + ?Sized), len: u64, segment: SegmentId, gone: &Gone) -> bool {
    read_gone(reader, len, segment, gone.offset) == Some(*gone)
}

/// True when an index does not cover all that lies between a header and byte `end`.
pub fn has_gaps(index: &SampleIndex, header: u64, end: u64) -> bool {
    let mut at = header;
    for fragment in &index.fragments {
        if fragment.offset != at {
            return true;
        }
        at = fragment.end();
    }
    at != end
}

/// True for bytes that begin as such a box does.
pub(super) fn is_gone(found: &[u8]) -> bool {
    found.get(8..).is_some_and(|rest| rest.starts_with(&MARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_read_back_and_one_that_is_torn_or_of_another_segment_is_not() {
        let (segment, other) = (SegmentId::new(1), SegmentId::new(2));
        let gone = Gone {
            offset: 10,
            len: 90,
            next: 7,
        };
        let mut file = vec![1; 10];
        file.extend(gone.head(segment).unwrap());
        file.resize(100, 0);
        assert_eq!(read_gone(&file[..], 100, segment, 10), Some(gone));
        assert_eq!(read_gone(&file[..], 100, other, 10), None);
        // The box does not end within the tape.
        assert_eq!(read_gone(&file[..], 99, segment, 10), None);
        for at in 10..58 {
            let mut torn = file.clone();
            torn[at] ^= 1;
            assert_eq!(read_gone(&torn[..], 100, segment, 10), None, "byte {at}");
        }
        let short = Gone { len: 47, ..gone };
        assert_eq!(short.head(segment), None);
    }
}
