//! What delivery counts, and what it knows of the object store. Read by other threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::planner::Outcome;

/// Why a transfer failed, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The object store could not be reached, or could not do it then.
    Offline,
    /// Another server answered in its place.
    Intercepted,
    /// It accepts nothing from this box.
    Denied,
    /// It refused this file.
    Refused,
    /// The file could not be made.
    Unreadable,
    /// The journal did not accept the state of the delivery.
    Journal,
}

impl Failure {
    /// All of them.
    pub const ALL: [Failure; 6] = [
        Failure::Offline,
        Failure::Intercepted,
        Failure::Denied,
        Failure::Refused,
        Failure::Unreadable,
        Failure::Journal,
    ];

    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Failure::Offline => "offline",
            Failure::Intercepted => "intercepted",
            Failure::Denied => "denied",
            Failure::Refused => "refused",
            Failure::Unreadable => "unreadable",
            Failure::Journal => "journal",
        }
    }

    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::StoreFailed(_) => Some(Failure::Offline),
            Outcome::Intercepted(_) => Some(Failure::Intercepted),
            Outcome::StoreRefused(_) => Some(Failure::Denied),
            Outcome::Refused(_) => Some(Failure::Refused),
            Outcome::Broken(_) => Some(Failure::Unreadable),
            Outcome::JournalFailed(_) => Some(Failure::Journal),
            Outcome::Done
            | Outcome::Grows(_)
            | Outcome::Waits(_)
            | Outcome::Turn
            | Outcome::FailedBefore
            | Outcome::Stopped => None,
        }
    }
}

/// What was counted since delivery began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// Whether the object store was reached when it was last needed; `None` before it was needed.
    pub reached: Option<bool>,
    /// Bytes of files and parts that the object store confirmed.
    pub sent_bytes: u64,
    /// Transfers that failed, also those that are tried again.
    pub failures: BTreeMap<Failure, u64>,
}

/// The counts, as all parts of delivery share them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sent: AtomicU64,
    rest: Mutex<Rest>,
}

#[derive(Debug, Default)]
struct Rest {
    reached: Option<bool>,
    failures: BTreeMap<Failure, u64>,
}

impl Tally {
    /// Counts bytes that the object store confirmed.
    pub(super) fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts the outcome of a transfer, if the transfer failed.
    pub(super) fn ended(&self, outcome: &Outcome) {
        if let Some(failure) = Failure::of(outcome) {
            *self.rest().failures.entry(failure).or_default() += 1;
        }
    }

    /// Notes whether the object store is reached.
    pub(super) fn reached(&self, reached: Option<bool>) {
        self.rest().reached = reached;
    }

    /// Bytes that the object store confirmed.
    pub(super) fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The counts now.
    pub(super) fn counted(&self) -> Deliveries {
        let rest = self.rest();
        Deliveries {
            reached: rest.reached,
            sent_bytes: self.sent_bytes(),
            failures: rest.failures.clone(),
        }
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
