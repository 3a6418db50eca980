//! How new segments get their room: blocks of media that was given up, or new ones, within the limits.

use std::collections::HashSet;
use std::path::Path;

use super::blank::Blanking;
use super::space::{Limits, OnFull, assign, growth};
use super::tight::Shown;
use super::{Turn, Writer};
use crate::event::Event;
use crate::media::{Micros, PublishId, SegmentId};
use crate::store::Change;
use crate::store::journal::{Blocks, Class, Journal, Op};
use crate::store::{AuditChange, Disk, StoreError, paths};

/// How often is looked after room, retention and spare files while nothing else happens.
const EVERY: Micros = 10_000_000;
/// A date is believed, where that cannot be undone, when it was not corrected for this long.
const SETTLED: Micros = 300_000_000;
/// Victims fetched at once, and most that one round gives up.
const BATCH: usize = 16;
const ROUND: usize = 64;
/// Spare files kept beyond one for each publish.
const SPARES: usize = 2;
/// `storage.low` is told below this part of the quota, and again only after twice as much was free.
const LOW_PART: u64 = 10;

/// What the writer knows of room.
pub(super) struct Room {
    pub(super) limits: Limits,
    pub(super) on_full: OnFull,
    /// What the file system showed to be its limit.
    pub(super) shown: Option<Shown>,
    /// Something was removed since the file system was last asked to free it.
    pub(super) frees: bool,
    /// Bytes of all files but those that are being written.
    pub(super) used: u64,
    /// Files whose media was given up.
    pub(super) spares: Vec<Blocks>,
    /// What was removed for good, and has a row until the next commit.
    wiped: HashSet<SegmentId>,
    /// The segment that is being written over.
    pub(super) blanking: Option<Blanking>,
    due: Micros,
    low: bool,
    /// Bytes for which there was no room.
    wanted: u64,
    /// What went wrong when it was last looked after.
    unsaid: Option<String>,
}

impl Room {
    /// What there is on a tape that was recovered.
    pub(super) fn survey(
        limits: Limits,
        on_full: OnFull,
        dir: &Path,
        disk: &dyn Disk,
        journal: &Journal,
    ) -> Result<Self, StoreError> {
        let mut spares = journal.given_up(false)?;
        let mut used = journal.space()?;
        for blocks in &mut spares {
            // One that was taken over may have grown before a power cut gave it its old name back.
            let path = paths::segment(dir, &blocks.stream, blocks.sequence);
            if let Ok(size) = disk.open(&path).and_then(|file| file.size()) {
                used = used.saturating_sub(blocks.space).saturating_add(size);
                blocks.space = size;
            }
        }
        Ok(Self {
            limits,
            on_full,
            shown: None,
            frees: true,
            used,
            spares,
            wiped: HashSet::new(),
            blanking: None,
            due: Micros::MIN,
            low: false,
            wanted: 0,
            unsaid: None,
        })
    }

    /// There is something to do at the next tick.
    pub(super) fn look_soon(&mut self) {
        self.due = Micros::MIN;
    }

    pub(super) fn due(&self) -> Micros {
        self.due
    }

    /// A segment is not written any more and takes so many bytes.
    pub(super) fn sealed(&mut self, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
    }
}

/// Why there is no room.
pub(super) enum NoRoom {
    /// Nothing may be given up.
    Full(String),
    Journal(StoreError),
}

/// What is to be given up and taken over for the segments that begin.
#[derive(Default)]
pub(super) struct RoomPlan {
    evict: Vec<Blocks>,
    /// Bytes of new blocks.
    grows: i64,
}

impl RoomPlan {
    /// Rows for the commit that begins the segments.
    pub(super) fn ops(&self) -> impl Iterator<Item = Op> {
        self.evict.iter().map(|blocks| Op::Evict { id: blocks.id })
    }
}

