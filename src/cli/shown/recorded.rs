//! Whether a stream is recorded: in a word, and the reason if not.

use serde_json::{Map, Value};

use super::plain;

/// The formats in which it is recorded, or `no`.
pub(super) fn word(recorded: &Value) -> String {
    let by = recorded.get("by").and_then(Value::as_array).into_iter().flatten();
    let formats = by.filter_map(|by| by.get("formats")?.as_array());
    let formats: Vec<String> = formats
        .map(|formats| {
            formats
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(",")
        })
        .collect();
    if formats.is_empty() {
        "no".to_owned()
    } else {
        formats.join(" + ")
    }
}

/// The streams of a list that are not recorded, with the reasons.
pub(super) fn notes(result: &Value) -> Vec<String> {
    let streams = result
        .get("streams")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    streams.filter_map(Value::as_object).flat_map(of).collect()
}

fn of(row: &Map<String, Value>) -> Vec<String> {
    let text = |value: &Value, name: &str| plain(value.get(name).and_then(Value::as_str).unwrap_or_default());
    let stream = row
        .get("stream")
        .and_then(Value::as_str)
        .map(plain)
        .unwrap_or_default();
    let unrecorded = row
        .get("recorded")
        .filter(|recorded| recorded.get("now") == Some(&Value::Bool(false)));
    let left_out = row
        .get("left_out")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let tracks = left_out.map(|track| {
        format!(
            "the {} is {}, which is not recorded",
            text(track, "kind"),
            text(track, "codec")
        )
    });
    let notes = unrecorded
        .map(|recorded| text(recorded, "text"))
        .into_iter()
        .chain(tracks);
    notes.map(|note| format!("{stream}: {note}")).collect()
}
