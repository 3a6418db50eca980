//! How much memory half-received messages may hold, all connections together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A count of bytes that clones share and that cannot pass its limit.
#[derive(Clone, Debug)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of `limit` bytes, none of them used.
    pub fn new(limit: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                limit,
                used: AtomicUsize::new(0),
            }),
        }
    }

    /// Bytes taken at this moment.
    pub fn used(&self) -> usize {
        self.shared.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes`, or nothing and says so.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let before = self.shared.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = before
            .checked_add(bytes)
            .is_some_and(|after| after <= self.shared.limit);
        if !fits {
            self.give(bytes);
        }
        fits
    }

    /// Gives back what was taken.
    pub(super) fn give(&self, bytes: usize) {
        self.shared.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}
