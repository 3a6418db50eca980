//! A view laid out on one time line. Every format asks the line before it can say how long its file will be.
//!
//! [`Line::open`] reads each segment's sample index once and keeps what the formats need to compute sizes and
//! offsets: some hundred bytes a segment and forty a fragment. [`walk`] then goes over the samples of one
//! segment again whenever a piece of a file is asked for. [`Tape`] is where both get indexes and bytes from.
//!
//! Each track has one timescale on the line. The sound takes the timescale of the first segment. The picture takes the least
//! timescale in which the ticks of all segments are whole, so that no tick is rounded. Where that timescale would be too large
//! ([`common_timescale`](crate::media::common_timescale)), the picture keeps the timescale it had, and each time of the segment
//! is rounded by itself.
//!
//! The line's zero is the media time zero of the view's first publish. A later publish begins where the one before ends, to the
//! millisecond and for both tracks alike, so that a break never moves sound against picture. `seam` decides where a publish
//! begins, and how long a kept gap is. `sound` puts silence where sound alone would have a gap.

mod dated;
mod heard;
mod laid;
mod laying;
mod listed;
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
use crate::format::{FileError, SourceError};
use crate::media::{AudioConfig, SegmentId, TrackKind, Tracks, VideoConfig};

/// The configuration of either track. Two configurations are equal when they decode the same samples. The timescale is not
/// compared, because the line has its own.
#[derive(Clone, Debug, Eq)]
pub(in crate::format) enum Config {
    /// The picture's configuration.
    Video(Arc<VideoConfig>),
    /// The sound's configuration.
    Audio(Arc<AudioConfig>),
}

impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Config::Video(one), Config::Video(other)) => one.decodes_like(other),
            (Config::Audio(one), Config::Audio(other)) => one == other,
            _ => false,
        }
    }
}

impl Config {
    /// The configuration of the track `kind`.
    pub(in crate::format) fn of(tracks: &Tracks, kind: TrackKind) -> Option<Self> {
        match kind {
            TrackKind::Video => tracks.video.clone().map(Config::Video),
            TrackKind::Audio => tracks.audio.clone().map(Config::Audio),
        }
    }

    /// The name that ffprobe gives the codec.
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

/// Rounds to the nearest millisecond, so that whole milliseconds come out as they went in.
pub(in crate::format) fn to_ms(ticks: i64, timescale: u32) -> i64 {
    let scale = i128::from(timescale.max(1));
    let nearest = (i128::from(ticks) * 1_000 + scale / 2).div_euclid(scale);
    i64::try_from(nearest).unwrap_or(0)
}

/// The error for an index that contradicts itself, or contradicts what it said before.
pub(in crate::format) fn contradiction(segment: SegmentId, reason: &str) -> FileError {
    FileError::Source(SourceError {
        segment,
        reason: format!("its sample index is not usable: {reason}"),
    })
}
