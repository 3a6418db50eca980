//! How a file is cut into the parts of an upload.
//!
//! S3 takes 10,000 parts of 5 MiB to 5 GiB each, the last one of any size. A part is in memory while it is sent, so parts are
//! as small as they may be.
//!
//! ```text
//! Equal     | 1 | 2 | 3 | … | n |      all of one size but the last: the recording is closed
//! Growing   | 2 | 3 | … | n | 1 |      in the order of sending: part 1 is the front and the body's first 5 MiB
//! ```

use std::ops::Range;

use crate::store::Layout;

/// The smallest part that every store takes, the last one excepted.
pub(super) const PART: u64 = 5 << 20;

/// The most parts that S3 allows.
const MOST: u64 = 10_000;

/// Number of parts of a growing file with one size; the next parts are twice as large. 10,000 of them are 325 GB.
const STEP: u32 = 2_000;

/// The layout of a file whose length is known; `None` if it fits into one part.
pub(super) fn equal(len: u64) -> Option<Layout> {
    if len <= PART {
        return None;
    }
    let least = len.div_ceil(MOST);
    // Whole MiB, so that people read round numbers.
    let whole = least.div_ceil(1 << 20) << 20;
    Some(Layout::Equal(whole.max(PART)))
}

/// The range of a part of equal size in the file; `None` behind the end of the file.
pub(super) fn equal_part(size: u64, number: u32, len: u64) -> Option<Range<u64>> {
    let start = size.checked_mul(u64::from(number.checked_sub(1)?))?;
    (start < len).then(|| start..start.saturating_add(size).min(len))
}

/// The bytes of the body in a full part of a growing file. The first part has the front, too.
pub(super) fn growing_part(number: u32) -> Range<u64> {
    let start = growing_start(number);
    start..growing_start(number.saturating_add(1))
}

/// The sizes are 2,000 × 5 MiB, 2,000 × 10 MiB, 2,000 × 20 MiB …
fn growing_start(number: u32) -> u64 {
    let before = number.saturating_sub(1);
    let (steps, rest) = (before / STEP, before % STEP);
    let size = PART << steps.min(32);
    // Σ STEP × PART × 2^i for i < steps
    let whole = u64::from(STEP).saturating_mul(size - PART);
    whole.saturating_add(u64::from(rest).saturating_mul(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_parts_are_as_small_as_they_may_be() {
        assert_eq!(equal(PART), None);
        assert_eq!(equal(PART + 1), Some(Layout::Equal(PART)));
        assert_eq!(equal(PART * MOST), Some(Layout::Equal(PART)));
        let Some(Layout::Equal(size)) = equal(PART * MOST + 1) else {
            panic!();
        };
        assert!(size == 6 << 20 && (PART * MOST + 1).div_ceil(size) <= MOST);
    }

    #[test]
    fn parts_follow_each_other_without_a_seam() {
        let len = 3 * PART + 7;
        let mut at = 0;
        for number in 1.. {
            let Some(range) = equal_part(PART, number, len) else {
                assert_eq!(number, 5);
                break;
            };
            assert_eq!(range.start, at);
            at = range.end;
        }
        assert_eq!(at, len);
        let mut at = 0;
        for number in 1..=10_000 {
            let range = growing_part(number);
            assert_eq!(range.start, at, "part {number}");
            assert!(range.end - range.start >= PART);
            at = range.end;
        }
        assert_eq!(growing_part(1), 0..PART);
        assert_eq!(growing_part(2_000).end, 2_000 * PART);
        assert_eq!(growing_part(2_001), 2_000 * PART..2_002 * PART);
        assert_eq!(at, 2_000 * (1 + 2 + 4 + 8 + 16) * PART);
    }
}
