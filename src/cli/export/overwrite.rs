//! What happens to files that are already where an export is to be made.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use super::file::Target;
use crate::format::Format;

/// The mark of an export is within this many bytes of its beginning. At most, the index of some hours is before it.
const MARKED_WITHIN: u64 = 4 << 20;

/// Asks on a terminal whether existing files may be overwritten. Without a terminal nobody can be asked. Then the files of an
/// earlier export are replaced, because they can be made again. Other files are replaced only with `force`.
pub(super) fn ask(format: Format, targets: &[&Target], force: bool) -> anyhow::Result<()> {
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut there = Vec::new();
    for path in targets.iter().filter_map(|target| target.path()) {
        let found = match format {
            Format::Hls => earlier_export(path)? && terminal,
            _ => file(path)? && (terminal || !is_marked(path)),
        };
        there.extend(found.then_some(path));
    }
    let Some((first, others)) = there.split_first() else {
        return Ok(());
    };
    if force {
        return Ok(());
    }
    let shown = match others.len() {
        0 => format!("'{}'", first.display()),
        count => format!("'{}' and {count} more", first.display()),
    };
    let exists = if others.is_empty() { "exists" } else { "exist" };
    if !terminal {
        bail!("{shown} {exists} already; --force overwrites");
    }
    let mut out = std::io::stderr();
    write!(out, "{shown} {exists} already. Overwrite? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    ensure!(
        matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"),
        "nothing was overwritten"
    );
    Ok(())
}

/// True when a file would be overwritten.
fn file(path: &Path) -> anyhow::Result<bool> {
    let Ok(found) = path.metadata() else {
        return Ok(false);
    };
    ensure!(
        !found.is_dir(),
        "'{}' is a folder; name the file to make in it, as in -o {}",
        path.display(),
        path.join("out.mp4").display()
    );
    // A device or a pipe is not overwritten.
    Ok(found.is_file())
}

/// True for a file with the mark of an export: the name of the program, as MP4, M4A and FLV have it. Fragmented MP4 and ADTS
/// have no mark.
#[expect(clippy::disallowed_methods, reason = "somebody's file, not the tape")]
fn is_marked(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MARKED_WITHIN).read_to_end(&mut head));
    let mark = env!("CARGO_PKG_NAME").as_bytes();
    read.is_ok() && head.windows(mark.len()).any(|window| window == mark)
}

/// True when an earlier export would be overwritten. A user's other files are never overwritten.
fn earlier_export(folder: &Path) -> anyhow::Result<bool> {
    let shown = folder.display();
    let Ok(found) = folder.metadata() else {
        return Ok(false);
    };
    ensure!(
        found.is_dir(),
        "'{shown}' is a file; HLS is a folder: name one that is empty, or not there yet"
    );
    let mut any = false;
    for entry in folder
        .read_dir()
        .with_context(|| format!("cannot read '{shown}'"))?
    {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        ensure!(
            is_of_hls(&name) || name == super::file::STAGING,
            "'{shown}' has other files in it, '{name}' for one: choose an empty folder, or one that is not there yet"
        );
        any = true;
    }
    Ok(any)
}

/// The files of an earlier export.
pub(super) fn of_hls(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let ours = entries.filter(|entry| is_of_hls(&entry.file_name().to_string_lossy()));
    ours.map(|entry| entry.path()).collect()
}

/// True for names that an export gives: playlists, their inits and chunks.
pub(super) fn is_of_hls(name: &str) -> bool {
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match end {
        "m3u8" => true,
        "m4s" => digits(stem),
        "mp4" => stem
            .strip_prefix("init")
            .is_some_and(|rest| rest.strip_prefix('-').map_or(rest.is_empty(), digits)),
        _ => false,
    }
}
