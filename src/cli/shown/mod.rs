//! Answers in a form for people. Programs use `--json`.
//!
//! | module | what it is |
//! |---|---|
//! | `page` | a terminal of so many columns, or a pipe |
//! | `table` | items of one kind, a line each |
//! | `fields` | one object, name by name |
//! | `columns` | the fields of each list |
//! | `recorded` | whether a stream is recorded |
//! | `notes` | what is said below an answer |
//! | `value` | a number with its unit, a time |

mod columns;
mod fields;
mod notes;
mod page;
mod recorded;
mod table;
mod value;

use std::io::Write as _;

use serde_json::{Map, Value};

use columns::{COLUMNS, RECORDINGS};
pub(super) use page::{Page, fitted, terminal_width};
use table::Pages;
use value::cell;

use crate::api;
use crate::model::misleads;

/// Prints the result of a command.
pub(super) fn print(command: &str, result: &Value) -> anyhow::Result<()> {
    let page = Page::stdout();
    let mut result = result.clone();
    let warnings = result
        .as_object_mut()
        .and_then(|object| object.remove("warnings"));
    for warning in warnings.iter().filter_map(Value::as_array).flatten() {
        let warning = warning.as_str().map_or_else(|| warning.to_string(), plain);
        eprintln!("edgereel: warning: {warning}");
    }
    let mut out = std::io::stdout().lock();
    for line in lines(&page, command, &result) {
        writeln!(out, "{line}")?;
    }
    drop(out);
    for note in notes::all(&result) {
        eprintln!("edgereel: {note}");
    }
    if let Some(next) = result.get("next").and_then(Value::as_str) {
        eprintln!("there may be more: --after {next}, or after={next} with ctl");
    }
    Ok(())
}

/// A recording within a sentence: its id, its stream and the like.
pub(super) fn sentence(id: &Value, row: &Value) -> String {
    let page = Page::default();
    let field = |name: &str| {
        row.get(name)
            .map(|value| cell(&page, name, value))
            .unwrap_or_default()
    };
    format!(
        "recording {} ({}, from {}, {} long)",
        cell(&page, "", id),
        field("stream"),
        field("start"),
        field("duration_s")
    )
}

fn lines(page: &Page, command: &str, result: &Value) -> Vec<String> {
    let Some(object) = result.as_object() else {
        return vec![cell(page, "", result)];
    };
    let is_list = api::command(command).is_some_and(api::Command::is_list);
    let list = COLUMNS
        .iter()
        .find(|(name, _)| is_list && object.get(*name).is_some_and(Value::is_array));
    if let Some((name, columns)) = list {
        let rows = object.get(*name).and_then(Value::as_array).into_iter().flatten();
        let rows: Vec<Map<String, Value>> = rows.filter_map(Value::as_object).map(readable).collect();
        return if rows.is_empty() {
            none(page, name)
        } else {
            table::lines(page, columns, &rows.iter().collect::<Vec<_>>())
        };
    }
    // A list of names alone is for use in a shell.
    if let (1, Some((name, Value::Array(values)))) = (object.len(), object.iter().next())
        && !values.iter().any(Value::is_object)
    {
        return if values.is_empty() {
            none(page, name)
        } else {
            values.iter().map(|value| cell(page, "", value)).collect()
        };
    }
    let lines = fields::lines(page, object);
    match (lines.is_empty(), object.iter().next()) {
        (true, Some((name, Value::Array(_)))) => none(page, name),
        _ => lines,
    }
}

/// The line about an empty list. A person needs it; a pipe gets nothing.
fn none(page: &Page, name: &str) -> Vec<String> {
    match page.width {
        Some(_) => vec![format!("no {name}")],
        None => Vec::new(),
    }
}

/// The lines of a list of recordings, as `ls` shows it.
pub(super) fn recordings<'a>(page: &'a Page) -> Recordings<'a> {
    Recordings {
        page,
        pages: Pages::new(page, RECORDINGS),
        is_first: true,
    }
}

