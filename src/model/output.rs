//! How a stream is recorded: a group of formats that are cut alike, and how they are cut.

use serde::{Deserialize, Serialize};

use super::{ByteSize, Encrypt, Keep, KeyPattern, ReviewWhen, Span, Zone};
use crate::format::{Format, Gaps};

/// A row of recordings of a stream, one after the other, and how one follows the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The formats of each of its recordings.
    pub formats: Vec<Format>,
    /// The tracks that a recording has.
    #[serde(default)]
    pub media: Media,
    /// Whether gaps where publishers were away are closed or kept.
    #[serde(default)]
    pub gaps: Gaps,
    /// When a recording ends and the next begins.
    pub split: Split,
    /// The effect of an interruption.
    pub resume: Resume,
    /// How long a recording is kept on the box after its end. `storage.keep` decides where there is no value.
    #[serde(default)]
    pub keep: Option<Keep>,
    /// How long a delivered file is kept at its destination.
    #[serde(default)]
    pub storage_time: Option<Keep>,
    /// The key of a delivered file.
    #[serde(default)]
    pub key: Option<KeyPattern>,
    /// The time zone for splits on the clock and for names. UTC where there is no value.
    #[serde(default)]
    pub time_zone: Option<Zone>,
    /// Its MP4 has a track of times.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub times: bool,
    /// How its HLS is encrypted, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypt: Option<Encrypt>,
    /// When a session is over, one more recording is made of all its recordings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compose: bool,
    /// The recordings of the session are deleted once that one is durable.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compose_drop: bool,
    /// Its recordings get a fingerprint.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fingerprint: bool,
    /// When its recordings are reviewed.
    #[serde(default, skip_serializing_if = "ReviewWhen::is_after")]
    pub review: ReviewWhen,
}

/// Which tracks of a stream a recording has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Media {
    /// All there are.
    #[default]
    Both,
    /// The picture alone.
    Video,
    /// The sound alone.
    Audio,
}

/// When a recording ends and the next begins: at the first keyframe after whichever of these comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// After this length of media.
    pub after: Option<Span>,
    /// After this many bytes of media.
    pub bytes: Option<ByteSize>,
    /// Whenever the clock reaches a multiple of this since midnight. `1h` is every hour on the hour.
    pub on_clock: Option<Span>,
}

/// The effect of an interruption on a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// A publisher that is back within this time continues the recording. With zero, every interruption ends it.
    pub window: Span,
    /// The interruptions that a recording waits at.
    pub after: ResumeAfter,
}

/// Which ends of a publish a recording waits at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ResumeAfter {
    /// A connection that broke; a proper unpublish closes at once.
    #[default]
    Break,
    /// Any end, as the clouds do.
    Any,
}

impl Output {
    /// The usual output: split at two hours, continued within three minutes of a break.
    pub fn of(formats: &[Format]) -> Self {
        Self {
            formats: formats.to_vec(),
            media: Media::Both,
            gaps: Gaps::Close,
            split: Split {
                after: Some(Span::from_secs(2 * 3_600)),
                bytes: None,
                on_clock: None,
            },
            resume: Resume {
                window: Span::from_secs(180),
                after: ResumeAfter::Break,
            },
            keep: None,
            storage_time: None,
            key: None,
            time_zone: None,
            times: false,
            encrypt: None,
            compose: false,
            compose_drop: false,
            fingerprint: false,
            review: ReviewWhen::After,
        }
    }

    /// True when its media may be had encrypted alone.
    pub fn is_closed(&self) -> bool {
        self.encrypt.is_some_and(|encrypt| !encrypt.also_clear)
    }

    /// True when the two differ in nothing but their formats.
    pub(crate) fn is_cut_like(&self, other: &Output) -> bool {
        Output {
            formats: self.formats.clone(),
            ..other.clone()
        } == *self
    }
}
