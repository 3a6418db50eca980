//! A path for each command, and the path of events.

use serde_json::{Map, Value, json};

use super::document::refusals;
use crate::api::described::{self, schema};
use crate::api::{Argument, Code, Command, Kind, commands};
use crate::model::Right;

/// The paths below `/api/v1`.
pub(super) fn paths() -> Vec<(String, Value)> {
    let commands = commands().map(|command| (format!("/api/v1/{}", command.name), path(command)));
    commands
        .chain([("/api/v1/events".to_owned(), events())])
        .collect()
}

fn path(command: &'static Command) -> Value {
    let mut path = json!({ "post": operation(command, "post") });
    path["post"]["requestBody"] = json!({
        "required": command.arguments.iter().any(|argument| argument.required),
        "content": { "application/json": { "schema": described::arguments(command) } },
    });
    if command.only_reads() {
        path["get"] = operation(command, "get");
        let parameters = command.arguments.iter().map(parameter);
        path["get"]["parameters"] = parameters.collect();
    }
    path
}

fn operation(command: &'static Command, method: &str) -> Value {
    let group = command.name.split('.').next().unwrap_or_default();
    let mut codes = vec![
        Code::BadRequest,
        Code::Unauthorized,
        Code::Refused,
        Code::NotFound,
    ];
    codes.extend([Code::Conflict, Code::TooMany, Code::Internal, Code::Unavailable]);
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "It is done.",
            "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{}", answer_name(command)) } } },
        }),
    );
    responses.extend(refusals(&codes));
    json!({
        "operationId": format!("{method}.{}", command.name),
        "tags": [group],
        "summary": format!("{}.", command.about),
        "responses": responses,
        "x-effect": command.effect,
        "x-right": command.right,
    })
}

/// The schema of each command's answer, by its name among the components.
pub(super) fn answers() -> Vec<(String, Value)> {
    let shared = described::shared();
    let answer = |command: &'static Command| {
        let results = described::results(command);
        let answers = results
            .iter()
            .map(|result| described::referring(&described::answered(result), &shared));
        let answers: Vec<Value> = answers.collect();
        let schema = match answers.as_slice() {
            [one] => one.clone(),
            several => json!({ "oneOf": several }),
        };
        (answer_name(command), schema)
    };
    commands().map(answer).collect()
}

fn answer_name(command: &Command) -> String {
    format!("answer.{}", command.name)
}

/// An argument in the query of a GET.
fn parameter(argument: &Argument) -> Value {
    let mut schema = match argument.kind {
        // A length of time counts back from now, as on the command line.
        Kind::Time => json!({ "type": "string", "examples": ["2026-11-20T08:00:00Z", "2h"] }),
        _ => described::argument(argument),
    };
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("description");
    }
    let mut parameter = json!({
        "name": argument.name,
        "in": "query",
        "required": argument.required,
        "description": argument.about,
        "schema": schema,
    });
    if argument.kind == Kind::Texts {
        // Commas separate the values.
        parameter["style"] = "form".into();
        parameter["explode"] = false.into();
    }
    parameter
}

fn events() -> Value {
    let kinds = described::kinds().into_iter();
    let kinds = kinds.map(|kind| json!({ "$ref": format!("#/components/schemas/event.{}", kind.kind) }));
    let stream = schema::text(
        "Server-sent events. `event` is the kind, `data` the event as a CloudEvent (x-events), and `id` a place in the outbox. A comment comes \
         at least every 15 s. The event `reset` says that events are missing before it: what the reader knows may be old.",
    );
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({ "description": "Events as they come, until the connection ends.", "content": { "text/event-stream": { "schema": stream } } }),
    );
    responses.extend(refusals(&[
        Code::Unauthorized,
        Code::Refused,
        Code::TooMany,
        Code::Unavailable,
    ]));
    json!({
        "get": {
            "operationId": "get.events",
            "tags": ["events"],
            "summary": "Reads events as they come.",
            "description": "Events of streams that the viewer may see. Events of the box itself are for viewers who may operate it and see \
                            all streams. The box keeps the last 1,000 events, of at most 4 MiB.",
            "parameters": [{
                "name": "Last-Event-ID",
                "in": "header",
                "required": false,
                "description": "The id of the last event that the reader has: reading goes on behind it. Without it, reading begins now.",
                "schema": { "type": "string", "pattern": "^[0-9]+-[0-9]+$" },
            }],
            "responses": responses,
            "x-right": Right::Watch,
            "x-events": kinds.collect::<Vec<_>>(),
        },
    })
}
