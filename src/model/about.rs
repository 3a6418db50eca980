//! The facts about a recording, defined once: for events, rows of lists, the journal, and the names of its files.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::format::Format;

/// What a recording is of and for. Whoever decides to record fills it in; all others hand it on as it is.
///
/// The order of the fields is the order in which events have them. A field that comes later is left out where there is
/// nothing to say, and so can be read from rows that were written before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct About {
    /// The template; empty if none is used.
    pub template: String,
    /// What began the recording: `rule`, `push`, `manual`, `task`, `clip` or `composition`.
    #[cfg_attr(test, schemars(with = "String"))]
    pub origin: Origin,
    /// The formats.
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub formats: Vec<Format>,
    /// The session: the same for all recordings of one decision to record.
    pub session: String,
    /// Its place among the recordings of its session with these formats, from 1 on.
    pub number: u32,
    /// A name that somebody gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The task that wanted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The host that its publisher addressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// True where it is had encrypted alone; absent otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
}

/// Who wanted a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A rule.
    #[default]
    Rule,
    /// The publisher, by a parameter behind the stream's name.
    Push,
    /// A command. The recording lasts until it is stopped.
    Manual,
    /// A task.
    Task,
    /// A clip, which somebody cut out of the tape.
    Clip,
    /// A composition: ranges of recordings, one after the other.
    Composition,
}

impl Origin {
    /// The origin in a word, for events and names.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Rule => "rule",
            Origin::Push => "push",
            Origin::Manual => "manual",
            Origin::Task => "task",
            Origin::Clip => "clip",
            Origin::Composition => "composition",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_in_the_order_of_its_fields_and_nothing_is_said_of_what_is_not_known() {
        let about = About {
            formats: vec![Format::Hls, Format::Mp4],
            session: "s".to_owned(),
            number: 1,
            ..About::default()
        };
        assert_eq!(
            serde_json::to_string(&about).unwrap(),
            r#"{"template":"","origin":"rule","formats":["hls","mp4"],"session":"s","number":1}"#
        );
        let all = r#"{"template":"t","origin":"task","formats":[],"session":"s","number":2,"name":"n","task":"id","domain":"d"}"#;
        let read: About = serde_json::from_str(all).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), all);
        for origin in [
            Origin::Rule,
            Origin::Push,
            Origin::Manual,
            Origin::Task,
            Origin::Clip,
            Origin::Composition,
        ] {
            assert_eq!(serde_json::to_string(&origin).unwrap(), format!("\"{origin}\""));
        }
    }
}
