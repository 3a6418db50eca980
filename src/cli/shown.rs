//! Answers as people read them.

use std::io::{IsTerminal as _, Write};

use serde_json::{Map, Value};

use super::output;

/// What is told of each thing in a list, where not all of it is.
const COLUMNS: &[(&str, &[&str])] = &[
    (
        "recordings",
        &[
            "id",
            "stream",
            "state",
            "start",
            "duration_s",
            "bytes",
            "template",
            "name",
        ],
    ),
    (
        "tasks",
        &[
            "task", "stream", "state", "start", "end", "weekly", "template", "name",
        ],
    ),
    ("rules", &["domain", "stream", "template", "record", "from"]),
    (
        "templates",
        &["name", "formats", "split", "resume_window", "keep", "from"],
    ),
    (
        "streams",
        &["stream", "peer", "bits_per_second", "fps", "gop_s", "recordings"],
    ),
];

/// Prints the result of a command.
pub(super) fn print(command: &str, result: &Value) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let Some(object) = result.as_object() else {
        return Ok(writeln!(out, "{result}")?);
    };
    let mut object = object.clone();
    let warnings = object.remove("warnings");
    for warning in warnings.iter().filter_map(Value::as_array).flatten() {
        let warning = warning.as_str().map_or_else(|| warning.to_string(), plain);
        eprintln!("edgereel: warning: {warning}");
    }
    let object = &object;
    let list = COLUMNS.iter().find_map(|(name, columns)| {
        let rows: Vec<&Map<String, Value>> = object
            .get(*name)?
            .as_array()?
            .iter()
            .filter_map(Value::as_object)
            .collect();
        (command.ends_with(".list")).then_some((*name, *columns, rows))
    });
    let Some((name, columns, rows)) = list else {
        return Ok(fields(&mut out, object)?);
    };
    if rows.is_empty() && std::io::stdout().is_terminal() {
        writeln!(out, "no {name}")?;
    }
    table(&mut out, columns, &rows)?;
    if let Some(next) = object.get("next").and_then(Value::as_str) {
        eprintln!("there may be more: --after {next}, or after={next} with ctl");
    }
    Ok(())
}

/// An event, or a status, as `ctl watch` prints it: when, where, what, and what of it people look for.
pub(super) fn event(prefix: &str, topic: &str, said: &Value) -> String {
    let text = |value: &Value, name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let time: String = text(said, "time").chars().take(19).collect();
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
        "store",
        "what",
        "detail",
        "reason",
        "version",
    ];
    let mut line = format!("{time}  {device}  {:24}", text(said, "type"));
    for name in looked_for {
        let cell = body.get(name).map(|value| cell(name, value)).unwrap_or_default();
        if !cell.is_empty() {
            line.push_str(&format!("  {name}={cell}"));
        }
    }
    if let Some(dropped) = said.get("dropped") {
        line.push_str(&format!("  ({dropped} events before this one were lost)"));
    }
    plain(&line)
}

/// A terminal must not be told what to do by what somebody named.
fn plain(text: &str) -> String {
    text.trim_end().chars().filter(|c| !c.is_control()).collect()
}

fn fields(out: &mut impl Write, object: &Map<String, Value>) -> std::io::Result<()> {
    // A name alone in a list is what a shell wants to go on with.
    if let (1, Some(Value::Array(values))) = (object.len(), object.values().next()) {
        return values
            .iter()
            .try_for_each(|value| writeln!(out, "{}", cell("", value)));
    }
    let width = object.keys().map(String::len).max().unwrap_or(0);
    let said = |value: &Value| !value.is_null() && value.as_array().is_none_or(|values| !values.is_empty());
    for (name, value) in object.iter().filter(|(_, value)| said(value)) {
        let things = value
            .as_array()
            .filter(|values| values.iter().all(Value::is_object));
        let Some(things) = things else {
            match value.as_str().filter(|text| text.contains('\n')) {
                Some(text) => {
                    writeln!(out, "{name}")?;
                    text.lines()
                        .try_for_each(|line| writeln!(out, "  {}", plain(line)))?;
                }
                None => writeln!(out, "{name:width$}  {}", cell(name, value))?,
            }
            continue;
        };
        for thing in things.iter().filter_map(Value::as_object) {
            let cells = thing.iter().map(|(name, value)| cell(name, value));
            let cells: Vec<String> = cells.filter(|cell| !cell.is_empty()).collect();
            writeln!(out, "{name:width$}  {}", cells.join("  "))?;
        }
    }
    Ok(())
}

fn table(out: &mut impl Write, columns: &[&str], rows: &[&Map<String, Value>]) -> std::io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let of_row = |row: &&Map<String, Value>| -> Vec<String> {
        let cells = columns
            .iter()
            .map(|column| row.get(*column).unwrap_or(&Value::Null));
        columns
            .iter()
            .zip(cells)
            .map(|(column, value)| cell(column, value))
            .collect()
    };
    let cells: Vec<Vec<String>> = rows.iter().map(of_row).collect();
    let heads: Vec<String> = columns
        .iter()
        .map(|column| match *column {
            "duration_s" => "LENGTH".to_owned(),
            "bytes" => "SIZE".to_owned(),
            "bits_per_second" => "BIT/S".to_owned(),
            other => other.to_uppercase(),
        })
        .collect();
    let lines = std::iter::once(&heads).chain(&cells);
    let mut widths = vec![0; columns.len()];
    for line in lines.clone() {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    for line in lines {
        let padded = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let text = padded.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

fn cell(column: &str, value: &Value) -> String {
    match (column, value) {
        ("bytes" | "sent_bytes" | "waiting_bytes", Value::Number(bytes)) => {
            output::bytes(bytes.as_u64().unwrap_or(0))
        }
        ("rate" | "max_rate", Value::Number(bytes)) => {
            format!("{}/s", output::bytes(bytes.as_u64().unwrap_or(0)))
        }
        ("duration_s", Value::Number(seconds)) => {
            output::clock((seconds.as_f64().unwrap_or(0.0) * 1e6) as i64)
        }
        (_, Value::Null) => String::new(),
        (_, Value::String(text)) => plain(text),
        (_, Value::Array(values)) if values.iter().all(|value| !value.is_object()) => values
            .iter()
            .map(|value| cell("", value))
            .collect::<Vec<_>>()
            .join(","),
        (_, other) => other.to_string(),
    }
}
