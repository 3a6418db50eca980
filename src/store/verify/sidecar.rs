//! The files with what people set of recordings, against the journal.

use std::collections::BTreeSet;
use std::path::Path;

use super::repair::Repair;
use super::{Check, Finding};
use crate::media::RecordingId;
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::store::journal::{Journal, Op};
use crate::store::sidecar::{self, Damage, Name, Sidecar};
use crate::store::writer::settle;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trouble {
    /// The journal says that there is a file.
    Missing,
    /// The journal says something else.
    Differs,
    /// The journal knows the recording and none of its facts.
    Unread,
    /// The journal knows no such recording.
    Nobodys,
    Damaged(Damage),
}

impl Trouble {
    fn what(&self) -> String {
        match self {
            Trouble::Missing => "is missing; the journal has what people set of the recording".to_owned(),
            Trouble::Differs => "does not say what the journal says".to_owned(),
            Trouble::Unread => "has facts of a recording that the journal lacks".to_owned(),
            Trouble::Nobodys => "has no recording".to_owned(),
            Trouble::Damaged(damage) => damage.to_string(),
        }
    }
}

impl Check<'_> {
    /// Compares the files with the journal.
    pub(super) fn sidecars(&mut self) -> Result<(), StoreError> {
        let (names, others) = files(self.disk, self.dir, self.journal)?;
        for path in others {
            self.stranger(path, "does not belong here");
        }
        for name in names {
            // The service may have changed it meanwhile.
            let look = || trouble(self.disk, self.dir, self.journal, name);
            let Some(found) = look()? else { continue };
            if look()?.as_ref() == Some(&found) {
                self.found(Finding {
                    path: name.path(self.dir),
                    segment: None,
                    fragment: None,
                    what: format!("{}; `edgereel verify --repair` repairs this", found.what()),
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
        let (names, others) = files(self.disk, self.dir, self.journal)?;
        for path in others {
            self.set_aside(&path, "does not belong here")?;
        }
        for name in names {
            let path = name.path(self.dir);
            let Some(found) = trouble(self.disk, self.dir, self.journal, name)? else {
                continue;
            };
            match (&found, name) {
                (Trouble::Damaged(Damage::Later(_)), _) => {}
                (Trouble::Nobodys, _) => self.set_aside(&path, &found.what())?,
                (Trouble::Damaged(_), Name::Recording(id)) if self.journal.facts(id)?.is_none() => {
                    self.set_aside(&path, &found.what())?;
                }
                (Trouble::Unread, Name::Recording(id)) => {
                    let read = sidecar::read(self.disk, self.dir, name)?.and_then(Result::ok);
                    let facts = Box::new(read.and_then(|read| read.facts).unwrap_or_default());
                    let what = format!("{}: {}; they are read", path.display(), found.what());
                    self.commit(vec![Op::Describe { id, facts }], what)?;
                }
                _ => {
                    settle(self.disk, self.dir, self.journal, name)?;
                    let what = format!("{}: {}; it is written again", path.display(), found.what());
                    self.commit(Vec::new(), what)?;
                }
            }
        }
        Ok(())
    }
}

fn recording(name: Name) -> Option<RecordingId> {
    match name {
        Name::Categories => None,
        Name::Recording(id) => Some(id),
    }
}

/// The files that are there or should be there, and the paths of others in their folder.
fn files(
    disk: &dyn Disk,
    dir: &Path,
    journal: &Journal,
) -> Result<(BTreeSet<Name>, Vec<std::path::PathBuf>), StoreError> {
    let (names, others) = sidecar::names(disk, dir)?;
    let mut names: BTreeSet<Name> = names.into_iter().collect();
    names.extend(journal.with_sidecars()?.into_iter().map(Name::Recording));
    names.insert(Name::Categories);
    Ok((names, others))
}

fn trouble(
    disk: &dyn Disk,
    dir: &Path,
    journal: &Journal,
    name: Name,
) -> Result<Option<Trouble>, StoreError> {
    if sidecar::writing(disk, dir, name)?.is_some() {
        return Ok(None);
    }
    // The row is read first: a file that is younger than its row is no trouble at the second look.
    let known: Option<Option<Sidecar>> = match name {
        Name::Categories => {
            let all = journal.categories()?;
            let some = (!all.is_empty()).then(|| Sidecar::default().with_categories(all));
            Some(some)
        }
        Name::Recording(id) => journal
            .facts(id)?
            .map(|(facts, file)| file.then(|| Sidecar::default().with_facts(facts))),
    };
    let read = match sidecar::read(disk, dir, name)? {
        None => None,
        Some(Ok(read)) => Some(read),
        Some(Err(damage)) => return Ok(Some(Trouble::Damaged(damage))),
    };
    let says = |side: &Sidecar| (side.facts.clone(), side.categories.clone().unwrap_or_default());
    Ok(match (known, read) {
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
