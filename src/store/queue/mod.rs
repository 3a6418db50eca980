//! The bounded queue between the network and the storage thread: a lock around the [`Backlog`], and signals for the tasks that
//! wait.
//!
//! Putting never blocks; a producer that costs nothing to hold up waits for [`room`](Queue::room) first. Bytes count until they
//! were written, not until they were taken.

mod backlog;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

pub(super) use self::backlog::Backlog;
use super::{Command, Refused};

/// Bytes that the thread takes at a time, so that a long queue does not keep it from its ticks. Media that it has not taken can
/// still be dropped.
const AT_A_TIME: usize = 1 << 20;

/// Commands on their way to flash.
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    room: Notify,
    /// The cost of the backlog, to be read without the lock.
    cost: AtomicUsize,
    beats: AtomicU64,
    let_go: AtomicU64,
    soft: usize,
}

struct State {
    backlog: Backlog,
    beat: bool,
    closed: bool,
    /// Media is being dropped, and the log said so.
    overflowing: bool,
}

/// The commands that the storage thread takes at one time.
pub(super) struct Batch {
    pub(super) commands: Vec<Command>,
    /// The cost of the commands in the backlog.
    pub(super) cost: usize,
    pub(super) closed: bool,
}

impl Queue {
    pub(super) fn new(soft: usize, hard: usize) -> Self {
        Self {
            state: Mutex::new(State {
                backlog: Backlog::new(hard),
                beat: false,
                closed: false,
                overflowing: false,
            }),
            wake: Condvar::new(),
            room: Notify::new(),
            cost: AtomicUsize::new(0),
            beats: AtomicU64::new(0),
            let_go: AtomicU64::new(0),
            soft,
        }
    }

    pub(super) fn put(&self, command: Command) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Stopped);
        }
        let went = state.backlog.put(command);
        self.changed(state, *went.as_ref().unwrap_or(&0));
        self.wake.notify_one();
        went.map(drop)
    }

    pub(super) fn set_limit(&self, hard: usize) {
        let mut state = self.lock();
        let went = state.backlog.set_limit(hard);
        self.changed(state, went);
    }

    pub(super) fn backlog(&self) -> usize {
        self.cost.load(Ordering::Relaxed)
    }

    /// Bytes of media that were dropped since the start.
    pub(super) fn let_go(&self) -> u64 {
        self.let_go.load(Ordering::Relaxed)
    }

    pub(super) fn has_room(&self) -> bool {
        // A closed queue takes nothing more: tasks that wait must learn that.
        self.backlog() < self.soft || self.lock().closed
    }

    /// Waits until the backlog is below the soft limit, or the queue is closed.
    pub(super) async fn room(&self) {
        loop {
            let freed = self.room.notified();
            if self.has_room() {
                return;
            }
            freed.await;
        }
    }

    /// Waits for commands, at most `timeout`. Runs on the storage thread.
    pub(super) fn take(&self, timeout: Duration) -> Batch {
        let idle = |state: &mut State| state.backlog.is_empty() && !state.beat && !state.closed;
        let waited = self.wake.wait_timeout_while(self.lock(), timeout, idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if std::mem::take(&mut state.beat) {
            self.beats.fetch_add(1, Ordering::Relaxed);
        }
        let (commands, cost) = state.backlog.take(AT_A_TIME);
        state.overflowing &= commands.is_empty();
        Batch {
            commands,
            cost,
            closed: state.closed && state.backlog.is_empty(),
        }
    }

    /// Waits without taking commands, at most `timeout`: there is no store to put them. True when no more will come.
    pub(super) fn rest(&self, timeout: Duration) -> bool {
        let idle = |state: &mut State| !state.beat && !state.closed;
        let waited = self.wake.wait_timeout_while(self.lock(), timeout, idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if std::mem::take(&mut state.beat) {
            self.beats.fetch_add(1, Ordering::Relaxed);
        }
        state.closed
    }

    /// Takes out the caller that waits for everything to be sealed, before its turn.
    pub(super) fn take_seal(&self) -> Option<oneshot::Sender<Result<(), String>>> {
        let mut state = self.lock();
        let waits = state.backlog.take_seal();
        self.changed(state, 0);
        waits
    }

    /// Notes that the commands of a batch were carried out.
    pub(super) fn done(&self, cost: usize) {
        let mut state = self.lock();
        state.backlog.done(cost);
        self.changed(state, 0);
    }

    /// Closes the queue: it takes nothing more, and the commands in it are still carried out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
        self.room.notify_waiters();
    }

    /// Asks the thread for a sign of life; returns the number of signs so far.
    pub(super) fn beat(&self) -> u64 {
        self.lock().beat = true;
        self.wake.notify_one();
        self.beats.load(Ordering::Relaxed)
    }

    /// Updates the counters that other threads read, and wakes the tasks that wait for space. Called after each change of the
    /// backlog.
    fn changed(&self, mut state: MutexGuard<'_, State>, went: u64) {
        let now = state.backlog.cost();
        let before = self.cost.swap(now, Ordering::Relaxed);
        let news = went > 0 && !std::mem::replace(&mut state.overflowing, true);
        drop(state);
        self.let_go.fetch_add(went, Ordering::Relaxed);
        if now < self.soft && before >= self.soft {
            self.room.notify_waiters();
        }
        if news {
            tracing::error!(
                "the storage device stalls: {now} bytes wait for it, and the oldest media is dropped"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, so the state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
