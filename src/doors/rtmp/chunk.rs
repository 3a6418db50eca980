//! Makes messages from chunks, RTMP §5.3, with every limit that input from strangers calls for.

use bytes::Bytes;

use super::allowance::{Allowance, WhenFull};
use super::chunk_header::{MAX_HEADER, Repeat, detect_repeat, parse_basic, parse_fields};
use super::message::{ABORT, Message, SET_CHUNK_SIZE, be32};

/// The largest message that is taken, in bytes. A keyframe of 4K video is a tenth of it.
pub(super) const MAX_MESSAGE: u32 = 10 << 20;

const MIN_CHUNK_SIZE: u32 = 128;
const MAX_CHUNK_SIZE: u32 = 16 << 20;
const MAX_CHUNK_STREAMS: usize = 64;
const MAX_PARTIAL_MESSAGES: usize = 4;
const MAX_CONNECTION_BYTES: usize = 16 << 20;

/// A message that is announced longer than this, in bytes, gets its memory as its bytes arrive.
const FIRST_ALLOCATION: usize = 64 << 10;

/// The memory of a message may be this many times the bytes that have come.
const GROWTH: usize = 16;

/// A timestamp above this, in milliseconds, cannot be meant as the delta of the next message.
const LONGEST_FIRST_DELTA: u32 = 1_000;

/// Why a connection's bytes are not RTMP that can be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Set Chunk Size with a value outside the bounds.
    #[error("chunk size {0} is outside {MIN_CHUNK_SIZE} to {MAX_CHUNK_SIZE}")]
    ChunkSize(u32),
    /// A control message shorter than its fields.
    #[error("control message of type {0} is cut short")]
    ShortControl(u8),
    /// A message longer than the cap.
    #[error("a message of type {kind} announces {length} bytes; at most {longest} are taken{}", before_publish(*.longest))]
    TooLong {
        /// The message type.
        kind: u8,
        /// The announced length, in bytes.
        length: u32,
        /// The longest message that is taken, in bytes.
        longest: u32,
    },
    /// Too many chunk streams.
    #[error("more than {MAX_CHUNK_STREAMS} chunk streams")]
    ChunkStreams,
    /// Too many messages begun and not ended.
    #[error("more than {MAX_PARTIAL_MESSAGES} messages begun at the same time")]
    Partials,
    /// A header refers to an earlier one that never came.
    #[error("chunk stream {csid} begins with a chunk of type {format}, which needs one before it")]
    NoHeader {
        /// The id of the chunk stream.
        csid: u32,
        /// The chunk type, 0 to 3.
        format: u8,
    },
    /// Another message began on a chunk stream whose message had not ended.
    #[error("chunk stream {0} begins a message within a message")]
    Interrupted(u32),
    /// Half-received messages hold all the memory they may.
    #[error("half-received messages hold all the memory they may")]
    Budget,
}

/// Puts messages together from chunks that arrive in any pieces.
#[derive(Debug)]
pub struct ChunkReader {
    chunk_size: u32,
    streams: Vec<ChunkStream>,
    /// The chunk stream that the payload being read belongs to, and the bytes left of the chunk.
    current: usize,
    chunk_left: usize,
    /// A header that was cut by the end of the input.
    stash: Stash,
    partials: usize,
    /// Memory that half-received messages really hold, in bytes.
    held: usize,
    allowance: Allowance,
    /// The bytes that are taken from the share, and from the budget.
    owed: Charge,
    /// How many loans there were: a loan begins when memory is taken from the budget and none was held of it before.
    loans: u64,
    /// A chunk stream whose message has begun and waits for memory.
    waiting: Option<usize>,
}

/// The memory that a message may take up, in bytes, by where it was taken from.
#[derive(Clone, Copy, Debug, Default)]
struct Charge {
    share: usize,
    budget: usize,
}

#[derive(Debug, Default)]
struct ChunkStream {
    csid: u32,
    timestamp: u32,
    delta: u32,
    /// The time field of the last header, when it was an extended one.
    extended: Option<u32>,
    length: u32,
    kind: u8,
    stream: u32,
    partial: Option<Vec<u8>>,
    charge: Charge,
}

#[derive(Debug, Default)]
struct Stash {
    bytes: [u8; MAX_HEADER],
    len: usize,
}

impl ChunkReader {
    /// A reader at the start of a connection. `allowance` is what its half-received messages may hold.
    pub fn new(allowance: impl Into<Allowance>) -> Self {
        Self {
            chunk_size: 128,
            streams: Vec::new(),
            current: 0,
            chunk_left: 0,
            stash: Stash::default(),
            partials: 0,
            held: 0,
            allowance: allowance.into(),
            owed: Charge::default(),
            loans: 0,
            waiting: None,
        }
    }

