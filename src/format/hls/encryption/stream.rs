//! Keys of a stream: of what is had of it beside its recordings.
//!
//! ```text
//! master key ── HMAC-SHA-256, with the stream's name, chunks of a period and period ──► key of a period (16 bytes)
//!                                                                                       its id: <master>-<chunks>-<period>
//! number of a chunk in its stream ──► IV (128 bits, big endian). Of joined chunks: the number of the last one before it
//! ```

use std::fmt;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::Sealed;
use super::file::Encrypted;
use super::id::{MasterId, NoKeyId};
use super::key::MasterKey;
use crate::format::VirtualFile;
use crate::media::StreamName;

/// The name of a key of a stream, among the files of the stream: `<master>-<chunks>-<period>`. It is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamKeyId {
    /// The master key that it is made of.
    pub master: MasterId,
    /// How many chunks of the stream have the same key; 0 where all have.
    pub chunks: u32,
    /// How many keys came before.
    pub period: u64,
}

/// How the chunks of a stream are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEncryption {
    stream: StreamName,
    master: MasterKey,
    chunks: u32,
}

impl StreamKeyId {
    /// The numbers of the chunks that have this key.
    pub fn numbers(&self) -> RangeInclusive<u64> {
        if self.chunks == 0 {
            return 0..=u64::MAX;
        }
        let chunks = u64::from(self.chunks);
        let first = self.period.saturating_mul(chunks);
        first..=first.saturating_add(chunks - 1)
    }
}

impl StreamEncryption {
    /// The keys of a stream, made of this master key. With `every`, another key follows after so many chunks.
    pub fn new(stream: StreamName, master: MasterKey, every: Option<NonZeroU32>) -> Self {
        Self {
            stream,
            master,
            chunks: every.map_or(0, NonZeroU32::get),
        }
    }

    /// The id of the key of a chunk, by its number.
    pub fn key_id(&self, number: u64) -> StreamKeyId {
        StreamKeyId {
            master: self.master.id(),
            chunks: self.chunks,
            period: number.checked_div(self.chunks.into()).unwrap_or(0),
        }
    }

    /// How many chunks a key may have that a viewer must wait for, where it gets keys alone that have no later chunks.
    pub fn behind(&self, waits: bool) -> usize {
        if waits { self.chunks as usize } else { 0 }
    }

    /// True for the id of a key that has as many chunks as the keys of now, whatever master key it is made of.
    pub fn counts_like(&self, id: &StreamKeyId) -> bool {
        self.chunks == id.chunks
    }

    /// The IV of the chunks from `first` to `last`, which are one file.
    pub(in crate::format::hls) fn iv((first, last): (u64, u64)) -> [u8; 16] {
        let last = if first == last { 0 } else { last };
        (u128::from(last) << 64 | u128::from(first)).to_be_bytes()
    }

    /// The file with the chunks from `first` to `last`, encrypted. Its key is that of the first one.
    pub fn encrypted<F: VirtualFile + Send>(
        &self,
        clear: F,
        (first, last): (u64, u64),
    ) -> impl VirtualFile + Send + use<F> {
        let id = self.key_id(first);
        let sealed = Sealed {
            id: id.to_string(),
            key: self.master.derive_of_stream(&self.stream, &id),
            iv: Self::iv((first, last)),
        };
        Encrypted::new(clear, sealed)
    }
}

impl fmt::Display for StreamKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.master, self.chunks, self.period)
    }
}

impl FromStr for StreamKeyId {
    type Err = NoKeyId;

    fn from_str(text: &str) -> Result<Self, NoKeyId> {
        let mut parts = text.splitn(3, '-');
        let mut part = || parts.next().ok_or(NoKeyId);
        let id = StreamKeyId {
            master: part()?.parse()?,
            chunks: part()?.parse().map_err(|_| NoKeyId)?,
            period: part()?.parse().map_err(|_| NoKeyId)?,
        };
        // Each key has one name, and a stream with one key has no other.
        let is_one = id.to_string() == text && (id.chunks > 0 || id.period == 0);
        is_one.then_some(id).ok_or(NoKeyId)
    }
}
