//! Tape that was given up while viewers read it.
//!
//! The store removes the name of a segment that somebody reads, and its space is free when nobody has it open any more. So readers
//! may hold space that the recorder needs. That is bounded: of responses that hold such tape, the slowest goes first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::media::SegmentId;
use crate::store::LibrarySource;

/// The most bytes of tape that responses may hold although it was given up.
const MOST_HELD: u64 = 64 << 20;
/// How often that is looked at. Tape is not given up faster than it is recorded.
const LOOK: Duration = Duration::from_secs(1);

/// The responses that read tape now.
#[derive(Clone, Default)]
pub(super) struct Leases {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    leases: Mutex<Vec<Weak<Lease>>>,
    looks: Mutex<bool>,
}

/// The tape that a response reads, until its last byte.
pub(super) struct Lease {
    tape: LibrarySource,
    began: Instant,
    sent: AtomicU64,
}

/// A response that holds tape which was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holder {
    /// Bytes a second since the response began.
    rate: u64,
    /// The files, and the bytes that each takes.
    held: Vec<(SegmentId, u64)>,
}

impl Leases {
    /// Notes that a response reads this tape for as long as the lease lives.
    pub(super) fn begin(&self, tape: LibrarySource) -> Arc<Lease> {
        let lease = Arc::new(Lease {
            tape,
            began: Instant::now(),
            sent: AtomicU64::new(0),
        });
        lock(&self.shared.leases).push(Arc::downgrade(&lease));
        if !std::mem::replace(&mut *lock(&self.shared.looks), true) {
            tokio::spawn(look(Arc::clone(&self.shared)));
        }
        lease
    }
}

impl Lease {
    /// Counts bytes that were given to the connection.
    pub(super) fn count(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn holder(&self, now: Instant) -> Holder {
        let seconds = now.saturating_duration_since(self.began).as_secs().max(1);
        Holder {
            rate: self.sent.load(Ordering::Relaxed) / seconds,
            held: self.tape.held(),
        }
    }
}

/// Looks now and then at what the responses hold, as long as there are any.
async fn look(shared: Arc<Shared>) {
    loop {
        sleep(LOOK).await;
        let leases: Vec<Arc<Lease>> = {
            let mut leases = lock(&shared.leases);
            leases.retain(|lease| lease.strong_count() > 0);
            if leases.is_empty() {
                *lock(&shared.looks) = false;
                return;
            }
            leases.iter().filter_map(Weak::upgrade).collect()
        };
        let now = Instant::now();
        // Each file is asked, which may wait for the storage device.
        let looked = tokio::task::spawn_blocking(move || {
            let holders: Vec<Holder> = leases.iter().map(|lease| lease.holder(now)).collect();
            for place in too_much(&holders, MOST_HELD) {
                if let Some(lease) = leases.get(place) {
                    lease.tape.let_go();
                    tracing::warn!(
                        "a response to a slow viewer ends: what viewers read of media that was given up takes more than {} MiB",
                        MOST_HELD >> 20
                    );
                }
            }
        });
        // A panic was reported where it happened.
        let _ = looked.await;
    }
}

/// The places of the holders that have to end, so that all of them together hold at most so many bytes.
fn too_much(holders: &[Holder], most: u64) -> Vec<usize> {
    // A file that several hold takes its space once.
    let total = |left: &[(usize, &Holder)]| -> u64 {
        let files: HashMap<SegmentId, u64> = left
            .iter()
            .flat_map(|(_, holder)| holder.held.iter().copied())
            .collect();
        files.values().sum()
    };
    let holding = holders.iter().enumerate();
    let mut left: Vec<(usize, &Holder)> = holding.filter(|(_, holder)| !holder.held.is_empty()).collect();
    left.sort_by_key(|(_, holder)| std::cmp::Reverse(holder.rate));
    let mut ends = Vec::new();
    while total(&left) > most
        && let Some((place, _)) = left.pop()
    {
        ends.push(place);
    }
    ends
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_those_that_hold_too_much_the_slowest_goes_first() {
        let segments: Vec<SegmentId> = (0..4).map(|n| SegmentId::from_bytes([n; 16])).collect();
        let holder = |rate, held: &[(usize, u64)]| Holder {
            rate,
            held: held.iter().map(|(n, bytes)| (segments[*n], *bytes)).collect(),
        };
        let holders = [
            holder(500, &[(0, 30)]),
            holder(10, &[(1, 30)]),
            holder(100, &[(0, 30), (2, 20)]),
            holder(0, &[]),
        ];
        assert_eq!(too_much(&holders, 80), Vec::<usize>::new());
        assert_eq!(too_much(&holders, 79), [1]);
        // The first file stays as long as one of two reads it.
        assert_eq!(too_much(&holders, 49), [1, 2]);
        assert_eq!(too_much(&holders, 0), [1, 2, 0]);
    }
}
