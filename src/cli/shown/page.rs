//! What answers are shown on: a terminal, or whatever reads a pipe.

use std::io::IsTerminal as _;

use jiff::tz::TimeZone;

/// What a terminal has that does not say.
const USUAL_WIDTH: usize = 80;
/// Narrower than this no table can be read.
const LEAST_WIDTH: usize = 40;

/// A person has so many columns, and a clock on the wall; a program wants all of it, in UTC.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Page {
    /// Columns; without end, if there is none.
    pub(in crate::cli) width: Option<usize>,
    /// The zone that times are told in; UTC, if there is none.
    pub(in crate::cli) zone: Option<TimeZone>,
}

impl Page {
    /// Where standard output goes.
    pub(in crate::cli) fn stdout() -> Self {
        if std::io::stdout().is_terminal() {
            Self::terminal()
        } else {
            Self::default()
        }
    }

    /// A terminal, whatever standard output is: what a shell offers is read by a person.
    pub(in crate::cli) fn terminal() -> Self {
        Self {
            width: Some(terminal_width()),
            zone: Some(TimeZone::system()),
        }
    }

    /// A moment (RFC 3339, UTC) as it is told here: the same, in whole seconds and the time of the place.
    pub(in crate::cli) fn time(&self, at: jiff::Timestamp) -> String {
        match &self.zone {
            Some(zone) if zone.to_offset(at).is_zero() => utc(at),
            Some(zone) => at
                .to_zoned(zone.clone())
                .strftime("%Y-%m-%dT%H:%M:%S%:z")
                .to_string(),
            None => utc(at),
        }
    }
}

fn utc(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The columns of the terminal, as it says, or as the environment does.
pub(in crate::cli) fn terminal_width() -> usize {
    let known = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    known
        .filter(|width| *width > 0)
        .or_else(said)
        .unwrap_or(USUAL_WIDTH)
        .max(LEAST_WIDTH)
}

/// A text in so many columns: its end is left out, if it does not fit.
pub(in crate::cli) fn fitted(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut fitted: String = text.chars().take(width.saturating_sub(1)).collect();
    fitted.push('…');
    fitted
}
