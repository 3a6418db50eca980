//! What becomes of a stream that is recorded: formats that are cut alike, and how.

use serde::{Deserialize, Serialize};

use super::{ByteSize, Keep, KeyPattern, Span, Zone};
use crate::format::{Format, Gaps};

/// Recordings of a stream, one after the other, and how one follows the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// What each of its recordings is to be had in.
    pub formats: Vec<Format>,
    /// Which tracks.
    #[serde(default)]
    pub media: Media,
    /// What becomes of gaps where publishers were away.
    #[serde(default)]
    pub gaps: Gaps,
    /// When a recording ends and the next begins.
    pub split: Split,
    /// What an interruption does.
    pub resume: Resume,
    /// How long a recording is kept on the box after its end; as `storage.keep` says, if it does not say.
    #[serde(default)]
    pub keep: Option<Keep>,
    /// How long a delivered file is kept where it was delivered to.
    #[serde(default)]
    pub storage_time: Option<Keep>,
    /// The key of a delivered file.
    #[serde(default)]
    pub key: Option<KeyPattern>,
    /// The time zone of its clock: for splits on the clock and for names. UTC, if there is none.
    #[serde(default)]
    pub time_zone: Option<Zone>,
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

/// When a recording ends and the next begins: whichever of these comes first, at the next keyframe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// After so much time of media.
    pub after: Option<Span>,
    /// After so many bytes of media.
    pub bytes: Option<ByteSize>,
    /// Whenever the clock reaches a multiple of this since midnight: `1h` is every hour on the hour.
    pub on_clock: Option<Span>,
}

/// What an interruption does to a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// A publisher that is back within this continues the recording. Zero: every interruption ends it.
    pub window: Span,
    /// Which interruptions.
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
    /// Split at two hours, continued within three minutes of a break: the usual.
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
        }
    }

    /// True when nothing but their formats tells the two apart.
    pub(crate) fn is_cut_like(&self, other: &Output) -> bool {
        Output {
            formats: self.formats.clone(),
            ..other.clone()
        } == *self
    }
}
