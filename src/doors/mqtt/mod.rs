//! The door for fleets: MQTT 5, or MQTT 3.1.1 where the broker speaks no other. Requests come in, answers, events and the state of things go out.
//!
//! What it promises (docs/mqtt.md; each line is a test):
//!
//! - every event arrives at least once and in order, with the same id however often it comes, whatever becomes of the broker,
//!   the network or the box; what had to be dropped is counted in the next event;
//! - a request is answered, and carried out once for each id;
//! - who subscribes knows whether the box is there: `status` is retained, told at every connection, and the last will;
//! - recording never waits for any of it, and what it holds in memory is bounded.
//!
//! | module | what it is |
//! |---|---|
//! | `topics` | where what goes |
//! | `link` | one connection, and what has to be minded about rumqttc |
//! | `sender` | which events are on their way, and which have arrived |
//! | `request`, `queue` | what arrives as a request, and requests in the order in which they came |
//! | `streams` | what is told of streams, and when |
//! | `session` | one connection from its beginning to its end |
//! | `run` | one connection after the other |
//! | `remote` | the other side: `edgereel ctl` |

#[cfg(test)]
mod asyncapi;
mod link;
mod message;
mod queue;
mod remote;
mod request;
mod run;
mod sender;
mod session;
mod streams;
mod topics;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use message::{Status, StatusState, StreamState};
pub use remote::{Remote, RemoteError};
#[doc(hidden)]
pub use request::fuzz as fuzz_request;

use crate::api::Api;
use crate::config::MqttVersion;
use crate::event::{Dialect, Sender};
use crate::model::reply::LinkHealth;
use crate::store::{Change, Clock, Command, OutboxChange, Reader, Store};

/// What the outbox knows the broker by.
pub const LISTENER: &str = "mqtt";

/// How the broker is reached.
#[derive(Clone)]
pub struct LinkSettings {
    /// Name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted, if it is.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// What the broker knows the box by.
    pub client_id: String,
    /// User and password.
    pub login: Option<(String, String)>,
    /// Which MQTT is spoken.
    pub version: MqttVersion,
    /// So long may the connection be silent.
    pub keep_alive: Duration,
    /// The broker keeps requests for so long.
    pub session_expiry: Duration,
}

/// What is told, and to whom.
#[derive(Clone)]
pub struct ControlSettings {
    /// How the broker is reached.
    pub link: LinkSettings,
    /// The broker, as it is shown.
    pub shown: String,
    /// What all topics begin with.
    pub root: String,
    /// Where answers may go beside below `response/`, as filters.
    pub response_topics: Vec<String>,
    /// `health` is told at least so often.
    pub health: Duration,
    /// What events are written as.
    pub dialects: Vec<Dialect>,
    /// What all events have in common.
    pub sender: Sender,
    /// Reads the outbox.
    pub reader: Reader,
    /// All that hear of events, this one among them.
    pub listeners: Vec<String>,
}

impl ControlSettings {
    /// Has the journal know who hears of events.
    fn enroll(&self, store: &Store) {
        let all = OutboxChange::Listeners(self.listeners.clone());
        if let Err(refused) = store.submit(Command::Change(Change::Outbox(all))) {
            tracing::debug!("listeners are not known: {refused}");
        }
    }
}

/// The door, from its opening to its end.
pub struct Control {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

/// What is counted; of one process, whatever is configured meanwhile.
#[derive(Debug, Default)]
pub struct Tally {
    version: Mutex<Option<&'static str>>,
    connects: AtomicU64,
    takeovers: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
}

impl Tally {
    fn spoke(&self, version: &'static str) {
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
    }

    /// For `health`.
    pub fn health(&self) -> LinkHealth {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LinkHealth {
            version: *self.version.lock().unwrap_or_else(PoisonError::into_inner),
            connects: read(&self.connects),
            takeovers: read(&self.takeovers),
            dropped: read(&self.dropped),
            refused: read(&self.refused),
        }
    }
}

/// What all of it shares.
struct Shared {
    settings: ControlSettings,
    topics: topics::Topics,
    api: Api,
    store: Store,
    clock: Arc<dyn Clock>,
    tally: Arc<Tally>,
}

impl Control {
    /// Begins to connect, on this runtime.
    pub fn start(
        settings: ControlSettings,
        api: Api,
        store: Store,
        clock: Arc<dyn Clock>,
        tally: Arc<Tally>,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let shared = Shared {
            topics: topics::Topics::new(settings.root.clone(), settings.response_topics.clone()),
            settings,
            api,
            store,
            clock,
            tally,
        };
        let task = tokio::spawn(run::run(Arc::new(shared), stopped));
        Self { task, stop }
    }

    /// Sends what there is, as far as the broker takes it soon, says that the box stops, and closes the connection.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}
