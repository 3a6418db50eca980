//! The place of the recordings, and the properties of that place.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

/// `target/bench`. It is kept between runs for the sources.
pub(crate) fn bench_dir() -> anyhow::Result<PathBuf> {
    // This program is target/<profile>/deps/peers-*.
    let program = std::env::current_exe()?;
    let target = program
        .ancestors()
        .nth(3)
        .context("this program is not in a target directory")?;
    let dir = target.join("bench");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

/// A directory that is removed when the bench ends.
pub(crate) fn scratch() -> anyhow::Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("run-").tempdir_in(bench_dir()?)?)
}

/// Prints what a reader needs to judge the figures: machine, file system, cost of a sync.
pub(crate) fn describe(dir: &Path) -> anyhow::Result<()> {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find(|line| line.starts_with("model name") || line.starts_with("Model"));
    let model = model
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or(std::env::consts::ARCH);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    let kind = file_system(dir).unwrap_or_else(|| "unknown".to_owned());
    let sync = sync_costs(dir)?;
    let memory = if kind == "tmpfs" {
        "; WARNING: this is memory, not a disk"
    } else {
        ""
    };
    println!("machine: {cpus} × {model}, load {load} before the first run");
    println!(
        "medium:  {kind}, fdatasync after 64 KiB takes {:.2} ms (median of 21){memory}",
        sync.as_secs_f64() * 1e3
    );
    Ok(())
}

/// Bytes of all files below `dir` whose name ends like this.
pub(crate) fn bytes_of(dir: &Path, endings: &[&str]) -> u64 {
    files(dir)
        .into_iter()
        .filter(|path| {
            endings
                .iter()
                .any(|ending| path.to_string_lossy().ends_with(ending))
        })
        .filter_map(|path| path.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

/// Bytes that all files below `dir` use on the medium, whatever their length.
pub(crate) fn allocated(dir: &Path) -> u64 {
    let metadata = files(dir).into_iter().filter_map(|path| path.metadata().ok());
    // The blocks are units of 512 bytes, by stat(2).
    metadata.map(|it| it.blocks() * 512).sum()
}

/// All files below `dir`.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(_) => found.push(entry.path()),
                Err(_) => {}
            }
        }
    }
    found
}

/// Bytes written so far to the device of `dir`, by all programs; none if there is no such device.
pub(crate) fn device_writes(dir: &Path) -> Option<u64> {
    let device = dir.metadata().ok()?.dev();
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    written(&format!("/sys/dev/block/{major}:{minor}"))
}

/// Bytes written so far to a block device, by its directory in /sys.
pub(crate) fn written(device: &str) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("{device}/stat")).ok()?;
    // The seventh figure of Documentation/block/stat.rst: sectors of 512 bytes, whatever the device's own.
    stat.split_whitespace()
        .nth(6)?
        .parse::<u64>()
        .ok()
        .map(|sectors| sectors * 512)
}

/// Writes out everything that the file system still holds in memory.
pub(crate) fn settle(dir: &Path) -> anyhow::Result<()> {
    nix::unistd::syncfs(std::fs::File::open(dir)?)?;
    Ok(())
}

/// Drops what the page cache holds of a directory, and says how.
pub(crate) fn forget(dir: &Path) -> anyhow::Result<&'static str> {
    settle(dir)?;
    if std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok() {
        return Ok("nothing of any file is in the page cache");
    }
    for path in files(dir) {
        posix_fadvise(
            std::fs::File::open(path)?,
            0,
            0,
            PosixFadviseAdvice::POSIX_FADV_DONTNEED,
        )?;
    }
    Ok(
        "nothing of the store's files is in the page cache, as far as posix_fadvise can tell; root can drop the rest, too",
    )
}

fn sync_costs(dir: &Path) -> anyhow::Result<Duration> {
    let mut file = tempfile::tempfile_in(dir)?;
    let mut took = Vec::new();
    for _ in 0..21 {
        file.write_all(&[0x5A; 64 << 10])?;
        let begun = Instant::now();
        file.sync_data()?;
        took.push(begun.elapsed());
    }
    took.sort();
    Ok(took.get(took.len() / 2).copied().unwrap_or_default())
}

/// The type of the mount with the longest matching path.
fn file_system(dir: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(at, _)| dir.starts_with(at))
        .max_by_key(|(at, _)| at.len())
        .map(|(_, kind)| kind.to_owned())
}
