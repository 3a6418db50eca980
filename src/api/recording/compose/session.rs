//! Sessions of `compose = true`: when one is over, all of its recordings become one more.

use std::collections::BTreeMap;
use std::time::Duration;

use super::arguments::Wanted;
use super::making::{Asked, make};
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::event::Event;
use crate::format::Format;
use crate::media::RecordingId;
use crate::model::{Facts, Form, Notes};
use crate::store::{
    Change, Command as StoreCommand, Deletion, RecordingRow, RecordingState, SessionPiece, StoreError,
    ToCompose,
};

/// Time between two looks at sessions that are to be composed.
const LOOK: Duration = Duration::from_secs(5);
/// Sessions that are looked at at once.
const SESSIONS: usize = 1_000;

impl Api {
    /// Makes one more recording of each session that is over, where its template wants that, without end.
    pub async fn compose_sessions(self) {
        while crate::watch::has_failed("the sessions", self.clone().look_after_sessions()).await {}
    }

    async fn look_after_sessions(self) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut waits = true;
        loop {
            looks.tick().await;
            crate::watch::may_fail("the sessions");
            let templates = self.recorder.templates();
            let mut outputs = templates.iter().flat_map(|(template, _)| &template.outputs);
            if !waits && !outputs.any(|output| output.compose) {
                continue;
            }
            match self.look_at_sessions().await {
                Ok(left) => waits = left,
                Err(failure) => tracing::debug!("sessions were not looked at: {}", failure.message),
            }
        }
    }

    /// Composes the sessions that are over. True where some are not over, or could not be composed yet.
    pub(in crate::api) async fn look_at_sessions(&self) -> Result<bool, Failure> {
        let mut left = false;
        for session in self.read(|library| library.to_compose(SESSIONS)).await? {
            // The recorder is asked first: what it ends meanwhile is open in the journal still.
            let goes_on = self.recorder.has_session(&session.session);
            let of = session.clone();
            let pieces = self.read(move |library| library.session(&of)).await?;
            if goes_on || pieces.iter().any(|piece| piece.state == RecordingState::Open) {
                left = true;
                continue;
            }
            match self.compose_session(&session, pieces).await {
                Ok(true) => {
                    let done = Change::session_composed(session.session);
                    self.recorder.submit(StoreCommand::Change(done)).await?;
                }
                // Its note stays until its pieces are gone: no piece is delivered meanwhile.
                Ok(false) => left = true,
                Err(failure) => {
                    tracing::warn!(stream = %session.stream, "a session is not composed yet: {}", failure.message);
                    left = true;
                }
            }
        }
        Ok(left)
    }

    /// Makes a recording of the pieces of each output, and deletes the pieces where that is wanted. False while a piece is being deleted.
    /// Fails where that can be tried again.
    async fn compose_session(&self, of: &ToCompose, pieces: Vec<SessionPiece>) -> Result<bool, Failure> {
        let ids: Vec<RecordingId> = pieces.iter().map(|piece| piece.recording).collect();
        let deletions = self.read(move |library| {
            let each = ids.into_iter().map(|id| library.deletion(id));
            each.collect::<Result<Vec<_>, StoreError>>()
        });
        let (pieces, going): (Vec<_>, Vec<_>) = pieces
            .into_iter()
            .zip(deletions.await?)
            .partition(|(_, deletion)| *deletion == Deletion::None);
        let mut are_gone = going.is_empty();
        let pieces = pieces.into_iter().map(|(piece, _)| piece);
        let mut outputs: BTreeMap<Vec<Format>, Vec<SessionPiece>> = BTreeMap::new();
        for piece in pieces.filter(|piece| piece.spec.output.compose) {
            let formats = piece.spec.output.formats.clone();
            outputs.entry(formats).or_default().push(piece);
        }
        for (formats, pieces) in outputs {
            let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
                continue;
            };
            let id = whole_of(first.recording);
            let ids: Vec<RecordingId> = pieces.iter().map(|piece| piece.recording).collect();
            let found = self.read(move |library| {
                let rows: Result<Vec<_>, StoreError> = ids.iter().map(|id| library.recording(*id)).collect();
                Ok((library.recording(id)?.is_some(), library.deletion(id)?, rows?))
            });
            let (is_there, deletion, rows) = found.await?;
            if is_there {
                are_gone &= self.drop_pieces(of, id, &pieces).await?;
                continue;
            }
            // A single recording is the whole.
            if deletion != Deletion::None || pieces.len() < 2 {
                continue;
            }
            let asked = rows.into_iter().flatten().map(|row| Asked {
                row,
                bounds: (None, None),
                note: None,
            });
            let wanted = Wanted {
                template: None,
                formats: Some(formats),
                name: None,
                facts: Facts::default(),
                notes: None,
                form: Form::Joined,
                like: Some(last.spec.clone()),
            };
            match make(self, id, &asked.collect::<Vec<_>>(), wanted).await {
                Ok(_) => {
                    tracing::info!(stream = %of.stream, recording = %id, "a session is one recording, too");
                    are_gone &= self.drop_pieces(of, id, &pieces).await?;
                }
                Err(failure) if failure.code == Code::Unavailable => return Err(failure),
                Err(failure) => {
                    let reason = format!("a session is not composed: {}", failure.message);
                    self.recorder.report(Event::RecordingFailed {
                        stream: of.stream.to_string(),
                        recording: None,
                        reason,
                    });
                }
            }
        }
        Ok(are_gone)
    }

    /// Deletes the pieces that are not wanted beside the whole, which is durable; the last one first, because the id of the first one is
    /// that of the whole. True when none is left that is to go: then it says which of them stay, and why.
    async fn drop_pieces(
        &self,
        of: &ToCompose,
        whole: RecordingId,
        pieces: &[SessionPiece],
    ) -> Result<bool, Failure> {
        let dropped = pieces.iter().filter(|piece| piece.spec.output.compose_drop);
        let ids: Vec<RecordingId> = dropped.map(|piece| piece.recording).rev().collect();
        let found = self.read(move |library| {
            let has = library.recording(whole)?.map_or(0, |row| row.facts.notes.len());
            let each = ids.into_iter().map(|id| {
                let needed = library.needed_by(id, 2)?;
                let row = library.recording(id)?;
                Ok(row.map(|row| (row, needed.iter().any(|other| *other != whole))))
            });
            Ok((has, each.collect::<Result<Vec<_>, StoreError>>()?))
        });
        let (has, rows) = found.await?;
        let rows: Vec<_> = rows.into_iter().flatten().collect();
        let notes: usize = rows.iter().map(|(row, _)| row.facts.notes.len()).sum();
        let (mut staying, mut are_gone) = (Vec::new(), true);
        for (row, is_needed) in rows {
            match stays(&row, notes > has, is_needed) {
                Some(why) => staying.push((row.id, why)),
                None => {
                    are_gone = false;
                    let delete = StoreCommand::Delete { recording: row.id };
                    self.recorder.submit(delete).await?;
                }
            }
        }
        for (id, why) in staying.into_iter().filter(|_| are_gone) {
            self.recorder.report(Event::RecordingFailed {
                stream: of.stream.to_string(),
                recording: Some(id.to_string()),
                reason: format!("it stays beside the recording of its whole session: {why}"),
            });
        }
        Ok(are_gone)
    }
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
    if piece.is_held_back() {
        return Some("a review holds it back");
    }
    if is_needed {
        return Some("another recording is made of it");
    }
    if said != Facts::default() {
        return Some(
            "somebody set its title, description, tags, category or custom fields, which the whole does not have",
        );
    }
    let has_notes = !piece.facts.notes.is_empty();
    (lacks_notes && has_notes).then_some("the whole has no place for all notes")
}

/// The id of the whole of a session: the same whenever it is made.
fn whole_of(first: RecordingId) -> RecordingId {
    let mut bytes = first.to_bytes();
    bytes[14] ^= 0x5c;
    bytes[15] ^= 0xa7;
    RecordingId::from_bytes(bytes)
}
