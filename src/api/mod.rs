//! What can be asked of edgereel while it runs: every command once. Doors bring requests here and take answers away; they
//! know nothing of what the commands do.
//!
//! A request is a JSON object of arguments with an `id` among them; an answer repeats the id and says `"ok":true` with
//! a `result`, or `"ok":false` with an `error`. [`COMMANDS`](commands) is the table from which the commands are carried
//! out, and from which help and the command line come.

mod answer;
mod arguments;
mod clip;
mod command;
mod help;
mod paged;
mod recording;
mod row;
mod rule;
mod stream;
mod sync;
mod table;
mod task;
mod template;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use answer::{Answer, Code, Failure, MAX_ANSWER};
pub use arguments::{MAX_REQUEST, Request};
pub use command::{Argument, Command, Kind};
pub use recording::offline;
pub use row::recording as recording_row;
pub use table::{command, commands};

use crate::media::Micros;
use crate::recorder::Recorder;
use crate::store::{Clock, Library, StoreError};
use crate::sync::Uploader;

/// No door waits longer than this for the card.
const PATIENCE: Duration = Duration::from_secs(30);

/// The commands of a running service; clones are the same.
#[derive(Clone)]
pub struct Api {
    recorder: Recorder,
    store_dir: PathBuf,
    clock: Arc<dyn Clock>,
    uploader: Arc<Mutex<Option<Uploader>>>,
}

impl Api {
    /// Commands for a recorder whose store lives in this directory.
    pub fn new(recorder: Recorder, store_dir: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self {
            recorder,
            store_dir,
            clock,
            uploader: Arc::default(),
        }
    }

    /// Who delivers from now on, if anybody does.
    pub fn set_uploader(&self, uploader: Option<Uploader>) {
        *self.uploader.lock().unwrap_or_else(PoisonError::into_inner) = uploader;
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

    /// Carries out a command whose arguments were read before.
    pub async fn ask(&self, name: &str, request: Request) -> Answer {
        let Request { id, arguments } = request;
        // An id that was answered before would be looked up here.
        let result = match table::known(name) {
            Ok(command) => match tokio::time::timeout(PATIENCE, command.run(self, arguments)).await {
                Ok(result) => result,
                Err(_) => Err(Failure::new(
                    Code::Unavailable,
                    format!(
                        "{name} is not answered within {} s: the card may be stuck; what was begun may go on",
                        PATIENCE.as_secs()
                    ),
                )),
            },
            Err(failure) => Err(failure),
        };
        Answer { id, result }
    }

    fn now(&self) -> Micros {
        self.clock.utc()
    }

    /// Reads from the store where that may block. The journal is opened anew each time: a card that is taken out is not
    /// held, and one that came back is read.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Library) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Failure> {
        let dir = self.store_dir.clone();
        let done = tokio::task::spawn_blocking(move || read(&Library::open(&dir)?)).await;
        match done {
            Ok(result) => Ok(result?),
            Err(error) => Err(Failure::new(
                Code::Internal,
                format!("the store could not be read: {error}"),
            )),
        }
    }
}
