//! The chunks of an item, and their form in the journal.
//!
//! ```text
//! "6000*412 5960 6000i1d 6000*88 1480n"
//! ```
//!
//! A word is the length of a chunk in milliseconds. Behind it may stand: `i` and the number of another init, `g` and the milliseconds
//! of media time that are left out before the chunk, `d` for a discontinuity, `n` where decoding cannot begin, `*` and how many such
//! chunks follow each other.

use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MAX_CHUNKS;
use crate::format::hls::FolderChunk;

/// A chunk of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// How long the chunk lasts, in milliseconds; never zero.
    pub duration_ms: u32,
    /// Media time between the chunk before and this one, in milliseconds, that nothing shows.
    pub gap_ms: u32,
    /// The number of the init that decodes the chunk, in its item.
    pub init: u16,
    /// True when the time line breaks before the chunk, or another init begins here.
    pub discontinuity: bool,
    /// True when decoding can begin with the chunk.
    pub independent: bool,
}

impl Chunk {
    /// A chunk of a recording's HLS. None where it is longer than a channel can say.
    pub fn of(chunk: &FolderChunk) -> Option<Self> {
        Some(Self {
            duration_ms: u32::try_from(chunk.duration_ms).ok()?,
            gap_ms: u32::try_from(chunk.gap_ms).ok()?,
            init: u16::try_from(chunk.init).ok()?,
            discontinuity: chunk.discontinuity,
            independent: chunk.independent,
        })
    }
}

/// The chunks of an item, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunks(Vec<Chunk>);

impl Chunks {
    /// The chunks as a list.
    pub fn as_slice(&self) -> &[Chunk] {
        &self.0
    }

    fn read(text: &str) -> Option<Self> {
        let mut chunks = Vec::new();
        let mut init = 0;
        for word in text.split_ascii_whitespace() {
            let (word, count) = match word.split_once('*') {
                Some((word, count)) => (word, count.parse::<usize>().ok()?),
                None => (word, 1),
            };
            let (duration_ms, mut rest) = number(word)?;
            let mut chunk = Chunk {
                duration_ms: Some(duration_ms).filter(|ms| *ms > 0)?,
                gap_ms: 0,
                init,
                discontinuity: false,
                independent: true,
            };
            while let Some(mark) = rest.chars().next() {
                rest = rest.get(1..)?;
                match mark {
                    'i' => {
                        let (number, behind) = number(rest)?;
                        init = u16::try_from(number).ok()?;
                        (chunk.init, rest) = (init, behind);
                    }
                    'g' => (chunk.gap_ms, rest) = number(rest)?,
                    'd' => chunk.discontinuity = true,
                    'n' => chunk.independent = false,
                    _ => return None,
                }
            }
            if count == 0 || chunks.len() + count > MAX_CHUNKS {
                return None;
            }
            chunks.extend(std::iter::repeat_n(chunk, count));
        }
        Some(Self(chunks))
    }

    fn written(&self) -> String {
        let mut text = String::new();
        let mut init = 0;
        for same in self.0.chunk_by(|one, next| one == next) {
            let Some(chunk) = same.first() else { continue };
            let space = if text.is_empty() { "" } else { " " };
            // Writing to memory does not fail.
            let _ = write!(text, "{space}{}", chunk.duration_ms);
            if std::mem::replace(&mut init, chunk.init) != chunk.init {
                let _ = write!(text, "i{}", chunk.init);
            }
            if chunk.gap_ms > 0 {
                let _ = write!(text, "g{}", chunk.gap_ms);
            }
            text.push_str(if chunk.discontinuity { "d" } else { "" });
            text.push_str(if chunk.independent { "" } else { "n" });
            if same.len() > 1 {
                let _ = write!(text, "*{}", same.len());
            }
        }
        text
    }
}

/// The number that a text begins with, and what is behind it.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

impl From<Vec<Chunk>> for Chunks {
    fn from(chunks: Vec<Chunk>) -> Self {
        Self(chunks)
    }
}

impl Serialize for Chunks {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.written())
    }
}

impl<'de> Deserialize<'de> for Chunks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom("a list of chunks cannot be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Chunk = Chunk {
        duration_ms: 6_000,
        gap_ms: 0,
        init: 0,
        discontinuity: false,
        independent: true,
    };

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let other = Chunk {
            init: 1,
            discontinuity: true,
            ..PLAIN
        };
        let last = Chunk {
            duration_ms: 1_480,
            gap_ms: 300,
            init: 1,
            discontinuity: true,
            independent: false,
        };
        let chunks = Chunks(vec![PLAIN, PLAIN, PLAIN, other, last]);
        assert_eq!(chunks.written(), "6000*3 6000i1d 1480g300dn");
        assert_eq!(Chunks::read(&chunks.written()), Some(chunks));
        assert_eq!(Chunks::read(""), Some(Chunks::default()));
    }

    #[test]
    fn a_list_from_elsewhere_is_bounded() {
        for bad in [
            "x",
            "0",
            "6000*0",
            "6000*50001",
            "6000z",
            "6000i70000",
            "6000*",
            "99999999999",
            "-1",
            "6000é",
        ] {
            assert_eq!(Chunks::read(bad), None, "{bad}");
        }
    }
}
