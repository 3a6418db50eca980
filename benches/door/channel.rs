//! A channel with 1,000 viewers: how many of its playlists a processor can give in a second.

use std::path::Path;

use anyhow::Context as _;

use crate::arguments::Arguments;
use crate::common::http::Connection;
use crate::common::service::{Lines, Setup};
use crate::common::table::Spread;
use crate::common::tape::{self, Shape};
use crate::row::Row;

/// The bar: playlists a second a processor.
const BAR: f64 = 2_000.0;
const VIEWERS: usize = 1_000;
/// Lines of `[http]` that let them all in.
const HTTP: &str = "max_connections = 1100\nmax_connections_per_address = 1100\n";
/// The recording that is shown, in minutes.
const MINUTES: u32 = 60;
const GZIP: &str = "Accept-Encoding: gzip";

pub(crate) fn run(arguments: &Arguments, dir: &Path) -> anyhow::Result<Vec<Row>> {
    let dir = dir.join("channel");
    let store = dir.join("store");
    std::fs::create_dir_all(&dir)?;
    tape::make(&store, &Shape::publishes(1, MINUTES))?;
    let lines = Lines {
        http: Some(HTTP),
        ..Lines::default()
    };
    let setup = Setup::new(&arguments.edgereel, &dir, &store, lines)?;
    let (id, _) = setup.recordings()?.into_iter().next().context("no recording")?;
    let service = setup.start()?;
    setup.command(&["channel", "put", "evening", "--play", "loop", &id])?;
    let rounds = arguments.pick(3, 10);
    let mut viewers = (0..VIEWERS)
        .map(|_| Connection::open(setup.http))
        .collect::<Result<Vec<_>, _>>()?;
    let mut rates = Vec::new();
    for _ in 0..arguments.runs {
        let before = service.usage().cpu;
        for _ in 0..rounds {
            for viewer in &mut viewers {
                viewer.fetch("/channel/evening.m3u8", &[GZIP])?;
            }
        }
        let used = service.usage().cpu - before;
        rates.push((VIEWERS * rounds) as f64 / used.max(0.01));
    }
    drop(viewers);
    service.stop()?;
    std::fs::remove_dir_all(&dir)?;
    Ok(vec![Row::at_least(
        "playlists of a channel a second a processor, 1,000 viewers",
        Spread::of(rates).median,
        BAR,
        |rate| format!("{rate:.0}"),
    )])
}
