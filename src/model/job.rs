//! Jobs: work that a command asked for, and that goes on behind its answer.

use serde::{Deserialize, Serialize};

/// What a job does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// It makes a recording of parts of others, and delivers its files: `export.create`.
    #[default]
    Export,
    /// It makes pictures of a recording, and delivers them: `still.create`.
    Stills,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Its files are being delivered, or wait for that.
    #[default]
    Delivering,
    /// Nothing of it is made yet.
    Waiting,
    /// A part of it is made.
    Running,
    /// All of its files are delivered.
    Done,
    /// It came to nothing.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl JobKind {
    /// The word in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            JobKind::Export => "export",
            JobKind::Stills => "stills",
        }
    }

    /// The kind of a word of the journal.
    pub fn read(text: &str) -> Option<Self> {
        [JobKind::Export, JobKind::Stills]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

impl JobState {
    /// All of them.
    pub const ALL: [JobState; 6] = [
        JobState::Delivering,
        JobState::Waiting,
        JobState::Running,
        JobState::Done,
        JobState::Failed,
        JobState::Cancelled,
    ];

    /// The word in the journal, in answers and in events.
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Delivering => "delivering",
            JobState::Waiting => "waiting",
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    /// The state of a word of the journal.
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// True of a job that goes on.
    pub fn is_open(self) -> bool {
        matches!(self, JobState::Delivering | JobState::Waiting | JobState::Running)
    }
}
