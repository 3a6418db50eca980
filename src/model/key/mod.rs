//! Keys of delivered files: how a file is called where it is delivered to.
//!
//! A pattern has the placeholders of both clouds and a few of our own. What they stand for is escaped, so that a key is a
//! safe name for an object and a safe path for a file, whatever a stream is called.

mod escape;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{About, Zone};
use escape::{escaped, path_escaped, shortened};

/// The longest pattern that is taken, as with the clouds.
const LONGEST: usize = 255;

/// How the keys of a template's files are made, without their extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct KeyPattern {
    text: String,
    parts: Vec<Part>,
}

/// What a key is made of.
#[derive(Clone, Debug)]
pub struct KeyFacts<'a> {
    /// The box.
    pub device: &'a str,
    /// What the recording is of and for.
    pub about: &'a About,
    /// The stream's app; its `/` stay.
    pub app: &'a str,
    /// The stream's name within the app.
    pub stream: &'a str,
    /// The recording's id.
    pub recording: &'a str,
    /// UTC of its start, microseconds.
    pub start: i64,
    /// UTC of its end.
    pub end: i64,
    /// The format.
    pub format: &'a str,
    /// What its times are told in.
    pub zone: &'a Zone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

/// A placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    StreamId,
    AppName,
    Domain,
    RecordSource,
    RecordId,
    RandomId,
    Sequence,
    Template,
    Device,
    Format,
    Name,
    UnixTimestamp,
    Time(Edge, Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Start,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    /// `2026-11-21T08:00:00Z`, its colons escaped.
    Whole,
    /// `2026-11-21-08-00-00`.
    Escaped,
}

const PLACES: [(&str, Place); 31] = {
    use Edge::{End, Start};
    use Field as F;
    use Place::{
        AppName, Device, Domain, Format, Name, RandomId, RecordId, RecordSource, Sequence, StreamId,
        Template, Time, UnixTimestamp,
    };
    [
        ("StreamID", StreamId),
        ("StreamName", StreamId),
        ("AppName", AppName),
        ("Domain", Domain),
        ("RecordSource", RecordSource),
        ("RecordId", RecordId),
        ("RandomID", RandomId),
        ("Sequence", Sequence),
        ("Template", Template),
        ("Device", Device),
        ("Format", Format),
        ("Name", Name),
        ("UnixTimestamp", UnixTimestamp),
        ("StartYear", Time(Start, F::Year)),
        ("StartMonth", Time(Start, F::Month)),
        ("StartDay", Time(Start, F::Day)),
        ("StartHour", Time(Start, F::Hour)),
        ("StartMinute", Time(Start, F::Minute)),
        ("StartSecond", Time(Start, F::Second)),
        ("StartMillisecond", Time(Start, F::Millisecond)),
        ("StartTime", Time(Start, F::Whole)),
        ("EscapedStartTime", Time(Start, F::Escaped)),
        ("EndYear", Time(End, F::Year)),
        ("EndMonth", Time(End, F::Month)),
        ("EndDay", Time(End, F::Day)),
        ("EndHour", Time(End, F::Hour)),
        ("EndMinute", Time(End, F::Minute)),
        ("EndSecond", Time(End, F::Second)),
        ("EndMillisecond", Time(End, F::Millisecond)),
        ("EndTime", Time(End, F::Whole)),
        ("EscapedEndTime", Time(End, F::Escaped)),
    ]
};

/// A pattern that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key = {pattern:?}: {reason}")]
pub struct KeyError {
    pattern: String,
    reason: String,
}

impl KeyPattern {
    /// The key of a file whose template does not say.
    pub const DEFAULT: &str = "{AppName}/{StreamName}/{StartYear}{StartMonth}{StartDay}/\
                               {StartHour}{StartMinute}{StartSecond}-{RecordId}";

    /// The key of a file, without extension: 1 to 900 bytes of letters, digits, `-`, `_`, `.`, `=`, `+`, `,`, `@`, `/` and
    /// `%XX`; no part of it is empty, `.` or `..`.
    pub fn key(&self, facts: &KeyFacts<'_>) -> String {
        let mut key = String::with_capacity(self.text.len() + 64);
        for part in &self.parts {
            match part {
                Part::Text(text) => key.push_str(&path_escaped(text)),
                Part::Place(place) => key.push_str(&place.value(facts)),
            }
        }
        let parts = key.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
        let key = parts.collect::<Vec<_>>().join("/");
        if key.is_empty() {
            facts.recording.to_owned()
        } else {
            shortened(key, facts.recording)
        }
    }

    /// True when a key cannot be made before the recording has ended.
    pub fn needs_end(&self) -> bool {
        let ends = |part: &Part| matches!(part, Part::Place(Place::Time(Edge::End, _)));
        self.parts.iter().any(ends)
    }

