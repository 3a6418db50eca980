//! `job.…` and `export.create`.

use serde::Serialize;

use super::RecordingComposed;
use crate::event::{JobFile, JobSteps};
use crate::model::{JobKind, JobState};

/// A job that was begun.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JobBegun {
    /// The job. It has the id of the recording that it makes.
    pub job: String,
    /// The recording.
    #[serde(flatten)]
    pub made: RecordingComposed,
}

/// A job that makes pictures, and was begun.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StillsBegun {
    /// The job.
    pub job: String,
    /// The recording that the pictures are of.
    pub recording: String,
    /// How many there will be.
    pub pictures: u32,
}

/// Jobs, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JobList {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// The value of `after` for the next request; null at the end of the list.
    pub next: Option<String>,
}

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Job {
    /// Its id.
    pub job: String,
    /// What it does.
    pub kind: JobKind,
    /// How far it is.
    pub state: JobState,
    /// The recording that it makes, or that its pictures are of. It may be gone when the job is over.
    pub recording: String,
    /// The streams of this recording.
    pub streams: Vec<String>,
    /// When it was asked for.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub asked: String,
    /// When it was over; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// How far its work came; absent of a job that makes a recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<JobSteps>,
    /// Why it failed, or why a picture was left out; of one that goes on, why it waits. Absent where there is nothing to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How much of its files is delivered; absent when it is over, and of pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<JobProgress>,
    /// The files that are delivered and known.
    pub files: Vec<JobFile>,
}

/// How much of a job is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JobProgress {
    /// Of a hundred, rounded down.
    pub percent: u8,
    /// Bytes that the object store has confirmed.
    pub sent_bytes: u64,
    /// Bytes in all. Of files that nothing was sent of yet, this is the size of their tape.
    pub bytes: u64,
    /// Seconds that are left at the present rate of delivery; absent where nothing is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_s: Option<u64>,
}
