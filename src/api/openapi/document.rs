//! The document around the paths.

use serde_json::{Map, Value, json};

use super::{commands, media};
use crate::api::described::{self, schema};
use crate::api::{Code, Failure, GROUPS};

const ABOUT: &str = "RTMP recorder for edge boxes: what a box answers over HTTP. Commands are the same as over MQTT and the control \
                     socket (asyncapi.yaml), with the same arguments, answers and ids. Each names the right that a viewer needs \
                     (x-right). Lists, the time line and events have only streams that the viewer may see; recordings of other streams are \
                     not found. A viewer gives at most five changing commands a second. Lists and answers have at most 64 KiB. Later \
                     releases may add fields, and never rename them.";

/// Makes the document.
pub(super) fn document() -> Value {
    let paths = commands::paths().into_iter().chain(media::paths());
    let tags = GROUPS.iter().map(|(name, about)| tag(name, about)).chain(
        [
            ("export", "Files of recordings to the object store: jobs"),
            ("still", "Pictures of recordings to the object store: jobs"),
            ("timeline", "Where there is tape of a stream"),
            ("help", "The commands"),
            ("events", "Events as they come"),
            ("media", "Files, playlists and chunks, for players"),
            ("box", "Health and metrics"),
        ]
        .map(|(name, about)| tag(name, about)),
    );
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "edgereel",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{
            "url": "{address}",
            "description": "The address that http.listen or http.public_url names.",
            "variables": { "address": { "default": "http://127.0.0.1:8080", "description": "Scheme, host and port." } },
        }],
        "security": [{}, { "key": [] }, { "login": [] }, { "session": [] }],
        "tags": tags.collect::<Vec<_>>(),
        "paths": paths.collect::<Map<String, Value>>(),
        "components": {
            "schemas": schemas(),
            "responses": responses(),
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer", "description": "The key of a [[viewer]]." },
                "login": { "type": "http", "scheme": "basic", "description": "The name of a [[viewer]], and its key." },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-edgereel",
                    "description": "The session of a login with a password; without TLS the cookie is called edgereel.",
                },
            },
        },
    })
}

fn tag(name: &str, about: &str) -> Value {
    json!({ "name": name, "description": format!("{about}.") })
}

fn schemas() -> Map<String, Value> {
    let shared = described::shared();
    let events = described::kinds().into_iter().map(|kind| {
        let (name, payload) = (
            format!("event.{}", kind.kind),
            described::referring(&kind.payload(), &shared),
        );
        (name, payload)
    });
    let own = [("refusal".to_owned(), refusal())];
    let named = shared.iter().filter(|(name, _)| *name != "failed");
    let named = named.map(|(name, schema)| ((*name).to_owned(), schema.clone()));
    named
        .chain(own)
        .chain(events)
        .chain(commands::answers())
        .collect()
}

/// An answer with an error. Only answers of commands have the id and `ok`.
fn refusal() -> Value {
    schema::object([
        (
            "id?",
            json!({ "type": ["string", "null"], "description": "The id of the request; only in answers of commands." }),
        ),
        (
            "ok?",
            json!({ "type": "boolean", "const": false, "description": "Only in answers of commands." }),
        ),
        ("error", schema::untitled(schema::of::<Failure>())),
    ])
}

/// A response for each code of a failure.
fn responses() -> Map<String, Value> {
    let response = |code: Code| {
        let mut response = json!({
            "description": format!("`{}`: {}", code.as_str(), meaning(code)),
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/refusal" } } },
        });
        if matches!(code, Code::Unavailable | Code::TooMany) {
            let seconds =
                json!({ "description": "Seconds to wait.", "schema": { "type": "integer", "minimum": 0 } });
            response["headers"] = json!({ "Retry-After": seconds });
        }
        (code.as_str().to_owned(), response)
    };
    Code::ALL.map(response).into_iter().collect()
}

fn meaning(code: Code) -> &'static str {
    match code {
        Code::BadRequest => {
            "the request cannot be understood, or asks for something impossible; `field` names the argument."
        }
        Code::Unauthorized => "nobody knows who asks, or the key, the signature or the token is not valid.",
        Code::Refused => "the caller may not do this; the message names the right that is missing.",
        Code::NotFound => "it is not there, or the caller may not see it.",
        Code::Conflict => "the current state does not allow it.",
        Code::Gone => "it was there, and was deleted or evicted.",
        Code::BadRange => "the file does not have these bytes.",
        Code::TooMany => "the caller asks too often.",
        Code::Internal => "a defect of edgereel.",
        Code::Unavailable => {
            "not possible now: the service starts or ends, or the storage device is away or stuck."
        }
    }
}

/// References to the responses of these codes, by their statuses.
pub(super) fn refusals(codes: &[Code]) -> Map<String, Value> {
    let response = |code: &Code| {
        let reference = json!({ "$ref": format!("#/components/responses/{}", code.as_str()) });
        (code.status().to_string(), reference)
    };
    codes.iter().map(response).collect()
}
