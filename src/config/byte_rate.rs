//! Rates of uploads and downloads, as people write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{BitRate, ByteSize};

/// Bytes a second, at least 1,024: `"2 MiB/s"`, `"500 KiB/s"`, `"8 Mbit/s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteRate(ByteSize);

/// A bound on a rate: `"8 MiB/s"`, or `"off"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum RateLimit {
    /// There is no bound.
    Off,
    /// At most this rate.
    At(ByteRate),
}

/// A smaller rate would not finish a part of an upload before its connection is given up.
const LEAST: u64 = 1_024;

/// A text that is not a rate.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a rate of at least 1 KiB/s: write it as in \"2 MiB/s\", \"500 KiB/s\" or \"8 Mbit/s\"")]
pub struct ByteRateError(String);

impl ByteRate {
    /// The rate in bytes a second.
    pub const fn bytes(self) -> u64 {
        self.0.bytes()
    }
}

impl FromStr for ByteRate {
    type Err = ByteRateError;

    fn from_str(text: &str) -> Result<Self, ByteRateError> {
        let wrong = || ByteRateError(text.chars().take(64).collect());
        let bits = || text.parse::<BitRate>().map(|rate| ByteSize::new(rate.bytes()));
        let bytes = text.trim_end().strip_suffix("/s").map(str::trim_end);
        let rate = match bytes.map(str::parse::<ByteSize>) {
            Some(Ok(size)) => size,
            _ => bits().map_err(|_| wrong())?,
        };
        if rate.bytes() >= LEAST {
            Ok(Self(rate))
        } else {
            Err(wrong())
        }
    }
}

impl TryFrom<String> for ByteRate {
    type Error = ByteRateError;

    fn try_from(text: String) -> Result<Self, ByteRateError> {
        text.parse()
    }
}

impl From<ByteRate> for String {
    fn from(rate: ByteRate) -> String {
        rate.to_string()
    }
}

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl RateLimit {
    pub(super) const fn of_mebibytes(mebibytes: u64) -> Self {
        RateLimit::At(ByteRate(ByteSize::new(mebibytes << 20)))
    }

    /// The rate in bytes a second, if there is a bound.
    pub const fn bytes(self) -> Option<u64> {
        match self {
            RateLimit::Off => None,
            RateLimit::At(rate) => Some(rate.bytes()),
        }
    }
}

impl TryFrom<String> for RateLimit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "off" => Ok(RateLimit::Off),
            rate => rate
                .parse()
                .map(RateLimit::At)
                .map_err(|error: ByteRateError| format!("{error}, or \"off\"")),
        }
    }
}

impl From<RateLimit> for String {
    fn from(limit: RateLimit) -> String {
        match limit {
            RateLimit::Off => "off".to_owned(),
            RateLimit::At(rate) => rate.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_bytes_or_bits_and_printed_as_bytes() {
        for (text, bytes, shown) in [
            ("2 MiB/s", 2 << 20, "2 MiB/s"),
            ("500KiB/s", 500 << 10, "500 KiB/s"),
            ("8 Mbit/s", 1_000_000, "1000000 B/s"),
        ] {
            let rate: ByteRate = text.parse().unwrap();
            assert_eq!(rate.bytes(), bytes, "{text}");
            assert_eq!(rate.to_string().parse::<ByteRate>().unwrap(), rate);
            assert_eq!(rate.to_string(), shown);
        }
        for text in ["2 MiB", "fast", "100 B/s", "1 kbit/s", "", "-1 MiB/s"] {
            assert!(text.parse::<ByteRate>().is_err(), "{text}");
        }
    }
}
