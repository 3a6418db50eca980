//! The window of a delay: what the live playlist listed at an earlier moment.

use super::listing::Gap;
use super::piece::Piece;
use crate::format::hls::live::JoinedChunk;
use crate::media::Micros;

/// How long the playlist of a programme that is over says so.
pub const SAYS_SO: Micros = 600_000_000;

/// The last chunks at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shifted {
    /// The chunks. At least one.
    pub chunks: Vec<JoinedChunk>,
    /// UTC of the beginning of the first one.
    pub from: Micros,
    /// True when no other chunk follows.
    pub ended: bool,
}

/// The last `most` chunks that were complete at the moment `at` (UTC), out of pieces in the order of the tape. They are of one
/// programme, with consecutive numbers, and none of them is longer than `target_s` seconds.
///
/// `more` says whether other chunks may follow the last piece. `goes_on` tells of a long gap whether a recording goes on over it.
/// `None` where nothing was on the air at that moment.
pub fn window<E>(
    pieces: &[Piece],
    (at, most, target_s): (Micros, usize, u32),
    more: bool,
    goes_on: &mut dyn FnMut(Gap) -> Result<bool, E>,
) -> Result<Option<Shifted>, E> {
    let Some(last) = pieces.iter().rposition(|piece| piece.ends() <= at) else {
        return Ok(None);
    };
    let (Some(newest), next) = (pieces.get(last), pieces.get(last + 1)) else {
        return Ok(None);
    };
    let ended = match next {
        Some(next) if newest.leads_to(next) => false,
        Some(next) => !goes_on(Gap {
            from: newest.ends(),
            to: next.utc,
        })?,
        None => !more,
    };
    if ended && at.saturating_sub(newest.ends()) > SAYS_SO {
        return Ok(None);
    }
    let all = pieces.get(..=last).unwrap_or_default();
    let is_long = |piece: &Piece| (piece.chunk.duration_us + 500_000) / 1_000_000 > u64::from(target_s);
    let first = all.iter().rposition(is_long).map_or(0, |long| long + 1);
    let pairs = all.iter().zip(all.iter().skip(1));
    let mut breaks = pairs
        .map(|(one, next)| one.chunk.number.checked_add(1) != Some(next.chunk.number) || !one.leads_to(next));
    let first = first.max(breaks.rposition(|breaks| breaks).map_or(0, |before| before + 1));
    let first = first.max(all.len().saturating_sub(most));
    let shown = all.get(first..).unwrap_or_default();
    Ok(shown.first().map(|oldest| Shifted {
        chunks: shown.iter().map(Piece::alone).collect(),
        from: oldest.utc,
        ended,
    }))
}
