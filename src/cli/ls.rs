//! `edgereel ls`: what was recorded.

use std::io::Write as _;

use serde_json::{Value, json};

use super::open::StoreArgument;
use super::shown::{self, Page};
use super::when::When;
use crate::api::recording_row;
use crate::media::StreamName;
use crate::store::{Filter, RecordingRow};

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
            return Ok(());
        }
        let rows: Vec<Value> = rows.iter().map(recording_row).collect();
        for line in shown::recordings(&Page::stdout(), &rows) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

fn document(rows: &[RecordingRow]) -> Value {
    let recordings: Vec<Value> = rows.iter().map(recording_row).collect();
    json!({ "recordings": recordings, "next": null })
}
