//! When each track is presented (ISO/IEC 14496-12 §8.6.6).

use crate::format::line::TrackLine;
use crate::media::rescale;

/// Used when no timescale fits both tracks.
const MICROSECONDS: u32 = 1_000_000;

/// The movie's time: its scale, and when its presentation begins: with the earliest of all tracks, or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MovieTime {
    /// Ticks a second: a common multiple of the tracks' own, so that every offset between them is whole.
    pub(super) timescale: u32,
    zero: i64,
}

/// How one track is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// Movie time that passes before the track begins.
    pub(super) empty: u64,
    /// Media time of its first presentation.
    pub(super) media_time: i64,
    /// Movie time that it is presented for.
    pub(super) duration: u64,
    /// Added to every composition offset so that none is negative.
    pub(super) cts_shift: i32,
}

impl MovieTime {
    /// Fits all tracks.
    pub(super) fn of(tracks: &[&TrackLine]) -> Self {
        let timescale = tracks.iter().try_fold(1_u32, |multiple, track| {
            (multiple / gcd(multiple, track.timescale)).checked_mul(track.timescale)
        });
        let mut time = Self {
            timescale: timescale.unwrap_or(MICROSECONDS),
            zero: 0,
        };
        let first = tracks
            .iter()
            .map(|track| time.of_track(track.first_pts, track, Round::Down));
        time.zero = first.min().unwrap_or(0);
        time
    }

    /// Lets the movie begin at a time of one of the tracks: what is presented before is in the file, and hidden.
    pub(super) fn begin(&mut self, pts: i64, track: &TrackLine) {
        self.zero = self.zero.max(self.of_track(pts, track, Round::Down));
    }

    /// True when something of a track is presented.
    pub(super) fn shows(&self, track: &TrackLine) -> bool {
        self.of_track(track.end_pts, track, Round::Down) > self.zero
    }

    /// Places one of the tracks.
    pub(super) fn edit(&self, track: &TrackLine) -> Edit {
        let cts_shift = track.min_cts.min(0).saturating_neg();
        let first = self.of_track(track.first_pts, track, Round::Down);
        let hidden = self.to_track(self.zero.saturating_sub(first).max(0), track);
        let begins = track.first_pts.saturating_add(hidden);
        let shown = track.end_pts.saturating_sub(begins);
        let media_time = begins.saturating_sub(track.first_dts);
        Edit {
            empty: first.saturating_sub(self.zero).max(0).unsigned_abs(),
            media_time: media_time.saturating_add(i64::from(cts_shift)),
            // Rounded up: a player drops what is presented after the end of the edit.
            duration: self.of_track(shown, track, Round::Up).unsigned_abs(),
            cts_shift,
        }
    }

    fn to_track(self, ticks: i64, track: &TrackLine) -> i64 {
        rescale(ticks, self.timescale, track.timescale)
    }

    fn of_track(&self, ticks: i64, track: &TrackLine, round: Round) -> i64 {
        let wide = i128::from(ticks) * i128::from(self.timescale);
        let by = i128::from(track.timescale.max(1));
        let scaled = match round {
            Round::Down => wide.div_euclid(by),
            Round::Up => -((-wide).div_euclid(by)),
        };
        i64::try_from(scaled).unwrap_or(i64::MAX)
    }
}

impl Edit {
    /// Movie time at which the track ends.
    pub(super) fn end(&self) -> u64 {
        self.empty.saturating_add(self.duration)
    }
}

#[derive(Clone, Copy)]
enum Round {
    Down,
    Up,
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}