    /// True when no two recordings can have the same key: it says which recording it is. All else that a pattern can say
    /// may be the same of two: a second comes twice where summer time ends.
    pub fn is_unique(&self) -> bool {
        self.parts.contains(&Part::Place(Place::RecordId))
    }
}

/// The key, or the first of `KEY-2`, `KEY-3` … that is not taken.
pub fn distinct(key: &str, taken: impl Fn(&str) -> bool) -> String {
    let others = (2u64..100_000).map(|number| format!("{key}-{number}"));
    let mut all = std::iter::once(key.to_owned()).chain(others);
    all.find(|key| !taken(key)).unwrap_or_else(|| key.to_owned())
}

impl Place {
    fn value(self, facts: &KeyFacts<'_>) -> String {
        let about = facts.about;
        match self {
            Place::StreamId => escaped(facts.stream),
            Place::AppName => path_escaped(facts.app),
            Place::Domain => escaped(about.domain.as_deref().unwrap_or("localhost")),
            Place::RecordSource => escaped(about.origin.as_str()),
            Place::RecordId => escaped(facts.recording),
            // Random to whoever does not know the id, and the same when it is asked for again.
            Place::RandomId => facts
                .recording
                .chars()
                .rev()
                .filter(char::is_ascii_hexdigit)
                .take(8)
                .collect(),
            Place::Sequence => about.number.to_string(),
            Place::Template => escaped(if about.template.is_empty() {
                about.origin.as_str()
            } else {
                &about.template
            }),
            Place::Device => escaped(facts.device),
            Place::Format => escaped(facts.format),
            Place::Name => escaped(about.name.as_deref().unwrap_or(facts.recording)),
            Place::UnixTimestamp => facts.start.div_euclid(1_000_000).to_string(),
            Place::Time(Edge::Start, field) => time(facts.start, field, facts.zone),
            Place::Time(Edge::End, field) => time(facts.end, field, facts.zone),
        }
    }
}

fn time(utc: i64, field: Field, zone: &Zone) -> String {
    let Some(local) = zone.local(utc) else {
        return "0".to_owned();
    };
    match field {
        Field::Year => format!("{:04}", local.year()),
        Field::Month => format!("{:02}", local.month()),
        Field::Day => format!("{:02}", local.day()),
        Field::Hour => format!("{:02}", local.hour()),
        Field::Minute => format!("{:02}", local.minute()),
        Field::Second => format!("{:02}", local.second()),
        Field::Millisecond => format!("{:03}", local.millisecond()),
        // Always UTC, as its Z says.
        Field::Whole => match Zone::utc_zone().local(utc) {
            Some(utc) => escaped(&utc.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            None => "0".to_owned(),
        },
        Field::Escaped => local.strftime("%Y-%m-%d-%H-%M-%S").to_string(),
    }
}

impl FromStr for KeyPattern {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let refuse = |reason: String| KeyError {
            pattern: text.chars().take(80).collect(),
            reason,
        };
        if text.is_empty() || text.len() > LONGEST {
            return Err(refuse(format!("a key pattern has 1 to {LONGEST} bytes")));
        }
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(open) = rest.find(['{', '}']) {
            let (before, behind) = rest.split_at(open);
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let Some(inside) = behind.strip_prefix('{') else {
                return Err(refuse("a '}' without its '{'".to_owned()));
            };
            let Some((name, after)) = inside.split_once('}') else {
                return Err(refuse("a '{' without its '}'".to_owned()));
            };
            let place = PLACES
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, place)| *place);
            parts.push(Part::Place(place.ok_or_else(|| refuse(unknown(name)))?));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if !parts.iter().any(|part| matches!(part, Part::Place(_))) {
            return Err(refuse(
                "without a placeholder every file would have the same key".to_owned(),
            ));
        }
        let pattern = Self {
            text: text.to_owned(),
            parts,
        };
        Ok(pattern)
    }
}

/// What an unknown placeholder was meant to be.
fn unknown(name: &str) -> String {
    let near = PLACES
        .iter()
        .map(|(known, _)| (strsim::levenshtein(name, known), *known))
        .min();
    match near {
        Some((edits, known)) if edits <= 4 => format!("there is no {{{name}}}; did you mean {{{known}}}?"),
        _ => {
            let known: Vec<&str> = PLACES.iter().map(|(known, _)| *known).collect();
            format!("there is no {{{name}}}; there are {}", known.join(", "))
        }
    }
}

impl Default for KeyPattern {
    fn default() -> Self {
        let text = Self::DEFAULT.to_owned();
        // A pattern of ours is right; a test holds it.
        text.parse().unwrap_or(Self {
            text,
            parts: vec![Part::Place(Place::RecordId)],
        })
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for KeyPattern {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<KeyPattern> for String {
    fn from(pattern: KeyPattern) -> String {
        pattern.text
    }
}
