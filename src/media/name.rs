//! The name of a stream: `app/name`.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// Longest name taken, in bytes. A name becomes a directory, and every escaped byte triples.
const MAX_BYTES: usize = 80;

/// `app/name`, as a publisher addresses it: the last part is the stream, everything before it the app
/// (an app may itself have parts, as in `live/room1/cam`).
///
/// A name is 3 to 80 bytes of UTF-8 without control characters; no part is empty, `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamName {
    full: String,
    slash: usize,
}

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No `/`, or nothing on one side of it.
    #[error("stream name '{0}' needs an app and a name, as in 'live/cam1'")]
    Parts(String),
    /// Too long to become a directory.
    #[error("stream name is {0} bytes long; at most {MAX_BYTES} are taken")]
    TooLong(usize),
    /// A control character, or a part that means something to a file system.
    #[error("stream name {0:?} has a control character or a part that is '.' or '..'")]
    Characters(String),
}

impl StreamName {
    /// Joins an RTMP app and stream key. Slashes at either end of both are ignored.
    pub fn new(app: &str, name: &str) -> Result<Self, NameError> {
        format!("{}/{}", app.trim_matches('/'), name.trim_matches('/')).parse()
    }

    /// Everything before the last `/`.
    pub fn app(&self) -> &str {
        self.full.split_at(self.slash).0
    }

    /// The part after the last `/`.
    pub fn name(&self) -> &str {
        self.full.split_at(self.slash + 1).1
    }

    /// `app/name`.
    pub fn as_str(&self) -> &str {
        &self.full
    }

    /// The name as one file-system component: letters, digits, `.`, `_` and `-` stand for themselves,
    /// `/` becomes `+`, every other byte `%XX`. No two names share one.
    pub fn to_component(&self) -> String {
        const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
            .remove(b'.')
            .remove(b'_')
            .remove(b'-')
            .remove(b'/');
        // No `+` of the name is left by then.
        utf8_percent_encode(&self.full, ESCAPED)
            .to_string()
            .replace('/', "+")
    }
}

impl TryFrom<String> for StreamName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<StreamName> for String {
    fn from(name: StreamName) -> String {
        name.full
    }
}

impl FromStr for StreamName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_BYTES {
            return Err(NameError::TooLong(text.len()));
        }
        if text.chars().any(char::is_control) || text.split('/').any(|part| part == "." || part == "..") {
            return Err(NameError::Characters(text.to_owned()));
        }
        match text.rfind('/') {
            Some(slash) if !text.split('/').any(str::is_empty) => Ok(Self {
                full: text.to_owned(),
                slash,
            }),
            _ => Err(NameError::Parts(text.to_owned())),
        }
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamName({:?})", self.full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_is_the_stream() {
        let name = StreamName::new("live/room1", "cam").unwrap();
        assert_eq!(
            (name.app(), name.name(), name.as_str()),
            ("live/room1", "cam", "live/room1/cam")
        );
    }

    #[test]
    fn slashes_at_the_ends_are_ignored() {
        assert_eq!(StreamName::new("live/", "/cam").unwrap().as_str(), "live/cam");
    }

    #[test]
    fn what_could_leave_the_directory_is_refused() {
        for bad in ["live/..", "../etc/passwd", "./x", "live/\0", "live/a\nb"] {
            assert!(
                matches!(bad.parse::<StreamName>(), Err(NameError::Characters(_))),
                "{bad:?}"
            );
        }
        for bad in ["", "/", "live", "live/", "/cam", "live//cam"] {
            assert!(
                matches!(bad.parse::<StreamName>(), Err(NameError::Parts(_))),
                "{bad:?}"
            );
        }
        assert_eq!(
            "x/".repeat(60).parse::<StreamName>(),
            Err(NameError::TooLong(120))
        );
    }

    #[test]
    fn components_are_plain_and_distinct() {
        assert_eq!(
            "live/cam 1".parse::<StreamName>().unwrap().to_component(),
            "live+cam%201"
        );
        assert_eq!(
            "live/a+b".parse::<StreamName>().unwrap().to_component(),
            "live+a%2Bb"
        );
        assert_eq!(
            "live/课堂".parse::<StreamName>().unwrap().to_component(),
            "live+%E8%AF%BE%E5%A0%82"
        );
    }
}
