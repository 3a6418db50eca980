//! The door for web services: events as HTTP callbacks, in CloudEvents or in the words of a cloud.
//!
//! The door sends every event that a service wants to it, in order. When the service does not take an event, edgereel sends it
//! again, as often as is configured, also over restarts. Then the event is kept until somebody says `callback.retry`. An event
//! that is not taken delays no other one. A service that is away costs only rows in the journal.
//!
//! `review` asks a service whether viewers may have a recording, over the same connections and with the same signature.

mod offer;
mod review;
mod run;
mod turns;

pub use review::{HookSettings, ReviewHook};

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::config::HookUrl;
use crate::event::{Dialect, Sender};
use crate::store::{Clock, Reader, Store};

/// A web service, and how events are sent to it.
#[derive(Clone)]
pub struct CallbackSettings {
    /// The listener's name in the journal.
    pub listener: String,
    /// The service's address, which may hold a token.
    pub url: HookUrl,
    /// The words in which events are written.
    pub dialect: Dialect,
    /// The key that signs each request. None: requests are not signed.
    pub key: Option<Vec<u8>>,
    /// Whether the service wants events of a kind.
    pub wants: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// How often an event is tried before it is left to `callback.retry`.
    pub tries: u32,
    /// How long after a failed try the next one comes.
    pub every: Duration,
    /// How long the service may take to answer.
    pub timeout: Duration,
    /// The source, device and domain that all events name.
    pub sender: Sender,
    /// The reader of the outbox.
    pub reader: Reader,
}

/// The callback's name as a listener in the journal.
pub fn listener(name: &str) -> String {
    format!("callback/{name}")
}

/// Callbacks to one service, from their beginning to their end.
pub struct Callback {
    task: JoinHandle<()>,
    again: Arc<Notify>,
}

impl Callback {
    /// Starts the worker on this runtime. `client` belongs to this callback alone, and keeps at most one connection. When that
    /// connection turns out to be closed, the next one is fresh.
    pub fn start(
        settings: CallbackSettings,
        client: reqwest::Client,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let again = Arc::new(Notify::new());
        let task = tokio::spawn(run::run(settings, client, store, clock, again.clone()));
        Self { task, again }
    }

    /// Missed events may be due now: the worker looks at once.
    pub fn look_again(&self) {
        self.again.notify_one();
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        // An event that is being sent is sent again by the next worker.
        self.task.abort();
    }
}