impl Writer {
    /// Finds room for segments that are about to begin: says in each whose blocks it takes over.
    pub(super) fn make_room(&mut self, begins: &mut [(PublishId, Turn)]) -> Result<RoomPlan, NoRoom> {
        let wanted: Vec<u64> = begins.iter().map(|(_, turn)| turn.begin.expected).collect();
        let room = self.room_left();
        let mut candidates = self.room.spares.clone();
        let mut plan = RoomPlan::default();
        loop {
            let sizes: Vec<u64> = candidates.iter().map(|blocks| blocks.space).collect();
            let taken = assign(&wanted, &sizes);
            // What none of them takes over is unlinked when that is needed.
            let free = candidates
                .iter()
                .zip(0..)
                .filter(|(_, at)| !taken.contains(&Some(*at)));
            let loose: u64 = free.map(|(blocks, _)| blocks.space).sum();
            let grows = i64::try_from(growth(&wanted, &sizes, &taken)).unwrap_or(i64::MAX);
            if grows <= room.saturating_add_unsigned(loose) {
                for ((_, turn), place) in begins.iter_mut().zip(taken) {
                    turn.takes = place.and_then(|place| candidates.get(place)).cloned();
                }
                plan.grows = grows;
                self.progress.full = None;
                return Ok(plan);
            }
            let known: HashSet<_> = plan.evict.iter().map(|blocks| blocks.id).collect();
            let victims = self.victims(plan.evict.len() + 1).map_err(NoRoom::Journal)?;
            let Some(victim) = victims.into_iter().find(|victim| !known.contains(&victim.id)) else {
                self.room.wanted = wanted.iter().copied().min().unwrap_or(0);
                return Err(NoRoom::Full(self.describe_full(room)));
            };
            candidates.push(victim.clone());
            plan.evict.push(victim);
        }
    }

    /// What was planned is committed.
    pub(super) fn given_up(&mut self, plan: RoomPlan, begins: &[(PublishId, Turn)]) {
        self.room.spares.extend(plan.evict);
        let takes = begins.iter().filter_map(|(_, turn)| turn.takes.as_ref());
        let taken: HashSet<_> = takes.map(|blocks| blocks.id).collect();
        let taken: Vec<Blocks> = self
            .room
            .spares
            .extract_if(.., |blocks| taken.contains(&blocks.id))
            .collect();
        while self.room_left() < plan.grows && !self.room.spares.is_empty() {
            self.shed_spares(self.room.spares.len() - 1);
        }
        self.shed_spares(self.lanes.len() + SPARES);
        // From here on they are accounted for by the segments that take them over.
        let space: u64 = taken.iter().map(|blocks| blocks.space).sum();
        self.room.used = self.room.used.saturating_sub(space);
    }

    /// Removes a file whose media was given up; true when it is gone for good.
    pub(super) fn unlink_spare(&mut self, blocks: &Blocks) -> bool {
        let path = paths::segment(&self.settings.dir, &blocks.stream, blocks.sequence);
        let removed = self.disk.unlink(&path);
        self.room.frees |= removed.is_ok();
        let gone = removed
            .as_ref()
            .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        let synced = removed.is_ok() && path.parent().is_some_and(|dir| self.disk.sync_dir(dir).is_ok());
        if synced || gone {
            self.quiet.push(Op::Evicted { id: blocks.id });
        } else {
            // Its row stays, and the next start looks after the file.
            tracing::warn!("{}: spare file not removed", path.display());
        }
        synced || gone
    }

    /// What was not taken over and could not be removed either takes its room until the next start.
    pub(super) fn stays(&mut self, blocks: &Blocks) {
        self.room.used = self.room.used.saturating_add(blocks.space);
    }

    /// What is to be removed for good is nobody's room any more, and is removed at the next tick.
    pub(super) fn spare_no_deleted(&mut self) {
        self.room.look_soon();
        // Should it not be readable, nothing is: every segment that is to begin fails at that too.
        let deleted = self.journal.given_up(true).unwrap_or_default();
        self.room
            .spares
            .retain(|spare| deleted.iter().all(|blocks| blocks.id != spare.id));
    }

