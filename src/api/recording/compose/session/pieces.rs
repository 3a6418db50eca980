//! The recordings of a session beside the whole: those that are not wanted are deleted, and each that stays has a reason.

use std::collections::BTreeMap;

use crate::api::Api;
use crate::api::answer::Failure;
use crate::media::RecordingId;
use crate::model::{Facts, Notes};
use crate::store::{
    Command as StoreCommand, Deletion, RecordingRow, RecordingState, SessionPiece, StoreError, ToCompose,
};

/// Compositions of a piece that are looked at. A piece of which there are more stays.
const MOST_MADE: usize = 1_000;

impl Api {
    /// Deletes the pieces that are not wanted beside the whole, which is durable and noted; the last one first. True when none is left
    /// that is to go; with it those that stay, and why.
    pub(super) async fn drop_pieces(
        &self,
        of: &ToCompose,
        whole: RecordingId,
        pieces: &[SessionPiece],
    ) -> Result<(bool, Vec<(RecordingId, &'static str)>), Failure> {
        let dropped = pieces.iter().filter(|piece| piece.spec.output.compose_drop);
        let ids: Vec<RecordingId> = dropped.map(|piece| piece.recording).rev().collect();
        let all = ids.clone();
        let needed = self.read(move |library| {
            let rows = all.into_iter().map(|id| library.recording(id));
            let rows: Vec<_> = rows.collect::<Result<_, StoreError>>()?;
            Ok(texts(rows.iter().flatten()))
        });
        let needed = needed.await?;
        let (mut staying, mut are_gone) = (Vec::new(), true);
        for id in ids {
            // Each deletion takes a commit, so hundreds of them take minutes: what is true of the next one is read behind the one before.
            let found = self.read(move |library| {
                let made = library.made_of(id, MOST_MADE)?;
                let piece = library.recording(id)?;
                // Last, so that a whole that goes meanwhile is not taken for one that stays.
                let stays = library.deletion(whole)? == Deletion::None;
                let row = library.recording(whole)?;
                Ok((
                    piece,
                    made,
                    row.filter(|row| stays && row.state != RecordingState::Expired),
                ))
            });
            let (Some(piece), made, row) = found.await? else {
                continue;
            };
            let is_needed = made.iter().any(|other| !of.wholes.values().any(|id| id == other));
            let why = match &row {
                None => Some("that one is deleted, or is being deleted"),
                Some(row) if self.is_held(row) => Some("a review holds that one back"),
                Some(_) if !made.contains(&whole) => Some("that one does not have it"),
                Some(_) if self.is_held(&piece) => Some("a review holds it back"),
                Some(row) => stays(&piece, lacks(row, &piece, &needed), is_needed),
            };
            match why {
                Some(why) => staying.push((piece.id, why)),
                None => {
                    are_gone = false;
                    // The store looks again, in the transaction that deletes.
                    let recording = piece.id;
                    let delete = StoreCommand::DeleteBeside { recording, whole };
                    self.recorder.submit(delete).await?;
                }
            }
        }
        Ok((are_gone, staying))
    }
}

/// How often each text is a note of these recordings.
fn texts<'a>(rows: impl IntoIterator<Item = &'a RecordingRow>) -> BTreeMap<String, usize> {
    let mut texts: BTreeMap<String, usize> = BTreeMap::new();
    for note in rows.into_iter().flat_map(|row| row.facts.notes.iter()) {
        *texts.entry(note.text.as_str().to_owned()).or_default() += 1;
    }
    texts
}

/// True where the whole does not have all notes of a piece: of one of their texts, the pieces that are there need more than it has.
fn lacks(whole: &RecordingRow, piece: &RecordingRow, needed: &BTreeMap<String, usize>) -> bool {
    let has = texts([whole]);
    let count = |of: &BTreeMap<String, usize>, text: &String| of.get(text).copied().unwrap_or(0);
    texts([piece])
        .iter()
        .any(|(text, own)| count(needed, text).max(*own) > count(&has, text))
}

/// Why a piece stays beside the whole.
fn stays(piece: &RecordingRow, lacks_notes: bool, is_needed: bool) -> Option<&'static str> {
    let said = Facts {
        notes: Notes::default(),
        ..piece.facts.clone()
    };
    if piece.protected {
        return Some("it is protected");
    }
    if piece.shown {
        return Some("a channel shows it");
    }
    if is_needed {
        return Some("another recording is made of it");
    }
    if said != Facts::default() {
        return Some(
            "somebody set its title, description, tags, category or custom fields, which the whole does not have",
        );
    }
    lacks_notes.then_some("the whole has no place for all notes, or lacks one that was set since")
}
