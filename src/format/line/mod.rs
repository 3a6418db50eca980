//! A view laid out on one time line: what every rendition asks before it can say how long it will be.
//!
//! [`Line::open`] reads each segment's sample index once and keeps what the formats need to compute sizes and
//! offsets: some hundred bytes a segment and forty a fragment. [`walk`] then goes over the samples of one
//! segment again whenever a piece of a file is asked for. [`Tape`] is where both get indexes and bytes from.
//!
//! The line's zero is the media time zero of the view's first publish. A later publish begins where the one before
//! ends, to the millisecond and for both tracks alike, so that a break never moves sound against picture; `seam` says
//! where that is, and how long a gap is that is kept. `sound` puts silence where sound alone would have a gap.

mod laid;
mod laying;
mod outline;
mod seam;
mod shown;
mod sound;
mod tape;
mod walk;

use std::fmt;
use std::sync::Arc;

pub(in crate::format) use laid::Laid;
pub(in crate::format) use laying::Laying;
pub(in crate::format) use outline::{Extent, Line, Part, Stretch, Summary, TrackLine};
pub(in crate::format) use shown::Show;
pub(in crate::format) use tape::{Tape, TapeRange};
pub(in crate::format) use walk::{Placement, walk};

use crate::format::index::{FragmentIndex, Run};
use crate::format::{RenditionError, SourceError};
use crate::media::{AudioConfig, SegmentId, TrackKind, Tracks, VideoConfig};

/// The configuration of either track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::format) enum Config {
    /// Of the picture.
    Video(Arc<VideoConfig>),
    /// Of the sound.
    Audio(Arc<AudioConfig>),
}

impl Config {
    /// That of a track.
    pub(in crate::format) fn of(tracks: &Tracks, kind: TrackKind) -> Option<Self> {
        match kind {
            TrackKind::Video => tracks.video.clone().map(Config::Video),
            TrackKind::Audio => tracks.audio.clone().map(Config::Audio),
        }
    }

    /// The name ffprobe gives its coding.
    pub(in crate::format) fn codec(&self) -> &'static str {
        match self {
            Config::Video(config) => config.codec.as_str(),
            Config::Audio(config) => config.codec.as_str(),
        }
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Config::Video(config) => write!(f, "{config:?}"),
            Config::Audio(config) => write!(f, "{config:?}"),
        }
    }
}

/// The run of one track in a fragment.
pub(in crate::format) fn run(fragment: &FragmentIndex, kind: TrackKind) -> &Run {
    match kind {
        TrackKind::Video => &fragment.video,
        TrackKind::Audio => &fragment.audio,
    }
}

/// An index that contradicts itself or what it said before.
pub(in crate::format) fn contradiction(segment: SegmentId, reason: &str) -> RenditionError {
    RenditionError::Source(SourceError {
        segment,
        reason: format!("its sample index is not usable: {reason}"),
    })
}
