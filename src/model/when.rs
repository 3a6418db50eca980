//! Moments in the form in which people write them, on a command line or in an address.

use std::str::FromStr;

use crate::media::Micros;
use crate::model::Span;

/// A time such as `2026-11-20T08:00:00Z` (RFC 3339), or a length of time such as `90s` or `12min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A UTC time in microseconds.
    At(Micros),
    /// A length of time in microseconds. The command decides whether it counts from the beginning or back from now.
    Offset(Micros),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(span) = text.parse::<Span>() {
            return Ok(When::Offset(span.as_micros()));
        }
        match text.parse::<jiff::Timestamp>() {
            Ok(timestamp) => Ok(When::At(timestamp.as_microsecond())),
            Err(_) => {
                Err("write a time as in 2026-11-20T08:00:00Z, or a length of time as in 90s".to_owned())
            }
        }
    }
}

impl When {
    /// The UTC time in microseconds. An offset counts from `zero`.
    pub fn from(self, zero: Micros) -> Micros {
        match self {
            When::At(at) => at,
            When::Offset(offset) => zero.saturating_add(offset),
        }
    }

    /// The UTC time in microseconds. An offset counts back from `now`.
    pub fn before(self, now: Micros) -> Micros {
        match self {
            When::At(at) => at,
            When::Offset(offset) => now.saturating_sub(offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_and_lengths() {
        assert_eq!("1970-01-01T00:00:01.5Z".parse(), Ok(When::At(1_500_000)));
        assert_eq!("1970-01-01T01:00:00+01:00".parse(), Ok(When::At(0)));
        assert_eq!("90s".parse(), Ok(When::Offset(90_000_000)));
        assert!("yesterday".parse::<When>().is_err());
        assert!("12".parse::<When>().is_err());
    }
}
