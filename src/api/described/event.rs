//! Every kind of event, and the CloudEvent around it.

use serde_json::{Value, json};

use super::schema::{self, always, object};
use crate::event::Event;

/// A kind of event, with its description and schema.
pub(crate) struct EventKind {
    /// The kind as in topics: `recording.closed`.
    pub(crate) kind: String,
    /// What it tells, in a sentence.
    pub(crate) about: String,
    data: Value,
}

/// Every kind of event there is.
pub(crate) fn kinds() -> Vec<EventKind> {
    let mut event = schema::of::<Event>();
    let Value::Array(variants) = event["anyOf"].take() else {
        panic!("Event is an untagged enum no longer: {event}");
    };
    let kind = |mut data: Value| EventKind {
        kind: kind_of(&schema::taken(&mut data, "title")),
        about: schema::taken(&mut data, "description"),
        data,
    };
    variants.into_iter().map(kind).collect()
}

/// The kind of a variant: `RecordingClosed` is `recording.closed`. A further word follows an underscore.
fn kind_of(variant: &str) -> String {
    let mut kind = String::new();
    let mut words = 0;
    for c in variant.chars() {
        if c.is_ascii_uppercase() {
            kind.push_str(["", "."].get(words).unwrap_or(&"_"));
            words += 1;
        }
        kind.push(c.to_ascii_lowercase());
    }
    kind
}

impl EventKind {
    /// A CloudEvent with the `sequence` extension, and an extension that says how many events were lost.
    pub(crate) fn payload(&self) -> Value {
        object([
            ("specversion", always("1.0")),
            (
                "id",
                schema::text("A UUID, the same however often the event comes."),
            ),
            ("source", schema::text("The root of the box's topics.")),
            ("type", always(&self.kind)),
            (
                "time",
                json!({ "type": "string", "format": "date-time", "description": "When it happened." }),
            ),
            ("datacontenttype", always("application/json")),
            (
                "sequence",
                json!({
                    "type": "string",
                    "pattern": "^[0-9]+$",
                    "description": "Its place among all events of this box: a decimal number that grows by one.",
                }),
            ),
            (
                "dropped?",
                json!({
                    "type": "integer",
                    "minimum": 1,
                    "maximum": i32::MAX,
                    "description": "The number of events that were lost before this one.",
                }),
            ),
            ("data", self.data.clone()),
        ])
    }
}

#[test]
fn kinds_are_named_as_variants_are() {
    assert_eq!(kind_of("ClipReady"), "clip.ready");
    assert_eq!(kind_of("MediaEvictedUndelivered"), "media.evicted_undelivered");
}
