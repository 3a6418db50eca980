//! `clip.…`.

use serde::Serialize;

use crate::event::Short;

/// A clip that was made, or is being made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClipMade {
    /// The recording that it is.
    pub recording: String,
    /// Whether all of it is there.
    pub state: ClipState,
    /// When it starts.
    pub start: String,
    /// When it ends, or will.
    pub end: String,
    /// When the last of it comes; only of one that is being made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub due: Option<String>,
    /// What it lacks of what was asked for; null where it lacks nothing.
    pub short: Option<Short>,
}

/// How far a clip is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ClipState {
    /// A part of it is to come.
    Recording,
    /// All of it is there.
    Ready,
}
