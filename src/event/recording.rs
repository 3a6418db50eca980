//! What became of a recording: it is complete, it is delivered, or media of it was evicted.

use serde::Serialize;

use super::Short;
use crate::model::{About, Form, Label, Reason, ReviewStatus};

/// The body of `recording.closed` and `clip.ready`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingClosed {
    /// The stream.
    pub stream: String,
    /// The recording.
    pub recording: String,
    /// When it starts.
    pub start: String,
    /// When it ends.
    pub end: String,
    /// From start to end, seconds.
    pub duration_s: f64,
    /// Bytes of tape.
    pub bytes: u64,
    /// Why it ended.
    pub reason: String,
    /// What is missing of the requested media.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short: Option<Box<Short>>,
    /// Where it plays, as HLS; only where recordings are delivered nowhere, and viewers can connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where it plays as an MP4, as with `url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mp4_url: Option<String>,
    /// How the ranges of a composition are played; absent where that is one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
    /// What people set of it by then.
    #[serde(flatten)]
    pub label: Label,
    /// What it is of and for.
    #[serde(flatten)]
    pub about: About,
}

/// The body of `recording.delivered`: one for each file or folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingDelivered {
    /// The stream.
    pub stream: String,
    /// The recording.
    pub recording: String,
    /// What it is.
    pub format: String,
    /// Which of the files that the recording has in this format, from 1 on.
    pub part: u32,
    /// Where it can be fetched.
    pub url: String,
    /// Where the master playlist of HLS can be fetched, which names codecs, size and rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_url: Option<String>,
    /// Its key in the store; of HLS, that of the playlist.
    pub key: String,
    /// Bytes; of HLS, of all files.
    pub bytes: u64,
    /// `crc32c:` and the CRC-32C of the file in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// The object store's name for this version.
    pub etag: String,
    /// When the recording starts.
    pub start: String,
    /// When it ends.
    pub end: String,
    /// From start to end, seconds.
    pub duration_s: f64,
    /// Video codec, if there is video: `h264`, `hevc` or `av1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_codec: Option<String>,
    /// Width of the picture, pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
    /// Its height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
    /// Audio codec, if there is audio: `aac`, `mp3` or `opus`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_codec: Option<String>,
    /// What people set of the recording by then.
    #[serde(flatten)]
    pub label: Label,
    /// What the recording is of and for.
    #[serde(flatten)]
    pub about: About,
}

/// The body of `recording.reviewed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingReviewed {
    /// The stream.
    pub stream: String,
    /// The recording.
    pub recording: String,
    /// What the review says.
    pub status: ReviewStatus,
    /// Why, if somebody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What the recording is of and for.
    #[serde(flatten)]
    pub about: About,
}

/// The body of `media.evicted_undelivered`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Evicted {
    /// The stream.
    pub stream: String,
    /// The start of the evicted media.
    pub from: String,
    /// Where it ended.
    pub to: String,
    /// Bytes of it.
    pub bytes: u64,
    /// The recordings that lost media by it.
    pub recordings: Vec<String>,
}
