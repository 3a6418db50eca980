//! `recording.…`, and the rows of `ls --json`.

use serde::Serialize;

use crate::event::Short;
use crate::model::{About, CategoryId, Custom, Description, Form, Notes, Reason, ReviewStatus, Tags, Title};

/// Recordings, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingList {
    /// The recordings.
    pub recordings: Vec<Recording>,
    /// The value of `after` for the next request; null at the end of the list.
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
    /// Its publisher is gone, and the recording waits for it.
    pub paused: bool,
    /// The recording is protected from eviction.
    pub protected: bool,
    /// A name that somebody gave it. Rows have it always and events where there is one, so it is not said in `about`.
    pub name: Option<String>,
    /// What it is of and for.
    #[serde(flatten)]
    pub about: About,
    /// The title that somebody gave it.
    pub title: Option<Title>,
    /// Its description.
    pub description: Option<Description>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The id of its category.
    pub category: Option<CategoryId>,
    /// Its notes, in the order of their moments; none in a list.
    pub notes: Notes,
    /// The number of notes in a list; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_notes: Option<usize>,
    /// The object of the user's own.
    pub custom: Option<Custom>,
    /// What a review says of it; null where nobody reviewed it. Viewers get neither what is to be reviewed nor what is blocked.
    pub review: Option<ReviewStatus>,
    /// The reason of the review; absent where none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_reason: Option<Reason>,
    /// When it starts.
    pub start: String,
    /// When it ends; while it is open, its end so far.
    pub end: String,
    /// Length of its media without gaps, seconds.
    pub duration_s: f64,
    /// Bytes of its tape.
    pub bytes: u64,
    /// Its tracks.
    pub tracks: Vec<Track>,
    /// Whether its files keep gaps (`gaps = "keep"`).
    pub gaps_kept: bool,
    /// Gaps between its start and end; of very many, the last ones.
    pub gaps: Vec<Gap>,
    /// The number of further gaps; absent when all are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_gaps: Option<usize>,
    /// What is missing of the requested media; null when nothing is missing.
    pub short: Option<Short>,
    /// The other streams that a composition has footage of; absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_streams: Vec<String>,
    /// The ranges that a composition was made of, in order; absent in lists, and for other recordings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<ComposedOf>,
    /// The number of further ranges; absent when all are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_ranges: Option<usize>,
    /// How the ranges of a composition are played; absent where that is one after the other, and for other recordings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
    /// The moment of the picture that represents it, in seconds from its beginning, as `at` of `frame.jpg` takes it; absent where it has no
    /// fingerprint, or only pictures that are black or flat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_s: Option<f64>,
    /// The moments of up to five pictures that represent it and do not look alike; absent where there is no such picture.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thumbnails_s: Vec<f64>,
    /// Its deliveries.
    pub renditions: Vec<Delivery>,
    /// Where it plays, as HLS; null where no viewer can connect, when the recording is not on the box any more, and for a time lapse.
    pub url: Option<String>,
    /// Where it plays as an MP4. Of an open recording, it is what the recording has now: the file does not grow. Null where it is had
    /// encrypted alone.
    pub mp4_url: Option<String>,
}

/// A range that a composition was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ComposedOf {
    /// The recording that it was taken from, which may be gone.
    pub recording: String,
    /// The stream.
    pub stream: String,
    /// When it was recorded: its beginning.
    pub start: String,
    /// Its end.
    pub end: String,
}

/// A recording that was made of ranges of others.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingComposed {
    /// The new recording.
    pub recording: String,
    /// The earliest moment of its ranges.
    pub start: String,
    /// The latest moment of its ranges.
    pub end: String,
    /// How long it plays, seconds.
    pub duration_s: f64,
    /// Bytes of its tape, which it shares with other recordings.
    pub bytes: u64,
    /// The number of notes of its recordings that it has no place for; absent when it has all.
    #[serde(skip_serializing_if = "is_zero")]
    pub notes_left_out: usize,
}

/// The parts that a recording was split into.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingsSplit {
    /// The new recordings, in order.
    pub parts: Vec<RecordingComposed>,
}

/// Keys of a recording, in the order of their chunks. This answer is a secret: no other answer, event or log has one.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingKeys {
    /// The keys.
    pub keys: Vec<RecordingKey>,
    /// The value of `after` for the next request; null at the end of the list.
    pub next: Option<String>,
}

