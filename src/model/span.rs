//! Lengths of time, as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::unit;

const UNITS: [(&str, u64); 9] = [
    ("days", 86_400_000),
    ("d", 86_400_000),
    ("hours", 3_600_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("m", 60_000),
    ("ms", 1),
    ("sec", 1_000),
    ("s", 1_000),
];

/// A length of time in whole milliseconds: `"10s"`, `"30min"`, `"7d"`, `"250 ms"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    millis: u64,
}

/// A text that is not a length of time.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a length of time: write a whole number and ms, s, min, h or d, as in \"30s\"")]
pub struct SpanError(String);

impl Span {
    /// Makes a length from milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// Makes a length from seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self {
            millis: seconds * 1000,
        }
    }

    /// The length in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.millis
    }

    /// The length in microseconds, the unit of tape time.
    pub fn as_micros(self) -> i64 {
        i64::try_from(self.millis.saturating_mul(1000)).unwrap_or(i64::MAX)
    }

    /// The length as a type of the standard library.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.millis)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let millis = unit::read(text, |name| unit::named(&UNITS, name));
        millis
            .map(Self::from_millis)
            .ok_or_else(|| SpanError(text.to_owned()))
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

/// Writes the exact length, in the largest unit that divides it.
impl From<Span> for String {
    fn from(value: Span) -> String {
        value.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)];
        match unit::largest(self.millis, units) {
            Some((number, name)) => write!(f, "{number}{name}"),
            None => write!(f, "{}ms", self.millis),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, millis) in [
            ("10s", 10_000),
            ("30min", 1_800_000),
            ("7d", 604_800_000),
            ("250 ms", 250),
            ("2 h", 7_200_000),
        ] {
            assert_eq!(text.parse::<Span>().unwrap().as_millis(), millis, "{text}");
        }
    }

    #[test]
    fn a_number_alone_has_no_unit_and_is_refused() {
        for text in ["10", "", "s", "1.5s", "-1s", "10 parsecs", "99999999999999999 d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn prints_what_it_reads() {
        for text in ["10s", "30min", "7d", "250ms", "90s", "0ms"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
    }
}
