//! Time zones by their names.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A time zone: a name of the IANA database, as `Europe/Berlin`, `UTC`, or `local` for the box's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// The one that never changes.
    pub fn utc_zone() -> Self {
        Self {
            name: "UTC".to_owned(),
            zone: TimeZone::UTC,
        }
    }

    /// What a clock on the wall shows.
    pub fn local(&self, utc: i64) -> Option<DateTime> {
        let time = Timestamp::from_microsecond(utc).ok()?;
        Some(self.zone.to_datetime(time))
    }

    /// When a clock on the wall shows this, UTC. Where it never does it is the moment after, and where it does twice it is
    /// the first time.
    pub fn utc(&self, local: DateTime) -> Option<i64> {
        let time = self.zone.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(time.as_microsecond())
    }

    /// As [`utc`](Self::utc), but the second time.
    pub(super) fn utc_late(&self, local: DateTime) -> Option<i64> {
        let time = self.zone.to_ambiguous_timestamp(local).later().ok()?;
        Some(time.as_microsecond())
    }
}

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
