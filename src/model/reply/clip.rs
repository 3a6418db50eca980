//! `clip.…`.

use serde::Serialize;

use crate::event::Short;

/// A clip that was made, or is being made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClipMade {
    /// The recording that it is.
    pub recording: String,
    /// Whether the clip is complete.
    pub state: ClipState,
    /// When it starts.
    pub start: String,
    /// When it ends, or will.
    pub end: String,
    /// When the clip will be complete; absent when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub due: Option<String>,
    /// What is missing of the requested media; null when nothing is missing.
    pub short: Option<Short>,
}

/// The state of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ClipState {
    /// A part of it is still to come.
    Recording,
    /// It is complete.
    Ready,
}
