//! Texts for people: sizes, lengths of time, progress.

use std::io::Write as _;

use indicatif::{ProgressBar, ProgressStyle};

use crate::https::with_causes;

/// A bar over a number of bytes on a terminal. In a pipe there is none.
pub(super) fn bytes_bar(what: &'static str, total: u64) -> ProgressBar {
    let template = "{prefix} {wide_bar} {percent:>3}%  {decimal_bytes} of {decimal_total_bytes}  \
                    {decimal_bytes_per_sec}  {eta} left";
    styled(ProgressBar::new(total), what, template)
}

/// A bar over milliseconds of sent media. It has no end where the length is not known.
pub(super) fn sent_bar(length_ms: Option<u64>) -> ProgressBar {
    match length_ms.filter(|length| *length > 0) {
        Some(length) => {
            let end = clock(i64::try_from(length.saturating_mul(1_000)).unwrap_or(i64::MAX));
            let template = format!("{{prefix}} {{wide_bar}} {{percent:>3}}%  {{msg}} of {end}  {{eta}} left");
            // The bytes stand in the message, in front of the length of the file.
            styled(ProgressBar::new(length), "sent", &template)
        }
        None => styled(ProgressBar::no_length(), "sent", "{prefix}  {msg}"),
    }
}

/// Shows how much was sent.
pub(super) fn sent(bar: &ProgressBar, at_ms: u64, count: u64) {
    if bar.is_hidden() {
        return;
    }
    bar.set_position(at_ms);
    let seconds = bar.elapsed().as_secs_f64().max(0.001);
    let rate = bytes((count as f64 / seconds) as u64);
    let at = clock(i64::try_from(at_ms.saturating_mul(1_000)).unwrap_or(i64::MAX));
    bar.set_message(format!("{}  {rate}/s  {at}", bytes(count)));
}

fn styled(bar: ProgressBar, what: &'static str, template: &str) -> ProgressBar {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.with_prefix(what)
}

/// A size such as `1.2 GB`. Three digits are enough for people.
pub(super) fn bytes(count: u64) -> String {
    let units = [
        ("TB", 1_000_000_000_000_u64),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1_000),
    ];
    match units.into_iter().find(|(_, unit)| count >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", count as f64 / unit as f64),
        None => format!("{count} B"),
    }
}

/// A length of time such as `1:02:03` or `02:03`.
pub(super) fn clock(micros: i64) -> String {
    let seconds = micros.max(0) / 1_000_000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes:02}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// Writes a line to standard output.
pub(super) fn line(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    // A reader of the pipe wants each line at once.
    Ok(out.flush()?)
}

/// Writes bytes to standard output as they are.
pub(super) fn bytes_of(text: &[u8]) -> anyhow::Result<()> {
    Ok(std::io::stdout().lock().write_all(text)?)
}

/// An error with all its causes, each once: the text of the failed action often has that of the system already.
pub(super) fn told(error: &anyhow::Error) -> String {
    with_causes(error.as_ref())
}

/// True for the error of writing to `| head`, when the reader has enough.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref().map(std::io::Error::kind);
        let json = cause.downcast_ref().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_said_is_told_once() {
        let io = || std::io::Error::from_raw_os_error(13);
        let own = crate::store::StoreError::Disk {
            what: "open",
            path: "/data/lock".into(),
            source: io(),
        };
        let error = anyhow::Error::new(own).context("the service cannot start");
        assert_eq!(
            told(&error),
            "the service cannot start: /data/lock: cannot open: Permission denied (os error 13)"
        );
        let error = anyhow::Error::new(io()).context("cannot read 'x'");
        assert_eq!(told(&error), "cannot read 'x': Permission denied (os error 13)");
    }

    #[test]
    fn sizes_and_lengths_are_short() {
        assert_eq!(
            (bytes(999), bytes(1_234_567)),
            ("999 B".to_owned(), "1.2 MB".to_owned())
        );
        assert_eq!(
            (clock(61_000_000), clock(7_322_000_000)),
            ("01:01".to_owned(), "2:02:02".to_owned())
        );
    }
}
