//! How what was written becomes durable, and how a segment ends.

use std::io;
use std::path::Path;

use super::room::{NoRoom, RoomPlan};
use super::{Pass, Turn, Writer};
use crate::media::PublishId;
use crate::store::StoreError;
use crate::store::journal::Op;
use crate::store::segment::Segment;

/// Rows that wait for a journal that does not take them. Past that, the oldest events go.
const PENDING_OPS: usize = 4_096;

impl Writer {
    /// Syncs a publish's open segment and says so.
    pub(super) fn settle(&mut self, publish: PublishId) {
        let Some(lane) = self.lanes.get_mut(&publish) else {
            return;
        };
        let Some(segment) = lane.segment.as_mut().filter(|segment| segment.is_dirty()) else {
            return;
        };
        let before = segment.durable.bytes;
        match segment.sync(self.disk.as_ref()) {
            Ok(()) => {
                lane.failed = false;
                let durable = segment.durable;
                self.progress.bytes_durable += durable.bytes - before;
                let stream = self.progress.streams.entry(lane.stream.clone()).or_default();
                stream.bytes_durable += durable.bytes - before;
                stream.durable_until = stream.durable_until.max(Some(durable.end));
                stream.failed = false;
                // The name is durable with the bytes: nothing can bring back what the file was before.
                self.quiet.extend(segment.replaced().map(|id| Op::Evicted { id }));
            }
            Err(error) => {
                let reason = format!("{}: cannot sync: {error}", segment.path.display());
                self.give_up(publish);
                self.fail(publish, reason);
            }
        }
    }

    /// Closes a publish's segment at its last whole fragment, or the last durable one if the sync fails.
    pub(super) fn seal(&mut self, publish: PublishId) {
        if let Some(segment) = self
            .lanes
            .get_mut(&publish)
            .and_then(|lane| lane.segment.as_mut())
        {
            segment.trim();
        }
        self.settle(publish);
        let Some(segment) = self.lanes.get_mut(&publish).and_then(|lane| lane.segment.take()) else {
            return;
        };
        self.enter_seal(publish, &segment);
    }

    /// Closes a publish's segment at its last durable fragment.
    pub(super) fn give_up(&mut self, publish: PublishId) {
        let Some(mut segment) = self.lanes.get_mut(&publish).and_then(|lane| lane.segment.take()) else {
            return;
        };
        let lost = segment.give_up();
        self.lose(lost);
        self.enter_seal(publish, &segment);
    }

    pub(super) fn enter_seal(&mut self, publish: PublishId, segment: &Segment) {
        let Some(lane) = self.lanes.get(&publish) else {
            return;
        };
        let stream = self.progress.streams.entry(lane.stream.clone()).or_default();
        stream.open_segment = None;
        if let Some(sealed) = segment.sealed() {
            stream.segments_sealed += 1;
            self.progress.segments_sealed += 1;
            self.room.sealed(sealed.space);
            if let Some(next) = self.nexts.get_mut(&lane.stream) {
                next.bytes = Some(sealed.bytes);
            }
            self.seals.push(Op::SealSegment(sealed));
        } else if self.remove(&segment.path).is_ok() {
            self.seals.push(Op::DropSegment { id: segment.id });
        } else {
            // File and row stay as they are, for the next start.
            self.room.sealed(segment.room());
        }
        // Now the journal knows how far it goes, and what of it is to be removed.
        let stream = lane.stream.clone();
        let deletes = self.deletes.extract_if(.., |(of, _)| *of == stream);
        self.pending.extend(deletes.map(|(_, id)| Op::Delete { id }));
    }

