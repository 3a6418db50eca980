//! What viewers cost beside publishers: gaps, late ticks, memory, processor time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use crate::archive::Archive;
use crate::arguments::Arguments;
use crate::common::http::Connection;
use crate::common::push::{Pace, Push};
use crate::common::service::Setup;
use crate::common::table::{self, Spread};
use crate::row::{Row, mebibytes, times};
use crate::ticks::{self, Tick};
use crate::viewer::{Audience, Watched, programmes};

const PUBLISHERS: usize = 4;
pub(crate) const VIEWERS: usize = 8;
/// Until a stream has so much that a player can begin.
pub(crate) const LEAD: Duration = Duration::from_secs(10);

/// The bars: the time between ticks ÷ the same without viewers, and MiB more of memory.
const LATER: f64 = 1.1;
const MORE: f64 = 4.0;

/// One service, with viewers or without.
struct Run {
    /// Seconds of processor time, while viewers watched or would have.
    cpu: f64,
    memory: f64,
    gaps: f64,
    ticks: Vec<Tick>,
    watched: Vec<Watched>,
}

pub(crate) fn run(arguments: &Arguments, archive: &Archive) -> anyhow::Result<Vec<Row>> {
    let time = Duration::from_secs(arguments.pick(20, 50));
    let setup = archive.setup("")?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for number in 1..=arguments.runs {
        for (viewers, runs) in [(0, &mut without), (VIEWERS, &mut with)] {
            let run = once(&setup, archive, viewers, time)?;
            eprintln!(
                "viewers run {number}: {viewers} viewers, {:.2} s CPU, {:.1} MiB, {} ticks, {} gaps",
                run.cpu,
                run.memory,
                run.ticks.len(),
                run.gaps
            );
            runs.push(run);
        }
    }
    let lines = [line("no viewers", &without), line("8 viewers", &with)];
    let title = format!(
        "viewers  4 publishers × 4 Mbit/s, {VIEWERS} viewers × 4 Mbit/s by HLS, half live and half of a recording; {} s, {} run(s), \
         median (min..max)",
        time.as_secs(),
        arguments.runs
    );
    let head = [
        "",
        "CPU s",
        "peak MiB",
        "gaps",
        "between ticks, 50 % and 99 %, ms",
        "of a tick's syncs, ms",
    ];
    table::print(&title, &head, &lines);
    Ok(rows(&without, &with, time.as_secs_f64()))
}

fn rows(without: &[Run], with: &[Run], seconds: f64) -> Vec<Row> {
    let median = |runs: &[Run], of: fn(&Run) -> f64| Spread::of(runs.iter().map(of)).median;
    let more = |of: fn(&Run) -> f64| median(with, of) - median(without, of);
    let sum = |of: fn(&Watched) -> f64| with.iter().flat_map(|run| &run.watched).map(of).sum::<f64>();
    let gaps = with.iter().map(|run| run.gaps).sum();
    let share = more(|run| run.cpu) / seconds / VIEWERS as f64;
    let rate = sum(|viewer| viewer.bytes as f64) * 8.0 / 1e6 / sum(|viewer| viewer.seconds);
    let mut rows = vec![
        Row::at_most("gaps with 8 viewers", gaps, 0.0, |gaps| format!("{gaps:.0}")),
        Row::at_most(
            "memory more with 8 viewers",
            more(|run| run.memory),
            MORE,
            mebibytes,
        ),
        Row::said(
            "CPU of a viewer",
            format!("{:.2} % of a processor", share * 100.0),
        ),
        Row::said(
            "what viewers saw",
            format!(
                "{:.0} stalls, {rate:.2} Mbit/s",
                sum(|viewer| viewer.stalls.into())
            ),
        ),
    ];
    let late = "99 % of ticks ÷ without viewers";
    let (before, now) = (apart(without), apart(with));
    rows.insert(
        1,
        match (at(&before, 0.99), at(&now, 0.99)) {
            (Some(before), Some(now)) => Row::at_most(late, now / before, LATER, times),
            _ => Row::said(late, "strace is not installed"),
        },
    );
    rows
}

fn line(name: &str, runs: &[Run]) -> Vec<String> {
    let of = |field: fn(&Run) -> f64| Spread::of(runs.iter().map(field));
    let took: Vec<f64> = sorted(runs.iter().flat_map(|run| {
        let took = run.ticks.iter().map(|tick| tick.ended - tick.begun);
        took.collect::<Vec<_>>()
    }));
    let both = |times: &[f64]| match (at(times, 0.5), at(times, 0.99)) {
        (Some(half), Some(most)) => format!("{:.0}, {:.0}", half * 1e3, most * 1e3),
        _ => "–".to_owned(),
    };
    vec![
        name.to_owned(),
        of(|run| run.cpu).show(2),
        of(|run| run.memory).show(1),
        format!("{:.0}", runs.iter().map(|run| run.gaps).sum::<f64>()),
        both(&apart(runs)),
        both(&took),
    ]
}

/// The times from the end of one tick to the end of the next, of all runs.
fn apart(runs: &[Run]) -> Vec<f64> {
    sorted(runs.iter().flat_map(|run| {
        let pairs = run.ticks.windows(2);
        let apart = pairs.filter_map(|pair| Some(pair.last()?.ended - pair.first()?.ended));
        apart.collect::<Vec<_>>()
    }))
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The value that this share of all does not exceed.
fn at(sorted: &[f64], share: f64) -> Option<f64> {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied()
}

fn once(setup: &Setup, archive: &Archive, viewers: usize, time: Duration) -> anyhow::Result<Run> {
    let trace = archive.beside("syncs");
    let sees_ticks = ticks::can_be_seen();
    let service = if sees_ticks {
        setup.start_traced(&trace)?
    } else {
        setup.start()?
    };
    let whole = LEAD + time;
    let loops = whole.as_secs().div_ceil(archive.source.seconds.into());
    let pushes = setup.publish(&archive.source, PUBLISHERS, loops, Pace::RealTime)?;
    std::thread::sleep(LEAD);
    let (begun, before) = (unix(), service.usage().cpu);
    let leave = AtomicBool::new(false);
    let watched = std::thread::scope(|scope| {
        let programmes = programmes(viewers, PUBLISHERS, std::slice::from_ref(&archive.id));
        let audience = Audience::gather(scope, setup.http, programmes, &leave);
        std::thread::sleep(time);
        leave.store(true, Ordering::Relaxed);
        audience.watched()
    });
    let (usage, ended) = (service.usage(), unix());
    let watched = watched.with_context(|| setup.complaints().join("\n"))?;
    // Until here nobody has asked for anything where there are no viewers.
    let gaps = gaps(&Connection::open(setup.http)?.text("/metrics")?);
    pushes.into_iter().try_for_each(Push::finish)?;
    service.stop()?;
    let mut ticks = if sees_ticks {
        ticks::read(&trace)?
    } else {
        Vec::new()
    };
    ticks.retain(|tick| tick.begun >= begun && tick.ended <= ended);
    Ok(Run {
        cpu: usage.cpu - before,
        memory: usage.memory as f64 / f64::from(1 << 20),
        gaps,
        ticks,
        watched,
    })
}

/// The number of gaps in the tape, of all streams and causes.
pub(crate) fn gaps(metrics: &str) -> f64 {
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("edgereel_stream_gaps_total"));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

fn unix() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}
