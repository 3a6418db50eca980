//! The HTTP door's figures: how soon a file begins, how fast it is sent, what viewers cost beside publishers, playlists, keys,
//! and how far a player is behind what is live.
//!
//! `cargo bench --bench door -- --help` lists the choices. docs/benchmarks.md says what each number means and which numbers were
//! measured. This program asserts no figure: it measures and prints.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and writes files without the product's seams"
)]

mod archive;
mod arguments;
mod channel;
#[path = "../common/mod.rs"]
mod common;
mod crowd;
mod delay;
mod download;
mod first;
mod keys;
mod lag;
mod nginx;
mod playlist;
mod row;
mod shift;
mod ticks;
mod viewer;
mod viewers;
mod wear;

use std::path::Path;

use anyhow::{Context as _, bail};

use archive::Archive;
use arguments::{Arguments, Figure};
use common::medium;
use row::Row;

fn main() -> anyhow::Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let Some(arguments) = Arguments::parse(&given)? else {
        return Ok(());
    };
    let dir = medium::scratch()?;
    medium::describe(dir.path())?;
    let mut rows: Vec<Row> = Vec::new();
    let mut archive = None;
    for figure in &arguments.only {
        if !figure.needs_archive() {
            // The recordings are large, and the disk may be small.
            archive = None;
        }
        let measured = measure(*figure, &arguments, &mut archive, dir.path());
        rows.extend(measured.with_context(|| figure.name())?);
    }
    row::print(&rows, &arguments);
    Ok(())
}

fn measure(
    figure: Figure,
    arguments: &Arguments,
    archive: &mut Option<Archive>,
    dir: &Path,
) -> anyhow::Result<Vec<Row>> {
    if figure.needs_archive() && archive.is_none() {
        *archive = Some(Archive::make(arguments, dir)?);
    }
    match (figure, &*archive) {
        (Figure::First, Some(archive)) => first::run(arguments, archive),
        (Figure::Download, Some(archive)) => download::run(arguments, archive, dir),
        (Figure::Viewers, Some(archive)) => viewers::run(arguments, archive),
        (Figure::Crowd, Some(archive)) => crowd::run(arguments, archive),
        (Figure::Playlist, _) => playlist::run(arguments, dir),
        (Figure::Shift, _) => shift::run(arguments, dir),
        (Figure::Channel, _) => channel::run(arguments, dir),
        (Figure::Lag, _) => lag::run(arguments, dir),
        (Figure::Keys, _) => keys::run(arguments, dir),
        (Figure::Wear, _) => wear::run(arguments, dir),
        (Figure::Delay, _) => delay::run(arguments, dir),
        (Figure::First | Figure::Download | Figure::Viewers | Figure::Crowd, None) => {
            bail!("there is no recording")
        }
    }
}
