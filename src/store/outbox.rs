//! The outbox: events that wait for their listeners; and the answers to requests.
//!
//! Each listener gets every event in order, from its first event on. An event stays until all listeners have it, or until the
//! outbox is full and newer events need its space: then the listener finds a gap in the numbers.

use super::StoreError;
use super::library::Library;
use crate::event::Posted;
use crate::media::Micros;

/// An event that a listener did not take, and is to be offered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The listener.
    pub listener: String,
    /// The event.
    pub event: Posted,
    /// How often it was offered.
    pub tries: u32,
    /// When it is offered again, UTC; not by itself any more, if there is none.
    pub due: Option<Micros>,
    /// The last error of the listener.
    pub error: String,
}

/// A place in an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The identity of the journal: a journal that is made again counts from 1 again.
    pub journal: i64,
    /// The number of the last event before it.
    pub through: u64,
}

/// A change of what is remembered of listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxChange {
    /// These are all the listeners that there are. One that is new hears of what happened since the service started.
    Listeners(Vec<String>),
    /// The same, in a journal that may have been made anew under way: then they hear of all that it has.
    Rejoin(Vec<String>),
    /// A listener has all events up to a place. Nothing changes in another journal than that of the place.
    Heard {
        /// The listener.
        listener: String,
        /// Up to where.
        place: Place,
    },
    /// A listener did not take an event.
    Missed(Callback),
    /// A listener took an event that it had missed, or is not to have it any more.
    Made {
        /// The listener.
        listener: String,
        /// The event's number.
        sequence: u64,
    },
    /// Events that listeners missed are offered again from now on.
    RetryAll {
        /// UTC now.
        now: Micros,
    },
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxDepth {
    /// The number of the newest event.
    pub newest: u64,
    /// Events that wait for any listener.
    pub events: u64,
}

/// A request that was, or is being, carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Its id.
    pub id: String,
    /// Its command.
    pub command: String,
    /// When it was begun, UTC.
    pub begun: Micros,
    /// The answer; `None` if the service ended before it.
    pub answer: Option<String>,
}

impl Remembered {
    /// What was begun before 2020 was begun by a clock that was not set: how long ago that was nobody knows.
    pub const DATED_FROM: Micros = 1_577_836_800_000_000;
}

impl Library {
    /// The events behind `after`, the oldest first: up to so many, and up to so many bytes of bodies, one at least.
    pub fn outbox(&self, after: u64, limit: usize, bytes: usize) -> Result<Vec<Posted>, StoreError> {
        self.journal().posted(after, limit, bytes)
    }

    /// When the oldest tape that is here begins, UTC.
    pub fn oldest(&self) -> Result<Option<Micros>, StoreError> {
        self.journal().oldest()
    }

    /// Up to which event a listener has all; nothing of one that is not known.
    pub fn heard(&self, listener: &str) -> Result<Option<Place>, StoreError> {
        self.journal().heard(listener)
    }

    /// How much waits for listeners.
    pub fn outbox_depth(&self) -> Result<OutboxDepth, StoreError> {
        self.journal().outbox_depth()
    }

    /// The events that a listener did not accept, in the order in which they are due. Events that were given up are
    /// included only if `all` is true.
    pub fn missed(&self, listener: &str, all: bool, limit: usize) -> Result<Vec<Callback>, StoreError> {
        self.journal().missed(listener, all, limit)
    }

    /// A request, as the journal has it.
    pub fn remembered(&self, id: &str) -> Result<Option<Remembered>, StoreError> {
        self.journal().remembered(id)
    }
}
