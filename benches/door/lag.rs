//! How much later a chunk is in a playlist of time shift than in the live one.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::common::http::Connection;
use crate::common::push::Pace;
use crate::common::service::{Lines, Setup};
use crate::common::source;
use crate::common::table::Spread;
use crate::row::Row;

/// The bar, in seconds.
const BAR: f64 = 5.0;
/// How often each playlist is asked for.
const LOOK: Duration = Duration::from_millis(100);
/// Chunks are looked at from here on after the start of the publisher.
const LEAD: Duration = Duration::from_secs(10);

pub(crate) fn run(arguments: &Arguments, dir: &Path) -> anyhow::Result<Vec<Row>> {
    let dir = dir.join("lag");
    std::fs::create_dir_all(&dir)?;
    let clip = source::clip(4_000, 20)?;
    let lines = Lines {
        http: Some(""),
        ..Lines::default()
    };
    let setup = Setup::new(&arguments.edgereel, &dir, &dir.join("store"), lines)?;
    let service = setup.start()?;
    let time = Duration::from_secs(arguments.pick(20, 60));
    let loops = (LEAD + time).as_secs().div_ceil(clip.seconds.into());
    let start = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let push = setup.push(0, &clip, loops, Pace::RealTime)?;
    std::thread::sleep(LEAD);
    let shifted = format!("/live/cam0.m3u8?start={}", start.as_secs());
    let mut connection = Connection::open(setup.http)?;
    let (mut live, mut behind) = (BTreeMap::new(), BTreeMap::new());
    let begun = Instant::now();
    while begun.elapsed() < time {
        for (seen, path) in [(&mut behind, shifted.as_str()), (&mut live, "/live/cam0.m3u8")] {
            let text = connection.text(path)?;
            if let Some(last) = text.lines().rfind(|line| line.ends_with(".m4s")) {
                seen.entry(last.to_owned()).or_insert_with(Instant::now);
            }
        }
        std::thread::sleep(LOOK);
    }
    drop(push);
    service.stop()?;
    std::fs::remove_dir_all(&dir)?;
    // The first chunk that was seen may have been there for long.
    let both = live.iter().skip(1).filter_map(|(chunk, at)| {
        let shifted = behind.get(chunk)?;
        Some(shifted.saturating_duration_since(*at).as_secs_f64())
    });
    Ok(vec![Row::at_most(
        "lag of time shift behind live",
        Spread::of(both).median,
        BAR,
        |seconds| format!("{seconds:.2} s"),
    )])
}
