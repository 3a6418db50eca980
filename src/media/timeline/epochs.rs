//! Timestamps that wrap and jump, made into one line of milliseconds.

use super::Exception;
use crate::media::{Micros, TrackKind};

/// A step forward of more than this is a jump or a gap, in milliseconds.
const FORWARD_MS: i64 = 10_000;
/// How far a track may be behind the other, in milliseconds. Encoders interleave them as they like.
const BEHIND_OTHER_MS: i64 = 3_000;
/// How far a frame may be behind the place where it belongs in its own track, in milliseconds. A larger distance is a jump.
const BEHIND_ITSELF_MS: i64 = 500;
/// The largest frame distance that counts in this limit. Where frames are further apart, the last frame decides: an uneven rate
/// is no jump.
const LONGEST_NEXT_MS: i64 = 250;
/// Pictures that go on this far behind the pictures before them are a jump, too…
const LAGGING_MS: i64 = 200;
/// … when this many come in a row, one after the other. Pictures that are only in another order end earlier.
const LAGGING: u32 = 3;
/// Sound that steps back first leaves this much space for the next picture.
const LONGEST_WAIT_MS: i64 = 100;
/// A step back of the pictures is compared with a step back of the sound at most this many frames ago. If both are about as
/// large, they are the same step.
const SAME_STEP: u32 = 64;
const SAME_STEP_MS: i64 = 60;
/// A track that returns to its old place within this many frames after a jump did not jump.
const RETURNS: u32 = 16;
/// A track whose frames are far apart may step forward by several of them.
const SELDOM_FRAMES: i64 = 3;
const LONGEST_STEP_MS: i64 = 20_000;
/// A track that the other has left behind by more than this does not tell where its next frame belongs.
const STALE_MS: i64 = 30_000;
/// The arrival clock may differ by this much from a step that really was a gap.
const GAP_SLACK_MS: i64 = 2_000;
/// The network causes pauses between arrivals of less than this.
const SILENCE_MS: i64 = 1_000;
/// The step of a track while none is known: one frame.
const DEFAULT_STEP_MS: i64 = 40;
/// How far a frame of the epoch before a jump may be from its track's last one. Two small jumps in a row must not be taken for
/// late frames. Frames of that epoch go on from there; only jitter lies behind it.
const STRAGGLER_MS: i64 = 500;
const STRAGGLER_BEHIND_MS: i64 = 60;
/// After this many frames of each track no frame is late any more.
const FIRM: u32 = 25;
/// How long the epoch before a jump is kept after its last frame, for frames that still belong to it.
const KEEP_PREVIOUS: Micros = 5_000_000;

/// The publisher's clock as it was set between two jumps, for one connection.
///
/// After a jump the two tracks do not change over at the same frame, so the epoch before is kept for a while. The epoch that
/// places a frame nearer to its track's position is the right one. Some encoders have tracks with unrelated clocks. A track
/// that never follows the jump keeps its own epoch alive by using it.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    now: Option<Now>,
    video: Pace,
    audio: Pace,
}

#[derive(Debug)]
struct Now {
    /// The last timestamp as it was sent, and the same without its wraps.
    raw: u32,
    unwrapped: i64,
    /// Media time of the last frame of either track, and the time of its arrival.
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
    /// The track that jumped, and its position then.
    by: TrackKind,
    edge: Option<i64>,
    by_ms: i64,
}

