//! Patterns of stream names.

use std::fmt;

use serde::Deserialize;

const MAX_BYTES: usize = 256;

/// A pattern on `app/name`: `*` stands for any run of characters, slashes included; all else for itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct StreamPattern(String);

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no pattern of streams: write 1 to 256 bytes as in \"live/*\", with * for any run of characters"
)]
pub struct StreamPatternError(String);

impl StreamPattern {
    /// What every stream matches.
    pub fn all() -> Self {
        Self("*".to_owned())
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when the whole of `stream`, `app/name`, is as the pattern says. Takes at most pattern times name steps.
    pub fn matches(&self, stream: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| stream.strip_prefix(first)) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            // The leftmost place leaves the most to the parts that follow.
            let Some((_, after)) = rest.split_once(part) else {
                return false;
            };
            rest = after;
        }
        true
    }
}

impl TryFrom<String> for StreamPattern {
    type Error = StreamPatternError;

    fn try_from(text: String) -> Result<Self, StreamPatternError> {
        match text.is_empty() || text.len() > MAX_BYTES || text.chars().any(char::is_control) {
            true => Err(StreamPatternError(text.chars().take(64).collect())),
            false => Ok(Self(text)),
        }
    }
}

impl fmt::Display for StreamPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, stream: &str) -> bool {
        StreamPattern::try_from(pattern.to_owned())
            .unwrap()
            .matches(stream)
    }

    #[test]
    fn stars_stand_for_any_run() {
        for (pattern, stream, expected) in [
            ("*", "live/cam1", true),
            ("live/*", "live/cam1", true),
            ("live/*", "live/room1/cam", true),
            ("live/*", "alive/cam1", false),
            ("live/*", "live", false),
            ("*/cam1", "live/cam1", true),
            ("*/cam1", "live/cam11", false),
            ("live/cam1", "live/cam1", true),
            ("live/cam1", "live/cam12", false),
            ("l*/c*1", "live/cam1", true),
            ("l*/c*1*", "live/cam12", true),
            ("live/**", "live/a", true),
            ("ab*ba", "aba", false),
            ("a*ab*b", "aabb", true),
        ] {
            assert_eq!(matches(pattern, stream), expected, "{pattern} {stream}");
        }
    }

    /// The textbook's: slow, and plainly right.
    fn slowly(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=text.len()).any(|skip| slowly(rest, &text[skip..])),
            (Some((p, pattern)), Some((t, text))) => p == t && slowly(pattern, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_definition(pattern in "[ab/*]{1,8}", text in "[ab/]{0,8}") {
            prop_assert_eq!(matches(&pattern, &text), slowly(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
