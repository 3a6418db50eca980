//! Space that is reserved for the journal, so that events can be written when all other space is taken.

use std::path::PathBuf;

use super::Journal;
use crate::store::disk::{Disk, RealDisk};

const FILE: &str = "reserve";

impl Journal {
    /// Takes `bytes` for bad times, unless they are taken already.
    pub(in crate::store) fn hold_reserve(&mut self, bytes: u64) {
        let path = self.reserve_path();
        if bytes == 0 || crate::store::disk::is_there(&path) {
            self.owes_reserve = false;
            return;
        }
        let taken = RealDisk.create(&path).and_then(|file| file.allocate(bytes));
        if let Err(error) = taken {
            // No room for it now, or a file system that cannot: an empty file would hold nothing.
            let _ = RealDisk.unlink(&path);
            tracing::debug!("{}: not held: {error}", path.display());
        } else {
            self.owes_reserve = false;
        }
    }

    /// True when the reserve was used and is not held again: its room is nobody else's.
    pub(in crate::store) fn owes_reserve(&self) -> bool {
        self.owes_reserve
    }

    /// Gives the room back; true when there was some.
    pub(in crate::store) fn release_reserve(&mut self) -> bool {
        let path = self.reserve_path();
        let released = RealDisk.unlink(&path).is_ok();
        if let Some(dir) = path.parent().filter(|_| released) {
            // It is no use before it is free. Where that cannot be, the journal is as full as before.
            let _ = RealDisk.sync_file_system(dir);
        }
        self.owes_reserve |= released;
        released
    }

    fn reserve_path(&self) -> PathBuf {
        self.path.with_file_name(FILE)
    }
}