/// A key of AES-128.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingKey {
    /// Its id, as playlists name it.
    pub id: String,
    /// The 16 bytes of the key, in hexadecimal digits.
    pub key: String,
}

/// A track of a recording, or of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Track {
    /// `video` or `audio`.
    pub kind: &'static str,
    /// The codec, named as in ffprobe.
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
    /// Where the media continues.
    pub to: String,
}

/// The delivery of a file or folder of a recording.
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
    /// The URL; null when unknown.
    pub url: Option<String>,
    /// The URL of the HLS master playlist; null before it exists.
    pub master_url: Option<String>,
    /// Size in bytes; for HLS, of all files together.
    pub bytes: u64,
    /// CRC-32C of the whole file as `crc32c:` and eight digits; null for a folder.
    pub checksum: Option<String>,
    /// As the store names this version of it.
    pub etag: Option<String>,
    /// Why it is not delivered, if there was an error.
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
    /// What is missing of their pre-roll; absent when nothing is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short: Option<Short>,
}

/// Whether a recording is protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingProtected {
    /// The recording.
    pub recording: String,
    /// The recording is protected from eviction.
    pub protected: bool,
}

/// What a review says of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingReviewed {
    /// The recording.
    pub recording: String,
    /// What the review says.
    pub status: ReviewStatus,
    /// Why, if somebody said so.
    pub reason: Option<Reason>,
    /// Other recordings that have some of its tape, at most 20. Viewers get none of them while it is blocked.
    pub shares_tape: Vec<SharesTape>,
}

/// What became of a review, of one recording or of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Reviewed {
    /// Where the request has `recording`.
    One(RecordingReviewed),
    /// Where the request has `recordings`.
    Several(RecordingsReviewed),
}

/// What became of the review of each recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingsReviewed {
    /// One for each recording of the request, in its order.
    pub reviews: Vec<ReviewOf>,
}

/// What became of the review of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReviewOf {
    /// The recording, as the request names it.
    pub recording: String,
    /// True where the review was noted.
    pub ok: bool,
    /// What the review says now, where it was noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<RecordingReviewed>,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<NotReviewed>,
}

/// Why a recording was not reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NotReviewed {
    /// For programs: a code of errors, as `not_found`.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl ReviewOf {
    /// A review that was noted.
    pub fn done(recording: String, result: RecordingReviewed) -> Self {
        Self {
            recording,
            ok: true,
            result: Some(result),
            error: None,
        }
    }

    /// A review that was not.
    pub fn refused(recording: String, error: NotReviewed) -> Self {
        Self {
            recording,
            ok: false,
            result: None,
            error: Some(error),
        }
    }
}

/// A recording that has tape of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SharesTape {
    /// Its id.
    pub recording: String,
    /// What a review says of it; null where nobody reviewed it.
    pub review: Option<ReviewStatus>,
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

/// What people set of a recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingFacts {
    /// The recording.
    pub recording: String,
    /// Its title.
    pub title: Option<Title>,
    /// Its description.
    pub description: Option<Description>,
    /// Its tags.
    pub tags: Tags,
    /// The id of its category.
    pub category: Option<CategoryId>,
    /// Its notes, in the order of their moments.
    pub notes: Notes,
    /// The object of the user's own.
    pub custom: Option<Custom>,
}

/// A recording that is deleted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingDeleted {
    /// The recording.
    pub recording: String,
    /// Seconds of its footage that stay because other recordings need them; absent while unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_s: Option<f64>,
    /// The compositions that still need footage of it, which stays for them; absent when there are none. At most 20 that the caller
    /// may see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needed_by: Vec<String>,
    /// The number of further compositions that need footage of it: those that the caller may not see, and those beyond 20. Absent when
    /// there are none. At most 1,000 are counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub needed_by_others: usize,
    /// True when the footage is removed as soon as nobody reads it; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    /// The number of its files that will not be delivered; absent when there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub given_up: usize,
    /// The number of its delivered files that stay in the object store; absent when there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub still_delivered: usize,
}

pub(super) fn is_zero(count: &usize) -> bool {
    *count == 0
}
