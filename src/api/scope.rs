//! The scope of a caller: what it may do, and the streams that it may see. A caller without a scope may do everything.
//!
//! A command that needs another right is refused. Lists have only streams that the caller may see, as if there were no others.
//! A request that names another stream is refused, whether that stream exists or not. A recording or a task of another stream is
//! not found.

use serde_json::{Map, Value};

use super::Api;
use super::answer::{Code, Failure};
use super::command::{Command, Reach};
use crate::config::StreamSet;
use crate::event::Posted;
use crate::media::{RecordingId, StreamName};
use crate::model::{Right, Rights};

/// What a caller may do, and the streams that it may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The rights of the caller.
    pub rights: Rights,
    /// The streams that it may see.
    pub streams: StreamSet,
    /// The streams of which it also sees what is held back.
    pub moderates: StreamSet,
}

const ALL: &StreamSet = &StreamSet::All;

impl Scope {
    /// Checks that the caller may give this command.
    pub(super) fn allows(&self, command: &Command) -> Result<(), Failure> {
        let name = command.name;
        if !self.rights.has(command.right) {
            let text = format!(
                "{name} needs the right '{}', and this caller has {}",
                command.right, self.rights
            );
            return Err(Failure::new(Code::Refused, text));
        }
        match command.reach {
            Reach::Streams => Ok(()),
            Reach::Box if self.streams.is_all() => Ok(()),
            Reach::Box => {
                let text = format!(
                    "{name} is about the whole box, and this caller may see only some of its streams"
                );
                Err(Failure::new(Code::Refused, text))
            }
        }
    }

    /// True when the caller may see an event: of a stream that it may see, or of the whole box if it manages the whole box.
    pub fn shows(&self, event: &Posted) -> bool {
        if let Some(streams) = event.streams_of_job() {
            let sees = !streams.is_empty() && streams.iter().all(|stream| self.streams.has(stream));
            return self.rights.has(Right::Watch) && sees;
        }
        match event.stream() {
            Some(stream) if event.kind == "recording.reviewed" && !self.moderates.has(&stream) => false,
            Some(stream) => {
                // What is put together may have footage of streams that the event does not name.
                let sees = self.streams.has(&stream) && (self.streams.is_all() || !event.is_of_composition());
                self.rights.has(Right::Watch) && sees
            }
            None => self.rights.has(Right::Operate) && self.streams.is_all(),
        }
    }
}

/// What an event says of its publisher that only those learn who operate.
const OF_PUBLISHER: [&str; 2] = ["peer", "param"];

impl Scope {
    /// True when the caller learns where publishers are and what they send along with the name of their stream.
    pub(super) fn knows_publishers(&self) -> bool {
        self.rights.has(Right::Operate)
    }

    /// An event as the caller may have it.
    pub(super) fn as_told(&self, event: Posted) -> Posted {
        if self.knows_publishers() || !event.kind.starts_with("publish.") {
            return event;
        }
        let mut body: Map<String, Value> = serde_json::from_str(&event.body).unwrap_or_default();
        OF_PUBLISHER.iter().for_each(|name| {
            body.remove(*name);
        });
        Posted {
            body: Value::Object(body).to_string(),
            ..event
        }
    }
}

impl Api {
    /// True when the caller learns where publishers are.
    pub(super) fn knows_publishers(&self) -> bool {
        self.caller.scope.as_ref().is_none_or(Scope::knows_publishers)
    }

    /// Checks that the caller may give this command.
    pub(super) fn allows(&self, command: &Command) -> Result<(), Failure> {
        match &self.caller.scope {
            Some(scope) => scope.allows(command),
            None => Ok(()),
        }
    }

    /// The streams that the caller may see.
    pub(super) fn seen(&self) -> &StreamSet {
        self.caller.scope.as_ref().map_or(ALL, |scope| &scope.streams)
    }

    /// Checks that the caller may see the stream that a request names.
    pub(super) fn sees(&self, stream: &StreamName) -> Result<(), Failure> {
        if self.seen().has(stream.as_str()) {
            Ok(())
        } else {
            let text = format!("this caller may not see stream '{stream}'");
            Err(Failure::new(Code::Refused, text).about("stream"))
        }
    }

    /// True when the caller may see the recording, as far as memory tells: the caller sees all, or one of its streams is being
    /// recorded as this recording.
    pub(super) fn certainly_sees(&self, recording: RecordingId) -> bool {
        if self.seen().is_all() {
            return true;
        }
        let live = self.recorder.status().into_iter();
        let mut seen = live.filter(|live| self.seen().has(live.stream.as_str()));
        seen.any(|live| live.recordings.contains(&recording))
    }
}
