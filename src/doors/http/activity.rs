//! What the requests of a connection wait for, so that a connection that is idle makes room for others, one that sends does not,
//! and one whose peer takes nothing ends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Counts the requests of one connection. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    count: watch::Sender<usize>,
    /// The responses whose last piece the connection has not taken yet, and since when it has it.
    handed: Mutex<HashMap<u64, Instant>>,
    last: AtomicU64,
}

/// A request that is answered, until the last byte of its response.
#[derive(Debug)]
pub(super) struct Busy {
    shared: Arc<Shared>,
    id: u64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                count: watch::Sender::new(0),
                handed: Mutex::default(),
                last: AtomicU64::new(0),
            }),
        }
    }

    /// Counts a request for as long as the value lives.
    pub(super) fn begin(&self) -> Busy {
        self.shared.count.send_modify(|count| *count += 1);
        Busy {
            shared: Arc::clone(&self.shared),
            id: self.shared.last.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The number of requests, now and at each change.
    pub(super) fn watch(&self) -> watch::Receiver<usize> {
        self.shared.count.subscribe()
    }

    /// For how long the peer has not taken a piece of a response: the longest time of all its responses.
    pub(super) fn stalls(&self, now: Instant) -> Duration {
        let handed = self.shared.handed();
        let oldest = handed.values().min();
        oldest.map_or(Duration::ZERO, |since| now.saturating_duration_since(*since))
    }
}

impl Busy {
    /// Notes that the connection was given a piece of the response (`true`), or that it asks for the next one, which is not there
    /// yet. HTTP/2 asks only when its peer lets it send, so the socket alone does not show who stalls.
    pub(super) fn handed(&self, is_piece: bool, now: Instant) {
        let mut handed = self.shared.handed();
        if is_piece {
            handed.insert(self.id, now);
        } else {
            handed.remove(&self.id);
        }
    }
}

impl Shared {
    fn handed(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.shared.handed().remove(&self.id);
        self.shared
            .count
            .send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_busy_while_one_of_its_requests_is_answered() {
        let activity = Activity::new();
        let count = activity.watch();
        let one = activity.begin();
        let two = activity.clone().begin();
        assert_eq!(*count.borrow(), 2);
        drop(one);
        assert_eq!(*count.borrow(), 1);
        drop(two);
        assert_eq!(*count.borrow(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_response_that_its_peer_takes_least_of_tells_how_long_the_connection_stalls() {
        let activity = Activity::new();
        let (fast, slow) = (activity.begin(), activity.begin());
        let began = Instant::now();
        let later = |seconds| began + Duration::from_secs(seconds);
        slow.handed(true, began);
        for second in 1..100 {
            fast.handed(true, later(second));
        }
        assert_eq!(activity.stalls(later(100)), Duration::from_secs(100));
        // The connection asks for more: who waits now is this side.
        slow.handed(false, later(100));
        assert_eq!(activity.stalls(later(100)), Duration::from_secs(1));
        drop(fast);
        assert_eq!(activity.stalls(later(1_000)), Duration::ZERO);
    }
}
