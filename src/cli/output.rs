//! What commands show people: sizes, lengths of time, progress.

use std::io::Write as _;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over so many bytes, on a terminal; in a pipe nothing.
pub(super) fn bytes_bar(what: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = "{msg} {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.set_message(what.to_owned());
    bar
}

/// `1.2 GB`: three digits are enough to know what one has.
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

/// `1:02:03`, `02:03`.
pub(super) fn clock(micros: i64) -> String {
    let seconds = micros.max(0) / 1_000_000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes:02}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A line for standard output.
pub(super) fn line(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    // Who reads a pipe wants each line when it is there.
    Ok(out.flush()?)
}

/// The same of bytes as they are.
pub(super) fn bytes_of(text: &[u8]) -> anyhow::Result<()> {
    Ok(std::io::stdout().lock().write_all(text)?)
}

/// True for the error of writing to `| head`: the reader has what it wanted.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
