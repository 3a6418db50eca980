//! Jobs in the journal: work that a command asked for, and that goes on behind its answer.

use super::{Library, StoreError};
use crate::config::StreamSet;
use crate::event::{JobSteps, StillDelivered};
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::{JobKind, JobState, Work};

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
    /// The recording that it makes, whose delivery ends the job; or the one that its work is done on.
    pub recording: RecordingId,
    /// The streams of this recording.
    pub streams: Vec<StreamName>,
    /// What is done on its recording, step by step. None of a job that makes a recording.
    pub work: Option<Work>,
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
    /// Why it failed, or a step of its work.
    pub reason: Option<String>,
    /// Steps of its work that are done.
    pub made: u32,
    /// Steps of its work that came to nothing.
    pub given_up: u32,
}

/// A change of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobChange {
    /// A job begins, in the transaction that makes its recording.
    Begun(Box<Job>),
    /// Somebody cancels a job. Its recording is deleted behind this change.
    Cancelled(RecordingId),
    /// A step of a job's work is over. It counts once, however often this is said.
    Worked {
        /// The job.
        job: RecordingId,
        /// The step, from 0 on: those before are over.
        step: u32,
        /// What came of it.
        outcome: Worked,
    },
    /// The work of a job cannot go on.
    Failed(RecordingId, String),
}

/// What came of a step of a job's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worked {
    /// A picture is in the object store. The event is written along with it.
    Still(Box<StillDelivered>),
    /// Nothing, for this reason.
    GivenUp(String),
}

impl JobRow {
    /// How far its work is.
    pub fn steps(&self) -> Option<JobSteps> {
        let work = self.job.work.as_ref()?;
        Some(JobSteps {
            made: self.made,
            given_up: self.given_up,
            total: work.steps(),
        })
    }

    /// The next step of its work, from 0 on; none where nothing is left to do.
    pub fn next_step(&self) -> Option<u32> {
        let next = self.made.saturating_add(self.given_up);
        let work = self.job.work.as_ref().filter(|_| self.state.is_open());
        work.is_some_and(|work| next < work.steps()).then_some(next)
    }
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

    /// The jobs whose work is not over, the oldest first.
    pub fn work_jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        self.journal().work_jobs()
    }

    /// The recordings of cancelled jobs that are still there, and are to be deleted.
    pub fn cancelled_recordings(&self) -> Result<Vec<RecordingId>, StoreError> {
        self.journal().cancelled_recordings()
    }
}
