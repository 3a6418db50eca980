//! The chunks of a stream that its playlist lists now. Pure.

use std::sync::Arc;

use crate::format::FileError;
use crate::format::hls::live::{ChunkBytes, ChunkFacts, ChunkFrames, ChunkRate, Init, InitName, LiveChunk};
use crate::media::{Micros, Tracks};
use crate::recorder::{RingChunk, RingChunks};
use crate::store::ListedSegment;
use crate::timeshift::Piece;

/// Chunks behind a longer break are another programme: nobody who plays what is live wants what was before it.
pub(super) const LONGEST_BREAK: Micros = 180_000_000;

/// A chunk that can be played now, on the tape or in memory.
#[derive(Clone, Debug)]
pub(super) struct Playable {
    pub(super) number: u64,
    /// How many discontinuities the stream has had, up to and including the beginning of the chunk.
    discontinuities: u64,
    discontinuity: bool,
    /// The configurations that decode the chunk. Those of a segment share them.
    pub(super) tracks: Arc<Tracks>,
    facts: ChunkFacts,
    /// Tape time of the media time zero of its publish, and UTC of that moment.
    zero: (Micros, Micros),
}

/// The last chunks of a stream, and how long chunks of it are.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    pub(super) chunks: Vec<Playable>,
    /// The target duration in seconds. None while the stream is so new that it is not known.
    pub(super) target_s: Option<u16>,
}

impl Playable {
    /// The chunks of a segment of the tape.
    pub(super) fn of_segment(segment: &ListedSegment) -> impl Iterator<Item = Playable> {
        segment.numbered().map(|(number, discontinuity, facts)| Playable {
            number,
            discontinuities: segment.numbers.discontinuity,
            discontinuity,
            tracks: Arc::clone(&segment.tracks),
            facts: *facts,
            zero: (segment.publish_zero, segment.publish_zero_utc),
        })
    }

    /// A chunk in memory.
    fn of_ring(ring: &RingChunks, chunk: &RingChunk) -> Result<Playable, FileError> {
        Ok(Playable {
            number: chunk.number,
            discontinuities: chunk.discontinuity,
            discontinuity: chunk.breaks,
            tracks: Arc::new(chunk.tracks.clone()),
            facts: bytes(ring, chunk)?.facts(),
            zero: (ring.tape_zero, ring.zero_utc),
        })
    }

    fn end(&self) -> Micros {
        self.facts.start.saturating_add_unsigned(self.facts.duration_us)
    }

    /// Tape time of its beginning and its end.
    pub(super) fn tape(&self) -> (Micros, Micros) {
        (self.facts.start, self.end())
    }

    /// UTC of the beginning of the chunk.
    pub(super) fn begins_at(&self) -> Micros {
        self.zero
            .1
            .saturating_add(self.facts.start.saturating_sub(self.zero.0))
    }

    /// UTC of the end of the chunk.
    pub(super) fn ends_at(&self) -> Micros {
        self.zero.1.saturating_add(self.end().saturating_sub(self.zero.0))
    }
}

/// The file of a chunk in memory.
pub(super) fn bytes(ring: &RingChunks, chunk: &RingChunk) -> Result<ChunkBytes, FileError> {
    ChunkBytes::of(&ChunkFrames {
        number: chunk.number,
        target: chunk.target,
        tracks: &chunk.tracks,
        tape_zero: ring.tape_zero,
        frames: &chunk.frames,
        next_video_dts: chunk.next_video_dts,
    })
}

/// The chunks in memory, as time shift needs them, with their tracks. `zero` is UTC of media time zero, and its date in playlists.
pub(in crate::doors::http) fn ring_pieces(
    ring: &RingChunks,
    zero: (Micros, Micros),
) -> Result<Vec<(Piece, Arc<Tracks>, ChunkFacts)>, FileError> {
    let chunks = ring.chunks.iter().map(|chunk| Playable::of_ring(ring, chunk));
    let window = Window {
        chunks: chunks.collect::<Result<_, _>>()?,
        target_s: None,
    };
    Ok(window.pieces(zero).collect())
}

