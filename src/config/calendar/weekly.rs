//! Hours of the week: `Mon-Fri 08:00-18:00`.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Zone, at};

const MINUTE: i64 = 60_000_000;
const DAY: u32 = 1_440;
const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// The most lines. Fewer lines can always say the same as more.
const MOST: usize = 64;

/// Hours of the week, in a time zone. Hours that touch or overlap are one window, also over midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Source", into = "Source")]
pub struct Weekly {
    hours: Vec<Hours>,
    zone: Zone,
}

/// The hours as they are written: `{"hours": ["Mon-Fri 08:00-18:00"], "time_zone": "Europe/Berlin"}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Source {
    hours: Vec<String>,
    #[serde(default)]
    time_zone: Zone,
}

/// A text that names no hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' does not name hours of a week: {reason}; write \"Mon-Fri 08:00-18:00\", \"Sat,Sun 10:00-12:30\" or \
     \"daily 22:00-06:00\""
)]
pub struct WeeklyError {
    text: String,
    reason: &'static str,
}

/// Hours that are the same on some days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hours {
    /// The days, Monday first.
    days: [bool; 7],
    /// Start and end in minutes after midnight. An end that is not after the start is on the next day.
    from: u32,
    to: u32,
}

impl Weekly {
    /// Reads hours, each as `DAYS HH:MM-HH:MM`.
    pub fn parse<S: AsRef<str>>(hours: &[S], zone: Zone) -> Result<Self, WeeklyError> {
        let refuse = |reason| WeeklyError {
            text: hours.first().map_or("", AsRef::as_ref).chars().take(64).collect(),
            reason,
        };
        if hours.is_empty() || hours.len() > MOST {
            return Err(refuse("there must be 1 to 64 of them"));
        }
        let hours = hours.iter().map(|text| Hours::parse(text.as_ref()));
        Ok(Self {
            hours: hours.collect::<Result<_, _>>()?,
            zone,
        })
    }

    /// The window that holds a moment, as its start and end in UTC microseconds.
    pub fn window_at(&self, utc: i64) -> Option<(i64, i64)> {
        self.windows(utc)
            .into_iter()
            .find(|(from, to)| (*from..*to).contains(&utc))
    }

    /// The first window that begins after a moment, as its start and end in UTC microseconds.
    pub fn next_after(&self, utc: i64) -> Option<(i64, i64)> {
        self.windows(utc).into_iter().find(|(from, _)| *from > utc)
    }

    /// The hours as they are written.
    pub fn hours(&self) -> Vec<String> {
        self.hours.iter().map(ToString::to_string).collect()
    }

    /// The time zone of the hours.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Windows around a moment: from before the one that holds it to well after the next one.
    fn windows(&self, utc: i64) -> Vec<(i64, i64)> {
        let Some(today) = self.zone.local(utc).map(|local| local.date()) else {
            return Vec::new();
        };
        // A window that is open all week has no end in sight. A fortnight of it is looked at.
        let first = today.checked_sub(jiff::Span::new().days(8)).unwrap_or(today);
        let mut all: Vec<(i64, i64)> = Vec::new();
        let mut date = first;
        for _ in 0..24 {
            all.extend(self.hours.iter().filter_map(|hours| hours.on(date, &self.zone)));
            match date.tomorrow() {
                Ok(tomorrow) => date = tomorrow,
                Err(_) => break,
            }
        }
        all.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::new();
        for (from, to) in all {
            match merged.last_mut().filter(|last| from <= last.1) {
                Some(last) => last.1 = last.1.max(to),
                None => merged.push((from, to)),
            }
        }
        merged
    }
}

impl Hours {
    /// The window that begins on a day, if one does. If an hour of spring is left out, the window ends or begins where the
    /// clock is set. If an hour of autumn comes twice, both are in the window.
    fn on(&self, date: Date, zone: &Zone) -> Option<(i64, i64)> {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        if !self.days.get(day).copied().unwrap_or(false) {
            return None;
        }
        let until = if self.to > self.from {
            date
        } else {
            date.tomorrow().ok()?
        };
        let from = zone.first(at(date, i64::from(self.from) * MINUTE))?;
        let to = zone.last(at(until, i64::from(self.to) * MINUTE))?;
        (to > from).then_some((from, to))
    }

    fn parse(text: &str) -> Result<Self, WeeklyError> {
        let refuse = |reason| WeeklyError {
            text: text.chars().take(64).collect(),
            reason,
        };
        let (days, times) = text
            .trim()
            .split_once(' ')
            .ok_or(refuse("days and times are needed"))?;
        let (from, to) = times.trim().split_once('-').ok_or(refuse("from when to when?"))?;
        let from = minutes(from)
            .filter(|from| *from < DAY)
            .ok_or(refuse("the first time is not one"))?;
        let to = minutes(to).ok_or(refuse("the second time is not one"))?;
        if from == to {
            return Err(refuse("it ends when it begins; a whole day is 00:00-24:00"));
        }
        Ok(Self {
            days: parse_days(days).ok_or(refuse("the days are not those of a week"))?,
            from,
            to,
        })
    }
}

fn parse_days(text: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    if text.eq_ignore_ascii_case("daily") {
        return Some([true; 7]);
    }
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let mut at = first;
        loop {
            *days.get_mut(at)? = true;
            if at == last {
                break;
            }
            at = (at + 1) % 7;
        }
    }
    Some(days)
}

fn day(text: &str) -> Option<usize> {
    let short = text.get(..3)?;
    let full = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let found = NAMES.iter().position(|name| name.eq_ignore_ascii_case(short))?;
    let whole = full.get(found)?;
    (text.len() == 3 || text.eq_ignore_ascii_case(whole)).then_some(found)
}

fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY).then_some(total)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days == [true; 7] {
            f.write_str("daily")?;
        } else {
            let named = self.days.iter().zip(NAMES).filter(|(on, _)| **on);
            let names: Vec<&str> = named.map(|(_, name)| name).collect();
            f.write_str(&names.join(","))?;
        }
        let time = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        write!(f, " {}-{}", time(self.from), time(self.to))
    }
}

impl TryFrom<Source> for Weekly {
    type Error = WeeklyError;

    fn try_from(source: Source) -> Result<Self, WeeklyError> {
        Self::parse(&source.hours, source.time_zone)
    }
}

impl From<Weekly> for Source {
    fn from(weekly: Weekly) -> Source {
        Source {
            hours: weekly.hours(),
            time_zone: weekly.zone,
        }
    }
}