/// The position of a track, and the distance of its frames.
#[derive(Debug, Default)]
struct Pace {
    last: Option<i64>,
    /// The furthest position of the track. It is beyond `last` while the track is behind itself.
    edge: Option<i64>,
    /// Number of frames in a row behind the edge, each after the one before.
    lagging: u32,
    /// The last step behind the edge, milliseconds, and how many frames ago it was.
    back: (i64, u32),
    /// True when the track was behind itself and leapt back. Its timestamps are then regularly out of order.
    is_reordered: bool,
    /// Number of frames in a row that were placed in the present epoch.
    firm: u32,
    /// The last timestamp without its wraps, and the last two steps forward as they were sent. So a low frame rate is learned
    /// even where it was first taken for a jump.
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
        let (pace, other) = match kind {
            TrackKind::Video => (&mut self.video, &mut self.audio),
            TrackKind::Audio => (&mut self.audio, &mut self.video),
        };
        let Some(now) = &mut self.now else {
            let first = Now::first(timestamp, arrival);
            pace.advance(0, first.unwrapped, Epoch::New);
            self.now = Some(first);
            return (0, None);
        };
        let placed = now.place(kind, pace, other, timestamp, arrival);
        if placed.epoch == Epoch::New && pace.lagging > 0 {
            other.follow(pace.back.0);
        }
        let was_reordered = pace.is_reordered;
        pace.advance(placed.media, now.unwrapped, placed.epoch);
        let returned = placed.epoch == Epoch::Previous || pace.is_reordered != was_reordered;
        if returned
            && pace.firm <= RETURNS
            && let Some(previous) = now.previous.take_if(|previous| previous.by == kind)
        {
            now.offset = previous.offset;
            pace.edge = previous.edge.max(Some(now.unwrapped + now.offset));
            pace.is_reordered |= previous.by_ms.abs() <= BEHIND_OTHER_MS;
        }
        match placed.epoch {
            Epoch::Present => pace.firm = pace.firm.saturating_add(1),
            Epoch::Previous => pace.firm = 0,
            // The next frame of the other track says nothing about order.
            Epoch::New => (pace.firm, other.firm, other.lagging) = (1, 0, 0),
        }
        let is_firm = |pace: &Pace| pace.firm >= FIRM || now.recent(pace).is_none();
        if now.previous.is_some() && is_firm(pace) && is_firm(other) {
            now.previous = None;
        }
        (placed.media, placed.exception)
    }

    /// The distance of pictures in milliseconds, as far as it is known.
    pub(super) fn picture_step(&self) -> Option<i64> {
        let known = self.video.steps.iter().filter(|step| **step > 0).min();
        known.map(|step| (*step).min(LONGEST_STEP_MS))
    }
}

/// Where a frame was placed.
struct Placed {
    media: i64,
    epoch: Epoch,
    exception: Option<Exception>,
}

/// The epoch that placed the frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Epoch {
    Present,
    Previous,
    /// The frame began a new epoch.
    New,
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

    fn place(
        &mut self,
        kind: TrackKind,
        pace: &Pace,
        other: &Pace,
        timestamp: u32,
        arrival: Micros,
    ) -> Placed {
        self.unwrapped += i64::from(timestamp.wrapping_sub(self.raw).cast_signed());
        self.raw = timestamp;
        let elapsed_ms = arrival.saturating_sub(self.arrival).max(0) / 1_000;
        self.arrival = arrival;

        let placed = match self.continuing(kind, pace, arrival) {
            Some((media, epoch)) => Placed {
                media,
                epoch,
                exception: None,
            },
            None => self.after_break(kind, pace, other, elapsed_ms),
        };
        self.media = placed.media;
        placed
    }

    /// The place of a frame whose timestamp continues those before, in either epoch.
    fn continuing(&mut self, kind: TrackKind, pace: &Pace, arrival: Micros) -> Option<(i64, Epoch)> {
        let current = self.unwrapped + self.offset;
        let edge = self.recent(pace).unwrap_or(self.media);
        let next = edge + pace.step().min(SILENCE_MS);
        let old = self
            .previous
            .as_ref()
            .filter(|previous| arrival.saturating_sub(previous.used) <= KEEP_PREVIOUS)
            .map(|previous| self.unwrapped + previous.offset)
            .filter(|old| old.abs_diff(next) < current.abs_diff(next))
            .filter(|old| {
                let behind = if pace.is_reordered {
                    BEHIND_OTHER_MS
                } else {
                    STRAGGLER_BEHIND_MS
                };
                (-behind..=STRAGGLER_MS.max(pace.step() * 2)).contains(&(old - edge))
            });
        if let (Some(old), Some(previous)) = (old, &mut self.previous) {
            previous.used = arrival;
            return Some((old, Epoch::Previous));
        }
        let goes_on =
            self.is_near(current, pace) && !(kind == TrackKind::Video && pace.stepped_back(current));
        goes_on.then_some((current, Epoch::Present))
    }

    /// True near the position of the frame's own track. One track may run ahead of the other in a burst, and the other then
    /// goes on where it was. A track that comes for the first time, or again after a long time, is compared with the other.
    fn is_near(&self, media: i64, pace: &Pace) -> bool {
        let forward = pace.forward_limit();
        let beside_other = (-BEHIND_OTHER_MS..=forward).contains(&(media - self.media));
        match self.recent(pace) {
            Some(edge) => {
                let ahead = media - edge;
                ahead >= -pace.behind_limit() && (ahead <= forward || beside_other)
            }
            None if pace.last.is_none() => (-FORWARD_MS..=FORWARD_MS).contains(&(media - self.media)),
            None => beside_other,
        }
    }

    /// The position of a track, unless the other has long gone on without it.
    fn recent(&self, pace: &Pace) -> Option<i64> {
        pace.edge.filter(|edge| self.media - edge <= STALE_MS)
    }

    /// A true gap stays. A jump begins a new epoch, in which media time goes on by a frame, or by the silence before it if that
    /// is more.
    fn after_break(&mut self, kind: TrackKind, pace: &Pace, other: &Pace, elapsed_ms: i64) -> Placed {
        let current = self.unwrapped + self.offset;
        let step = current - self.media;
        let is_ahead = step > 0 && self.recent(pace).is_none_or(|edge| current > edge);
        if is_ahead && (step - elapsed_ms).abs() <= GAP_SLACK_MS.max(step / 5) {
            return Placed {
                media: current,
                epoch: Epoch::Present,
                exception: Some(Exception::Gap { ms: step }),
            };
        }
        // Where frames are further apart than that, the silence is more reliable than a step, which may itself be a jump.
        let step = pace.step().min(SILENCE_MS) * i64::from(pace.lagging.saturating_add(1));
        let next_of_track = self.recent(pace).map_or(self.media, |edge| edge + step);
        // In a looped clip the tracks may not end together. The longer one decides where both begin again, whichever comes
        // first, and no picture has to give way.
        let next_of_other = match kind {
            TrackKind::Video => self.recent(other),
            TrackKind::Audio => self
                .recent(other)
                .map(|edge| edge + other.step().min(LONGEST_WAIT_MS)),
        };
        let is_known = pace.last.is_some();
        let beside = next_of_other.filter(|next| is_known && next - next_of_track <= BEHIND_OTHER_MS);
        let next = beside.map_or(next_of_track, |next| next.max(next_of_track));
        let media = match elapsed_ms {
            SILENCE_MS.. => next.max(self.media + elapsed_ms),
            _ => next,
        };
        let by_ms = current - media;
        self.previous = Some(Previous {
            offset: self.offset,
            used: self.arrival,
            by: kind,
            edge: pace.edge,
            by_ms,
        });
        self.offset -= by_ms;
        Placed {
            media,
            epoch: Epoch::New,
            exception: Some(Exception::Jump { by_ms }),
        }
    }
}

