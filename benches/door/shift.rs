//! Time shift: playlists of any range of a tape of 30 days with four streams, and what a window of the past costs a refresh.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::common::http::Connection;
use crate::common::month;
use crate::common::service::{Lines, Setup};
use crate::common::table::{self, Spread};
use crate::row::{Row, mebibytes, milliseconds};

/// The bars: milliseconds and mebibytes of a range, milliseconds of processor time of a refresh.
const TIME: f64 = 60.0;
const MEMORY: f64 = 4.0;
const CPU: f64 = 5.0;

const HOUR: i64 = 3_600;
/// The lengths of the ranges, in hours.
const LENGTHS: [i64; 3] = [1, 6, 24];
/// Refreshes of a run.
const REFRESHES: u32 = 500;
/// A service has nothing else to do so long after its start.
const REST: Duration = Duration::from_secs(2);
const GZIP: &str = "Accept-Encoding: gzip";

pub(crate) fn run(arguments: &Arguments, dir: &Path) -> anyhow::Result<Vec<Row>> {
    let dir = dir.join("shift");
    let store = dir.join("store");
    std::fs::create_dir_all(&dir)?;
    eprintln!("making a tape of 30 days …");
    let (begins, ends) = month::make(&store)?;
    let lines = Lines {
        http: Some(""),
        ..Lines::default()
    };
    let setup = Setup::new(&arguments.edgereel, &dir, &store, lines)?;
    let mut took = LENGTHS.map(|_| Vec::new());
    let (mut memory, mut refreshes) = (Vec::new(), Vec::new());
    let mut places = Places::new(begins, ends);
    for _ in 0..arguments.runs {
        let service = setup.start()?;
        std::thread::sleep(REST);
        let mut connection = Connection::open(setup.http)?;
        connection.fetch(&places.range(HOUR / 60), &[GZIP])?;
        service.forget_peak()?;
        let before = service.usage().memory;
        for _ in 0..month::STREAMS {
            for (hours, took) in LENGTHS.into_iter().zip(&mut took) {
                let path = places.range(hours * HOUR);
                let begun = Instant::now();
                connection.fetch(&path, &[GZIP])?;
                took.push(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
        let more = service.usage().memory.saturating_sub(before);
        memory.push(more as f64 / f64::from(1 << 20));

        let before = service.usage().cpu;
        let path = places.delay();
        for _ in 0..REFRESHES {
            connection.fetch(&path, &[GZIP])?;
        }
        let used = (service.usage().cpu - before) * 1e3;
        refreshes.push(used / f64::from(REFRESHES));
        service.stop()?;
    }
    std::fs::remove_dir_all(&dir)?;

    let spread = |values: &[f64]| Spread::of(values.iter().copied());
    let lines: Vec<Vec<String>> = LENGTHS
        .iter()
        .zip(&took)
        .map(|(hours, took)| vec![format!("{hours} h, anywhere"), spread(took).show(2)])
        .collect();
    let title = format!(
        "shift  30 days, four streams, a first request of each range, gzip, {} run(s), median (min..max)",
        arguments.runs
    );
    table::print(&title, &["", "ms"], &lines);
    let longest = took.last().map_or(f64::NAN, |took| spread(took).median);
    Ok(vec![
        Row::at_most("range of 24 h on a tape of 30 days", longest, TIME, milliseconds),
        Row::at_most(
            "more memory for 12 ranges",
            spread(&memory).median,
            MEMORY,
            mebibytes,
        ),
        Row::at_most(
            "CPU of a shifted window's refresh",
            spread(&refreshes).median,
            CPU,
            milliseconds,
        ),
    ])
}

/// Ranges of the tape, each at another place and of the next stream.
struct Places {
    begins: i64,
    ends: i64,
    number: usize,
    random: u64,
}

impl Places {
    fn new(begins: i64, ends: i64) -> Self {
        Self {
            begins,
            ends,
            number: 0,
            random: 0x9E37_79B9_7F4A_7C15,
        }
    }

    fn stream(&mut self) -> usize {
        self.number += 1;
        self.number % month::STREAMS
    }

    fn range(&mut self, seconds: i64) -> String {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let places = (self.ends - self.begins - seconds).unsigned_abs();
        let from = self.begins + (self.random % places).cast_signed();
        format!(
            "/live/cam{}.m3u8?start={from}&end={}",
            self.stream(),
            from + seconds
        )
    }

    /// A window ten days ago.
    fn delay(&mut self) -> String {
        format!("/live/cam{}.m3u8?delay={}", self.stream(), 10 * 24 * HOUR)
    }
}
