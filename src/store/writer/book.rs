//! The rows of the next commit, and the senders that wait for it.

use std::collections::HashSet;

use tokio::sync::oneshot;

use crate::media::{Micros, RecordingId, StreamName};
use crate::store::StoreError;
use crate::store::journal::{Journal, Op};

/// Most rows that wait for a journal that does not take them. Beyond this number the oldest events go.
const PENDING_OPS: usize = 4_096;

/// Carries the result of a commit to the caller that waits for it.
pub(super) type Waiter = oneshot::Sender<Result<(), String>>;

/// The journal, and the rows that it is to take.
pub(in crate::store) struct Book {
    pub(in crate::store) journal: Journal,
    /// The row that dates the boot anew.
    date: Option<Op>,
    /// Rows of segments that ended.
    seals: Vec<Op>,
    pub(in crate::store) pending: Vec<Op>,
    /// Rows that are no reason to commit. They go with the next commit.
    quiet: Vec<Op>,
    /// Streams with a segment that could neither be sealed nor removed.
    unsealed: HashSet<StreamName>,
    /// Callers that wait for the commit of all rows entered before.
    fences: Vec<Waiter>,
    /// The caller that waits for everything to be sealed.
    seal: Option<Waiter>,
    /// The listeners of events, for a journal that does not know them.
    pub(super) listeners: Option<Vec<String>>,
    /// CLOCK_BOOTTIME since which the journal cannot be written.
    refused_since: Option<Micros>,
    /// The journal's error when it refused the last commit.
    refusal: Option<String>,
}

/// Changes of a commit that other parts must act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Committed {
    /// Media was deleted on request.
    pub(super) deletes: bool,
    /// Recordings of which a part was deleted, and another part is still to be.
    pub(super) half_deleted: Vec<RecordingId>,
    /// Recordings that are deleted.
    pub(super) deleted: Vec<RecordingId>,
    /// The store belongs to this box from now on.
    pub(super) adopts: bool,
    /// Other tape may be held back from viewers.
    pub(super) may_hold_back: bool,
}

impl Book {
    pub(super) fn new(journal: Journal) -> Self {
        Self {
            journal,
            date: None,
            seals: Vec::new(),
            pending: Vec::new(),
            quiet: Vec::new(),
            unsealed: HashSet::new(),
            fences: Vec::new(),
            seal: None,
            listeners: None,
            refused_since: None,
            refusal: None,
        }
    }

    /// Enters a row that is a reason to commit.
    pub(super) fn enter(&mut self, op: Op) {
        self.pending.push(op);
    }

    /// Enters a row about a segment that ended, or about how far a segment is durable. It comes before the rows of
    /// [`enter`](Self::enter), so that their events can tell of it.
    pub(super) fn enter_seal(&mut self, op: Op) {
        self.seals.push(op);
    }

    /// Enters a row that goes with the next commit, whatever causes that commit.
    pub(super) fn enter_quietly(&mut self, op: Op) {
        self.quiet.push(op);
    }

    /// Enters the new date of the boot. It comes before all other rows, so that one clock dates all events of a boot.
    pub(super) fn enter_date(&mut self, op: Op) {
        self.date = Some(op);
    }

    /// True while the date of the boot is not in the journal yet.
    pub(super) fn has_date(&self) -> bool {
        self.date.is_some()
    }

    /// Leaves the file and the row of a segment of this stream as they are, for the next start.
    pub(super) fn leave_unsealed(&mut self, stream: StreamName) {
        self.unsealed.insert(stream);
    }

    /// True when there is a reason to commit.
    pub(super) fn has_rows(&self) -> bool {
        !self.seals.is_empty() || !self.pending.is_empty() || self.date.is_some()
    }

    /// True when a row like this waits.
    pub(super) fn is_pending(&self, row: impl Fn(&Op) -> bool) -> bool {
        self.pending.iter().any(row)
    }

    /// CLOCK_BOOTTIME since which the journal cannot be written.
    pub(super) fn refused_since(&self) -> Option<Micros> {
        self.refused_since
    }