    /// Sets another allowance, from here on. Messages that are half received count for the new share.
    pub(super) fn allow(&mut self, allowance: Allowance) {
        let before = std::mem::replace(&mut self.allowance, allowance);
        before.budget.give(&before.owner, self.owed.budget);
        self.owed = Charge::default();
        for chunks in &mut self.streams {
            let share = chunks.charge.share + chunks.charge.budget;
            chunks.charge = Charge { share, budget: 0 };
            self.owed.share += share;
        }
    }

    /// Consumes input up to the end of the next message. None means that all input was consumed, or that a message waits for
    /// memory ([`ChunkReader::is_held_up`]). The reader obeys Set Chunk Size and Abort, and does not return them.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ChunkError> {
        loop {
            let message = if let Some(index) = self.waiting.take() {
                self.begin_chunk(index)?
            } else if self.chunk_left > 0 {
                self.read_payload(input)?
            } else {
                match self.read_header(input)? {
                    Some(index) => self.begin_chunk(index)?,
                    None => return Ok(None),
                }
            };
            match message {
                Some(message) if message.kind == SET_CHUNK_SIZE => self.set_chunk_size(&message)?,
                Some(message) if message.kind == ABORT => self.abort(&message)?,
                Some(message) => return Ok(Some(message)),
                None if self.waiting.is_some() => return Ok(None),
                None if self.chunk_left > 0 && input.is_empty() && self.stash.len == 0 => return Ok(None),
                None => {}
            }
        }
    }

    /// Bytes that half-received messages of this connection hold.
    pub fn held(&self) -> usize {
        self.held
    }

    /// True while a message waits for memory that others have. The input has to wait with it.
    pub fn is_held_up(&self) -> bool {
        self.waiting.is_some()
    }

    /// The number of the loan, while this connection holds memory that others may wait for.
    pub(super) fn loan(&self) -> Option<u64> {
        (self.owed.budget > 0).then_some(self.loans)
    }

    // ---- headers

    /// Reads one chunk header and applies it to its chunk stream.
    fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<usize>, ChunkError> {
        if self.stash.len == 0 {
            return Ok(match self.parse_header(input)? {
                Some((index, used)) => {
                    *input = input.get(used..).unwrap_or(&[]);
                    Some(index)
                }
                None => {
                    self.stash.fill(input);
                    None
                }
            });
        }
        let before = self.stash.len;
        let mut rest = *input;
        self.stash.fill(&mut rest);
        let stashed = self.stash.bytes;
        let Some((index, used)) = self.parse_header(stashed.get(..self.stash.len).unwrap_or(&stashed))?
        else {
            *input = rest;
            return Ok(None);
        };
        // The bytes that the stash took beyond the header go back to the input. The reader looks for an extended timestamp in
        // four bytes. Only those can be payload that came before this input.
        *input = input.get(used.saturating_sub(before)..).unwrap_or(&[]);
        self.stash.len = before;
        self.stash.skip(used.min(before));
        Ok(Some(index))
    }

    /// Parses a header from contiguous bytes. Gives the chunk stream's index and the bytes used. None when bytes are missing.
    #[inline]
    fn parse_header(&mut self, bytes: &[u8]) -> Result<Option<(usize, usize)>, ChunkError> {
        let Some(basic) = parse_basic(bytes) else {
            return Ok(None);
        };
        let rest = bytes.get(basic.len..).unwrap_or(&[]);
        if basic.format == 3 {
            return Ok(self
                .apply_repeat(basic.csid, rest)?
                .map(|(index, used)| (index, basic.len + used)));
        }
        let Some(fields) = parse_fields(basic.format, rest) else {
            return Ok(None);
        };
        let index = match self.find(basic.csid) {
            Some(index) => index,
            // librtmp begins chunk stream 2 with a type-1 chunk. Only the message stream is missing, and it is 0.
            None if fields.shape.is_some() => self.open(basic.csid)?,
            None => {
                return Err(ChunkError::NoHeader {
                    csid: basic.csid,
                    format: basic.format,
                });
            }
        };
        let Some(chunks) = self.streams.get_mut(index) else {
            return Ok(None);
        };
        if chunks.partial.is_some() {
            // Some senders never compress, and send a full header in the middle of a message. It must agree.
            if fields
                .shape
                .is_some_and(|shape| shape != (chunks.length, chunks.kind))
            {
                return Err(ChunkError::Interrupted(basic.csid));
            }
            return Ok(Some((index, basic.len + fields.len)));
        }
        if let Some((length, kind)) = fields.shape {
            let longest = self.allowance.longest;
            if length > longest {
                return Err(ChunkError::TooLong {
                    kind,
                    length,
                    longest,
                });
            }
            chunks.length = length;
            chunks.kind = kind;
        }
        match fields.stream {
            Some(stream) => {
                chunks.stream = stream;
                chunks.timestamp = fields.time;
                // RTMP §5.3.1.2.4 makes the timestamp of a type-0 chunk the delta of a type-3 chunk after it, and ffmpeg sends
                // so. librtmp sends the same pair for two messages of one time. That would double a clock that has run for
                // days, so a large value is not taken for a delta.
                chunks.delta = if fields.time <= LONGEST_FIRST_DELTA {
                    fields.time
                } else {
                    0
                };
            }
            None => {
                chunks.delta = fields.time;
                chunks.timestamp = chunks.timestamp.wrapping_add(fields.time);
            }
        }
        chunks.extended = fields.extended.then_some(fields.time);
        Ok(Some((index, basic.len + fields.len)))
    }

    /// Applies a type-3 chunk: it continues a message, or begins one with the same header as the last.
    #[inline]
    fn apply_repeat(&mut self, csid: u32, rest: &[u8]) -> Result<Option<(usize, usize)>, ChunkError> {
        let Some(index) = self.find(csid) else {
            return Err(ChunkError::NoHeader { csid, format: 3 });
        };
        let Some(chunks) = self.streams.get_mut(index) else {
            return Ok(None);
        };
        let mut used = 0;
        if let Some(field) = chunks.extended {
            let next = chunks.timestamp.wrapping_add(match chunks.partial {
                Some(_) => 0,
                None => chunks.delta,
            });
            match detect_repeat(rest, [field, next]) {
                Repeat::Present => used = 4,
                Repeat::Omitted => {}
                Repeat::Unclear => return Ok(None),
            }
        }
        if chunks.partial.is_none() {
            chunks.timestamp = chunks.timestamp.wrapping_add(chunks.delta);
        }
        Ok(Some((index, used)))
    }

    #[inline]
    fn find(&self, csid: u32) -> Option<usize> {
        if self
            .streams
            .get(self.current)
            .is_some_and(|chunks| chunks.csid == csid)
        {
            return Some(self.current);
        }
        self.streams.iter().position(|chunks| chunks.csid == csid)
    }

    fn open(&mut self, csid: u32) -> Result<usize, ChunkError> {
        if self.streams.len() >= MAX_CHUNK_STREAMS {
            return Err(ChunkError::ChunkStreams);
        }
        self.streams.push(ChunkStream {
            csid,
            ..ChunkStream::default()
        });
        Ok(self.streams.len() - 1)
    }

    // ---- payload

    /// Prepares to read a chunk's payload. A message of no bytes is complete at once.
    #[inline]
    fn begin_chunk(&mut self, index: usize) -> Result<Option<Message>, ChunkError> {
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
    fn read_payload(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ChunkError> {
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
    fn release(&mut self, charge: Charge, held: usize) {
        self.partials = self.partials.saturating_sub(1);
        self.held -= held;
        self.owed.share = self.owed.share.saturating_sub(charge.share);
        self.owed.budget = self.owed.budget.saturating_sub(charge.budget);
        self.allowance.budget.give(&self.allowance.owner, charge.budget);
    }

    // ---- protocol control

    fn set_chunk_size(&mut self, message: &Message) -> Result<(), ChunkError> {
        let size = be32(&message.payload).ok_or(ChunkError::ShortControl(message.kind))?;
        if !(MIN_CHUNK_SIZE..=MAX_CHUNK_SIZE).contains(&size) {
            return Err(ChunkError::ChunkSize(size));
        }
        self.chunk_size = size;
        Ok(())
    }

    fn abort(&mut self, message: &Message) -> Result<(), ChunkError> {
        let csid = be32(&message.payload).ok_or(ChunkError::ShortControl(message.kind))?;
        let named = self.streams.iter_mut().find(|chunks| chunks.csid == csid);
        let aborted =
            named.and_then(|chunks| Some((chunks.partial.take()?, std::mem::take(&mut chunks.charge))));
        if let Some((partial, charge)) = aborted {
            self.release(charge, partial.capacity());
        }
        Ok(())
    }
}

impl Drop for ChunkReader {
    fn drop(&mut self) {
        let Allowance { budget, owner, .. } = &self.allowance;
        budget.give(owner, self.owed.budget);
    }
}

impl ChunkStream {
    fn message(&self, payload: Vec<u8>) -> Message {
        Message {
            kind: self.kind,
            timestamp: self.timestamp,
            stream: self.stream,
            payload: Bytes::from(payload),
        }
    }
}

impl Stash {
    /// Takes as many bytes from `input` as still fit.
    fn fill(&mut self, input: &mut &[u8]) {
        let free = self.bytes.get_mut(self.len..).unwrap_or_default();
        let (taken, rest) = input.split_at(input.len().min(free.len()));
        if let Some(target) = free.get_mut(..taken.len()) {
            target.copy_from_slice(taken);
        }
        self.len += taken.len();
        *input = rest;
    }

    /// Forgets its first `count` bytes.
    fn skip(&mut self, count: usize) {
        self.bytes.copy_within(count.min(self.len)..self.len, 0);
        self.len -= count.min(self.len);
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

fn before_publish(longest: u32) -> &'static str {
    match longest {
        MAX_MESSAGE => "",
        _ => " before a publish",
    }
}
