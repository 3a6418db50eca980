//! Numbers the chunks of a publish, frame by frame.
//!
//! The numbers of a stream go on from publish to publish. They matter where chunks are played out of the ring: a chunk that goes
//! to the tape later has the number under which it was played. Where chunks are played from the tape alone, the tape counts
//! them, and is given the number 0.

use crate::media::{ChunkStart, Chunker, Frame, Micros, TargetDuration, TrackKind, Tracks};

/// A publish that begins this soon after the last one of its stream keeps its target duration: players still have the playlist. A
/// playlist lists no chunks before a break of more than three minutes, which is less.
const INHERITED: Micros = 190_000_000;

/// Where the numbers of a stream's next publish begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbered {
    /// The number of the next chunk.
    next: u64,
    /// How many discontinuities there were.
    discontinuity: u64,
    /// A chunk of the stream came before.
    any: bool,
    /// The target duration of the last publish in seconds, and the tape time at which it ended.
    target: Option<(u16, Micros)>,
}

impl Numbered {
    /// The values of a stream that is not known. No number below `floor` is given.
    pub(super) fn from(floor: u64) -> Self {
        Self {
            next: floor,
            discontinuity: floor,
            any: false,
            target: None,
        }
    }

    /// The same for a stream whose last publish, in an earlier run, had this target duration and ended at tape time `end`.
    pub(super) fn with_target(self, target_s: u16, end: Micros) -> Self {
        Self {
            any: true,
            target: Some((target_s, end)),
            ..self
        }
    }

    /// The target duration of the last publish in seconds, if it was fixed.
    pub(super) fn target_s(&self) -> Option<u16> {
        self.target.map(|(target_s, _)| target_s)
    }

    /// The number of the next chunk.
    pub(super) fn next(&self) -> u64 {
        self.next
    }
}

/// The chunks of a publish.
#[derive(Debug)]
pub(super) struct Chunks {
    chunker: Chunker,
    numbered: Numbered,
    /// The next chunk begins behind a break.
    breaks: bool,
    /// Chunks are played out of the ring.
    played: bool,
}

impl Chunks {
    /// The chunks of a publish that begins at tape time `tape_zero`. `played` is true where they are played out of the ring.
    pub(super) fn new(numbered: Numbered, tape_zero: Micros, played: bool) -> Self {
        let inherited = numbered
            .target
            .filter(|(_, end)| tape_zero.saturating_sub(*end) <= INHERITED);
        let target = inherited.map_or_else(TargetDuration::default, |(target, _)| {
            TargetDuration::Known(target)
        });
        Self {
            chunker: Chunker::new(TrackKind::Audio, target),
            numbered,
            breaks: true,
            played,
        }
    }

    /// Takes the next frame, at media time `at`. Gives the chunk that begins with it.
    pub(super) fn take(&mut self, frame: &Frame, at: Micros) -> Option<ChunkStart> {
        self.chunker
            .begins(frame.kind, at, frame.key)
            .then(|| self.begin())
    }

    /// Other tracks decode the next frame.
    pub(super) fn break_off(&mut self, tracks: &Tracks) {
        self.chunker.break_off(tracks.led_by());
        self.breaks = true;
    }

    /// These tracks decode the next frame in place of those before. `joins` is true where the frames of the open chunk become part
    /// of a segment that has added tracks, too.
    pub(super) fn switch(&mut self, before: &Tracks, tracks: &Tracks, joins: bool) {
        if tracks.replace(before) || !joins {
            self.break_off(tracks);
        } else {
            self.follow(tracks);
        }
    }

    fn follow(&mut self, tracks: &Tracks) {
        self.chunker.follow(tracks.led_by());
    }

    /// The beginning of a chunk as the store is given it.
    pub(super) fn told(&self, start: ChunkStart) -> ChunkStart {
        if self.played {
            return start;
        }
        ChunkStart {
            number: 0,
            discontinuity: 0,
            ..start
        }
    }

    /// True where chunks may have been played out of the ring: their frames are the same chunks for ever.
    pub(super) fn are_fixed(&self) -> bool {
        self.played
    }

    /// The number of the chunk that is not complete yet; before the first chunk of the publish, of one before it.
    pub(super) fn open(&self) -> u64 {
        self.numbered.next.saturating_sub(1)
    }

    /// The values for the next publish of the stream. This one ends at tape time `end`.
    pub(super) fn end(&self, end: Micros) -> Numbered {
        let own = self.chunker.target().target_s().map(|target| (target, end));
        Numbered {
            target: own.or(self.numbered.target),
            ..self.numbered
        }
    }

    /// The target duration in seconds, if it is fixed.
    pub(super) fn target_s(&self) -> Option<u16> {
        self.chunker.target().target_s()
    }

    fn begin(&mut self) -> ChunkStart {
        let breaks = std::mem::take(&mut self.breaks);
        if breaks && self.numbered.any {
            self.numbered.discontinuity = self.numbered.discontinuity.saturating_add(1);
        }
        self.numbered.any = true;
        let number = self.numbered.next;
        self.numbered.next = number.saturating_add(1);
        ChunkStart {
            number,
            discontinuity: self.numbered.discontinuity,
            breaks,
            target: self.chunker.target(),
        }
    }
}
