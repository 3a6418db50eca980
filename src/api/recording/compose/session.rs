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
use crate::model::{Facts, Form};
use crate::store::{
    Change, Command as StoreCommand, Deletion, RecordingState, SessionPiece, StoreError, ToCompose,
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
                Ok(()) => {
                    let done = Change::session_composed(session.session);
                    self.recorder.submit(StoreCommand::Change(done)).await?;
                }
                Err(failure) => {
                    tracing::warn!(stream = %session.stream, "a session is not composed yet: {}", failure.message);
                    left = true;
                }
            }
        }
        Ok(left)
    }

    /// Makes a recording of the pieces of each output. Fails where that can be tried again.
    async fn compose_session(&self, of: &ToCompose, pieces: Vec<SessionPiece>) -> Result<(), Failure> {
        let mut outputs: BTreeMap<Vec<Format>, Vec<SessionPiece>> = BTreeMap::new();
        for piece in pieces.into_iter().filter(|piece| piece.spec.output.compose) {
            let formats = piece.spec.output.formats.clone();
            outputs.entry(formats).or_default().push(piece);
        }
        for (formats, pieces) in outputs {
            let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
                continue;
            };
            // A single recording is the whole.
            if pieces.len() < 2 {
                continue;
            }
            let id = whole_of(first.recording);
            let ids: Vec<RecordingId> = pieces.iter().map(|piece| piece.recording).collect();
            let found = self.read(move |library| {
                let rows: Result<Vec<_>, StoreError> = ids.iter().map(|id| library.recording(*id)).collect();
                Ok((library.recording(id)?.is_some(), library.deletion(id)?, rows?))
            });
            let (is_there, deletion, rows) = found.await?;
            if is_there || deletion != Deletion::None {
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
                    tracing::info!(stream = %of.stream, recording = %id, "a session is one recording, too")
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
        Ok(())
    }
}

/// The id of the whole of a session: the same whenever it is made.
fn whole_of(first: RecordingId) -> RecordingId {
    let mut bytes = first.to_bytes();
    bytes[14] ^= 0x5c;
    bytes[15] ^= 0xa7;
    RecordingId::from_bytes(bytes)
}
