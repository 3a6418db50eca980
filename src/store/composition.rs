//! A recording that is put together of ranges of tape: its composition.
//!
//! A composition has no tape of its own, and no media is copied for it. Each of its ranges is an interval of the tape of a stream,
//! cut as a clip is: it begins with the keyframe that its first picture is decoded with, and shows what was asked for. A range of a
//! composition is taken from the ranges of that one, so compositions never depend on each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::job::MOST_OPEN;
use super::{Job, RecordingSpec, StoreError};
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::{About, Facts, Form, JobState, Media, Origin, Output};

/// A range of tape that a composition has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapeRange {
    /// The recording that it was taken from.
    pub recording: RecordingId,
    /// The stream.
    pub stream: StreamName,
    /// Tape time at which its media begins: with the keyframe that it is decoded from.
    pub start: Micros,
    /// Tape time at which its media ends.
    pub end: Micros,
    /// Tape time from which it is shown.
    pub from: Micros,
    /// Tape time at which it is shown no longer; none where that is the end of its media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Micros>,
    /// The tracks that it has.
    #[serde(default)]
    pub media: Media,
    /// Its pictures are refreshed bit by bit: it is decoded with the tape before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gradual: bool,
}

/// An interval of the tape of a stream that a recording has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeSpan {
    /// The stream.
    pub stream: StreamName,
    /// Tape time at which it begins.
    pub from: Micros,
    /// Tape time at which it ends; `Micros::MAX` while the recording grows.
    pub to: Micros,
}

impl TapeRange {
    /// The spec of its row: that of a clip, within a composition with this output.
    pub(super) fn spec(&self, output: &Output) -> RecordingSpec {
        use crate::event::Lack;
        RecordingSpec {
            about: About {
                origin: Origin::Clip,
                ..About::default()
            },
            output: Output {
                media: self.media,
                gaps: output.gaps,
                ..Output::of(&[])
            },
            until: None,
            asked: Some(super::Asked {
                from: self.from,
                late: Lack::Tape,
                to: self.to,
                early: Lack::Tape,
            }),
            gradual: self.gradual,
        }
    }
}

/// A session of which all recordings are to become one more, when it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToCompose {
    /// The session.
    pub session: String,
    /// Its stream.
    pub stream: StreamName,
    /// Tape time at which its first recording starts.
    pub start: Micros,
    /// The recordings that are made of the whole of it, by their formats as in `hls,mp4`. Each is noted before it is made.
    pub wholes: BTreeMap<String, RecordingId>,
    /// The outputs, named in the same way, of which no whole will be made: they have too many recordings.
    pub given_up: BTreeSet<String>,
}

/// A recording of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionPiece {
    /// The recording.
    pub recording: RecordingId,
    /// Its state.
    pub state: super::RecordingState,
    /// The origin and the purpose of the recording.
    pub spec: RecordingSpec,
}

/// What keeps a composition from being made: viewers would get by it what a review holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unless {
    /// One of its recordings is held back, or some of its tape is blocked.
    HeldBack,
    /// Some of its tape is blocked. The composition is reviewed itself before viewers get it.
    Blocked,
}

/// A composition that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewComposition {
    /// Its id.
    pub recording: RecordingId,
    /// The origin and the purpose of the recording.
    pub spec: RecordingSpec,
    /// The recordings that it is made of: they are still there when it is made, and none of them is being deleted.
    pub sources: Vec<RecordingId>,
    /// The reviews that keep it from being made: those of the moment at which it is made count.
    pub unless: Unless,
    /// How its ranges are played.
    pub form: Form,
    /// Its ranges, in the order in which they are played: at least one.
    pub ranges: Vec<TapeRange>,
    /// What people set of it.
    pub facts: Facts,
    /// The job that delivers it, which begins in the same transaction.
    pub job: Option<Box<Job>>,
}

/// What the file beside the tape says of a composition. Without the journal it is made again of this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Written {
    /// The spec, as the journal has it.
    pub(super) spec: serde_json::Value,
    /// How long it is kept after its end, in microseconds; none is until its space is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) keep: Option<Micros>,
    /// How its ranges are played; left out where that is one after the other.
    #[serde(default, skip_serializing_if = "Form::is_joined")]
    pub(super) form: Form,
    pub(super) ranges: Vec<TapeRange>,
}

impl Written {
    /// The spec of the composition.
    pub(super) fn spec(&self) -> RecordingSpec {
        RecordingSpec::read(&self.spec.to_string())
    }

    pub(super) fn new(
        spec: &RecordingSpec,
        keep: Option<Micros>,
        form: Form,
        ranges: Vec<TapeRange>,
    ) -> Self {
        Self {
            // A spec is always JSON.
            spec: serde_json::from_str(&spec.written()).unwrap_or_default(),
            keep,
            form,
            ranges,
        }
    }
}

/// Why a composition is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// A recording that it is made of is not there any more.
    #[error("recording {0} is deleted or evicted, or is being deleted")]
    Gone(RecordingId),
    /// A recording that it is made of is held back from viewers.
    #[error("recording {0} is held back by a review, or has tape that is")]
    HeldBack(RecordingId),
    /// The tape of a range is not there any more.
    #[error("range {number}: {what}")]
    Range {
        /// The number of the range, from 1 on.
        number: usize,
        /// What is in the way.
        what: String,
    },
    /// The end of a range is in a segment that is still written.
    #[error(
        "range {number}: its end is in a segment of '{stream}' that is still written for another recording; try again in some seconds"
    )]
    Unsealed {
        /// The number of the range, from 1 on.
        number: usize,
        /// The stream.
        stream: StreamName,
    },
    /// It is to be kept for a time, and the time since its footage was recorded is not known.
    #[error(
        "the box does not know the time yet, so it cannot say until when the recording is to be kept: try again when its clock is set, or \
         take a template with keep = \"forever\""
    )]
    NoClock,
    /// Its recordings are to play in step, and the clock of one of them was never right.
    #[error(
        "recording {number}: the box did not know the time when it was recorded, so nobody knows what was recorded at the same moment: \
         recordings since one start of the box can be put in step without the time; others can be joined with recording.compose"
    )]
    Undated {
        /// The number of the recording, from 1 on.
        number: usize,
    },
    /// Its recordings are to play in step, and the clock is not right yet.
    #[error(
        "recording {number}: the box does not know the time yet, so it cannot say what was recorded at the same moment: try again when its clock is set"
    )]
    NotDatedYet {
        /// The number of the recording, from 1 on.
        number: usize,
    },
    /// The request came before, and its job is over.
    #[error("job {id} of the same request is {}: give the request another id", .state.as_str())]
    JobOver {
        /// The job.
        id: RecordingId,
        /// What became of it.
        state: JobState,
    },
    /// Too many jobs go on.
    #[error("{MOST_OPEN} jobs go on already: wait for some, or cancel them (job.cancel)")]
    ManyJobs,
    /// What is set of it is refused, or nothing can be written.
    #[error(transparent)]
    Facts(#[from] super::FactsError),
}

impl From<StoreError> for ComposeError {
    fn from(error: StoreError) -> Self {
        Self::Facts(error.into())
    }
}
