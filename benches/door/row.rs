//! The lines of the last table: each figure beside its bar.

use crate::arguments::Arguments;
use crate::common::table;

/// A figure, and what it is held against.
pub(crate) struct Row {
    figure: String,
    bar: String,
    seen: String,
    met: Option<bool>,
}

impl Row {
    /// A figure that must not be larger than its bar.
    pub(crate) fn at_most(figure: &str, seen: f64, bar: f64, show: impl Fn(f64) -> String) -> Self {
        Self {
            figure: figure.to_owned(),
            bar: format!("≤ {}", show(bar)),
            seen: show(seen),
            met: Some(seen <= bar),
        }
    }

    /// A figure that must not be smaller than its bar.
    pub(crate) fn at_least(figure: &str, seen: f64, bar: f64, show: impl Fn(f64) -> String) -> Self {
        Self {
            figure: figure.to_owned(),
            bar: format!("≥ {}", show(bar)),
            seen: show(seen),
            met: Some(seen >= bar),
        }
    }

    /// A figure without a bar, or one that could not be measured.
    pub(crate) fn said(figure: &str, seen: impl Into<String>) -> Self {
        Self {
            figure: figure.to_owned(),
            bar: "–".to_owned(),
            seen: seen.into(),
            met: None,
        }
    }
}

pub(crate) fn milliseconds(value: f64) -> String {
    format!("{value:.2} ms")
}

pub(crate) fn kilobytes(value: f64) -> String {
    format!("{:.1} kB", value / 1e3)
}

pub(crate) fn mebibytes(value: f64) -> String {
    format!("{value:.1} MiB")
}

pub(crate) fn times(value: f64) -> String {
    format!("{value:.3} ×")
}

pub(crate) fn print(rows: &[Row], arguments: &Arguments) {
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let met = match row.met {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "–",
            };
            vec![
                row.figure.clone(),
                row.bar.clone(),
                row.seen.clone(),
                met.to_owned(),
            ]
        })
        .collect();
    let how = if arguments.quick { ", quick" } else { "" };
    let title = format!("viewers: medians of {} run(s){how}", arguments.runs);
    table::print(&title, &["", "bar", "seen", "met"], &lines);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    println!("\n  load at the end: {load} (1, 5 and 15 minutes; it contains this bench)");
}
