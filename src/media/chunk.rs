//! Where the chunks of a publish begin, and how they are counted.
//!
//! Live HLS serves a stream as chunks. A chunk begins with a keyframe, as soon as the one before it is long enough; where no
//! keyframe comes, with any picture. The decision needs the frames since the chunk's beginning and the [`TargetDuration`] only, so the
//! recorder makes it frame by frame, and a reader makes it again from a segment of the tape.

#[cfg(test)]
mod tests;

use super::{Micros, TrackKind};

/// Media time is divided into slots of this length. A keyframe begins a chunk if it is in another slot than the beginning of the
/// open chunk. So at most one chunk begins in a slot, unless the coding or the time line breaks there, and a reader that begins
/// in the middle finds the same chunks after at most one.
pub const SLOT: Micros = 750_000;

/// No chunk is made longer than this, as far as pictures come.
const LONGEST: Micros = 6_000_000;
/// So many complete chunks say how long the chunks of a publish are.
const ENOUGH: u8 = 3;
/// A chunk may be this much longer than the target duration: rounded to the nearest second it is no longer (RFC 8216 §4.3.3.1).
const ROUNDING: Micros = 490_000;
/// The first picture of a chunk that began with sound belongs to the chunk, if it comes this early. Sound that begins late waits
/// for a keyframe for so long. A later picture begins a chunk.
const JOINS: Micros = 1_000_000;
/// When no picture came for this long, sound may begin a chunk.
const SILENT: Micros = 3_000_000;
/// No frame of sound lasts longer.
const FRAME_OF_SOUND: Micros = 100_000;

/// How long the chunks of a publish last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetDuration {
    /// Fewer than three chunks are complete.
    Unknown {
        /// How many chunks are complete, at most 2.
        complete: u8,
        /// The longest of them in whole seconds, rounded.
        longest_s: u16,
    },
    /// The target duration is fixed, in seconds: from 1 to 6.
    Known(u16),
}

impl Default for TargetDuration {
    fn default() -> Self {
        TargetDuration::Unknown {
            complete: 0,
            longest_s: 0,
        }
    }
}

impl TargetDuration {
    /// The target as two small numbers, for a file: seconds, and how many chunks are complete. Three stand for a fixed target.
    pub fn to_parts(self) -> (u16, u8) {
        match self {
            TargetDuration::Unknown { complete, longest_s } => (longest_s, complete),
            TargetDuration::Known(seconds) => (seconds, ENOUGH),
        }
    }

    /// The target that these numbers stand for; `None` where no target has such numbers.
    pub fn from_parts(seconds: u16, complete: u8) -> Option<Self> {
        let most = u16::try_from(LONGEST / 1_000_000).unwrap_or(u16::MAX);
        match complete {
            ENOUGH if (1..=most).contains(&seconds) => Some(TargetDuration::Known(seconds)),
            0..ENOUGH if seconds <= most => Some(TargetDuration::Unknown {
                complete,
                longest_s: seconds,
            }),
            _ => None,
        }
    }

    /// The target that is fixed at so many seconds; `None` where no target is.
    pub fn known(seconds: u16) -> Option<Self> {
        Self::from_parts(seconds, ENOUGH)
    }

    /// The target duration in seconds, if it is fixed.
    pub fn target_s(self) -> Option<u16> {
        match self {
            TargetDuration::Unknown { .. } => None,
            TargetDuration::Known(seconds) => Some(seconds),
        }
    }

    /// The target after a chunk of this length.
    fn after(self, length: Micros) -> Self {
        let TargetDuration::Unknown { complete, longest_s } = self else {
            return self;
        };
        let rounded = length.clamp(0, LONGEST).saturating_add(500_000) / 1_000_000;
        let longest_s = longest_s.max(u16::try_from(rounded).unwrap_or(0));
        match complete.saturating_add(1) {
            ENOUGH.. => TargetDuration::Known(longest_s.max(1)),
            complete => TargetDuration::Unknown { complete, longest_s },
        }
    }

    /// The longest that a playlist may call a chunk: in whole seconds, rounded, it is no more than the target duration.
    pub fn limit(self) -> Micros {
        match self {
            TargetDuration::Unknown { .. } => LONGEST,
            TargetDuration::Known(seconds) => Micros::from(seconds) * 1_000_000 + ROUNDING,
        }
    }
}

/// The beginning of a chunk, as the recorder hands it to the store with a fragment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkStart {
    /// The least number that the chunk has. It is 0 where chunks of the stream are served from the tape alone: then the tape
    /// counts.
    pub number: u64,
    /// The least count of the stream's discontinuities, up to and including the beginning of the chunk.
    pub discontinuity: u64,
    /// True where another configuration decodes the chunk than the one before, or the time line breaks: at the beginning of a
    /// publish, and where nothing was recorded.
    pub breaks: bool,
    /// The target of the publish from here on.
    pub target: TargetDuration,
}

