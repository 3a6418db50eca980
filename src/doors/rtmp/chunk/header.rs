//! Headers of chunks, which the input may cut anywhere.

use super::{ChunkError, ChunkReader, ChunkStream, MAX_CHUNK_STREAMS};
use crate::doors::rtmp::chunk_header::{MAX_HEADER, Repeat, detect_repeat, parse_basic, parse_fields};

/// A timestamp above this, in milliseconds, cannot be meant as the delta of the next message.
const LONGEST_FIRST_DELTA: u32 = 1_000;

/// A header that was cut by the end of the input.
#[derive(Debug, Default)]
pub(super) struct Stash {
    pub(super) bytes: [u8; MAX_HEADER],
    pub(super) len: usize,
}

impl ChunkReader {
    /// Reads one chunk header and applies it to its chunk stream.
    pub(super) fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<usize>, ChunkError> {
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
    pub(super) fn skip(&mut self, count: usize) {
        self.bytes.copy_within(count.min(self.len)..self.len, 0);
        self.len -= count.min(self.len);
    }
}
