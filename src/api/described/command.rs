//! The arguments and the answers of a command.

use serde_json::{Value, json};

use super::schema;
use crate::api::{Argument, Command, Effect, Failure, Kind};
use crate::model::reply::Already;

/// The object with all arguments of a command, and the id of the request.
pub(crate) fn arguments(command: &Command) -> Value {
    let id = json!({
        "type": "string",
        "maxLength": 128,
        "description": "What the answer repeats, at most 128 bytes; a request whose id was seen within a day is not carried out again.",
    });
    let mut object = schema::object([("id?", id)]);
    for one in command.arguments {
        object["properties"][one.name] = argument(one);
        if one.required
            && let Some(required) = object["required"].as_array_mut()
        {
            required.push(one.name.into());
        }
    }
    object
}

/// An argument.
pub(crate) fn argument(argument: &Argument) -> Value {
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
        Kind::Objects => json!({ "type": "array", "items": { "type": "object" } }),
    };
    schema["description"] = argument.about.into();
    schema
}

/// What the command tells: one of these.
pub(crate) fn results(command: &'static Command) -> Vec<Value> {
    let reply = schema::described_by(|generator| command.reply(generator));
    let mut results = vec![schema::untitled(reply)];
    if command.effect == Effect::Ends {
        results.push(schema::untitled(schema::of::<Already>()));
    }
    results
}

/// An answer with one of these results, or with an error.
pub(crate) fn answer(results: &[Value]) -> Value {
    let ok = results.iter().map(answered);
    json!({ "oneOf": ok.chain([failed()]).collect::<Vec<_>>() })
}

/// An answer with this result.
pub(crate) fn answered(result: &Value) -> Value {
    schema::object([
        ("id", request_id()),
        ("ok", said(true)),
        ("result", result.clone()),
    ])
}

/// An answer with an error.
pub(crate) fn failed() -> Value {
    let error = schema::untitled(schema::of::<Failure>());
    schema::object([("id", request_id()), ("ok", said(false)), ("error", error)])
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
