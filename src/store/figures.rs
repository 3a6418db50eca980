//! Numbers of the journal's rows, for metrics and for the state of delivery.

use std::collections::BTreeMap;

use super::{Library, StoreError};
use crate::format::Format;
use crate::media::Micros;

/// The number of recordings in each state. Recordings that are being removed are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordingCounts {
    /// Recordings that grow, or wait for their publishers.
    pub open: u64,
    /// Complete recordings that are not delivered.
    pub closed: u64,
    /// Recordings of which everything is delivered.
    pub delivered: u64,
}

/// What waits for delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The number of renditions of closed recordings that wait, for each format. Failed ones are not counted.
    pub formats: BTreeMap<Format, u64>,
    /// UTC of the end of the recording that has waited longest, and has no failed delivery.
    pub oldest_end: Option<Micros>,
}

/// The events that a callback did not accept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissedCounts {
    /// Events that are offered again.
    pub waiting: u64,
    /// Events that are offered again only on request.
    pub given_up: u64,
}

impl Library {
    /// The number of recordings in each state.
    pub fn recording_counts(&self) -> Result<RecordingCounts, StoreError> {
        self.journal().recording_counts()
    }

    /// What waits for delivery. Meaningful where recordings are delivered.
    pub fn waiting(&self) -> Result<Waiting, StoreError> {
        self.journal().waiting_renditions()
    }

    /// UTC of the end of the recording that has waited longest for its delivery. It takes one look at an index.
    pub fn oldest_waiting(&self) -> Result<Option<Micros>, StoreError> {
        self.journal().oldest_waiting()
    }

    /// The numbers of events that listeners did not accept, by the name of the listener.
    pub fn missed_counts(&self) -> Result<BTreeMap<String, MissedCounts>, StoreError> {
        self.journal().missed_counts()
    }
}
