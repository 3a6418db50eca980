//! One object: its names beside their values, with inner objects below them and indented.

use serde_json::{Map, Value};

use super::page::Page;
use super::plain;
use super::value::{cell, label, pairs};

/// The most wanted fields come first, in this order. The others follow by name.
const FIRST: [&str; 15] = [
    "id",
    "recording",
    "task",
    "name",
    "stream",
    "kind",
    "format",
    "state",
    "reason",
    "detail",
    "paused",
    "store",
    "start",
    "end",
    "duration_s",
];
/// The indent of each inner object.
const STEP: usize = 2;

/// The fields of an object in the order of display. Fields with lines of their own come last.
pub(super) fn ordered(object: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let said = |value: &Value| match value {
        Value::Null => false,
        Value::Array(values) => !values.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => true,
    };
    let mut fields: Vec<(&str, &Value)> = object
        .iter()
        .filter(|(_, value)| said(value))
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    let rank = |name: &str| {
        FIRST
            .iter()
            .position(|first| *first == name)
            .unwrap_or(FIRST.len())
    };
    fields.sort_by_key(|(name, value)| (is_deep(value), rank(name)));
    fields
}

/// The lines of an object.
pub(super) fn lines(page: &Page, object: &Map<String, Value>) -> Vec<String> {
    let mut out = Vec::new();
    write(page, object, 0, &mut out);
    out
}

fn write(page: &Page, object: &Map<String, Value>, indent: usize, out: &mut Vec<String>) {
    let fields = ordered(object);
    let short = fields.iter().filter(|(_, value)| !is_deep(value));
    let width = short
        .map(|(name, _)| label(name).chars().count())
        .max()
        .unwrap_or(0);
    for (name, value) in fields {
        let name_shown = label(name);
        if let Some(text) = value.as_str().filter(|text| text.contains('\n')) {
            out.push(format!("{:indent$}{name_shown}", ""));
            let further = indent + STEP;
            out.extend(
                text.lines()
                    .map(|line| format!("{:further$}{}", "", plain(line)).trim_end().to_owned()),
            );
            continue;
        }
        match value {
            Value::Object(inner) => {
                out.push(format!("{:indent$}{name_shown}", ""));
                write(page, inner, indent + STEP, out);
            }
            Value::Array(values) if is_deep(value) => {
                out.push(format!("{:indent$}{name_shown}", ""));
                values
                    .iter()
                    .for_each(|value| item(page, name, value, indent + STEP, out));
            }
            _ => out.push(format!(
                "{:indent$}{name_shown:width$}  {}",
                "",
                cell(page, name, value)
            )),
        }
    }
}

/// One of several items: in one line where it fits, else in lines of its own behind a dash.
fn item(page: &Page, name: &str, value: &Value, indent: usize, out: &mut Vec<String>) {
    let Some(object) = value.as_object() else {
        out.push(format!("{:indent$}- {}", "", cell(page, name, value)));
        return;
    };
    let line = format!("{:indent$}- {}", "", pairs(page, object));
    if !object.values().any(is_deep) && line.chars().count() <= page.width.unwrap_or(100) {
        out.push(line);
        return;
    }
    let from = out.len();
    write(page, object, indent + STEP, out);
    if let Some(first) = out.get_mut(from) {
        *first = format!("{:indent$}- {}", "", first.trim_start());
    }
}

/// True for a value that has names of its own.
fn is_deep(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(values) => values.iter().any(is_deep),
        Value::String(text) => text.contains('\n'),
        _ => false,
    }
}
