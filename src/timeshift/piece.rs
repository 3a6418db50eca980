//! A chunk of the tape, as time shift needs to know it.

use crate::format::hls::live::{JoinedChunk, LiveChunk};
use crate::media::Micros;

/// Media behind a longer break on the tape is another programme, unless a recording goes on over the break.
pub const LONGEST_BREAK: Micros = 180_000_000;

/// A complete chunk of the tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Tape time of its beginning.
    pub start: Micros,
    /// UTC of its beginning, as well as the box knows it now. Ranges and delays are compared with it. The date of the
    /// [`chunk`](Self::chunk), which playlists show, may be an earlier opinion.
    pub utc: Micros,
    /// The lines that a playlist has for it.
    pub chunk: LiveChunk,
}

impl Piece {
    /// Tape time of its end.
    pub fn end(&self) -> Micros {
        self.start.saturating_add_unsigned(self.chunk.duration_us)
    }

    /// UTC of its end.
    pub fn ends(&self) -> Micros {
        self.utc.saturating_add_unsigned(self.chunk.duration_us)
    }

    /// True when the next piece of the tape is of the same programme.
    pub(super) fn leads_to(&self, next: &Piece) -> bool {
        next.start.saturating_sub(self.end()) <= LONGEST_BREAK
    }

    pub(super) fn alone(&self) -> JoinedChunk {
        JoinedChunk::alone(self.chunk.clone())
    }
}
