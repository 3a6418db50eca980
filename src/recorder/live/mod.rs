//! One publish from its first message to its end: its frames become fragments of tape, while a session records the stream.
//!
//! No media of a publish goes to the store before a second of it is there ([`Fed::Begins`]). Frames that no session recorded
//! are in the ring, as far as the ring goes back.

mod frames;
mod tape;

use std::sync::Arc;

use super::ahead::Ahead;
use super::chunks::{Chunks, Numbered};
use super::cutter::Cutter;
use super::ends::TrackEnds;
use super::open_gop::{LastKey, OpenGop};
use super::ring::Kept;
use crate::event::{PublishAbout, Recorded};
use crate::media::{
    AudioConfig, Exception, Fragment, Frame, LeftOut, Metadata, Micros, Oddity, PublishId, StreamName,
    Timeline, TrackKind, Tracks,
};
use crate::store::Command;

/// A push shorter than this makes no recording, as with the cloud services.
const WORTH_KEEPING: Micros = 1_000_000;
/// Most bytes that wait for a track or a keyframe.
const WAIT_BYTES: usize = 1 << 20;
/// A track that is this far behind the other has ended, or pauses: its next sample will not be of the past.
const SILENT: Micros = 10_000_000;

/// A publish that is on the air.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) publish: PublishId,
    /// Tape time of media time zero.
    pub(super) tape_zero: Micros,
    /// CLOCK_BOOTTIME of the same moment.
    boot_zero: Micros,
    pub(super) tracks: Tracks,
    announced: Metadata,
    /// Tracks with a codec that is not recorded.
    pub(super) left_out: Vec<LeftOut>,
    timeline: Timeline,
    chunks: Chunks,
    cutter: Cutter,
    stage: Stage,
    late_audio: Option<LateAudio>,
    seen_key: bool,
    open_gop: OpenGop,
    last_key: LastKey,
    /// Media time of the last frame that decoding can begin at.
    entry: Option<Micros>,
    ends: TrackEnds,
    ahead: Ahead,
    /// Frames placed so far.
    placed: u64,
    /// The number of the first frame that is not fed yet, and the tape time from which on all frames before it were fed.
    fed: Option<(u64, Micros)>,
    /// The number of the chunk that was not complete when the last recording began.
    first_recorded: Option<u64>,
    /// Media time before which no frame is taken any more.
    line: Option<Micros>,
    /// Frames that came before their configuration or the first keyframe, or too late.
    pub(super) undecodable: u64,
    /// Pictures since the last configuration that came before a keyframe.
    keyless: u64,
    /// The faults of the publish's media so far, each once.
    pub(super) oddities: Vec<Oddity>,
    /// The last of these faults, if it was not reported yet.
    untold: Option<Oddity>,
}

#[derive(Debug)]
enum Stage {
    /// No session records the stream.
    Idle,
    /// The media is too short to be worth keeping so far.
    Waiting {
        fragments: Vec<Fragment>,
        bytes: usize,
        /// Tape time from which on the media is on the tape already, and continues without a break.
        since: Option<Micros>,
        /// The value of `fed` before, which comes back if nothing is kept.
        before: Option<(u64, Micros)>,
    },
    /// Fragments go to the store.
    Writing,
}

/// The output for the tape.
#[derive(Debug)]
pub(super) enum Fed {
    /// The media is worth keeping from here on; fragments follow.
    Begins {
        /// Tape time from which on all media is on the tape, together with the media to come.
        start: Micros,
    },
    Fragment(Fragment),
}

/// Sound that began after the segment did. It waits for the next keyframe, where a segment with both tracks can begin.
#[derive(Debug)]
struct LateAudio {
    config: Arc<AudioConfig>,
    frames: Vec<Frame>,
    bytes: usize,
}

/// The effects of a frame, besides its recording.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The frame as placed on the tape, for the ring.
    pub(super) frame: Option<Kept>,
    /// A fault in the timestamps of the frame.
    pub(super) exception: Option<Exception>,
    /// The fault of the frame's media, if it is the first of its kind.
    pub(super) oddity: Option<Oddity>,
}

impl Live {
    pub(super) fn new(publish: PublishId, tape_zero: Micros, boot_zero: Micros, chunks: Chunks) -> Self {
        Self {
            publish,
            tape_zero,
            boot_zero,
            tracks: Tracks::default(),
            announced: Metadata::default(),
            left_out: Vec::new(),
            timeline: Timeline::new(),
            chunks,
            cutter: Cutter::default(),
            stage: Stage::Idle,
            late_audio: None,
            seen_key: false,
            open_gop: OpenGop::default(),
            last_key: LastKey::default(),
            entry: None,
            ends: TrackEnds::default(),
            ahead: Ahead::default(),
            placed: 0,
            fed: None,
            first_recorded: None,
            line: None,
            undecodable: 0,
            keyless: 0,
            oddities: Vec::new(),
            untold: None,
        }
    }

    /// True while fragments go to the store.
    pub(super) fn is_writing(&self) -> bool {
        matches!(self.stage, Stage::Writing)
    }

    /// True while a session records the stream.
    pub(super) fn is_wanted(&self) -> bool {
        !matches!(self.stage, Stage::Idle)
    }

    /// While a session records the stream: the number of the first chunk that is played from the tape only. Chunks that were
    /// complete when the recording began may have been played out of memory before, and are further on.
    pub(super) fn recorded_from(&self) -> Option<u64> {
        self.first_recorded.filter(|_| self.is_wanted())
    }

