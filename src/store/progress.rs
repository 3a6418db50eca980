//! The reports of the storage thread to the rest of the process.

use std::collections::BTreeMap;
use std::fmt;

use super::counts::{GapCounts, SyncTimes};
use crate::event::Recovered;
use crate::media::{Micros, StreamName};

/// The progress of the tape. Published at each tick; no value in it is ahead of the flash.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Streams that were published since the start: all that are written now, and a limited number of others.
    pub streams: BTreeMap<StreamName, StreamProgress>,
    /// Bytes handed to the file system, all streams.
    pub bytes_written: u64,
    /// Bytes made durable, all streams.
    pub bytes_durable: u64,
    /// Segments sealed, all streams.
    pub segments_sealed: u64,
    /// Bytes of media that arrived and could not be kept because the flash failed.
    pub bytes_lost: u64,
    /// Bytes of media that were dropped because the card stalled for longer than memory can hold.
    pub bytes_dropped: u64,
    /// Gaps in the tape, all streams.
    pub gaps: u64,
    /// Number of recordings that ended or began to wait, and of clips: delivery need not wait for the next tick.
    pub recordings_ended: u64,
    /// The identity of the journal: a journal that is made again counts its events from 1 again.
    pub journal: i64,
    /// True when the store came from another box, and nobody adopted it.
    pub moved: bool,
    /// The number of the newest event in the outbox; no higher than what is committed.
    pub events: u64,
    /// Number of times that the thread made the tape durable.
    pub ticks: u64,
    /// How long the syncs of its files took.
    pub syncs: SyncTimes,
    /// Bytes that the tape's files take.
    pub space_used: u64,
    /// Bytes that the tape may still grow by.
    pub space_left: u64,
    /// Most bytes that the tape may take, if that is configured.
    pub quota: Option<u64>,
    /// The reason why there is no space for media, while there is none.
    pub full: Option<String>,
    /// The reason why the flash takes no media, while it takes none.
    pub failed: Option<String>,
    /// The last failure, also after it was overcome.
    pub last_error: Option<String>,
}

/// The progress of one stream's tape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamProgress {
    /// Segments sealed since the start.
    pub segments_sealed: u64,
    /// Sequence of the segment being written.
    pub open_segment: Option<u64>,
    /// Bytes handed to the file system.
    pub bytes_written: u64,
    /// Bytes that a power cut cannot destroy any more.
    pub bytes_durable: u64,
    /// Tape time up to which everything that could be kept is durable.
    pub durable_until: Option<Micros>,
    /// Bytes of media that are not on the tape, whatever the reason.
    pub bytes_lost: u64,
    /// Gaps in its tape since the start.
    pub gaps: GapCounts,
    /// True while the stream's media is being lost.
    pub failed: bool,
}

impl StreamProgress {
    /// True while a segment of the stream is being written.
    pub fn is_open(&self) -> bool {
        self.open_segment.is_some()
    }
}

/// The findings and repairs of [`Store::open`](super::Store::open).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport(pub Recovered);

impl RecoveryReport {
    /// True when the last shutdown left nothing to do.
    pub fn is_clean(&self) -> bool {
        self.0.is_clean()
    }
}

/// One line for the log, such as `2 segments sealed, 1234 torn bytes cut`; `nothing to recover` when clean.
impl fmt::Display for RecoveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = &self.0;
        let parts = [
            (found.sealed, "segments sealed"),
            (found.truncated_bytes, "torn bytes cut"),
            (found.empty, "empty segments removed"),
            (found.adopted, "files adopted"),
            (found.lost_found, "files moved to lost+found"),
            (found.missing, "segments missing"),
            (found.returned, "segments returned"),
            (found.publishes_ended, "publishes ended"),
            (found.recordings_paused, "recordings waiting for their publishers"),
            (found.recordings_closed, "recordings closed"),
        ];
        let mut first = true;
        if let Some(aside) = &found.journal_set_aside {
            write!(f, "journal set aside to {} ({})", aside.path, aside.reason)?;
            first = false;
        }
        if let Some(aside) = &found.tape_set_aside {
            let and = if first { "" } else { ", " };
            write!(f, "{and}TAPE SET ASIDE to {} ({})", aside.path, aside.reason)?;
            first = false;
        }
        for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{}{count} {what}", if first { "" } else { ", " })?;
            first = false;
        }
        if first {
            f.write_str("nothing to recover")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_a_recovery_names_what_was_found_and_nothing_else() {
        let report = |found: Recovered| RecoveryReport(found).to_string();
        assert_eq!(report(Recovered::default()), "nothing to recover");
        let found = Recovered {
            sealed: 2,
            recordings_paused: 1,
            recordings_closed: 3,
            ..Recovered::default()
        };
        assert_eq!(
            report(found),
            "2 segments sealed, 1 recordings waiting for their publishers, 3 recordings closed"
        );
    }
}