    /// Commits one transaction: the date, the sealed segments, the rows that wait, the rows of what begins.
    ///
    /// On an error everything is rolled back, and the rows of what was to begin are dropped. All other rows are still true and
    /// stay for the next commit.
    pub(super) fn commit(
        &mut self,
        begins: Vec<Op>,
        boot: Micros,
        utc: Micros,
    ) -> Result<Committed, StoreError> {
        let mut ops: Vec<Op> = self.date.take().into_iter().collect();
        let dates = ops.len();
        self.leave_unsealed_open();
        let (seals, pending, quiet) = (self.seals.len(), self.pending.len(), self.quiet.len());
        ops.append(&mut self.seals);
        ops.append(&mut self.pending);
        ops.append(&mut self.quiet);
        ops.extend(begins);
        let result = self.journal.commit(&ops, utc);
        let unreachable = result.as_ref().is_err_and(StoreError::is_unreachable);
        self.refused_since = unreachable.then(|| self.refused_since.unwrap_or(boot));
        match result {
            Ok(()) => {
                self.refusal = None;
                Ok(Committed {
                    deletes: ops.iter().any(|op| op.deleted().is_some()),
                    half_deleted: self.deleted(&ops, true),
                    deleted: self.deleted(&ops, false),
                    may_hold_back: ops.iter().any(Op::may_hold_back),
                    adopts: ops.iter().any(|op| matches!(op, Op::Adopt { .. })),
                })
            }
            Err(error) => {
                self.date = ops.drain(..dates).next();
                ops.truncate(seals + pending + quiet);
                self.quiet = ops.split_off(seals + pending);
                self.pending = ops.split_off(seals);
                self.seals = ops;
                self.drop_oldest_events();
                let said = error.to_string();
                // The error is logged once: a card that is full for hours must not fill the log.
                if self.refusal.as_ref() != Some(&said) {
                    tracing::error!("journal not written: {said}");
                }
                self.refusal = Some(said);
                Err(error)
            }
        }
    }

    /// The recordings of which these rows carried out the last step of the deletion; with `half`, another step.
    fn deleted(&self, ops: &[Op], half: bool) -> Vec<RecordingId> {
        let ids = ops.iter().filter_map(Op::deleted);
        // A deletion that cannot be asked about is listed when the space is looked after.
        ids.filter(|id| {
            self.journal
                .is_half_deleted(*id)
                .is_ok_and(|is_half| is_half == half)
        })
        .collect()
    }

    /// Keeps back the end of a recording that is not known yet. Where a segment could neither be sealed nor removed, the next
    /// start looks into that segment and closes its recordings.
    fn leave_unsealed_open(&mut self) {
        if self.unsealed.is_empty() {
            return;
        }
        let (journal, unsealed) = (&self.journal, &self.unsealed);
        let of = |id| journal.recording(id).ok().flatten().map(|row| row.stream);
        self.pending.retain(|op| match op {
            Op::CloseRecording { id, .. } | Op::PauseRecording { id, .. } => {
                of(*id).is_none_or(|stream| !unsealed.contains(&stream))
            }
            _ => true,
        });
    }

    fn drop_oldest_events(&mut self) {
        let mut excess = self.pending.len().saturating_sub(PENDING_OPS);
        self.pending.retain(|op| {
            let go = excess > 0 && matches!(op, Op::Report { .. });
            excess -= usize::from(go);
            !go
        });
    }

    /// Adds a caller that waits for the commit of all rows entered before.
    pub(super) fn fence(&mut self, done: Waiter) {
        self.fences.push(done);
    }

    /// True when a caller waits for a commit.
    pub(super) fn is_awaited(&self) -> bool {
        !self.fences.is_empty()
    }

    /// Tells the callers that wait whether everything is committed.
    pub(super) fn answer(&mut self, committed: &Result<(), String>) {
        for done in self.fences.drain(..) {
            // The caller may be gone.
            let _ = done.send(committed.clone());
        }
    }

    /// Notes the caller that waits for everything to be sealed.
    pub(super) fn await_seal(&mut self, done: Waiter) {
        self.seal = Some(done);
    }

    /// Takes the caller that waits for everything to be sealed, once.
    pub(super) fn take_seal(&mut self) -> Option<Waiter> {
        self.seal.take()
    }

    /// Goes on with a journal that was recovered. The rows of `before` are entered ahead of all rows that wait.
    pub(super) fn reopen(&mut self, journal: Journal, mut before: Vec<Op>) {
        self.journal = journal;
        self.quiet.clear();
        self.unsealed.clear();
        self.refused_since = None;
        before.append(&mut self.seals);
        before.append(&mut self.pending);
        self.pending = before;
    }
}
