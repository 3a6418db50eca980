//! What a recording is of and for: written with its row, so that a restart can go on with it.

use serde::{Deserialize, Serialize};

use crate::config::Reel;
use crate::event::{Lack, RecordingAbout};
use crate::media::{Micros, RecordingId, StreamName};

/// Why there is a recording, and what is to become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingSpec {
    /// Who wanted it.
    pub origin: Origin,
    /// The template that says how; of a template that was changed since, as it was.
    pub template: String,
    /// Its formats, and how it is cut.
    pub reel: Reel,
    /// The same for all recordings that one decision to record made, one after the other and side by side.
    pub session: String,
    /// Its place among the recordings of its session and reel, from 1 on.
    pub number: u32,
    /// A name that somebody gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The host that the publisher addressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// From when to when it was to be, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

/// From when to when a recording was to be: half-open, in presentation time, as tape time of the publishes that it begins
/// and ends in. What there is may be less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// From here on. A clip shows nothing that is before, where its format can say so.
    pub from: Micros,
    /// Why it starts later, if it does.
    pub late: Lack,
    /// Up to here, if it was to end by itself at a moment of the tape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Micros>,
    /// Why it ends earlier, if it does.
    pub early: Lack,
}

/// Who wanted a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Origin {
    /// A rule.
    Rule,
    /// The publisher, by what it wrote behind the stream's name.
    Push,
    /// A command, until it is stopped, or this UTC time at the latest.
    Manual {
        /// Microseconds.
        until: Micros,
    },
    /// A task.
    Task {
        /// Its id.
        id: String,
    },
    /// Somebody cut it out of the tape.
    Clip,
}

/// A recording that a start found open: it waits for its publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRecording {
    /// Its id.
    pub recording: RecordingId,
    /// The stream.
    pub stream: StreamName,
    /// What it is of and for.
    pub spec: RecordingSpec,
    /// Tape time it starts at.
    pub start: Micros,
    /// Tape time at which its tape ends.
    pub end: Micros,
    /// UTC since which it waits, by the clock of the boot in which its tape ended.
    pub paused_utc: Micros,
    /// That clock was believed.
    pub clock_synced: bool,
    /// Media of it so far, bytes.
    pub bytes: u64,
}

impl Origin {
    /// In a word, for events and names.
    pub fn as_str(&self) -> &'static str {
        match self {
            Origin::Rule => "rule",
            Origin::Push => "push",
            Origin::Manual { .. } => "manual",
            Origin::Task { .. } => "task",
            Origin::Clip => "clip",
        }
    }
}

impl RecordingSpec {
    /// As it stands in the journal. What cannot be read, or is not there, is what the built-in template makes: the tape
    /// is worth more than the words about it.
    pub(in crate::store) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self::built_in())
    }

    /// As it stands in the journal.
    pub(in crate::store) fn written(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A publish that comes back may go on with it.
    pub(in crate::store) fn resumes(&self) -> bool {
        self.reel.resume.window.as_millis() > 0
    }

    /// As events tell it.
    pub fn about(&self) -> RecordingAbout {
        RecordingAbout {
            template: self.template.clone(),
            origin: self.origin.as_str().to_owned(),
            formats: self.reel.formats.iter().map(ToString::to_string).collect(),
            session: self.session.clone(),
            number: self.number,
            name: self.name.clone(),
            task: match &self.origin {
                Origin::Task { id } => Some(id.clone()),
                _ => None,
            },
            domain: self.domain.clone(),
        }
    }

    /// Tape time before which it has media only to decode what follows: that of a clip begins with the keyframe before.
    pub(in crate::store) fn shown_from(&self) -> Option<Micros> {
        self.asked
            .filter(|_| self.origin == Origin::Clip)
            .map(|asked| asked.from)
    }

    /// Tape time from which on it has media only to decode what is before: that of a clip ends where it was asked to.
    pub(in crate::store) fn shown_to(&self) -> Option<Micros> {
        self.asked
            .filter(|_| self.origin == Origin::Clip)
            .and_then(|asked| asked.to)
    }

    /// What is made where nobody said anything: by the built-in template.
    pub fn built_in() -> Self {
        use crate::config::{DEFAULT_TEMPLATE, Template};
        use crate::format::Format;
        let reel = Template::built_in().reels.into_iter().next();
        Self {
            origin: Origin::Rule,
            template: DEFAULT_TEMPLATE.to_owned(),
            reel: reel.unwrap_or_else(|| Reel::of(&[Format::Mp4])),
            session: String::new(),
            number: 1,
            name: None,
            domain: None,
            asked: None,
        }
    }
}
