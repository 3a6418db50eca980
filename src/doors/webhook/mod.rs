//! The door for web services: events as HTTP callbacks, in CloudEvents or in the words of a cloud.
//!
//! What it promises: every event that a service wants is offered to it in order, once, and again as often as is configured
//! when it did not take it, also over restarts; then it is kept until somebody says `callback.retry`. One that is not taken
//! holds up no other, and a service that is away costs nothing but rows.

mod offer;
mod run;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::config::HookUrl;
use crate::event::{Dialect, Sender};
use crate::store::{Clock, Reader, Store};

/// A web service, and how it is spoken to.
#[derive(Clone)]
pub struct CallbackSettings {
    /// What the outbox knows it by.
    pub listener: String,
    /// Where it is.
    pub url: HookUrl,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Signs what it is told.
    pub key: Option<Vec<u8>>,
    /// Which events it wants.
    pub wants: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// How often it is told until it is left to `callback.retry`.
    pub tries: u32,
    /// How long after it did not take something it is told again.
    pub every: Duration,
    /// It must have answered by then.
    pub timeout: Duration,
    /// What all events have in common.
    pub sender: Sender,
    /// Reads the outbox.
    pub reader: Reader,
}

/// What the outbox knows a callback of this name by.
pub fn listener(name: &str) -> String {
    format!("callback/{name}")
}

/// Callbacks to one service, from their beginning to their end.
pub struct Callback {
    task: JoinHandle<()>,
    again: Arc<Notify>,
}

impl Callback {
    /// Begins to tell, on this runtime. `client` is this callback's alone, and keeps at most one connection: when that turns out to
    /// be closed, the next is a fresh one.
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

    /// What was missed may be due now.
    pub fn look_again(&self) {
        self.again.notify_one();
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        // What is on its way is offered again by the next.
        self.task.abort();
    }
}
