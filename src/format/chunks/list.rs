//! What playlists say of the chunks of a segment, in few bytes.

use super::found;
use crate::format::TrackBase;
use crate::format::hls::live::{ChunkFacts, ChunkPlace, facts};
use crate::format::index::checked::{self, Reader, put_signed, put_unsigned};
use crate::format::index::{MAX_SAMPLES, SampleIndex};
use crate::media::{ChunkNumbers, Micros, TargetDuration, Tracks};

/// The layout's version.
const VERSION: u8 = 1;

/// No chunk takes fewer bytes.
const LEAST: usize = 4;

/// The most chunks of a segment, the most bytes of a chunk, the longest chunk and the farthest beginning, in microseconds. What
/// edgereel writes is far below.
const MOST_CHUNKS: usize = 1 << 16;
const MOST_BYTES: u64 = 1 << 33;
const LONGEST: Micros = 3_600_000_000;
const FARTHEST: Micros = 1 << 55;

/// The chunks of a segment, as playlists tell them. The numbers of the chunks are those of the segment's [`ChunkNumbers`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkList {
    /// The chunks, in order. Their beginnings are on the media time of the publish.
    pub chunks: Vec<ChunkFacts>,
    /// The target duration of the publish in seconds, if it is known at the end of the segment.
    pub target_s: Option<u16>,
}

impl ChunkList {
    /// The chunks of a segment, by its index. What holds for [`chunks`](super::chunks) holds for them.
    pub fn of(index: &SampleIndex, base: TrackBase, tracks: &Tracks, numbers: &ChunkNumbers) -> Self {
        let (chunks, target) = found(index, base, tracks, numbers);
        let facts = chunks
            .iter()
            .filter_map(|chunk| facts(index, (base, tracks, 0), &ChunkPlace::from(chunk)));
        Self {
            chunks: facts.collect(),
            target_s: target.target_s(),
        }
    }

    /// The list in few bytes: six to eight for a chunk.
    ///
    /// ```text
    /// bytes
    ///   1  version = 1
    ///   4  CRC-32C of all that follows, big-endian
    ///   u  target duration at the end of the segment in seconds; 0 while it is not known
    ///   u  chunks; for each:
    ///      s  beginning, less the end of the chunk before
    ///      s  duration, less that of the chunk before
    ///      u  bytes of the chunk's file
    ///      u  twice its pictures; one more where it is independent
    /// ```
    ///
    /// Times are in microseconds. Before the first chunk is one that ends at the media time zero of the publish and has no
    /// duration. `u` and `s` are numbers as in [the sample index](SampleIndex::encode).
    pub fn encode(&self) -> Vec<u8> {
        checked::encoded(VERSION, 4 + self.chunks.len() * 10, |out| {
            put_unsigned(out, self.target_s.unwrap_or(0).into());
            put_unsigned(out, self.chunks.len() as u64);
            let mut before = Before::default();
            for chunk in &self.chunks {
                let duration = chunk.duration_us.cast_signed();
                put_signed(out, chunk.start.saturating_sub(before.end));
                put_signed(out, duration.saturating_sub(before.duration));
                put_unsigned(out, chunk.bytes);
                put_unsigned(out, u64::from(chunk.pictures) << 1 | u64::from(chunk.independent));
                before = Before::of(chunk);
            }
        })
    }

    /// Reads an encoded list back. Takes no more memory than a few times the blob's own length. `None` for bytes that are no
    /// list of this version.
    pub fn decode(blob: &[u8]) -> Option<Self> {
        let body = checked::body(VERSION, blob).ok()?;
        let mut from = Reader::new(body);
        let target_s = match from.unsigned().ok()? {
            0 => None,
            seconds => TargetDuration::known(u16::try_from(seconds).ok()?)?.target_s(),
        };
        let count = usize::try_from(from.unsigned().ok()?).ok()?;
        if count > MOST_CHUNKS.min(body.len() / LEAST) {
            return None;
        }
        let mut chunks = Vec::with_capacity(count);
        let mut before = Before::default();
        for _ in 0..count {
            let start = before.end.checked_add(from.signed().ok()?)?;
            let duration = before.duration.checked_add(from.signed().ok()?)?;
            let bytes = from.unsigned().ok()?;
            let pictures = from.unsigned().ok()?;
            let is_sane = (-FARTHEST..=FARTHEST).contains(&start)
                && (1..=LONGEST).contains(&duration)
                && bytes <= MOST_BYTES
                && pictures >> 1 <= MAX_SAMPLES as u64;
            let chunk = ChunkFacts {
                bytes,
                start,
                duration_us: duration.unsigned_abs(),
                pictures: u32::try_from(pictures >> 1).ok()?,
                independent: pictures & 1 == 1,
            };
            before = Before::of(&chunk);
            chunks.push(is_sane.then_some(chunk)?);
        }
        from.is_empty().then_some(Self { chunks, target_s })
    }
}

/// What the numbers of the next chunk are relative to.
#[derive(Default)]
struct Before {
    end: Micros,
    duration: Micros,
}

impl Before {
    fn of(chunk: &ChunkFacts) -> Self {
        let duration = chunk.duration_us.cast_signed();
        Self {
            end: chunk.start.saturating_add(duration),
            duration,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::index::checked::tests::{any_bit, made, spoilt};

    fn list() -> impl Strategy<Value = ChunkList> {
        let chunk = (
            0..1_u64 << 33,
            -1_i64 << 50..1 << 50,
            1..3_600_000_000_u64,
            0..100_000_u32,
            any::<bool>(),
        );
        let facts = chunk.prop_map(|(bytes, start, duration_us, pictures, independent)| ChunkFacts {
            bytes,
            start,
            duration_us,
            pictures,
            independent,
        });
        let target = prop::option::of(1..=6_u16);
        (prop::collection::vec(facts, 0..20), target)
            .prop_map(|(chunks, target_s)| ChunkList { chunks, target_s })
    }

    proptest! {
        #[test]
        fn a_list_comes_back_as_it_was(list in list()) {
            prop_assert_eq!(ChunkList::decode(&list.encode()), Some(list));
        }

        #[test]
        fn other_bytes_are_no_list(list in list(), bit in any_bit(), rest in prop::collection::vec(any::<u8>(), 0..40)) {
            for other in spoilt(&list.encode(), bit) {
                prop_assert_eq!(ChunkList::decode(&other), None);
            }
            if let Some(list) = ChunkList::decode(&made(VERSION, &rest)) {
                prop_assert!(list.chunks.len() <= rest.len() / LEAST);
            }
        }
    }

    #[test]
    fn a_chunk_takes_few_bytes() {
        let facts = |n: i64| ChunkFacts {
            bytes: 1_000_000 + n.unsigned_abs(),
            start: 7_200_000_000 + n * 2_000_000,
            duration_us: 2_000_000,
            pictures: 50,
            independent: true,
        };
        let list = ChunkList {
            chunks: (0..30).map(facts).collect(),
            target_s: Some(2),
        };
        let bytes = list.encode().len();
        assert!(bytes <= 30 * 6 + 20, "{bytes}");
    }
}
