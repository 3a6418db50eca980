//! What the memory adds to the playlist of a delay. Where nobody records a stream, its last minutes are there and nowhere else.

use super::delayed::{Dated, LONGEST_CHUNK};
use super::look::{Extra, Look};
use crate::doors::http::answer::Refusal;
use crate::doors::http::files::of_file;
use crate::doors::http::live::ring_pieces;
use crate::media::Micros;
use crate::model::Span;
use crate::recorder::RingChunks;
use crate::timeshift::{LONGEST_BREAK, Piece, Shift};

/// The number of the first chunk in memory that a playlist needs: none of them where it needs what is known of the publish. `None`
/// where it needs nothing of the memory, whose chunks are copied under the recorder's lock.
pub(super) fn kept_from(shift: Shift, live_window: Option<Span>, extra: Extra) -> Option<u64> {
    // A chunk that comes so long after the moment of a delay still says whether the programme goes on.
    let reach = live_window?
        .as_micros()
        .saturating_add(LONGEST_BREAK + LONGEST_CHUNK);
    match shift {
        Shift::Delay { by } if by <= reach => Some(0),
        Shift::Delay { .. } | Shift::Range { .. } | Shift::From { .. } => {
            (extra == Extra::Began).then_some(u64::MAX)
        }
    }
}

/// True when the publish in memory is on the air, and of the programme of this piece, or of one behind it without a long break. Where
/// the piece is the last that a viewer may have, the publish may have begun long after it.
pub(super) fn is_on_air_after(ring: &RingChunks, last: &Piece) -> bool {
    ring.on_air && ring.tape_zero.saturating_sub(last.end()) <= LONGEST_BREAK
}

impl Look {
    /// Adds the chunks that only the memory has: they have the numbers that they would have on the tape. `utc` is UTC of the media time
    /// zero of their publish, as its tape says.
    pub(super) fn add_ring(&self, chunks: &mut Vec<Dated>, utc: Option<Micros>) -> Result<(), Refusal> {
        let Some(ring) = self.ring.as_ref().filter(|ring| !ring.chunks.is_empty()) else {
            return Ok(());
        };
        let zero_utc = utc.unwrap_or(ring.zero_utc);
        let date = self.date((ring.tape_zero, zero_utc), ring.on_air);
        let in_memory = ring_pieces(ring, (zero_utc, date)).map_err(|error| of_file(&error))?;
        let is_new = |number: u64| chunks.iter().all(|(known, _)| known.chunk.number != number);
        let added: Vec<Dated> = in_memory
            .into_iter()
            .filter(|(piece, ..)| self.may_have(piece) && is_new(piece.chunk.number))
            .map(|(piece, tracks, facts)| (piece, (tracks, facts)))
            .collect();
        chunks.extend(added);
        chunks.sort_by_key(|(piece, _)| piece.chunk.number);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::hls::live::{InitName, LiveChunk};
    use crate::media::PublishId;

    const SECOND: Micros = 1_000_000;

    #[test]
    fn a_publish_that_began_long_after_a_programme_does_not_go_on_with_it() {
        let ring = |begins_s: i64, on_air| RingChunks {
            publish: PublishId::from_bytes([1; 16]),
            tape_zero: begins_s * SECOND,
            zero_utc: 0,
            on_air,
            recorded: false,
            target_s: None,
            chunks: Vec::new(),
        };
        let last = Piece {
            start: 98 * SECOND,
            utc: 0,
            chunk: LiveChunk {
                number: 1,
                discontinuities: 0,
                discontinuity: false,
                duration_us: 2_000_000,
                date: 0,
                independent: true,
                init: InitName::of(b""),
            },
        };
        for (begins_s, on_air, goes_on) in [
            (50, true, true),
            (280, true, true),
            (281, true, false),
            (50, false, false),
        ] {
            assert_eq!(
                is_on_air_after(&ring(begins_s, on_air), &last),
                goes_on,
                "{begins_s}"
            );
        }
    }

    #[test]
    fn memory_is_asked_only_for_delays_that_it_reaches() {
        let window: Span = "1min".parse().unwrap();
        let delay = |by_s: Micros| Shift::Delay { by: by_s * SECOND };
        let range = Shift::Range {
            from: 0,
            to: SECOND,
            at_once: true,
        };
        let from = Shift::From { from: 0 };
        let of = |shift, extra| kept_from(shift, Some(window), extra);
        assert_eq!(of(delay(0), Extra::Nothing), Some(0));
        assert_eq!(of(delay(60 + 187), Extra::Nothing), Some(0));
        assert_eq!(of(delay(60 + 188), Extra::Nothing), None);
        for shift in [range, from, delay(3_600)] {
            assert_eq!(of(shift, Extra::Rates), None);
            // When the publish began is known without any of its chunks.
            assert_eq!(of(shift, Extra::Began), Some(u64::MAX));
        }
        assert_eq!(kept_from(delay(0), None, Extra::Began), None);
    }
}
