//! `task.…`.

use serde::Serialize;

use crate::event::Miss;

/// Tasks, in the order in which they were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TaskList {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// The value of `after` for the next request; null at the end of the list.
    pub next: Option<String>,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Task {
    /// Its id.
    pub task: String,
    /// The stream.
    pub stream: String,
    /// `waiting`, `running`, `over` or `stopped`.
    pub state: &'static str,
    /// The template; null for the default.
    pub template: Option<String>,
    /// The name of its recordings.
    pub name: Option<String>,
    /// Where it comes from.
    pub from: TaskSource,
    /// When it begins; absent for a weekly task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// When it ends; absent for a weekly task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Its weekly hours; only for a weekly task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly: Option<Vec<String>>,
    /// The time zone of these hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// When its last recording began; null before the first.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub last_recorded: Option<String>,
    /// Its last past time, if nothing was recorded then.
    pub missed: Option<TaskMissedTime>,
}

/// Where a task comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TaskSource {
    /// A command created it.
    Command,
    /// It is in the configuration file.
    Config,
}

/// A time of a task in which nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TaskMissedTime {
    /// When it began.
    pub start: String,
    /// When it was over.
    pub end: String,
    /// The number of missed times.
    pub times: u32,
    /// Why, for programs.
    pub reason: Miss,
    /// The reason in a sentence, with what to check.
    pub detail: String,
}
