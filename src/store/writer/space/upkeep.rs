//! The upkeep at ticks: retention, limits, free files, deleted footage.

use super::{Blocks, Class, Level, OnFull};
use crate::event::Event;
use crate::media::Micros;
use crate::store::journal::Op;
use crate::store::writer::Writer;
use crate::store::{AuditChange, Change, StoreError};

/// How often the writer looks after space, retention and free files while nothing else happens.
const EVERY: Micros = 10_000_000;
/// Most segments that one round gives up.
const ROUND: usize = 64;
/// Most segments that one round removes for good, and how long a round begins with more of them. Meanwhile no media is written.
const WIPES: usize = if cfg!(test) { 4 } else { 64 };
const WIPE_TIME: Micros = 250_000;
/// `storage.low` is told below this part of the quota, and again only after twice as much was free.
const LOW_PART: u64 = 10;

impl Writer {
    /// Looks after retention, limits and free files. Called at every tick; does little when nothing is due.
    pub(in crate::store::writer) fn look_after_space(&mut self) {
        let now = self.env.clock.boot();
        let over = self.level().left < 0;
        if now < self.space.due && !over {
            return;
        }
        if now >= self.space.due
            && let Err(error) = self.book.journal.look()
        {
            self.log_once(format!("cannot look at the journal: {error}"), &error);
        }
        self.space.due = now.saturating_add(EVERY);
        if self.book.journal.is_damaged() {
            return;
        }
        match self.retire() {
            Ok(()) => self.space.failure = None,
            Err(error) => self.log_once(format!("cannot free space: {error}"), &error),
        }
        // The reserve must not cost the floor: space for it is made first.
        if !self.book.journal.owes_reserve() || self.level().left >= 0 {
            self.book.journal.hold_reserve(self.env.settings.journal_reserve);
        }
        self.watch_level();
    }

    /// Logs a failure once. While a limit is exceeded the upkeep is tried at every tick.
    fn log_once(&mut self, failure: String, error: &StoreError) {
        self.progress.last_error = Some(error.to_string());
        if self.space.failure.as_ref() != Some(&failure) {
            tracing::error!("{failure}");
        }
        self.space.failure = Some(failure);
    }

    /// Retires recordings whose time is over, removes deleted media, and gives up the media beyond the limits.
    fn retire(&mut self) -> Result<(), StoreError> {
        let now = self.env.clock.boot();
        if !self.book.has_date() && self.clock.is_trusted(now) {
            self.expire(self.clock.utc(now))?;
        }
        let expired = self.book.journal.candidates_of(Class::Expired, ROUND)?;
        self.evict(expired)?;
        // What else is to be done does not wait for a step that fails.
        let step = self.go_on_deleting();
        self.wipe_deleted()?;
        self.list_deleted()?;
        self.look_after_sidecars()?;
        self.write_blanks()?;
        let mut left = ROUND;
        while self.level().left < 0 && left > 0 {
            if self.space.free.is_empty() {
                let oldest = self.space.candidates(&self.book.journal, 1)?;
                if oldest.is_empty() {
                    break;
                }
                self.evict(oldest)?;
                left -= 1;
            }
            self.shed(self.space.free.len().saturating_sub(1));
        }
        self.shed_unneeded();
        step
    }

    fn expire(&mut self, utc: Micros) -> Result<(), StoreError> {
        let due = self.book.journal.due(utc, self.env.settings.delivers)?;
        if !due.is_empty() {
            self.commit(due.into_iter().map(|id| Op::Expire { id }).collect())?;
        }
        if let Some(before) = self.book.journal.audit_due(utc)? {
            self.commit(vec![Op::Change(Change::Audit(AuditChange::Expired { before }))])?;
        }
        Ok(())
    }

    fn evict(&mut self, segments: Vec<Blocks>) -> Result<(), StoreError> {
        if segments.is_empty() {
            return Ok(());
        }
        self.commit(
            segments
                .iter()
                .map(|blocks| Op::Evict { id: blocks.id })
                .collect(),
        )?;
        self.space.free.extend(segments);
        Ok(())
    }

    /// Carries out the next step of a deletion that has steps to go.
    fn go_on_deleting(&mut self) -> Result<(), StoreError> {
        if let Some(id) = self.book.journal.half_deleted()?.into_iter().next() {
            let now = self.env.clock.boot();
            let committed = self.commit(vec![Op::Delete { id }]);
            // A second is for media.
            self.space.due = now.saturating_add(1_000_000);
            committed?;
        }
        Ok(())
    }

    /// Removes media for good, as much as one round has time for: two syncs for each file.
    fn wipe_deleted(&mut self) -> Result<(), StoreError> {
        let journal = &self.book.journal;
        self.space
            .wiped
            .retain(|id| journal.is_to_wipe(*id).unwrap_or(true));
        let deleted = journal.to_wipe(self.space.wiped_until, WIPES)?;
        let begun = self.env.clock.boot();
        // Behind the last one the round begins anew: files that somebody read may be removed by now.
        let mut until = 0;
        for (key, blocks) in &deleted {
            if self.env.clock.boot() > begun.saturating_add(WIPE_TIME) {
                break;
            }
            if let Err(error) = self.space.wipe(blocks, &self.env, &mut self.book) {
                self.progress.last_error = Some(error);
            }
            until = *key;
        }
        let all = deleted.len() < WIPES && deleted.last().is_none_or(|(key, _)| *key == until);
        self.space.wiped_until = if all { 0 } else { until };
        if !all {
            self.space.go_on_soon(begun);
        }
        Ok(())
    }

    /// Reports that little space is left, and that there is space again.
    fn watch_level(&mut self) {
        let Level { used, left, .. } = self.level();
        self.progress.space_used = used;
        self.progress.space_left = u64::try_from(left).unwrap_or(0);
        let whole = used.saturating_add(self.progress.space_left);
        let part = |times: u64| whole / LOW_PART * times;
        if self.space.on_full == OnFull::Stop && self.space.limits.quota.is_some() {
            if !self.space.low && self.progress.space_left < part(1) {
                self.space.low = true;
                self.book.enter(Op::Report {
                    event: Event::StorageLow {
                        left: self.progress.space_left,
                        used,
                    },
                });
            } else if self.progress.space_left > part(2) {
                self.space.low = false;
            }
        }
        if self.progress.full.is_some() && self.has_space_for_one(left) {
            self.progress.full = None;
        }
    }

    /// True when the segment that was refused would fit now.
    fn has_space_for_one(&self, left: i64) -> bool {
        let wanted = i64::try_from(self.space.wanted).unwrap_or(i64::MAX);
        let free: u64 = self.space.free.iter().map(|blocks| blocks.space).sum();
        let candidates = || self.space.candidates(&self.book.journal, 1);
        left.saturating_add_unsigned(free) >= wanted || candidates().is_ok_and(|found| !found.is_empty())
    }
}
