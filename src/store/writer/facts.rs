//! Changes of what people set of recordings. Each has a file beside the tape and rows in the journal:
//!
//! ```text
//! decide ─► new/<name> written, synced ─► commit of the rows ─► the file takes its place ─► answer
//! ```
//!
//! A crash before the commit leaves a file in `new/` that the next start removes, one behind it a file that the next start brings
//! into its place. Where a file cannot be written, nothing is changed. Where the commit fails, its rows wait for the next commit,
//! as all rows do, and the file waits with them: what the journal says is old until then. So the caller hears that the change may
//! become true.
//!
//! Where the journal lacks what a file has, a change begins from the file.

use super::Writer;
use crate::media::{Micros, RecordingId};
use crate::model::{
    Categories, Category, CategoryId, CategoryRefusal, Facts, FactsChange, Form, OnBlock, Review,
    ReviewStatus,
};
use crate::store::composition::Written;
use crate::store::facts::{CategoryChange, FactsCommand, FactsError, together};
use crate::store::journal::{Journal, Op, Sealing};
use crate::store::review::ReviewedTapes;
use crate::store::sidecar::{self, Name, Sidecar};
use crate::store::{
    Change, ComposeError, JobChange, MOST_OPEN_JOBS, NewComposition, RecordingSpec, RecordingState,
    StoreError, TapeRange, TapeSpan, Unless,
};

/// Most files that one look writes, and removes: each takes some syncs, and media waits meanwhile.
const ROUND: usize = 8;
/// Of those, most that failed before.
const AGAIN: usize = 2;
/// Most files of which the writer remembers that they failed. Others are tried as if they had not.
const MOST_FAILING: usize = 1_000;
/// The time since the end of the footage of a composition that does not count, in microseconds.
const HOUR: Micros = 3_600_000_000;
/// A day, a week and a month: to these the time since that end is rounded up.
const STEPS: [Micros; 3] = [24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR];
/// The longest such time that is believed: ten years.
const OLDEST: Micros = 3_650 * 24 * HOUR;
/// Most recordings that a refusal names.
const NAMED: usize = 20;

impl From<StoreError> for FactsError {
    fn from(error: StoreError) -> Self {
        Self::Unwritten(error.to_string())
    }
}

impl Writer {
    /// Makes the compositions that waited for the commands before them.
    pub(super) fn compose(&mut self) {
        for (new, done) in std::mem::take(&mut self.compositions) {
            // The caller may be gone.
            let _ = done.send(self.make_composition(*new));
        }
    }

    fn make_composition(&mut self, new: NewComposition) -> Result<(), ComposeError> {
        let NewComposition {
            recording: id,
            spec,
            sources,
            unless,
            form,
            ranges,
            facts,
            job,
        } = new;
        self.commit_rows()?;
        if self.book.journal.recording(id)?.is_some() {
            // The request was carried out before the service was interrupted.
            return Ok(());
        }
        if let Some(job) = &job {
            self.expect_no_job(job.id)?;
        }
        for source in &sources {
            self.expect_source(*source)?;
        }
        self.expect_free(unless, &sources, &ranges)?;
        for (number, range) in (1..).zip(&ranges) {
            self.expect_tape(number, range)?;
        }
        if form == Form::InStep {
            self.expect_dated(&ranges)?;
        }
        self.expect_category(facts.category.as_ref())?;
        let keep = self.keep_from_now(&spec, &ranges)?;
        let of = Written::new(&spec, keep, form, ranges);
        let (written, told) = (of.clone(), facts.clone());
        let mut rows = vec![Op::Compose {
            id,
            of: Box::new(of),
            facts: Box::new(facts),
            tell: true,
        }];
        rows.extend(job.map(|job| Op::Change(Change::Job(JobChange::Begun(job)))));
        self.carry_out(
            Name::Recording(id),
            |before| before.with_composition(Some(written)).with_facts(told),
            rows,
        )?;
        self.progress.recordings_ended += 1;
        Ok(())
    }

    /// How long a composition is kept behind the end of its footage, so that it is kept for the time of its template from now on. Few
    /// different values are needed: the time since that end is rounded up to days, weeks and months.
    fn keep_from_now(
        &self,
        spec: &RecordingSpec,
        ranges: &[TapeRange],
    ) -> Result<Option<Micros>, ComposeError> {
        let Some(keep) = self.keep(spec) else {
            return Ok(None);
        };
        // The range that dates the end of the composition.
        let Some(last) = ranges.iter().rev().max_by_key(|range| range.end) else {
            return Ok(Some(keep));
        };
        // Without a date it expires as little as its footage.
        let Some(end) = self.book.journal.date_of(&last.stream, last.end)? else {
            return Ok(Some(keep));
        };
        if end.boot != self.clock.boot() && end.synced && !self.clock.synced() {
            return Err(ComposeError::NoClock);
        }
        let now = self.clock.utc(self.env.clock.boot());
        let age = now.saturating_sub(end.utc).clamp(0, OLDEST);
        Ok(Some(keep.saturating_add(rounded(age))))
    }

