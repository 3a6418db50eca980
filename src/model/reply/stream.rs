//! `stream.…`.

use serde::Serialize;

use super::Track;
use crate::event::Recorded;

/// Streams that are on the air.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StreamList {
    /// By name.
    pub streams: Vec<Stream>,
    /// What `after` of the next request is; null where the list ends.
    pub next: Option<String>,
}

/// A stream on the air.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Stream {
    /// Its name.
    pub stream: String,
    /// The publish.
    pub publish: String,
    /// The address that it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The host that the publisher addressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// What the publisher says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// What it is made of.
    pub tracks: Vec<Track>,
    /// What it sends now.
    pub bits_per_second: u64,
    /// Pictures a second.
    pub fps: f64,
    /// Seconds from one keyframe to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gop_s: Option<f64>,
    /// Gaps in its tape since the start of the service.
    pub gaps: u64,
    /// Frames that were not recorded: they came before their sequence header or the first keyframe, or far too late.
    pub dropped_frames: u64,
    /// What is wrong with what it sends, and what is made of it, in sentences; tracks of another coding are in `left_out` alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Bytes that this publish has sent.
    pub bytes: u64,
    /// Tracks that it sends and that are not recorded, because of their coding; nothing else is said of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOutTrack>,
    /// Whether it is recorded now, and how, or why not.
    pub recorded: Recorded,
    /// The recordings that it feeds.
    pub recordings: Vec<String>,
}

/// A track that is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LeftOutTrack {
    /// `video` or `audio`.
    pub kind: &'static str,
    /// Its coding: a name, or the number or FourCC it goes by.
    pub codec: String,
}

/// A publish that was ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StreamKicked {
    /// The stream.
    pub stream: String,
}
