//! When the storage thread made the tape durable, as strace saw its syncs.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

/// Syncs that follow each other within this time, in seconds, are one tick.
const ONE: f64 = 0.3;
/// The name of the thread that writes.
const THREAD: &str = "<storage>";

/// A tick: its syncs, from the beginning of the first to the end of the last. Unix time, seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) begun: f64,
    pub(crate) ended: f64,
}

/// Whether this machine has strace.
pub(crate) fn can_be_seen() -> bool {
    Command::new("strace").arg("-V").output().is_ok()
}

/// The ticks in a file that strace wrote.
pub(crate) fn read(trace: &Path) -> anyhow::Result<Vec<Tick>> {
    let text = std::fs::read_to_string(trace).with_context(|| trace.display().to_string())?;
    let mut ticks: Vec<Tick> = Vec::new();
    for (begun, ended) in text.lines().filter_map(sync) {
        match ticks.last_mut() {
            Some(last) if begun < last.ended + ONE => last.ended = last.ended.max(ended),
            _ => ticks.push(Tick { begun, ended }),
        }
    }
    Ok(ticks)
}

/// The beginning and the end of a sync in a line of strace:
///
/// ```text
/// 4711<storage> 1796009468.514867 fdatasync(3)    = 0 <0.004602>
/// 4711<storage> 1796009468.519469 <... fdatasync resumed>) = 0 <0.004602>
/// ```
///
/// The second form is the end of a call during which strace wrote a line of another thread: its time is that of the end.
fn sync(line: &str) -> Option<(f64, f64)> {
    let (thread, rest) = line.split_once(' ')?;
    let (at, call) = rest.trim_start().split_once(' ')?;
    let took: f64 = call.rsplit_once('<')?.1.strip_suffix('>')?.parse().ok()?;
    let at: f64 = at.parse().ok()?;
    thread.ends_with(THREAD).then_some(())?;
    Some(if call.trim_start().starts_with("<... ") {
        (at - took, at)
    } else {
        (at, at + took)
    })
}
