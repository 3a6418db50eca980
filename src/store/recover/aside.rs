//! A journal that cannot be gone on with is set aside: moved with all that belongs to it, never overwritten.
//!
//! ```text
//! <dir>/journal.condemned                 which folder, and why; there until the event of it is committed
//! <dir>/journal-damaged-1/journal.db      -wal and -shm beside it
//! <dir>/journal-damaged-1/reason.json     what journal.condemned was
//! <dir>/journal-newer-2/…                 one of a later release: whole, to be had back
//! ```
//!
//! Not in `lost+found`: where the storage directory is the root of a file system, that folder is root's and the
//! service may not write there, and a journal that cannot be moved would keep the service from starting.
//!
//! The note is durable before anything is moved, so that a power cut at any step is gone on with by the next start: the
//! WAL of a damaged journal must not be taken for that of a new one.

use std::io::{ErrorKind, IoSlice};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::event::JournalSetAside;
use crate::store::disk::{self, Disk, RealDisk};
use crate::store::error::Unusable;
use crate::store::journal::{BESIDE, FILE};
use crate::store::{StoreError, paths};

/// Damaged journals that are kept. One that is damaged again and again must not fill the flash: of those past
/// this number the oldest goes. What a later release wrote is whole, and is not counted.
const KEPT: usize = 4;

/// Where the note is.
const NOTE: &str = "journal.condemned";

/// Longer is no note.
const MAX_NOTE: usize = 4096;

/// A journal that is set aside, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct Aside {
    folder: String,
    reason: String,
}

/// Notes that a running service found its journal damaged. Best effort: should this fail too, the next start has
/// its own look.
pub(in crate::store) fn condemn(journal: &Path, reason: &str) {
    let Some(dir) = journal.parent() else { return };
    match Aside::begin(dir, &Unusable::Damaged(reason.to_owned())) {
        Ok(_) => tracing::error!(
            "{}: damaged: {reason}; it is set aside and made again from the files",
            journal.display()
        ),
        Err(error) => tracing::error!("{}: damaged: {reason}; {error}", journal.display()),
    }
}

/// Every journal that was set aside, oldest first.
pub(in crate::store) fn folders(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let names = numbered(dir)?.into_iter();
    Ok(names.map(|(_, name)| dir.join(name)).collect())
}

impl Aside {
    /// What an earlier start, or a running service, wanted to set aside and did not finish telling of.
    pub(in crate::store) fn pending(dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = dir.join(NOTE);
        let file = match RealDisk.open_read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::disk("open", &path)(error)),
        };
        let mut bytes = vec![0; MAX_NOTE];
        let len = file
            .read_at(0, &mut bytes)
            .map_err(StoreError::disk("read", &path))?;
        let note = serde_json::from_slice(bytes.get(..len).unwrap_or_default());
        match note.ok().filter(|note: &Self| split(&note.folder).is_some()) {
            Some(note) => Ok(Some(note)),
            // The note was renamed into its place whole: this is someone else's.
            None => Self::begin(dir, &Unusable::Damaged(format!("{NOTE} is not readable"))).map(Some),
        }
    }

    /// Chooses a folder and notes durably that the journal goes there.
    pub(in crate::store) fn begin(dir: &Path, why: &Unusable) -> Result<Self, StoreError> {
        let (kind, reason) = match why {
            Unusable::Damaged(reason) => ("damaged", reason),
            Unusable::Newer(reason) => ("newer", reason),
        };
        let taken = numbered(dir)?;
        let number = taken.last().map_or(1, |(last, _)| last.saturating_add(1));
        let aside = Self {
            folder: format!("journal-{kind}-{number}"),
            reason: reason.chars().take(MAX_NOTE / 16).collect(),
        };
        let (new, note) = (dir.join(format!("{NOTE}.new")), dir.join(NOTE));
        let text = serde_json::to_vec(&aside).unwrap_or_default();
        remove(&new)?;
        let file = RealDisk.create(&new).map_err(StoreError::disk("make", &new))?;
        file.write_at(0, &mut [IoSlice::new(&text)])
            .map_err(StoreError::disk("write", &new))?;
        file.sync().map_err(StoreError::disk("sync", &new))?;
        disk::replace(&new, &note).map_err(StoreError::disk("rename", &new))?;
        sync(dir)?;
        Ok(aside)
    }

    /// Moves the journal into its folder, or what of it an earlier start did not get to.
    pub(super) fn carry_out(&self, dir: &Path) -> Result<(), StoreError> {
        let folder = dir.join(&self.folder);
        let (from, to) = (dir.join(FILE), folder.join(FILE));
        if disk::is_there(&from) && disk::is_there(&to) {
            // All was moved, and this is the journal that was made then.
            return Ok(());
        }
        tracing::warn!(
            "{}: set aside to {}: {}",
            from.display(),
            folder.display(),
            self.reason
        );
        RealDisk
            .create_dir(&folder)
            .map_err(StoreError::disk("make", &folder))?;
        sync(dir)?;
        // The database first: as long as it is where it was, so is its WAL.
        for suffix in [&[""][..], &BESIDE].concat() {
            let name = format!("{FILE}{suffix}");
            let from = dir.join(&name);
            match disk::replace(&from, &folder.join(&name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(StoreError::disk("set aside", &from)(error));
                }
                _ => {}
            }
        }
        sync(&folder)?;
        sync(dir)?;
        forget_oldest(dir)
    }

    /// The event of it is durable: the note goes to where the journal is.
    pub(super) fn told(&self, dir: &Path) -> Result<(), StoreError> {
        let (note, folder) = (dir.join(NOTE), dir.join(&self.folder));
        disk::replace(&note, &folder.join("reason.json")).map_err(StoreError::disk("move", &note))?;
        sync(&folder)?;
        sync(dir)
    }

    /// For the event.
    pub(super) fn event(&self, dir: &Path) -> JournalSetAside {
        JournalSetAside {
            path: dir.join(&self.folder).display().to_string(),
            reason: self.reason.clone(),
        }
    }
}

