//! How fast things are sent: a token bucket over all transfers. What viewers wait for goes first: while some of it is on its
//! way, the rest takes a slice now and then only, whether there is a rate or the link is what is slow.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// What is saved up for a burst: an eighth of a second. More would be felt by whoever shares the link.
const BURST: u64 = 8;

/// Whoever gives way sends something after this long all the same: stores close a connection on which nothing comes.
const LONGEST_YIELD: Duration = Duration::from_secs(5);

/// The rate of all transfers together; clones share it.
#[derive(Clone)]
pub(in crate::delivery) struct Pace {
    shared: Arc<Shared>,
}

struct Shared {
    bucket: Mutex<Bucket>,
    changed: Notify,
    /// So many go first, and one of them has ended.
    first: AtomicUsize,
    first_ended: Notify,
    start: Instant,
}

/// The sum: time goes in, waits come out.
#[derive(Debug)]
struct Bucket {
    /// Bytes a second.
    rate: Option<u64>,
    /// Bytes that may be taken now; below zero is owed.
    left: i64,
    /// Microseconds when `left` was right.
    at: u64,
    /// Bytes taken since the start.
    taken: u64,
}

impl Pace {
    /// So many bytes a second; without a limit, if there is none.
    pub(in crate::delivery) fn new(rate: Option<u64>) -> Self {
        let bucket = Bucket {
            rate,
            left: 0,
            at: 0,
            taken: 0,
        };
        Self {
            shared: Arc::new(Shared {
                bucket: Mutex::new(bucket),
                changed: Notify::new(),
                first: AtomicUsize::new(0),
                first_ended: Notify::new(),
                start: Instant::now(),
            }),
        }
    }

    /// Another rate from now on, also for whoever waits.
    pub(in crate::delivery) fn set(&self, rate: Option<u64>) {
        let now = self.now();
        self.bucket().set(rate, now);
        self.shared.changed.notify_waiters();
    }

    /// The rate.
    pub(in crate::delivery) fn rate(&self) -> Option<u64> {
        self.bucket().rate
    }

    /// Bytes taken since the start.
    pub(in crate::delivery) fn taken(&self) -> u64 {
        self.bucket().taken
    }

    /// Takes so many bytes if they may be sent at once.
    pub(in crate::delivery) fn try_take(&self, bytes: u64) -> bool {
        let now = self.now();
        self.bucket().take(bytes, now).is_none()
    }

    /// Waits until so many bytes may be sent.
    pub(in crate::delivery) async fn take(&self, bytes: u64) {
        loop {
            let changed = self.shared.changed.notified();
            let now = self.now();
            let wait = self.bucket().take(bytes, now);
            let Some(wait) = wait else { return };
            tokio::select! {
                () = tokio::time::sleep(Duration::from_micros(wait)) => (),
                () = changed => (),
            }
        }
    }

    /// What is sent from now on goes first, until this is dropped.
    pub(super) fn go_first(&self) -> First {
        self.shared.first.fetch_add(1, Ordering::AcqRel);
        First(self.shared.clone())
    }

    /// True while something goes first.
    pub(super) fn is_yielding(&self) -> bool {
        self.shared.first.load(Ordering::Acquire) > 0
    }

    /// Waits until nothing goes first any more, for some seconds at most.
    pub(super) async fn give_way(&self) {
        let ended = async {
            loop {
                let ended = self.shared.first_ended.notified();
                if !self.is_yielding() {
                    return;
                }
                ended.await;
            }
        };
        // That it took too long is as good.
        let _ = tokio::time::timeout(LONGEST_YIELD, ended).await;
    }

    fn now(&self) -> u64 {
        u64::try_from(self.shared.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.shared.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that goes first.
pub(super) struct First(Arc<Shared>);

impl Drop for First {
    fn drop(&mut self) {
        self.0.first.fetch_sub(1, Ordering::AcqRel);
        self.0.first_ended.notify_waiters();
    }
}

impl Bucket {
    fn set(&mut self, rate: Option<u64>, now: u64) {
        self.fill(now);
        self.rate = rate;
        self.left = self.left.max(0);
        self.fill(now);
    }

    /// Takes them, or says how many microseconds to wait before asking again. What is taken may be owed for a while: a taker
    /// waits for the debt of the one before, so that one that wants much is not overtaken for ever.
    fn take(&mut self, bytes: u64, now: u64) -> Option<u64> {
        self.fill(now);
        if let Some(rate) = self.rate
            && self.left < 0
        {
            let owed = u128::from(self.left.unsigned_abs()) * 1_000_000;
            let wait = owed.div_ceil(u128::from(rate.max(1)));
            return Some(u64::try_from(wait).unwrap_or(u64::MAX).max(1));
        }
        self.taken = self.taken.saturating_add(bytes);
        if self.rate.is_some() {
            self.left = self.left.saturating_sub_unsigned(bytes);
        }
        None
    }

    fn fill(&mut self, now: u64) {
        let passed = u128::from(now.saturating_sub(self.at));
        let Some(rate) = self.rate else {
            self.at = now;
            return;
        };
        let earned = passed * u128::from(rate) / 1_000_000;
        if earned == 0 {
            return;
        }
        self.at = now;
        let most = i64::try_from(rate / BURST).unwrap_or(i64::MAX);
        let earned = i64::try_from(earned).unwrap_or(i64::MAX);
        self.left = self.left.saturating_add(earned).min(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rate_holds_for_all_together_and_can_be_changed_under_way() {
        let pace = Pace::new(Some(1 << 20));
        let start = Instant::now();
        let sender = |pace: Pace| async move {
            for _ in 0..64 {
                pace.take(16 << 10).await;
            }
        };
        tokio::join!(sender(pace.clone()), sender(pace.clone()));
        let took = start.elapsed().as_secs_f64();
        assert!((1.9..2.1).contains(&took), "2 MiB at 1 MiB/s took {took} s");
        assert_eq!(pace.taken(), 2 << 20);

        // Somebody waits for an hour; a new rate lets it go.
        pace.set(Some(1_024));
        pace.take(4 << 20).await;
        let waiting = tokio::spawn({
            let pace = pace.clone();
            async move { pace.take(1).await }
        });
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!waiting.is_finished());
        pace.set(None);
        let before = Instant::now();
        waiting.await.unwrap();
        assert!(before.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_first_is_waited_for_and_for_no_longer_than_some_seconds() {
        let pace = Pace::new(None);
        let start = Instant::now();
        pace.give_way().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        let (one, other) = (pace.go_first(), pace.go_first());
        pace.give_way().await;
        assert_eq!(start.elapsed(), LONGEST_YIELD);
        let ends = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(one);
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(other);
        };
        tokio::join!(ends, pace.give_way());
        assert_eq!(start.elapsed(), LONGEST_YIELD + Duration::from_secs(2));
        assert!(!pace.is_yielding());
    }

    #[test]
    fn nothing_is_saved_up_for_more_than_a_burst() {
        let mut bucket = Bucket {
            rate: Some(8_000),
            left: 0,
            at: 0,
            taken: 0,
        };
        assert_eq!(bucket.take(8_000, 3_600_000_000), None);
        // 1,000 were there: 7,000 are owed.
        assert_eq!(bucket.take(1, 3_600_000_000), Some(875_000));
        assert_eq!(bucket.take(1, 3_600_875_000), None);
    }
}
