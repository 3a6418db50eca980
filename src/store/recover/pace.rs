//! The progress of recovery. Reading a full storage device takes a while, so the log and the service manager learn how far it is.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::format::fmp4::ReadAt;
use crate::media::Micros;
use crate::store::clock::Clock;
use crate::store::disk::DiskFile;

/// The time between two lines in the log.
const SAID_EVERY: Micros = 5_000_000;

static LOOKED_AT: AtomicU64 = AtomicU64::new(0);

/// Number of files that recoveries of this process have examined, and of reads: it grows while a recovery makes progress.
pub fn looked_at() -> u64 {
    LOOKED_AT.load(Ordering::Relaxed)
}

/// A file as a recovery reads it. Each read counts: one long file may take as long as many others.
pub(super) struct Paced<'a>(pub(super) &'a dyn DiskFile);

impl ReadAt for Paced<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        LOOKED_AT.fetch_add(1, Ordering::Relaxed);
        self.0.read_at(offset, buf)
    }
}

/// Counts files, and logs their number now and then.
pub(super) struct Pace<'a> {
    clock: &'a dyn Clock,
    files: u64,
    said: Micros,
}

impl<'a> Pace<'a> {
    pub(super) fn new(clock: &'a dyn Clock) -> Self {
        Self {
            clock,
            files: 0,
            said: clock.boot(),
        }
    }

    /// Notes the next file, in `folder`.
    pub(super) fn step(&mut self, folder: &Path) {
        LOOKED_AT.fetch_add(1, Ordering::Relaxed);
        self.files += 1;
        let now = self.clock.boot();
        if now.saturating_sub(self.said) >= SAID_EVERY {
            self.said = now;
            tracing::info!(
                "recovery has read {} files of the tape so far, and is now in {}",
                self.files,
                folder.display()
            );
        }
    }
}
