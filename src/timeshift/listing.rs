//! The chunks of a stretch, and the kind of playlist that they make.

use super::join::joins;
use super::piece::Piece;
use super::stretch::{Growth, Stretch};
use crate::format::hls::live::{JoinedChunk, Shape};
use crate::media::Micros;

/// A stretch ends in the past. So long the tape may still be behind: chunks are listed when they are complete and on flash, and a
/// storage device may stall.
const SETTLES: Micros = 60_000_000;
/// The target duration of a playlist that may get other chunks, in seconds. No chunk of the tape is longer, nor are joined ones.
const MOST_TARGET_S: u32 = 6;
/// The most chunks of a playlist. A day has fewer, unless several boots without a clock had the same day.
const MOST: usize = 120_000;

/// A part of the time line without tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// UTC where the tape stops.
    pub from: Micros,
    /// UTC where it goes on.
    pub to: Micros,
}

/// A playlist of a stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its chunks, in the order of the tape. At least one.
    pub chunks: Vec<JoinedChunk>,
    /// What may become of the playlist.
    pub shape: Shape,
    /// The target duration, in seconds.
    pub target_s: u32,
}

/// Collects the chunks of a stretch, segment by segment.
#[derive(Clone, Debug)]
pub struct Listing {
    stretch: Stretch,
    chunks: Vec<JoinedChunk>,
    /// The first and the last chunk of the tape that are listed.
    first: Option<Piece>,
    last: Option<Piece>,
    /// Tape behind the end of the stretch was seen.
    reached: bool,
    /// The programme of the first chunk is over.
    over: bool,
}

impl Listing {
    /// A list of a stretch, without any chunk.
    pub fn new(stretch: Stretch) -> Self {
        Self {
            stretch,
            chunks: Vec::new(),
            first: None,
            last: None,
            reached: false,
            over: false,
        }
    }

    /// The first chunk of the tape that is listed.
    pub fn first(&self) -> Option<&Piece> {
        self.first.as_ref()
    }

    /// UTC of the end of the last chunk that is listed.
    pub fn ends(&self) -> Option<Micros> {
        self.last.as_ref().map(Piece::ends)
    }

    /// True when no later tape can be listed.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Takes the complete chunks of the next segment of the tape, from its first one on. `is_sealed` says that it has no others.
    /// `goes_on` tells of a long gap whether a recording goes on over it.
    pub fn segment<E>(
        &mut self,
        pieces: &[Piece],
        is_sealed: bool,
        goes_on: &mut dyn FnMut(Gap) -> Result<bool, E>,
    ) -> Result<(), E> {
        for (range, is_complete) in joins(pieces, is_sealed) {
            let own = pieces.get(range).unwrap_or_default();
            let Some((first, last)) = own.first().zip(own.last()) else {
                continue;
            };
            if !self.stretch.is_joined(first.utc) {
                for piece in own {
                    self.chunk(piece, piece, piece.alone(), goes_on)?;
                }
            } else if is_complete {
                let lasts_us = own.iter().map(|piece| piece.chunk.duration_us).sum();
                self.chunk(
                    first,
                    last,
                    first.alone().up_to(last.chunk.number, lasts_us),
                    goes_on,
                )?;
            }
        }
        Ok(())
    }

    fn chunk<E>(
        &mut self,
        first: &Piece,
        last: &Piece,
        mut joined: JoinedChunk,
        goes_on: &mut dyn FnMut(Gap) -> Result<bool, E>,
    ) -> Result<(), E> {
        let stretch = self.stretch;
        self.reached |= first.utc >= stretch.to;
        if self.over || first.utc >= stretch.to || last.ends() <= stretch.from {
            return Ok(());
        }
        if let Some(before) = &self.last {
            let gap = Gap {
                from: before.ends(),
                to: first.utc,
            };
            let ends = stretch.growth == Growth::UntilOver && !before.leads_to(first);
            if self.chunks.len() >= MOST || ends && !goes_on(gap)? {
                self.over = true;
                return Ok(());
            }
            // Tape that was deleted, or that another clock dates outside of the stretch, is missing between the two.
            joined.chunk.discontinuity |= before.chunk.number.checked_add(1) != Some(first.chunk.number);
        }
        self.first.get_or_insert_with(|| first.clone());
        self.chunks.push(joined);
        self.last = Some(last.clone());
        Ok(())
    }

    /// The playlist at a moment (UTC). `more` says that other chunks may come: the stream is recorded, or a recording waits for
    /// its publisher. `None` when there is nothing to list.
    pub fn finish(self, now: Micros, more: bool) -> Option<Listed> {
        let Stretch { to, growth, .. } = self.stretch;
        let last = self.last.as_ref()?;
        let has_all = self.reached || last.ends() >= to || !more || now >= to.saturating_add(SETTLES);
        let has_passed = now >= to && has_all;
        let ended = match growth {
            Growth::AtOnce => true,
            Growth::UntilEnd => has_passed,
            Growth::UntilOver => has_passed || self.over || !more,
        };
        let shape = match (growth, ended) {
            (Growth::AtOnce | Growth::UntilEnd, true) => Shape::Closed,
            _ if self.stretch.slides() => Shape::Sliding { ended },
            _ => Shape::Event { ended },
        };
        let longest_us = self.chunks.iter().map(|joined| joined.chunk.duration_us).max();
        let longest_s = longest_us.unwrap_or(0).saturating_add(500_000) / 1_000_000;
        let longest_s = u32::try_from(longest_s).unwrap_or(u32::MAX).max(1);
        // The target duration of a playlist stays, also when it has its end (RFC 8216 §6.2.1).
        let may_grow = growth != Growth::AtOnce || self.stretch.joins_some();
        Some(Listed {
            target_s: if may_grow {
                longest_s.max(MOST_TARGET_S)
            } else {
                longest_s
            },
            chunks: self.chunks,
            shape,
        })
    }
}