/// The numbers of the chunks of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkNumbers {
    /// The number of the first chunk. The others follow without a gap.
    pub chunk: u64,
    /// How many discontinuities the stream has had, up to and including the beginning of the segment.
    pub discontinuity: u64,
    /// True when the segment begins with a discontinuity.
    pub breaks: bool,
    /// How many of the numbers below `chunk` no chunk of the tape has.
    pub skipped: u64,
    /// The target at the beginning of the segment.
    pub target: TargetDuration,
}

/// Decides where chunks begin.
///
/// The recorder gives it the frames of a publish in the order in which they are recorded. A reader of the tape does not know the
/// order of two tracks, and gives it less ([`pass`](Self::pass)): of each fragment the first frame of the leading track, or the
/// first frame where the fragment has none of that track. Both find the same chunks, because
///
/// - a frame that begins a chunk begins a fragment;
/// - a fragment that begins a chunk with sound, where pictures lead, has no picture, but for the first fragment of a segment;
/// - a picture that comes late counts as one of the moment at which its chunk began: a segment cannot tell how late it is.
#[derive(Clone, Debug)]
pub struct Chunker {
    /// The picture, or the sound where the publish has no picture: chunks begin with frames of this track.
    led_by: TrackKind,
    target: TargetDuration,
    open: Option<Open>,
    /// Media time of the last frame of the leading track in the open chunk.
    last: Option<Micros>,
}

/// The chunk that is open.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Media time of its first frame of the leading track; of its first frame, while it has none of that track.
    start: Micros,
    /// The chunk has a frame of the leading track.
    led: bool,
}

impl Chunker {
    /// A chunker whose first frame begins a chunk.
    pub fn new(led_by: TrackKind, target: TargetDuration) -> Self {
        Self {
            led_by,
            target,
            open: None,
            last: None,
        }
    }

    /// Takes the next frame, at media time `at`. Gives true when it begins a chunk.
    pub fn begins(&mut self, kind: TrackKind, at: Micros, key: bool) -> bool {
        let leads = kind == self.led_by;
        let at = self.not_before(at);
        let begins = self.decide(leads, at, key);
        match &mut self.open {
            Some(open) if !begins => {
                if leads && !open.led {
                    *open = Open { start: at, led: true };
                }
                if leads {
                    self.last = Some(at);
                }
            }
            open => {
                if let Some(before) = open.replace(Open {
                    start: at,
                    led: leads,
                }) {
                    self.target = self.target.after(at.saturating_sub(before.start));
                }
                self.last = leads.then_some(at);
            }
        }
        begins
    }

    /// Takes frames of the leading track that begin no chunk, of which the last one is at media time `at`.
    pub fn pass(&mut self, at: Micros) {
        self.last = Some(self.not_before(at));
    }

    /// Has the next frame begin a chunk: another configuration decodes it, or the time line breaks.
    pub fn break_off(&mut self, led_by: TrackKind) {
        self.led_by = led_by;
        self.open = None;
        self.last = None;
    }

    /// Takes another leading track, which comes to the open chunk.
    pub fn follow(&mut self, led_by: TrackKind) {
        if std::mem::replace(&mut self.led_by, led_by) != led_by {
            self.last = None;
            if let Some(open) = &mut self.open {
                open.led = false;
            }
        }
    }

    /// The target so far. It changes only with a frame that begins a chunk.
    pub fn target(&self) -> TargetDuration {
        self.target
    }

    /// A moment within the open chunk: its beginning, where `at` is earlier.
    fn not_before(&self, at: Micros) -> Micros {
        self.open.map_or(at, |open| at.max(open.start))
    }

    fn decide(&self, leads: bool, at: Micros, key: bool) -> bool {
        let Some(open) = self.open else { return true };
        let length = at.saturating_sub(open.start);
        let limit = self.target.limit();
        let since = at.saturating_sub(self.last.unwrap_or(open.start));
        match (leads, open.led) {
            (true, true) => {
                let other_slot = at.div_euclid(SLOT) != open.start.div_euclid(SLOT);
                // The frame probably lasts as long as the one before it.
                (key && other_slot) || length.saturating_add(since.max(0)) > limit
            }
            (true, false) => length >= JOINS,
            (false, true) => since >= SILENT && length > limit,
            (false, false) => length > limit.saturating_sub(FRAME_OF_SOUND),
        }
    }
}