    /// Looks after retention, limits and spare files. Called at every tick; does little when nothing is due.
    pub(super) fn keep_house(&mut self) {
        let now = self.clock.boot();
        let over = self.room_left() < 0;
        if now < self.room.due && !over {
            return;
        }
        if now >= self.room.due
            && let Err(error) = self.journal.look()
        {
            self.say_once(format!("cannot look at the journal: {error}"), &error);
        }
        self.room.due = now.saturating_add(EVERY);
        if self.journal.is_condemned() {
            return;
        }
        match self.retire() {
            Ok(()) => self.room.unsaid = None,
            Err(error) => self.say_once(format!("cannot free space: {error}"), &error),
        }
        // Not at the cost of the floor: room for it is made first.
        if !self.journal.owes_reserve() || self.room_left() >= 0 {
            self.journal.hold_reserve(self.settings.journal_reserve);
        }
        self.watch_level();
    }

    /// While a limit is exceeded this is tried at every tick.
    fn say_once(&mut self, said: String, error: &StoreError) {
        self.progress.last_error = Some(error.to_string());
        if self.room.unsaid.as_ref() != Some(&said) {
            tracing::error!("{said}");
        }
        self.room.unsaid = Some(said);
    }

    /// Lets go of what was kept long enough, of what somebody deleted, and of what is too much.
    fn retire(&mut self) -> Result<(), StoreError> {
        // What is kept for so long goes by a date that was set, and not by one that was stepped to just now: it may be
        // stepped back.
        let settled = self.clock.boot().saturating_sub(self.dated) >= SETTLED;
        if self.synced && self.redate.is_none() && settled {
            let utc = self.clock.boot().saturating_add(self.utc_offset);
            let due = self.journal.due(utc, self.settings.delivers)?;
            if !due.is_empty() {
                self.commit(due.into_iter().map(|id| Op::Expire { id }).collect())?;
            }
            if let Some(before) = self.journal.audit_due(utc)? {
                self.commit(vec![Op::Change(Change::Audit(AuditChange::Expired { before }))])?;
            }
        }
        let expired = self.journal.victims(Class::Expired, ROUND)?;
        self.evict(expired)?;
        let deleted = self.journal.given_up(true)?;
        self.room
            .wiped
            .retain(|id| deleted.iter().any(|blocks| blocks.id == *id));
        for blocks in deleted {
            self.wipe(&blocks);
        }
        self.list_deleted()?;
        self.write_blanks()?;
        let mut left = ROUND;
        while self.room_left() < 0 && left > 0 {
            if self.room.spares.is_empty() {
                let victims = self.victims(1)?;
                if victims.is_empty() {
                    break;
                }
                self.evict(victims)?;
                left -= 1;
            }
            let most = self.room.spares.len().saturating_sub(1);
            self.shed_spares(most);
        }
        self.shed_spares(self.lanes.len() + SPARES);
        Ok(())
    }

    fn evict(&mut self, victims: Vec<Blocks>) -> Result<(), StoreError> {
        if victims.is_empty() {
            return Ok(());
        }
        self.commit(victims.iter().map(|blocks| Op::Evict { id: blocks.id }).collect())?;
        self.room.spares.extend(victims);
        Ok(())
    }

    /// Removes the smallest spare files until so many are left.
    fn shed_spares(&mut self, most: usize) {
        self.room
            .spares
            .sort_by_key(|blocks| std::cmp::Reverse(blocks.space));
        while self.room.spares.len() > most {
            let Some(blocks) = self.room.spares.pop() else {
                return;
            };
            if self.unlink_spare(&blocks) {
                self.room.used = self.room.used.saturating_sub(blocks.space);
            }
        }
    }

