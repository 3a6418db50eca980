//! Amounts of memory and flash, as people write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::unit;

const UNITS: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

/// A number of bytes: `"32 MiB"`, `"20GB"`, `"512"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(u64);

/// A text that is not a size.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a size: write a number and B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, as in \"32 MiB\"")]
pub struct SizeError(String);

impl ByteSize {
    /// Makes a size from a number of bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        // A `b` would mean a bit.
        let factor = |name: &str| match (name, name.trim()) {
            ("", _) | (_, "B") => Some(1),
            (_, name) => {
                let mut units = UNITS.iter();
                units
                    .find(|(unit, _)| unit.eq_ignore_ascii_case(name))
                    .map(|(_, factor)| *factor)
            }
        };
        let bytes = unit::read(text, factor);
        bytes.map(Self).ok_or_else(|| SizeError(text.to_owned()))
    }
}

impl TryFrom<String> for ByteSize {
    type Error = SizeError;

    fn try_from(text: String) -> Result<Self, SizeError> {
        text.parse()
    }
}

/// Writes the exact size, in the largest binary unit that divides it.
impl From<ByteSize> for String {
    fn from(value: ByteSize) -> String {
        value.to_string()
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = UNITS.into_iter().filter(|(name, _)| name.ends_with("iB"));
        match unit::largest(self.0, binary) {
            Some((number, name)) => write!(f, "{number} {name}"),
            None => write!(f, "{} B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512 B", 512),
            ("32 MiB", 32 << 20),
            ("20GB", 20_000_000_000),
            ("1 kib", 1024),
        ] {
            assert_eq!(text.parse::<ByteSize>().unwrap().bytes(), bytes, "{text}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_hold_or_read() {
        for text in ["", "MiB", "1.5 GiB", "-1", "99999999999 TiB", "5 bananas"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn prints_what_it_reads() {
        for text in ["32 MiB", "1 TiB", "1000 B", "0 B"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
    }
}