    /// Refuses a request that came before, and whose recording went since; and more jobs than may go on.
    fn expect_no_job(&self, id: RecordingId) -> Result<(), ComposeError> {
        let journal = &self.book.journal;
        if let Some(known) = journal.job(id)? {
            return Err(ComposeError::JobOver {
                id,
                state: known.state,
            });
        }
        if journal.open_jobs()?.len() >= MOST_OPEN_JOBS {
            return Err(ComposeError::ManyJobs);
        }
        Ok(())
    }

    fn expect_source(&self, id: RecordingId) -> Result<(), ComposeError> {
        let journal = &self.book.journal;
        let is_there = journal
            .recording(id)?
            .is_some_and(|row| row.state != RecordingState::Expired);
        if is_there && journal.deletion(id)?.is_none() {
            Ok(())
        } else {
            Err(ComposeError::Gone(id))
        }
    }

    /// Checks that no review holds back what the composition would show. A review that was set before it is carried out by now, and
    /// none comes in between.
    fn expect_free(
        &mut self,
        unless: Unless,
        sources: &[RecordingId],
        ranges: &[TapeRange],
    ) -> Result<(), ComposeError> {
        self.expect_held()?;
        let Some(held) = self.reviewed.as_ref().map(ReviewedTapes::held) else {
            return Ok(());
        };
        let blocked = ranges.iter().find(|range| {
            let span = TapeSpan {
                stream: range.stream.clone(),
                from: range.start,
                to: range.end,
            };
            held.is_blocked(&span)
        });
        let by_itself = match unless {
            Unless::HeldBack => sources.iter().find(|source| held.has(**source, &[])).copied(),
            Unless::Blocked => None,
        };
        match by_itself.or(blocked.map(|range| range.recording)) {
            Some(recording) => Err(ComposeError::HeldBack(recording)),
            None => Ok(()),
        }
    }

    /// Checks that the tape of a range is there, and that nothing is written to it any more.
    fn expect_tape(&self, number: usize, range: &TapeRange) -> Result<(), ComposeError> {
        let refused = |what: String| ComposeError::Range { number, what };
        let (journal, id) = (&self.book.journal, range.recording);
        match journal.is_sealed(&range.stream, [range.start, range.end])? {
            Sealing::Sealed => Ok(()),
            Sealing::Gone => Err(refused(format!(
                "its tape of recording {id} was evicted; leave the range out"
            ))),
            Sealing::Open => Err(ComposeError::Unsealed {
                number,
                stream: range.stream.clone(),
            }),
        }
    }

    /// Checks that clocks say which moments of the ranges were the same.
    fn expect_dated(&self, ranges: &[TapeRange]) -> Result<(), ComposeError> {
        match self.book.journal.undated(ranges)? {
            None => Ok(()),
            Some((number, boot)) if boot == self.clock.boot() => Err(ComposeError::NotDatedYet { number }),
            Some((number, _)) => Err(ComposeError::Undated { number }),
        }
    }

    /// True where a change of what people set of one of these recordings waits for the commands before it.
    pub(super) fn sets_something_of(&self, recordings: &[RecordingId]) -> bool {
        self.facts.iter().any(|command| match command {
            FactsCommand::Set { recording, .. } | FactsCommand::Review { recording, .. } => {
                recordings.contains(recording)
            }
            FactsCommand::Categories { .. } => false,
        })
    }

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
                FactsCommand::Review {
                    recording,
                    review,
                    on_block,
                    asked,
                    done,
                } => {
                    let _ = done.send(self.review(recording, review, on_block, asked));
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
        let (known, before, review) = self.described(id)?;
        let other = change.category.iter().flatten().next();
        self.expect_category(other.filter(|category| before.category.as_ref() != Some(category)))?;
        let after = before.changed(change);
        if after != known {
            self.write_recording(id, after.clone(), review, None)?;
        }
        Ok(after)
    }

    fn expect_category(&self, category: Option<&CategoryId>) -> Result<(), FactsError> {
        let Some(category) = category else { return Ok(()) };
        let (tree, _) = Categories::of(self.book.journal.categories()?);
        if tree.has(category) {
            Ok(())
        } else {
            Err(CategoryRefusal::Unknown(category.clone()).into())
        }
    }

