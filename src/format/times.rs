//! What a clock on the wall shows at each moment of playing: the texts of tracks of times.
//!
//! A text stands for as long as a second of the clock does. Where time does not go on (a closed gap, a seam of two ranges, a clock
//! that was set), the text changes there, too.
//!
//! ```text
//! 2026-12-01 14:03:27 +01:00      26 bytes, always
//! ```

use super::mark::Marker;
use crate::media::Zone;

/// Bytes of a text.
pub(super) const TEXT: usize = 26;

/// Milliseconds of a text that nothing cuts short.
const SECOND: i64 = 1_000;

/// The text of a moment that no calendar has.
const UNKNOWN: &str = "0000-00-00 00:00:00 +00:00";

/// A clock beside what is played. Some numbers for each time that it is set, and none for each text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    stretches: Vec<Stretch>,
    /// All texts.
    texts: u64,
    /// How long it goes, in milliseconds.
    end_ms: i64,
}

/// A part of playing in which the clock goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    /// When it is played.
    from_ms: i64,
    /// UTC then.
    utc_ms: i64,
    /// The texts before it.
    before: u64,
}

impl Clock {
    /// A clock that goes from the beginning of playing to its end, in milliseconds, and is set to a UTC at each of some moments, which
    /// come in order. Before the first one it shows what leads to it.
    pub(super) fn of(sets: impl IntoIterator<Item = (i64, i64)>, end_ms: i64) -> Self {
        let mut stretches: Vec<Stretch> = Vec::new();
        for (from_ms, utc_ms) in sets {
            while stretches.last().is_some_and(|last| last.from_ms >= from_ms) {
                stretches.pop();
            }
            let from_ms = if stretches.is_empty() {
                (0, utc_ms.saturating_sub(from_ms))
            } else {
                (from_ms, utc_ms)
            };
            stretches.push(Stretch {
                from_ms: from_ms.0,
                utc_ms: from_ms.1,
                before: 0,
            });
        }
        stretches.retain(|stretch| stretch.from_ms < end_ms);
        let mut texts = 0_u64;
        let ends: Vec<i64> = stretches
            .iter()
            .skip(1)
            .map(|next| next.from_ms)
            .chain([end_ms])
            .collect();
        for (stretch, end) in stretches.iter_mut().zip(ends) {
            stretch.before = texts;
            texts = texts.saturating_add(stretch.texts(end));
        }
        Self {
            stretches,
            texts,
            end_ms: end_ms.max(0),
        }
    }

    /// How many texts there are.
    pub(super) fn texts(&self) -> u64 {
        self.texts
    }

    /// How long it goes, in milliseconds.
    pub(super) fn lasts_ms(&self) -> u64 {
        self.end_ms.unsigned_abs()
    }

    /// The texts from a number on: when each begins to be shown, and the second of UTC that it shows.
    pub(super) fn from(&self, first: u64) -> impl Iterator<Item = (i64, i64)> + '_ {
        (first..self.texts).filter_map(|text| {
            let after = self.stretches.partition_point(|stretch| stretch.before <= text);
            let stretch = self.stretches.get(after.checked_sub(1)?)?;
            Some(stretch.text(text - stretch.before))
        })
    }

    /// How long texts stand, one behind the other: how many, and each so many milliseconds.
    pub(super) fn runs(&self) -> Vec<(u64, i64)> {
        let mut runs: Vec<(u64, i64)> = Vec::new();
        let mut add = |count: u64, lasts: i64| match runs.last_mut() {
            _ if count == 0 => (),
            Some(last) if last.1 == lasts => last.0 = last.0.saturating_add(count),
            _ => runs.push((count, lasts)),
        };
        let ends = self
            .stretches
            .iter()
            .skip(1)
            .map(|next| (next.from_ms, next.before));
        for (stretch, (end, behind)) in self.stretches.iter().zip(ends.chain([(self.end_ms, self.texts)])) {
            let texts = behind.saturating_sub(stretch.before);
            let second = stretch.text(1).0;
            if texts > 1 {
                add(1, second.saturating_sub(stretch.from_ms));
                add(texts - 2, SECOND);
            }
            let last = stretch.text(texts.saturating_sub(1)).0;
            add(1, end.saturating_sub(last));
        }
        runs
    }

    /// Adds to `marker` when it is set.
    pub(super) fn mark(&self, marker: &mut Marker) {
        marker.numbers(&[self.lasts_ms()]);
        for stretch in &self.stretches {
            marker.numbers(&[stretch.from_ms, stretch.utc_ms].map(i64::cast_unsigned));
        }
    }

    /// About how many bytes of memory it takes up.
    pub(super) fn weight(&self) -> usize {
        size_of_val(self.stretches.as_slice())
    }
}

impl Stretch {
    /// How many seconds the clock shows until an end.
    fn texts(&self, end_ms: i64) -> u64 {
        let last = self
            .utc_ms
            .saturating_add(end_ms.saturating_sub(self.from_ms))
            .saturating_sub(1);
        let seconds = last
            .div_euclid(SECOND)
            .saturating_sub(self.utc_ms.div_euclid(SECOND));
        seconds.saturating_add(1).max(0).unsigned_abs()
    }

    /// When a text begins, and the second that it shows.
    fn text(&self, number: u64) -> (i64, i64) {
        let utc_s = self.utc_ms.div_euclid(SECOND).saturating_add_unsigned(number);
        let since = utc_s.saturating_mul(SECOND).saturating_sub(self.utc_ms);
        (self.from_ms.saturating_add(since.max(0)), utc_s)
    }
}

