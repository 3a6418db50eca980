//! The events in a journal's outbox.

use serde_json::Value;

use crate::media::{Micros, RecordingId, StreamName};
use crate::store::journal::Journal;

/// The events of an outbox, oldest first.
pub(super) struct Events(Vec<(String, Value)>);

/// Tape that was given up although somebody might have wanted it.
#[derive(Debug)]
pub(super) struct Loss {
    pub(super) stream: String,
    /// UTC.
    pub(super) from: Micros,
    pub(super) to: Micros,
    pub(super) recordings: Vec<String>,
}

impl Events {
    pub(super) fn read(journal: &Journal) -> Self {
        let rows = journal.outbox().unwrap().into_iter();
        Self(
            rows.map(|(_, kind, body)| (kind, serde_json::from_str(&body).unwrap()))
                .collect(),
        )
    }

    fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0
            .iter()
            .filter(move |(found, _)| found == kind)
            .map(|(_, body)| body)
    }

    pub(super) fn count(&self, kind: &str) -> usize {
        self.of(kind).count()
    }

    fn tells(&self, kind: &str, id: RecordingId) -> bool {
        self.of(kind)
            .any(|body| body["recording"].as_str() == Some(&id.to_string()))
    }

    pub(super) fn started(&self, id: RecordingId) -> bool {
        self.tells("recording.started", id)
    }

    pub(super) fn expired(&self, id: RecordingId) -> bool {
        self.tells("recording.expired", id)
    }

    pub(super) fn deleted(&self, id: RecordingId) -> bool {
        self.of("recording.expired")
            .any(|body| body["recording"].as_str() == Some(&id.to_string()) && body["reason"] == "deleted")
    }

    /// The reasons why recordings are gone.
    pub(super) fn reasons(&self) -> impl Iterator<Item = &str> {
        self.of("recording.expired")
            .filter_map(|body| body["reason"].as_str())
    }

    /// The bytes of a recording in its event `recording.closed`.
    pub(super) fn closed(&self, id: RecordingId) -> Option<u64> {
        let mut told = self
            .of("recording.closed")
            .filter(|body| body["recording"].as_str() == Some(&id.to_string()));
        let bytes = told.next()?["bytes"].as_u64();
        assert!(told.next().is_none(), "{id} was closed twice");
        bytes
    }

    pub(super) fn losses(&self) -> Vec<Loss> {
        let time = |value: &Value| {
            let time: jiff::Timestamp = value.as_str().unwrap().parse().unwrap();
            time.as_microsecond()
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.of("media.evicted_undelivered")
            .map(|body| Loss {
                stream: text(&body["stream"]),
                from: time(&body["from"]),
                to: time(&body["to"]),
                recordings: body["recordings"].as_array().unwrap().iter().map(text).collect(),
            })
            .collect()
    }
}

impl Loss {
    pub(super) fn names(&self, id: RecordingId) -> bool {
        self.recordings.contains(&id.to_string())
    }

    /// True when the loss is about this tape of a stream, at one of the times by which it was dated.
    pub(super) fn covers(&self, stream: &StreamName, dates: &[(Micros, Micros)]) -> bool {
        self.stream == stream.as_str()
            && dates
                .iter()
                .any(|(from, to)| self.from <= *from && *to <= self.to)
    }
}
