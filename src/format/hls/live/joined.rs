//! The playlist of a part of a stream's tape, whose chunks may be listed joined.
//!
//! ```text
//! cam1/c/4711.m4s                 chunk 4711
//! cam1/c/4711-4713.m4s            chunks 4711 to 4713, which are of one segment, one behind the other
//! ```

use std::fmt;

use super::playlist::{LiveChunk, add};
use crate::format::hls::encryption::StreamEncryption;
use crate::format::hls::served::{Start, Update, Uris};
use crate::format::hls::text::{Entry, Head, Kind, Text};
use crate::media::Micros;

/// A chunk, or several that are listed as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedChunk {
    /// The first chunk, with the length of all of them.
    pub chunk: LiveChunk,
    /// The number of the last chunk.
    pub last: u64,
}

/// What may become of a playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// It never changes: `EXT-X-PLAYLIST-TYPE:VOD`, and complete.
    Closed,
    /// It only gets longer: `EXT-X-PLAYLIST-TYPE:EVENT`.
    Event {
        /// True when no other chunk will follow.
        ended: bool,
    },
    /// It gets longer, and loses its first chunks. Its chunks have consecutive numbers.
    Sliding {
        /// True when no other chunk will follow.
        ended: bool,
    },
}

/// The playlist of a part of the tape.
#[derive(Clone, Copy, Debug)]
pub struct JoinedPlaylist<'a> {
    /// `EXT-X-TARGETDURATION` in seconds.
    pub target_s: u32,
    /// The chunks that are listed, in order.
    pub chunks: &'a [JoinedChunk],
    /// What may become of it.
    pub shape: Shape,
    /// Where a player begins.
    pub start: Start,
    /// UTC at which the programme began, for players of Tencent that look for it: `EXT-TX-TS-START-TIME`.
    pub began: Option<Micros>,
    /// How the chunks are encrypted, if they are.
    pub encryption: Option<&'a StreamEncryption>,
}

/// The name of a chunk's file, or of the file of joined chunks.
#[derive(Clone, Copy, Debug)]
struct Name {
    first: u64,
    last: u64,
}

impl JoinedChunk {
    /// A chunk that is listed alone.
    pub fn alone(chunk: LiveChunk) -> Self {
        Self {
            last: chunk.number,
            chunk,
        }
    }

    /// The numbers of its first and its last chunk.
    pub fn numbers(&self) -> (u64, u64) {
        (self.chunk.number, self.last)
    }

    /// The same chunk with those behind it, up to the chunk `last`. Together they last for `duration_us` microseconds.
    pub fn up_to(mut self, last: u64, duration_us: u64) -> Self {
        self.chunk.duration_us = duration_us;
        Self { last, ..self }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Name { first, last } = self;
        if first == last {
            write!(f, "{first}.m4s")
        } else {
            write!(f, "{first}-{last}.m4s")
        }
    }
}

/// The numbers of the first and the last chunk whose joined file has this name. Chunks have one such name.
pub fn joined_numbers(name: &str) -> Option<(u64, u64)> {
    let (first, last) = name.strip_suffix(".m4s")?.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first < last && Name { first, last }.to_string() == name).then_some((first, last))
}

impl JoinedPlaylist<'_> {
    /// The text of the playlist. Names of chunks and inits are written with `uris` around them.
    pub fn text(&self, uris: &Uris, update: Update) -> Vec<u8> {
        let chunks = self.listed();
        let first = chunks.first().map(|joined| &joined.chunk);
        let (kind, ended) = match self.shape {
            Shape::Closed => (Kind::Vod, true),
            Shape::Event { ended } => (Kind::Event, ended),
            Shape::Sliding { ended } => (Kind::Sliding, ended),
        };
        let head = Head {
            independent: chunks.iter().all(|joined| joined.chunk.independent),
            sequence: first.map_or(0, |chunk| chunk.number),
            // The tag before the first chunk counts for itself (RFC 8216 §6.2.2).
            discontinuities: first.map_or(0, |chunk| {
                chunk
                    .discontinuities
                    .saturating_sub(u64::from(chunk.discontinuity))
            }),
            start: Some(self.start),
            can_skip: kind != Kind::Vod,
            ..Head::new(kind, self.target_s.into())
        };
        let skipped = match update {
            Update::Delta if head.can_skip => {
                head.skipped(chunks.iter().map(|joined| joined.chunk.duration_us))
            }
            Update::Delta | Update::Whole => 0,
        };
        let mut text = Text::begin(&head, uris, skipped);
        if let Some(began) = self.began {
            text.began(began.div_euclid(1_000_000));
        }
        let mut init = None;
        for (at, JoinedChunk { chunk, last }) in chunks.iter().enumerate() {
            let another = init.replace(chunk.init) != Some(chunk.init);
            if at < skipped {
                continue;
            }
            let shown = another || chunk.discontinuity;
            let entry = Entry {
                discontinuity: chunk.discontinuity,
                init: shown.then(|| chunk.init.to_string()),
                date: Some(chunk.date),
                duration_us: chunk.duration_us,
                name: Name {
                    first: chunk.number,
                    last: *last,
                }
                .to_string(),
            };
            add(&mut text, uris, entry, (self.encryption, (chunk.number, *last)));
        }
        text.finish(ended)
    }

    /// A player counts the chunks of a sliding playlist by their places, so those before a missing number are left out.
    fn listed(&self) -> &[JoinedChunk] {
        if !matches!(self.shape, Shape::Sliding { .. }) {
            return self.chunks;
        }
        let pairs = self.chunks.iter().zip(self.chunks.iter().skip(1));
        let mut holes = pairs.map(|(one, next)| one.last.checked_add(1) != Some(next.chunk.number));
        let first = holes.rposition(|hole| hole).map_or(0, |before| before + 1);
        self.chunks.get(first..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::chunk_name;
    use super::*;

    #[test]
    fn joined_chunks_have_one_name() {
        assert_eq!(joined_numbers("4711-4713.m4s"), Some((4711, 4713)));
        for none in [
            "4711.m4s",
            "4711-4711.m4s",
            "4713-4711.m4s",
            "04711-4713.m4s",
            "+1-2.m4s",
            "-1-2.m4s",
            "1-2-3.m4s",
            "1-2.mp4",
            "1-99999999999999999999.m4s",
        ] {
            assert_eq!(joined_numbers(none), None, "{none}");
        }
        assert_eq!(Name { first: 7, last: 7 }.to_string(), chunk_name(7));
    }
}
