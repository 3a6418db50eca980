//! What is said below an answer: faults, missed times, and what is left of what was deleted. A line each.

use serde_json::Value;

use super::page::Page;
use super::value::cell;
use super::{plain, recorded};

/// All lines below an answer.
pub(super) fn all(result: &Value) -> Vec<String> {
    [
        recorded::notes(result),
        faults(result),
        missed(result),
        deleted(result),
    ]
    .concat()
}

/// Faults in the media of streams.
fn faults(result: &Value) -> Vec<String> {
    let rows = result.get("streams").and_then(Value::as_array);
    let of_row = |row: &Value| {
        let stream = row.get("stream").and_then(Value::as_str).unwrap_or_default();
        let notes = row.get("notes").and_then(Value::as_array).into_iter().flatten();
        let mut lines: Vec<String> = notes
            .filter_map(Value::as_str)
            .map(|note| format!("{stream}: {note}"))
            .collect();
        if let Some(frames @ 1..) = row.get("dropped_frames").and_then(Value::as_u64) {
            lines.push(format!(
                "{stream}: {frames} frames were not recorded: nothing can decode them"
            ));
        }
        lines.iter().map(|line| plain(line)).collect::<Vec<_>>()
    };
    rows.into_iter().flatten().flat_map(of_row).collect()
}

/// Times that tasks missed.
fn missed(result: &Value) -> Vec<String> {
    let rows = result.get("tasks").and_then(Value::as_array);
    let of_row = |row: &Value| {
        let missed = row.get("missed").filter(|missed| missed.is_object())?;
        let page = Page::stdout();
        let text = |row: &Value, name: &str| {
            row.get(name)
                .map(|value| cell(&page, name, value))
                .unwrap_or_default()
        };
        Some(plain(&format!(
            "task {} recorded nothing from {} to {}: {}",
            text(row, "task"),
            text(missed, "start"),
            text(missed, "end"),
            text(missed, "detail")
        )))
    };
    rows.into_iter().flatten().filter_map(of_row).collect()
}

/// What is to be said of a deleted recording, if more than that it is gone.
fn deleted(result: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if result.get("waits").is_some() {
        lines.push(
            "its footage is removed within minutes, also after a power cut: when the media that is being written is complete, or step by step because there is much of it"
                .to_owned(),
        );
    }
    if let Some(left) = result
        .get("left_s")
        .and_then(Value::as_f64)
        .filter(|left| *left > 0.0)
    {
        lines.push(format!(
            "{left:.1} s of its footage stay on this box, because other recordings need them"
        ));
    }
    if let Some(count) = result.get("given_up").and_then(Value::as_u64) {
        lines.push(format!(
            "{count} of its files were not delivered yet, and will not be"
        ));
    }
    if let Some(count) = result.get("still_delivered").and_then(Value::as_u64) {
        lines.push(format!(
            "{count} of its files stay where they were delivered to; '--remote true' would have removed them, too"
        ));
    }
    lines
}
