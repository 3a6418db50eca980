//! A repeated request gets the answer of the first one, and is not carried out again.
//!
//! ```text
//! begun     written together with the effects of the command and before them: never later than they are
//! carried out
//! answered  written before any caller gets the answer
//! ```
//!
//! A request may have been begun and not answered when the service ended. When it comes again it is carried out again, with the
//! ids that it had then: things that it made are found, things that it ended have ended. Requests that only read are remembered
//! in memory alone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use md5::{Digest as _, Md5};
use serde_json::Value;
use tokio::sync::watch;

use super::Api;
use super::answer::{Answer, Code, Failure, Outcome, sorted};
use super::command::{Command, Effect};
use crate::media::{Micros, RecordingId};
use crate::model::reply::Already;
use crate::store::{Change, Command as StoreCommand, Remembered};

/// The most bytes of all answers that are kept in memory.
const MOST_BYTES: usize = 64 << 10;
/// The most answers that are kept in memory.
const MOST: usize = 128;

/// The latest requests. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Memory {
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    requests: HashMap<Key, Entry>,
    /// The answered requests, the oldest first.
    order: VecDeque<Key>,
    bytes: usize,
}

struct Entry {
    bytes: usize,
    answer: watch::Receiver<Option<Answer>>,
}

/// An id and its command. Two commands may have the same id. If one of them has a lasting effect, the journal decides which
/// came first: after a restart requests come again in any order.
type Key = (String, &'static str);

/// A request that is being carried out. Effects may depend on its id.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    /// The id under which the request is remembered.
    id: String,
    begun: Micros,
    /// True when the request was begun before, and nobody knows whether it was done.
    pub(super) again: bool,
}

impl Ticket {
    pub(super) fn new(id: &str, begun: Micros, again: bool) -> Self {
        Self {
            id: id.to_owned(),
            begun,
            again,
        }
    }

    /// The id of the only thing that the request makes. It is the same however often the request is carried out.
    pub(super) fn makes(&self) -> RecordingId {
        let hash = Md5::digest(self.id.as_bytes());
        let mut chance = [0; 10];
        chance
            .iter_mut()
            .zip(hash)
            .for_each(|(byte, of_hash)| *byte = of_hash);
        let millis = u64::try_from(self.begun / 1_000).unwrap_or(0);
        let made = uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid();
        RecordingId::from_bytes(made.into_bytes())
    }
}

impl Memory {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims a request for the caller that will carry it out. If another caller has or had it, returns where its answer comes.
    fn claim(&self, key: &Key) -> Result<watch::Sender<Option<Answer>>, watch::Receiver<Option<Answer>>> {
        let mut known = self.known();
        if let Some(entry) = known.requests.get(key) {
            return Err(entry.answer.clone());
        }
        let (sender, answer) = watch::channel(None);
        known.requests.insert(key.clone(), Entry { bytes: 0, answer });
        Ok(sender)
    }

    /// Counts the bytes of an answer. When there are too many answers or bytes, the oldest ones are forgotten.
    fn remember(&self, key: &Key, bytes: usize) {
        let mut known = self.known();
        let Some(entry) = known.requests.get_mut(key) else {
            defect!("a request was answered that nobody claimed");
            return;
        };
        entry.bytes = bytes;
        known.bytes += bytes;
        known.order.push_back(key.clone());
        while known.order.len() > MOST || known.bytes > MOST_BYTES {
            let Some(oldest) = known.order.pop_front() else {
                break;
            };
            let gone = known.requests.remove(&oldest).map_or(0, |entry| entry.bytes);
            known.bytes -= gone;
        }
    }

    /// Forgets a request that had no effect. It may come again.
    fn forget(&self, key: &Key) {
        self.known().requests.remove(key);
    }
}

