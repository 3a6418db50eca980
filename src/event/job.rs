//! What became of a job.

use serde::Serialize;

use crate::model::{JobKind, JobState};

/// The body of `job.ended`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JobEnded {
    /// The job.
    pub job: String,
    /// What it does.
    pub kind: JobKind,
    /// `done`, `failed` or `cancelled`.
    pub state: JobState,
    /// The stream of what it made, the first one of several.
    pub stream: String,
    /// The streams of what it made.
    pub streams: Vec<String>,
    /// The recording that it made.
    pub recording: String,
    /// The files that are delivered.
    pub files: Vec<JobFile>,
    /// Why it failed, or why some of its files are not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A delivered file of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JobFile {
    /// What it is.
    pub format: String,
    /// Which of the files that the recording has in this format, from 1 on.
    pub part: u32,
    /// Where it can be fetched.
    pub url: String,
    /// Bytes; of HLS, of all files.
    pub bytes: u64,
}
