//! The rate of sending: a token bucket over all transfers. Transfers that viewers wait for go first. While one of them is being
//! sent, the others send only a slice now and then. Between two chunks, the others are handed to the system no faster than a
//! slow link carries them ([`Link`]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::bucket::Bucket;
use super::link::{Link, Sent, Way};

/// A transfer that gives way still sends a slice after this long: stores close a connection on which nothing comes.
const LONGEST_YIELD: Duration = Duration::from_secs(5);

/// A transfer that waits for its turn checks after this long whether its turn comes earlier. Microseconds.
const LOOK: u64 = 1_000_000;

/// The priority of a body among those that are being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum Rank {
    /// Viewers wait for this transfer.
    First,
    /// The transfer gives way to those for viewers.
    Rest,
}

/// The rate of all transfers together; clones share it.
#[derive(Clone)]
pub(in crate::delivery) struct Pace {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// The rate changed.
    changed: Notify,
    /// A transfer that viewers waited for has ended.
    first_ended: Notify,
    start: Instant,
}

struct State {
    /// The configured or ordered rate.
    all: Bucket,
    /// The rate that the link carries for the other bodies, where it limits them.
    rest: Bucket,
    link: Link,
    /// Bytes taken since the start.
    taken: u64,
}

impl Pace {
    /// A pace of so many bytes a second; `None` is without a limit.
    pub(in crate::delivery) fn new(rate: Option<u64>) -> Self {
        let state = State {
            all: Bucket::new(rate),
            rest: Bucket::new(None),
            link: Link::default(),
            taken: 0,
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Notify::new(),
                first_ended: Notify::new(),
                start: Instant::now(),
            }),
        }
    }

    /// Sets another rate from now on, also for transfers that wait.
    pub(in crate::delivery) fn set(&self, rate: Option<u64>) {
        let now = self.now();
        self.state().all.set(rate, now);
        self.shared.changed.notify_waiters();
    }

    pub(in crate::delivery) fn rate(&self) -> Option<u64> {
        self.state().all.rate()
    }

    /// Bytes taken since the start.
    pub(in crate::delivery) fn taken(&self) -> u64 {
        self.state().taken
    }

    /// Takes so many bytes if they may be sent at once; false otherwise.
    pub(in crate::delivery) fn try_take(&self, bytes: u64, rank: Rank) -> bool {
        let now = self.now();
        self.state().take(bytes, rank, now).is_none()
    }

    /// Waits until so many bytes may be sent.
    pub(in crate::delivery) async fn take(&self, bytes: u64, rank: Rank) {
        loop {
            let changed = self.shared.changed.notified();
            let now = self.now();
            let wait = self.state().take(bytes, rank, now);
            let Some(wait) = wait else { return };
            tokio::select! {
                () = tokio::time::sleep(Duration::from_micros(wait.min(LOOK))) => (),
                () = changed => (),
            }
        }
    }

    /// Begins an urgent body of so many bytes. It has priority until the value is dropped or the bytes have arrived.
    pub(super) fn go_first(&self, bytes: u64) -> First {
        let now = self.now();
        self.state().link.begin(bytes, now);
        First {
            pace: self.clone(),
            handed_over: false,
            sent: Sent::Failed,
        }
    }

    /// True while an urgent body is on the link.
    pub(super) fn is_yielding(&self) -> bool {
        self.way() != Way::Free
    }

    /// Waits until no urgent body is on the link, for some seconds at most.
    pub(super) async fn give_way(&self) {
        let ended = async {
            loop {
                let ended = self.shared.first_ended.notified();
                match self.way() {
                    Way::Free => return,
                    Way::Taken => ended.await,
                    Way::FreeAt(at) => {
                        let at = self.shared.start + Duration::from_micros(at);
                        // The wait ends with the time or with the urgent body.
                        let _ = tokio::time::timeout_at(at, ended).await;
                    }
                }
            }
        };
        // A wait that took too long also ends here.
        let _ = tokio::time::timeout(LONGEST_YIELD, ended).await;
    }

    fn way(&self) -> Way {
        let now = self.now();
        self.state().link.way(now)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.shared.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An urgent body that is being sent.
pub(super) struct First {
    pace: Pace,
    handed_over: bool,
    sent: Sent,
}

impl First {
    /// Notes that the system has all bytes of the body.
    pub(super) fn is_handed_over(&mut self) {
        if !std::mem::replace(&mut self.handed_over, true) {
            self.pace.state().link.handed_over();
            self.pace.shared.first_ended.notify_waiters();
        }
    }

    /// Notes the outcome of the body; without this call it counts as failed.
    pub(super) fn was(mut self, sent: Sent) {
        self.sent = sent;
    }
}

impl Drop for First {
    fn drop(&mut self) {
        self.is_handed_over();
        let now = self.pace.now();
        self.pace.state().link.end(self.sent, now);
        self.pace.shared.first_ended.notify_waiters();
    }
}

impl State {
    /// Takes the bytes, or says how many microseconds to wait before the next try.
    fn take(&mut self, bytes: u64, rank: Rank, now: u64) -> Option<u64> {
        let carried = self.link.rate_of_the_rest(now);
        if self.rest.rate() != carried {
            self.rest.set(carried, now);
        }
        let mut wait = self.all.wait(now);
        if rank == Rank::Rest {
            wait = wait.max(self.rest.wait(now));
        }
        if wait.is_some() {
            return wait;
        }
        self.taken = self.taken.saturating_add(bytes);
        self.all.take(bytes);
        if rank == Rank::Rest {
            self.rest.take(bytes);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rate_holds_for_all_together_and_can_be_changed_under_way() {
        let pace = Pace::new(Some(1 << 20));
        let start = Instant::now();
        let sender = |pace: Pace, rank| async move {
            for _ in 0..64 {
                pace.take(16 << 10, rank).await;
            }
        };
        tokio::join!(
            sender(pace.clone(), Rank::Rest),
            sender(pace.clone(), Rank::First)
        );
        let took = start.elapsed().as_secs_f64();
        assert!((1.9..2.1).contains(&took), "2 MiB at 1 MiB/s took {took} s");
        assert_eq!(pace.taken(), 2 << 20);

        // The transfer would wait for an hour; a new rate lets it go.
        pace.set(Some(1_024));
        pace.take(4 << 20, Rank::Rest).await;
        let waiting = tokio::spawn({
            let pace = pace.clone();
            async move { pace.take(1, Rank::First).await }
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
        let (one, other) = (pace.go_first(1), pace.go_first(1));
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

    #[tokio::test(start_paused = true)]
    async fn between_two_chunks_a_file_takes_no_more_than_a_slow_link_carries() {
        let pace = Pace::new(None);
        for _ in 0..2 {
            let chunk = pace.go_first(400_000);
            tokio::time::sleep(Duration::from_secs(2)).await;
            chunk.was(Sent::Arrived(400_000));
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            pace.take(16 << 10, Rank::Rest).await;
        }
        let taken = pace.taken();
        assert!((950_000..1_100_000).contains(&taken), "{taken} bytes in 5 s");
        // An urgent body is not held up by that.
        assert!(pace.try_take(1 << 20, Rank::First) && pace.try_take(1 << 20, Rank::First));
        // When no viewer watches any more, the file has the whole link.
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(pace.try_take(1 << 20, Rank::Rest) && pace.try_take(1 << 20, Rank::Rest));
    }
}
