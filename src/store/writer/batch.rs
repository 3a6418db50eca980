//! Commands that share a commit, and the steps of that commit. The writer seals the segments that end, syncs what must be
//! durable, commits one transaction, and creates the files of the segments that begin.

use std::collections::HashSet;

use super::Writer;
use super::space::{NoSpace, SpacePlan};
use crate::format::fmp4::Identity;
use crate::media::{ChunkStart, PublishId, RecordingId, StreamName};
use crate::store::journal::{Blocks, NewSegment, Op};
use crate::store::review::ReviewedTapes;
use crate::store::segment::Begin;
use crate::store::{Change, StoreError};

/// Most streams without a publish that the writer keeps values in memory of.
const REMEMBERED: usize = 1_000;

/// The work that commands leave for their common commit.
#[derive(Default)]
pub(super) struct Batch {
    /// Streams whose further commands wait for the commit.
    pub(super) held: HashSet<StreamName>,
    /// Recordings that a command of the batch is about. Further commands about these recordings wait for the commit.
    pub(super) held_recordings: HashSet<RecordingId>,
    /// Publishes whose segment ends, with the segment that follows, if one does.
    pub(super) rotations: Vec<(PublishId, Option<Rotation>)>,
    /// Streams whose open segment must be durable before the rows of this batch are true.
    pub(super) syncs: HashSet<StreamName>,
    pub(super) ended: Vec<PublishId>,
    /// Number of rows that waited before this batch: everything that these rows depend on is done.
    pub(super) waited: usize,
}

/// A segment that is to follow the one that is open.
pub(super) struct Rotation {
    pub(super) row: NewSegment,
    pub(super) begin: Begin,
    /// What its header says, with the numbers of its chunks once they are known.
    pub(super) identity: Identity,
    /// The chunk that it begins with.
    pub(super) chunk: ChunkStart,
    /// The blocks that the segment takes over.
    pub(super) takes: Option<Blocks>,
}

impl Batch {
    /// A batch behind so many rows that wait already.
    pub(super) fn behind(waited: usize) -> Self {
        Self {
            waited,
            ..Self::default()
        }
    }
}

impl Writer {
    /// Ends a batch: seals, one commit, new files.
    pub(super) fn finish(&mut self, batch: Batch) {
        let mut begins = Vec::new();
        for (publish, rotation) in batch.rotations {
            self.seal(publish);
            begins.extend(rotation.map(|rotation| (publish, rotation)));
        }
        self.number(&mut begins);
        self.sync_all_of(&batch.syncs);
        // The ended publishes' last segments were accounted for above.
        for publish in batch.ended {
            if let Some(mut writer) = self.streams.writers.remove(&publish)
                && let Some(gap) = writer.end_gap()
            {
                self.tell_gap(publish, &writer.stream, gap);
            }
        }
        self.forget_streams();
        self.commit_first(&mut begins);
        let plan = self.plan_space(&mut begins);
        let opens = begins
            .iter()
            .map(|(_, rotation)| Op::OpenSegment(rotation.row.clone()));
        let rows: Vec<Op> = plan.ops().chain(opens).collect();
        if rows.is_empty() && !self.book.has_rows() {
            return;
        }
        match self.commit(rows) {
            Ok(()) => {
                self.take_space(plan, &begins);
                for (publish, rotation) in begins {
                    self.begin(publish, rotation);
                }
            }
            Err(error) => {
                for (publish, _) in begins {
                    self.refuse(publish, error.to_string());
                }
            }
        }
    }

    /// Numbers the chunks of the segments that begin. The segments before them have ended.
    fn number(&mut self, begins: &mut Vec<(PublishId, Rotation)>) {
        for (publish, mut rotation) in std::mem::take(begins) {
            match self.streams.number(publish, &mut rotation) {
                Ok(()) => begins.push((publish, rotation)),
                Err(reason) => self.refuse(publish, reason),
            }
        }
    }

    /// Syncs the open segments of these streams, and enters how far they are durable.
    fn sync_all_of(&mut self, streams: &HashSet<StreamName>) {
        let of = |(publish, writer): (&PublishId, &super::streams::StreamWriter)| {
            streams.contains(&writer.stream).then_some(*publish)
        };
        let publishes: Vec<PublishId> = self.streams.writers.iter().filter_map(of).collect();
        for publish in publishes {
            self.sync(publish);
            let writer = self.streams.writers.get(&publish);
            if let Some(segment) = writer.and_then(|writer| writer.segment.as_ref()) {
                self.book.enter_seal(Op::GrowSegment {
                    id: segment.id,
                    end: segment.durable.end,
                    bytes: segment.durable.bytes,
                });
            }
        }
    }

