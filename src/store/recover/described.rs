//! What people set of recordings, out of the files beside the tape: into a journal that was made again, or that an earlier release
//! made, or that finds a recording again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::gone::Deleted;
use super::pace::Pace;
use crate::media::{Micros, RecordingId};
use crate::model::{Categories, OnBlock};
use crate::store::StoreError;
use crate::store::composition::Written;
use crate::store::disk::Disk;
use crate::store::facts::together;
use crate::store::journal::{Journal, Op};
use crate::store::sidecar::{self, Damage, Name, Sidecar};
use crate::store::writer::settle;

/// Files that are read for one commit, and files of removed recordings that one start removes. Tests have few files, and need
/// several commits.
const ROUND: usize = if cfg!(test) { 2 } else { 100 };

/// The files of a storage directory, and the journal that they are read into.
pub(super) struct Described<'a, 'p> {
    pub(super) dir: &'a Path,
    pub(super) disk: &'a dyn Disk,
    pub(super) journal: &'a mut Journal,
    pub(super) deleted: &'a Deleted,
    pub(super) pace: &'a mut Pace<'p>,
    pub(super) utc: Micros,
}

/// What reading the files came to.
#[derive(Default)]
struct Came {
    /// Files that nobody can read or that nothing is known of.
    strays: Vec<PathBuf>,
    /// Files that stay as they are: those of `strays`, and those that could not be read or removed.
    stay: BTreeSet<Name>,
    /// Something could not be read, or not removed. The next start tries again.
    failed: bool,
}

impl Described<'_, '_> {
    /// Reads what the journal lacks, and brings files into their places that a crash left in `new/`. Gives the files that nobody
    /// can read or that nothing is known of: they go to `lost+found`.
    ///
    /// A file that the storage device does not read, or does not let go, is no reason not to record: it is named, and stays.
    /// After a crash at any point, or such a failure, the next start reads what this one did not.
    pub(super) fn read(&mut self) -> Result<Vec<PathBuf>, StoreError> {
        let mut came = Came::default();
        let newer = self.listed(sidecar::newer);
        if self.journal.lacks_sidecars()? {
            let places = self.listed(sidecar::names);
            came.failed = newer.is_none() || places.is_none();
            let mut names = BTreeSet::new();
            for (found, others) in [&places, &newer].into_iter().flatten() {
                names.extend(found.iter().copied());
                came.strays.extend(others.iter().cloned());
            }
            if names.remove(&Name::Categories) {
                self.read_categories(&mut came)?;
            }
            self.read_facts(names, &mut came)?;
            if !came.failed {
                self.journal.commit(&[Op::SidecarsRead], self.utc)?;
            }
        }
        let newer = newer.map(|(names, _)| names).unwrap_or_default();
        for name in newer.into_iter().filter(|name| !came.stay.contains(name)) {
            if let Err(error) = settle(self.disk, self.dir, self.journal, name) {
                tracing::warn!("{error}");
            }
        }
        self.remove_gone()?;
        Ok(came.strays)
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

    /// A folder that cannot be listed is not an empty one.
    fn listed(
        &self,
        list: impl FnOnce(&dyn Disk, &Path) -> Result<(Vec<Name>, Vec<PathBuf>), StoreError>,
    ) -> Option<(Vec<Name>, Vec<PathBuf>)> {
        list(self.disk, self.dir)
            .inspect_err(|error| tracing::error!("what people set of recordings is not read: {error}"))
            .ok()
    }

    fn read_facts(&mut self, names: BTreeSet<Name>, came: &mut Came) -> Result<(), StoreError> {
        let mut ops = Vec::new();
        for name in names {
            let Name::Recording(id) = name else { continue };
            self.pace.step(&name.path(self.dir));
            if self.deleted.has(id) {
                if let Err(error) = sidecar::remove(self.disk, self.dir, name) {
                    came.keep(name, &error);
                }
                continue;
            }
            // What was read before a crash, or set since then, is in the journal. Files of removed recordings go below.
            if self.journal.is_described(id)? || self.journal.is_sidecar_gone(id)? {
                continue;
            }
            let Some(read) = self.newest(name, came) else {
                continue;
            };
            let known = self.journal.facts(id)?;
            if let (None, Some(of)) = (&known, &read.composition) {
                self.compose(id, of, &read, came)?;
                continue;
            }
            match known {
                None => self.set_aside(name, "there is no recording of this name", came),
                Some((known, _)) => ops.extend(read.rows(id, |facts| together(facts, known))),
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

    /// Makes a composition again, of what of its ranges is still there.
    fn compose(
        &mut self,
        id: RecordingId,
        of: &Written,
        read: &Sidecar,
        came: &mut Came,
    ) -> Result<(), StoreError> {
        let op = Op::Compose {
            id,
            of: Box::new(of.clone()),
            facts: Box::new(read.facts.clone().unwrap_or_default()),
            tell: false,
        };
        let review = read.review.clone().map(|review| Op::Review {
            id,
            review,
            on_block: OnBlock::Keep,
            tell: false,
        });
        let ops: Vec<Op> = [Some(op), review].into_iter().flatten().collect();
        self.journal.commit(&ops, self.utc)?;
        if self.journal.facts(id)?.is_none() {
            self.set_aside(
                Name::Recording(id),
                "it is of a composition, and nothing of its tape is there",
                came,
            );
        }
        Ok(())
    }

    fn read_categories(&mut self, came: &mut Came) -> Result<(), StoreError> {
        if !self.journal.categories()?.is_empty() {
            return Ok(());
        }
        let Some(read) = self.newest(Name::Categories, came) else {
            return Ok(());
        };
        let (tree, left) = Categories::of(read.categories.unwrap_or_default());
        for category in left {
            tracing::warn!("category '{}' has no place in the tree", category.category);
        }
        let all = tree.iter().cloned().collect();
        self.journal.commit(&[Op::Categorize { all }], self.utc)
    }

    /// The newest content of a file that is whole.
    fn newest(&self, name: Name, came: &mut Came) -> Option<Sidecar> {
        match sidecar::newest(self.disk, self.dir, name) {
            Ok(None) => None,
            Ok(Some(Ok(read))) => Some(read),
            Ok(Some(Err(Damage::Empty))) => {
                // It was being removed.
                if let Err(error) = sidecar::remove(self.disk, self.dir, name) {
                    came.keep(name, &error);
                }
                None
            }
            Ok(Some(Err(damage @ Damage::Torn(_)))) => {
                self.set_aside(name, &damage.to_string(), came);
                None
            }
            Ok(Some(Err(damage @ Damage::Later(_)))) => {
                tracing::warn!("{}: {damage}", name.path(self.dir).display());
                came.stay.insert(name);
                None
            }
            Err(error) => {
                came.keep(name, &error);
                None
            }
        }
    }

    /// Leaves a file, in its place and in `new/`, for `lost+found`.
    fn set_aside(&self, name: Name, why: &str, came: &mut Came) {
        for path in [name.path(self.dir), name.new_path(self.dir)] {
            if self.disk.is_there(&path) {
                tracing::warn!("{}: {why}", path.display());
                came.strays.push(path);
            }
        }
        came.stay.insert(name);
    }
}

impl Came {
    /// Notes a file that could not be read or removed.
    fn keep(&mut self, name: Name, error: &StoreError) {
        tracing::warn!("{error}");
        self.stay.insert(name);
        self.failed = true;
    }
}
