//! What callers of the service may do: rights, and sets of rights.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::nearest;

/// Something that a caller may do. Each command needs one right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// To play streams and recordings, and to read lists and events of them.
    Watch,
    /// To fetch recordings as files.
    Download,
    /// To begin and end recordings, to make clips and tasks, and to manage the box.
    Operate,
    /// To review recordings: to tag, protect and delete them.
    Moderate,
    /// To read the metrics.
    Metrics,
    /// To make tokens.
    Keys,
}

/// A set of rights.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Right>", into = "Vec<Right>")]
pub struct Rights(u8);

/// A text that names no right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a right{}; the rights are {}", meant(*.near), Rights::ALL)]
pub struct RightError {
    text: String,
    near: Option<Right>,
}

impl Right {
    /// Every right.
    pub const ALL: [Right; 6] = [
        Right::Watch,
        Right::Download,
        Right::Operate,
        Right::Moderate,
        Right::Metrics,
        Right::Keys,
    ];

    /// The word of the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Right::Watch => "watch",
            Right::Download => "download",
            Right::Operate => "operate",
            Right::Moderate => "moderate",
            Right::Metrics => "metrics",
            Right::Keys => "keys",
        }
    }

    /// Its bit in a set. The numbers are in tokens, so they never change.
    const fn bit(self) -> u8 {
        match self {
            Right::Watch => 1,
            Right::Download => 1 << 1,
            Right::Operate => 1 << 2,
            Right::Moderate => 1 << 3,
            Right::Metrics => 1 << 4,
            Right::Keys => 1 << 5,
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Right {
    type Err = RightError;

    fn from_str(text: &str) -> Result<Self, RightError> {
        let named = |name: &str| Right::ALL.into_iter().find(|right| right.as_str() == name);
        named(text).ok_or_else(|| {
            let text: String = text.chars().take(64).collect();
            let near = nearest(&text, &Right::ALL.map(Right::as_str)).and_then(named);
            RightError { text, near }
        })
    }
}

fn meant(near: Option<Right>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"))
}

impl Rights {
    /// No right.
    pub const NONE: Rights = Rights(0);
    /// Every right.
    pub const ALL: Rights = Rights(0b11_1111);

    /// True when the right is one of these.
    pub const fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// True when every one of the other rights is one of these: nobody passes on more than that.
    pub const fn covers(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    /// The rights, in the order of [`Right::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.has(*right))
    }

    /// The set as a byte: bit 0 is `watch`, bit 5 is `keys`.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of a byte of [`bits`](Self::bits). `None` when the byte has a bit that is no right.
    pub const fn of_bits(bits: u8) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 {
            Some(Self(bits))
        } else {
            None
        }
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<T: IntoIterator<Item = Right>>(rights: T) -> Self {
        Self(rights.into_iter().fold(0, |bits, right| bits | right.bit()))
    }
}

impl From<Vec<Right>> for Rights {
    fn from(rights: Vec<Right>) -> Self {
        rights.into_iter().collect()
    }
}

impl From<Rights> for Vec<Right> {
    fn from(rights: Rights) -> Self {
        rights.iter().collect()
    }
}

/// Writes the words with commas: `watch, download`. An empty set is `nothing`.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return f.write_str("nothing");
        }
        for (place, right) in self.iter().enumerate() {
            write!(f, "{}{right}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rights({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_written_as_it_is_read_and_a_wrong_word_is_explained() {
        for right in Right::ALL {
            assert_eq!(right.as_str().parse(), Ok(right));
            assert_eq!(serde_json::to_string(&right).unwrap(), format!("\"{right}\""));
        }
        let wrong = |text: &str| text.parse::<Right>().unwrap_err().to_string();
        assert!(
            wrong("wach").contains("did you mean 'watch'"),
            "{}",
            wrong("wach")
        );
        assert!(
            wrong("everything").contains("the rights are watch, download"),
            "{}",
            wrong("everything")
        );
    }

    #[test]
    fn a_set_has_what_was_put_into_it_and_covers_its_parts() {
        let some: Rights = [Right::Keys, Right::Watch, Right::Watch].into_iter().collect();
        assert!(some.has(Right::Watch) && some.has(Right::Keys) && !some.has(Right::Operate));
        assert_eq!(
            (some.to_string(), Rights::NONE.to_string()),
            ("watch, keys".to_owned(), "nothing".to_owned())
        );
        assert!(Rights::ALL.covers(some) && some.covers(some) && some.covers(Rights::NONE));
        assert!(!some.covers(Rights::ALL));
        assert_eq!(Rights::ALL, Right::ALL.into_iter().collect());
        assert_eq!(
            serde_json::from_str::<Rights>(r#"["keys","watch"]"#).unwrap(),
            some
        );
        assert_eq!(serde_json::to_string(&some).unwrap(), r#"["watch","keys"]"#);
    }

    #[test]
    fn a_set_as_a_byte_comes_back_and_an_unknown_bit_is_refused() {
        for bits in 0..=0b11_1111 {
            assert_eq!(Rights::of_bits(bits).unwrap().bits(), bits);
        }
        assert_eq!(Rights::of_bits(1 << 6), None);
        // Tokens that were made before must mean the same.
        assert_eq!(Right::ALL.map(Right::bit), [1, 2, 4, 8, 16, 32]);
    }
}