    /// Tape time from which on all media is on the tape, while the publish is written.
    pub(super) fn written_from(&self) -> Option<Micros> {
        self.fed.filter(|_| self.is_writing()).map(|(_, from)| from)
    }

    /// Tape time from which on all media will be on the tape, while a session wants it there.
    pub(super) fn wanted_from(&self) -> Option<Micros> {
        self.fed.filter(|_| self.is_wanted()).map(|(_, from)| from)
    }

    /// True when all samples before tape time `end` have been handed over, and no more will come.
    pub(super) fn is_past(&self, end: Micros) -> bool {
        let end = end.saturating_sub(self.tape_zero);
        let video = self.ends.video.map(|(last, _)| last);
        let newest = video.max(self.ends.audio);
        let late = self
            .late_audio
            .as_ref()
            .is_some_and(|late| !late.frames.is_empty());
        let past = |kind, last: Option<Micros>| match (self.cutter.first(kind), last) {
            (_, Some(_)) if kind == TrackKind::Audio && late => false,
            (Some(first), _) => first >= end,
            (None, Some(last)) => {
                last >= end || newest.is_some_and(|newest| newest.saturating_sub(last) > SILENT)
            }
            (None, None) => true,
        };
        past(TrackKind::Video, video) && past(TrackKind::Audio, self.ends.audio)
    }

    /// True when the media comes faster than real time: the publisher loses nothing when its connection is not read for a
    /// while.
    pub(super) fn is_ahead(&self) -> bool {
        self.ahead.is_ahead()
    }

    /// The command that announces the publish to the store, before all other commands of it.
    pub(super) fn started(
        &self,
        stream: &StreamName,
        about: &Arc<PublishAbout>,
        tell: Option<Box<Recorded>>,
    ) -> Command {
        Command::PublishStarted {
            publish: self.publish,
            stream: stream.clone(),
            tape_zero: self.tape_zero,
            boot_zero: self.boot_zero,
            about: Arc::clone(about),
            tell,
        }
    }

    /// True when more than a second of the publish came: an event may tell of it.
    pub(super) fn is_worth_telling(&self) -> bool {
        let span = self.ends.first.map(|first| self.ends.last() - first);
        span.is_some_and(|span| span >= WORTH_KEEPING)
    }

    /// Tape time of the last frame that decoding can begin at.
    pub(super) fn last_entry(&self) -> Option<Micros> {
        self.entry.map(|at| self.tape_zero.saturating_add(at))
    }

    /// Tape time at which the publish's media begins, if there is any.
    pub(super) fn begins(&self) -> Option<Micros> {
        self.ends.first.map(|first| self.tape_zero.saturating_add(first))
    }

    /// Tape time up to which the publish has media, if there is any.
    pub(super) fn tape_end(&self) -> Option<Micros> {
        self.ends.first.map(|_| self.tape_zero + self.ends.last())
    }

    /// The numbers with which the stream's next publish goes on.
    pub(super) fn numbered(&self) -> Numbered {
        self.chunks.end(self.tape_end().unwrap_or(self.tape_zero))
    }

    /// The target duration of the publish's chunks in seconds, if it is fixed.
    pub(super) fn target_s(&self) -> Option<u16> {
        self.chunks.target_s()
    }

    /// Memory of the frames that wait here, on their way to the tape.
    pub(super) fn in_hand(&self) -> usize {
        let waiting = match &self.stage {
            Stage::Waiting { bytes, .. } => *bytes,
            Stage::Idle | Stage::Writing => 0,
        };
        let late = self.late_audio.as_ref().map_or(0, |late| late.bytes);
        self.cutter.cost() + waiting + late
    }

    /// Notes a fault. It is reported if it is the first of its kind.
    pub(super) fn notice(&mut self, oddity: Oddity) -> Taken {
        let is_known = self.oddities.iter().any(|known| known.is_like(&oddity));
        if !is_known {
            self.oddities.push(oddity.clone());
        }
        Taken {
            oddity: Some(oddity).filter(|_| !is_known),
            ..Taken::default()
        }
    }

    /// Counts the leading pictures of the last keyframe, where a recording begins with that keyframe: the recording lacks them.
    /// Reported the first time.
    pub(super) fn leave_out_leading(&mut self, begins: impl FnOnce(Micros) -> bool) -> Option<Oddity> {
        let missing = self.last_key.missing(begins);
        self.undecodable += missing;
        match missing {
            0 => None,
            _ => self.notice(Oddity::LeadingPictures { on_tape: true }).oddity,
        }
    }

    /// True for a recording that begins with a keyframe from which on the picture is refreshed bit by bit. Reported the first
    /// time.
    pub(super) fn begins_not_whole(&mut self, begins: impl FnOnce(Micros) -> bool) -> Option<Oddity> {
        if self.last_key.is_not_whole(begins) {
            self.notice(Oddity::NotWholeYet { on_tape: true }).oddity
        } else {
            None
        }
    }

    /// The fault of the media that went from the ring to the tape, once.
    pub(super) fn take_untold(&mut self) -> Option<Oddity> {
        self.untold.take()
    }
}

/// The present moment by the caller's clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// CLOCK_BOOTTIME, microseconds.
    pub boot: Micros,
    /// UTC as the box believes it, microseconds since 1970.
    pub utc: Micros,
}

impl Moment {
    pub(super) fn unix_millis(self) -> u64 {
        u64::try_from(self.utc / 1000).unwrap_or(0)
    }
}
