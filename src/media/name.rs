//! The name of a stream: `app/name`.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// The longest accepted name, in bytes. A name becomes a directory, and every escaped byte triples.
const MAX_BYTES: usize = 80;

/// `app/name`, as a publisher addresses it. The last part is the stream, everything before it the app. An app may itself have
/// parts, as in `live/room1/cam`.
///
/// A name is 3 to 80 bytes of UTF-8 without control characters; no part is empty, `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamName {
    full: String,
    slash: usize,
}

/// The reason why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name has no `/`, or nothing on one side of it.
    #[error("stream name '{0}' needs an app and a name, as in 'live/cam1'")]
    Parts(String),
    /// The name is too long to become a directory.
    #[error("stream name is {0} bytes long; at most {MAX_BYTES} are taken")]
    TooLong(usize),
    /// The name has a control character, or a part that has a meaning to a file system.
    #[error("stream name {0:?} has a control character or a part that is '.' or '..'")]
    Characters(String),
    /// The name has a character that nobody sees, or that turns the letters around it. Two such names look alike and differ.
    #[error(
        "stream name {name:?} has the character U+{code:04X}, which nobody can see: it looks like another name; leave it out",
        code = u32::from(*.unseen)
    )]
    Unseen {
        /// The name.
        name: String,
        /// The character.
        unseen: char,
    },
    /// The bytes are no text. They came as U+FFFD, and two names that differ in them would become one.
    #[error("stream name {0:?} has bytes that are not UTF-8 (where U+FFFD stands): send the name in UTF-8")]
    NotUtf8(String),
}

impl StreamName {
    /// Joins an RTMP app and stream key. Slashes at either end of both are ignored.
    pub fn new(app: &str, name: &str) -> Result<Self, NameError> {
        format!("{}/{}", app.trim_matches('/'), name.trim_matches('/')).parse()
    }

    /// Checks that a new stream may have this name: every character is visible, and is as it was sent. Names that are on tape
    /// already stay what they are.
    pub fn seen(self) -> Result<Self, NameError> {
        if self.full.contains(char::REPLACEMENT_CHARACTER) {
            return Err(NameError::NotUtf8(self.full));
        }
        match self.full.chars().find(|c| is_unseen(*c)) {
            Some(unseen) => Err(NameError::Unseen {
                name: self.full,
                unseen,
            }),
            None => Ok(self),
        }
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

    /// The name as one file-system component. Letters, digits, `.`, `_` and `-` stand for themselves. `/` becomes `+`, and
    /// every other byte `%XX`. No two names share one component.
    pub fn to_component(&self) -> String {
        const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
            .remove(b'.')
            .remove(b'_')
            .remove(b'-')
            .remove(b'/');
        // The name has no `+` of its own left by then.
        utf8_percent_encode(&self.full, ESCAPED)
            .to_string()
            .replace('/', "+")
    }
}

/// True for characters without a shape of their own: `Default_Ignorable_Code_Point` and `Bidi_Control` of the Unicode Character
/// Database without the variation selectors, and those that break a line.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
        | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E00FF}' | '\u{E01F0}'..='\u{E0FFF}')
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
    fn what_nobody_sees_is_in_no_new_name() {
        let seen = |text: &str| text.parse::<StreamName>().unwrap().seen();
        for unseen in [
            '\u{202E}',
            '\u{2066}',
            '\u{200B}',
            '\u{200D}',
            '\u{200F}',
            '\u{FEFF}',
            '\u{AD}',
            '\u{2028}',
            '\u{E0041}',
        ] {
            let error = seen(&format!("live/c{unseen}am")).unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains(&format!("U+{:04X}", u32::from(unseen))),
                "{error}"
            );
            assert!(matches!(error, NameError::Unseen { .. }));
        }
        assert!(matches!(seen("live/caf\u{FFFD}"), Err(NameError::NotUtf8(_))));
        for fine in [
            "live/课堂 1",
            "live/café",
            "live/cafe\u{301}",
            "live/❤\u{FE0F}",
            "live/שלום",
            "live/سلام",
        ] {
            assert!(seen(fine).is_ok(), "{fine}");
        }
        // A stream that is on tape already can still be named.
        assert!("live/c\u{202E}am".parse::<StreamName>().is_ok());
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
