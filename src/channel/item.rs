//! Items: recordings, or parts of them, with what a schedule needs to know.

use std::fmt;
use std::str::FromStr;

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::{Chunk, Chunks};
use crate::format::hls::live::InitName;
use crate::format::hls::{Hls, Variant};
use crate::media::{Micros, RecordingId, StreamName};

/// A recording that a channel shows, or a part of one.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Item {
    /// The recording.
    pub recording: RecordingId,
    /// Its stream.
    pub stream: StreamName,
    /// Where the part begins, in microseconds from the beginning of the recording. Without a value, with the recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Micros>,
    /// Where the part ends, in microseconds from the beginning of the recording. Without a value, with the recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Micros>,
    /// How much later than zero the first chunk begins in the files of the part, in milliseconds.
    pub lead_ms: u32,
    /// The inits of the chunks.
    pub inits: Vec<InitName>,
    /// Codecs, size and rates.
    pub variant: Variant,
    /// The chunks of the part, as its HLS has them.
    pub chunks: Chunks,
}

/// What an item is, in 64 bits: the same part of the same recording has the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey(u64);

/// The name of a chunk's file: `<item>-<offset>-<chunk>.m4s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkName {
    /// The item.
    pub item: ItemKey,
    /// How much later the times in the file are than in the HLS of the recording, in milliseconds.
    pub offset_ms: u64,
    /// The number of the chunk in the HLS of the part, from 0.
    pub chunk: u32,
}

/// No chunk of a channel is later than this: 31,000 years.
const LATEST_MS: u64 = 1_000_000_000_000_000;

impl Item {
    /// True when each chunk has its init.
    pub(super) fn is_sound(&self) -> bool {
        let chunks = self.chunks.as_slice().iter();
        chunks
            .map(|chunk| usize::from(chunk.init))
            .all(|init| init < self.inits.len())
    }

    /// True when this is the HLS of the item, as it was when the channel was made. The recording may have lost a part since.
    pub fn is_laid_out_as<S>(&self, hls: &Hls<S>) -> bool {
        let chunks = hls.folder_chunks().map(|chunk| Chunk::of(&chunk));
        let inits = hls.named_inits().map(|(name, _)| name);
        u64::from(self.lead_ms) == hls.lead_ms()
            && inits.eq(self.inits.iter().copied())
            && chunks.eq(self.chunks.as_slice().iter().copied().map(Some))
    }

    /// What the item is.
    pub fn key(&self) -> ItemKey {
        let mut sum = Md5::new();
        sum.update(self.recording.to_bytes());
        for bound in [self.from, self.to] {
            sum.update([u8::from(bound.is_some())]);
            sum.update(bound.unwrap_or(0).to_be_bytes());
        }
        let [a, b, c, d, e, f, g, h, ..]: [u8; 16] = sum.finalize().into();
        ItemKey(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for ChunkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}.m4s", self.item, self.offset_ms, self.chunk)
    }
}

/// A name that no chunk of a channel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a chunk is '<item>-<offset>-<number>.m4s'")]
pub struct NoChunkName;

impl FromStr for ChunkName {
    type Err = NoChunkName;

    fn from_str(text: &str) -> Result<Self, NoChunkName> {
        let mut parts = text.strip_suffix(".m4s").ok_or(NoChunkName)?.splitn(3, '-');
        let mut part = || parts.next().ok_or(NoChunkName);
        let (item, offset, chunk) = (part()?, part()?, part()?);
        let name = Self {
            item: ItemKey(u64::from_str_radix(item, 16).map_err(|_| NoChunkName)?),
            offset_ms: offset.parse().map_err(|_| NoChunkName)?,
            chunk: chunk.parse().map_err(|_| NoChunkName)?,
        };
        // Each file has one name.
        let is_name = name.offset_ms <= LATEST_MS && name.to_string() == text;
        is_name.then_some(name).ok_or(NoChunkName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chunk_has_one_name() {
        let name = ChunkName {
            item: ItemKey(0xab),
            offset_ms: 600_000,
            chunk: 17,
        };
        assert_eq!(name.to_string(), "00000000000000ab-600000-17.m4s");
        assert_eq!(name.to_string().parse(), Ok(name));
        for bad in [
            "",
            ".m4s",
            "ab-600000-17.m4s",
            "00000000000000ab-0600000-17.m4s",
            "00000000000000AB-600000-17.m4s",
            "00000000000000ab-600000-17.mp4",
            "00000000000000ab-600000-+17.m4s",
            "00000000000000ab-1000000000000001-17.m4s",
            "00000000000000ab-99999999999999999999-17.m4s",
            "00000000000000ab-1-2-3.m4s",
        ] {
            assert_eq!(bad.parse::<ChunkName>(), Err(NoChunkName), "{bad}");
        }
    }
}
