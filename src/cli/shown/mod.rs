//! Answers in a form for people. Programs use `--json`.
//!
//! | module | what it is |
//! |---|---|
//! | `page` | a terminal of so many columns, or a pipe |
//! | `table` | items of one kind, a line each |
//! | `fields` | one object, name by name |
//! | `recorded` | whether a stream is recorded |
//! | `value` | a number with its unit, a time |

mod fields;
mod page;
mod recorded;
mod table;
mod value;

use std::io::Write as _;

use serde_json::{Map, Value};

pub(super) use page::{Page, fitted, terminal_width};
use table::{Column, Kind, Pages};
use value::cell;

use crate::api;

const fn column(name: &'static str, head: &'static str, kind: Kind, spare: u8) -> Column {
    Column {
        name,
        head,
        kind,
        spare,
    }
}

/// The columns of `ls` for each recording.
pub(super) const RECORDINGS: &[Column] = &[
    column("id", "ID", Kind::Id, 0),
    column("stream", "STREAM", Kind::Text, 0),
    column("state", "STATE", Kind::Word, 0),
    column("start", "START", Kind::Time, 0),
    column("duration_s", "LENGTH", Kind::Number, 0),
    column("bytes", "SIZE", Kind::Number, 1),
    column("formats", "FORMATS", Kind::Text, 1),
    column("tracks", "TRACKS", Kind::Text, 3),
    column("url", "URL", Kind::Text, 4),
];

/// The columns of each list that does not show all fields.
const COLUMNS: &[(&str, &[Column])] = &[
    (
        "recordings",
        &[
            column("id", "ID", Kind::Id, 0),
            column("stream", "STREAM", Kind::Text, 0),
            column("state", "STATE", Kind::Word, 0),
            column("start", "START", Kind::Time, 0),
            column("duration_s", "LENGTH", Kind::Number, 0),
            column("bytes", "SIZE", Kind::Number, 1),
            column("formats", "FORMATS", Kind::Text, 1),
            column("template", "TEMPLATE", Kind::Text, 2),
            column("name", "NAME", Kind::Text, 2),
        ],
    ),
    (
        "channels",
        &[
            column("name", "NAME", Kind::Text, 0),
            column("state", "STATE", Kind::Word, 0),
            column("start", "START", Kind::Time, 0),
            column("play", "PLAY", Kind::Word, 0),
            column("duration_s", "LENGTH", Kind::Number, 0),
            column("expires", "EXPIRES", Kind::Time, 2),
            column("url", "URL", Kind::Text, 1),
        ],
    ),
    (
        "pushes",
        &[
            column("channel", "CHANNEL", Kind::Text, 0),
            column("push", "PUSH", Kind::Number, 0),
            column("state", "STATE", Kind::Word, 0),
            column("since", "SINCE", Kind::Time, 1),
            column("url", "TO", Kind::Text, 0),
            column("sent_bytes", "SENT", Kind::Number, 1),
            column("reason", "WHY", Kind::Text, 0),
        ],
    ),
    (
        "tasks",
        &[
            column("task", "TASK", Kind::Id, 0),
            column("stream", "STREAM", Kind::Text, 0),
            column("state", "STATE", Kind::Word, 0),
            column("start", "START", Kind::Time, 0),
            column("end", "END", Kind::Time, 1),
            column("weekly", "WEEKLY", Kind::Text, 1),
            column("template", "TEMPLATE", Kind::Text, 2),
            column("name", "NAME", Kind::Text, 2),
            column("from", "FROM", Kind::Word, 2),
        ],
    ),
    (
        "rules",
        &[
            column("domain", "DOMAIN", Kind::Text, 1),
            column("stream", "STREAM", Kind::Text, 0),
            column("template", "TEMPLATE", Kind::Text, 0),
            column("record", "RECORD", Kind::Text, 0),
            column("from", "FROM", Kind::Text, 2),
        ],
    ),
    (
        "templates",
        &[
            column("name", "NAME", Kind::Text, 0),
            column("formats", "FORMATS", Kind::Text, 0),
            column("split", "SPLIT", Kind::Text, 1),
            column("resume_window", "RESUME", Kind::Text, 2),
            column("keep", "KEEP", Kind::Text, 1),
            column("from", "FROM", Kind::Text, 2),
        ],
    ),
    (
        "streams",
        &[
            column("stream", "STREAM", Kind::Text, 0),
            column("peer", "PEER", Kind::Text, 2),
            column("bits_per_second", "BIT RATE", Kind::Number, 0),
            column("fps", "FPS", Kind::Number, 1),
            column("gop_s", "GOP", Kind::Number, 1),
            column("recorded", "RECORDED", Kind::Text, 0),
            column("recordings", "RECORDINGS", Kind::Text, 1),
        ],
    ),
    (
        "spans",
        &[
            column("from", "FROM", Kind::Time, 0),
            column("to", "TO", Kind::Time, 0),
            column("recordings", "RECORDINGS", Kind::Text, 0),
            column("gap_reason", "THEN NOTHING, BECAUSE", Kind::Text, 0),
        ],
    ),
    (
        "entries",
        &[
            column("time", "TIME", Kind::Time, 0),
            column("command", "COMMAND", Kind::Word, 0),
            column("object", "WHAT", Kind::Text, 0),
            column("door", "DOOR", Kind::Word, 1),
            column("who", "WHO", Kind::Text, 0),
            column("request", "REQUEST", Kind::Text, 2),
            column("outcome", "OUTCOME", Kind::Word, 0),
        ],
    ),
];

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
    for note in recorded::notes(&result)
        .iter()
        .chain(&notes(&result))
        .chain(&missed(&result))
        .chain(&deleted(&result))
    {
        eprintln!("edgereel: {note}");
    }
    if let Some(next) = result.get("next").and_then(Value::as_str) {
        eprintln!("there may be more: --after {next}, or after={next} with ctl");
    }
    Ok(())
}

/// The lines about a deleted recording, if more is to be said than that it is gone.
fn deleted(result: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if result.get("waits").is_some() {
        lines.push(
            "its footage is removed when the media that is being written is complete, within about a minute, also after a power cut"
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

/// Faults in the media of streams: a line each, below the table.
fn notes(result: &Value) -> Vec<String> {
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

/// Times that tasks missed: a line each, below the table.
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

/// Removes control characters, because a name must not control the terminal.
fn plain(text: &str) -> String {
    text.trim_end().chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests;
