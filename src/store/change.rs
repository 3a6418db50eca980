//! Changes of the journal that do not concern the tape.

use super::{AuditChange, DeliveryChange, OutboxChange, Remembered};
use crate::event::Event;
use crate::media::RecordingId;

/// A change of the journal that the tape has no part in: the writer hands it on as it is, and nothing waits for it.
///
/// Made twice, the second time changes nothing and tells nobody. What the tape does have a part in is a
/// [`Command`](super::Command)
/// of its own, and comes to the journal as what the writer made of it.
#[derive(Clone, Debug)]
pub enum Change {
    /// The recorder's own rows: what it keeps over restarts.
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
    /// A recording is never given up, whatever is needed, or may be again.
    Protect {
        /// Its id.
        recording: RecordingId,
        /// Which of the two.
        protected: bool,
    },
    /// All that was to be delivered of a recording is where it belongs: its tape may go before any that is not.
    Delivered {
        /// Its id.
        recording: RecordingId,
    },
    /// A recording gets these tags, and no others.
    Tag {
        /// Its id.
        recording: RecordingId,
        /// The tags, in order.
        tags: Vec<String>,
    },
    /// Changes the state of deliveries, all of it in one commit.
    Deliver(Vec<DeliveryChange>),
    /// Changes the listeners of the outbox, or what they acknowledged.
    Outbox(OutboxChange),
    /// A request was begun, or answered.
    Remember(Remembered),
    /// Changes the list of commands that changed something.
    Audit(AuditChange),
}
