//! The bounded queue between the network and the storage thread.
//!
//! Putting never blocks and is refused past a hard limit; a producer that cares waits for
//! [`room`](Queue::room) first. Bytes count until they were written, not until they were taken.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::{Command, Refused};

/// What a frame costs beside its payload: the queue must be bounded for frames of one byte, too.
const FRAME_COST: usize = 64;
/// What any other command costs.
const COMMAND_COST: usize = 256;
/// Commands without media may use this many times the hard limit: they close what is open, and a publisher
/// cannot send many of them.
const CONTROL_SHARE: usize = 2;

/// Commands on their way to flash.
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    room: Notify,
    backlog: AtomicUsize,
    beats: AtomicU64,
    soft: usize,
    hard: usize,
}

#[derive(Default)]
struct State {
    commands: Vec<Command>,
    cost: usize,
    beat: bool,
    closed: bool,
}

/// What the storage thread woke up for.
pub(super) struct Batch {
    /// In the order given.
    pub(super) commands: Vec<Command>,
    /// What they count in the backlog.
    pub(super) cost: usize,
    /// Nothing more will come.
    pub(super) closed: bool,
}

impl Queue {
    pub(super) fn new(soft: usize, hard: usize) -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            room: Notify::new(),
            backlog: AtomicUsize::new(0),
            beats: AtomicU64::new(0),
            soft,
            hard,
        }
    }

    pub(super) fn put(&self, command: Command) -> Result<(), Refused> {
        let cost = cost(&command);
        let limit = match command {
            Command::Append { .. } => self.hard,
            _ => self.hard.saturating_mul(CONTROL_SHARE),
        };
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Stopped);
        }
        let backlog = self.backlog();
        // A single fragment larger than the limit must still find a way to flash: it passes alone.
        if backlog > 0 && backlog.saturating_add(cost) > limit {
            return Err(Refused::Full { backlog, limit });
        }
        self.backlog.fetch_add(cost, Ordering::Relaxed);
        state.cost = state.cost.saturating_add(cost);
        state.commands.push(command);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    pub(super) fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }

    pub(super) fn has_room(&self) -> bool {
        // Nothing is taken any more: whoever waited may find that out.
        self.backlog() < self.soft || self.lock().closed
    }

    /// Waits until the backlog is below the soft limit, or nothing is taken any more.
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
    pub(super) fn take(&self, timeout: Option<Duration>) -> Batch {
        let idle = |state: &mut State| state.commands.is_empty() && !state.beat && !state.closed;
        let state = self.lock();
        let mut state = match timeout {
            None => self
                .wake
                .wait_while(state, idle)
                .unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                let waited = self.wake.wait_timeout_while(state, timeout, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        if std::mem::take(&mut state.beat) {
            self.beats.fetch_add(1, Ordering::Relaxed);
        }
        Batch {
            commands: std::mem::take(&mut state.commands),
            cost: std::mem::take(&mut state.cost),
            closed: state.closed,
        }
    }

    /// The commands of a batch were carried out.
    pub(super) fn done(&self, cost: usize) {
        if cost > 0 && self.backlog.fetch_sub(cost, Ordering::Relaxed) >= self.soft {
            self.room.notify_waiters();
        }
    }

    /// Nothing more is taken; what is in the queue is still carried out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
        self.room.notify_waiters();
    }

    /// Asks the thread for a sign of life; returns how many it gave so far.
    pub(super) fn beat(&self) -> u64 {
        self.lock().beat = true;
        self.wake.notify_one();
        self.beats.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, so its content is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cost(command: &Command) -> usize {
    match command {
        Command::Append { fragment, .. } => fragment
            .payload_bytes()
            .saturating_add((fragment.video.len() + fragment.audio.len()).saturating_mul(FRAME_COST)),
        _ => COMMAND_COST,
    }
}
