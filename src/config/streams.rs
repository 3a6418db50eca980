//! The streams that a list is requested for, and the streams that somebody may see.

use std::str::FromStr;
use std::sync::Arc;

use super::Pattern;
use crate::media::StreamName;

/// One stream by its name, or the streams whose names fit a pattern.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub enum Streams {
    /// The stream with this name.
    One(StreamName),
    /// All streams that fit the pattern.
    Fitting(Pattern),
}

impl Streams {
    /// True for a stream of the list.
    pub fn fits(&self, stream: &StreamName) -> bool {
        match self {
            Streams::One(name) => name == stream,
            Streams::Fitting(pattern) => pattern.fits(stream.as_str()),
        }
    }
}

impl From<StreamName> for Streams {
    fn from(name: StreamName) -> Self {
        Streams::One(name)
    }
}

impl FromStr for Streams {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains('*') {
            return text.parse().map(Streams::One).map_err(|error| format!("{error}"));
        }
        let pattern = Pattern::try_from(text.to_owned())?;
        if pattern.can_fit_a_stream() {
            Ok(Streams::Fitting(pattern))
        } else {
            Err(format!(
                "'{text}' fits no stream: a stream has an app and a name, as in 'live/cam1', and '*' stands for any characters"
            ))
        }
    }
}

impl TryFrom<String> for Streams {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The streams that somebody may see. `Default` is all streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StreamSet {
    /// All streams.
    #[default]
    All,
    /// The streams whose names fit one of the patterns. Without a pattern it is none.
    Fitting(Arc<[Pattern]>),
}

impl StreamSet {
    /// The streams whose names fit one of these patterns.
    pub fn of(patterns: impl IntoIterator<Item = Pattern>) -> Self {
        let patterns: Arc<[Pattern]> = patterns.into_iter().collect();
        if patterns.iter().any(Pattern::is_any) {
            StreamSet::All
        } else {
            StreamSet::Fitting(patterns)
        }
    }

    /// True when the stream with this name is one of these.
    pub fn has(&self, stream: &str) -> bool {
        match self {
            StreamSet::All => true,
            StreamSet::Fitting(patterns) => patterns.iter().any(|pattern| pattern.fits(stream)),
        }
    }

    /// True when every stream that the pattern fits is one of these. The answer true is never wrong.
    pub fn covers(&self, pattern: &Pattern) -> bool {
        match self {
            StreamSet::All => true,
            StreamSet::Fitting(patterns) => patterns.iter().any(|known| known.covers(pattern)),
        }
    }

    /// True when all streams are in the set, whatever their names are.
    pub fn is_all(&self) -> bool {
        *self == StreamSet::All
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_streams_that_fit_one_of_its_patterns() {
        let set = |patterns: &[&str]| {
            let patterns = patterns
                .iter()
                .map(|text| Pattern::try_from((*text).to_owned()).unwrap());
            StreamSet::of(patterns)
        };
        let some = set(&["live/a*", "hall/door"]);
        assert!(some.has("live/a1") && some.has("hall/door"));
        assert!(!some.has("live/b") && !some.has("hall/door2") && !some.is_all());
        assert!(!set(&[]).has("live/a1"));
        let covers = |text: &str| some.covers(&Pattern::try_from(text.to_owned()).unwrap());
        assert!(covers("live/a1") && covers("live/a*") && covers("hall/door"));
        assert!(!covers("live/*") && !covers("*") && !covers("hall/*"));
        assert!(set(&["live/a", "*"]).is_all() && StreamSet::default().has("live/b"));
    }

    #[test]
    fn a_name_is_one_stream_and_a_star_makes_a_pattern() {
        let fits = |text: &str, name: &str| text.parse::<Streams>().unwrap().fits(&name.parse().unwrap());
        assert!(fits("live/cam1", "live/cam1") && !fits("live/cam1", "live/cam11"));
        assert!(fits("live/*", "live/cam1") && fits("*", "other/cam1") && !fits("live/*", "other/cam1"));
        assert!(matches!("live/cam1".parse(), Ok(Streams::One(_))));
        for (wrong, says) in [
            ("cam1", "needs an app and a name"),
            ("../*", "fits no stream"),
            ("", "app and a name"),
        ] {
            let said = wrong.parse::<Streams>().unwrap_err();
            assert!(said.contains(says), "{wrong}: {said}");
        }
    }
}
