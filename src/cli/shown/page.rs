//! The page that answers are shown on: a terminal, or a pipe.

use std::io::IsTerminal as _;

use jiff::tz::TimeZone;

/// The width of a terminal that does not tell its own.
const USUAL_WIDTH: usize = 80;
/// No table can be read in fewer columns.
const LEAST_WIDTH: usize = 40;

/// The page for a person has a number of columns, and local times. The page for a program has everything, in UTC.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Page {
    /// Columns. There is no limit if there is none.
    pub(in crate::cli) width: Option<usize>,
    /// The zone of the times. UTC if there is none.
    pub(in crate::cli) zone: Option<TimeZone>,
}

impl Page {
    /// The page of standard output.
    pub(in crate::cli) fn stdout() -> Self {
        if std::io::stdout().is_terminal() {
            Self::terminal()
        } else {
            Self::default()
        }
    }

    /// A terminal, whatever standard output is: a person reads what a shell offers.
    pub(in crate::cli) fn terminal() -> Self {
        Self {
            width: Some(terminal_width()),
            zone: Some(TimeZone::system()),
        }
    }

    /// A moment (RFC 3339, UTC) as the page shows it: in whole seconds and in the page's zone.
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

/// The columns of the terminal, as the terminal or the environment says.
pub(in crate::cli) fn terminal_width() -> usize {
    let known = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    known
        .filter(|width| *width > 0)
        .or_else(said)
        .unwrap_or(USUAL_WIDTH)
        .max(LEAST_WIDTH)
}

/// A text in at most `width` columns. Its end is cut off if it does not fit.
pub(in crate::cli) fn fitted(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut fitted: String = text.chars().take(width.saturating_sub(1)).collect();
    fitted.push('…');
    fitted
}
