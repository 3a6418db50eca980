//! What is told of a task whose time is over, and that recorded nothing in it.

use serde::{Deserialize, Serialize};

/// The body of `task.missed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TaskMissed {
    /// The task.
    pub task: String,
    /// Its stream.
    pub stream: String,
    /// The name that its recordings would have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The start of the missed time; of several, the start of the last.
    pub start: String,
    /// The end of that time.
    pub end: String,
    /// The number of missed times: one, unless the service did not run.
    pub times: u32,
    /// Why nothing was recorded, for programs.
    pub reason: Miss,
    /// The reason in a sentence, with what to check.
    pub detail: String,
}

/// Why a task recorded nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Miss {
    /// Nobody published the stream for a second or more.
    #[default]
    Publish,
    /// Somebody published the stream, but sent nothing that can be recorded.
    Media,
    /// The template does not exist, or has no formats.
    Template,
    /// The service did not run, or the clock was not set.
    Off,
}
