//! Workload d: the time until the file on flash can be played, while its stream still runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::arguments::Arguments;
use crate::common::medium;
use crate::common::push::{Pace, Push};
use crate::common::source;
use crate::common::table::{self, Spread};
use crate::server::Server;

/// A file that does not play after this long never will.
const PATIENCE: Duration = Duration::from_secs(12);

/// Prints, for each server, the time from the publisher's start to the first decoded picture.
pub(crate) fn run(arguments: &Arguments, servers: &[Server], dir: &Path) -> anyhow::Result<()> {
    let source = source::clip(4_000, 20)?;
    let servers: Vec<&Server> = servers
        .iter()
        .filter(|server| **server != Server::Copier)
        .collect();
    let mut took: Vec<Vec<f64>> = servers.iter().map(|_| Vec::new()).collect();
    for _ in 0..arguments.runs {
        for (server, took) in servers.iter().zip(&mut took) {
            let dir = dir.join("playable");
            let running = server.start(&dir, 1)?;
            let target = running.targets.first().context("no publisher")?;
            let begun = Instant::now();
            let push = Push::start(&source, 1, Pace::RealTime, target, &dir.join("push.log"))?;
            while begun.elapsed() < PATIENCE {
                if candidates(&running.dir, server.endings())
                    .iter()
                    .any(|file| plays(file))
                {
                    took.push(begun.elapsed().as_secs_f64());
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            // The publisher need not run to its end.
            drop(push);
            running.stop()?;
            std::fs::remove_dir_all(&dir)?;
        }
    }
    let rows: Vec<Vec<String>> = servers
        .iter()
        .zip(&took)
        .map(|(server, took)| {
            let shown = match took.len() {
                0 => format!("not within {} s", PATIENCE.as_secs()),
                _ => Spread::of(took.iter().copied()).show(2),
            };
            vec![
                server.to_string(),
                shown,
                format!("{} of {}", took.len(), arguments.runs),
            ]
        })
        .collect();
    let title = "d  seconds from the start of the publisher until the growing file decodes a picture";
    table::print(title, &["", "s", "played"], &rows);
    println!(
        "  read through the page cache: edgereel's file is durable by then, the others' when the kernel likes"
    );
    Ok(())
}

fn candidates(dir: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut files = medium::files(dir);
    files.retain(|path| {
        endings
            .iter()
            .any(|ending| path.to_string_lossy().ends_with(ending))
    });
    files
}

fn plays(file: &Path) -> bool {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-xerror", "-i"])
        .arg(file)
        .args(["-map", "0:v:0", "-frames:v", "1", "-f", "rawvideo", "pipe:1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .output();
    status.is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}
