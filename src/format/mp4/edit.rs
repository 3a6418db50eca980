//! When each track is presented (ISO/IEC 14496-12 §8.6.6).

use crate::format::line::{Config, Show, TrackLine};
use crate::media::{Micros, gcd, rescale};

/// The movie's timescale when no timescale fits both tracks.
pub(super) const MICROSECONDS: u32 = 1_000_000;

/// The movie's timescale, and the beginning of its presentation: with the earliest of all tracks, or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MovieTime {
    /// Ticks a second: a common multiple of the tracks' own timescales, so that every offset between them is whole.
    pub(super) timescale: u32,
    zero: i64,
}

/// How one track is presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// The entries: how long each lasts in movie time, and the media time it begins at. A media time of -1 presents nothing.
    pub(super) entries: Vec<(u64, i64)>,
    /// The offset added to every composition offset so that none is negative.
    pub(super) cts_shift: i32,
}

impl MovieTime {
    /// The timescale that fits all tracks of the movie.
    pub(super) fn timescale_of<'a>(mut tracks: impl Iterator<Item = &'a TrackLine>) -> u32 {
        let timescale = tracks.try_fold(1_u32, |multiple, track| {
            let scale = track.timescale.max(1);
            (multiple / gcd(multiple, scale)).checked_mul(scale)
        });
        timescale.unwrap_or(MICROSECONDS)
    }

    /// The movie time of these tracks, which begins with the earliest of them.
    pub(super) fn of(timescale: u32, tracks: &[&TrackLine]) -> Self {
        let mut time = Self { timescale, zero: 0 };
        let first = tracks
            .iter()
            .map(|track| time.of_track(heard_from(track), track, Round::Down));
        time.zero = first.min().unwrap_or(0);
        time
    }

    /// Lets the movie begin at a time of the line, in microseconds.
    pub(super) fn begin(&mut self, line: Micros, picture: Option<&TrackLine>, shows: &[Show]) {
        self.zero = rescale(line, MICROSECONDS, self.timescale);
        // If the movie begins with the first picture, the exact time is that picture's tick, which may be no whole microsecond.
        if let (Some(track), Some(first)) = (picture, shows.first())
            && rescale(first.start, track.timescale, MICROSECONDS) == line
        {
            self.zero = rescale(first.start, track.timescale, self.timescale);
        }
    }

    /// The line's time at which the movie begins.
    pub(super) fn zero(self) -> i64 {
        self.zero
    }

    /// True when something of a track is presented.
    pub(super) fn shows(&self, track: &TrackLine) -> bool {
        self.of_track(track.end_pts, track, Round::Down) > self.zero
    }

    /// Places one of the tracks.
    pub(super) fn edit(&self, track: &TrackLine) -> Edit {
        let cts_shift = track.min_cts.min(0).saturating_neg();
        let heard_from = heard_from(track);
        let first = self.of_track(heard_from, track, Round::Down);
        let hidden = self.to_track(self.zero.saturating_sub(first).max(0), track);
        let begins = heard_from.saturating_add(hidden);
        let shown = track.end_pts.saturating_sub(begins);
        let media_time = begins.saturating_sub(track.first_dts);
        let empty = first.saturating_sub(self.zero).max(0).unsigned_abs();
        let empty = (empty > 0).then_some((empty, -1));
        // The duration is rounded up: a player drops what is presented after the end of the edit.
        let duration = self.of_track(shown, track, Round::Up).unsigned_abs();
        let media_time = media_time.saturating_add(i64::from(cts_shift));
        Edit {
            entries: empty.into_iter().chain([(duration, media_time)]).collect(),
            cts_shift,
        }
    }

    /// Shows some of the pictures of a track, one stretch after the other. The last picture of a stretch stands until the next
    /// stretch begins, unless other pictures follow it in the file.
    pub(super) fn edits(&self, track: &TrackLine, shows: &[Show]) -> Edit {
        let cts_shift = track.min_cts.min(0).saturating_neg();
        let movie = |ticks: i64| {
            rescale(ticks, track.timescale, self.timescale)
                .saturating_sub(self.zero)
                .max(0)
        };
        let mut entries = Vec::with_capacity(shows.len());
        let mut at = 0_i64;
        for (number, show) in shows.iter().enumerate() {
            let start = movie(show.start);
            if start > at {
                entries.push((start.saturating_sub(at).unsigned_abs(), -1));
                at = start;
            }
            let next = shows.get(number + 1).map(|next| movie(next.start));
            let end = match next {
                Some(next) if !show.trailing => next,
                Some(next) => movie(show.end).min(next),
                None => movie(show.end),
            };
            if end > at {
                let media = show
                    .in_file
                    .saturating_sub(track.first_dts)
                    .saturating_add(i64::from(cts_shift));
                entries.push((end.saturating_sub(at).unsigned_abs(), media));
                at = end;
            }
        }
        Edit { entries, cts_shift }
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

/// When the first sample of a track that is to be presented is presented. In Opus, the encoder's delay comes before it
/// (Encapsulation of Opus in ISOBMFF §4.4).
fn heard_from(track: &TrackLine) -> i64 {
    let skip = match track.configs.first() {
        Some(Config::Audio(config)) => i64::from(config.pre_skip()),
        _ => 0,
    };
    let from = track.first_pts.saturating_add(skip);
    if from < track.end_pts {
        from
    } else {
        track.first_pts
    }
}

impl Edit {
    /// Lets the track begin so much later, in movie time.
    pub(super) fn delay(&mut self, by: u64) {
        match self.entries.first_mut() {
            _ if by == 0 => (),
            Some((empty, -1)) => *empty = empty.saturating_add(by),
            _ => self.entries.insert(0, (by, -1)),
        }
    }

    /// Movie time at which the track ends.
    pub(super) fn end(&self) -> u64 {
        self.entries
            .iter()
            .fold(0, |sum: u64, entry| sum.saturating_add(entry.0))
    }
}

#[derive(Clone, Copy)]
enum Round {
    Down,
    Up,
}
