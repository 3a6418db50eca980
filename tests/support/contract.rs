//! Compares messages on the wire with the published schemas of MQTT: `docs/schemas.json`.

use std::sync::OnceLock;

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value};

const SCHEMAS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schemas.json"));

/// Fails unless a message on a topic of the box with this root fits its schema. Empty messages are correct where the schemas
/// allow them: they remove a stream's retained message, or request a command without arguments.
#[track_caller]
pub(crate) fn check(root: &str, topic: &str, payload: &[u8]) {
    if let Err(wrong) = verdict(root, topic, payload) {
        panic!("{topic}: {wrong}\n{}", String::from_utf8_lossy(payload));
    }
}

/// Fails unless the answer of a command fits its schema, whichever way it came.
#[track_caller]
pub(crate) fn check_answer(command: &str, answer: &Value) {
    check(
        "x",
        &format!("x/response/{command}"),
        answer.to_string().as_bytes(),
    );
}

/// The same as a verdict: the fault, if there is one.
pub(crate) fn verdict(root: &str, topic: &str, payload: &[u8]) -> Result<(), String> {
    let below = topic.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'));
    let below = below.ok_or_else(|| format!("not a topic below {root}"))?;
    let message: Value = match (payload.is_empty(), below.split('/').next()) {
        (true, Some("stream")) => return Ok(()),
        (true, Some("request")) => Map::new().into(),
        _ => serde_json::from_slice(payload).map_err(|error| format!("not JSON: {error}"))?,
    };
    let schemas = schemas();
    let exact = schemas.iter().find(|(filter, _)| filter == below);
    let found = exact.or_else(|| schemas.iter().find(|(filter, _)| matches(filter, below)));
    let (filter, validator) = found.ok_or("docs/schemas.json has no such topic")?;
    let wrong = validator.iter_errors(&message);
    let wrong: Vec<String> = wrong
        .map(|error| format!("{}: {error}", error.instance_path))
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "not as {filter} in docs/schemas.json says: {}",
            wrong.join("; ")
        ))
    }
}

fn schemas() -> &'static [(String, Validator)] {
    static READ: OnceLock<Vec<(String, Validator)>> = OnceLock::new();
    READ.get_or_init(|| {
        let read: Map<String, Value> = serde_json::from_str(SCHEMAS).expect("docs/schemas.json");
        let validator = |schema: &Value| {
            let options = jsonschema::options().with_draft(Draft::Draft7);
            options
                .should_validate_formats(true)
                .build(schema)
                .expect("a schema")
        };
        read.iter()
            .map(|(filter, schema)| (filter.clone(), validator(schema)))
            .collect()
    })
}

/// As brokers match topics (MQTT 5, 4.7.1).
fn matches(filter: &str, topic: &str) -> bool {
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", Some(_)) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}
