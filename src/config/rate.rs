//! Bit rates, as people write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::unit;

const UNITS: [(&str, u64); 3] = [("Mbit/s", 1_000_000), ("kbit/s", 1_000), ("bit/s", 1)];

/// Bits a second, at least 8: `"8 Mbit/s"`, `"500kbit/s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct BitRate(u64);

/// A text that is not a bit rate.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a bit rate: write a whole number and bit/s, kbit/s or Mbit/s, as in \"8 Mbit/s\"")]
pub struct BitRateError(String);

impl BitRate {
    /// Makes a rate from bits a second. A number under 8 is taken as 8.
    pub const fn new(bits: u64) -> Self {
        Self(if bits < 8 { 8 } else { bits })
    }

    /// The rate in bytes a second.
    pub const fn bytes(self) -> u64 {
        self.0 / 8
    }
}

impl FromStr for BitRate {
    type Err = BitRateError;

    fn from_str(text: &str) -> Result<Self, BitRateError> {
        let bits = unit::read(text, |name| unit::named(&UNITS, name));
        bits.filter(|bits| *bits >= 8)
            .map(Self)
            .ok_or_else(|| BitRateError(text.chars().take(64).collect()))
    }
}

impl TryFrom<String> for BitRate {
    type Error = BitRateError;

    fn try_from(text: String) -> Result<Self, BitRateError> {
        text.parse()
    }
}

impl From<BitRate> for String {
    fn from(rate: BitRate) -> String {
        rate.to_string()
    }
}

/// Writes the exact rate, in the largest unit that divides it.
impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match unit::largest(self.0, UNITS) {
            Some((number, name)) => write!(f, "{number} {name}"),
            None => write!(f, "{} bit/s", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_what_people_write() {
        for (text, bytes, printed) in [
            ("8 Mbit/s", 1_000_000, "8 Mbit/s"),
            ("500kbit/s", 62_500, "500 kbit/s"),
            ("1001 bit/s", 125, "1001 bit/s"),
        ] {
            let rate: BitRate = text.parse().unwrap();
            assert_eq!((rate.bytes(), rate.to_string()), (bytes, printed.to_owned()));
        }
        for text in [
            "",
            "8",
            "8 MB/s",
            "0 bit/s",
            "7 bit/s",
            "-1 bit/s",
            "99999999999999999999 Mbit/s",
            "Mbit/s",
        ] {
            assert!(text.parse::<BitRate>().is_err(), "{text}");
        }
    }
}
