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
use crate::model::{Facts, Form, Notes, ReviewWhen};
use crate::store::{
    Change, Command as StoreCommand, Deletion, RecordingRow, RecordingState, SessionPiece, StoreError,
    ToCompose,
};

/// Time between two looks at sessions that are to be composed.
const LOOK: Duration = Duration::from_secs(5);
/// Sessions that are looked at at once.
const SESSIONS: usize = 1_000;
/// Compositions of a piece that are looked at. A piece of which there are more stays.
const MOST_MADE: usize = 1_000;

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
        let mut sessions = self.read(|library| library.to_compose(SESSIONS)).await?;
        let noted = sessions.len();
        // The recorder is asked first: what it ends meanwhile is open in the journal still.
        sessions.retain(|of| !self.recorder.has_session(&of.session));
        let mut left = sessions.len() < noted;
        if !sessions.is_empty() {
            // The beginning of their last recordings may wait for its commit.
            self.recorder.flush().await?;
        }
        for session in sessions {
            let of = session.clone();
            let pieces = self.read(move |library| library.session(&of)).await?;
            if pieces.iter().any(|piece| piece.state == RecordingState::Open) {
                left = true;
                continue;
            }
            match self.compose_session(session.clone(), pieces).await {
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
    /// Once none is, events say which pieces stay, and which outputs have no whole. Fails where that can be tried again.
    async fn compose_session(&self, mut of: ToCompose, pieces: Vec<SessionPiece>) -> Result<bool, Failure> {
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
        let mut failures: Vec<(Option<RecordingId>, String)> = Vec::new();
        for (formats, pieces) in outputs {
            match self.compose_output(&mut of, formats, &pieces).await? {
                Outcome::Alone => {}
                Outcome::Failed(why) => failures.push((None, format!("a session is not composed: {why}"))),
                Outcome::Whole(whole) => {
                    let (all_gone, staying) = self.drop_pieces(&of, whole, &pieces).await?;
                    are_gone &= all_gone;
                    failures.extend(staying.into_iter().map(|(piece, why)| {
                        let reason = format!("it stays beside the recording of its whole session: {why}");
                        (Some(piece), reason)
                    }));
                }
            }
        }
        for (recording, reason) in failures.into_iter().filter(|_| are_gone) {
            self.recorder.report(Event::RecordingFailed {
                stream: of.stream.to_string(),
                recording: recording.map(|id| id.to_string()),
                reason,
            });
        }
        Ok(are_gone)
    }

    /// Makes the whole of the pieces of one output, where it is not there. Its id is noted before, so that it is known by it when some of
    /// the pieces are gone.
    async fn compose_output(
        &self,
        of: &mut ToCompose,
        formats: Vec<Format>,
        pieces: &[SessionPiece],
    ) -> Result<Outcome, Failure> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
            return Ok(Outcome::Alone);
        };
        let names: Vec<&str> = formats.iter().map(|format| format.as_str()).collect();
        let name = names.join(",");
        let noted = of.wholes.get(&name).copied();
        let id = noted.unwrap_or_else(|| whole_of(first.recording));
        let ids: Vec<RecordingId> = pieces.iter().map(|piece| piece.recording).collect();
        let found = self.read(move |library| {
            let rows: Result<Vec<_>, StoreError> = ids.iter().map(|id| library.recording(*id)).collect();
            let is_made = library.recording(id)?.is_some() || library.deletion(id)? != Deletion::None;
            Ok((is_made, rows?))
        });
        let (is_made, rows) = found.await?;
        let rows: Vec<RecordingRow> = rows.into_iter().flatten().collect();
        if !is_made {
            // A single recording is the whole.
            if pieces.len() < 2 {
                return Ok(Outcome::Alone);
            }
            let is_reviewed = last.spec.output.review == ReviewWhen::Before;
            if let Some(held) = rows.iter().find(|row| self.keeps_back(row, is_reviewed)) {
                let why = format!(
                    "recording {} is held back by a review, or has tape that is",
                    held.id
                );
                return Ok(Outcome::Failed(why));
            }
        }
        if noted.is_none() {
            of.wholes.insert(name, id);
            let note = Change::session_noted(of);
            self.recorder.submit(StoreCommand::Change(note)).await?;
            self.recorder.flush().await?;
        }
        if is_made {
            return Ok(Outcome::Whole(id));
        }
        let asked = rows.into_iter().map(|row| Asked {
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
                Ok(Outcome::Whole(id))
            }
            Err(failure) if failure.code == Code::Unavailable => Err(failure),
            Err(failure) => Ok(Outcome::Failed(failure.message)),
        }
    }

    /// True where viewers do not get a piece, and would get it of the whole. A whole that is reviewed itself shows nothing before it is
    /// passed; tape that is blocked would hold back all of it.
    fn keeps_back(&self, piece: &RecordingRow, is_reviewed: bool) -> bool {
        if is_reviewed {
            let held = self.held();
            return piece.tape.iter().any(|range| held.is_blocked(range));
        }
        self.is_held(piece)
    }

    fn is_held(&self, row: &RecordingRow) -> bool {
        row.is_held_back() || self.held().has(row.id, &row.tape)
    }

    /// Deletes the pieces that are not wanted beside the whole, which is durable and noted; the last one first. True when none is left
    /// that is to go; with it those that stay, and why.
    async fn drop_pieces(
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

/// What became of one output of a session.
enum Outcome {
    /// It has one recording, which is the whole.
    Alone,
    /// The whole was made. It may have been deleted since.
    Whole(RecordingId),
    /// There is no whole, and why.
    Failed(String),
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

/// The id of the whole of a session of which none is noted.
fn whole_of(first: RecordingId) -> RecordingId {
    let mut bytes = first.to_bytes();
    bytes[14] ^= 0x5c;
    bytes[15] ^= 0xa7;
    RecordingId::from_bytes(bytes)
}
