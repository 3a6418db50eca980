//! When a recording is shown again by itself, as a channel.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use crate::model::{Span, Zone};

/// A channel must not begin before anybody knows of it, and nobody waits longer than this.
const SOONEST: Span = Span::from_secs(60);
const LATEST: Span = Span::from_secs(7 * 86_400);
const DAY: i64 = 86_400_000_000;

/// When a recording is shown again: so long after its end, as in `+2h`, or at a time of the day, as in `20:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub enum PseudoLive {
    /// So long after the end.
    After(Span),
    /// The next time at which the clock shows this.
    At(#[cfg_attr(test, schemars(with = "String"))] Time),
}

impl PseudoLive {
    /// When a recording that ended then is shown again: UTC in microseconds. A time that the clock never shows is the moment at which
    /// it is set; of one that it shows twice, the first counts.
    pub fn following(self, ended: i64, zone: &Zone) -> Option<i64> {
        let time = match self {
            PseudoLive::After(span) => return ended.checked_add(span.as_micros()),
            PseudoLive::At(time) => time,
        };
        let today = zone.local(ended)?.date();
        let days = [today, today.tomorrow().ok()?];
        let mut times = days
            .into_iter()
            .filter_map(|day| zone.first(day.to_datetime(time)));
        times.find(|at| *at > ended)
    }

    /// The longest time between the end of a recording and its showing, in microseconds.
    pub fn longest(self) -> i64 {
        match self {
            PseudoLive::After(span) => span.as_micros(),
            // A day with 25 hours, and one more.
            PseudoLive::At(_) => DAY / 24 * 26,
        }
    }
}

impl FromStr for PseudoLive {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || {
            let shown: String = text.chars().take(64).collect();
            format!(
                "'{shown}' is no time to show a recording again: write \"+2h\" for two hours after its end ({SOONEST} to {LATEST}), or \
                 a time of the day as \"20:00\""
            )
        };
        if let Some(span) = text.strip_prefix('+') {
            let span: Span = span.parse().map_err(|_| refused())?;
            let is_fit = (SOONEST..=LATEST).contains(&span);
            return is_fit.then_some(PseudoLive::After(span)).ok_or_else(refused);
        }
        let digits = |text: &str| {
            let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_two.then(|| text.parse::<i8>().ok()).flatten()
        };
        let time = text
            .split_once(':')
            .and_then(|(hour, minute)| Time::new(digits(hour)?, digits(minute)?, 0, 0).ok());
        time.map(PseudoLive::At).ok_or_else(refused)
    }
}

impl TryFrom<String> for PseudoLive {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PseudoLive> for String {
    fn from(when: PseudoLive) -> String {
        when.to_string()
    }
}

impl fmt::Display for PseudoLive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PseudoLive::After(span) => write!(f, "+{span}"),
            PseudoLive::At(time) => write!(f, "{:02}:{:02}", time.hour(), time.minute()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_so_long_after_the_end_or_the_next_such_time_of_the_zone() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let utc = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        for (when, ended, shown) in [
            ("+2h", "2026-12-01T08:45:00Z", "2026-12-01T10:45:00Z"),
            ("20:00", "2026-12-01T08:45:00Z", "2026-12-01T19:00:00Z"),
            ("20:00", "2026-12-01T18:59:59Z", "2026-12-01T19:00:00Z"),
            ("20:00", "2026-12-01T19:00:00Z", "2026-12-02T19:00:00Z"),
            ("00:30", "2026-12-01T23:45:00Z", "2026-12-02T23:30:00Z"),
            // The clock goes from 2:00 to 3:00, and never shows this time; then it shows it twice.
            ("02:30", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
            ("02:30", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
            ("02:30", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        ] {
            let parsed: PseudoLive = when.parse().unwrap();
            assert_eq!(parsed.to_string(), when);
            let at = parsed.following(utc(ended), &berlin).unwrap();
            assert_eq!(at, utc(shown), "{when} behind {ended}");
            assert!(at - utc(ended) <= parsed.longest());
        }
        for bad in [
            "", "+", "2h", "+59s", "+8d", "20", "24:00", "8:00", "20:60", "+20:00", "20:00:00", "é0:00",
        ] {
            assert!(bad.parse::<PseudoLive>().is_err(), "{bad}");
        }
    }
}
