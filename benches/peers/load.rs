//! Workloads a, b and c: the CPU and memory of a server while it records.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::arguments::{Arguments, Workload};
use crate::common::medium;
use crate::common::push::{Pace, Push};
use crate::common::source::{self, Source};
use crate::common::table::{self, Spread};
use crate::server::{Running, Server};

/// The interval between two looks at memory. The kernel keeps the peak, so only the last moments before an end can hide.
const LOOK: Duration = Duration::from_millis(100);

struct Plan {
    title: String,
    publishers: usize,
    source: Source,
    loops: u64,
    pace: Pace,
}

struct Run {
    cpu: f64,
    memory: f64,
    seconds: f64,
    /// Bytes of media files at the end ÷ bytes of media sent.
    kept: f64,
    /// Bytes written to the device, by all programs, ÷ bytes of media sent.
    worn: Option<f64>,
}

/// Runs all servers in turn, as often as asked, and prints the medians.
pub(crate) fn run(
    workload: Workload,
    arguments: &Arguments,
    servers: &[Server],
    dir: &Path,
) -> anyhow::Result<()> {
    let plan = plan(workload, arguments.quick)?;
    let sent = (plan.source.bytes * plan.loops * plan.publishers as u64) as f64 / 1e9;
    let mut runs: Vec<Vec<Run>> = servers.iter().map(|_| Vec::new()).collect();
    for number in 0..arguments.runs {
        for (server, runs) in servers.iter().zip(&mut runs) {
            let run = once(server, &plan, sent, &dir.join("load"))
                .with_context(|| format!("{server}, run {}", number + 1))?;
            eprintln!(
                "{} run {}: {server:9} {:6.2} s CPU, {:5.1} MiB, {:5.1} s, kept {:.3}",
                workload.letter(),
                number + 1,
                run.cpu,
                run.memory,
                run.seconds,
                run.kept
            );
            runs.push(run);
        }
    }

    let cpu = |runs: &[Run]| Spread::of(runs.iter().map(|run| run.cpu / sent));
    let nginx = servers
        .iter()
        .position(|server| matches!(server, Server::Nginx(_)));
    let of_nginx = nginx.and_then(|at| runs.get(at)).map(|runs| cpu(runs).median);
    let rows: Vec<Vec<String>> = servers
        .iter()
        .zip(&runs)
        .map(|(server, runs)| {
            let of = |field: fn(&Run) -> f64| Spread::of(runs.iter().map(field));
            let ratio = of_nginx.map(|nginx| cpu(runs).median / nginx);
            vec![
                server.to_string(),
                cpu(runs).show(2),
                ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
                of(|run| run.memory).show(1),
                of(|run| run.seconds).show(1),
                format!("{:.3}", of(|run| run.kept).median),
                match runs.iter().map(|run| run.worn).collect::<Option<Vec<f64>>>() {
                    Some(worn) => Spread::of(worn).show(3),
                    None => "–".to_owned(),
                },
            ]
        })
        .collect();
    let title = format!(
        "{}  {}: {sent:.2} GB, {} run(s), median (min..max)",
        workload.letter(),
        plan.title,
        arguments.runs
    );
    table::print(
        &title,
        &[
            "",
            "CPU s/GB",
            "÷ nginx",
            "peak RSS MiB",
            "wall s",
            "file/media",
            "device/media",
        ],
        &rows,
    );
    println!("  bars: {}", bars(workload));
    Ok(())
}

fn bars(workload: Workload) -> &'static str {
    match workload {
        Workload::Steady => {
            "edgereel's CPU below nginx and ffmpeg; its memory at most 24 MiB and the ring (32 MiB)"
        }
        _ => "edgereel's CPU below nginx and ffmpeg",
    }
}

fn plan(workload: Workload, quick: bool) -> anyhow::Result<Plan> {
    let pick = |short, long| if quick { short } else { long };
    Ok(match workload {
        Workload::Unpaced => {
            let source = source::clip(4_000, 20)?;
            let wanted: u64 = pick(300_000_000, 1_000_000_000);
            Plan {
                title: "1 publisher unpaced".to_owned(),
                publishers: 1,
                loops: wanted.div_ceil(source.bytes),
                source,
                pace: Pace::Unpaced,
            }
        }
        Workload::Heavy => Plan {
            title: "4 publishers, 100 Mbit/s each, real time".to_owned(),
            publishers: 4,
            source: source::clip(100_000, 5)?,
            loops: pick(2, 4),
            pace: Pace::RealTime,
        },
        _ => Plan {
            title: "4 publishers, 4 Mbit/s each, real time".to_owned(),
            publishers: 4,
            source: source::clip(4_000, 20)?,
            loops: pick(1, 3),
            pace: Pace::RealTime,
        },
    })
}

fn once(server: &Server, plan: &Plan, sent: f64, dir: &Path) -> anyhow::Result<Run> {
    std::fs::create_dir_all(dir)?;
    medium::settle(dir)?;
    let before = medium::device_writes(dir);
    let mut running = server.start(dir, plan.publishers)?;
    let begun = Instant::now();
    let log = dir.join("push.log");
    let pushes = running
        .targets
        .iter()
        .map(|target| Push::start(&plan.source, plan.loops, plan.pace, target, &log))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let pushed = watch(&mut running, || pushes.into_iter().try_for_each(Push::finish));
    let seconds = begun.elapsed().as_secs_f64();
    pushed.with_context(|| {
        format!(
            "the publisher said:\n{}",
            std::fs::read_to_string(&log).unwrap_or_default()
        )
    })?;
    let usage = running.stop()?;
    medium::settle(dir)?;
    let worn = medium::device_writes(dir)
        .zip(before)
        .map(|(after, before)| after.saturating_sub(before) as f64 / 1e9 / sent);
    let kept = medium::bytes_of(dir, server.endings()) as f64 / 1e9 / sent;
    if kept < 0.999 {
        let said = std::fs::read_to_string(dir.join("server.log")).unwrap_or_default();
        let complaints = said
            .lines()
            .filter(|line| line.contains("WARN") || line.contains("ERROR"));
        eprintln!("  {server} lost media; its first complaints:");
        complaints.take(3).for_each(|line| eprintln!("    {line}"));
    }
    std::fs::remove_dir_all(dir)?;
    Ok(Run {
        cpu: usage.cpu,
        memory: usage.memory as f64 / f64::from(1 << 20),
        seconds,
        kept,
        worn,
    })
}

/// Reads the server's memory again and again while `work` runs.
fn watch<T>(running: &mut Running, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let done = &done;
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                running.sample();
                std::thread::sleep(LOOK);
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}
