//! The origin and the purpose of a recording: written with its row, so that a recording can continue after a restart.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::event::Lack;
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::{About, Origin, Output};

/// The reason for a recording, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingSpec {
    /// The origin and the purpose of the recording, with its template as it was at the beginning.
    pub about: About,
    /// Its formats, and how it is cut.
    pub output: Output,
    /// UTC at which a recording that a command began ends by itself at the latest.
    pub until: Option<Micros>,
    /// The interval that was asked for, if there was one.
    pub asked: Option<Asked>,
    /// True when the recording begins with a picture from which on the picture is refreshed bit by bit. It is whole with the
    /// tape before it.
    pub gradual: bool,
}

/// A spec in the form of the journal. Fields that are flat in events are nested here, as in the rows of all releases so far.
#[derive(Serialize, Deserialize)]
struct Row {
    origin: OriginRow,
    #[serde(rename = "reel")]
    output: Output,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Asked>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gradual: bool,
    /// The fields of [`About`] that are not named above: they are read and written unchanged.
    #[serde(flatten)]
    about: Map<String, Value>,
}

/// The origin of a recording in the form of the journal.
#[derive(Serialize, Deserialize)]
struct OriginRow {
    kind: Origin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Micros>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// The interval that was asked for: half-open, in presentation time, as tape time of the publishes in which it begins and ends.
/// The recording may have less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The beginning. A clip shows nothing before it, if its format can say so.
    pub from: Micros,
    /// The reason if it starts later.
    pub late: Lack,
    /// The end, if the recording was to end by itself at a moment of the tape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Micros>,
    /// The reason if it ends earlier.
    pub early: Lack,
}

/// A recording that a start found open: it waits for its publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRecording {
    /// Its id.
    pub recording: RecordingId,
    /// The stream.
    pub stream: StreamName,
    /// The origin and the purpose of the recording.
    pub spec: RecordingSpec,
    /// Tape time it starts at.
    pub start: Micros,
    /// Tape time at which its tape ends.
    pub end: Micros,
    /// UTC since which the recording waits, by the clock of the boot in which its tape ended.
    pub paused_utc: Micros,
    /// True when this clock was trusted.
    pub clock_synced: bool,
    /// Bytes of its media so far.
    pub bytes: u64,
}

impl Row {
    fn of(spec: &RecordingSpec) -> serde_json::Result<Self> {
        let mut about: Map<String, Value> = serde_json::from_value(serde_json::to_value(&spec.about)?)?;
        for above in ["origin", "formats", "task"] {
            about.remove(above);
        }
        Ok(Self {
            origin: OriginRow {
                kind: spec.about.origin,
                until: spec.until,
                id: spec.about.task.clone(),
            },
            output: spec.output.clone(),
            asked: spec.asked,
            gradual: spec.gradual,
            about,
        })
    }

    fn spec(self) -> serde_json::Result<RecordingSpec> {
        let OriginRow { kind, until, id } = self.origin;
        let mut about = self.about;
        about.insert("origin".to_owned(), serde_json::to_value(kind)?);
        about.insert("formats".to_owned(), serde_json::to_value(&self.output.formats)?);
        about.insert("task".to_owned(), serde_json::to_value(id)?);
        Ok(RecordingSpec {
            about: serde_json::from_value(Value::Object(about))?,
            output: self.output,
            until,
            asked: self.asked,
            gradual: self.gradual,
        })
    }
}

impl RecordingSpec {
    /// Reads a spec of the journal. A text that cannot be read, or is missing, counts as the built-in template: the tape is
    /// worth more than the words about it.
    pub(in crate::store) fn read(text: &str) -> Self {
        let row = serde_json::from_str(text).and_then(Row::spec);
        row.unwrap_or_else(|_| Self::built_in())
    }

    /// The JSON in the journal.
    pub(in crate::store) fn written(&self) -> String {
        let row = Row::of(self).and_then(|row| serde_json::to_string(&row));
        row.unwrap_or_default()
    }

    /// True when a publish that comes back may go on with the recording.
    pub(in crate::store) fn resumes(&self) -> bool {
        self.output.resume.window.as_millis() > 0
    }

    /// Tape time at which the shown part begins; media before it is only for decoding. A clip's media begins with the keyframe
    /// before its beginning.
    pub(in crate::store) fn shown_from(&self) -> Option<Micros> {
        self.asked
            .filter(|_| self.about.origin == Origin::Clip)
            .map(|asked| asked.from)
    }

    /// Tape time at which the shown part ends; media behind it is only for decoding. A clip ends where it was asked to.
    pub(in crate::store) fn shown_to(&self) -> Option<Micros> {
        self.asked
            .filter(|_| self.about.origin == Origin::Clip)
            .and_then(|asked| asked.to)
    }

    /// False for a recording of which the journal was lost: what it was of and for is not known, and it counts as one of the built-in
    /// template.
    pub fn is_known(&self) -> bool {
        !self.about.session.is_empty()
    }

    /// The recording of the built-in template, which applies without an order.
    pub fn built_in() -> Self {
        use crate::config::{DEFAULT_TEMPLATE, Template};
        use crate::format::Format;
        let output = Template::built_in().outputs.into_iter().next();
        let output = output.unwrap_or_else(|| Output::of(&[Format::Mp4]));
        Self {
            about: About {
                template: DEFAULT_TEMPLATE.to_owned(),
                formats: output.formats.clone(),
                number: 1,
                ..About::default()
            },
            output,
            until: None,
            asked: None,
            gradual: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of releases from before [`About`] was one type.
    const OLD: &str = r#"{"origin":{"kind":"task","id":"t7"},"template":"lesson","reel":{"formats":["hls"],"split":{"after":null,"bytes":null,"on_clock":null},"resume":{"window":"3min","after":"break"}},"session":"s","number":3,"name":"n","domain":"d","asked":{"from":5,"late":"ring","early":"publish"}}"#;

    #[test]
    fn rows_of_releases_before_are_read_and_written_as_they_were() {
        let spec = RecordingSpec::read(OLD);
        assert_eq!(
            serde_json::to_string(&spec.about).unwrap(),
            r#"{"template":"lesson","origin":"task","formats":["hls"],"session":"s","number":3,"name":"n","task":"t7","domain":"d"}"#
        );
        assert_eq!((spec.until, spec.asked.unwrap().from), (None, 5));
        let (old, new): (Value, Value) = (
            serde_json::from_str(OLD).unwrap(),
            serde_json::from_str(&spec.written()).unwrap(),
        );
        // A former release reads the same fields; fields that are left out now were written as null.
        for (key, value) in old.as_object().unwrap() {
            match key.as_str() {
                "reel" => assert_eq!(new[key]["formats"], value["formats"]),
                _ => assert_eq!(new[key], *value, "{key}"),
            }
        }
        assert_eq!(RecordingSpec::read(&spec.written()), spec);
        let manual = RecordingSpec {
            until: Some(7),
            gradual: true,
            about: About {
                origin: Origin::Manual,
                ..spec.about.clone()
            },
            ..spec
        };
        assert!(manual.written().contains(r#""kind":"manual","until":7"#));
        assert_eq!(RecordingSpec::read(&manual.written()), manual);
    }

    #[test]
    fn what_cannot_be_read_is_the_built_in_one() {
        for text in ["", "{}", r#"{"origin":{"kind":"nobody"}}"#] {
            assert_eq!(RecordingSpec::read(text), RecordingSpec::built_in());
        }
        assert_eq!(
            RecordingSpec::read(&RecordingSpec::built_in().written()),
            RecordingSpec::built_in()
        );
    }
}
