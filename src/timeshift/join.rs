//! Joined chunks: in a long playlist, chunks of one segment are listed together.
//!
//! ```text
//! segment   │ 2 s │ 2 s │ 2 s │ 2 s │ 1 s │         a joined chunk has 4 s or more, and at most 6 s unless it is one chunk
//! joined    │    1–2    │    3–4    │  5  │         the rest of a segment is one of its own
//! ```
//!
//! Where joined chunks begin and end depends on the segment alone.

use std::ops::Range;

use super::piece::Piece;
use crate::media::Micros;

/// A joined chunk with so much media is long enough, in microseconds.
const ENOUGH_US: u64 = 4_000_000;
/// Chunks that would have more than this together are not joined, in microseconds.
const MOST_US: u64 = 6_000_000;
/// Chunks with so much between them on the tape are not joined, in microseconds: a publisher may send nothing for a while, and a
/// joined chunk lasts as long as its chunks.
const APART: Micros = 500_000;
/// The most chunks that are joined. Chunks shorter than a quarter of a second on average do not occur.
pub const MOST_JOINED: usize = 16;

/// The joined chunks of a segment, as ranges of its pieces, and whether each of them is complete. Only the last one of a segment
/// that still grows may not be.
pub(super) fn joins(pieces: &[Piece], is_sealed: bool) -> Vec<(Range<usize>, bool)> {
    let mut joins = Vec::new();
    let (mut first, mut so_far_us) = (0, 0_u64);
    for (place, piece) in pieces.iter().enumerate() {
        let with_us = so_far_us.saturating_add(piece.chunk.duration_us);
        let before = place.checked_sub(1).and_then(|before| pieces.get(before));
        let is_apart = before.is_some_and(|before| piece.start.saturating_sub(before.end()) > APART);
        if place > first && (with_us > MOST_US || is_apart) {
            joins.push((first..place, true));
            (first, so_far_us) = (place, 0);
        }
        so_far_us = so_far_us.saturating_add(piece.chunk.duration_us);
        if so_far_us >= ENOUGH_US || place + 1 - first == MOST_JOINED {
            joins.push((first..place + 1, true));
            (first, so_far_us) = (place + 1, 0);
        }
    }
    if first < pieces.len() {
        joins.push((first..pieces.len(), is_sealed));
    }
    joins
}

#[cfg(test)]
mod tests {
    use super::super::tests::pieces;
    use super::*;

    fn joined(lengths_ms: &[u64], is_sealed: bool) -> Vec<(Range<usize>, bool)> {
        joins(&pieces(0, 0, lengths_ms), is_sealed)
    }

    #[test]
    fn chunks_are_joined_until_there_are_four_seconds() {
        assert_eq!(
            joined(&[2_000, 2_000, 2_000, 2_000, 1_000], true),
            [(0..2, true), (2..4, true), (4..5, true)]
        );
        assert_eq!(
            joined(&[2_000, 2_000, 1_000], false),
            [(0..2, true), (2..3, false)]
        );
        // One alone may be long; two that would be are not joined.
        assert_eq!(
            joined(&[7_000, 3_000, 3_500], true),
            [(0..1, true), (1..2, true), (2..3, true)]
        );
        assert_eq!(joined(&[3_000, 3_000], true), [(0..2, true)]);
        assert_eq!(
            joined(&[100; 40], true),
            [(0..16, true), (16..32, true), (32..40, true)]
        );
        assert_eq!(joined(&[], true), []);
        // A pause of the publisher is in no chunk.
        let mut paused = pieces(0, 0, &[1_000, 1_000, 1_000, 1_000]);
        for piece in &mut paused[2..] {
            piece.start += 20_000_000;
            piece.utc += 20_000_000;
        }
        assert_eq!(joins(&paused, true), [(0..2, true), (2..4, true)]);
    }

    #[test]
    fn what_a_growing_segment_joins_stays_joined() {
        let lengths = [750, 1_500, 4_000, 2_000, 2_500, 6_490, 300, 300, 3_600, 1_000];
        let whole: Vec<_> = joined(&lengths, true);
        for so_far in 0..lengths.len() {
            let grown = joined(&lengths[..so_far], false);
            for (range, _) in grown.iter().filter(|(_, is_complete)| *is_complete) {
                assert!(whole.contains(&(range.clone(), true)), "{so_far}: {range:?}");
            }
        }
    }
}
