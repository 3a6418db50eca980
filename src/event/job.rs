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
    /// The recording that it made, or that its pictures are of.
    pub recording: String,
    /// The files that are delivered.
    pub files: Vec<JobFile>,
    /// How far its work came; absent of a job that makes a recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<JobSteps>,
    /// Why it failed, or why some of its files are not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far the work of a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JobSteps {
    /// Pictures that are delivered.
    pub made: u32,
    /// Pictures that could not be made, and are left out.
    pub given_up: u32,
    /// Pictures in all.
    pub total: u32,
}

/// A delivered picture: the body of `still.delivered`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StillDelivered {
    /// The stream of the recording.
    pub stream: String,
    /// The recording.
    pub recording: String,
    /// The job.
    pub job: String,
    /// Which picture of the job it is, from 1 on.
    pub number: u32,
    /// When it was to be taken.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub at: String,
    /// When it was taken: the keyframe at `at`, or the last one before; for the beginning of a recording the first one.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub time: String,
    /// Its key in the object store.
    pub key: String,
    /// Where it can be fetched.
    pub url: String,
    /// Its size.
    pub bytes: u64,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// The push domain of the stream, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
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
