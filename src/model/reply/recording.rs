//! `recording.…`, and the rows of `ls --json`.

use serde::Serialize;

use crate::event::Short;
use crate::model::About;

/// Recordings, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingList {
    /// The recordings.
    pub recordings: Vec<Recording>,
    /// What `after` of the next request is; null where the list ends.
    pub next: Option<String>,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Recording {
    /// Its id.
    pub id: String,
    /// The stream.
    pub stream: String,
    /// `open`, `closed`, `delivered` or `expired`.
    pub state: &'static str,
    /// Its publisher is gone, and awaited.
    pub paused: bool,
    /// It is never given up for room.
    pub protected: bool,
    /// A name that somebody gave it. Rows have it always and events where there is one, so it is not said in `about`.
    pub name: Option<String>,
    /// What it is of and for.
    #[serde(flatten)]
    pub about: About,
    /// What somebody marked it with.
    pub tags: Vec<String>,
    /// When it starts.
    pub start: String,
    /// When it ends; so far, while it is open.
    pub end: String,
    /// Length of its media without gaps, seconds.
    pub duration_s: f64,
    /// Bytes of its tape.
    pub bytes: u64,
    /// What it is made of.
    pub tracks: Vec<Track>,
    /// Its files keep the time of gaps.
    pub gaps_kept: bool,
    /// Where there is no tape between its start and end; of very many, the last.
    pub gaps: Vec<Gap>,
    /// How many more there are; only where not all are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_gaps: Option<usize>,
    /// What it lacks of what was asked for; null where it lacks nothing.
    pub short: Option<Short>,
    /// What of it is delivered, or on its way.
    pub renditions: Vec<Delivery>,
}

/// A track of a recording, or of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Track {
    /// `video` or `audio`.
    pub kind: &'static str,
    /// As ffprobe names it.
    pub codec: &'static str,
    /// Pixels, for video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
    /// Pixels, for video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
    /// Hertz, for audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// For audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
}

/// A part of the time of a recording without tape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Gap {
    /// Where the tape stops.
    pub from: String,
    /// Where it goes on.
    pub to: String,
}

/// A file or folder of a recording where it is delivered to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Delivery {
    /// The format.
    pub format: &'static str,
    /// Which of the files that the recording has in this format, from 1 on.
    pub part: u32,
    /// `waiting`, `delivered`, `failed`, `empty` or `removing`.
    pub state: &'static str,
    /// Its key in the store; of HLS, that of the playlist. Null before it has one.
    pub key: Option<String>,
    /// Where it can be fetched; null where nothing is known of that.
    pub url: Option<String>,
    /// Where the master playlist of HLS can be fetched; null before it is there.
    pub master_url: Option<String>,
    /// Its bytes; of HLS, of all files.
    pub bytes: u64,
    /// CRC-32C of the whole file as `crc32c:` and eight digits; null of a folder.
    pub checksum: Option<String>,
    /// As the store names this version of it.
    pub etag: Option<String>,
    /// Why it is not delivered, if there was anything wrong.
    pub error: Option<String>,
}

/// The recordings that a command is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Recordings {
    /// Their ids.
    pub recordings: Vec<String>,
}

/// Recordings that begin.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingsBegun {
    /// Their ids.
    pub recordings: Vec<String>,
    /// What they lack of their pre-roll; only where they lack something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short: Option<Short>,
}

/// Whether a recording is protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingProtected {
    /// The recording.
    pub recording: String,
    /// It is never given up for room.
    pub protected: bool,
}

/// The tags of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingTagged {
    /// The recording.
    pub recording: String,
    /// All that it has now.
    pub tags: Vec<String>,
}

/// A recording that is deleted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingDeleted {
    /// The recording.
    pub recording: String,
    /// Seconds of its footage that stay because other recordings need them; only where that is known already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_s: Option<f64>,
    /// True where the footage is removed as soon as nobody reads it; only then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    /// Files of it that are not delivered any more; only where there are some.
    #[serde(skip_serializing_if = "is_zero")]
    pub given_up: usize,
    /// Files of it that stay where they were delivered to; only where there are some.
    #[serde(skip_serializing_if = "is_zero")]
    pub still_delivered: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