impl Window {
    /// Adds the chunks in memory that are not on the tape. They have the numbers that they would have there.
    pub(super) fn with_ring(self, ring: Option<&RingChunks>) -> Result<Window, FileError> {
        let Some(ring) = ring else { return Ok(self) };
        let is_taped = |number: u64| self.chunks.iter().any(|taped| taped.number == number);
        let others = ring.chunks.iter().filter(|chunk| !is_taped(chunk.number));
        let in_memory = others
            .map(|chunk| Playable::of_ring(ring, chunk))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(self.with(in_memory, ring.target_s))
    }

    /// Adds chunks in memory, which come from a publish with this target duration.
    fn with(mut self, in_memory: Vec<Playable>, target_s: Option<u16>) -> Window {
        let newest = |chunks: &[Playable]| chunks.last().map(|chunk| chunk.number);
        // The target duration is that of the publish that the last chunk is of.
        let is_newer = newest(&in_memory) > newest(&self.chunks);
        self.chunks.extend(in_memory);
        self.chunks.sort_by_key(|chunk| chunk.number);
        Window {
            chunks: self.chunks,
            target_s: if is_newer {
                target_s
            } else {
                self.target_s.or(target_s)
            },
        }
    }

    /// The chunks of a publish as time shift needs them. Of its media time zero, `utc` is known, and `date` is in playlists.
    fn pieces(self, (utc, date): (Micros, Micros)) -> impl Iterator<Item = (Piece, Arc<Tracks>, ChunkFacts)> {
        let listed = self.listed(|_, _| date);
        self.chunks.into_iter().zip(listed).map(move |(chunk, listed)| {
            let since_zero = chunk.facts.start.saturating_sub(chunk.zero.0);
            let piece = Piece {
                start: chunk.facts.start,
                utc: utc.saturating_add(since_zero),
                chunk: listed,
            };
            (piece, chunk.tracks, chunk.facts)
        })
    }

    /// The last `most` chunks, without those before a number that is missing or a long break. A chunk of an earlier publish that is
    /// longer than the target duration is left out, with those before it: the target duration stays the same while the playlist is
    /// served, and no chunk in it may be longer (RFC 8216 §4.3.3.1).
    pub(super) fn last(mut self, most: usize) -> Window {
        let target_s = self.target_s.map_or(u64::MAX, u64::from);
        let is_long = |chunk: &Playable| (chunk.facts.duration_us + 500_000) / 1_000_000 > target_s;
        let long = self.chunks.iter().rposition(is_long);
        self.chunks.drain(..long.map_or(0, |long| long + 1));
        let pairs = self.chunks.iter().zip(self.chunks.iter().skip(1));
        let mut breaks = pairs.map(|(one, next)| {
            one.number.checked_add(1) != Some(next.number)
                || next.facts.start.saturating_sub(one.end()) > LONGEST_BREAK
        });
        let first = breaks.rposition(|breaks| breaks).map_or(0, |before| before + 1);
        let first = first.max(self.chunks.len().saturating_sub(most));
        self.chunks.drain(..first);
        self
    }

    /// The chunks as their playlist lists them. `dated` gives the date of a publish's media time zero that the playlist keeps.
    pub(super) fn listed(&self, mut dated: impl FnMut(Micros, Micros) -> Micros) -> Vec<LiveChunk> {
        let mut known: Option<(&Arc<Tracks>, InitName)> = None;
        // To name an init is to make it.
        let mut init = |tracks| match known {
            Some((before, name)) if Arc::ptr_eq(before, tracks) => name,
            _ => known.insert((tracks, Init::of(tracks).name)).1,
        };
        let listed = self.chunks.iter().map(|chunk| LiveChunk {
            number: chunk.number,
            discontinuities: chunk.discontinuities,
            discontinuity: chunk.discontinuity,
            duration_us: chunk.facts.duration_us,
            date: dated(chunk.zero.0, chunk.zero.1)
                .saturating_add(chunk.facts.start.saturating_sub(chunk.zero.0)),
            independent: chunk.facts.independent,
            init: init(&chunk.tracks),
        });
        listed.collect()
    }

