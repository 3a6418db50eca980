//! Chunk headers as they stand on the wire, RTMP §5.3.1.

use super::message::{be24, be32};

/// The longest header in bytes: three of basic header, eleven of message header, four of extended timestamp.
pub(super) const MAX_HEADER: usize = 18;

/// The value of a 24-bit timestamp that means that an extended timestamp follows.
pub(super) const EXTENDED: u32 = 0x00FF_FFFF;

/// The basic header: chunk stream and format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Basic {
    /// How much of the message header follows: 0 to 3.
    pub(super) format: u8,
    /// The chunk stream id, 2 to 65599.
    pub(super) csid: u32,
    /// The bytes of the basic header.
    pub(super) len: usize,
}

/// Reads the basic header, RTMP §5.3.1.1. None when bytes are missing.
#[inline]
pub(super) fn parse_basic(bytes: &[u8]) -> Option<Basic> {
    let first = *bytes.first()?;
    let format = first >> 6;
    let (csid, len) = match first & 0x3F {
        0 => (64 + u32::from(*bytes.get(1)?), 2),
        1 => (
            64 + u32::from(*bytes.get(1)?) + 256 * u32::from(*bytes.get(2)?),
            3,
        ),
        direct => (u32::from(direct), 1),
    };
    Some(Basic { format, csid, len })
}

/// The message header of formats 0, 1 and 2, RTMP §5.3.1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    /// The timestamp (format 0) or delta in milliseconds; the extended one where there is one.
    pub(super) time: u32,
    /// Whether there was an extended timestamp, so that type-3 chunks may repeat it.
    pub(super) extended: bool,
    /// The message's length and type: formats 0 and 1.
    pub(super) shape: Option<(u32, u8)>,
    /// The message stream: format 0.
    pub(super) stream: Option<u32>,
    /// The bytes of the message header.
    pub(super) len: usize,
}

/// Reads the bytes behind the basic header of a chunk of format 0, 1 or 2. None when bytes are missing.
pub(super) fn parse_fields(format: u8, bytes: &[u8]) -> Option<Fields> {
    let short = be24(bytes)?;
    let (shape, stream, len) = match format {
        0 => {
            let stream = bytes.get(7..11)?.first_chunk::<4>()?;
            (Some(parse_shape(bytes)?), Some(u32::from_le_bytes(*stream)), 11)
        }
        1 => (Some(parse_shape(bytes)?), None, 7),
        _ => (None, None, 3),
    };
    let extended = short == EXTENDED;
    let (time, len) = if extended {
        (be32(bytes.get(len..)?)?, len + 4)
    } else {
        (short, len)
    };
    Some(Fields {
        time,
        extended,
        shape,
        stream,
        len,
    })
}

fn parse_shape(bytes: &[u8]) -> Option<(u32, u8)> {
    Some((be24(bytes.get(3..)?)?, *bytes.get(6)?))
}

/// The bytes where a type-3 chunk may repeat the extended timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The bytes are the timestamp: four bytes to skip.
    Present,
    /// The bytes are something else, so payload.
    Omitted,
    /// All bytes that are there look like the timestamp so far.
    Unclear,
}

/// Tells the two dialects of type-3 chunks apart. RTMP §5.3.1.3 wants the extended timestamp repeated, and some senders leave
/// it out. Only a comparison tells.
pub(super) fn detect_repeat(bytes: &[u8], expected: [u32; 2]) -> Repeat {
    let there = bytes.get(..4).unwrap_or(bytes);
    if !expected.iter().any(|time| time.to_be_bytes().starts_with(there)) {
        Repeat::Omitted
    } else if there.len() == 4 {
        Repeat::Present
    } else {
        Repeat::Unclear
    }
}
