//! What people set of recordings, out of the files beside the tape: into a journal that was made again, or that an earlier release
//! made, or that finds a recording again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::gone::Deleted;
use super::pace::Pace;
use crate::media::{Micros, RecordingId};
use crate::model::{Categories, Facts};
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::store::journal::{Journal, Op};
use crate::store::sidecar::{self, Damage, Name, Sidecar};
use crate::store::writer::settle;

/// Files that are read for one commit.
const ROUND: usize = 100;

/// The files of a storage directory, and the journal that they are read into.
pub(super) struct Described<'a, 'p> {
    pub(super) dir: &'a Path,
    pub(super) disk: &'a dyn Disk,
    pub(super) journal: &'a mut Journal,
    pub(super) deleted: &'a Deleted,
    pub(super) pace: &'a mut Pace<'p>,
    pub(super) utc: Micros,
}

impl Described<'_, '_> {
    /// Reads what the journal lacks, and brings files into their places that a crash left in `new/`. Gives the files that nobody
    /// can read or that nothing is known of: they go to `lost+found`.
    ///
    /// A file that the storage device does not read is no reason not to record: it is named, and stays.
    pub(super) fn read(&mut self, found: &BTreeSet<RecordingId>) -> Result<Vec<PathBuf>, StoreError> {
        let mut strays = Vec::new();
        let (newer, others) = self.listed(sidecar::newer);
        if self.journal.lacks_sidecars()? {
            let (names, mut more) = self.listed(sidecar::names);
            strays.append(&mut more);
            strays.extend(others);
            let mut names: BTreeSet<Name> = names.into_iter().chain(newer.iter().copied()).collect();
            if !names.is_empty() {
                if names.remove(&Name::Categories) {
                    self.read_categories(&mut strays)?;
                }
                self.read_facts(names, &mut strays)?;
                self.journal.commit(&[Op::SidecarsRead], self.utc)?;
            }
        } else {
            let found = found.iter().map(|id| Name::Recording(*id)).collect();
            self.read_facts(found, &mut strays)?;
        }
        for name in newer {
            if let Err(error) = settle(self.disk, self.dir, self.journal, name) {
                tracing::warn!("{error}");
            }
        }
        self.remove_gone()?;
        Ok(strays)
    }

    /// Removes the files of recordings that were removed before a crash.
    fn remove_gone(&mut self) -> Result<(), StoreError> {
        let mut ops = Vec::new();
        for id in self.journal.sidecars_gone(ROUND)? {
            match sidecar::remove(self.disk, self.dir, Name::Recording(id)) {
                Ok(()) => ops.push(Op::SidecarGone { id }),
                // A tick tries again.
                Err(error) => tracing::warn!("{error}"),
            }
        }
        if ops.is_empty() {
            return Ok(());
        }
        self.journal.commit(&ops, self.utc)
    }

    fn listed(
        &self,
        list: impl FnOnce(&dyn Disk, &Path) -> Result<(Vec<Name>, Vec<PathBuf>), StoreError>,
    ) -> (Vec<Name>, Vec<PathBuf>) {
        list(self.disk, self.dir).unwrap_or_else(|error| {
            tracing::error!("what people set of recordings is not read: {error}");
            Default::default()
        })
    }

    fn read_facts(&mut self, names: BTreeSet<Name>, strays: &mut Vec<PathBuf>) -> Result<(), StoreError> {
        let mut ops = Vec::new();
        for name in names {
            let Name::Recording(id) = name else { continue };
            let path = name.path(self.dir);
            self.pace.step(&path);
            if self.deleted.has(id) {
                sidecar::remove(self.disk, self.dir, name)?;
                continue;
            }
            let Some(read) = self.newest(name, strays) else {
                continue;
            };
            match self.journal.facts(id)? {
                None => {
                    tracing::warn!("{}: there is no recording of this name", path.display());
                    strays.push(path);
                }
                Some((known, _)) => {
                    let facts = Box::new(together(read.facts.unwrap_or_default(), known));
                    ops.push(Op::Describe { id, facts });
                }
            }
            if ops.len() >= ROUND {
                self.journal.commit(&std::mem::take(&mut ops), self.utc)?;
            }
        }
        if ops.is_empty() {
            return Ok(());
        }
        self.journal.commit(&ops, self.utc)
    }

    fn read_categories(&mut self, strays: &mut Vec<PathBuf>) -> Result<(), StoreError> {
        let Some(read) = self.newest(Name::Categories, strays) else {
            return Ok(());
        };
        let (tree, left) = Categories::of(read.categories.unwrap_or_default());
        for category in left {
            tracing::warn!("category '{}' has no place in the tree", category.category);
        }
        let all = tree.iter().cloned().collect();
        self.journal.commit(&[Op::Categorize { all }], self.utc)
    }

    /// The newest content of a file that is whole: the one in `new/` was written last.
    fn newest(&self, name: Name, strays: &mut Vec<PathBuf>) -> Option<Sidecar> {
        if let Ok(Some(Ok(newest))) = sidecar::writing(self.disk, self.dir, name) {
            return Some(newest);
        }
        let path = name.path(self.dir);
        match sidecar::read(self.disk, self.dir, name) {
            Ok(None) => None,
            Ok(Some(Ok(read))) => Some(read),
            Ok(Some(Err(Damage::Empty))) => {
                // It was being removed.
                if let Err(error) = sidecar::remove(self.disk, self.dir, name) {
                    tracing::warn!("{error}");
                }
                None
            }
            Ok(Some(Err(damage))) => {
                tracing::warn!("{}: {damage}", path.display());
                if matches!(damage, Damage::Torn(_)) {
                    strays.push(path);
                }
                None
            }
            Err(error) => {
                tracing::warn!("{error}");
                None
            }
        }
    }
}

/// The facts of a file, with the tags that an earlier release set meanwhile.
fn together(read: Facts, known: Facts) -> Facts {
    if known.tags.is_empty() {
        return read;
    }
    Facts {
        tags: known.tags,
        ..read
    }
}