    /// Removes a file without media. Its name is synced away before its row goes: it would come back as a stranger, and
    /// one that was taken over with what it was before.
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.unlink(path)?;
        path.parent().map_or(Ok(()), |dir| self.disk.sync_dir(dir))
    }

    /// Ends a pass: seals, one commit, new files.
    pub(super) fn finish(&mut self, pass: Pass) {
        let mut begins = Vec::new();
        for (publish, turn) in pass.turns {
            self.seal(publish);
            begins.extend(turn.map(|turn| (publish, turn)));
        }
        let settle: Vec<PublishId> = self
            .lanes
            .iter()
            .filter(|(_, lane)| pass.settle.contains(&lane.stream))
            .map(|(publish, _)| *publish)
            .collect();
        for publish in settle {
            self.settle(publish);
            let segment = self.lanes.get(&publish).and_then(|lane| lane.segment.as_ref());
            self.seals.extend(segment.map(|segment| Op::GrowSegment {
                id: segment.id,
                end: segment.durable.end,
                bytes: segment.durable.bytes,
            }));
        }
        // The ended publishes' last segments were accounted for above.
        for publish in pass.ended {
            self.lanes.remove(&publish);
        }
        self.delete_first(&mut begins);
        let plan = self.plan_room(&mut begins);
        let opens = begins.iter().map(|(_, turn)| Op::OpenSegment(turn.row.clone()));
        let rows: Vec<Op> = plan.ops().chain(opens).collect();
        if rows.is_empty() && !self.has_rows() {
            return;
        }
        match self.commit(rows) {
            Ok(()) => {
                self.given_up(plan, &begins);
                for (publish, turn) in begins {
                    self.begin(publish, turn);
                }
            }
            Err(error) => {
                for (publish, _) in begins {
                    self.refuse(publish, error.to_string());
                }
            }
        }
    }

    /// What is to be removed for good is known to be before anything takes over blocks: those of it are emptied.
    fn delete_first(&mut self, begins: &mut Vec<(PublishId, Turn)>) {
        if begins.is_empty() || !self.pending.iter().any(|op| matches!(op, Op::Delete { .. })) {
            return;
        }
        if let Err(error) = self.commit(Vec::new()) {
            for (publish, _) in std::mem::take(begins) {
                self.refuse(publish, error.to_string());
            }
        }
    }

    /// Room for what begins; those for which there is none do not.
    fn plan_room(&mut self, begins: &mut Vec<(PublishId, Turn)>) -> RoomPlan {
        if begins.is_empty() {
            return RoomPlan::default();
        }
        let mut made = self.make_room(begins);
        if matches!(made, Err(NoRoom::Full(_))) && self.has_rows() && self.commit(Vec::new()).is_ok() {
            // What was sealed or closed just now may be what can be given up.
            made = self.make_room(begins);
        }
        let why = match made {
            Ok(plan) => return plan,
            Err(why) => why,
        };
        for (publish, _) in std::mem::take(begins) {
            match &why {
                NoRoom::Full(reason) => self.refuse_full(publish, reason),
                NoRoom::Journal(error) => self.refuse(publish, error.to_string()),
            }
        }
        RoomPlan::default()
    }

    pub(super) fn has_rows(&self) -> bool {
        !self.seals.is_empty() || !self.pending.is_empty()
    }

    /// One transaction: what was sealed, what waits, what begins. What was sealed comes first, so that the events
    /// of what waits can tell of it.
    pub(super) fn commit(&mut self, begins: Vec<Op>) -> Result<(), StoreError> {
        let mut ops = std::mem::take(&mut self.seals);
        let (seals, waiting, quiet) = (ops.len(), self.pending.len(), self.quiet.len());
        ops.append(&mut self.pending);
        ops.append(&mut self.quiet);
        ops.extend(begins);
        let result = self.journal.commit(&ops, self.clock.utc());
        if result.is_ok() && ops.iter().any(|op| matches!(op, Op::Delete { .. })) {
            self.spare_no_deleted();
        }
        if let Err(error) = &result {
            // Rolled back: all but what was to begin is still true, and still to be said.
            ops.truncate(seals + waiting + quiet);
            self.quiet = ops.split_off(seals + waiting);
            self.pending = ops.split_off(seals);
            self.seals = ops;
            let mut excess = self.pending.len().saturating_sub(PENDING_OPS);
            self.pending.retain(|op| {
                let go = excess > 0 && matches!(op, Op::Report { .. });
                excess -= usize::from(go);
                !go
            });
            tracing::error!("journal not written: {error}");
            self.progress.failed = Some(error.to_string());
            self.progress.last_error = Some(error.to_string());
            self.dirty_since = self.dirty_since.or_else(|| Some(self.clock.boot()));
        }
        result
    }
}
