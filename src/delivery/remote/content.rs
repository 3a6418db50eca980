//! The content of a request: bytes in memory, or bytes that are read while they are sent.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use md5::{Digest as _, Md5};

/// Read at a time of what is not in memory.
pub(in crate::delivery) const PIECE: usize = 256 << 10;

/// Bytes that can be read again and again. Reading blocks.
pub(in crate::delivery) trait Source: Send + Sync {
    /// So many bytes from `offset` on, all of them.
    fn read(&self, offset: u64, len: usize) -> Result<Bytes, String>;
}

/// Bytes with their MD5: that is made where they are read, not where the network is waited for.
#[derive(Clone, Debug, Default)]
pub(in crate::delivery) struct Payload {
    pub(in crate::delivery) content: Content,
    pub(in crate::delivery) md5: [u8; 16],
}

/// Where bytes come from.
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

    /// Its memory, for something else, if nobody else holds it.
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

    /// The next piece from `offset` on; none behind the end. May block.
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
