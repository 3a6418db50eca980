//! How new segments get their space: blocks of media that was given up, or new ones, within the limits.

mod blank;
mod limits;
mod refused;
mod upkeep;

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;

use self::blank::Blanking;
pub(super) use self::limits::Limits;
pub use self::limits::OnFull;
use self::limits::{assign, growth};
use self::refused::Shown;
pub(in crate::store) use self::refused::is_full;
use super::batch::Rotation;
use super::{Book, Env, Writer};
use crate::media::{Micros, PublishId, SegmentId};
use crate::store::journal::{Blocks, Class, Journal, Op};
use crate::store::{Disk, StoreError, paths};

/// Candidates fetched at once.
const PAGE: usize = 16;
/// Free files kept beyond one for each publish.
const FREE_FILES: usize = 2;

/// The writer's state of space.
pub(super) struct Space {
    limits: Limits,
    on_full: OnFull,
    /// The limit that the file system showed.
    shown: Option<Shown>,
    /// A file was removed since the file system was last asked to free its blocks.
    frees: bool,
    /// Bytes of all files but those that are being written.
    used: u64,
    /// Files whose media was given up.
    free: Vec<Blocks>,
    /// Segments that were removed for good, and have a row until the next commit.
    wiped: HashSet<SegmentId>,
    /// The key of the last segment that was removed for good, or could not be.
    wiped_until: i64,
    /// The segment that is being written over.
    blanking: Option<Blanking>,
    due: Micros,
    low: bool,
    /// Bytes for which there was no space.
    wanted: u64,
    /// The failure of the last upkeep, which is in the log already.
    failure: Option<String>,
}

/// The space that the tape takes at a moment, and may still grow by.
#[derive(Clone, Copy)]
pub(super) struct Level {
    /// Bytes of all files.
    used: u64,
    /// Bytes that the tape may still grow by; a negative number is by how much it must shrink.
    left: i64,
    /// The same by the limit that the file system showed.
    shown_left: Option<i64>,
}

/// The reason why there is no space.
pub(super) enum NoSpace {
    /// Nothing may be given up.
    Full(String),
    Journal(StoreError),
}

/// The files that are given up and taken over for the segments that begin.
#[derive(Default)]
pub(super) struct SpacePlan {
    evict: Vec<Blocks>,
    /// Bytes of new blocks.
    grows: i64,
}

impl SpacePlan {
    /// Rows for the commit that begins the segments.
    pub(super) fn ops(&self) -> impl Iterator<Item = Op> {
        self.evict.iter().map(|blocks| Op::Evict { id: blocks.id })
    }
}

