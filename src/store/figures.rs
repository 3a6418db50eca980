//! Numbers of the journal's rows, for metrics and for the state of delivery.

use std::collections::BTreeMap;

use super::{Library, StoreError};
use crate::format::Format;
use crate::media::{Micros, StreamName};

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

/// Files of one format that wait for delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingFormat {
    /// The format.
    pub format: Format,
    /// The number of files.
    pub files: u64,
    /// Bytes of the tape of their recordings.
    pub bytes: u64,
}

/// Recordings that keep their space, and bytes of their tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptSpace {
    /// Recordings.
    pub recordings: u64,
    /// Bytes of their tape. What several recordings have counts for each.
    pub bytes: u64,
    /// There may be more recordings, which were not counted.
    pub more: bool,
}

/// How far back the tape of a stream reaches: its sealed segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeReach {
    /// The stream.
    pub stream: StreamName,
    /// UTC of the beginning of its oldest tape.
    pub from: Micros,
    /// UTC of the end of its newest tape.
    pub to: Micros,
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

    /// The files that wait for delivery, by format, of at most so many of the recordings that have waited longest.
    pub fn waiting_of_formats(&self, most: usize) -> Result<Vec<WaitingFormat>, StoreError> {
        self.journal().waiting_of_formats(most)
    }

    /// The recordings that somebody protected, and those that channels show. Of very many, so many are counted.
    pub fn kept_space(&self, most: usize) -> Result<[KeptSpace; 2], StoreError> {
        self.journal().kept_space(most)
    }

    /// How far back the tape of each stream reaches, by name, of at most so many streams; and whether there are more.
    pub fn tape_reach(&self, most: usize) -> Result<(Vec<TapeReach>, bool), StoreError> {
        self.journal().tape_reach(most)
    }

    /// The numbers of events that listeners did not accept, by the name of the listener.
    pub fn missed_counts(&self) -> Result<BTreeMap<String, MissedCounts>, StoreError> {
        self.journal().missed_counts()
    }
}
