//! The playlist of a stream.

use super::InitName;
use crate::format::hls::encryption::StreamEncryption;
use crate::format::hls::served::{Start, Update, Uris};
use crate::format::hls::text::{Entry, Head, Kind, Text};
use crate::media::Micros;

/// A chunk of a stream, as its playlist lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveChunk {
    /// The chunk's number in its stream: `EXT-X-MEDIA-SEQUENCE`.
    pub number: u64,
    /// The number of discontinuities of the stream so far. One at the beginning of this chunk counts.
    pub discontinuities: u64,
    /// True when the chunk begins with a discontinuity: a new configuration decodes it, or the time line breaks.
    pub discontinuity: bool,
    /// How long the chunk lasts, in microseconds: until the next one begins, where that one follows at once.
    pub duration_us: u64,
    /// UTC at the chunk's beginning. It stays what it was when the chunk was first listed.
    pub date: Micros,
    /// True when decoding can begin with the chunk, and all of its pictures are then shown.
    pub independent: bool,
    /// The init that decodes the chunk.
    pub init: InitName,
}

/// The playlist of a stream, or of a recording that may lose its beginning while it grows.
#[derive(Clone, Copy, Debug)]
pub struct Playlist<'a> {
    /// `EXT-X-TARGETDURATION` in seconds. It stays the same as long as the playlist is served (RFC 8216 §6.2.1).
    pub target_s: u32,
    /// The chunks that are listed, in order. Where numbers are missing among them, only the chunks behind are listed: a player
    /// counts chunks by their places.
    pub chunks: &'a [LiveChunk],
    /// Where a player begins.
    pub start: Start,
    /// True when no other chunk will follow.
    pub ended: bool,
    /// How the chunks are encrypted, if they are.
    pub encryption: Option<&'a StreamEncryption>,
}

impl Playlist<'_> {
    /// The text of the playlist. Names of chunks and inits are written with `uris` around them.
    pub fn text(&self, uris: &Uris, update: Update) -> Vec<u8> {
        let chunks = self.consecutive();
        let first = chunks.first();
        let head = Head {
            independent: chunks.iter().all(|chunk| chunk.independent),
            sequence: first.map_or(0, |chunk| chunk.number),
            // The tag before the first chunk counts for itself (RFC 8216 §6.2.2).
            discontinuities: first.map_or(0, |chunk| {
                let own = u64::from(chunk.discontinuity);
                chunk.discontinuities.saturating_sub(own)
            }),
            start: Some(self.start),
            can_skip: true,
            ..Head::new(Kind::Sliding, self.target_s.into())
        };
        let skipped = match update {
            Update::Whole => 0,
            Update::Delta => head.skipped(chunks.iter().map(|chunk| chunk.duration_us)),
        };
        let mut text = Text::begin(&head, uris, skipped);
        let mut init = None;
        for (at, chunk) in chunks.iter().enumerate() {
            let another = init.replace(chunk.init) != Some(chunk.init);
            if at < skipped {
                continue;
            }
            let entry = Entry {
                discontinuity: chunk.discontinuity,
                init: (another || chunk.discontinuity).then(|| chunk.init.to_string()),
                date: Some(chunk.date),
                duration_us: chunk.duration_us,
                name: chunk_name(chunk.number),
            };
            add(
                &mut text,
                uris,
                entry,
                (self.encryption, (chunk.number, chunk.number)),
            );
        }
        text.finish(self.ended)
    }

    fn consecutive(&self) -> &[LiveChunk] {
        let pairs = self.chunks.iter().zip(self.chunks.iter().skip(1));
        let mut holes = pairs.map(|(one, next)| one.number.checked_add(1) != Some(next.number));
        let first = holes.rposition(|hole| hole).map_or(0, |before| before + 1);
        self.chunks.get(first..).unwrap_or_default()
    }
}

/// Adds the entry of the chunks with these numbers, which are one file. Where it is encrypted, it is in the folder of its key, so that its
/// name stands for the same bytes, whatever key another playlist has.
pub(super) fn add(
    text: &mut Text<'_>,
    uris: &Uris,
    entry: Entry<String>,
    (encryption, numbers): (Option<&StreamEncryption>, (u64, u64)),
) {
    let Some(encryption) = encryption else {
        text.chunk(&entry);
        return;
    };
    let folder = format!("{}/{}", SEALED, encryption.key_id(numbers.0));
    let key = format!("{}{folder}/{KEY}", uris.prefix);
    let entry = Entry {
        name: format!("{folder}/{}", entry.name),
        ..entry
    };
    text.encrypted(&entry, &key, &StreamEncryption::iv(numbers));
}

/// The folder of encrypted chunks, in which each key has a folder.
pub const SEALED: &str = "k";
/// The name of the key itself.
pub const KEY: &str = "key";

/// The name of a chunk's file.
pub fn chunk_name(number: u64) -> String {
    format!("{number}.m4s")
}

/// The number of the chunk whose file has this name. Each chunk has one name.
pub fn chunk_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".m4s")?.parse().ok()?;
    (chunk_name(number) == name).then_some(number)
}
