//! Space that is reserved for the journal, so that events can be written when all other space is taken.

use std::path::PathBuf;

use super::Journal;
use crate::store::disk::{Disk, RealDisk};

const FILE: &str = "reserve";

impl Journal {
    /// Allocates `bytes` as the reserve, unless it is there already.
    pub(in crate::store) fn hold_reserve(&mut self, bytes: u64) {
        let path = self.reserve_path();
        if bytes == 0 || crate::store::disk::is_there(&path) {
            self.owes_reserve = false;
            return;
        }
        let taken = RealDisk.create(&path).and_then(|file| file.allocate(bytes));
        if let Err(error) = taken {
            // The disk has no space for the reserve, or the file system cannot allocate: an empty file would reserve nothing.
            let _ = RealDisk.unlink(&path);
            tracing::debug!("{}: not held: {error}", path.display());
        } else {
            self.owes_reserve = false;
        }
    }

    /// True when the reserve was used and is not held again: no other file may take its space.
    pub(in crate::store) fn owes_reserve(&self) -> bool {
        self.owes_reserve
    }

    /// Frees the reserve's space; true when there was a reserve.
    pub(in crate::store) fn release_reserve(&mut self) -> bool {
        let path = self.reserve_path();
        let released = RealDisk.unlink(&path).is_ok();
        if let Some(dir) = path.parent().filter(|_| released) {
            // The space is of use only when it is free. Where the sync fails, the journal is as full as before.
            let _ = RealDisk.sync_file_system(dir);
        }
        self.owes_reserve |= released;
        released
    }

    fn reserve_path(&self) -> PathBuf {
        self.path.with_file_name(FILE)
    }
}
