//! The commands of a running service, each defined once. Doors bring requests here and take answers away. They do not know what
//! the commands do.
//!
//! A request is a JSON object of arguments with an `id` among them. An answer repeats the id and has `"ok":true` with a
//! `result`, or `"ok":false` with an `error`. [`COMMANDS`](commands) is the table from which the commands are carried out. Help
//! and the command line come from it, too.

mod answer;
mod arguments;
mod audit;
mod back;
mod callback;
mod caller;
mod category;
mod channel;
mod clip;
mod command;
#[cfg(test)]
pub(crate) mod described;
mod device;
mod encrypted;
mod ends;
mod events;
mod figures;
mod fingerprint;
mod health;
mod help;
mod hls_keys;
mod job;
mod memory;
#[cfg(test)]
mod openapi;
mod pace;
mod paged;
mod process;
mod recording;
mod row;
mod rule;
mod scope;
mod seals;
mod store;
mod stream;
mod sync;
mod table;
mod task;
mod template;
#[cfg(test)]
pub(crate) mod tests;
mod timeline;
mod timeshift;
mod token;
mod written;

use memory::{Memory, Ticket};
use pace::Pace;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

pub use answer::{Answer, Code, Failure, MAX_ANSWER, without_service};
pub use arguments::{MAX_REQUEST, Request};
pub use audit::Entry;
pub use back::Back;
pub use caller::{Caller, Door};
pub use channel::{LaidOut, NotLaid, PushKey, PushStatus, SHOWN_AGAIN, is_channel_name, laid_out};
pub use command::{Argument, Command, Effect, Kind, Reach, Values};
pub use device::{CallbackRow, HookStatus, Host, LogPlace, LogWanted, Reloaded};
pub use encrypted::CLOSED;
pub use events::Events;
pub use figures::{
    Build, ByWord, DeliveryFigures, Figures, JournalFigures, LinkFigures, Signs, StreamFigures,
    WaitingFigures,
};
pub use hls_keys::{HlsKeys, KeysAt, NoKey};
pub use job::JobNow;
pub use row::recording as recording_row;
pub use scope::Scope;
pub use stream::row as stream_row;
pub use table::{GROUPS, command, commands};
pub use token::{token_claims, token_made};
pub use written::{read_argument, read_arguments};

use crate::delivery::Uploader;
use crate::media::{Micros, RecordingId};
use crate::recorder::{Recorder, StreamStatus};
use crate::store::{AuditId, Clock, Library, Reader, Store, StoreError};
use crate::work::Waits;

/// The longest time that a door waits for the storage device.
const PATIENCE: Duration = Duration::from_secs(30);

/// The commands of a running service. Clones share one state.
#[derive(Clone)]
pub struct Api {
    recorder: Recorder,
    store: Store,
    reader: Reader,
    clock: Arc<dyn Clock>,
    uploader: Arc<Mutex<Option<Uploader>>>,
    host: Arc<Mutex<Option<Arc<dyn Host>>>>,
    /// CLOCK_BOOTTIME when the service started.
    started: Micros,
    memory: Memory,
    channels: channel::Channels,
    hls_keys: HlsKeys,
    jobs: job::Jobs,
    /// For the search in fingerprints that goes on.
    searches: Arc<Semaphore>,
    /// Says that a fingerprint is asked for. Who makes them listens.
    prints: Arc<tokio::sync::watch::Sender<()>>,
    work: Waits,
    pace: Arc<Mutex<Pace>>,
    /// The ticket of the request, if the request has an id and changes something.
    ticket: Option<Ticket>,
    caller: Caller,
    /// The id of the present command in the audit.
    entry: Option<AuditId>,
}

impl Api {
    /// Makes the commands for a recorder and its store. `reader` reads that store.
    pub fn new(recorder: Recorder, store: Store, reader: Reader, clock: Arc<dyn Clock>) -> Self {
        Self {
            started: clock.boot(),
            host: Arc::default(),
            recorder,
            store,
            reader,
            clock,
            uploader: Arc::default(),
            memory: Memory::default(),
            channels: channel::Channels::default(),
            hls_keys: HlsKeys::default(),
            jobs: job::Jobs::default(),
            searches: Arc::new(Semaphore::new(1)),
            prints: Arc::new(tokio::sync::watch::Sender::new(())),
            work: Waits::default(),
            pace: Arc::default(),
            ticket: None,
            caller: Caller::default(),
            entry: None,
        }
    }

    /// The same commands, for a caller.
    pub fn for_caller(&self, caller: Caller) -> Self {
        Self {
            caller,
            ..self.clone()
        }
    }

    /// Sets the uploader that delivers from now on, or none.
    pub fn set_uploader(&self, uploader: Option<Uploader>) {
        *self.uploader.lock().unwrap_or_else(PoisonError::into_inner) = uploader;
    }

