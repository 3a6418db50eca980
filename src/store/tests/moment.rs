//! The journal at a moment at which the power may go.

use std::path::Path;

/// The files of SQLite at one moment. They contain what SQLite committed, which is synced, and nothing that it had not
/// committed.
#[derive(Clone, Default, PartialEq)]
pub(super) struct JournalFiles {
    pub(super) db: Vec<u8>,
    pub(super) wal: Vec<u8>,
}

impl JournalFiles {
    pub(super) fn read(dir: &Path) -> Self {
        Self {
            db: std::fs::read(dir.join("journal.db")).unwrap_or_default(),
            wal: std::fs::read(dir.join("journal.db-wal")).unwrap_or_default(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test lays out what a crash left")]
    pub(super) fn write(&self, dir: &Path) {
        std::fs::write(dir.join("journal.db"), &self.db).unwrap();
        std::fs::write(dir.join("journal.db-wal"), &self.wal).unwrap();
        let _ = std::fs::remove_file(dir.join("journal.db-shm"));
    }
}

/// Of so many moments one is tried: every one, unless `EDGEREEL_TEST_STRIDE` sets another number, as it does for emulated
/// processors.
pub(super) fn stride() -> usize {
    let wanted = std::env::var("EDGEREEL_TEST_STRIDE").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(1).max(1)
}
