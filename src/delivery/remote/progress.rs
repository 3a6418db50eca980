//! A request without progress is cancelled; a request with progress may take any time.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The bytes that the system may buffer: it does not say how many of them were sent.
const HELD: u64 = 512 << 10;

/// The most that a slow link lengthens the usual deadline of a request.
const MOST_TIMES: u32 = 5;

/// Signs that a request makes progress; clones share them.
#[derive(Clone)]
pub(super) struct Progress {
    start: Instant,
    /// Milliseconds after the start of the last sign.
    last: Arc<AtomicU64>,
    /// Bytes that the system took.
    taken: Arc<AtomicU64>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            last: Arc::default(),
            taken: Arc::default(),
        }
    }

    /// Notes progress by so many bytes.
    pub(super) fn sign(&self, bytes: u64) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Runs `work` while it makes progress; otherwise returns for how long there was none. `rate` is the rate that the link can
    /// be relied on to carry, bytes a second.
    pub(super) async fn watch<T>(
        &self,
        timeout: Duration,
        rate: u64,
        work: impl Future<Output = T>,
    ) -> Result<T, Duration> {
        let mut work = std::pin::pin!(work);
        loop {
            // Progress during the wait may have moved the deadline.
            let until = self.end(timeout, rate);
            if until <= Instant::now() {
                let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
                return Err(self.start.elapsed().saturating_sub(last));
            }
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = tokio::time::sleep_until(until) => (),
            }
        }
    }

    fn end(&self, timeout: Duration, rate: u64) -> Instant {
        let last = self.last.load(Ordering::Relaxed);
        self.start + Duration::from_millis(last) + self.allowed(timeout, rate, last)
    }

    /// Bytes a second so far; `None` before there are enough bytes for an estimate.
    pub(super) fn rate(&self) -> Option<u64> {
        let taken = self.taken.load(Ordering::Relaxed);
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        (taken >= HELD / 8).then(|| taken.saturating_mul(1_000) / millis.max(1))
    }

    /// The longest silence: the system may still hold bytes that it took, and sends them at the link's rate.
    fn allowed(&self, timeout: Duration, rate: u64, last: u64) -> Duration {
        let taken = self.taken.load(Ordering::Relaxed);
        let seen = taken.saturating_mul(1_000).checked_div(last).unwrap_or(u64::MAX);
        let rate = rate.min(seen).max(1);
        let held = Duration::from_millis(HELD.min(taken).saturating_mul(1_000) / rate);
        held.clamp(timeout, timeout * MOST_TIMES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_gets_on_is_never_given_up_and_what_does_not_is() {
        let timeout = Duration::from_secs(10);
        let progress = Progress::new();
        let slow = async {
            for _ in 0..1_000 {
                tokio::time::sleep(Duration::from_secs(9)).await;
                progress.sign(1);
            }
        };
        assert!(progress.watch(timeout, 1 << 20, slow).await.is_ok());

        let progress = Progress::new();
        let start = Instant::now();
        let silent = progress
            .watch(timeout, 1 << 20, std::future::pending::<()>())
            .await;
        assert!(silent.is_err());
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_still_on_its_way_at_a_slow_rate_is_waited_for() {
        let timeout = Duration::from_secs(10);
        let progress = Progress::new();
        let answer = async {
            // The link carries 16 KiB a second for a minute, then the rest of what the system holds.
            for _ in 0..60 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                progress.sign(16 << 10);
            }
            tokio::time::sleep(Duration::from_secs(30)).await;
        };
        assert!(progress.watch(timeout, 1 << 20, answer).await.is_ok());

        // The system took all bytes at once, and sends them at the rate that the link is known for.
        let progress = Progress::new();
        progress.sign(256 << 10);
        let answer = tokio::time::sleep(Duration::from_secs(45));
        assert!(progress.watch(timeout, 4 << 10, answer).await.is_ok());
    }
}
