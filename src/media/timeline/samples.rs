//! The clock of an audio track. It counts samples, and timestamps only steer it.

use crate::media::rescale;

/// How far the clock may be from the timestamps, milliseconds.
const TOLERANCE_MS: i64 = 60;
/// The clock is slewed after this many frames in a row that lean to one side. Jitter leans to both.
const SLEW_AFTER: i32 = 64;
/// While the clock is slewed, each frame is longer or shorter by this part of itself. A quarter of a per cent follows any
/// crystal, and nobody hears it.
const SLEW_PART: i64 = 400;

/// A larger overlap is removed when it has lasted for several frames. By then a clock that was set back has been noticed, and
/// no sound is squeezed.
const LARGE_OVERLAP_MS: i64 = 150;
const OVERLAP_AFTER: u32 = 16;

/// A clock without gaps while the timestamps agree with it to within 60 ms.
///
/// Milliseconds are never added up, so their rounding cannot accumulate. A publisher whose samples and timestamps run on
/// different crystals drifts slowly. The clock follows it by a few samples a frame, before the tolerance is reached.
#[derive(Debug, Default)]
pub(super) struct SampleClock {
    rate: u32,
    /// DTS of the next frame if there is no gap; `None` before the first frame.
    next: Option<i64>,
    /// Samples of the last frame.
    held: i64,
    /// Frames in a row that leaned forward (positive) or back (negative).
    leaning: i32,
    /// Frames in a row with a large overlap.
    overlapping: u32,
}

impl SampleClock {
    /// The DTS, in ticks of `rate`, of a frame of `samples` whose timestamp says `media_ms`.
    pub(super) fn place(&mut self, media_ms: i64, rate: u32, samples: u32) -> i64 {
        self.change_rate(rate);
        let target = rescale(media_ms, 1_000, rate);
        let dts = match self.next {
            None => target,
            Some(next) => self.steer(next, target),
        };
        self.held = i64::from(samples.max(1));
        self.next = Some(dts + self.held);
        dts
    }

    /// Continues in another timescale at the same time, or a tick later.
    fn change_rate(&mut self, rate: u32) {
        if self.rate != rate
            && let Some(next) = self.next
        {
            let ceil = |ticks: i64| -rescale(-ticks, self.rate, rate);
            (self.next, self.held) = (Some(ceil(next)), ceil(self.held));
        }
        self.rate = rate;
    }

    fn steer(&mut self, next: i64, target: i64) -> i64 {
        let tolerance = rescale(TOLERANCE_MS, 1_000, self.rate);
        let lag = target - next;
        self.overlapping = if lag < -rescale(LARGE_OVERLAP_MS, 1_000, self.rate) {
            self.overlapping.saturating_add(1)
        } else {
            0
        };
        if lag > tolerance {
            self.leaning = 0;
            return target;
        }
        if lag < -tolerance {
            // No frame is dropped. Each begins at most half a frame early until the overlap is gone.
            self.leaning = 0;
            if (1..=OVERLAP_AFTER).contains(&self.overlapping) {
                return next;
            }
            return next - (-tolerance - lag).min(self.held / 2);
        }
        self.lean(lag, tolerance);
        if self.leaning.abs() < SLEW_AFTER {
            return next;
        }
        let slew = (self.held / SLEW_PART).max(1).min(self.held / 2);
        next + slew * i64::from(self.leaning.signum())
    }

    /// Takes note of the side that a frame leans to. Leaning begins at half the tolerance, and ends at a quarter once the clock
    /// is slewed.
    fn lean(&mut self, lag: i64, tolerance: i64) {
        let is_slewing = self.leaning.abs() >= SLEW_AFTER;
        let enough = if is_slewing { tolerance / 4 } else { tolerance / 2 };
        self.leaning = match lag {
            lag if lag > enough => self.leaning.max(0).saturating_add(1),
            lag if lag < -enough => self.leaning.min(0).saturating_sub(1),
            _ => 0,
        };
    }
}
