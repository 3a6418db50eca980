//! What a door adds to a playlist: where a player begins, delta updates, and the URIs.

use std::fmt;

/// Where a player begins to play (`EXT-X-START`). Players choose differently where a playlist does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the first chunk.
    Beginning,
    /// Three target durations before the end, which is where what is live plays without waiting.
    LiveEdge,
    /// So many microseconds before the end.
    BeforeEnd(u64),
}

/// Which part of a playlist a player wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Update {
    /// All of it.
    #[default]
    Whole,
    /// Only the last chunks, because the player has the others from the version before (`_HLS_skip=YES`, rfc8216bis §6.2.5.1).
    Delta,
}

/// What is written around the names of files, so that they become URIs. `Default` writes the names alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uris {
    pub(super) prefix: String,
    pub(super) suffix: String,
}

/// The way in which a door serves the playlist of a recording.
#[derive(Clone, Debug)]
pub struct Served<'a> {
    /// Where a player begins.
    pub start: Start,
    /// Which part of the playlist is asked for.
    pub update: Update,
    /// What is written around names.
    pub uris: &'a Uris,
    /// How much later the dates of the playlist are than the dates of the tape, in microseconds. A playlist that was served
    /// keeps its dates, though the box learns another time meanwhile.
    pub later_us: i64,
}

/// A text that cannot be part of a URI in a playlist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a URI in a playlist cannot contain '{0}'; write it as %XX")]
pub struct BadUri(String);

/// Parameters that concern one request for a playlist, and none for the files in it, begin with this (rfc8216bis §6.2.5).
const DIRECTIVE: &str = "_HLS_";

impl Uris {
    /// Names are written behind `prefix`, and behind each name stands the `query` of the playlist's own request, which begins
    /// behind its `?`. Relative URIs inherit no query by themselves. Directives to the server are left out.
    pub fn new(prefix: &str, query: Option<&str>) -> Result<Self, BadUri> {
        let parameters = query.unwrap_or_default().split('&');
        let inherited = parameters.filter(|one| !one.is_empty() && !one.starts_with(DIRECTIVE));
        let inherited: Vec<&str> = inherited.collect();
        let suffix = match inherited.as_slice() {
            [] => String::new(),
            parameters => format!("?{}", parameters.join("&")),
        };
        match prefix
            .chars()
            .chain(suffix.chars())
            .find(|letter| !is_plain(*letter))
        {
            Some(letter) => Err(BadUri(letter.escape_default().to_string())),
            None => Ok(Self {
                prefix: prefix.to_owned(),
                suffix,
            }),
        }
    }

    /// The URI of a file.
    pub fn of(&self, name: impl fmt::Display) -> String {
        format!("{}{name}{}", self.prefix, self.suffix)
    }
}

/// True for letters that neither end a line or an attribute of a playlist nor are forbidden in a URI (RFC 3986 §2).
pub(super) fn is_plain(letter: char) -> bool {
    letter.is_ascii_graphic() && !matches!(letter, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_inherit_the_query_without_the_directives() {
        let uris = Uris::new("cam1/c/", Some("txSecret=ab&_HLS_skip=YES&txTime=5")).unwrap();
        assert_eq!(uris.of("7.m4s"), "cam1/c/7.m4s?txSecret=ab&txTime=5");
        for none in [None, Some(""), Some("_HLS_skip=YES"), Some("&&")] {
            assert_eq!(Uris::new("", none).unwrap(), Uris::default());
        }
        assert_eq!(Uris::default().of("7.m4s"), "7.m4s");
    }

    #[test]
    fn what_would_end_a_line_or_an_attribute_is_refused() {
        for (prefix, query) in [
            ("a\"b/", None),
            ("a\nb/", None),
            ("a b/", None),
            ("é/", None),
            ("", Some("x=\"")),
            ("", Some("x=\r\n#EXT-X-ENDLIST")),
        ] {
            assert!(Uris::new(prefix, query).is_err(), "{prefix:?} {query:?}");
        }
        let error = Uris::new("", Some("x=\n")).unwrap_err().to_string();
        assert_eq!(error, "a URI in a playlist cannot contain '\\n'; write it as %XX");
    }
}