/// A list of recordings that is written in parts.
pub(super) struct Recordings<'a> {
    page: &'a Page,
    pages: Pages<'a>,
    is_first: bool,
}

impl Recordings<'_> {
    /// The lines of the next recordings.
    pub(super) fn lines(&mut self, rows: &[Value]) -> Vec<String> {
        let rows: Vec<Map<String, Value>> = rows.iter().filter_map(Value::as_object).map(readable).collect();
        let is_empty = std::mem::take(&mut self.is_first) && rows.is_empty();
        if is_empty {
            none(self.page, "recordings")
        } else {
            self.pages.lines(&rows.iter().collect::<Vec<_>>())
        }
    }
}

/// A row for a table: its state in a word, its tracks in a few words.
fn readable(row: &Map<String, Value>) -> Map<String, Value> {
    let mut row = row.clone();
    if row.get("paused") == Some(&Value::Bool(true)) && row.get("state").is_some_and(|state| state == "open")
    {
        row.insert("state".to_owned(), "paused".into());
    }
    if row.get("missed").is_some_and(Value::is_object)
        && row.get("state").is_some_and(|state| state == "over")
    {
        row.insert("state".to_owned(), "missed".into());
    }
    if let Some(recorded) = row.get("recorded").map(recorded::word) {
        row.insert("recorded".to_owned(), recorded.into());
    }
    if let Some(tracks) = row.get("tracks").and_then(Value::as_array) {
        let told: Vec<String> = tracks.iter().map(track).collect();
        row.insert("tracks".to_owned(), told.join(", ").into());
    }
    row
}

fn track(track: &Value) -> String {
    let of = |name: &str| track.get(name).filter(|value| !value.is_null());
    let codec = of("codec").and_then(Value::as_str).unwrap_or_default();
    match (of("width"), of("height"), of("sample_rate")) {
        (Some(width), Some(height), _) => format!("{codec} {width}x{height}"),
        (_, _, Some(rate)) => format!("{codec} {rate} Hz"),
        _ => codec.to_owned(),
    }
}

/// An event, or a status, as `ctl watch` prints it: time, box, kind, and the most wanted fields.
pub(super) fn event(page: &Page, prefix: &str, topic: &str, said: &Value) -> String {
    let text = |value: &Value, name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let time = cell(page, "time", said.get("time").unwrap_or(&Value::Null));
    let device = topic
        .strip_prefix(prefix)
        .unwrap_or(topic)
        .trim_start_matches('/');
    let device = device.split('/').next().unwrap_or_default();
    let Some(body) = said.get("data").and_then(Value::as_object) else {
        return plain(&format!("{time}  {device}  is {}", text(said, "state")));
    };
    let looked_for = [
        "stream",
        "recording",
        "format",
        "start",
        "end",
        "duration_s",
        "bytes",
        "url",
        "master_url",
        "store",
        "what",
        "detail",
        "reason",
        "version",
    ];
    let mut line = format!("{time}  {device}  {:20}", text(said, "type"));
    if let Some(recorded) = body.get("recorded").map(recorded::word) {
        line.push_str(&format!("  recorded={recorded}"));
    }
    for name in looked_for {
        let cell = body
            .get(name)
            .map(|value| cell(page, name, value))
            .unwrap_or_default();
        if !cell.is_empty() {
            line.push_str(&format!("  {name}={cell}"));
        }
    }
    if let Some(dropped) = said.get("dropped") {
        line.push_str(&format!("  ({dropped} events before this one were lost)"));
    }
    plain(&line)
}

/// Removes control characters and overrides of the direction of writing, because a name must not control the terminal, or turn
/// the text beside it.
fn plain(text: &str) -> String {
    text.trim_end().chars().filter(|c| !misleads(*c)).collect()
}

#[cfg(test)]
mod tests;
