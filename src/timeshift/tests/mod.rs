//! Time shift with virtual time and a tape of numbers.

mod dialects;
mod playlists;

use super::*;
use crate::format::hls::live::{Init, LiveChunk};
use crate::media::{Micros, Tracks};

const SECOND: Micros = 1_000_000;
/// Some moment, UTC: 2026-11-30T08:00:00Z.
const EIGHT: Micros = 1_796_025_600 * SECOND;

/// Consecutive chunks of these lengths in milliseconds. The first one has this number, and begins at this tape time, which is
/// [`EIGHT`] at zero.
pub(super) fn pieces(number: u64, start: Micros, lengths_ms: &[u64]) -> Vec<Piece> {
    let init = Init::of(&Tracks::default()).name;
    let mut start = start;
    let piece = |(number, ms): (u64, &u64)| {
        let begins = start;
        start += i64::try_from(ms * 1_000).unwrap();
        Piece {
            start: begins,
            utc: EIGHT + begins,
            chunk: LiveChunk {
                number,
                discontinuities: 1,
                discontinuity: false,
                duration_us: ms * 1_000,
                date: EIGHT + begins,
                independent: true,
                init,
            },
        }
    };
    (number..).zip(lengths_ms).map(piece).collect()
}