impl Space {
    /// The space of a tape that was recovered.
    pub(super) fn survey(
        limits: Limits,
        on_full: OnFull,
        dir: &Path,
        disk: &dyn Disk,
        journal: &Journal,
    ) -> Result<Self, StoreError> {
        let mut free = journal.given_up(false)?;
        let mut used = journal.space()?;
        for blocks in &mut free {
            // A file that was taken over may have grown before a power cut gave it its old name back.
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
            free,
            wiped: HashSet::new(),
            wiped_until: 0,
            blanking: None,
            due: Micros::MIN,
            low: false,
            wanted: 0,
            failure: None,
        })
    }

    /// Surveys a tape that came back, as [`survey`](Self::survey) does.
    pub(super) fn survey_again(&mut self, env: &Env, journal: &Journal) -> Result<(), StoreError> {
        let (dir, disk) = (&env.settings.dir, env.disk.as_ref());
        *self = Self::survey(self.limits, self.on_full, dir, disk, journal)?;
        Ok(())
    }

    /// Has the next tick look after the space.
    pub(super) fn look_soon(&mut self) {
        self.due = Micros::MIN;
    }

    /// Has the space looked after again in a second: media is written in between.
    fn go_on_soon(&mut self, now: Micros) {
        self.due = self.due.min(now.saturating_add(1_000_000));
    }

    /// CLOCK_BOOTTIME when the upkeep of space is due.
    pub(super) fn due(&self) -> Micros {
        self.due
    }

    /// Accounts for a segment that is not written any more and takes so many bytes.
    pub(super) fn sealed(&mut self, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
    }

    /// The space that the tape takes now, with `open` bytes of files that are being written. The journal's reserve comes first
    /// where it was used.
    pub(super) fn level(&self, env: &Env, journal: &Journal, open: u64) -> Level {
        let owed = if journal.owes_reserve() {
            env.settings.journal_reserve
        } else {
            0
        };
        let used = self.used.saturating_add(open);
        let space = env.disk.space(&env.settings.dir).ok();
        let free = space.map(|space| space.free.saturating_sub(owed));
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let shown_left = self.shown_limit(env.clock.boot()).map(|shown| {
            signed(shown)
                .saturating_sub(signed(used))
                .saturating_sub(signed(owed))
        });
        let left = self.limits.left(used, free);
        Level {
            used,
            left: left.min(shown_left.unwrap_or(i64::MAX)),
            shown_left,
        }
    }

    /// Finds space for segments that are about to begin, and notes in each the blocks that it takes over.
    pub(super) fn plan(
        &mut self,
        begins: &mut [(PublishId, Rotation)],
        level: Level,
        journal: &Journal,
    ) -> Result<SpacePlan, NoSpace> {
        let wanted: Vec<u64> = begins
            .iter()
            .map(|(_, rotation)| rotation.begin.expected)
            .collect();
        let mut offered = self.free.clone();
        let mut plan = SpacePlan::default();
        loop {
            let sizes: Vec<u64> = offered.iter().map(|blocks| blocks.space).collect();
            let taken = assign(&wanted, &sizes);
            // Files that no segment takes over are unlinked when their space is needed.
            let not_taken = offered
                .iter()
                .zip(0..)
                .filter(|(_, at)| !taken.contains(&Some(*at)));
            let loose: u64 = not_taken.map(|(blocks, _)| blocks.space).sum();
            let grows = i64::try_from(growth(&wanted, &sizes, &taken)).unwrap_or(i64::MAX);
            if grows <= level.left.saturating_add_unsigned(loose) {
                for ((_, rotation), place) in begins.iter_mut().zip(taken) {
                    rotation.takes = place.and_then(|place| offered.get(place)).cloned();
                }
                plan.grows = grows;
                return Ok(plan);
            }
            let known: HashSet<_> = plan.evict.iter().map(|blocks| blocks.id).collect();
            let candidates = self.candidates(journal, plan.evict.len() + 1);
            let candidates = candidates.map_err(NoSpace::Journal)?;
            let Some(next) = candidates.into_iter().find(|next| !known.contains(&next.id)) else {
                self.wanted = wanted.iter().copied().min().unwrap_or(0);
                return Err(NoSpace::Full(self.describe_full(level)));
            };
            offered.push(next.clone());
            plan.evict.push(next);
        }
    }

    /// Up to so many segments that may go, the first to go first.
    fn candidates(&self, journal: &Journal, count: usize) -> Result<Vec<Blocks>, StoreError> {
        let mut classes = vec![Class::Expired, Class::Nobodys, Class::Delivered];
        if self.on_full == OnFull::OverwriteOldest {
            classes.push(Class::Undelivered);
        }
        let mut found: Vec<Blocks> = Vec::new();
        for class in classes {
            if found.len() >= count {
                break;
            }
            let more = journal.candidates_of(class, count.max(PAGE))?;
            let new: Vec<Blocks> = more
                .into_iter()
                .filter(|blocks| found.iter().all(|known| known.id != blocks.id))
                .collect();
            found.extend(new);
        }
        found.truncate(count);
        Ok(found)
    }

    /// Takes the files of a plan that is committed. Returns their bytes: the segments that take them over account for these
    /// from here on.
    fn take(&mut self, plan: &mut SpacePlan, begins: &[(PublishId, Rotation)]) -> u64 {
        self.free.append(&mut plan.evict);
        let takes = begins.iter().filter_map(|(_, rotation)| rotation.takes.as_ref());
        let taken: HashSet<_> = takes.map(|blocks| blocks.id).collect();
        let taken = self.free.extract_if(.., |blocks| taken.contains(&blocks.id));
        taken.map(|blocks| blocks.space).sum()
    }

    /// Removes the smallest free files until so many are left.
    fn shed(&mut self, most: usize, env: &Env, book: &mut Book) {
        self.free.sort_by_key(|blocks| std::cmp::Reverse(blocks.space));
        while self.free.len() > most {
            let Some(blocks) = self.free.pop() else {
                return;
            };
            self.release(&blocks, env, book);
        }
    }

    /// Removes a file whose media was given up. A file that cannot be removed takes its space until the next start.
    fn release(&mut self, blocks: &Blocks, env: &Env, book: &mut Book) {
        if self.unlink(blocks, env, book) {
            self.used = self.used.saturating_sub(blocks.space);
        }
    }

    /// Removes a file that is not accounted for; true when it is gone for good.
    fn unlink(&mut self, blocks: &Blocks, env: &Env, book: &mut Book) -> bool {
        let path = paths::segment(&env.settings.dir, &blocks.stream, blocks.sequence);
        let removed = env.disk.unlink(&path);
        self.frees |= removed.is_ok();
        let gone = removed
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::NotFound);
        let synced = removed.is_ok() && path.parent().is_some_and(|dir| env.disk.sync_dir(dir).is_ok());
        if synced || gone {
            book.enter_quietly(Op::Evicted { id: blocks.id });
        } else {
            // The row stays, and the next start looks after the file.
            tracing::warn!("{}: free file not removed", path.display());
        }
        synced || gone
    }

    /// Takes media that is to be removed for good out of the free files. The next tick removes it.
    pub(super) fn forget_deleted(&mut self, journal: &Journal) {
        self.look_soon();
        // If the journal cannot be read, nothing is: every segment that is to begin fails at that, too.
        self.free
            .retain(|free| !journal.is_to_wipe(free.id).unwrap_or(false));
    }

    /// Removes media for good: its blocks are emptied before the file goes.
    fn wipe(&mut self, blocks: &Blocks, env: &Env, book: &mut Book) -> Result<(), String> {
        if self.wiped.contains(&blocks.id) {
            return Ok(());
        }
        let path = paths::segment(&env.settings.dir, &blocks.stream, blocks.sequence);
        let emptied = match blank::open_unread(env, &path) {
            // A reader of the file finishes first.
            Ok(None) => return Ok(()),
            Ok(Some(file)) => file
                .size()
                .and_then(|size| file.punch(size))
                .and_then(|()| file.sync()),
            Err(error) => Err(error),
        };
        match emptied {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{}: cannot remove: {error}", path.display())),
        }
        self.free.retain(|free| free.id != blocks.id);
        if self.unlink(blocks, env, book) {
            // The row may stay for a while, and the space is freed once.
            self.wiped.insert(blocks.id);
            self.used = self.used.saturating_sub(blocks.space);
        }
        Ok(())
    }

    fn describe_full(&self, level: Level) -> String {
        let Level {
            used,
            left,
            shown_left,
        } = level;
        let what = match self.limits.quota {
            _ if shown_left.is_some_and(|shown| shown <= left) => {
                "the file system accepts no more data (a quota of its own, or no inodes)".to_owned()
            }
            Some(quota) if i128::from(quota) - i128::from(used) <= i128::from(left) => {
                format!("storage.quota of {quota} bytes is used up")
            }
            _ => format!(
                "fewer than {} bytes are free (storage.min_free)",
                self.limits.min_free
            ),
        };
        let advice = match self.on_full {
            OnFull::Stop => {
                "nothing may be evicted (storage.on_full = \"stop\"); deliver or delete recordings, or raise the limit"
            }
            OnFull::OverwriteOldest => {
                "all that is left is protected or being written; delete recordings, or raise the limit"
            }
        };
        format!("{what}, and {advice}")
    }
}

