//! The content of a request: bytes in memory, or bytes that are read while they are sent.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use md5::{Digest as _, Md5};

/// Bytes read at a time from a content that is not in memory.
pub(in crate::delivery) const PIECE: usize = 256 << 10;

/// Bytes that can be read again and again. Reading blocks.
pub(in crate::delivery) trait Source: Send + Sync {
    /// Reads so many bytes from `offset` on, all of them.
    fn read(&self, offset: u64, len: usize) -> Result<Bytes, String>;
}

/// Bytes with their MD5. The MD5 is made on the thread that reads the bytes, not on the one that waits for the network.
#[derive(Clone, Debug, Default)]
pub(in crate::delivery) struct Payload {
    pub(in crate::delivery) content: Content,
    pub(in crate::delivery) md5: [u8; 16],
}

/// The source of a body's bytes.
#[derive(Clone)]
pub(in crate::delivery) enum Content {
    Bytes(Bytes),
    Source(Arc<dyn Source>, u64),
}

impl Payload {
    pub(in crate::delivery) fn of(bytes: Bytes) -> Self {
        Self {
            md5: Md5::digest(&bytes).into(),
            content: Content::Bytes(bytes),
        }
    }

    pub(in crate::delivery) fn len(&self) -> u64 {
        self.content.len()
    }

    /// The payload's memory for reuse, if nothing else holds it.
    pub(in crate::delivery) fn into_memory(self) -> BytesMut {
        match self.content {
            Content::Bytes(bytes) => bytes.try_into_mut().unwrap_or_default(),
            Content::Source(..) => BytesMut::new(),
        }
    }
}

impl Content {
    pub(in crate::delivery) fn len(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Source(_, len) => *len,
        }
    }

    /// The next piece from `offset` on; `None` behind the end. May block.
    pub(in crate::delivery) fn piece(&self, offset: u64) -> Option<Result<Bytes, String>> {
        let left = self.len().checked_sub(offset).filter(|left| *left > 0)?;
        Some(match self {
            Content::Bytes(bytes) => Ok(bytes.slice(usize::try_from(offset).ok()?..)),
            Content::Source(source, _) => {
                let len = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
                source.read(offset, len)
            }
        })
    }
}

impl Default for Content {
    fn default() -> Self {
        Content::Bytes(Bytes::new())
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Content::Bytes(bytes)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}
