//! How much of the box all viewers together may take: memory of pieces on their way, and bytes a second.
//!
//! Each response may always have a small piece in memory, so that no viewer waits for another one that reads slowly. What is
//! left of the memory goes to whoever asks first, in large pieces: they make fast downloads cheap.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// Bytes of the piece that every response may have.
pub(super) const SMALL: usize = 16 << 10;
/// Bytes of a piece while memory is left.
pub(super) const LARGE: usize = 256 << 10;
/// Small pieces of a response: one is read, and the others are on their way through hyper to the socket.
const SMALL_PIECES: usize = 4;
/// How far a viewer that pauses gets ahead of the rate.
const BURST: Duration = Duration::from_millis(250);

/// The common bounds of all responses. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    large: Arc<Semaphore>,
    rate: Arc<Mutex<Rate>>,
}

/// A piece that may be read: its length, and the memory that it takes until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    /// The most bytes of the piece.
    pub(super) len: usize,
    /// Given back when the piece was written to the socket.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

/// The rate of all viewers. Pure: the time is given.
#[derive(Clone, Copy, Debug)]
struct Rate {
    bytes_per_second: Option<u64>,
    /// When everything that was let through so far would have gone at the rate.
    through: Instant,
}

impl Flow {
    /// Bounds for at most `connections` connections, within `memory` bytes as far as the small pieces allow.
    pub(super) fn new(memory: u64, connections: usize, bytes_per_second: Option<u64>) -> Self {
        let small = connections.saturating_mul(SMALL * SMALL_PIECES) as u64;
        let large = memory.saturating_sub(small) / LARGE as u64;
        let large = usize::try_from(large)
            .unwrap_or(usize::MAX)
            .min(Semaphore::MAX_PERMITS);
        Self {
            large: Arc::new(Semaphore::new(large)),
            rate: Arc::new(Mutex::new(Rate {
                bytes_per_second,
                through: Instant::now(),
            })),
        }
    }

    /// Sets another rate, from the next piece on.
    pub(super) fn set_rate(&self, bytes_per_second: Option<u64>) {
        self.rate().bytes_per_second = bytes_per_second;
    }

    /// Waits until a piece may go. `left` is what the response still has to send.
    pub(super) async fn turn(&self, left: u64) -> Turn {
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let permit = if left > SMALL {
            Arc::clone(&self.large).try_acquire_owned().ok()
        } else {
            None
        };
        let len = left.min(if permit.is_some() { LARGE } else { SMALL });
        let at = self.rate().take(len, Instant::now());
        if let Some(at) = at {
            sleep_until(at).await;
        }
        Turn { len, permit }
    }

    fn rate(&self) -> std::sync::MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rate {
    /// Counts a piece. Gives the moment at which it may go, if that is later than now.
    fn take(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let rate = self.bytes_per_second.filter(|rate| *rate > 0)?;
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let begins = self.through.max(earliest);
        self.through = begins + Duration::from_secs_f64(bytes as f64 / rate as f64);
        (begins > now).then_some(begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_viewers_together_keep_to_the_rate() {
        let start = Instant::now();
        let mut rate = Rate {
            bytes_per_second: Some(1_000_000),
            through: start,
        };
        let mut now = start;
        for _ in 0..100 {
            if let Some(at) = rate.take(50_000, now) {
                now = at;
            }
        }
        let took = (now - start).as_secs_f64();
        assert!((4.6..=5.0).contains(&took), "{took}");
        // A pause is made up for by a quarter of a second at most.
        now += Duration::from_secs(60);
        assert_eq!(rate.take(250_000, now), None);
        assert_eq!(rate.take(1, now), None);
        assert!(rate.take(1_000, now).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_keeps_its_pieces_takes_no_turn_from_another() {
        let flow = Flow::new(8 << 20, 64, None);
        let mut kept = Vec::new();
        for _ in 0..1_000 {
            kept.push(flow.turn(1 << 30).await);
        }
        let large = kept.iter().filter(|turn| turn.len == LARGE).count();
        assert_eq!(large, (8 << 20) / LARGE - 64 * SMALL * SMALL_PIECES / LARGE);
        assert_eq!(flow.turn(1 << 30).await.len, SMALL);
        kept.clear();
        assert_eq!(flow.turn(1 << 30).await.len, LARGE);
        assert_eq!(flow.turn(100).await.len, 100);
    }
}
