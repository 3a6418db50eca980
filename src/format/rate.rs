//! The bit rate of a track of a view.

use super::fmp4::BitRate;
use super::line::{Line, TrackLine};
use crate::media::{TrackKind, rescale};

/// The bit rate of a track. Nothing for a track without samples. Fragments last a second at most, so the largest fragment says
/// how much a second may have.
pub(super) fn of(line: &Line, kind: TrackKind) -> Option<BitRate> {
    let track = line.track(kind)?;
    let largest = line.parts.iter().map(|part| part.extent(kind).bytes).max();
    let average = per_second(track.bytes, lasts_ms(track));
    Some(BitRate {
        max: largest.unwrap_or_default().saturating_mul(8).max(average),
        average,
    })
}

/// Bits a second, from a number of bytes and their milliseconds.
pub(super) fn per_second(bytes: u64, ms: u64) -> u32 {
    let bits = u128::from(bytes) * 8_000 / u128::from(ms.max(1));
    u32::try_from(bits).unwrap_or(u32::MAX)
}

fn lasts_ms(track: &TrackLine) -> u64 {
    let ticks = track.end_dts.saturating_sub(track.first_dts);
    rescale(ticks, track.timescale, 1_000).max(0).unsigned_abs()
}