    /// Notes what a review says of a recording.
    fn review(
        &mut self,
        id: RecordingId,
        review: Review,
        on_block: OnBlock,
        asked: bool,
    ) -> Result<(), FactsError> {
        self.commit_rows()?;
        let (_, facts, known) = self.described(id)?;
        if asked && !known.is_some_and(|known| known.asks) {
            return Err(FactsError::Reviewed(id));
        }
        let row = Op::Review {
            id,
            review: review.clone(),
            on_block,
            tell: true,
        };
        if self.book.journal.review(id)?.as_ref() != Some(&review) {
            self.write_recording(id, facts, Some(review), Some(row))?;
        } else if on_block != OnBlock::Keep && review.status == ReviewStatus::Block {
            // What was delivered may have stayed until now.
            self.book.enter(row);
            self.commit(Vec::new())
                .map_err(|error| FactsError::Waits(error.to_string()))?;
        }
        self.expect_held()
    }

    /// Checks that viewers do not get what the journal holds back.
    fn expect_held(&mut self) -> Result<(), FactsError> {
        if self.unheld {
            self.publish_held();
        }
        if self.unheld {
            let why = "what is held back cannot be read of the journal, so viewers may still get it; it is tried again";
            return Err(FactsError::Waits(why.to_owned()));
        }
        Ok(())
    }

    /// The facts of a recording that the journal has, those with what only its file has, and its review.
    fn described(&self, id: RecordingId) -> Result<(Facts, Facts, Option<Review>), FactsError> {
        let journal = &self.book.journal;
        let (known, _) = journal.facts(id)?.ok_or(FactsError::NoRecording(id))?;
        let review = journal.review(id)?;
        if journal.is_described(id)? {
            return Ok((known.clone(), known, review));
        }
        let read = self.unread(Name::Recording(id))?.unwrap_or_default();
        let all = together(read.facts.unwrap_or_default(), known.clone());
        Ok((known, all, review.or(read.review)))
    }

    /// Changes the file and the rows of a recording. The file has all that the journal has: a row that says so is believed.
    fn write_recording(
        &mut self,
        id: RecordingId,
        facts: Facts,
        review: Option<Review>,
        row: Option<Op>,
    ) -> Result<(), FactsError> {
        let read_again = review.clone().filter(|_| row.is_none()).map(|review| Op::Review {
            id,
            review,
            on_block: OnBlock::Keep,
            tell: false,
        });
        let describes = Op::Describe {
            id,
            facts: Box::new(facts.clone()),
        };
        let rows: Vec<Op> = [Some(describes), row, read_again].into_iter().flatten().collect();
        // Its file may be damaged, and then has the ranges of a composition no more.
        let composition = self.book.journal.composition(id)?;
        self.carry_out(
            Name::Recording(id),
            |before| {
                let before = before.with_facts(facts).with_composition(composition);
                before.with_review(review)
            },
            rows,
        )
    }

