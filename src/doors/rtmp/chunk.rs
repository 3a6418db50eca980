//! Makes messages from chunks, RTMP §5.3, with every limit that input from strangers calls for.

mod header;
mod payload;

use bytes::Bytes;

use header::Stash;

use super::allowance::Allowance;
use super::message::{ABORT, Message, SET_CHUNK_SIZE, be32};

/// The largest message that is taken, in bytes. A keyframe of 4K video is a tenth of it.
pub(super) const MAX_MESSAGE: u32 = 10 << 20;

const MIN_CHUNK_SIZE: u32 = 128;
const MAX_CHUNK_SIZE: u32 = 16 << 20;
const MAX_CHUNK_STREAMS: usize = 64;
const MAX_PARTIAL_MESSAGES: usize = 4;

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

fn before_publish(longest: u32) -> &'static str {
    match longest {
        MAX_MESSAGE => "",
        _ => " before a publish",
    }
}