    /// Removes media for good: its blocks are emptied before the file goes.
    fn wipe(&mut self, blocks: &Blocks) {
        if self.room.wiped.contains(&blocks.id) {
            return;
        }
        let path = paths::segment(&self.settings.dir, &blocks.stream, blocks.sequence);
        let emptied = match self.open_unread(&path) {
            // Whoever reads it finishes first.
            Ok(None) => return,
            Ok(Some(file)) => file
                .size()
                .and_then(|size| file.punch(size))
                .and_then(|()| file.sync()),
            Err(error) => Err(error),
        };
        match emptied {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                self.progress.last_error = Some(format!("{}: cannot remove: {error}", path.display()));
                return;
            }
        }
        self.room.spares.retain(|spare| spare.id != blocks.id);
        if self.unlink_spare(blocks) {
            // Its row may stay for a while, its room is free once.
            self.room.wiped.insert(blocks.id);
            self.room.used = self.room.used.saturating_sub(blocks.space);
        }
    }

    /// Up to so many segments that may go, in the order in which they go.
    pub(super) fn victims(&self, count: usize) -> Result<Vec<Blocks>, StoreError> {
        let mut classes = vec![Class::Expired, Class::Nobodys, Class::Delivered];
        if self.room.on_full == OnFull::OverwriteOldest {
            classes.push(Class::Undelivered);
        }
        let mut victims: Vec<Blocks> = Vec::new();
        for class in classes {
            if victims.len() >= count {
                break;
            }
            let more = self.journal.victims(class, count.max(BATCH))?;
            let new: Vec<Blocks> = more
                .into_iter()
                .filter(|blocks| victims.iter().all(|victim| victim.id != blocks.id))
                .collect();
            victims.extend(new);
        }
        victims.truncate(count);
        Ok(victims)
    }

    /// Bytes that the tape may still grow by. A reserve that was used comes first.
    fn room_left(&self) -> i64 {
        let space = self.disk.space(&self.settings.dir).ok();
        let free = space.map(|space| space.free.saturating_sub(self.owed()));
        let room = self.room.limits.room(self.used(), free);
        room.min(self.shown_room().unwrap_or(i64::MAX))
    }

    /// The same by what the file system showed to be its limit.
    fn shown_room(&self) -> Option<i64> {
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let shown = signed(self.shown_limit()?);
        Some(
            shown
                .saturating_sub(signed(self.used()))
                .saturating_sub(signed(self.owed())),
        )
    }

    /// Bytes of the journal's reserve that are to be free before anything else.
    fn owed(&self) -> u64 {
        match self.journal.owes_reserve() {
            true => self.settings.journal_reserve,
            false => 0,
        }
    }

    /// Bytes of all files.
    pub(in crate::store) fn used(&self) -> u64 {
        let open = self.lanes.values().filter_map(|lane| lane.segment.as_ref());
        self.room.used + open.map(|segment| segment.room()).sum::<u64>()
    }

    fn describe_full(&self, room: i64) -> String {
        let used = self.used();
        let what = match self.room.limits.quota {
            _ if self.shown_room().is_some_and(|shown| shown <= room) => {
                "the file system accepts no more data (a quota of its own, or no inodes)".to_owned()
            }
            Some(quota) if i128::from(quota) - i128::from(used) <= i128::from(room) => {
                format!("storage.quota of {quota} bytes is used up")
            }
            _ => format!(
                "fewer than {} bytes are free (storage.min_free)",
                self.room.limits.min_free
            ),
        };
        let advice = match self.room.on_full {
            OnFull::Stop => {
                "nothing may be evicted (storage.on_full = \"stop\"); deliver or delete recordings, or raise the limit"
            }
            OnFull::OverwriteOldest => {
                "all that is left is protected or being written; delete recordings, or raise the limit"
            }
        };
        format!("{what}, and {advice}")
    }

    /// Says when little is left, and when there is room again.
    fn watch_level(&mut self) {
        let (left, used) = (self.room_left(), self.used());
        self.progress.space_used = used;
        self.progress.space_left = u64::try_from(left).unwrap_or(0);
        let whole = used.saturating_add(self.progress.space_left);
        let part = |times: u64| whole / LOW_PART * times;
        if self.room.on_full == OnFull::Stop && self.room.limits.quota.is_some() {
            if !self.room.low && self.progress.space_left < part(1) {
                self.room.low = true;
                let event = Event::StorageLow {
                    left: self.progress.space_left,
                    used,
                };
                self.pending.push(Op::Report { event });
            } else if self.progress.space_left > part(2) {
                self.room.low = false;
            }
        }
        if self.progress.full.is_some() && self.room_for_one() {
            self.progress.full = None;
        }
    }

    /// True when what was refused would fit now.
    fn room_for_one(&self) -> bool {
        let wanted = i64::try_from(self.room.wanted).unwrap_or(i64::MAX);
        let spare: u64 = self.room.spares.iter().map(|blocks| blocks.space).sum();
        self.room_left().saturating_add_unsigned(spare) >= wanted
            || self.victims(1).is_ok_and(|victims| !victims.is_empty())
    }
}