    /// The chunks as the master playlist needs them.
    pub(super) fn rates(&self) -> Vec<ChunkRate<'_>> {
        let rates = self.chunks.iter().map(|chunk| ChunkRate {
            tracks: &chunk.tracks,
            bytes: chunk.facts.bytes,
            duration_us: chunk.facts.duration_us,
            pictures: chunk.facts.pictures,
        });
        rates.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chunks with these numbers, beginnings and lengths in seconds.
    fn window(chunks: &[(u64, i64, u64)], target_s: u16) -> Window {
        let playable = |(number, start_s, length_s): &(u64, i64, u64)| Playable {
            number: *number,
            discontinuities: 0,
            discontinuity: false,
            tracks: Arc::default(),
            facts: ChunkFacts {
                bytes: 1,
                start: start_s * 1_000_000,
                duration_us: length_s * 1_000_000,
                pictures: 1,
                independent: true,
            },
            zero: (0, 0),
        };
        Window {
            chunks: chunks.iter().map(playable).collect(),
            target_s: Some(target_s),
        }
    }

    fn listed(window: Window, most: usize) -> Vec<u64> {
        let last = window.last(most);
        last.chunks.iter().map(|chunk| chunk.number).collect()
    }

    #[test]
    fn a_playlist_is_of_one_stretch_and_keeps_its_target_duration() {
        let two = |numbers: &[u64]| -> Vec<(u64, i64, u64)> {
            let places = numbers.iter().zip((0..).step_by(2));
            places.map(|(number, start)| (*number, start, 2)).collect()
        };
        assert_eq!(listed(window(&two(&[4, 5, 6, 7]), 2), 3), [5, 6, 7]);
        assert_eq!(
            listed(window(&two(&[4, 5, 7, 8]), 2), 10),
            [7, 8],
            "a number is missing"
        );
        let broken = [(4, 0, 2), (5, 2, 2), (6, 200, 2)];
        assert_eq!(listed(window(&broken, 2), 10), [6], "a long break");
        // A short publish before this one had longer chunks.
        let longer = [(4, 0, 2), (5, 2, 5), (6, 30, 2), (7, 32, 2)];
        assert_eq!(listed(window(&longer, 2), 10), [6, 7]);
        assert_eq!(listed(window(&longer, 5), 10), [4, 5, 6, 7]);
    }

    #[test]
    fn memory_goes_on_where_the_tape_ends_and_goes_back_before_its_beginning() {
        let numbers = |window: &Window| -> Vec<u64> {
            let numbers = window.chunks.iter().map(|chunk| chunk.number);
            numbers.collect()
        };
        let taped = || window(&[(6, 4, 2), (7, 6, 2)], 2);
        let ring = window(&[(4, 0, 2), (5, 2, 2), (8, 8, 3)], 3).chunks;
        let joined = taped().with(ring.clone(), Some(3));
        assert_eq!(
            (numbers(&joined), joined.target_s),
            (vec![4, 5, 6, 7, 8], Some(3))
        );
        let before = taped().with(ring[..2].to_vec(), None);
        assert_eq!((numbers(&before), before.target_s), (vec![4, 5, 6, 7], Some(2)));
        // Nobody knows the target duration of a publish with few chunks, and it is not that of an earlier one.
        assert_eq!(taped().with(ring[2..].to_vec(), None).target_s, None);
        assert_eq!(Window::default().with(ring, Some(3)).target_s, Some(3));
        assert_eq!(taped().with(Vec::new(), None).target_s, Some(2));
    }

    #[test]
    fn a_piece_in_memory_has_the_time_of_now_and_the_date_that_was_told() {
        let mut window = window(&[(4, 10, 2)], 2);
        // The clock was set after the first playlist.
        window.chunks[0].zero = (8_000_000, 0);
        let (piece, ..) = window.pieces((1_780_000_000_000_000, 50)).next().unwrap();
        assert_eq!((piece.utc, piece.start), (1_780_000_002_000_000, 10_000_000));
        assert_eq!(piece.chunk.date, 2_000_050);
    }
}
