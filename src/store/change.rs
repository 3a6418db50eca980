//! Changes of the journal that do not concern the tape.

use std::collections::BTreeMap;

use super::{AuditChange, DeliveryChange, JobChange, OutboxChange, Remembered, ToCompose};
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
        /// The event of the change: it is written in the same transaction.
        tell: Option<Box<Event>>,
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
}

impl Change {
    /// Notes of a session that is to be composed which recordings are the whole of it.
    pub fn session_noted(of: &ToCompose) -> Self {
        let wholes = of.wholes.iter();
        let wholes: BTreeMap<&String, String> =
            wholes.map(|(formats, id)| (formats, id.to_string())).collect();
        let body = serde_json::json!({"stream": of.stream.as_str(), "start": of.start, "wholes": wholes});
        Change::Keep {
            namespace: super::COMPOSE,
            id: of.session.clone(),
            body: Some(body.to_string()),
            tell: None,
        }
    }

    /// A session is composed, or never will be.
    pub fn session_composed(session: String) -> Self {
        Change::Keep {
            namespace: super::COMPOSE,
            id: session,
            body: None,
            tell: None,
        }
    }
}