    fn change_categories(&mut self, change: CategoryChange) -> Result<(), FactsError> {
        self.commit_rows()?;
        let known = self.book.journal.categories()?;
        let mut before = known.clone();
        if before.is_empty() && self.book.journal.lacks_sidecars()? {
            let read = self.unread(Name::Categories)?.and_then(|read| read.categories);
            before = read.unwrap_or_default();
        }
        let (mut tree, _) = Categories::of(before);
        match change {
            CategoryChange::Put(category) => tree.put(category)?,
            CategoryChange::Delete(category) => {
                tree.delete(&category)?;
                self.expect_unused(category)?;
            }
        }
        let after: Vec<Category> = tree.iter().cloned().collect();
        if after != known {
            let all = after.clone();
            self.carry_out(
                Name::Categories,
                |before| before.with_categories(all),
                vec![Op::Categorize { all: after }],
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

    /// What a file has that the journal lacks. A start brings what is in `new/` into its place, unless it could not read the files.
    fn unread(&self, name: Name) -> Result<Option<Sidecar>, StoreError> {
        let (disk, dir) = (self.env.disk.as_ref(), &self.env.settings.dir);
        let read = if self.book.journal.lacks_sidecars()? {
            sidecar::newest(disk, dir, name)?
        } else {
            sidecar::read(disk, dir, name)?
        };
        Ok(read.and_then(Result::ok))
    }

    fn carry_out(
        &mut self,
        name: Name,
        change: impl FnOnce(Sidecar) -> Sidecar,
        rows: Vec<Op>,
    ) -> Result<(), FactsError> {
        if self.unsettled.contains(&name) {
            // What is in `new/` may be true already, and may be needed. All rows are committed.
            self.settle(name)?;
        }
        let (disk, dir) = (self.env.disk.as_ref(), &self.env.settings.dir);
        sidecar::write(disk, dir, name, change)?;
        self.unsettled.insert(name);
        rows.into_iter().for_each(|row| self.book.enter(row));
        self.commit(Vec::new())
            .map_err(|error| FactsError::Waits(error.to_string()))?;
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

    /// Writes the files that are to be written, and removes those of recordings that are gone, as far as one tick has time. A file
    /// that fails does not keep the others waiting.
    pub(super) fn look_after_sidecars(&mut self) -> Result<(), StoreError> {
        for name in self.sidecars_due()? {
            let is_new = !self.failing.contains(&name);
            self.failing.retain(|other| *other != name);
            if let Err(error) = self.look_after(name) {
                if is_new {
                    tracing::error!("what people set of recordings is not in its files yet: {error}");
                }
                if self.failing.len() < MOST_FAILING {
                    self.failing.push_back(name);
                }
            }
        }
        Ok(())
    }

    /// The files to look after now.
    fn sidecars_due(&self) -> Result<Vec<Name>, StoreError> {
        let journal = &self.book.journal;
        let most = ROUND.saturating_add(self.failing.len());
        let mut due: Vec<Name> = self.unsettled.iter().copied().collect();
        // A file may have what the journal lacks: a start reads it first.
        if !journal.lacks_sidecars()? {
            due.extend(journal.sidecars_due(most)?.into_iter().map(Name::Recording));
        }
        due.extend(journal.sidecars_gone(most)?.into_iter().map(Name::Recording));
        due.retain(|name| !self.failing.contains(name) && !self.waits(*name));
        due.truncate(ROUND);
        due.extend(self.failing.iter().copied().take(AGAIN));
        Ok(due)
    }

    /// True while a row about the file waits for a commit: what the journal says of it is old.
    fn waits(&self, name: Name) -> bool {
        self.book.is_pending(|op| match (op, name) {
            (Op::Categorize { .. }, Name::Categories) => true,
            (
                Op::Describe { id, .. }
                | Op::Compose { id, .. }
                | Op::Review { id, .. }
                | Op::SidecarWritten { id }
                | Op::SidecarGone { id },
                Name::Recording(of),
            ) => *id == of,
            _ => false,
        })
    }

    fn look_after(&mut self, name: Name) -> Result<(), StoreError> {
        if self.waits(name) {
            return Ok(());
        }
        let Name::Recording(id) = name else {
            return self.settle(name);
        };
        if self.book.journal.is_sidecar_gone(id)? {
            return self.remove_sidecar(id);
        }
        self.settle(name)?;
        if self.book.journal.is_sidecar_due(id)? {
            self.book.enter(Op::SidecarWritten { id });
        }
        Ok(())
    }

    /// Removes the files of recordings that were deleted on request. The deletion is answered behind this.
    pub(super) fn remove_sidecars(&mut self, deleted: &[RecordingId]) {
        for id in deleted {
            let removed = match self.book.journal.facts(*id) {
                // The recording is protected, and stays.
                Ok(Some(_)) => Ok(()),
                Ok(None) => self.remove_sidecar(*id),
                Err(error) => Err(error),
            };
            if let Err(error) = removed {
                tracing::error!("what people set of a deleted recording cannot be removed yet: {error}");
            }
        }
    }

    fn remove_sidecar(&mut self, id: RecordingId) -> Result<(), StoreError> {
        let name = Name::Recording(id);
        sidecar::remove(self.env.disk.as_ref(), &self.env.settings.dir, name)?;
        self.unsettled.remove(&name);
        let is_entered = self
            .book
            .is_pending(|op| matches!(op, Op::SidecarGone { id: of } if *of == id));
        if !is_entered && self.book.journal.is_sidecar_gone(id)? {
            self.book.enter(Op::SidecarGone { id });
        }
        Ok(())
    }
}

/// A time since the end of footage, rounded up to what is at most a ninth of it, or a month.
fn rounded(age: Micros) -> Micros {
    if age < HOUR {
        return 0;
    }
    let [shorter @ .., longest] = STEPS;
    let step = shorter.into_iter().find(|step| age <= step.saturating_mul(9));
    let step = step.unwrap_or(longest);
    age.div_euclid(step).saturating_add(1).saturating_mul(step)
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
            let (composition, review) = (journal.composition(id)?, journal.review(id)?);
            let change = facts.map(|(facts, _)| {
                |before: Sidecar| {
                    let before = before.with_facts(facts).with_composition(composition);
                    before.with_review(review)
                }
            });
            sidecar::settle(disk, dir, name, change)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_footage_is_rounded_up_by_a_month_at_most() {
        const DAY: Micros = 24 * HOUR;
        for (age, wanted) in [
            (0, 0),
            (HOUR - 1, 0),
            (HOUR, DAY),
            (9 * DAY, 10 * DAY),
            (9 * DAY + 1, 14 * DAY),
            (63 * DAY + 1, 90 * DAY),
            (270 * DAY, 300 * DAY),
            (270 * DAY + 1, 300 * DAY),
            (1_000 * DAY, 1_020 * DAY),
            (OLDEST, OLDEST + 10 * DAY),
        ] {
            assert_eq!(rounded(age), wanted, "{age}");
        }
    }
}
