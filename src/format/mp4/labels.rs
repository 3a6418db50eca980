//! What people wrote about a recording, as players of MP4 show it: title, description, chapters.
//!
//! ```text
//! udta
//!   meta/ilst   ©nam the title, desc the description, ©too the program
//!   chpl        version 1, 4 bytes 0, count; for each chapter: 8 bytes, units of 100 ns; 1 byte n, n bytes of text
//! ```
//!
//! `chpl` is Nero's list of chapters, which ffmpeg, mpv and VLC read. Apple's players read a text track in its place, which these
//! files do not have.

use serde::{Deserialize, Serialize};

use crate::media::{Micros, Zone};

use super::boxes::{full, plain};

/// The most chapters of a file, and the most bytes of the text of one: their numbers have one byte.
const MOST: usize = 255;

/// The words in the head of a file. `Default` has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Labels {
    /// The title.
    pub title: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The chapters, in the order of their beginnings.
    pub chapters: Vec<Chapter>,
    /// The zone of a track of times, in MP4 with pictures. Nothing for a file without that track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<Zone>,
}

/// A chapter of a file. It ends where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Chapter {
    /// Where it begins in the file, in microseconds.
    pub at: Micros,
    /// What it is called.
    pub text: String,
}

impl Labels {
    /// The most bytes that the words of a recording take in a file: 64 and 512 characters, and the texts of 100 chapters.
    pub const MOST_BYTES: u64 = 32 << 10;

    /// The bytes that the words take in a file that has all chapters.
    pub fn bytes(&self) -> u64 {
        let all = udta(self, Micros::MAX).len();
        all.saturating_sub(udta(&Self::default(), 0).len()) as u64
    }
}

/// `udta` with the words, and the name of the program. Chapters that begin behind `end` are left out.
pub(super) fn udta(labels: &Labels, end: Micros) -> Vec<u8> {
    plain(b"udta", |udta| {
        udta.extend(full(b"meta", 0, 0, |meta| {
            meta.extend(full(b"hdlr", 0, 0, |out| {
                out.extend_from_slice(&[0; 4]);
                out.extend_from_slice(b"mdirappl");
                out.extend_from_slice(&[0; 9]);
            }));
            meta.extend(plain(b"ilst", |ilst| {
                let texts = [
                    (b"\xa9nam", labels.title.as_deref()),
                    (b"desc", labels.description.as_deref()),
                    (b"\xa9too", Some("edgereel")),
                ];
                for (kind, text) in texts {
                    ilst.extend(text.map(|text| item(kind, text)).unwrap_or_default());
                }
            }));
        }));
        let chapters = labels.chapters.iter().filter(|chapter| chapter.at < end);
        let chapters: Vec<&Chapter> = chapters.take(MOST).collect();
        if !chapters.is_empty() {
            udta.extend(chpl(&chapters));
        }
    })
}

/// An item of iTunes metadata with a text in UTF-8.
fn item(kind: &[u8; 4], text: &str) -> Vec<u8> {
    plain(kind, |item| {
        item.extend(full(b"data", 0, 1, |out| {
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(text.as_bytes());
        }));
    })
}

fn chpl(chapters: &[&Chapter]) -> Vec<u8> {
    full(b"chpl", 1, 0, |out| {
        out.extend_from_slice(&[0; 4]);
        out.push(fitted!(chapters.len(), "the chapters of a file"));
        for chapter in chapters {
            let at = chapter.at.max(0).saturating_mul(10);
            out.extend_from_slice(&at.to_be_bytes());
            let text = cut(&chapter.text);
            out.push(fitted!(text.len(), "the text of a chapter"));
            out.extend_from_slice(text.as_bytes());
        }
    })
}

/// As much of the beginning of a text as fits, in whole characters.
fn cut(text: &str) -> &str {
    let end = (0..=MOST.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(cut(&"課".repeat(128)).len(), 255);
        assert_eq!(cut(&"🎓".repeat(128)).len(), 252);
        assert_eq!((cut("x"), cut("")), ("x", ""));
        let many = (0..300).map(|n| Chapter {
            at: n,
            text: "x".repeat(1_000),
        });
        let labels = Labels {
            chapters: many.collect(),
            ..Labels::default()
        };
        // 255 chapters with their texts, each behind nine bytes.
        let plain = udta(&Labels::default(), 1_000).len();
        assert_eq!(
            udta(&labels, 1_000).len() - plain,
            8 + 4 + 4 + 1 + 255 * (9 + 255)
        );
        assert_eq!(udta(&labels, 0).len(), plain);
    }
}