impl Pace {
    fn advance(&mut self, media: i64, unwrapped: i64, epoch: Epoch) {
        let step = unwrapped - self.unwrapped;
        if let (Some(last), Some(edge)) = (self.last, self.edge) {
            if epoch == Epoch::New {
                self.lagging = 0;
            } else if media > edge {
                // Where a clock was set back, the track passes the edge at the pace of its frames.
                self.is_reordered |= self.lagging > 0 && media - last > self.step() * 2;
                self.lagging = 0;
            } else {
                self.is_reordered |= self.lagging > 0 && media <= last;
                if self.lagging == 0 {
                    self.back = (edge + self.step() - media, 0);
                }
                self.lagging = self.lagging.saturating_add(1);
            }
            self.back.1 = self.back.1.saturating_add(1);
            if step > 0 {
                let [_, newer] = self.steps;
                self.steps = [newer, step];
            }
        }
        self.edge = self.edge.max(Some(media));
        self.last = Some(media);
        self.unwrapped = unwrapped;
    }

    /// The other track's clock was set back by `back`, which was noticed a while later. If this track stepped back by the same
    /// amount, its position is that much further.
    fn follow(&mut self, back: i64) {
        let (own, frames) = self.back;
        if frames <= SAME_STEP && own.abs_diff(back) <= SAME_STEP_MS.unsigned_abs() {
            self.edge = self.last.map(|last| last + back);
            self.lagging = 0;
        }
    }

    /// True when the track has gone on behind itself, frame by frame, for so long that its clock was set back. Mere disorder
    /// ends earlier.
    fn stepped_back(&self, media: i64) -> bool {
        let (Some(last), Some(edge)) = (self.last, self.edge) else {
            return false;
        };
        let lagging = self.lagging.saturating_add(1);
        let back = edge + self.step() * i64::from(lagging) - media;
        !self.is_reordered && lagging >= LAGGING && media > last && media <= edge && back > LAGGING_MS
    }

    /// The smaller of the last two steps, so that a gap or a jump is not taken for a frame rate.
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

    /// How far before its last frame another frame may be, in milliseconds.
    fn behind_limit(&self) -> i64 {
        if self.is_reordered {
            BEHIND_OTHER_MS
        } else {
            BEHIND_ITSELF_MS - self.step().min(LONGEST_NEXT_MS)
        }
    }
}
