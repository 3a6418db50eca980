//! Payload of chunks, and the memory that it may take.

use bytes::Bytes;

use super::{Charge, ChunkError, ChunkReader, MAX_PARTIAL_MESSAGES};
use crate::doors::rtmp::allowance::{Allowance, WhenFull};
use crate::doors::rtmp::message::Message;

const MAX_CONNECTION_BYTES: usize = 16 << 20;

/// A message that is announced longer than this, in bytes, gets its memory as its bytes arrive.
const FIRST_ALLOCATION: usize = 64 << 10;

/// The memory of a message may be this many times the bytes that have come.
const GROWTH: usize = 16;

impl ChunkReader {
    /// Prepares to read a chunk's payload. A message of no bytes is complete at once.
    #[inline]
    pub(super) fn begin_chunk(&mut self, index: usize) -> Result<Option<Message>, ChunkError> {
        self.current = index;
        let Some(chunks) = self.streams.get_mut(index) else {
            return Ok(None);
        };
        let length = usize::try_from(chunks.length).unwrap_or(usize::MAX);
        let have = match &chunks.partial {
            Some(partial) => partial.len(),
            None if length == 0 => return Ok(Some(chunks.message(Vec::new()))),
            None => {
                if self.partials >= MAX_PARTIAL_MESSAGES {
                    return Err(ChunkError::Partials);
                }
                let Some(charge) = take(&mut self.owed, &mut self.loans, &self.allowance, length) else {
                    return match self.allowance.when_full {
                        WhenFull::End => Err(ChunkError::Budget),
                        WhenFull::Wait => {
                            self.waiting = Some(index);
                            Ok(None)
                        }
                    };
                };
                let first = length.min(FIRST_ALLOCATION);
                self.held += first;
                self.partials += 1;
                chunks.charge = charge;
                chunks.partial = Some(Vec::with_capacity(first));
                0
            }
        };
        self.chunk_left = (length - have).min(usize::try_from(self.chunk_size).unwrap_or(usize::MAX));
        Ok(None)
    }

    /// Takes a chunk's payload from the input, or first from the stash, where a header was looked for.
    #[inline]
    pub(super) fn read_payload(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ChunkError> {
        if self.stash.len > 0 {
            let count = self.stash.len.min(self.chunk_left);
            let stashed = self.stash.bytes;
            self.stash.skip(count);
            return self.append(stashed.get(..count).unwrap_or(&[]));
        }
        let (piece, rest) = input.split_at(input.len().min(self.chunk_left));
        *input = rest;
        self.append(piece)
    }

    /// Copies payload. This is the one copy between the socket and the tape.
    #[inline]
    fn append(&mut self, piece: &[u8]) -> Result<Option<Message>, ChunkError> {
        let Some(chunks) = self.streams.get_mut(self.current) else {
            return Ok(None);
        };
        let length = usize::try_from(chunks.length).unwrap_or(usize::MAX);
        let Some(partial) = &mut chunks.partial else {
            return Ok(None);
        };
        let needed = partial.len() + piece.len();
        if needed > partial.capacity() {
            // The capacity is sixteen times the bytes that have come. So a large frame is moved once at most while it grows,
            // and a header alone takes nothing. It never exceeds the announced length: a finished message has no spare
            // capacity, and becomes `Bytes` as it is.
            let capacity = needed.saturating_mul(GROWTH).min(length);
            self.held += capacity - partial.capacity();
            partial.reserve_exact(capacity - partial.len());
        }
        partial.extend_from_slice(piece);
        self.chunk_left -= piece.len();
        if needed < length {
            return Ok(None);
        }
        let payload = chunks.partial.take().unwrap_or_default();
        let charge = std::mem::take(&mut chunks.charge);
        let message = chunks.message(Vec::new());
        self.release(charge, payload.capacity());
        Ok(Some(Message {
            payload: Bytes::from(payload),
            ..message
        }))
    }

    /// Gives back the memory of a message that is complete, or given up.
    pub(super) fn release(&mut self, charge: Charge, held: usize) {
        self.partials = self.partials.saturating_sub(1);
        self.held -= held;
        self.owed.share = self.owed.share.saturating_sub(charge.share);
        self.owed.budget = self.owed.budget.saturating_sub(charge.budget);
        self.allowance.budget.give(&self.allowance.owner, charge.budget);
    }
}

/// Takes the memory that a message of `length` bytes may need: from the share, or else from the budget.
fn take(owed: &mut Charge, loans: &mut u64, allowance: &Allowance, length: usize) -> Option<Charge> {
    if owed.share + length <= allowance.share {
        owed.share += length;
        return Some(Charge {
            share: length,
            budget: 0,
        });
    }
    let fits = owed.budget + length <= MAX_CONNECTION_BYTES;
    if !fits || !allowance.budget.take(&allowance.owner, length) {
        return None;
    }
    *loans += u64::from(owed.budget == 0);
    owed.budget += length;
    Some(Charge {
        share: 0,
        budget: length,
    })
}
