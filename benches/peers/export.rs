//! Workload e: a long recording as one file.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::arguments::Arguments;
use crate::common::process::{Process, usage};
use crate::common::push::{Pace, Push};
use crate::common::source;
use crate::common::table::{self, Spread};
use crate::server::Server;

/// Records two hours unpaced once, then exports them in each format.
pub(crate) fn run(arguments: &Arguments, dir: &Path) -> anyhow::Result<()> {
    let source = source::clip(4_000, 20)?;
    let minutes: u64 = if arguments.quick { 20 } else { 120 };
    let loops = minutes * 60 / u64::from(source.seconds);
    let dir = dir.join("export");
    let running = Server::Edgereel(arguments.edgereel.clone()).start(&dir, 1)?;
    let target = running.targets.first().context("no publisher")?;
    Push::start(&source, loops, Pace::Unpaced, target, &dir.join("push.log"))?.finish()?;
    running.stop()?;

    let formats = [
        ("mp4", "out.mp4"),
        ("flv", "out.flv"),
        ("fmp4", "out-fmp4.mp4"),
        ("hls", "out-hls"),
        ("aac", "out.aac"),
    ];
    // The first export that reads so much pays for the page cache of all later ones.
    once(arguments, &dir, "fmp4", &dir.join("warm-up.mp4"))?;
    let mut rows = Vec::new();
    for (format, name) in formats {
        let (mut rate, mut cpu, mut memory, mut seconds) = (vec![], vec![], vec![], vec![]);
        for _ in 0..arguments.runs {
            let run = once(arguments, &dir, format, &dir.join(name))?;
            rate.push(run.bytes / 1e6 / run.seconds);
            cpu.push(run.cpu / (run.bytes / 1e9));
            memory.push(run.memory);
            seconds.push(run.seconds);
        }
        rows.push(vec![
            format.to_owned(),
            Spread::of(rate).show(0),
            Spread::of(seconds).show(2),
            Spread::of(cpu).show(2),
            Spread::of(memory).show(1),
        ]);
    }
    let title = format!("e  export of a {minutes} min recording, 4 Mbit/s, to the same disk");
    table::print(&title, &["", "MB/s", "wall s", "CPU s/GB", "peak RSS MiB"], &rows);
    println!("  bar: the index of a 2 h MP4 takes at most 4 MiB of memory and 50 ms");
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

struct Run {
    bytes: f64,
    seconds: f64,
    cpu: f64,
    memory: f64,
}

fn once(arguments: &Arguments, dir: &Path, format: &str, out: &Path) -> anyhow::Result<Run> {
    let log = dir.join("export.log");
    let mut command = Command::new(&arguments.edgereel);
    command
        .args(["export", "--last", "--format", format, "--data"])
        .arg(dir.join("tape"))
        .arg("-o")
        .arg(out);
    let begun = Instant::now();
    let process = Process::start(&mut command, &log)?;
    let mut memory = 0;
    while process.is_running() {
        memory = memory.max(usage(process.id()).memory);
        std::thread::sleep(Duration::from_millis(2));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = usage(process.id()).cpu;
    process.succeed().with_context(|| {
        format!(
            "export said:\n{}",
            std::fs::read_to_string(&log).unwrap_or_default()
        )
    })?;
    let bytes = remove(out)?;
    ensure!(bytes > 0, "export made nothing");
    Ok(Run {
        bytes: bytes as f64,
        seconds,
        cpu,
        memory: memory as f64 / f64::from(1 << 20),
    })
}

/// Removes a file or a folder of files. Returns its size.
fn remove(out: &Path) -> anyhow::Result<u64> {
    if out.is_dir() {
        let bytes = crate::common::medium::bytes_of(out, &[""]);
        std::fs::remove_dir_all(out)?;
        return Ok(bytes);
    }
    let bytes = out.metadata()?.len();
    std::fs::remove_file(out)?;
    Ok(bytes)
}
