//! The outbox, with the events that wait for their listeners, and the answers to requests.
//!
//! Each listener gets every event in order, from its first event on. An event stays until all listeners have it, or until the
//! outbox is full and newer events need its space: then the listener finds a gap in the numbers. The newest events stay also when
//! all listeners have them, for readers whose position the journal does not remember.

use std::fmt;
use std::str::FromStr;

use super::StoreError;
use super::library::Library;
use crate::event::Posted;
use crate::media::Micros;

/// An event that a listener did not take. The event is offered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The listener.
    pub listener: String,
    /// The event.
    pub event: Posted,
    /// Number of times that it was offered.
    pub tries: u32,
    /// When it is offered again, UTC; `None` when it is not offered again without an order.
    pub due: Option<Micros>,
    /// The last error of the listener.
    pub error: String,
}

/// A place in an outbox. It is written as `<journal>-<through>`, two decimal numbers: `4611686018427387-42`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The identity of the journal, at least 0: a journal that is made again counts from 1 again.
    pub journal: i64,
    /// The number of the last event before it.
    pub through: u64,
}

/// The error of a text that is no place in an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an event: expected two numbers with a hyphen between them, as in 4611686018427387-42")]
pub struct UnknownPlace;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.journal, self.through)
    }
}

impl FromStr for Place {
    type Err = UnknownPlace;

    fn from_str(text: &str) -> Result<Self, UnknownPlace> {
        let (journal, through) = text.split_once('-').ok_or(UnknownPlace)?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(journal) || !digits(through) {
            return Err(UnknownPlace);
        }
        Ok(Self {
            journal: journal.parse().map_err(|_| UnknownPlace)?,
            through: through.parse().map_err(|_| UnknownPlace)?,
        })
    }
}

/// The events behind a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The next events, oldest first. There may be more of them behind the last one. None: nothing happened since.
    Events(Vec<Posted>),
    /// Events behind the place are gone, or it is a place of another journal. The outbox ends here now.
    Gone(Place),
}

/// A change of the remembered state of listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxChange {
    /// The complete list of listeners. A new listener gets the events from the last start of the service on.
    Listeners(Vec<String>),
    /// The complete list of listeners, for a journal that may have been made again meanwhile: a new listener gets all its
    /// events.
    Rejoin(Vec<String>),
    /// A listener has all events up to a place. A place of another journal has no effect.
    Heard {
        /// The listener.
        listener: String,
        /// The place up to which the listener has all events.
        place: Place,
    },
    /// A listener did not take an event.
    Missed(Callback),
    /// A listener took an event that it had missed, or is not to get it any more.
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

/// The number of events that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxDepth {
    /// The number of the newest event.
    pub newest: u64,
    /// Events that wait for any listener.
    pub events: u64,
}

/// A request that is being carried out, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The id of the request.
    pub id: String,
    /// The command of the request.
    pub command: String,
    /// When it was begun, UTC.
    pub begun: Micros,
    /// The answer; `None` if the service ended before it.
    pub answer: Option<String>,
}

impl Remembered {
    /// UTC of 2020. A request that was begun before was begun with a clock that was not set: its age is unknown.
    pub const DATED_FROM: Micros = 1_577_836_800_000_000;
}

impl Library {
    /// The events behind `after`, the oldest first: up to so many, and up to so many bytes of bodies, but one at least.
    pub fn outbox(&self, after: u64, limit: usize, bytes: usize) -> Result<Vec<Posted>, StoreError> {
        self.journal().posted(after, limit, bytes)
    }

    /// The events behind a place that a reader remembers: up to so many, and up to so many bytes of bodies, but one at least.
    pub fn events_behind(&self, place: Place, limit: usize, bytes: usize) -> Result<Behind, StoreError> {
        self.journal().behind(place, limit, bytes)
    }

    /// UTC at which the oldest existing tape begins.
    pub fn oldest(&self) -> Result<Option<Micros>, StoreError> {
        self.journal().oldest()
    }

    /// The place up to which a listener has all events; `None` for an unknown listener.
    pub fn heard(&self, listener: &str) -> Result<Option<Place>, StoreError> {
        self.journal().heard(listener)
    }

    /// The number of events that wait for listeners.
    pub fn outbox_depth(&self) -> Result<OutboxDepth, StoreError> {
        self.journal().outbox_depth()
    }

    /// The events that a listener did not accept, in the order in which they are due. Events that were given up are
    /// included only if `all` is true.
    pub fn missed(&self, listener: &str, all: bool, limit: usize) -> Result<Vec<Callback>, StoreError> {
        self.journal().missed(listener, all, limit)
    }

    /// A request, as the journal remembers it.
    pub fn remembered(&self, id: &str) -> Result<Option<Remembered>, StoreError> {
        self.journal().remembered(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written_and_nothing_else_is_one() {
        for place in [
            Place {
                journal: 0,
                through: 0,
            },
            Place {
                journal: i64::MAX,
                through: u64::MAX,
            },
            Place {
                journal: 4_611_686_018_427_387,
                through: 42,
            },
        ] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        let long = format!("1-{}", "9".repeat(1_000));
        for text in [
            "", "-", "42", "1-", "-1", "-1-2", "1--2", "+1-2", "1- 2", "1-2-3", "1-2\n", "a-b", "1-1٣", &long,
        ] {
            assert_eq!(text.parse::<Place>(), Err(UnknownPlace), "{text:?}");
        }
    }
}