    /// The writer keeps values of streams without a publish, and counts of them. They only save a lookup, so with very many
    /// names they are forgotten.
    fn forget_streams(&mut self) {
        let most = REMEMBERED + self.streams.writers.len();
        if self.progress.streams.len().max(self.streams.remembered()) <= most {
            return;
        }
        let written = self.streams.forget_others();
        self.progress.streams.retain(|name, _| written.contains(name));
    }

    /// Commits what must be known before space is found. A segment to be removed for good is known before another takes over
    /// its blocks: those blocks are emptied first. A recording that is protected, or that a channel shows, is known before media
    /// is given up.
    fn commit_first(&mut self, begins: &mut Vec<(PublishId, Rotation)>) {
        let first = |op: &Op| {
            matches!(
                op,
                Op::Delete { .. }
                    | Op::DeleteBeside { .. }
                    | Op::Change(Change::Protect { protected: true, .. } | Change::Channel { .. })
            )
        };
        if begins.is_empty() || !self.book.is_pending(first) {
            return;
        }
        if let Err(error) = self.commit(Vec::new()) {
            for (publish, _) in std::mem::take(begins) {
                self.refuse(publish, error.to_string());
            }
        }
    }

    /// Finds space for the segments that begin; those without space do not begin.
    fn plan_space(&mut self, begins: &mut Vec<(PublishId, Rotation)>) -> SpacePlan {
        if begins.is_empty() {
            return SpacePlan::default();
        }
        let mut made = self.find_space(begins);
        if matches!(made, Err(NoSpace::Full(_))) && self.book.has_rows() && self.commit(Vec::new()).is_ok() {
            // A segment that was sealed, or a recording that was closed, a moment ago may be what can be given up.
            made = self.find_space(begins);
        }
        let why = match made {
            Ok(plan) => return plan,
            Err(why) => why,
        };
        for (publish, _) in std::mem::take(begins) {
            match &why {
                NoSpace::Full(reason) => self.refuse_full(publish, reason),
                NoSpace::Journal(error) => self.refuse(publish, error.to_string()),
            }
        }
        SpacePlan::default()
    }

    /// Says what is held back from viewers now.
    pub(super) fn publish_held(&mut self) {
        match self.read_held() {
            Ok(()) => self.unheld = false,
            // What is held back stays so. The error is logged once: each tick tries again, and reads all.
            Err(error) => {
                self.reviewed = None;
                if !std::mem::replace(&mut self.unheld, true) {
                    tracing::error!("what is held back from viewers is not read: {error}");
                }
                let now = self.env.clock.boot();
                self.streams.dirty_since = self.streams.dirty_since.or(Some(now));
            }
        }
    }

    fn read_held(&mut self) -> Result<(), StoreError> {
        let journal = &self.book.journal;
        if let Some(tapes) = &mut self.reviewed {
            if tapes.change(journal.reviewed_changes()?) {
                self.held.publish(tapes.held().clone());
            }
        } else {
            let tapes = ReviewedTapes::of(journal.reviewed()?);
            self.held.publish(tapes.held().clone());
            self.reviewed = Some(tapes);
        }
        #[cfg(test)]
        if let (Ok(whole), Some(tapes)) = (journal.held(), &self.reviewed) {
            assert_eq!(
                *tapes.held(),
                whole,
                "what is held back is not what the journal says"
            );
        }
        Ok(())
    }

    /// Commits one transaction: all rows that wait, and the rows of the segments that begin.
    pub(super) fn commit(&mut self, begins: Vec<Op>) -> Result<(), StoreError> {
        let boot = self.env.clock.boot();
        match self.book.commit(begins, boot, self.clock.utc(boot)) {
            Ok(committed) => {
                if committed.deletes {
                    self.space.forget_deleted(&self.book.journal);
                }
                for id in &committed.half_deleted {
                    self.list_step(*id);
                }
                if !committed.deleted.is_empty() {
                    if let Err(error) = self.list_deleted() {
                        tracing::error!("what was deleted cannot be listed: {error}");
                    }
                    self.remove_sidecars(&committed.deleted);
                }
                for (stream, segment) in self.ended.drain(..) {
                    self.open_tapes.take_back(&stream, segment);
                }
                if committed.may_hold_back {
                    self.publish_held();
                }
                self.progress.moved &= !committed.adopts;
                // The thread that sends events need not wait for the next tick.
                self.progress.events = self.book.journal.newest_event().unwrap_or(self.progress.events);
                Ok(())
            }
            Err(error) => {
                let said = error.to_string();
                self.progress.failed = Some(said.clone());
                self.progress.last_error = Some(said);
                self.streams.dirty_since = self.streams.dirty_since.or(Some(boot));
                Err(error)
            }
        }
    }
}
