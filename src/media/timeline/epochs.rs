//! Timestamps that wrap and jump, made into one line of milliseconds.

use super::Exception;
use crate::media::{Micros, TrackKind};

/// A step forward beyond this is a jump or a gap, one back beyond the other is a jump. Milliseconds.
const FORWARD_MS: i64 = 10_000;
const BACK_MS: i64 = 3_000;
/// A track whose frames are far apart may step forward by several of them.
const SELDOM_FRAMES: i64 = 3;
const LONGEST_STEP_MS: i64 = 20_000;
/// A track that the other has left behind by more says nothing about where its next frame belongs.
const STALE_MS: i64 = 30_000;
/// The arrival clock may differ by this from a step that really was a gap.
const GAP_SLACK_MS: i64 = 2_000;
/// Less than this between two arrivals is the network's doing.
const SILENCE_MS: i64 = 1_000;
/// Without a step to go by: one frame.
const DEFAULT_STEP_MS: i64 = 40;
/// How far a frame of the epoch before a jump may be from its track's last one: two small jumps in a row
/// must not pass for frames that are late.
const STRAGGLER_MS: i64 = 500;
/// How long the epoch before a jump is kept for frames that still belong to it, since its last frame.
const KEEP_PREVIOUS: Micros = 5_000_000;

/// The publisher's clock as it was set between two jumps, for one connection.
///
/// After a jump the two tracks do not change over at the same frame, so the epoch before is kept for a
/// while: whichever places a frame nearer to its track's last one is right. A track that never follows (an
/// encoder whose tracks have unrelated clocks) keeps its own epoch alive by using it.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    now: Option<Now>,
    video: Pace,
    audio: Pace,
}

#[derive(Debug)]
struct Now {
    /// The last timestamp, as sent and without its wraps.
    raw: u32,
    unwrapped: i64,
    /// Media time of the last frame of either track, and when it came.
    media: i64,
    arrival: Micros,
    /// Media time = unwrapped timestamp + offset.
    offset: i64,
    previous: Option<Previous>,
}

#[derive(Debug)]
struct Previous {
    offset: i64,
    used: Micros,
}

/// Where a track is, and how far apart its frames are.
#[derive(Debug, Default)]
struct Pace {
    last: Option<i64>,
    /// The last timestamp without its wraps, and the last two steps: as sent, so that a low frame rate is
    /// learned even where it was first taken for a jump.
    unwrapped: i64,
    steps: [i64; 2],
}

impl Epochs {
    /// Media time of a frame in milliseconds.
    pub(super) fn place(
        &mut self,
        kind: TrackKind,
        timestamp: u32,
        arrival: Micros,
    ) -> (i64, Option<Exception>) {
        let pace = match kind {
            TrackKind::Video => &mut self.video,
            TrackKind::Audio => &mut self.audio,
        };
        let (media, exception) = match &mut self.now {
            Some(now) => now.place(pace, timestamp, arrival),
            None => {
                self.now = Some(Now::first(timestamp, arrival));
                (0, None)
            }
        };
        if let Some(now) = &self.now {
            pace.advance(media, now.unwrapped);
        }
        (media, exception)
    }
}

impl Now {
    fn first(timestamp: u32, arrival: Micros) -> Self {
        Self {
            raw: timestamp,
            unwrapped: i64::from(timestamp),
            media: 0,
            arrival,
            offset: -i64::from(timestamp),
            previous: None,
        }
    }

    fn place(&mut self, pace: &Pace, timestamp: u32, arrival: Micros) -> (i64, Option<Exception>) {
        self.unwrapped += i64::from(timestamp.wrapping_sub(self.raw).cast_signed());
        self.raw = timestamp;
        let elapsed_ms = arrival.saturating_sub(self.arrival).max(0) / 1_000;
        self.arrival = arrival;

        let (media, exception) = match self.continuing(pace, arrival) {
            Some(media) => (media, None),
            None => self.after_break(pace, elapsed_ms, arrival),
        };
        self.media = media;
        (media, exception)
    }

    /// The place of a frame whose timestamp goes on from those before, in either epoch.
    fn continuing(&mut self, pace: &Pace, arrival: Micros) -> Option<i64> {
        let current = self.unwrapped + self.offset;
        let expected = self.recent(pace).unwrap_or(self.media);
        let old = self
            .previous
            .as_ref()
            .filter(|previous| arrival.saturating_sub(previous.used) <= KEEP_PREVIOUS)
            .map(|previous| self.unwrapped + previous.offset)
            .filter(|old| old.abs_diff(expected) < current.abs_diff(expected))
            .filter(|old| (old - expected).abs() <= STRAGGLER_MS.max(pace.step() * 2));
        if let (Some(_), Some(previous)) = (old, &mut self.previous) {
            previous.used = arrival;
        }
        old.or(Some(current).filter(|media| self.is_near(*media, pace)))
    }

    /// Near the last frame of either track or of its own: one track may run ahead in a burst, and the other
    /// then goes on where it was.
    fn is_near(&self, media: i64, pace: &Pace) -> bool {
        let forward = pace.forward_limit();
        match pace.last {
            None => (-FORWARD_MS..=FORWARD_MS).contains(&(media - self.media)),
            Some(_) => [Some(self.media), self.recent(pace)]
                .into_iter()
                .flatten()
                .any(|last| (-BACK_MS..=forward).contains(&(media - last))),
        }
    }

    /// The last frame of a track, unless the other has long gone on without it.
    fn recent(&self, pace: &Pace) -> Option<i64> {
        pace.last.filter(|last| self.media - last <= STALE_MS)
    }

    /// A true gap stays; a jump begins a new epoch in which media time goes on by a frame, or by the silence
    /// before it if that is more.
    fn after_break(&mut self, pace: &Pace, elapsed_ms: i64, arrival: Micros) -> (i64, Option<Exception>) {
        let current = self.unwrapped + self.offset;
        let step = current - self.media;
        if step > 0 && (step - elapsed_ms).abs() <= GAP_SLACK_MS.max(step / 5) {
            return (current, Some(Exception::Gap { ms: step }));
        }
        // Where frames are further apart than that, the silence says more than a step that may be a jump too.
        let step = pace.step().min(SILENCE_MS);
        let next_of_track = self.recent(pace).map_or(self.media, |last| last + step);
        let media = match elapsed_ms {
            SILENCE_MS.. => next_of_track.max(self.media + elapsed_ms),
            _ => next_of_track,
        };
        let by_ms = current - media;
        self.previous = Some(Previous {
            offset: self.offset,
            used: arrival,
        });
        self.offset -= by_ms;
        (media, Some(Exception::Jump { by_ms }))
    }
}

impl Pace {
    fn advance(&mut self, media: i64, unwrapped: i64) {
        if self.last.is_some() {
            let [_, newer] = self.steps;
            self.steps = [newer, unwrapped - self.unwrapped];
        }
        self.last = Some(media);
        self.unwrapped = unwrapped;
    }

    /// The smaller of the last two steps, so that a gap or a jump does not pass for a frame rate.
    fn step(&self) -> i64 {
        let [older, newer] = self.steps;
        match older.min(newer) {
            step if step > 0 => step.min(LONGEST_STEP_MS),
            _ => DEFAULT_STEP_MS,
        }
    }

    fn forward_limit(&self) -> i64 {
        (self.step() * SELDOM_FRAMES).max(FORWARD_MS)
    }
}
