//! What the demo shows while it runs.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use super::broker::Heard;
use super::next;
use crate::cli::{output, shown};
use crate::daemon::Snapshot;
use crate::recorder::StreamStatus;

/// The last events have come within this time.
const LAST_EVENTS: Duration = Duration::from_millis(500);

/// One line that is written over on a terminal. In a pipe it is a line each second.
pub(super) struct Screen {
    /// Columns of the terminal, if there is one.
    width: Option<usize>,
    segments: u64,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            width: std::io::stdout().is_terminal().then(shown::terminal_width),
            segments: 0,
        }
    }

    pub(super) fn show(&mut self, elapsed: Duration, snapshot: &Snapshot) {
        let Some(stream) = snapshot.streams.first() else {
            return;
        };
        let progress = &snapshot.progress;
        let mut out = std::io::stdout().lock();
        let (over, end) = if self.width.is_some() {
            ("\r\x1b[K", "")
        } else {
            ("", "\n")
        };
        if progress.segments_sealed > self.segments {
            self.segments = progress.segments_sealed;
            let _ = writeln!(out, "{over}       segment {} sealed", self.segments);
        }
        let line = self.line(elapsed, snapshot, stream);
        let _ = write!(out, "{over}{line}{end}");
        let _ = out.flush();
    }

    /// The most important part comes first. The line is cut where the terminal ends, because a line that wraps is not written
    /// over.
    fn line(&self, elapsed: Duration, snapshot: &Snapshot, stream: &StreamStatus) -> String {
        let tracks: Vec<String> = [
            stream.tracks.video.as_ref().map(|video| format!("{video:?}")),
            stream.tracks.audio.as_ref().map(|audio| format!("{audio:?}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        let elapsed = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
        let durable = output::bytes(snapshot.progress.bytes_durable);
        let parts = [
            output::clock(elapsed),
            stream.stream.to_string(),
            format!("{} kbit/s", stream.bits_per_second / 1000),
            format!("received {}, durable {durable}", output::bytes(stream.bytes)),
            format!("in memory {}", output::bytes(stream.ring_bytes as u64)),
            tracks.join(" + "),
        ];
        let mut line = String::new();
        for part in parts {
            let longer = line.chars().count() + 2 + part.chars().count();
            if !line.is_empty() && self.width.is_some_and(|width| longer >= width) {
                break;
            }
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(&part);
        }
        line
    }

    /// Prints a line above the line of the progress.
    pub(super) fn say(&self, line: &str) {
        match self.width {
            Some(width) => println!("\r\x1b[K{}", shown::fitted(&format!("       {line}"), width)),
            None => println!("       {line}"),
        }
    }

    /// Prints a line above the line of the progress, whole: it may be copied.
    pub(super) fn say_whole(&self, line: &str) {
        let over = self.width.map_or("", |_| "\r\x1b[K");
        println!("{over}{line}");
    }

    /// Prints the remaining lines, up to the end of the service.
    pub(super) async fn hear(&self, heard: &mut Option<Heard>) {
        while let Ok(Some(line)) = tokio::time::timeout(LAST_EVENTS, next(heard)).await {
            self.say(&line);
            if line.ends_with("is stopped") {
                return;
            }
        }
    }

    pub(super) fn done(&self) {
        if self.width.is_some() {
            println!();
        }
    }
}
