//! `edgereel ls`: lists recordings.

use std::io::{StdoutLock, Write as _};

use anyhow::bail;
use clap_complete::engine::ArgValueCompleter;
use serde_json::Value;

use super::complete;
use super::open::StoreArgument;
use super::service::viewers_address;
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
    /// Print the addresses to download the recordings from, a line each, as `wget -i` reads them.
    #[arg(long, conflicts_with = "json")]
    urls: bool,
}

impl Ls {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let now = jiff::Timestamp::now().as_microsecond();
        let filter = Filter {
            stream: self.stream,
            from: self.from.map(|when| when.before(now)),
            to: self.to.map(|when| when.before(now)),
        };
        let form = match (self.json, self.urls) {
            (true, _) => Form::Json,
            (false, true) => Form::Urls,
            (false, false) => Form::Table,
        };
        let library = self.store.library()?;
        // Only a running service knows whether viewers can connect, and to which port.
        let address = viewers_address(&self.store);
        if form == Form::Urls && address.is_none() {
            bail!(
                "nothing can be downloaded: no service answers that viewers can connect to; see http.listen"
            );
        }
        let page = Page::stdout();
        let mut list = List {
            out: std::io::stdout().lock(),
            table: shown::recordings(&page),
            form,
            address,
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
    form: Form,
    /// The address under which viewers reach the box, if they can.
    address: Option<String>,
    listed: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Json,
    Urls,
}

impl List<'_> {
    fn begin(&mut self) -> anyhow::Result<()> {
        if self.form == Form::Json {
            write!(self.out, "{{\n  \"next\": null,\n  \"recordings\": [")?;
        }
        Ok(())
    }

    fn add(&mut self, rows: &[RecordingRow]) -> anyhow::Result<()> {
        let rows = rows.iter().map(|row| recording_row(row, self.address.as_deref()));
        if self.form == Form::Urls {
            for url in rows.filter_map(|row| row.mp4_url) {
                let separator = if url.contains('?') { '&' } else { '?' };
                writeln!(self.out, "{url}{separator}download=1")?;
            }
            return Ok(());
        }
        let rows: Vec<Value> = rows.map(serde_json::to_value).collect::<Result<_, _>>()?;
        if self.form == Form::Json {
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
        if self.form == Form::Json {
            let end = if self.listed > 0 { "\n  ]" } else { "]" };
            writeln!(self.out, "{end}\n}}")?;
        }
        self.out.flush()?;
        Ok(())
    }
}
