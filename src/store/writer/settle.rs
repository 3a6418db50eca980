//! How what was written becomes durable, and how a segment ends.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use super::room::{NoRoom, RoomPlan};
use super::{Pass, Turn, Writer};
use crate::media::{Micros, PublishId, StreamName};
use crate::store::Change;
use crate::store::StoreError;
use crate::store::journal::Op;
use crate::store::segment::Segment;

/// Rows that wait for a journal that does not take them. Past that, the oldest events go.
const PENDING_OPS: usize = 4_096;
/// Streams that nobody writes, and of which something is in memory.
const REMEMBERED: usize = 1_000;

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
                // For whoever wants to hold it to that: what is said here, a power cut cannot take.
                let until_ms = durable.end.saturating_sub(lane.tape_zero) / 1000;
                tracing::trace!(stream = %lane.stream, %publish, until_ms, "durable");
                self.close_hole(publish);
            }
            Err(error) => {
                let reason = format!("{}: cannot sync: {error}", segment.path.display());
                self.fail(publish, reason);
                self.give_up(publish);
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
        let written = segment.written.end;
        let lost = segment.give_up();
        self.lose(lost);
        self.enter_seal(publish, &segment);
        if lost > 0
            && let Some(lane) = self.lanes.get(&publish)
        {
            let media = |tape: Micros| tape.saturating_sub(lane.tape_zero);
            self.open_hole(publish, (media(segment.durable.end), media(written)), lost, None);
        }
    }

    pub(super) fn enter_seal(&mut self, publish: PublishId, segment: &Segment) {
        let Some(lane) = self.lanes.get_mut(&publish) else {
            return;
        };
        let name = lane.stream.clone();
        let stream = self.progress.streams.entry(name.clone()).or_default();
        stream.open_segment = None;
        if let Some(sealed) = segment.sealed() {
            lane.sealed_end = Some(sealed.end);
            stream.segments_sealed += 1;
            self.progress.segments_sealed += 1;
            self.room.sealed(sealed.space);
            if let Some(next) = self.nexts.get_mut(&name) {
                next.bytes = Some(sealed.bytes.max(next.bytes.unwrap_or(0) / 4 * 3));
            }
            self.seals.push(Op::SealSegment(sealed));
        } else if self.remove(&segment.path).is_ok() {
            self.seals.push(Op::DropSegment { id: segment.id });
        } else {
            // File and row stay as they are, for the next start: what it finds in them may be more than is known here.
            self.room.sealed(segment.room());
            self.unsettled.insert(name.clone());
        }
        // Now the journal knows how far it goes, and what of it is to be removed.
        let deletes = self.deletes.extract_if(.., |(of, _)| *of == name);
        self.pending.extend(deletes.map(|(_, id)| Op::Delete { id }));
    }

    /// Nobody hears of the end of a recording before it is known: where a segment could neither be sealed nor removed, the
    /// next start looks into it and closes what it belongs to.
    fn leave_unsettled_open(&mut self) {
        if self.unsettled.is_empty() {
            return;
        }
        let (journal, unsettled) = (&self.journal, &self.unsettled);
        let of = |id| journal.recording(id).ok().flatten().map(|row| row.stream);
        self.pending.retain(|op| match op {
            Op::CloseRecording { id, .. } | Op::PauseRecording { id, .. } => {
                of(*id).is_none_or(|stream| !unsettled.contains(&stream))
            }
            _ => true,
        });
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
            self.end_hole(publish);
            self.lanes.remove(&publish);
        }
        self.forget_streams();
        self.say_first(&mut begins);
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

    /// What is kept in memory of streams that nobody writes is what saves looking it up, and what is counted of them: of very
    /// many names it goes.
    fn forget_streams(&mut self) {
        let most = REMEMBERED + self.lanes.len();
        let known = [self.progress.streams.len(), self.nexts.len(), self.prepared.len()];
        if known.iter().all(|known| *known <= most) {
            return;
        }
        let written: HashSet<StreamName> = self.lanes.values().map(|lane| lane.stream.clone()).collect();
        self.progress.streams.retain(|name, _| written.contains(name));
        self.nexts.retain(|name, _| written.contains(name));
        self.prepared.retain(|name| written.contains(name));
    }

    /// What is to be removed for good is known to be before anything takes over blocks: those of it are emptied. What is
    /// protected is known to be before anything is given up.
    fn say_first(&mut self, begins: &mut Vec<(PublishId, Turn)>) {
        let first = |op: &Op| {
            matches!(
                op,
                Op::Delete { .. } | Op::Change(Change::Protect { protected: true, .. })
            )
        };
        if begins.is_empty() || !self.pending.iter().any(first) {
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
        !self.seals.is_empty() || !self.pending.is_empty() || self.redate.is_some()
    }

    /// One transaction: the date, what was sealed, what waits, what begins. What was sealed comes before what
    /// waits, so that the events of that can tell of it; and all events of a boot are dated by one clock.
    pub(super) fn commit(&mut self, begins: Vec<Op>) -> Result<(), StoreError> {
        let mut ops: Vec<Op> = self.redate.take().into_iter().collect();
        let redate = ops.len();
        self.leave_unsettled_open();
        let (seals, waiting, quiet) = (self.seals.len(), self.pending.len(), self.quiet.len());
        ops.append(&mut self.seals);
        ops.append(&mut self.pending);
        ops.append(&mut self.quiet);
        ops.extend(begins);
        let utc = self.clock.boot().saturating_add(self.utc_offset);
        let result = self.journal.commit(&ops, utc);
        let unreachable = result.as_ref().is_err_and(StoreError::is_unreachable);
        self.refused_since = unreachable.then(|| self.refused_since.unwrap_or(self.clock.boot()));
        if result.is_ok() && ops.iter().any(|op| matches!(op, Op::Delete { .. })) {
            self.spare_no_deleted();
            if let Err(error) = self.list_deleted() {
                tracing::error!("what was deleted cannot be listed: {error}");
            }
        }
        if let Err(error) = &result {
            // Rolled back: all but what was to begin is still true, and still to be said.
            self.redate = ops.drain(..redate).next();
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
            let said = error.to_string();
            // Once: a card that is full for hours must not have a log that is full of it.
            if self.unsaid.as_ref() != Some(&said) {
                tracing::error!("journal not written: {said}");
            }
            self.unsaid = Some(said.clone());
            self.progress.failed = Some(said.clone());
            self.progress.last_error = Some(said);
            self.dirty_since = self.dirty_since.or_else(|| Some(self.clock.boot()));
        } else {
            self.unsaid = None;
            if self.progress.moved && ops.iter().any(|op| matches!(op, Op::Adopt { .. })) {
                self.progress.moved = false;
            }
            // Who sends events need not wait for the next tick.
            self.progress.events = self.journal.newest_event().unwrap_or(self.progress.events);
        }
        result
    }
}
