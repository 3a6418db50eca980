//! `task.…`.

use serde::Serialize;

use crate::event::Miss;

/// Tasks, those that were made first first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TaskList {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// What `after` of the next request is; null where the list ends.
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
    /// The template; null for the usual one.
    pub template: Option<String>,
    /// The name of its recordings.
    pub name: Option<String>,
    /// Where it comes from.
    pub from: TaskSource,
    /// When it begins; only of one that comes once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// When it ends; only of one that comes once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Its hours of each week; only of one that comes every week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly: Option<Vec<String>>,
    /// The time zone of these hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// When a recording of it began last; null before that.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub last_recorded: Option<String>,
    /// The last of its times that is over, if nothing was recorded in it.
    pub missed: Option<TaskMissedTime>,
}

/// Where a task comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TaskSource {
    /// A command ordered it.
    Command,
    /// It stands in the configuration file.
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
    /// How many of its times were missed since the task was looked at before.
    pub times: u32,
    /// Why, for programs.
    pub reason: Miss,
    /// The same in a sentence, with what to check.
    pub detail: String,
}
