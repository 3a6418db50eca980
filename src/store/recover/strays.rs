//! Strays: files that nobody can read, or that are in a wrong place. Recovery moves them to `lost+found`.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::repair::Recovery;
use crate::store::{StoreError, paths};

impl Recovery<'_> {
    pub(super) fn stray(&mut self, path: PathBuf) {
        self.name(&path, "does not belong here");
        self.strays.push(path);
    }

    /// Where the storage directory is the root of a file system, `lost+found` may belong to root alone. Strays that cannot
    /// be moved there stay in their place: this is no reason not to record.
    pub(super) fn expect_lost_found(&mut self) {
        if self.strays.is_empty() {
            return;
        }
        let to = paths::lost_found(self.dir);
        if let Err(error) = self.disk.create_dir(&to).and_then(|()| self.disk.list(&to)) {
            let count = self.strays.len();
            self.name(
                &to,
                &format!("accepts no files, so {count} stay in their place: {error}"),
            );
            self.strays.clear();
        }
    }

    /// A stray that cannot be moved is no reason not to record: it stays in its place until the next start.
    pub(super) fn move_strays(&mut self) -> Result<(), StoreError> {
        if self.strays.is_empty() {
            return Ok(());
        }
        let to = paths::lost_found(self.dir);
        let taken: Vec<OsString> = self.list(&to)?.into_iter().map(|entry| entry.name).collect();
        let mut taken: HashSet<OsString> = taken.into_iter().collect();
        for path in std::mem::take(&mut self.strays) {
            let name = stray_name(&path, &taken);
            if let Err(error) = self.disk.rename(&path, &to.join(&name)) {
                tracing::warn!("{}: cannot move to {}: {error}", path.display(), to.display());
            }
            taken.insert(name);
            self.touch(&path);
        }
        // The new name is synced first: a crash in between leaves two names, never none.
        self.disk.sync_dir(&to).map_err(StoreError::disk("sync", &to))?;
        self.sync_dirs()?;
        self.disk
            .sync_dir(self.dir)
            .map_err(StoreError::disk("sync", self.dir))
    }
}

/// The name in `lost+found`, such as `live+cam1-00000017.mp4`, with a number behind it when that name is taken.
pub(in crate::store) fn stray_name(path: &Path, taken: &HashSet<OsString>) -> OsString {
    let mut name = OsString::new();
    if let Some(dir) = path
        .parent()
        .and_then(Path::file_name)
        .filter(|name| *name != "tape")
    {
        name.push(dir);
        name.push("-");
    }
    name.push(path.file_name().unwrap_or_default());
    let mut free = name.clone();
    let mut count = 1u32;
    while taken.contains(&free) {
        count = count.saturating_add(1);
        free = name.clone();
        free.push(format!(".{count}"));
    }
    free
}
