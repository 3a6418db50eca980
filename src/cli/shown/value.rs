//! A value of an answer in a form for people.

use serde_json::{Map, Value};

use super::page::Page;
use super::plain;
use crate::cli::output;

/// Names of numbers of bytes that do not end in a unit.
const BYTES: [&str; 6] = ["bytes", "rss", "memory", "used", "left", "written"];
/// Lengths of time that are shown as on a clock.
const CLOCKS: [&str; 2] = ["duration_s", "uptime_s"];

/// The label of a field, for people.
pub(super) fn label(name: &str) -> String {
    match name {
        "duration_s" => "length".to_owned(),
        "bytes" => "size".to_owned(),
        "bits_per_second" => "bit rate".to_owned(),
        "fps" => "pictures/s".to_owned(),
        other => other.strip_suffix("_s").unwrap_or(other).replace('_', " "),
    }
}

/// A value in a line.
pub(super) fn cell(page: &Page, name: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => {
            quantity(name, number.as_f64().unwrap_or(0.0)).unwrap_or_else(|| number.to_string())
        }
        Value::String(text) => match moment(text) {
            Some(at) => page.time(at),
            None => plain(text),
        },
        Value::Array(values) => {
            let between = if values.iter().any(Value::is_object) {
                "; "
            } else {
                ","
            };
            let cells: Vec<String> = values.iter().map(|value| cell(page, name, value)).collect();
            cells.join(between)
        }
        Value::Object(object) => pairs(page, object),
    }
}

/// Names and values in a line.
pub(super) fn pairs(page: &Page, object: &Map<String, Value>) -> String {
    let told = super::fields::ordered(object)
        .into_iter()
        .map(|(name, value)| format!("{} {}", label(name), cell(page, name, value)));
    told.collect::<Vec<_>>().join(", ")
}

/// A number with its unit, where the field's name tells the unit.
fn quantity(name: &str, number: f64) -> Option<String> {
    if name == "bytes" || name.ends_with("_bytes") || BYTES.contains(&name) {
        return Some(output::bytes(number as u64));
    }
    if name == "rate" || name.ends_with("_rate") && name != "sample_rate" {
        return Some(format!("{}/s", output::bytes(number as u64)));
    }
    if name == "bits_per_second" {
        return Some(bit_rate(number));
    }
    if name == "sample_rate" {
        return Some(format!("{number} Hz"));
    }
    let seconds = name.strip_suffix("_s").map(|_| number)?;
    Some(if CLOCKS.contains(&name) || seconds >= 60.0 {
        output::clock((seconds * 1e6) as i64)
    } else {
        format!("{} s", (seconds * 100.0).round() / 100.0)
    })
}

fn bit_rate(bits: f64) -> String {
    match bits {
        bits if bits >= 1e6 => format!("{:.1} Mbit/s", bits / 1e6),
        bits if bits >= 1e3 => format!("{:.0} kbit/s", bits / 1e3),
        bits => format!("{bits:.0} bit/s"),
    }
}

/// A moment in the form that answers have.
pub(super) fn moment(text: &str) -> Option<jiff::Timestamp> {
    let date = text.len() >= 20 && text.as_bytes().get(10) == Some(&b'T') && text.ends_with('Z');
    date.then(|| text.parse().ok()).flatten()
}
