//! The playlist of a recording of a day, and its refresh by delta while the recording grows.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::arguments::Arguments;
use crate::common::http::{Answer, Connection};
use crate::common::medium;
use crate::common::push::Pace;
use crate::common::service::{Lines, Setup};
use crate::common::source;
use crate::common::table::{self, Spread};
use crate::common::tape::{self, Shape};
use crate::row::{Row, kilobytes, milliseconds};

const HOURS: u32 = 24;
/// Chunks of 6 s.
const CHUNKS: usize = HOURS as usize * 600;
/// The bars: milliseconds, bytes as they are sent, bytes of a refresh.
const TIME: f64 = 60.0;
const BYTES: f64 = 150e3;
const DELTA: f64 = 2e3;

/// A service has nothing else to do so long after its start.
const REST: Duration = Duration::from_secs(1);
/// A player asks again after a target duration.
const AGAIN: Duration = Duration::from_secs(6);
const GZIP: &str = "Accept-Encoding: gzip";

/// Milliseconds and bytes of each answer.
#[derive(Default)]
struct Seen {
    took: Vec<f64>,
    bytes: Vec<f64>,
}

pub(crate) fn run(arguments: &Arguments, dir: &Path) -> anyhow::Result<Vec<Row>> {
    let dir = dir.join("playlist");
    let store = dir.join("store");
    std::fs::create_dir_all(&dir)?;
    eprintln!("making a recording of {HOURS} h …");
    tape::make(&store, &Shape::waiting(HOURS))?;
    let lines = Lines {
        http: Some(""),
        sections: tape::TEMPLATE,
        ..Lines::default()
    };
    let setup = Setup::new(&arguments.edgereel, &dir, &store, lines)?;
    let path = path(&setup)?;

    let (mut cold, mut first, mut again) = (Seen::default(), Seen::default(), Seen::default());
    for _ in 0..arguments.runs {
        for is_cold in [true, false] {
            let service = setup.start()?;
            std::thread::sleep(REST);
            if is_cold {
                medium::forget(&store)?;
            }
            let seen = if is_cold { &mut cold } else { &mut first };
            seen.add(setup.http, &path)?;
            again.add(setup.http, &path)?;
            service.stop()?;
        }
    }
    let (delta, plain) = refreshes(arguments, &setup, &path)?;
    std::fs::remove_dir_all(&dir)?;

    let shown = |seen: &Seen| {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        (spread(&seen.took), spread(&seen.bytes))
    };
    let line = |name: &str, seen: &Seen| {
        let (took, bytes) = shown(seen);
        vec![name.to_owned(), took.show(2), bytes.show(0)]
    };
    let title = format!(
        "playlist  {HOURS} h in chunks of 6 s, still open, gzip; the whole answer, {} run(s), median (min..max)",
        arguments.runs
    );
    let lines = [
        line("first request of a process, nothing in the page cache", &cold),
        line("first request of a process", &first),
        line("the next request", &again),
        line("refresh by delta while it grows", &delta),
        line("the same without gzip", &plain),
    ];
    table::print(&title, &["", "ms", "bytes"], &lines);
    Ok(vec![
        Row::at_most("playlist of 24 h", shown(&first).0.median, TIME, milliseconds),
        Row::at_most(
            "playlist of 24 h, again",
            shown(&again).0.median,
            TIME,
            milliseconds,
        ),
        Row::at_most(
            "playlist of 24 h, gzipped",
            shown(&first).1.median,
            BYTES,
            kilobytes,
        ),
        Row::at_most("its refresh by delta", shown(&plain).1.median, DELTA, kilobytes),
        Row::said("its refresh by delta, time", milliseconds(shown(&delta).0.median)),
    ])
}

/// The path of the playlist of the only recording.
fn path(setup: &Setup) -> anyhow::Result<String> {
    let rows = setup.recordings()?;
    ensure!(rows.len() == 1, "{} recordings in place of one", rows.len());
    let (id, _) = rows.into_iter().next().context("no recording")?;
    let path = format!("/r/{id}/index.m3u8");
    let service = setup.start()?;
    let text = Connection::open(setup.http)?.text(&path)?;
    service.stop()?;
    let chunks = text.lines().filter(|line| line.starts_with("#EXTINF")).count();
    ensure!(
        chunks + 60 > CHUNKS,
        "the playlist has {chunks} chunks in place of {CHUNKS}"
    );
    Ok(path)
}

/// The publisher comes back, and a player refreshes what it has: with and without compression.
fn refreshes(arguments: &Arguments, setup: &Setup, path: &str) -> anyhow::Result<(Seen, Seen)> {
    let clip = source::clip(4_000, 20)?;
    let service = setup.start()?;
    let runs = u32::try_from(arguments.runs)?;
    let loops = (AGAIN * (2 * runs + 4)).as_secs().div_ceil(clip.seconds.into());
    let push = setup.push(0, &clip, loops, Pace::RealTime)?;
    let mut connection = Connection::open(setup.http)?;
    let whole = connection.text(path)?;
    let skip = format!("{path}?_HLS_skip=YES");
    let (mut delta, mut plain) = (Seen::default(), Seen::default());
    let mut last = String::new();
    std::thread::sleep(AGAIN * 2);
    for _ in 0..arguments.runs {
        for (seen, lines) in [(&mut delta, &[GZIP][..]), (&mut plain, &[])] {
            std::thread::sleep(AGAIN);
            let body = seen.ask(&mut connection, &skip, lines)?;
            if lines.is_empty() {
                let text = String::from_utf8(body)?;
                ensure!(text.contains("#EXT-X-SKIP:"), "no delta: {text}");
                ensure!(text != last, "the recording does not grow: {text}");
                last = text;
            }
        }
    }
    let grown = connection.text(path)?;
    ensure!(grown.len() > whole.len(), "the recording does not grow");
    drop(push);
    service.stop()?;
    Ok((delta, plain))
}

impl Seen {
    /// Asks over a new connection.
    fn add(&mut self, port: u16, path: &str) -> anyhow::Result<()> {
        self.ask(&mut Connection::open(port)?, path, &[GZIP]).map(drop)
    }

    fn ask(&mut self, connection: &mut Connection, path: &str, lines: &[&str]) -> anyhow::Result<Vec<u8>> {
        let begun = Instant::now();
        let (answer, body): (Answer, Vec<u8>) = connection.fetch(path, lines)?;
        self.took.push(begun.elapsed().as_secs_f64() * 1e3);
        self.bytes.push(answer.length as f64);
        Ok(body)
    }
}
