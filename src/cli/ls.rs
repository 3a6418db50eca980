//! `edgereel ls`: lists recordings.

use std::io::{StdoutLock, Write as _};

use clap_complete::engine::ArgValueCompleter;
use serde_json::Value;

use super::complete;
use super::open::StoreArgument;
use super::shown::{self, Page};
use crate::api::recording_row;
use crate::config::Streams;
use crate::model::When;
use crate::store::{Filter, RecordingRow};

#[derive(clap::Args)]
pub(super) struct Ls {
    #[command(flatten)]
    store: StoreArgument,
    /// Only this stream, as in live/cam1, or the streams that a pattern matches, as in 'live/*'.
    #[arg(long, add = ArgValueCompleter::new(complete::streams))]
    stream: Option<Streams>,
    /// Only recordings that ended after this: a time (RFC 3339), or a length of time before now.
    #[arg(long, value_name = "T")]
    from: Option<When>,
    /// Only recordings that began before this.
    #[arg(long, value_name = "T")]
    to: Option<When>,
    /// Print one JSON document.
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
        let library = self.store.library()?;
        let page = Page::stdout();
        let mut list = List {
            out: std::io::stdout().lock(),
            table: shown::recordings(&page),
            json: self.json,
            listed: 0,
        };
        list.begin()?;
        let mut written = Ok(());
        library.pages(&filter, |rows| {
            written = list.add(&rows);
            written.is_ok()
        })?;
        written?;
        list.end()
    }
}

/// A document that is written while the list is read, so that a long list takes no more memory than a short one.
struct List<'a> {
    out: StdoutLock<'a>,
    table: shown::Recordings<'a>,
    json: bool,
    listed: usize,
}

impl List<'_> {
    fn begin(&mut self) -> anyhow::Result<()> {
        if self.json {
            write!(self.out, "{{\n  \"next\": null,\n  \"recordings\": [")?;
        }
        Ok(())
    }

    fn add(&mut self, rows: &[RecordingRow]) -> anyhow::Result<()> {
        let rows = rows.iter().map(|row| serde_json::to_value(recording_row(row)));
        let rows: Vec<Value> = rows.collect::<Result<_, _>>()?;
        if self.json {
            for row in &rows {
                let comma = if self.listed > 0 { "," } else { "" };
                let row = serde_json::to_string_pretty(row)?.replace('\n', "\n    ");
                write!(self.out, "{comma}\n    {row}")?;
                self.listed += 1;
            }
            return Ok(());
        }
        for line in self.table.lines(&rows) {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn end(mut self) -> anyhow::Result<()> {
        if self.json {
            let end = if self.listed > 0 { "\n  ]" } else { "]" };
            writeln!(self.out, "{end}\n}}")?;
        }
        self.out.flush()?;
        Ok(())
    }
}
