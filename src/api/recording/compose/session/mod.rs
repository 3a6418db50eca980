//! Sessions of `compose = true`: when one is over, all of its recordings become one more.

mod looks;
mod pieces;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use self::looks::Looks;
use self::whole::name_of;
use super::making::Tried;
use crate::api::Api;
use crate::api::answer::Failure;
use crate::event::Event;
use crate::format::MAX_RANGES;
use crate::store::{Change, Command as StoreCommand, RecordingState, SessionPiece, ToCompose};

/// Time between two looks at sessions that are to be composed.
const LOOK: Duration = Duration::from_secs(5);
/// Sessions that are looked at at once.
const SESSIONS: usize = 1_000;
/// Recordings of a session that are looked at at once. Where there are so many, an output has too many to become one.
const MOST_PIECES: usize = 5_000;

impl Api {
    /// Makes one more recording of each session that is over, where its template wants that, without end.
    pub async fn compose_sessions(self) {
        while crate::watch::has_failed("the sessions", self.clone().look_after_sessions()).await {}
    }

    async fn look_after_sessions(self) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looks = Looks::default();
        loop {
            ticks.tick().await;
            crate::watch::may_fail("the sessions");
            // Notes alone say what is to be composed: a template may be another one by now. Without a note this reads one index.
            if let Err(failure) = self.look_at_sessions(&mut looks).await {
                tracing::debug!("sessions were not looked at: {}", failure.message);
            }
        }
    }

    /// Composes the sessions that are over. True where some are not over, or could not be composed yet.
    pub(in crate::api) async fn look_at_sessions(&self, looks: &mut Looks) -> Result<bool, Failure> {
        let sessions = self.read(|library| library.to_compose(SESSIONS)).await?;
        looks.keep(
            &sessions
                .iter()
                .map(|of| of.session.as_str())
                .collect::<BTreeSet<_>>(),
        );
        // The recorder is asked first: what it ends meanwhile is open in the journal still.
        let (going_on, over): (Vec<_>, Vec<_>) = sessions
            .into_iter()
            .partition(|of| self.recorder.has_session(&of.session));
        let now = Instant::now();
        let mut left = !going_on.is_empty();
        if looks.has_time_for_others(now) {
            for session in going_on {
                self.look_at_length(session).await?;
            }
        }
        let (due, later): (Vec<_>, Vec<_>) = over.into_iter().partition(|of| looks.is_due(&of.session, now));
        left |= !later.is_empty();
        if !due.is_empty() {
            // The beginning of their last recordings may wait for its commit.
            self.recorder.flush().await?;
        }
        for of in due {
            let (session, stream) = (of.session.clone(), of.stream.clone());
            match self.look_at_session(of).await {
                Ok(is_done) => {
                    looks.goes_on(&session);
                    left |= !is_done;
                }
                Err(tried) => {
                    left = true;
                    let (is_usual, failure) = tried.apart();
                    let is_new = looks.fails(&session, now, &failure.message);
                    // A segment that is still written is nothing to warn of.
                    if is_new && !is_usual {
                        tracing::warn!(%stream, "a session is not composed yet: {}", failure.message);
                    }
                }
            }
        }
        Ok(left)
    }

    /// Composes a session that is over. True where nothing is left to do for it.
    async fn look_at_session(&self, mut of: ToCompose) -> Result<bool, Tried> {
        let session = of.clone();
        let pieces = self
            .read(move |library| library.session(&session, MOST_PIECES))
            .await?;
        let is_open = |piece: &SessionPiece| piece.state == RecordingState::Open;
        if self.give_up(&mut of, &pieces).await? || pieces.iter().any(is_open) {
            return Ok(false);
        }
        let session = of.session.clone();
        // Its note stays until its pieces are gone: no piece is delivered meanwhile.
        let Some(told) = self.compose_session(of, pieces).await? else {
            return Ok(false);
        };
        let done = StoreCommand::Change(Change::session_composed(session, told));
        self.recorder.submit(done).await.map_err(Failure::from)?;
        Ok(true)
    }

    /// Gives outputs of a session that goes on up, where they have too many recordings by now.
    pub(in crate::api) async fn look_at_length(&self, mut of: ToCompose) -> Result<(), Failure> {
        let session = of.clone();
        let reached = self.read(move |library| library.session_reached(&session));
        if usize::try_from(reached.await?).is_ok_and(|reached| reached <= MAX_RANGES) {
            return Ok(());
        }
        let session = of.clone();
        let pieces = self.read(move |library| library.session(&session, MOST_PIECES));
        let pieces = pieces.await?;
        self.give_up(&mut of, &pieces).await.map(drop)
    }

    /// Gives outputs up of which there are more recordings than one can be made of, and tells that once: they are delivered without waiting
    /// for the end of the session. True where there was one.
    async fn give_up(&self, of: &mut ToCompose, pieces: &[SessionPiece]) -> Result<bool, Failure> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for output in pieces
            .iter()
            .map(|piece| &piece.spec.output)
            .filter(|of| of.compose)
        {
            *counts.entry(name_of(&output.formats)).or_default() += 1;
        }
        let mut told = Vec::new();
        for (name, _) in counts.into_iter().filter(|(_, count)| *count > MAX_RANGES) {
            if let Some(whole) = of.wholes.get(&name).copied()
                && self.is_made(whole).await?
            {
                continue;
            }
            told.push(Event::RecordingFailed {
                stream: of.stream.to_string(),
                recording: None,
                reason: format!(
                    "a session is not composed as {name}: it has more than {MAX_RANGES} recordings, and no more can be put together. They \
                     stay, and are delivered: choose a longer split"
                ),
            });
            of.given_up.insert(name);
        }
        if told.is_empty() {
            return Ok(false);
        }
        let note = StoreCommand::Change(Change::session_noted(of, told));
        self.recorder.submit(note).await?;
        Ok(true)
    }
}
