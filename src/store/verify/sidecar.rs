//! The files with what people set of recordings, against the journal.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::repair::Repair;
use super::{Check, Finding};
use crate::media::RecordingId;
use crate::model::Facts;
use crate::store::disk::Disk;
use crate::store::journal::Journal;
use crate::store::sidecar::{self, Damage, Name, Sidecar};
use crate::store::writer::settle;
use crate::store::{StoreError, paths};

/// The names of sidecars, and the paths of other files.
type Files = (BTreeSet<Name>, Vec<PathBuf>);

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trouble {
    /// The journal says that there is a file.
    Missing,
    /// The journal says something else.
    Differs,
    /// The journal says that the recording is put together of ranges, and the file does not.
    NoRanges,
    /// The journal knows the recording and none of its facts.
    Unread,
    /// The journal knows no such recording.
    Nobodys,
    /// The recording was deleted on request.
    Deleted,
    /// The storage device does not read it.
    Unreadable(String),
    Damaged(Damage),
}

impl Trouble {
    fn what(&self) -> String {
        match self {
            Trouble::Missing => "is missing; the journal has what people set of the recording".to_owned(),
            Trouble::Differs => "does not say what the journal says".to_owned(),
            Trouble::NoRanges => "lacks the ranges of its composition, which only the journal has".to_owned(),
            Trouble::Unread => "has facts of a recording that the journal lacks".to_owned(),
            Trouble::Nobodys => "has no recording".to_owned(),
            Trouble::Deleted => "is of a recording that was deleted on request".to_owned(),
            Trouble::Unreadable(error) => format!("is not read: {error}"),
            Trouble::Damaged(damage) => damage.to_string(),
        }
    }

    /// True for what a repair leaves as it is.
    fn stays(&self) -> bool {
        matches!(self, Trouble::Unreadable(_) | Trouble::Damaged(Damage::Later(_)))
    }
}

impl Check<'_> {
    /// Compares the files with the journal.
    pub(super) fn sidecars(&mut self) -> Result<(), StoreError> {
        let (names, others) = match files(self.disk, self.dir, self.journal)? {
            Ok(found) => found,
            Err(error) => {
                self.found(Finding {
                    path: paths::sidecars(self.dir),
                    segment: None,
                    fragment: None,
                    what: format!("is not read: {error}"),
                    recordings: Vec::new(),
                });
                return Ok(());
            }
        };
        for path in others {
            self.stranger(path, "does not belong here");
        }
        for name in names {
            // The service may have changed it meanwhile.
            let look = || trouble(self.disk, self.dir, self.journal, name);
            let Some(found) = look()? else { continue };
            if look()?.as_ref() == Some(&found) {
                let mut what = found.what();
                if !found.stays() {
                    what.push_str("; `edgereel verify --repair` repairs this");
                }
                self.found(Finding {
                    path: name.path(self.dir),
                    segment: None,
                    fragment: None,
                    what,
                    recordings: recording(name).into_iter().collect(),
                });
            }
        }
        Ok(())
    }
}

