//! Every message, its topic and its schema. Both generated files are made of these.

use serde_json::{Value, json};

use super::dialects;
use crate::api::described::{self, EventKind, schema};
use crate::api::{self, Command};
use crate::doors::mqtt::{Status, StreamState};
use crate::model::reply::{Health, Job};

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
        told::<Job>("job", "job/+"),
    ];
    all.extend(described::kinds().into_iter().map(event));
    all.extend(dialects::all());
    all.extend(api::commands().map(request));
    all.extend(api::commands().map(response));
    let other = json!({ "type": "object", "description": "What the command tells." });
    all.push(Message::new(
        "response",
        "response/#".to_owned(),
        "What a request came to that names another topic, or a command that is not there.",
        described::answer(&[other]),
    ));
    all
}

fn told<T: schemars::JsonSchema>(channel: &'static str, topic: &str) -> Message {
    let mut payload = schema::of::<T>();
    schema::taken(&mut payload, "title");
    let about = schema::taken(&mut payload, "description");
    // The text before a colon is the topic.
    let about = about.split_once(": ").map_or(about.as_str(), |(_, about)| about);
    let about = about
        .chars()
        .take(1)
        .flat_map(char::to_uppercase)
        .chain(about.chars().skip(1));
    Message::new(channel, topic.to_owned(), &about.collect::<String>(), payload)
}

fn event(event: EventKind) -> Message {
    Message::new(
        "event",
        format!("event/{}", event.kind),
        &event.about,
        event.payload(),
    )
}

fn request(command: &'static Command) -> Message {
    let topic = format!("request/{}", command.name);
    let payload = described::arguments(command);
    Message {
        effect: Some([json!(command.effect), json!(command.right)]),
        ..Message::new("request", topic, &format!("{}.", command.about), payload)
    }
}

fn response(command: &'static Command) -> Message {
    let about = format!("What {} came to.", command.name);
    let topic = format!("response/{}", command.name);
    Message::new(
        "response",
        topic,
        &about,
        described::answer(&described::results(command)),
    )
}
