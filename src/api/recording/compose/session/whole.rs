//! The whole of each output of a session.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::arguments::Wanted;
use super::super::making::{Asked, Tried, make};
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::event::Event;
use crate::format::Format;
use crate::media::RecordingId;
use crate::model::{Facts, Form, ReviewWhen};
use crate::store::{
    Change, Command as StoreCommand, Deletion, RecordingRow, RecordingState, SessionPiece, StoreError,
    ToCompose,
};

/// What became of one output of a session.
enum Outcome {
    /// It has one recording, which is the whole.
    Alone,
    /// The whole was made. It may have been deleted since.
    Whole(RecordingId),
    /// The whole was made as HLS alone, and not in all formats of the recordings.
    HlsAlone,
    /// There is no whole, and why.
    Failed(String),
}

/// The name of an output in the note of its session.
pub(super) fn name_of(formats: &[Format]) -> String {
    let names: Vec<&str> = formats.iter().map(|format| format.as_str()).collect();
    names.join(",")
}

impl Api {
    /// Makes a recording of the pieces of each output, and deletes the pieces where that is wanted. None while a piece is being deleted.
    /// Once none is, the events that say which pieces stay, and which outputs have no whole. Fails where that can be tried again; an
    /// output that fails keeps no other waiting.
    pub(super) async fn compose_session(
        &self,
        mut of: ToCompose,
        pieces: Vec<SessionPiece>,
    ) -> Result<Option<Vec<Event>>, Tried> {
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
        let mut told: Vec<(Option<RecordingId>, String)> = Vec::new();
        let mut first_failure = None;
        for (formats, pieces) in outputs {
            let outcome = match self.compose_output(&mut of, &formats, &pieces).await {
                Ok(outcome) => outcome,
                Err(failure) => {
                    first_failure.get_or_insert(failure);
                    continue;
                }
            };
            match outcome {
                Outcome::Alone => {}
                Outcome::Failed(why) => told.push((None, format!("a session is not composed: {why}"))),
                Outcome::HlsAlone => {
                    let others: Vec<Format> = formats
                        .iter()
                        .copied()
                        .filter(|format| *format != Format::Hls)
                        .collect();
                    let others = name_of(&others);
                    let reason = format!(
                        "a session is composed as hls alone, and not as {others}: its recordings differ in codec or size. They stay"
                    );
                    told.push((None, reason));
                }
                Outcome::Whole(whole) => {
                    let (all_gone, staying) = self.drop_pieces(&of, whole, &pieces).await?;
                    are_gone &= all_gone;
                    told.extend(staying.into_iter().map(|(piece, why)| {
                        let reason = format!("it stays beside the recording of its whole session: {why}");
                        (Some(piece), reason)
                    }));
                }
            }
        }
        if let Some(failure) = first_failure {
            return Err(failure);
        }
        let told = told
            .into_iter()
            .map(|(recording, reason)| Event::RecordingFailed {
                stream: of.stream.to_string(),
                recording: recording.map(|id| id.to_string()),
                reason,
            });
        Ok(are_gone.then(|| told.collect()))
    }

