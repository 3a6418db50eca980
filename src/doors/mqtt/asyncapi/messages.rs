//! Every message, its topic and its schema. Both generated files are made of these.

use serde_json::{Value, json};

use super::dialects;
use super::schema::{self, always, object};
use crate::api::{self, Argument, Command, Effect, Failure, Kind};
use crate::doors::mqtt::{Status, StreamState};
use crate::event::Event;
use crate::model::reply::{Already, Health};

/// A message of the door, for the document.
pub(super) struct Message {
    /// The channel that the message goes through.
    pub(super) channel: &'static str,
    /// The message's topic below the root. For several messages of one kind, it is the filter that one would subscribe to.
    pub(super) topic: String,
    /// What the message says, in a sentence or two.
    pub(super) about: String,
    /// The schema of its payload.
    pub(super) payload: Value,
    /// What a request does to the box, and the right that it needs over HTTP; none if the message is no request.
    pub(super) effect: Option<[Value; 2]>,
}

impl Message {
    pub(super) fn new(channel: &'static str, topic: String, about: &str, payload: Value) -> Self {
        Self {
            channel,
            topic,
            about: about.to_owned(),
            payload,
            effect: None,
        }
    }

    /// The message's name in the document: `status`, `event.recording.closed`.
    pub(super) fn name(&self) -> String {
        if self.topic.ends_with('#') {
            self.channel.to_owned()
        } else {
            self.topic.replace('/', ".")
        }
    }
}

/// All messages.
pub(super) fn all() -> Vec<Message> {
    let mut all = vec![
        told::<Status>("status", "status"),
        told::<Health>("health", "health"),
        told::<StreamState>("stream", "stream/#"),
    ];
    all.extend(kinds().into_iter().map(event));
    all.extend(dialects::all());
    all.extend(api::commands().map(request));
    all.extend(api::commands().map(response));
    let other = json!({ "type": "object", "description": "What the command tells." });
    all.push(Message::new(
        "response",
        "response/#".to_owned(),
        "What a request came to that names another topic, or a command that is not there.",
        answer(&[other]),
    ));
    all
}

/// A kind of event, with its description and schema.
pub(super) struct EventKind {
    /// The kind as in topics: `recording.closed`.
    pub(super) kind: String,
    about: String,
    data: Value,
}

/// Every kind of event there is.
pub(super) fn kinds() -> Vec<EventKind> {
    let mut event = schema::of::<Event>();
    let Value::Array(variants) = event["anyOf"].take() else {
        panic!("Event is an untagged enum no longer: {event}");
    };
    let kind = |mut data: Value| EventKind {
        kind: kind_of(&taken(&mut data, "title")),
        about: taken(&mut data, "description"),
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

fn told<T: schemars::JsonSchema>(channel: &'static str, topic: &str) -> Message {
    let mut payload = schema::of::<T>();
    taken(&mut payload, "title");
    let about = taken(&mut payload, "description");
    // The text before a colon is the topic.
    let about = about.split_once(": ").map_or(about.as_str(), |(_, about)| about);
    let about = about
        .chars()
        .take(1)
        .flat_map(char::to_uppercase)
        .chain(about.chars().skip(1));
    Message::new(channel, topic.to_owned(), &about.collect::<String>(), payload)
}

/// A CloudEvent with the `sequence` extension, and an extension that says how many events were lost.
fn event(event: EventKind) -> Message {
    let EventKind { kind, about, data } = event;
    let payload = object([
        ("specversion", always("1.0")),
        (
            "id",
            schema::text("A UUID, the same however often the event comes."),
        ),
        ("source", schema::text("The root of the box's topics.")),
        ("type", always(&kind)),
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
        ("data", data),
    ]);
    Message::new("event", format!("event/{kind}"), &about, payload)
}

fn request(command: &'static Command) -> Message {
    let id = json!({
        "type": "string",
        "maxLength": 128,
        "description": "What the answer repeats, at most 128 bytes; a request whose id was seen within a day is not carried out again.",
    });
    let mut payload = object([("id?", id)]);
    for argument in command.arguments {
        payload["properties"][argument.name] = argument_schema(argument);
        if argument.required
            && let Some(required) = payload["required"].as_array_mut()
        {
            required.push(argument.name.into());
        }
    }
    let topic = format!("request/{}", command.name);
    Message {
        effect: Some([json!(command.effect), json!(command.right)]),
        ..Message::new("request", topic, &format!("{}.", command.about), payload)
    }
}

fn argument_schema(argument: &Argument) -> Value {
    let mut schema = match argument.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
        // A span is a whole number and ms, s, min, h or d.
        Kind::Span => json!({ "type": "string", "examples": ["30min"] }),
        Kind::Seconds => json!({ "type": "number", "minimum": 0 }),
        Kind::Number => json!({ "type": "integer", "minimum": 0 }),
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Texts | Kind::Lines => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Object => json!({ "type": "object" }),
    };
    schema["description"] = argument.about.into();
    schema
}

fn response(command: &'static Command) -> Message {
    let reply = schema::described_by(|generator| command.reply(generator));
    let mut results = vec![schema::untitled(reply)];
    if command.effect == Effect::Ends {
        results.push(schema::untitled(schema::of::<Already>()));
    }
    let about = format!("What {} came to.", command.name);
    Message::new(
        "response",
        format!("response/{}", command.name),
        &about,
        answer(&results),
    )
}

/// An answer with one of these results, or with an error.
fn answer(results: &[Value]) -> Value {
    let ok = results.iter().map(|result| {
        object([
            ("id", request_id()),
            ("ok", said(true)),
            ("result", result.clone()),
        ])
    });
    json!({ "oneOf": ok.chain([failed()]).collect::<Vec<_>>() })
}

/// An answer with an error.
pub(super) fn failed() -> Value {
    let error = schema::untitled(schema::of::<Failure>());
    object([("id", request_id()), ("ok", said(false)), ("error", error)])
}

fn said(ok: bool) -> Value {
    json!({ "type": "boolean", "const": ok })
}

fn request_id() -> Value {
    json!({
        "type": ["string", "null"],
        "description": "The id of the request; null if it had none or could not be read.",
    })
}

/// Takes a text out of a schema.
fn taken(schema: &mut Value, name: &str) -> String {
    let taken = schema.as_object_mut().and_then(|schema| schema.remove(name));
    taken
        .and_then(|text| text.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[test]
fn kinds_are_named_as_variants_are() {
    assert_eq!(kind_of("ClipReady"), "clip.ready");
    assert_eq!(kind_of("MediaEvictedUndelivered"), "media.evicted_undelivered");
}