    /// Sets the host that answers for the device itself from now on.
    pub fn set_host(&self, host: Arc<dyn Host>) {
        *self.host.lock().unwrap_or_else(PoisonError::into_inner) = Some(host);
    }

    fn host(&self) -> Result<Arc<dyn Host>, Failure> {
        let host = self.host.lock().unwrap_or_else(PoisonError::into_inner).clone();
        host.ok_or_else(|| Failure::new(Code::Unavailable, "the service is still starting"))
    }

    /// The address under which viewers reach the box, without a slash at its end, if they can.
    pub fn address(&self) -> Option<String> {
        self.host().ok()?.address()
    }

    /// The streams on the air.
    pub fn streams(&self) -> Vec<StreamStatus> {
        self.recorder.status()
    }

    /// Why jobs wait that need the media worker, and how they begin.
    pub fn work(&self) -> &Waits {
        &self.work
    }

    /// Delivery, as it is now.
    pub fn delivery(&self) -> Option<Uploader> {
        self.uploader().ok()
    }

    fn uploader(&self) -> Result<Uploader, Failure> {
        let uploader = self
            .uploader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        uploader.ok_or_else(|| {
            Failure::new(
                Code::Conflict,
                "nothing is delivered: the configuration has no sync.url",
            )
        })
    }

    /// Carries out a command and answers, whatever `body` is.
    pub async fn call(&self, command: &str, body: &[u8]) -> Answer {
        match Request::parse(body) {
            Ok(request) => self.ask(command, request).await,
            Err(failure) => Answer::refusal(failure),
        }
    }

    /// Carries out a command with arguments that were read before.
    pub async fn ask(&self, name: &str, request: Request) -> Answer {
        let Request { id, arguments } = request;
        let result = match table::known(name).and_then(|command| self.may(command)) {
            Ok(command) => match tokio::time::timeout(PATIENCE, self.run(&id, command, arguments)).await {
                Ok(result) => result,
                Err(_) => Err(Failure::new(
                    Code::Unavailable,
                    format!(
                        "{name} is not answered within {} s: the storage device may be stuck; work that has begun may continue",
                        PATIENCE.as_secs()
                    ),
                )),
            },
            Err(failure) => Err(failure),
        };
        Answer { id, result }
    }

    /// Does the same as [`ask`](Self::ask), for a caller that takes answers of at most `most` bytes. A list that would be
    /// longer is read again with fewer rows, and its `next` says where it goes on. The caller must refuse an answer that is
    /// still longer.
    pub async fn ask_within(&self, name: &str, request: Request, most: usize) -> Answer {
        let mut answer = self.ask(name, request.clone()).await;
        let Some((limit, unsaid)) = command(name).and_then(Command::row_limit) else {
            return answer;
        };
        let said = request.arguments.get(limit).and_then(serde_json::Value::as_u64);
        let mut rows = said.unwrap_or(unsaid);
        while rows > 1 && answer.to_json().len() > most {
            rows /= 2;
            let mut shorter = Request {
                id: None,
                arguments: request.arguments.clone(),
            };
            shorter.arguments.insert(limit.to_owned(), rows.into());
            answer = self.ask(name, shorter).await;
            answer.id.clone_from(&request.id);
        }
        answer
    }

    /// The command, if the caller may give it now. A caller with a scope gives only so many changing commands a second.
    fn may(&self, command: &'static Command) -> Result<&'static Command, Failure> {
        self.allows(command)?;
        if self.caller.scope.is_some() && !command.only_reads() {
            let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.take(&self.caller.who, self.clock.boot())?;
        }
        Ok(command)
    }

    async fn run(
        &self,
        id: &Option<String>,
        command: &'static Command,
        arguments: serde_json::Map<String, serde_json::Value>,
    ) -> Result<serde_json::Value, Failure> {
        match id {
            // An answer that is a secret is remembered nowhere: a repeated request is carried out again.
            Some(id) if !command.is_secret() => self.once(id, command, arguments).await,
            id => self.audited(id.as_deref(), command, arguments).await,
        }
    }

    /// True when the request was begun by an earlier run of the service, and may have been carried out.
    fn is_again(&self) -> bool {
        self.ticket.as_ref().is_some_and(|ticket| ticket.again)
    }

    /// The id of the only thing that the request makes.
    fn makes(&self) -> RecordingId {
        match &self.ticket {
            Some(ticket) => ticket.makes(),
            None => RecordingId::new(u64::try_from(self.now() / 1_000).unwrap_or(0)),
        }
    }

    fn now(&self) -> Micros {
        self.clock.utc()
    }

    /// Runs a read of the store that may block.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Library) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Failure> {
        Ok(self.reader.read(read).await?)
    }
}