    /// Makes the whole of the pieces of one output, where it is not there. Its id is noted before, so that it is known by it when some of
    /// the pieces are gone.
    async fn compose_output(
        &self,
        of: &mut ToCompose,
        formats: &[Format],
        pieces: &[SessionPiece],
    ) -> Result<Outcome, Tried> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
            return Ok(Outcome::Alone);
        };
        let name = name_of(formats);
        let noted = of.wholes.get(&name).copied();
        let id = noted.unwrap_or_else(|| whole_of(first.recording));
        if self.is_made(id).await? {
            self.note_whole(of, name, id).await?;
            let made = self.read(move |library| library.recording(id)).await?;
            let lacks = |made: RecordingRow| {
                let has = made.spec.output.formats;
                formats.iter().any(|format| !has.contains(format))
            };
            let is_part = made.is_some_and(lacks);
            return Ok(if is_part {
                Outcome::HlsAlone
            } else {
                Outcome::Whole(id)
            });
        }
        // A single recording is the whole.
        if pieces.len() < 2 {
            return Ok(Outcome::Alone);
        }
        let ids: Vec<RecordingId> = pieces.iter().map(|piece| piece.recording).collect();
        let all = ids.clone();
        let rows = self.read(move |library| {
            let rows = all.iter().map(|id| library.recording(*id));
            rows.collect::<Result<Vec<_>, StoreError>>()
        });
        let rows: Vec<RecordingRow> = rows.await?.into_iter().flatten().collect();
        let is_reviewed = last.spec.output.review == ReviewWhen::Before;
        if let Some(held) = rows.iter().find(|row| self.keeps_back(row, is_reviewed)) {
            let why = format!(
                "recording {} is held back by a review, or has tape that is",
                held.id
            );
            return Ok(Outcome::Failed(why));
        }
        self.note_whole(of, name, id).await?;
        let asked: Vec<Asked> = rows
            .into_iter()
            .map(|row| Asked {
                row,
                bounds: (None, None),
                note: None,
            })
            .collect();
        let mut outcome = Outcome::Whole(id);
        let mut tried = self.make_whole(id, &asked, (formats, last)).await;
        if let Err(Tried::Codings(_)) = &tried
            && formats.contains(&Format::Hls)
        {
            outcome = Outcome::HlsAlone;
            tried = self.make_whole(id, &asked, (&[Format::Hls], last)).await;
        }
        match tried {
            Ok(()) => {
                tracing::info!(stream = %of.stream, recording = %id, "a session is one recording, too");
                Ok(outcome)
            }
            Err(Tried::Failed(failure) | Tried::Codings(failure)) if failure.code != Code::Unavailable => {
                // A recording that went meanwhile is left out the next time.
                if self.is_one_gone(ids).await? {
                    return Err(Failure::new(Code::Unavailable, failure.message).into());
                }
                Ok(Outcome::Failed(failure.message))
            }
            Err(tried) => Err(tried),
        }
    }

    async fn make_whole(
        &self,
        id: RecordingId,
        asked: &[Asked],
        (formats, like): (&[Format], &SessionPiece),
    ) -> Result<(), Tried> {
        let wanted = Wanted {
            template: None,
            formats: Some(formats.to_vec()),
            name: None,
            facts: Facts::default(),
            notes: None,
            form: Form::Joined,
            like: Some(like.spec.clone()),
            job: None,
        };
        // Other sessions do not wait for a segment of this one: there is another look.
        make(self, id, asked, wanted, Duration::ZERO).await.map(drop)
    }

    /// Notes which recording is the whole of an output, where that is not noted.
    async fn note_whole(&self, of: &mut ToCompose, name: String, id: RecordingId) -> Result<(), Failure> {
        if of.wholes.insert(name, id).is_none() {
            let note = StoreCommand::Change(Change::session_noted(of, Vec::new()));
            self.recorder.submit(note).await?;
        }
        Ok(())
    }

    /// True of a whole that is there, or was deleted since.
    pub(super) async fn is_made(&self, whole: RecordingId) -> Result<bool, Failure> {
        self.read(move |library| {
            Ok(library.recording(whole)?.is_some() || library.deletion(whole)? != Deletion::None)
        })
        .await
    }

    /// True where one of these recordings is not there any more, or is being removed.
    pub(in crate::api) async fn is_one_gone(&self, ids: Vec<RecordingId>) -> Result<bool, Failure> {
        self.read(move |library| {
            for id in ids {
                let row = library.recording(id)?;
                if row.is_none_or(|row| row.state == RecordingState::Expired)
                    || library.deletion(id)? != Deletion::None
                {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
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

    pub(super) fn is_held(&self, row: &RecordingRow) -> bool {
        row.is_held_back() || self.held().has(row.id, &row.tape)
    }
}

/// The id of the whole of a session of which none is noted.
fn whole_of(first: RecordingId) -> RecordingId {
    let mut bytes = first.to_bytes();
    bytes[14] ^= 0x5c;
    bytes[15] ^= 0xa7;
    RecordingId::from_bytes(bytes)
}
