//! A journal that edgereel cannot use is set aside: its files are moved together and never overwritten.
//!
//! ```text
//! <dir>/journal.condemned                 which folder, and why; it exists until the event is committed
//! <dir>/journal-damaged-1/journal.db      -wal and -shm beside it
//! <dir>/journal-damaged-1/reason.json     what journal.condemned was
//! <dir>/journal-newer-2/…                 a journal of a later release: whole, so that it can be put back
//! <dir>/tape-set-aside-1/                 a tape from which no journal could be made
//! ```
//!
//! Not in `lost+found`: where the storage directory is the root of a file system, that folder is root's and the
//! service may not write there, and a journal that cannot be moved would keep the service from starting.
//!
//! The note is durable before anything is moved, so that the next start continues after a power cut at any step. SQLite
//! must never read the WAL of a damaged journal as the WAL of a new one.

use std::io::{ErrorKind, IoSlice};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::event::{JournalSetAside, TapeSetAside};
use crate::store::disk::{self, Disk, RealDisk};
use crate::store::error::Unusable;
use crate::store::journal::{BESIDE, FILE, may_have_recordings};
use crate::store::{StoreError, paths};

/// Most damaged journals that are kept: a journal that is damaged again and again must not fill the flash. Beyond this number
/// the oldest goes, but never the first one. A journal with recordings never goes to keep one without. The journal of a later
/// release is whole, and is not counted.
const KEPT: usize = 4;

/// The prefix of the folders of tapes that were set aside.
const TAPES: &str = "tape-set-aside-";

const NOTE: &str = "journal.condemned";

const MAX_NOTE: usize = 4096;

/// A journal that is set aside, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct Aside {
    folder: String,
    reason: String,
    /// Set when the tape is set aside, too: the journal that was made from it could not be used either.
    #[serde(default)]
    tape: Option<Tape>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tape {
    folder: String,
    reason: String,
}

/// Notes that a running service found its journal damaged. If the note cannot be written either, the check of the next start
/// finds the damage.
pub(in crate::store) fn note_damage(journal: &Path, reason: &str) {
    let Some(dir) = journal.parent() else { return };
    match Aside::begin(dir, &Unusable::Damaged(reason.to_owned())) {
        Ok(_) => tracing::error!(
            "{}: the journal is damaged: {reason}; edgereel sets it aside and makes it again from the files",
            journal.display()
        ),
        Err(error) => tracing::error!("{}: the journal is damaged: {reason}; {error}", journal.display()),
    }
}

/// Every journal that was set aside, oldest first.
pub(in crate::store) fn folders(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let names = numbered(dir)?.into_iter();
    Ok(names.map(|(_, name)| dir.join(name)).collect())
}

impl Aside {
    /// The note of an earlier start or of a running service, whose event is not committed yet.
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
            Some(note) if note.tape.as_ref().is_none_or(|tape| is_tape(&tape.folder)) => Ok(Some(note)),
            // edgereel renames a whole note into its place. So another program wrote this file.
            _ => Self::begin(dir, &Unusable::Damaged(format!("{NOTE} is not readable"))).map(Some),
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
            tape: None,
        };
        aside.write(dir)?;
        Ok(aside)
    }

    /// Sets the tape aside, too: the journal that this start made from it cannot be used either. The next tape begins beside
    /// it, because a box must record.
    pub(super) fn without_tape(
        mut self,
        dir: &Path,
        disk: &dyn Disk,
        reason: &str,
    ) -> Result<Self, StoreError> {
        let entries = disk.list(dir).map_err(StoreError::disk("list", dir))?;
        let on_card = RealDisk.list(dir).map_err(StoreError::disk("list", dir))?;
        let names = entries
            .into_iter()
            .chain(on_card)
            .filter_map(|entry| entry.name.into_string().ok());
        let taken = names
            .filter_map(|name| name.strip_prefix(TAPES)?.parse::<u32>().ok())
            .max();
        self.tape = Some(Tape {
            folder: format!("{TAPES}{}", taken.map_or(1, |last| last.saturating_add(1))),
            reason: reason.chars().take(MAX_NOTE / 16).collect(),
        });
        self.write(dir)?;
        Ok(self)
    }

    /// True when the tape was set aside with the journal.
    pub(super) fn has_tape(&self) -> bool {
        self.tape.is_some()
    }

    fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let (new, note) = (dir.join(format!("{NOTE}.new")), dir.join(NOTE));
        let text = serde_json::to_vec(self).unwrap_or_default();
        remove(&new)?;
        let file = RealDisk.create(&new).map_err(StoreError::disk("make", &new))?;
        file.write_at(0, &mut [IoSlice::new(&text)])
            .map_err(StoreError::disk("write", &new))?;
        file.sync().map_err(StoreError::disk("sync", &new))?;
        disk::replace(&new, &note).map_err(StoreError::disk("rename", &new))?;
        sync(dir)
    }

    /// Moves the journal into its folder, or the rest of it after an interrupted start. Then moves the tape, if it is set
    /// aside, too.
    pub(super) fn carry_out(&self, dir: &Path, disk: &dyn Disk) -> Result<(), StoreError> {
        self.move_journal(dir)?;
        let Some(tape) = &self.tape else { return Ok(()) };
        let (from, to) = (paths::tape(dir), dir.join(&tape.folder));
        if disk.is_there(&to) || !disk.is_there(&from) {
            return Ok(());
        }
        tracing::error!(
            "{}: SET ASIDE to {}: no journal could be made from this tape ({}). edgereel removes nothing of it, and records on an empty \
             tape. `edgereel verify --repair --data` on a folder with a copy of it as `tape` says what is wrong",
            from.display(),
            to.display(),
            tape.reason
        );
        // The journal that was made from this tape has rows of files that are gone.
        forget_journal(dir)?;
        disk.rename(&from, &to)
            .map_err(StoreError::disk("set aside", &from))?;
        disk.sync_dir(dir).map_err(StoreError::disk("sync", dir))
    }

    fn move_journal(&self, dir: &Path) -> Result<(), StoreError> {
        let folder = dir.join(&self.folder);
        let (from, to) = (dir.join(FILE), folder.join(FILE));
        if disk::is_there(&from) && disk::is_there(&to) {
            // All files were moved, and the journal here is the one that was made after that.
            return Ok(());
        }
        tracing::warn!(
            "{}: set aside to {}: {}",
            from.display(),
            folder.display(),
            self.reason
        );
        tracing::warn!(
            "what only that journal had is lost: the channels, tasks, rules and templates that commands put, clips and protection"
        );
        RealDisk
            .create_dir(&folder)
            .map_err(StoreError::disk("make", &folder))?;
        sync(dir)?;
        // The database is moved first: as long as it is in its old place, so is its WAL.
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
        forget_oldest(dir, &self.folder)
    }

    pub(super) fn tape_event(&self, dir: &Path) -> Option<TapeSetAside> {
        self.tape.as_ref().map(|tape| TapeSetAside {
            path: dir.join(&tape.folder).display().to_string(),
            reason: tape.reason.clone(),
        })
    }

    /// True for a journal without content in the place of the one that was set aside: a start made it, and did not finish.
    pub(super) fn left_nothing(&self, dir: &Path) -> bool {
        disk::is_there(&dir.join(&self.folder).join(FILE)) && !may_have_recordings(dir)
    }

    /// Moves the note to the journal's folder: the event is durable.
    pub(super) fn told(&self, dir: &Path) -> Result<(), StoreError> {
        let (note, folder) = (dir.join(NOTE), dir.join(&self.folder));
        disk::replace(&note, &folder.join("reason.json")).map_err(StoreError::disk("move", &note))?;
        sync(&folder)?;
        sync(dir)
    }

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

