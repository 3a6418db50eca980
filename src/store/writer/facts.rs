//! Changes of what people set of recordings. Each has a file beside the tape and rows in the journal:
//!
//! ```text
//! decide ─► new/<name> written, synced ─► commit of the rows ─► the file takes its place ─► answer
//! ```
//!
//! A crash before the commit leaves a file in `new/` that the next start removes, one behind it a file that the next start brings
//! into its place. Where a file cannot be written, nothing is changed. Where the commit fails, its rows wait for the next commit,
//! as all rows do, and the file waits with them.

use super::Writer;
use crate::media::RecordingId;
use crate::model::{Categories, Category, CategoryId, CategoryRefusal, Facts, FactsChange};
use crate::store::StoreError;
use crate::store::facts::{CategoryChange, FactsCommand, FactsError};
use crate::store::journal::{Journal, Op};
use crate::store::sidecar::{self, Name, Sidecar};

/// Most files that one look writes, and removes: each takes some syncs, and media waits meanwhile.
const ROUND: usize = 8;
/// Most recordings that a refusal names.
const NAMED: usize = 20;

impl From<StoreError> for FactsError {
    fn from(error: StoreError) -> Self {
        Self::Unwritten(error.to_string())
    }
}

impl Writer {
    /// Carries out the changes that waited for the commands before them.
    pub(super) fn change_facts(&mut self) {
        for command in std::mem::take(&mut self.facts) {
            // The callers may be gone.
            match command {
                FactsCommand::Set {
                    recording,
                    change,
                    done,
                } => {
                    let _ = done.send(self.set_facts(recording, *change));
                }
                FactsCommand::Categories { change, done } => {
                    let _ = done.send(self.change_categories(change));
                }
            }
        }
    }

    fn set_facts(&mut self, id: RecordingId, change: FactsChange) -> Result<Facts, FactsError> {
        // The rows of the recording may wait for a commit themselves.
        self.commit_rows()?;
        let journal = &self.book.journal;
        let (before, _) = journal.facts(id)?.ok_or(FactsError::NoRecording(id))?;
        let other = change.category.iter().flatten().next();
        if let Some(category) = other.filter(|category| before.category.as_ref() != Some(category)) {
            let (tree, _) = Categories::of(journal.categories()?);
            if !tree.has(category) {
                return Err(CategoryRefusal::Unknown(category.clone()).into());
            }
        }
        let after = before.clone().changed(change);
        if after != before {
            let facts = after.clone();
            self.carry_out(
                Name::Recording(id),
                |before| before.with_facts(facts),
                Op::Describe {
                    id,
                    facts: Box::new(after.clone()),
                },
            )?;
        }
        Ok(after)
    }

    fn change_categories(&mut self, change: CategoryChange) -> Result<(), FactsError> {
        self.commit_rows()?;
        let before = self.book.journal.categories()?;
        let (mut tree, _) = Categories::of(before.iter().cloned());
        match change {
            CategoryChange::Put(category) => tree.put(category)?,
            CategoryChange::Delete(category) => {
                tree.delete(&category)?;
                self.expect_unused(category)?;
            }
        }
        let after: Vec<Category> = tree.iter().cloned().collect();
        if after != before {
            let all = after.clone();
            self.carry_out(
                Name::Categories,
                |before| before.with_categories(all),
                Op::Categorize { all: after },
            )?;
        }
        Ok(())
    }

    fn expect_unused(&self, category: CategoryId) -> Result<(), FactsError> {
        match self.book.journal.in_category(&category, NAMED)? {
            (0, _) => Ok(()),
            (count, recordings) => Err(FactsError::InUse {
                category,
                count,
                recordings,
            }),
        }
    }

    fn carry_out(
        &mut self,
        name: Name,
        change: impl FnOnce(Sidecar) -> Sidecar,
        row: Op,
    ) -> Result<(), FactsError> {
        if self.unsettled.contains(&name) {
            // What is in `new/` may be true already, and may be needed.
            self.settle(name)?;
        }
        let (disk, dir) = (self.env.disk.as_ref(), &self.env.settings.dir);
        sidecar::write(disk, dir, name, change)?;
        self.unsettled.insert(name);
        self.book.enter(row);
        self.commit(Vec::new())?;
        // The change is true and durable: a file that does not get to its place is brought there by a tick, or by the next start.
        match sidecar::put(self.env.disk.as_ref(), &self.env.settings.dir, name) {
            Ok(()) => {
                self.unsettled.remove(&name);
            }
            Err(error) => tracing::warn!("{error}"),
        }
        Ok(())
    }

    /// Brings a file into agreement with the journal.
    fn settle(&mut self, name: Name) -> Result<(), StoreError> {
        settle(
            self.env.disk.as_ref(),
            &self.env.settings.dir,
            &self.book.journal,
            name,
        )?;
        self.unsettled.remove(&name);
        Ok(())
    }

    /// Writes the files that are to be written, and removes those of recordings that are gone, as far as one tick has time.
    pub(super) fn look_after_sidecars(&mut self) {
        let done = self.settle_some();
        let failure = done.err().map(|error| error.to_string());
        if let Some(failure) = failure.as_ref().filter(|_| failure != self.sidecar_failure) {
            tracing::error!("what people set of recordings is not in its files yet: {failure}");
        }
        self.sidecar_failure = failure;
    }

    fn settle_some(&mut self) -> Result<(), StoreError> {
        let unsettled: Vec<Name> = self.unsettled.iter().copied().take(ROUND).collect();
        for name in unsettled {
            self.settle(name)?;
        }
        for id in self.book.journal.sidecars_due(ROUND)? {
            self.settle(Name::Recording(id))?;
            let entered = |op: &Op| matches!(op, Op::SidecarWritten { id: of } if *of == id);
            if !self.book.is_pending(entered) {
                self.book.enter(Op::SidecarWritten { id });
            }
        }
        self.remove_sidecars()
    }

    /// Removes the files of recordings that are gone.
    pub(super) fn remove_sidecars(&mut self) -> Result<(), StoreError> {
        for id in self.book.journal.sidecars_gone(ROUND)? {
            let name = Name::Recording(id);
            sidecar::remove(self.env.disk.as_ref(), &self.env.settings.dir, name)?;
            self.unsettled.remove(&name);
            let entered = |op: &Op| matches!(op, Op::SidecarGone { id: of } if *of == id);
            if !self.book.is_pending(entered) {
                self.book.enter(Op::SidecarGone { id });
            }
        }
        Ok(())
    }
}

/// Gives a file what the journal says.
pub(in crate::store) fn settle(
    disk: &dyn crate::store::Disk,
    dir: &std::path::Path,
    journal: &Journal,
    name: Name,
) -> Result<(), StoreError> {
    match name {
        Name::Categories => {
            let all = journal.categories()?;
            sidecar::settle(
                disk,
                dir,
                name,
                Some(|before: Sidecar| before.with_categories(all)),
            )
        }
        Name::Recording(id) => {
            let facts = journal.facts(id)?.filter(|(_, file)| *file);
            let change = facts.map(|(facts, _)| |before: Sidecar| before.with_facts(facts));
            sidecar::settle(disk, dir, name, change)
        }
    }
}
