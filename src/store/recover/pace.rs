//! How far a recovery is: one that reads a full card again takes a while, and whoever waits wants to know that it gets on.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A line in the log so often.
const SAID_EVERY: Duration = Duration::from_secs(5);

static LOOKED_AT: AtomicU64 = AtomicU64::new(0);

/// Files that recoveries of this process have looked at: a number that grows while one gets on.
pub fn looked_at() -> u64 {
    LOOKED_AT.load(Ordering::Relaxed)
}

/// Counts files, and says now and then how many they are.
pub(super) struct Pace {
    files: u64,
    said: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            files: 0,
            said: Instant::now(),
        }
    }

    /// The next file, in `folder`.
    pub(super) fn step(&mut self, folder: &Path) {
        LOOKED_AT.fetch_add(1, Ordering::Relaxed);
        self.files += 1;
        if self.said.elapsed() >= SAID_EVERY {
            self.said = Instant::now();
            tracing::info!(
                "looking at what is on the tape: {} files so far, now in {}",
                self.files,
                folder.display()
            );
        }
    }
}
