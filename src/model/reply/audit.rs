//! `audit.…`.

use serde::Serialize;
use serde_json::{Map, Value};

/// Commands that changed something.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AuditList {
    /// The newest first.
    pub entries: Vec<AuditEntry>,
    /// The value of `after` for the next request; null at the end of the list.
    pub next: Option<String>,
}

/// A command that somebody gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// Its number: a later command has a larger one.
    pub number: i64,
    /// When it was given.
    pub time: String,
    /// The command.
    pub command: String,
    /// What the command was about: its arguments that name something, and what it made.
    pub object: Map<String, Value>,
    /// The way it came: `socket`, `mqtt`, `http`, `signal`, `inside` (the service itself), or `cli` (the command line, while no service ran).
    pub door: String,
    /// Who gave it.
    pub who: String,
    /// The id of the request; null where it had none.
    pub request: Option<String>,
    /// `ok`, or the code of the failure; null when the answer is not known.
    pub outcome: Option<String>,
}