impl Writer {
    /// Bytes of all files.
    pub(in crate::store) fn used(&self) -> u64 {
        self.space.used.saturating_add(self.streams.open_bytes())
    }

    fn level(&self) -> Level {
        let open = self.streams.open_bytes();
        self.space.level(&self.env, &self.book.journal, open)
    }

    /// Finds space for segments that are about to begin.
    pub(super) fn find_space(&mut self, begins: &mut [(PublishId, Rotation)]) -> Result<SpacePlan, NoSpace> {
        let level = self.level();
        let plan = self.space.plan(begins, level, &self.book.journal)?;
        self.progress.full = None;
        Ok(plan)
    }

    /// Takes the space of a plan that is committed.
    pub(super) fn take_space(&mut self, mut plan: SpacePlan, begins: &[(PublishId, Rotation)]) {
        let taken = self.space.take(&mut plan, begins);
        while self.level().left < plan.grows && !self.space.free.is_empty() {
            self.shed(self.space.free.len() - 1);
        }
        self.shed_unneeded();
        self.space.used = self.space.used.saturating_sub(taken);
    }

    /// Removes the smallest free files until so many are left.
    fn shed(&mut self, most: usize) {
        self.space.shed(most, &self.env, &mut self.book);
    }

    /// Removes free files that no stream will take over.
    fn shed_unneeded(&mut self) {
        self.shed(self.streams.writers.len() + FREE_FILES);
    }
}
