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
    /// When its time began; of several that it missed meanwhile, the last.
    pub start: String,
    /// When that was over.
    pub end: String,
    /// How many of its times it missed since it was last looked at: one, unless the service did not run.
    pub times: u32,
    /// Why nothing was recorded, for programs.
    pub reason: Miss,
    /// The same in a sentence, with what to check.
    pub detail: String,
}

/// Why a task recorded nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Miss {
    /// Nobody published its stream, or not for as long as a second.
    #[default]
    Publish,
    /// Somebody published its stream, and sent nothing that can be recorded.
    Media,
    /// Its template is not there, or makes nothing.
    Template,
    /// The service did not run, or its clock was not set.
    Off,
}
