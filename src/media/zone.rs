//! Time zones by their names.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A time zone: a name of the IANA database, as `Europe/Berlin`, `UTC`, or `local` for the box's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// A text that is not a time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a time zone: write UTC, local, or a name as \"Europe/Berlin\" or \"Asia/Shanghai\"")]
pub struct ZoneError(String);

impl Zone {
    /// UTC, the zone that never changes.
    pub fn utc_zone() -> Self {
        Self {
            name: "UTC".to_owned(),
            zone: TimeZone::UTC,
        }
    }

    /// The time that a clock on the wall shows.
    pub fn local(&self, utc: i64) -> Option<DateTime> {
        let time = Timestamp::from_microsecond(utc).ok()?;
        Some(self.zone.to_datetime(time))
    }

    /// The first moment, in UTC, at which a clock on the wall shows this time or more. For a time that it never shows, that is
    /// the moment at which the clock is set. For a time that it shows twice, the first one counts.
    pub(crate) fn first(&self, local: DateTime) -> Option<i64> {
        let found = self.zone.to_ambiguous_timestamp(local);
        let time = match found.offset() {
            AmbiguousOffset::Gap { .. } => self.set_before(found.later().ok()?)?,
            _ => found.earlier().ok()?,
        };
        Some(time.as_microsecond())
    }

    /// The end, in UTC, of the last moment at which a clock on the wall shows less than this time. For a time that it shows
    /// twice, the second one counts. A time that it never shows ends when the clock is set.
    pub(crate) fn last(&self, local: DateTime) -> Option<i64> {
        let within = local.checked_sub(MICROSECOND).ok()?;
        let found = self.zone.to_ambiguous_timestamp(within);
        let time = match found.offset() {
            AmbiguousOffset::Gap { .. } => self.set_before(found.later().ok()?)?,
            _ => found.later().ok()?.checked_add(MICROSECOND).ok()?,
        };
        Some(time.as_microsecond())
    }

    /// The first moment after `utc` at which a clock on the wall comes to a multiple of `every` (microseconds, a divisor
    /// of a day) since midnight, or is set over one.
    pub(crate) fn next_multiple(&self, utc: i64, every: i64) -> Option<i64> {
        let mut at = utc;
        // Each turn is one change of the clock without a boundary. Such changes are months apart.
        for _ in 0..8 {
            let before = self.ahead(at)?;
            let next = at.checked_add(every - (at + before).rem_euclid(every))?;
            let mut changes = self.zone.following(Timestamp::from_microsecond(at).ok()?);
            let Some(set) = changes.next().map(|change| change.timestamp().as_microsecond()) else {
                return Some(next);
            };
            if next < set {
                return Some(next);
            }
            let after = self.ahead(set)?;
            let over = (set + before - 1).div_euclid(every) < (set + after).div_euclid(every);
            if (set + after).rem_euclid(every) == 0 || (after > before && over) {
                return Some(set);
            }
            at = set;
        }
        None
    }

    /// How far the clock on the wall is ahead of UTC, in microseconds.
    pub(crate) fn ahead(&self, utc: i64) -> Option<i64> {
        let time = Timestamp::from_microsecond(utc).ok()?;
        Some(i64::from(self.zone.to_offset(time).seconds()) * 1_000_000)
    }

    /// The last change of the clock up to a moment.
    fn set_before(&self, time: Timestamp) -> Option<Timestamp> {
        let behind = time.checked_add(MICROSECOND).ok()?;
        self.zone
            .preceding(behind)
            .next()
            .map(|change| change.timestamp())
    }
}

const MICROSECOND: SignedDuration = SignedDuration::from_micros(1);

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let zone = match text {
            "UTC" => Some(TimeZone::UTC),
            "local" => Some(TimeZone::system()),
            name => TimeZone::get(name).ok(),
        };
        let zone = zone.ok_or_else(|| ZoneError(text.chars().take(64).collect()))?;
        Ok(Self {
            name: text.to_owned(),
            zone,
        })
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc_zone()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TryFrom<String> for Zone {
    type Error = ZoneError;

    fn try_from(text: String) -> Result<Self, ZoneError> {
        text.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name
    }
}