impl Api {
    /// Carries out a command once for each id, and gives every request with this id the same answer.
    pub(super) async fn once(
        &self,
        id: &str,
        command: &'static Command,
        arguments: serde_json::Map<String, Value>,
    ) -> Result<Value, Failure> {
        let other = |known: &str| {
            let text = format!("the id was used for {known} within the last day: each request needs its own");
            Failure::new(Code::Conflict, text).about("id")
        };
        let known_as = self.caller.remembered_as(id);
        let key = (known_as.clone(), command.name);
        let told = match self.memory.claim(&key) {
            Ok(told) => told,
            Err(mut answer) => {
                let answer = answer.wait_for(Option::is_some).await;
                return match answer {
                    Ok(answer) => answer.clone().map_or_else(|| Err(gone()), |answer| answer.result),
                    // The caller that carried the request out is gone.
                    Err(_) => Err(gone()),
                };
            }
        };
        let unclaimed = Unclaim {
            memory: &self.memory,
            key: &key,
        };
        let lasting = matches!(command.effect, Effect::Changes | Effect::Ends);
        let known = match self.recall(&known_as).await {
            // Only a lasting effect needs to know. Other commands are carried out although the storage device is away.
            Err(error) if lasting => return Err(error),
            known => known.unwrap_or_default(),
        };
        if let Some(known) = known.as_ref().filter(|known| known.command != command.name) {
            return Err(other(&known.command));
        }
        let result = if !lasting {
            self.audited(Some(id), command, arguments).await
        } else {
            match known {
                Some(Remembered {
                    answer: Some(answer), ..
                }) => read(&answer),
                begun => {
                    let again = begun.is_some();
                    let begun = begun.map_or_else(|| self.now(), |begun| begun.begun);
                    self.carry_out(id, command, arguments, Ticket::new(&known_as, begun, again))
                        .await?
                }
            }
        };
        std::mem::forget(unclaimed);
        let answer = Answer {
            id: None,
            result: result.clone(),
        };
        let bytes = answer.to_json().len() + known_as.len();
        told.send_replace(Some(answer));
        self.memory.remember(&key, bytes);
        result
    }

    async fn carry_out(
        &self,
        id: &str,
        command: &'static Command,
        arguments: serde_json::Map<String, Value>,
        ticket: Ticket,
    ) -> Result<Result<Value, Failure>, Failure> {
        let mut request = Remembered {
            id: ticket.id.clone(),
            command: command.name.to_owned(),
            begun: ticket.begun,
            answer: None,
        };
        // This is handed over before the effects of the command: when any of them is written, this is written, too.
        self.recorder
            .hand_over(StoreCommand::Change(Change::Remember(request.clone())))?;
        let again = ticket.again;
        let with_ticket = Api {
            ticket: Some(ticket),
            ..self.clone()
        };
        let mut result = with_ticket.audited(Some(id), command, arguments).await;
        let gone = |failure: &Failure| matches!(failure.code, Code::NotFound | Code::Conflict);
        if again && command.effect == Effect::Ends && result.as_ref().is_err_and(gone) {
            result = super::command::written(&Already { already: true });
        }
        request.answer = Some(written(&result));
        self.recorder
            .submit(StoreCommand::Change(Change::Remember(request)))
            .await?;
        Ok(result)
    }

    async fn recall(&self, id: &str) -> Result<Option<Remembered>, Failure> {
        let id = id.to_owned();
        let now = self.now();
        let known = self.read(move |library| library.remembered(&id)).await?;
        let lately = |known: &Remembered| {
            known.begun < Remembered::DATED_FROM || now.saturating_sub(known.begun) < DAY
        };
        Ok(known.filter(lately))
    }
}

/// The time after which an id may be used again.
const DAY: Micros = 24 * 3_600 * 1_000_000;

/// Forgets a request that is dropped, or that fails before it has any effect. It may come again.
struct Unclaim<'a> {
    memory: &'a Memory,
    key: &'a Key,
}

impl Drop for Unclaim<'_> {
    fn drop(&mut self) {
        self.memory.forget(self.key);
    }
}

fn gone() -> Failure {
    let text = "the request with this id was given up before it was answered; ask again";
    Failure::new(Code::Unavailable, text)
}

fn written(result: &Result<Value, Failure>) -> String {
    sorted(&Outcome::of(result)).to_string()
}

fn read(text: &str) -> Result<Value, Failure> {
    let unreadable = || {
        Failure::new(
            Code::Internal,
            "what was answered to this request cannot be read any more",
        )
    };
    let mut answer: serde_json::Map<String, Value> = serde_json::from_str(text).map_err(|_| unreadable())?;
    match (answer.remove("result"), answer.remove("error")) {
        (Some(result), _) => Ok(result),
        (None, Some(error)) => Err(serde_json::from_value(error).map_err(|_| unreadable())?),
        (None, None) => Err(unreadable()),
    }
}