/// The text of a second of UTC, by the clock on the wall of a zone.
pub(super) fn text(utc_s: i64, zone: &Zone) -> String {
    let utc = utc_s.saturating_mul(1_000_000);
    let Some((local, ahead)) = zone.local(utc).zip(zone.ahead(utc)) else {
        return UNKNOWN.to_owned();
    };
    let minutes = ahead / 60_000_000;
    let sign = if minutes < 0 { '-' } else { '+' };
    let text = format!(
        "{} {} {sign}{:02}:{:02}",
        local.date(),
        local.time().strftime("%H:%M:%S"),
        minutes.abs() / 60,
        minutes.abs() % 60
    );
    if text.len() == TEXT {
        text
    } else {
        UNKNOWN.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(clock: &Clock) -> Vec<(i64, i64)> {
        clock.from(0).collect()
    }

    /// The lengths of all texts, one by one.
    fn lengths(clock: &Clock) -> Vec<i64> {
        let runs = clock.runs().into_iter();
        runs.flat_map(|(count, lasts)| (0..count).map(move |_| lasts))
            .collect()
    }

    #[test]
    fn texts_change_with_the_seconds_of_the_clock() {
        let clock = Clock::of([(0, 12_700)], 2_500);
        assert_eq!(all(&clock), [(0, 12), (300, 13), (1_300, 14), (2_300, 15)]);
        assert_eq!(lengths(&clock), [300, 1_000, 1_000, 200]);
        // A clock that is set later shows before what leads there.
        assert_eq!(Clock::of([(500, 13_200)], 2_500), clock);
        assert_eq!(all(&Clock::of([(0, 1_000)], 1_000)), [(0, 1)]);
        assert_eq!(Clock::of([(0, 1_000)], 0).texts(), 0);
        assert_eq!(Clock::of([], 5_000).texts(), 0);
    }

    #[test]
    fn a_clock_that_is_set_begins_a_text() {
        // A closed gap of an hour at 1.5 seconds, and a range of before at 2 seconds.
        let clock = Clock::of([(0, 10_000), (1_500, 3_611_500), (2_000, 5_900)], 3_000);
        assert_eq!(
            all(&clock),
            [(0, 10), (1_000, 11), (1_500, 3_611), (2_000, 5), (2_100, 6)]
        );
        assert_eq!(lengths(&clock), [1_000, 500, 500, 100, 900]);
        // What is not played has no text.
        assert_eq!(
            all(&Clock::of([(0, 0), (700, 9_000), (700, 50_000)], 900)),
            [(0, 0), (700, 50)]
        );
        assert_eq!(Clock::of([(0, 0), (700, 9_000)], 700).texts(), 1);
    }

    #[test]
    fn the_lengths_of_texts_are_those_of_playing_and_any_text_is_found() {
        let mut sets = Vec::new();
        for number in 0..200_i64 {
            sets.push((number * 1_717, number * number * 777));
        }
        let clock = Clock::of(sets, 400_000);
        let (texts, lengths) = (all(&clock), lengths(&clock));
        assert_eq!((texts.len(), texts.len() as u64), (lengths.len(), clock.texts()));
        assert_eq!(lengths.iter().sum::<i64>(), 400_000);
        assert!(lengths.iter().all(|lasts| (1..=1_000).contains(lasts)));
        for (number, pair) in texts.windows(2).enumerate() {
            assert_eq!(pair[0].0 + lengths[number], pair[1].0);
        }
        assert_eq!(clock.from(150).next(), texts.get(150).copied());
    }

    #[test]
    fn a_text_is_what_the_clock_on_the_wall_shows() {
        let of = |utc: &str, zone: &str| {
            let utc: jiff::Timestamp = utc.parse().unwrap();
            text(utc.as_second(), &zone.parse().unwrap())
        };
        assert_eq!(
            of("2026-12-01T13:03:27Z", "Europe/Berlin"),
            "2026-12-01 14:03:27 +01:00"
        );
        assert_eq!(of("2026-12-01T13:03:27Z", "UTC"), "2026-12-01 13:03:27 +00:00");
        // Another day, and half hours.
        assert_eq!(
            of("2026-12-31T18:29:59Z", "Asia/Kolkata"),
            "2026-12-31 23:59:59 +05:30"
        );
        assert_eq!(
            of("2026-12-31T18:30:00Z", "Asia/Kolkata"),
            "2027-01-01 00:00:00 +05:30"
        );
        assert_eq!(
            of("2026-12-31T18:30:00Z", "America/St_Johns"),
            "2026-12-31 15:00:00 -03:30"
        );
        // The hour that comes twice is told by its offset.
        assert_eq!(
            of("2026-10-25T00:59:59Z", "Europe/Berlin"),
            "2026-10-25 02:59:59 +02:00"
        );
        assert_eq!(
            of("2026-10-25T01:00:00Z", "Europe/Berlin"),
            "2026-10-25 02:00:00 +01:00"
        );
        assert_eq!(
            of("2026-03-29T01:00:00Z", "Europe/Berlin"),
            "2026-03-29 03:00:00 +02:00"
        );
        for utc in [i64::MIN, i64::MAX, -70_000_000_000, 0] {
            assert_eq!(text(utc, &Zone::utc_zone()).len(), TEXT);
        }
    }
}
