//! Jobs in the journal: work that a command asked for, and that goes on behind its answer.

use super::{Library, StoreError};
use crate::config::StreamSet;
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::{JobKind, JobState};

/// Most jobs that are remembered. Of those that are over, the oldest are forgotten first.
pub(in crate::store) const MOST: i64 = 1_000;
/// Most jobs that go on at one time.
pub const MOST_OPEN: usize = 200;

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: RecordingId,
    /// What it does.
    pub kind: JobKind,
    /// The recording that it makes. The delivery of this recording ends the job.
    pub recording: RecordingId,
    /// The streams of this recording.
    pub streams: Vec<StreamName>,
    /// When it was asked for, UTC.
    pub time: Micros,
    /// The boot in which it was asked for: the clock of that boot may be set later.
    pub boot: [u8; 16],
}

impl Job {
    /// True where all of its streams are among these.
    pub fn is_within(&self, streams: &StreamSet) -> bool {
        Self::are_within(&self.streams, streams)
    }

    /// True where all streams of a job are among these. A row without a stream is none that edgereel writes.
    pub fn are_within(own: &[StreamName], streams: &StreamSet) -> bool {
        streams.is_all() || (!own.is_empty() && own.iter().all(|stream| streams.has(stream.as_str())))
    }
}

/// A job as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// What it is.
    pub job: Job,
    /// How far it is.
    pub state: JobState,
    /// When it was over, UTC.
    pub ended: Option<Micros>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// A change of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobChange {
    /// A job begins, in the transaction that makes its recording.
    Begun(Box<Job>),
    /// Somebody cancels a job. Its recording is deleted behind this change.
    Cancelled(RecordingId),
}

impl Library {
    /// The jobs, the newest first. There are a thousand at most.
    pub fn jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        self.journal().jobs()
    }

    /// The job with this id.
    pub fn job(&self, id: RecordingId) -> Result<Option<JobRow>, StoreError> {
        self.journal().job(id)
    }

    /// The jobs that go on, the oldest first.
    pub fn open_jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        self.journal().open_jobs()
    }

    /// The recordings of cancelled jobs that are still there, and are to be deleted.
    pub fn cancelled_recordings(&self) -> Result<Vec<RecordingId>, StoreError> {
        self.journal().cancelled_recordings()
    }
}
