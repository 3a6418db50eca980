//! The time from exec until the first publisher is accepted, with a long tape and a service that was killed during recording.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::arguments::Arguments;
use crate::client;
use crate::common::medium;
use crate::common::push::{Pace, Push};
use crate::common::service::{Lines, Setup};
use crate::common::source;
use crate::common::table::{self, Spread};
use crate::common::tape::{self, Shape};

const STREAMS: usize = 4;
/// The time until the kill, which comes within a segment of a minute: recovery must read the open segments.
const RECORDED: Duration = Duration::from_secs(50);
const PATIENCE: Duration = Duration::from_secs(60);

/// A store as the kill left it, from which each measurement begins. Files that a start may change are kept as copies.
struct Dirty {
    store: PathBuf,
    /// Every file of the store, and the path of its copy if it has one.
    files: BTreeMap<PathBuf, Option<PathBuf>>,
}

pub(crate) fn run(arguments: &Arguments, dir: &Path) -> anyhow::Result<()> {
    let store = dir.join("store");
    eprintln!("making {} segments …", arguments.segments);
    tape::make(&store, &Shape::segments(STREAMS, arguments.segments))?;
    let setup = Setup::new(&arguments.edgereel, dir, &store, Lines::default())?;
    eprintln!(
        "recording 4 × 4 Mbit/s for {} s, then kill -9 …",
        RECORDED.as_secs()
    );
    record_and_kill(&setup)?;
    let dirty = Dirty::keep(&store, &dir.join("kept"))?;

    let mut rows = Vec::new();
    for cold in [false, true] {
        let mut took = Vec::new();
        for _ in 0..arguments.runs {
            dirty.restore()?;
            medium::settle(dir)?;
            if cold && std::fs::write("/proc/sys/vm/drop_caches", "3").is_err() {
                break;
            }
            took.push(once(&setup)?);
        }
        let cache = if cold {
            "cold: nothing in the page cache"
        } else {
            "warm"
        };
        rows.push(match took.len() {
            0 => vec![cache.to_owned(), "only root can drop the caches".to_owned()],
            _ => vec![cache.to_owned(), Spread::of(took).show(0)],
        });
    }
    let title = format!(
        "startup  {} sealed segments, journal of {} MiB, {STREAMS} open segments of {} MiB after kill -9; ms from \
         exec until a publish is answered, {} run(s), median (min..max)",
        arguments.segments,
        dirty.copied("db") >> 20,
        dirty.copied("mp4") >> 20,
        arguments.runs
    );
    table::print(&title, &["page cache", "ms"], &rows);
    println!("  what it found: {}", found(&setup.log));
    println!("  bar: at most 1000 ms");
    std::fs::remove_dir_all(&store)?;
    Ok(())
}

fn record_and_kill(setup: &Setup) -> anyhow::Result<()> {
    let source = source::clip(4_000, 20)?;
    let service = setup.start()?;
    let loops = RECORDED.as_secs() / u64::from(source.seconds) + 2;
    let pushes = (0..STREAMS)
        .map(|number| setup.push(number, &source, loops, Pace::RealTime))
        .collect::<anyhow::Result<Vec<Push>>>()?;
    std::thread::sleep(RECORDED);
    service.kill();
    drop(pushes);
    Ok(())
}

/// Milliseconds from exec until a publisher may send.
fn once(setup: &Setup) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let service = setup.spawn()?;
    let accepted = client::publish(setup.port, "first", PATIENCE);
    let took = begun.elapsed();
    let socket = accepted.with_context(|| {
        format!(
            "the service said:\n{}",
            std::fs::read_to_string(&setup.log).unwrap_or_default()
        )
    })?;
    service.kill();
    drop(socket);
    Ok(took.as_secs_f64() * 1e3)
}

/// The repairs that the last start reported.
fn found(log: &Path) -> String {
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let line = said
        .lines()
        .rev()
        .find_map(|line| line.split("store open: ").nth(1));
    let line = line.and_then(|it| it.split(" dir=").next());
    line.unwrap_or("nothing in the log").to_owned()
}

impl Dirty {
    fn keep(store: &Path, kept: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(kept)?;
        let all = medium::files(store);
        // Names sort by sequence: the last file of each directory was open.
        let mut newest: BTreeMap<&Path, &Path> = BTreeMap::new();
        for path in &all {
            let dir = path.parent().context("a file without a directory")?;
            let last = newest.entry(dir).or_insert(path.as_path());
            *last = path.as_path().max(*last);
        }
        let mut files = BTreeMap::new();
        for (number, path) in all.iter().enumerate() {
            let is_open = newest.values().any(|it| it == path);
            let copy = (is_open || path.parent() == Some(store)).then(|| kept.join(number.to_string()));
            if let Some(copy) = &copy {
                std::fs::copy(path, copy).with_context(|| format!("cannot copy {}", path.display()))?;
            }
            files.insert(path.clone(), copy);
        }
        let open = newest.len() - 1;
        ensure!(open == STREAMS, "{open} streams on the tape");
        Ok(Self {
            store: store.to_owned(),
            files,
        })
    }

    /// Removes new files, and restores the earlier contents.
    fn restore(&self) -> anyhow::Result<()> {
        for path in medium::files(&self.store) {
            if !self.files.contains_key(&path) {
                std::fs::remove_file(&path)?;
            }
        }
        for (path, copy) in &self.files {
            match copy {
                Some(copy) => {
                    std::fs::copy(copy, path)
                        .with_context(|| format!("cannot restore {}", path.display()))?;
                }
                None => ensure!(path.exists(), "{} went at a start", path.display()),
            }
        }
        Ok(())
    }

    /// Bytes of all copies of files with this extension.
    fn copied(&self, extension: &str) -> u64 {
        let files = self.files.iter();
        files
            .filter(|(path, _)| path.extension().is_some_and(|it| it == extension))
            .filter_map(|(_, copy)| copy.as_ref()?.metadata().ok())
            .map(|it| it.len())
            .sum()
    }
}
