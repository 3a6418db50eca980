//! Changes of the journal that do not concern the tape.

use std::collections::BTreeMap;

use super::{AuditChange, DeliveryChange, FingerprintChange, JobChange, OutboxChange, Remembered, ToCompose};
use crate::event::Event;
use crate::media::RecordingId;

/// A change of the journal that the tape has no part in: the writer hands it on as it is, and no other command waits for it.
///
/// A change that is made twice has no effect and writes no event the second time. A change that concerns the tape is a
/// [`Command`](super::Command) of its own: the writer makes the journal's rows of it.
#[derive(Clone, Debug)]
pub enum Change {
    /// A value that is kept over restarts: of the recorder, of the delivery, or of the door for viewers.
    Keep {
        /// The kind of value.
        namespace: &'static str,
        /// The id of the value.
        id: String,
        /// The value; `None` removes it.
        body: Option<String>,
        /// The events of the change: they are written in the same transaction.
        tell: Vec<Event>,
    },
    /// Keeps a channel over restarts. The recordings that channels show are neither given up for space nor expire.
    Channel {
        /// The name of the channel.
        name: String,
        /// The channel; `None` removes it.
        body: Option<String>,
        /// The recordings that all channels together show from now on.
        shown: Vec<RecordingId>,
        /// The events of the change: they are written in the same transaction.
        tell: Vec<Event>,
    },
    /// Protects a recording, which is then never given up for space; or takes the protection back.
    Protect {
        /// The recording.
        recording: RecordingId,
        /// True to protect it, false to take that back.
        protected: bool,
    },
    /// All files of a recording are delivered: its tape may go before tape that is not delivered.
    Delivered {
        /// The recording.
        recording: RecordingId,
    },
    /// Changes the state of deliveries, all in one commit.
    Deliver(Vec<DeliveryChange>),
    /// Changes the listeners of the outbox, or what they acknowledged.
    Outbox(OutboxChange),
    /// Remembers a request that was begun, or answered.
    Remember(Remembered),
    /// Changes the list of commands that changed something.
    Audit(AuditChange),
    /// Changes a job.
    Job(JobChange),
    /// Changes the fingerprint of a recording.
    Fingerprint(FingerprintChange),
}

impl Change {
    /// Notes of a session that is to be composed which recordings are the whole of it, and which of its outputs have none.
    pub fn session_noted(of: &ToCompose, tell: Vec<Event>) -> Self {
        let wholes = of.wholes.iter();
        let wholes: BTreeMap<&String, String> =
            wholes.map(|(formats, id)| (formats, id.to_string())).collect();
        let mut body = serde_json::Map::new();
        body.insert("stream".to_owned(), of.stream.as_str().into());
        body.insert("start".to_owned(), of.start.into());
        body.insert("wholes".to_owned(), serde_json::json!(wholes));
        if !of.given_up.is_empty() {
            body.insert("given_up".to_owned(), serde_json::json!(of.given_up));
        }
        Change::Keep {
            namespace: super::COMPOSE,
            id: of.session.clone(),
            body: Some(serde_json::Value::Object(body).to_string()),
            tell,
        }
    }

    /// A session is composed, or never will be.
    pub fn session_composed(session: String, tell: Vec<Event>) -> Self {
        Change::Keep {
            namespace: super::COMPOSE,
            id: session,
            body: None,
            tell,
        }
    }
}
