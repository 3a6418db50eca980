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
    /// The value of `after` for the next request; null at the end of the list.
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
    /// The address that it comes from; only for callers who may operate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The host that the publisher addressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The name and version that the publisher gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// Its tracks.
    pub tracks: Vec<Track>,
    /// Its current bit rate.
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
    /// Faults of the publish and how edgereel handles them, in sentences. Tracks that are not recorded are only in `left_out`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Bytes that this publish has sent.
    pub bytes: u64,
    /// Tracks that are not recorded because of their codec.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOutTrack>,
    /// Whether the stream is recorded now, and how, or why not.
    pub recorded: Recorded,
    /// The recordings that record it now.
    pub recordings: Vec<String>,
    /// Where it plays live, as HLS; absent where no viewer can connect, and while it is neither recorded nor kept for viewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A track that is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LeftOutTrack {
    /// `video` or `audio`.
    pub kind: &'static str,
    /// Its codec: a name, a number, or a FourCC.
    pub codec: String,
}

/// A publish that was ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StreamKicked {
    /// The stream.
    pub stream: String,
}
