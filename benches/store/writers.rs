//! The reference: the same number of bytes, synced each second, by a file system alone.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{FallocateFlags, fallocate};

/// A new file begins this often, as segments do.
const SEGMENT: u64 = 60;

/// A way of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Files that grow.
    Append,
    /// Files whose blocks are allocated first and hold nothing yet.
    Allocate,
    /// Files that exist and are full of old bytes.
    Overwrite,
}

/// The amount of data to write.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) streams: usize,
    /// The rate of each stream.
    pub(crate) bytes_per_second: u64,
    pub(crate) seconds: u64,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Append, Self::Allocate, Self::Overwrite];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Allocate => "fallocate, then write",
            Self::Overwrite => "overwrite in place",
        }
    }

    /// Makes the files that must exist before the measurement.
    pub(crate) fn prepare(self, dir: &Path, load: Load) -> std::io::Result<()> {
        if self != Self::Overwrite {
            return Ok(());
        }
        let old = vec![0x5A; 1 << 20];
        for (stream, number) in files(load) {
            let file = File::create(path(dir, stream, number))?;
            let mut left = SEGMENT * load.bytes_per_second;
            let mut at = 0;
            while left > 0 {
                let part = old.get(..left.min(1 << 20) as usize).unwrap_or(&old);
                file.write_all_at(part, at)?;
                at += part.len() as u64;
                left -= part.len() as u64;
            }
            file.sync_all()?;
        }
        Ok(())
    }

    /// Writes in real time: a second's bytes of each stream in one write, then a sync of each.
    pub(crate) fn write(self, dir: &Path, load: Load) -> std::io::Result<()> {
        let second = vec![0xA5; load.bytes_per_second as usize];
        let begun = Instant::now();
        let mut open: Vec<File> = Vec::new();
        for now in 0..load.seconds {
            std::thread::sleep(Duration::from_secs(now).saturating_sub(begun.elapsed()));
            if now.is_multiple_of(SEGMENT) {
                let number = now / SEGMENT;
                open = (0..load.streams)
                    .map(|stream| self.begin(&path(dir, stream, number), load))
                    .collect::<Result<_, _>>()?;
                File::open(dir)?.sync_all()?;
            }
            for file in &open {
                file.write_all_at(&second, now % SEGMENT * load.bytes_per_second)?;
            }
            for file in &open {
                file.sync_data()?;
            }
        }
        Ok(())
    }

    fn begin(self, path: &Path, load: Load) -> std::io::Result<File> {
        if self == Self::Overwrite {
            // The file gets a new name, as a segment does that takes over the blocks of another.
            let taken = path.with_extension("taken");
            std::fs::rename(path, &taken)?;
            return File::options().write(true).open(taken);
        }
        let file = File::create(path)?;
        if self == Self::Allocate {
            let bytes = i64::try_from(SEGMENT * load.bytes_per_second).unwrap_or(i64::MAX);
            fallocate(&file, FallocateFlags::empty(), 0, bytes)?;
        }
        Ok(file)
    }
}

/// The stream and the number of each file that will be written.
fn files(load: Load) -> impl Iterator<Item = (usize, u64)> {
    (0..load.streams).flat_map(move |stream| (0..load.seconds.div_ceil(SEGMENT)).map(move |it| (stream, it)))
}

fn path(dir: &Path, stream: usize, number: u64) -> PathBuf {
    dir.join(format!("{stream}-{number}.bin"))
}
