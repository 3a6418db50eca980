//! What people wrote about a recording, in the head of a file that is sent.

use crate::format::mp4::Labels;
use crate::format::{Format, View};
use crate::store::{LibrarySource, Piece, RecordingRow};

/// The name of the piece that has no bytes of its own: its mark is what is written in the head of the file. An upload keeps that
/// from its first byte to its last one, whatever people write meanwhile.
const HEAD: &str = "head";

/// The name of the piece that has the head.
const FIRST: &str = "1";

/// True for files whose head has what people wrote about the recording.
pub(super) fn has_head(format: Format) -> bool {
    matches!(format, Format::Mp4 | Format::Aac)
}

/// The piece that is written down with the part that has the head.
pub(super) fn head(labels: &Labels) -> Piece {
    Piece {
        name: HEAD.to_owned(),
        bytes: 0,
        crc: 0,
        etag: String::new(),
        // Texts and numbers alone: nothing can fail.
        mark: serde_json::to_string(labels).unwrap_or_default(),
    }
}

/// What is written in the head of a file: what was written in the part that was sent, or else what people wrote by now.
pub(super) fn labels(
    pieces: &[Piece],
    row: Option<&RecordingRow>,
    (part, view): (u32, &View<LibrarySource>),
) -> Labels {
    let written = || {
        let row = row?;
        // The first file begins where the recording does.
        Some(if part > 1 {
            row.labels_of(view)
        } else {
            row.labels()
        })
    };
    sent(pieces).or_else(written).unwrap_or_default()
}

/// What is written in the part that the store has. Earlier releases wrote nothing of the kind: their first part has no such piece
/// beside it.
fn sent(pieces: &[Piece]) -> Option<Labels> {
    let of = |name: &str| pieces.iter().find(|piece| piece.name == name);
    match of(HEAD) {
        Some(head) => serde_json::from_str(&head.mark).ok(),
        None => of(FIRST).map(|_| Labels::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_keeps_the_words_that_it_began_with() {
        let began = Labels {
            title: Some("Algebra \"7\" 課".to_owned()),
            ..Labels::default()
        };
        let part = Piece {
            name: "1".to_owned(),
            ..head(&Labels::default())
        };
        assert_eq!(sent(&[part.clone(), head(&began)]), Some(began));
        // A recording without facts keeps that, too.
        assert_eq!(sent(&[head(&Labels::default())]), Some(Labels::default()));
        // An upload that an earlier release began has no words in its head, whatever people write meanwhile.
        assert_eq!(sent(std::slice::from_ref(&part)), Some(Labels::default()));
        let later = Piece {
            name: "2".to_owned(),
            ..part
        };
        assert_eq!((sent(&[later]), sent(&[])), (None, None));
        // It is no number of a part.
        assert!(HEAD.parse::<u32>().is_err());
    }
}
