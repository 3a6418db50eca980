//! The playlist of a delay: the window that was live then, out of memory and of tape.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::look::{Found, LATEST, Look, begun};
use super::memory::is_on_air_after;
use crate::doors::http::answer::Refusal;
use crate::doors::http::files::of_store;
use crate::doors::http::held::{Of, hidden};
use crate::format::hls::live::{ChunkFacts, Shape};
use crate::media::{Micros, Tracks};
use crate::store::{Library, ListedSegment};
use crate::timeshift::{Gap, LONGEST_BREAK, Piece, SAYS_SO, window};

/// The target duration where nobody knows a better one, in seconds. No chunk is longer.
const MOST_TARGET_S: u32 = 6;
/// No chunk lasts longer than this.
pub(super) const LONGEST_CHUNK: Micros = 7_000_000;
/// No recording waits longer for its publisher.
const LONGEST_WAIT: Micros = 6 * 3_600_000_000;

/// A chunk, with the configurations and the facts of its rate.
pub(super) type Dated = (Piece, (Arc<Tracks>, ChunkFacts));

impl Look {
    pub(super) fn delayed(&self, library: &Library, by: Micros) -> Result<Found, Refusal> {
        let at = self.now.saturating_sub(by);
        if self.oldest(at).is_some_and(|oldest| at < oldest) {
            return Err(self.too_old());
        }
        let of_window = Micros::try_from(self.most)
            .unwrap_or(0)
            .saturating_mul(LONGEST_CHUNK);
        let mut found = self.window(library, at, of_window.max(SAYS_SO + LONGEST_CHUNK))?;
        if found.is_none() && self.is_recorded_over(library, at)? {
            // A recording waited for its publisher.
            found = self.window(library, at, LONGEST_WAIT + of_window)?;
        }
        match found {
            Some(found) => Ok(found),
            None if self.withheld.get() => Err(hidden(Of::Stream)),
            None if by < LATEST && self.is_recorded_over(library, self.now)? => Err(begun()),
            None => Err(Refusal::not_found(format!(
                "nothing of {} was on the air then, or it is not on the box any more",
                self.stream
            ))),
        }
    }

    /// The window at a moment, out of memory and of tape from so long before on.
    fn window(&self, library: &Library, at: Micros, back: Micros) -> Result<Option<Found>, Refusal> {
        let (chunks, target_s) = self.chunks(library, at, back)?;
        let pieces: Vec<Piece> = chunks.iter().map(|(piece, _)| piece.clone()).collect();
        let more = match pieces.last() {
            Some(last) => {
                self.ring.as_ref().is_some_and(|ring| is_on_air_after(ring, last))
                    || self.is_recorded_over(library, last.ends())?
            }
            None => return Ok(None),
        };
        let mut goes_on = |gap: Gap| self.is_recorded_over(library, gap.from);
        let most_s = target_s.map_or(MOST_TARGET_S, u32::from);
        let Some(shifted) = window(&pieces, (at, self.most, most_s), more, &mut goes_on)? else {
            return Ok(None);
        };
        let target_s = match target_s {
            Some(target_s) => u32::from(target_s),
            // The publish has fewer than three chunks. The target duration has to stay what it is once told.
            None if shifted.ended => MOST_TARGET_S,
            None => return Err(begun()),
        };
        let first = shifted.chunks.first().map(|joined| joined.chunk.number);
        let shown = chunks.into_iter().filter(|(piece, _)| {
            let number = piece.chunk.number;
            first.is_some_and(|first| number >= first) && piece.ends() <= at
        });
        let mut shown = shown.peekable();
        let began = match shown.peek() {
            Some((first, _)) => self.began(library, first)?,
            None => None,
        };
        Ok(Some(Found {
            chunks: shifted.chunks,
            shape: Shape::Sliding { ended: shifted.ended },
            target_s,
            began,
            samples: shown.map(|(_, sample)| sample).collect(),
        }))
    }

    /// The chunks from so long before a moment on, and the target duration of the publish that is the newest then, in seconds.
    fn chunks(
        &self,
        library: &Library,
        at: Micros,
        back: Micros,
    ) -> Result<(Vec<Dated>, Option<u16>), Refusal> {
        let (mut chunks, mut names, mut target_s) = (Vec::new(), self.door.inits.names(&self.stream), None);
        let within = (
            at.saturating_sub(back),
            at.saturating_add(LONGEST_BREAK + LONGEST_CHUNK),
        );
        let ring = self.ring.as_ref();
        let mut ring_utc = None;
        let each = |segment: ListedSegment| {
            if ring.is_some_and(|ring| ring.tape_zero == segment.publish_zero) {
                ring_utc = Some(segment.publish_zero_utc);
            }
            let facts = segment
                .chunks
                .iter()
                .map(|facts| (Arc::clone(&segment.tracks), *facts));
            let pieces = self.pieces(&segment, &mut names).into_iter().zip(facts);
            let own = chunks.len();
            chunks.extend(pieces.filter(|(piece, _)| self.may_have(piece)));
            if chunks.get(own).is_some_and(|(first, _)| first.utc <= at) {
                target_s = segment.target_s;
            }
            ControlFlow::Continue(())
        };
        let read = library.listed(&self.stream, within, self.open.as_deref(), each);
        read.map_err(|error| of_store(&error))?;
        self.add_ring(&mut chunks, ring_utc)?;
        let newest = chunks.iter().rev().find(|(piece, _)| piece.utc <= at);
        let target_s = match ring {
            Some(ring) if newest.is_some_and(|(piece, _)| piece.start >= ring.tape_zero) => ring.target_s,
            Some(ring) => target_s.or(ring.target_s),
            None => target_s,
        };
        Ok((chunks, target_s))
    }
}
