//! Notes in a playlist, as date ranges (rfc8216bis §4.4.5.1). Only a door writes them: a playlist that was delivered stays as it is,
//! whatever people write later.
//!
//! ```text
//! #EXT-X-DATERANGE:ID="note-62500-1a2b3c4d",CLASS="edgereel.note",START-DATE="2026-11-20T08:01:02.500Z",X-TEXT="Proof"
//! ```

use std::fmt::Write as _;

use crate::media::Micros;

/// The beginnings of the lines of a chunk, and the line for the chunks that a delta update leaves out.
const OF_CHUNKS: [&str; 5] = [
    "#EXTINF:",
    "#EXT-X-MAP:",
    "#EXT-X-KEY:",
    "#EXT-X-PROGRAM-DATE-TIME:",
    "#EXT-X-SKIP:",
];

/// A text at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatedNote {
    /// UTC.
    pub at: Micros,
    /// What it says: one line.
    pub text: String,
}

/// The playlist with these notes in front of its chunks: when more chunks follow, they stand where they stood. All of them are
/// in a delta update, too.
pub fn with_notes(mut playlist: Vec<u8>, notes: &[DatedNote]) -> Vec<u8> {
    if notes.is_empty() {
        return playlist;
    }
    let lines: String = notes.iter().map(line).collect();
    let at = head(&playlist);
    playlist.splice(at..at, lines.into_bytes());
    playlist
}

/// Bytes in front of the lines of the first chunk.
fn head(playlist: &[u8]) -> usize {
    let of_chunk = |line: &[u8]| {
        let begins = OF_CHUNKS.iter().any(|tag| line.starts_with(tag.as_bytes()));
        begins || line == b"#EXT-X-DISCONTINUITY\n" || line == b"#EXT-X-ENDLIST\n"
    };
    let lines = playlist.split_inclusive(|byte| *byte == b'\n');
    lines.take_while(|line| !of_chunk(line)).map(<[u8]>::len).sum()
}

/// The line of a note. A note of the same moment and the same text has the same id, as players want it.
fn line(note: &DatedNote) -> String {
    let date = jiff::Timestamp::from_microsecond(note.at).unwrap_or_default();
    let mut id = crc32c::crc32c(&note.at.to_be_bytes());
    id = crc32c::crc32c_append(id, note.text.as_bytes());
    let mut line = format!(
        "#EXT-X-DATERANGE:ID=\"note-{}-{id:08x}\",CLASS=\"edgereel.note\",START-DATE=\"{date:.3}\",X-TEXT=\"",
        note.at / 1_000
    );
    for character in note.text.chars() {
        // A quoted string has no escapes: it may contain neither quotes nor ends of lines.
        let shown = match character {
            '"' => '\'',
            other if other.is_control() => ' ',
            other => other,
        };
        let _ = line.write_char(shown);
    }
    line.push_str("\"\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_stand_before_the_chunks_and_cannot_end_their_line() {
        let note = |at, text: &str| DatedNote {
            at,
            text: text.to_owned(),
        };
        let notes = [
            note(62_500_000, "Proof"),
            note(62_501_000, "a \"b\"\n#EXT-X-ENDLIST, 課"),
        ];
        let lines = "#EXT-X-DATERANGE:ID=\"note-62500-71719654\",CLASS=\"edgereel.note\",\
                     START-DATE=\"1970-01-01T00:01:02.500Z\",X-TEXT=\"Proof\"\n\
                     #EXT-X-DATERANGE:ID=\"note-62501-6fba81c4\",CLASS=\"edgereel.note\",\
                     START-DATE=\"1970-01-01T00:01:02.501Z\",X-TEXT=\"a 'b' #EXT-X-ENDLIST, 課\"\n";
        let of = |playlist: &str| String::from_utf8(with_notes(playlist.into(), &notes)).unwrap();
        assert_eq!(
            of("#EXTM3U\n1.m4s\n#EXT-X-ENDLIST\n"),
            format!("#EXTM3U\n1.m4s\n{lines}#EXT-X-ENDLIST\n")
        );
        for first in [
            "#EXTINF:6.0,\n",
            "#EXT-X-MAP:URI=\"init.mp4\"\n",
            "#EXT-X-DISCONTINUITY\n",
            "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n",
            "#EXT-X-ENDLIST\n",
            "",
        ] {
            let head = "#EXTM3U\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n";
            assert_eq!(
                of(&format!("{head}{first}1.m4s\n")),
                if first.is_empty() {
                    format!("{head}1.m4s\n{lines}")
                } else {
                    format!("{head}{lines}{first}1.m4s\n")
                }
            );
        }
        assert_eq!(with_notes(b"x\n".to_vec(), &[]), b"x\n");
    }
}
