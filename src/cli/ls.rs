//! `edgereel ls`: what was recorded.

use std::io::{IsTerminal as _, Write};

use serde_json::{Value, json};

use super::open::StoreArgument;
use super::output;
use super::when::When;
use crate::api::recording_row;
use crate::event::rfc3339;
use crate::media::StreamName;
use crate::store::{Filter, RecordingRow, TrackRow};

#[derive(clap::Args)]
pub(super) struct Ls {
    #[command(flatten)]
    store: StoreArgument,
    /// Only of this stream, as in live/cam1.
    #[arg(long)]
    stream: Option<StreamName>,
    /// Only what ended after this: a time (RFC 3339), or a length of time back from now.
    #[arg(long, value_name = "T")]
    from: Option<When>,
    /// Only what began before this.
    #[arg(long, value_name = "T")]
    to: Option<When>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

impl Ls {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let now = jiff::Timestamp::now().as_microsecond();
        let filter = Filter {
            stream: self.stream,
            from: self.from.map(|when| when.before(now)),
            to: self.to.map(|when| when.before(now)),
        };
        let rows = self.store.library()?.recordings(&filter)?;
        let mut out = std::io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &document(&rows))?;
            writeln!(out)?;
        } else {
            table(&mut out, &rows)?;
        }
        Ok(())
    }
}

fn document(rows: &[RecordingRow]) -> Value {
    let recordings: Vec<Value> = rows.iter().map(recording_row).collect();
    json!({ "recordings": recordings, "next": null })
}

fn table(out: &mut impl Write, rows: &[RecordingRow]) -> std::io::Result<()> {
    if rows.is_empty() {
        // A person wants to hear it; a pipe wants nothing.
        if std::io::stdout().is_terminal() {
            writeln!(out, "no recordings")?;
        }
        return Ok(());
    }
    let width = rows
        .iter()
        .map(|row| row.stream.as_str().chars().count())
        .max()
        .unwrap_or(6)
        .max(6);
    writeln!(
        out,
        "{:36}  {:width$}  {:9}  {:20}  {:>8}  {:>9}  TRACKS",
        "ID", "STREAM", "STATE", "START", "LENGTH", "SIZE"
    )?;
    for row in rows {
        let start = rfc3339(row.start);
        let start = start.split('.').next().unwrap_or(&start);
        let tracks: Vec<String> = row.tracks.iter().map(describe).collect();
        writeln!(
            out,
            "{:36}  {:width$}  {:9}  {start:>19}Z  {:>8}  {:>9}  {}",
            row.id,
            row.stream.as_str(),
            row.state.as_str(),
            output::clock(row.duration),
            output::bytes(row.bytes),
            tracks.join(", "),
        )?;
    }
    Ok(())
}

fn describe(track: &TrackRow) -> String {
    match (track.width, track.height, track.sample_rate) {
        (Some(width), Some(height), _) => format!("{} {width}x{height}", track.codec),
        (_, _, Some(rate)) => format!("{} {rate} Hz", track.codec),
        _ => track.codec.to_owned(),
    }
}