/// True for a journal without a byte where there is a tape: SQLite would take it for a new one.
pub(super) fn is_emptied(dir: &Path, disk: &dyn Disk) -> bool {
    let empty = dir
        .join(FILE)
        .metadata()
        .is_ok_and(|found| found.is_file() && found.len() == 0);
    empty
        && disk
            .list(&paths::tape(dir))
            .is_ok_and(|streams| !streams.is_empty())
}

/// The folders there are, by number.
fn numbered(dir: &Path) -> Result<Vec<(u32, String)>, StoreError> {
    let entries = RealDisk.list(dir).map_err(StoreError::disk("list", dir))?;
    let names = entries
        .into_iter()
        .filter_map(|entry| entry.name.into_string().ok());
    let mut found: Vec<(u32, String)> = names
        .filter_map(|name| {
            split(&name)
                .map(|(_, number)| number)
                .map(|number| (number, name))
        })
        .collect();
    found.sort_unstable();
    Ok(found)
}

/// Kind and number of a folder's name.
fn split(name: &str) -> Option<(&str, u32)> {
    let (kind, number) = name.strip_prefix("journal-")?.split_once('-')?;
    let known = kind == "damaged" || kind == "newer";
    number.parse().ok().filter(|_| known).map(|number| (kind, number))
}

fn forget_oldest(dir: &Path) -> Result<(), StoreError> {
    let all = numbered(dir)?;
    let damaged = all
        .iter()
        .filter(|(_, name)| split(name).is_some_and(|(kind, _)| kind == "damaged"));
    let excess = damaged.clone().count().saturating_sub(KEPT);
    for (_, name) in damaged.take(excess) {
        let folder = dir.join(name);
        let gone = RealDisk.list(&folder).and_then(|entries| {
            entries
                .iter()
                .try_for_each(|entry| RealDisk.unlink(&folder.join(&entry.name)))
        });
        match gone.and_then(|()| std::fs::remove_dir(&folder)) {
            Ok(()) => tracing::warn!(
                "{}: removed: {KEPT} damaged journals are kept, and there are newer ones",
                folder.display()
            ),
            // Someone put something there; let it be.
            Err(error) => tracing::warn!("{}: cannot remove: {error}", folder.display()),
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match RealDisk.unlink(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::disk("remove", path)(error)),
        _ => Ok(()),
    }
}

fn sync(dir: &Path) -> Result<(), StoreError> {
    RealDisk.sync_dir(dir).map_err(StoreError::disk("sync", dir))
}