/// The folders of journals that were set aside, by number.
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

/// The kind and the number in a folder's name.
fn split(name: &str) -> Option<(&str, u32)> {
    let (kind, number) = name.strip_prefix("journal-")?.split_once('-')?;
    let known = kind == "damaged" || kind == "newer";
    number.parse().ok().filter(|_| known).map(|number| (kind, number))
}

/// Removes a journal that a start made and that has no content.
pub(super) fn forget_journal(dir: &Path) -> Result<(), StoreError> {
    // The database is removed last: as long as it is there, the WAL counts as its own.
    for suffix in [&BESIDE[..], &[""]].concat() {
        remove(&dir.join(format!("{FILE}{suffix}")))?;
    }
    sync(dir)
}

fn is_tape(name: &str) -> bool {
    name.strip_prefix(TAPES)
        .is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Removes damaged journals beyond the limit, but not the one in `newest`.
fn forget_oldest(dir: &Path, newest: &str) -> Result<(), StoreError> {
    let all = numbered(dir)?.into_iter().map(|(_, name)| name);
    let mut damaged: Vec<String> = all
        .filter(|name| split(name).is_some_and(|(kind, _)| kind == "damaged"))
        .collect();
    while damaged.len() > KEPT {
        let Some(name) = superfluous(&damaged, newest, |name| may_have_recordings(&dir.join(name))) else {
            return Ok(());
        };
        let folder = dir.join(&name);
        let gone = RealDisk.list(&folder).and_then(|entries| {
            entries
                .iter()
                .try_for_each(|entry| RealDisk.unlink(&folder.join(&entry.name)))
        });
        match gone.and_then(|()| std::fs::remove_dir(&folder)) {
            Ok(()) => tracing::warn!(
                "{}: removed; edgereel keeps {KEPT} damaged journals, and there are newer ones",
                folder.display()
            ),
            // Another program put a file there: it stays.
            Err(error) => tracing::warn!("{}: cannot remove: {error}", folder.display()),
        }
        damaged.retain(|other| *other != name);
    }
    Ok(())
}

/// The journal that goes next, of those that were set aside, oldest first: the oldest without recordings, else the oldest. The
/// first one never goes: it is from before anything went wrong. If the newest has no recordings, no journal with recordings
/// goes for it.
fn superfluous(all: &[String], newest: &str, has_recordings: impl Fn(&str) -> bool) -> Option<String> {
    let later = || all.iter().skip(1).filter(|name| *name != newest);
    let empty = later().find(|name| !has_recordings(name));
    let oldest = || later().next().filter(|_| has_recordings(newest));
    empty.or_else(oldest).cloned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_those_with_recordings_outlive_empty_ones() {
        let all: Vec<String> = ["1", "2", "3", "4", "5"]
            .map(|n| format!("journal-damaged-{n}"))
            .into();
        let goes = |with: &[&str], newest: usize| {
            let has = |name: &str| with.iter().any(|with| name.ends_with(with));
            superfluous(&all, &all[newest], has)
                .map(|name| name.trim_start_matches("journal-damaged-").to_owned())
        };
        assert_eq!(goes(&["1", "2", "3", "4", "5"], 4).as_deref(), Some("2"));
        assert_eq!(goes(&["1", "2", "4", "5"], 4).as_deref(), Some("3"));
        assert_eq!(goes(&[], 4).as_deref(), Some("2"));
        // An empty journal is no reason to remove one with recordings.
        assert_eq!(goes(&["1", "2", "3", "4"], 4), None);
        assert_eq!(goes(&["2", "3", "4"], 4), None);
    }
}
