//! The rows of the next commit, and who waits for it.

use std::collections::HashSet;

use tokio::sync::oneshot;

use crate::media::{Micros, StreamName};
use crate::store::StoreError;
use crate::store::journal::{Journal, Op};

/// Rows that wait for a journal that does not take them. Past that, the oldest events go.
const PENDING_OPS: usize = 4_096;

/// Where the answer goes to who waits for a commit.
pub(super) type Waiter = oneshot::Sender<Result<(), String>>;

/// The journal, and what it is to be told.
pub(in crate::store) struct Book {
    pub(in crate::store) journal: Journal,
    /// The boot is to be dated anew.
    date: Option<Op>,
    /// Segments that ended.
    seals: Vec<Op>,
    pub(in crate::store) pending: Vec<Op>,
    /// Rows that are no reason to commit, and go with whatever is.
    quiet: Vec<Op>,
    /// Streams with a segment that could neither be sealed nor removed.
    unsealed: HashSet<StreamName>,
    /// Whoever waits for all to be committed that came before.
    fences: Vec<Waiter>,
    /// Whoever waits for everything to be sealed.
    seal: Option<Waiter>,
    /// Who hears of events, for a journal that does not know.
    pub(super) listeners: Option<Vec<String>>,
    /// CLOCK_BOOTTIME since which the journal cannot be written.
    refused_since: Option<Micros>,
    /// What the journal said when it did not take the last commit.
    refusal: Option<String>,
}

/// What was in a commit that others have to do with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Committed {
    /// Recordings were deleted.
    pub(super) deletes: bool,
    /// The store is this box's from now on.
    pub(super) adopts: bool,
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

    /// A row that is a reason to commit.
    pub(super) fn enter(&mut self, op: Op) {
        self.pending.push(op);
    }

    /// A row about a segment that ended, or how far one goes: it comes before what [`enter`](Self::enter) gave, so that the
    /// events of that can tell of it.
    pub(super) fn enter_seal(&mut self, op: Op) {
        self.seals.push(op);
    }

    /// A row that goes with whatever is committed next.
    pub(super) fn enter_quietly(&mut self, op: Op) {
        self.quiet.push(op);
    }

    /// The boot is dated anew: comes before all other rows, so that all events of a boot are dated by one clock.
    pub(super) fn enter_date(&mut self, op: Op) {
        self.date = Some(op);
    }

    /// The date of the boot is not in the journal yet.
    pub(super) fn has_date(&self) -> bool {
        self.date.is_some()
    }

    /// The file and the row of a segment of this stream stay as they are, for the next start.
    pub(super) fn leave_unsealed(&mut self, stream: StreamName) {
        self.unsealed.insert(stream);
    }

    /// There is a reason to commit.
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

    /// One transaction: the date, what was sealed, what waits, what begins.
    ///
    /// On an error all is rolled back but what was to begin: the rest is still true, and still to be said.
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
                    deletes: ops.iter().any(|op| matches!(op, Op::Delete { .. })),
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
                // Once: a card that is full for hours must not have a log that is full of it.
                if self.refusal.as_ref() != Some(&said) {
                    tracing::error!("journal not written: {said}");
                }
                self.refusal = Some(said);
                Err(error)
            }
        }
    }

    /// Nobody hears of the end of a recording before it is known: where a segment could neither be sealed nor removed, the
    /// next start looks into it and closes what it belongs to.
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

    /// Somebody waits for all to be committed that came before.
    pub(super) fn fence(&mut self, done: Waiter) {
        self.fences.push(done);
    }

    /// True when somebody waits for a commit.
    pub(super) fn is_awaited(&self) -> bool {
        !self.fences.is_empty()
    }

    /// Tells those who wait whether all is committed.
    pub(super) fn answer(&mut self, committed: &Result<(), String>) {
        for done in self.fences.drain(..) {
            // Whoever asked may be gone.
            let _ = done.send(committed.clone());
        }
    }

    /// Somebody waits for everything to be sealed.
    pub(super) fn await_seal(&mut self, done: Waiter) {
        self.seal = Some(done);
    }

    /// Whoever waits for everything to be sealed, once.
    pub(super) fn take_seal(&mut self) -> Option<Waiter> {
        self.seal.take()
    }

    /// Goes on with a journal that was recovered. What comes before all that waits is entered again there.
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
