//! The door for fleets: MQTT 5, or MQTT 3.1.1 where the broker speaks no other. Requests come in. Answers, events and the state
//! of the box and its streams go out.
//!
//! What the door promises (docs/mqtt.md; each line is a test):
//!
//! - every event arrives at least once and in order, with the same id however often it comes, whatever happens to the broker,
//!   the network or the box; events that had to be dropped are counted in the next event;
//! - a request is answered, and carried out once for each id;
//! - a subscriber knows whether the box is there: `status` is retained, published at every connection, and the last will;
//! - recording never waits for this door, and the memory that the door holds is bounded.
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

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use message::{Status, StatusState, StreamState};
pub use remote::{Remote, RemoteError};
#[doc(hidden)]
pub use request::fuzz as fuzz_request;

use crate::api::Api;
use crate::config::MqttVersion;
use crate::event::{Dialect, Sender, rfc3339};
use crate::media::Micros;
use crate::model::reply::{DeviceBroker, LinkHealth};
use crate::store::{Change, Clock, Command, OutboxChange, Reader, Store};

/// The broker's name as a listener in the outbox.
pub const LISTENER: &str = "mqtt";

/// How the broker is reached.
#[derive(Clone)]
pub struct LinkSettings {
    /// The broker's host name or address.
    pub host: String,
    /// The broker's port.
    pub port: u16,
    /// How the connection is encrypted, if it is.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The id that the broker knows the box by.
    pub client_id: String,
    /// User and password.
    pub login: Option<(String, String)>,
    /// The version of MQTT that is used.
    pub version: MqttVersion,
    /// How long the connection may be silent.
    pub keep_alive: Duration,
    /// How long the broker keeps requests for a box that is away.
    pub session_expiry: Duration,
}

/// The settings of this door.
#[derive(Clone)]
pub struct ControlSettings {
    /// How the broker is reached.
    pub link: LinkSettings,
    /// The broker's address, as it is shown.
    pub shown: String,
    /// The beginning of all topics of this box.
    pub root: String,
    /// Filters of topics that answers may go to, beside those below `response/`.
    pub response_topics: Vec<String>,
    /// `health` is published at least once in this time.
    pub health: Duration,
    /// The dialects that events are written in.
    pub dialects: Vec<Dialect>,
    /// The source, device and domain that all events name.
    pub sender: Sender,
    /// The reader of the outbox.
    pub reader: Reader,
    /// The names of all listeners that take events, with this one.
    pub listeners: Vec<String>,
}

impl ControlSettings {
    /// Tells the journal which listeners take events.
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

/// Counts of the connections of this process, whatever is configured meanwhile.
#[derive(Debug, Default)]
pub struct Tally {
    connected: AtomicBool,
    last: Mutex<Last>,
    version: Mutex<Option<&'static str>>,
    connects: AtomicU64,
    takeovers: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
}

/// The last change of the connection, and the last failure.
#[derive(Debug, Default)]
struct Last {
    /// UTC of the change, as the clock said then.
    changed: Option<Micros>,
    failure: Option<String>,
}

impl Tally {
    /// Notes that the connection is there, or is gone.
    fn is(&self, connected: bool, utc: Micros) {
        if self.connected.swap(connected, Ordering::Relaxed) != connected {
            self.last().changed = Some(utc);
        }
    }

    /// Notes why there is no connection.
    fn failed(&self, why: String) {
        self.last().failure = Some(why);
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection as `device.info` shows it.
    pub fn about(&self, url: String) -> DeviceBroker {
        let last = self.last();
        DeviceBroker {
            url,
            connected: self.is_connected(),
            since: last.changed.map(rfc3339),
            last_error: last.failure.clone(),
        }
    }

    fn spoke(&self, version: &'static str) {
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
    }

    /// True while a connection is there.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// The counts as `health` shows them.
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

/// What all parts of the door share.
struct Shared {
    settings: ControlSettings,
    topics: topics::Topics,
    api: Api,
    store: Store,
    clock: Arc<dyn Clock>,
    tally: Arc<Tally>,
}

impl Control {
    /// Starts the task that connects, on this runtime.
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

    /// Stops the door. It sends the events that are left as far as the broker takes them soon, says that the box stops, and
    /// closes the connection.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}