impl Repair<'_> {
    /// Writes files again that do not say what the journal says, and reads those that the journal lacks.
    pub(super) fn sidecars(&mut self) -> Result<(), StoreError> {
        // The check behind the repair tells of a folder that cannot be listed.
        let Ok((names, others)) = files(self.disk, self.dir, self.journal)? else {
            return Ok(());
        };
        for path in others {
            self.set_aside(&path, "does not belong here")?;
        }
        for name in names {
            let path = name.path(self.dir);
            let Some(found) = trouble(self.disk, self.dir, self.journal, name)? else {
                continue;
            };
            match (&found, name) {
                (found, _) if found.stays() => {}
                (Trouble::Deleted, _) => {
                    if let Some(what) = self.done(&path, &found, sidecar::remove(self.disk, self.dir, name)) {
                        self.commit(Vec::new(), format!("{what}; it is removed"))?;
                    }
                }
                (Trouble::Nobodys, _) => self.set_aside(&path, &found.what())?,
                // The journal has nothing to write in its place.
                (Trouble::Damaged(_), Name::Recording(id))
                    if self.journal.facts(id)?.is_none_or(|(_, file)| !file) =>
                {
                    self.set_aside(&path, &found.what())?;
                }
                (Trouble::Unread, Name::Recording(id)) => {
                    let read = sidecar::read(self.disk, self.dir, name)?.and_then(Result::ok);
                    let read = read.unwrap_or_default();
                    let what = format!("{}: {}; they are read", path.display(), found.what());
                    self.commit(read.rows(id, |facts| facts), what)?;
                }
                _ => {
                    let settled = settle(self.disk, self.dir, self.journal, name);
                    if let Some(what) = self.done(&path, &found, settled) {
                        self.commit(Vec::new(), format!("{what}; it is written again"))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The words for a repair that was done. One that failed is told of, and the repair goes on with the next file.
    fn done(&mut self, path: &Path, found: &Trouble, done: Result<(), StoreError>) -> Option<String> {
        let what = format!("{}: {}", path.display(), found.what());
        match done {
            Ok(()) => Some(what),
            Err(error) => {
                self.tell(&format!("{what}; it stays: {error}"));
                None
            }
        }
    }
}

fn recording(name: Name) -> Option<RecordingId> {
    match name {
        Name::Categories => None,
        Name::Recording(id) => Some(id),
    }
}

/// The files that are there or should be there, and the paths of others in their folder. The inner error is of the storage
/// device.
fn files(disk: &dyn Disk, dir: &Path, journal: &Journal) -> Result<Result<Files, StoreError>, StoreError> {
    let (names, others) = match sidecar::names(disk, dir) {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    let mut names: BTreeSet<Name> = names.into_iter().collect();
    names.extend(journal.with_sidecars()?.into_iter().map(Name::Recording));
    names.insert(Name::Categories);
    Ok(Ok((names, others)))
}

fn trouble(
    disk: &dyn Disk,
    dir: &Path,
    journal: &Journal,
    name: Name,
) -> Result<Option<Trouble>, StoreError> {
    let unreadable = |error: StoreError| Ok(Some(Trouble::Unreadable(error.to_string())));
    match sidecar::writing(disk, dir, name) {
        Ok(None) => {}
        Ok(Some(_)) => return Ok(None),
        Err(error) => return unreadable(error),
    }
    // The row is read first: a file that is younger than its row is no trouble at the second look.
    let known: Option<Option<Sidecar>> = match name {
        Name::Categories => {
            let all = journal.categories()?;
            let some = (!all.is_empty()).then(|| Sidecar::default().with_categories(all));
            Some(some)
        }
        Name::Recording(id) => {
            let (composition, review) = (journal.composition(id)?, journal.review(id)?);
            let known = |(facts, file): (Facts, bool)| {
                let side = Sidecar::default().with_facts(facts).with_review(review);
                file.then(|| side.with_composition(composition))
            };
            journal.facts(id)?.map(known)
        }
    };
    let was_deleted = |id: RecordingId| disk.is_there(&paths::deleted(dir).join(id.to_string()));
    if known.is_none() && recording(name).is_some_and(was_deleted) {
        // The service removes it with its next tick, or it is there again.
        let is_left = disk.is_there(&name.path(dir)) && !is_going(journal, name)?;
        return Ok(is_left.then_some(Trouble::Deleted));
    }
    let read = match sidecar::read(disk, dir, name) {
        Ok(None) => None,
        Ok(Some(Ok(read))) => Some(read),
        Ok(Some(Err(damage))) => return Ok(Some(Trouble::Damaged(damage))),
        Err(error) => return unreadable(error),
    };
    let says = |side: &Sidecar| {
        let categories = side.categories.clone().unwrap_or_default();
        (side.facts.clone(), categories, side.review.clone())
    };
    Ok(match (known, read) {
        (Some(Some(known)), Some(read)) if known.composition.is_some() && read.composition.is_none() => {
            Some(Trouble::NoRanges)
        }
        (Some(Some(known)), Some(read)) => (says(&known) != says(&read)).then_some(Trouble::Differs),
        (Some(Some(_)), None) => Some(Trouble::Missing),
        (Some(None), Some(read)) if name == Name::Categories => {
            says(&read).1.first().map(|_| Trouble::Differs)
        }
        (Some(None), Some(_)) => Some(Trouble::Unread),
        // The service removes it with its next tick.
        (None, Some(_)) if is_going(journal, name)? => None,
        (None, Some(_)) => Some(Trouble::Nobodys),
        (_, None) => None,
    })
}

fn is_going(journal: &Journal, name: Name) -> Result<bool, StoreError> {
    recording(name).map_or(Ok(false), |id| journal.is_sidecar_gone(id))
}
