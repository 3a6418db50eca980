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
    /// The other streams that it has footage of: it is put together of ranges. Who watches it needs the rights for all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<StreamName>,
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

/// What a list says, in 128 bits. That of an item and that of an HLS are the same when the item is laid out as this HLS: with the
/// same lead, inits and chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListSum([u8; 16]);

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
    /// All streams that it has footage of: its own first.
    pub fn streams(&self) -> impl Iterator<Item = &StreamName> {
        std::iter::once(&self.stream).chain(&self.also)
    }

    /// True when each chunk has its init.
    pub(super) fn is_sound(&self) -> bool {
        let chunks = self.chunks.as_slice().iter();
        chunks
            .map(|chunk| usize::from(chunk.init))
            .all(|init| init < self.inits.len())
    }

    /// What the list of the item says: that of its recording's HLS when the channel was made.
    pub fn list_sum(&self) -> ListSum {
        let chunks = self.chunks.as_slice().iter().copied().map(Some);
        ListSum::new(self.lead_ms.into(), self.inits.iter().copied(), chunks)
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

impl ListSum {
    /// What an HLS says now. The recording may have lost a part since a channel was made of it.
    pub fn of<S>(hls: &Hls<S>) -> Self {
        let inits = hls.named_inits().map(|(name, _)| name);
        let chunks = hls.folder_chunks().map(|chunk| Chunk::of(&chunk));
        Self::new(hls.lead_ms(), inits, chunks)
    }

    /// A chunk that a channel cannot say is none, and no item has one.
    fn new(
        lead_ms: u64,
        inits: impl Iterator<Item = InitName>,
        chunks: impl Iterator<Item = Option<Chunk>>,
    ) -> Self {
        let mut sum = Md5::new();
        sum.update(lead_ms.to_be_bytes());
        for init in inits {
            sum.update(init.to_string());
        }
        for chunk in chunks {
            // A name of an init begins with a letter, and each kind has one length: what is added has one meaning.
            sum.update([u8::from(chunk.is_some())]);
            let Some(chunk) = chunk else { continue };
            sum.update(chunk.duration_ms.to_be_bytes());
            sum.update(chunk.gap_ms.to_be_bytes());
            sum.update(chunk.init.to_be_bytes());
            sum.update([u8::from(chunk.discontinuity), u8::from(chunk.independent)]);
        }
        Self(sum.finalize().into())
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
    use crate::channel::tests::{chunk, item};
    use crate::format::hls::TARGET_MS;
    use crate::format::testing::{eventful, two_segments, view};

    #[test]
    fn a_list_says_the_same_as_the_hls_that_it_was_made_of_and_nothing_else_does() {
        for tape in [two_segments(), eventful()] {
            let hls = Hls::growing(view(&tape), TARGET_MS).unwrap();
            let chunks: Option<Vec<Chunk>> = hls.folder_chunks().map(|chunk| Chunk::of(&chunk)).collect();
            let made = Item {
                lead_ms: hls.lead_ms() as u32,
                inits: hls.named_inits().map(|(name, _)| name).collect(),
                ..item(1, 1, chunks.unwrap())
            };
            assert_eq!(made.list_sum(), ListSum::of(&hls));
            assert_eq!(made.list_sum(), ListSum::of(&hls.with(())));
            assert_ne!(
                made.list_sum(),
                ListSum::of(&Hls::growing(view(&tape), 1_000).unwrap())
            );
        }
        let plain = chunk(6_000);
        let all = [
            item(1, 1, vec![plain; 3]),
            item(1, 1, vec![plain; 2]),
            item(1, 2, vec![plain; 3]),
            item(1, 1, vec![plain, plain, chunk(6_001)]),
            item(1, 1, vec![plain, plain, Chunk { gap_ms: 1, ..plain }]),
            item(1, 1, vec![plain, plain, Chunk { init: 1, ..plain }]),
            item(
                1,
                1,
                vec![
                    plain,
                    plain,
                    Chunk {
                        discontinuity: true,
                        ..plain
                    },
                ],
            ),
            item(
                1,
                1,
                vec![
                    plain,
                    plain,
                    Chunk {
                        independent: false,
                        ..plain
                    },
                ],
            ),
            Item {
                lead_ms: 41,
                ..item(1, 1, vec![plain; 3])
            },
        ];
        let mut sums: Vec<ListSum> = all.iter().map(Item::list_sum).collect();
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), all.len());
        // It is of the list alone: another recording may have the same.
        assert_eq!(item(2, 1, vec![plain; 3]).list_sum(), all[0].list_sum());
    }

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
