//! Waits for the end of a segment that is still written.

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::store::{Progress, Store};

/// The progress of the store, for a caller that waits until a segment is complete.
pub(super) struct Seals(watch::Receiver<Progress>);

/// What changes when a segment ends: how many did so far, and whether the journal takes that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended(u64, bool);

impl Ended {
    fn of(progress: &Progress) -> Self {
        Self(progress.segments_sealed, progress.failed.is_some())
    }
}

impl Seals {
    pub(super) fn of(store: &Store) -> Self {
        Self(store.progress())
    }

    /// What has ended by now. Whoever waits looks behind this.
    pub(super) fn now(&self) -> Ended {
        Ended::of(&self.0.borrow())
    }

    /// Waits until another segment ended than before, and until `late` at most. False where none will end any more: the store is over.
    pub(super) async fn another(&mut self, before: Ended, late: Instant) -> bool {
        let other = self.0.wait_for(|progress| Ended::of(progress) != before);
        timeout_at(late, other).await.map_or(true, |found| found.is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The test's clock stands still while there is other work.
    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_segment_hears_of_its_end_and_of_nothing_else() {
        let (tell, told) = watch::channel(Progress::default());
        let mut seals = Seals(told);
        let begun = Instant::now();
        let late = begun + Duration::from_secs(12);
        // Other news comes all the time.
        let telling = tokio::spawn(async move {
            for tick in 1..50_u64 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                tell.send_modify(|progress| {
                    progress.ticks += 1;
                    progress.segments_sealed = u64::from(tick >= 30);
                    progress.failed = (40..45).contains(&tick).then(|| "full".to_owned());
                });
            }
            tell
        });
        let mut at = Vec::new();
        for _ in 0..4 {
            let before = seals.now();
            assert!(seals.another(before, late).await);
            at.push(begun.elapsed().as_millis());
        }
        assert_eq!(at[..3], [3_000, 4_000, 4_500]);
        assert_eq!(at[3] / 1_000, 12);
        // An end between the look and the waiting is not missed.
        let tell = telling.await.unwrap();
        let before = seals.now();
        tell.send_modify(|progress| progress.segments_sealed += 1);
        let waits = Instant::now();
        assert!(seals.another(before, waits + Duration::from_secs(9)).await);
        assert_eq!(waits.elapsed(), Duration::ZERO);
        drop(tell);
        let before = seals.now();
        assert!(!seals.another(before, waits + Duration::from_secs(9)).await);
        assert_eq!(waits.elapsed(), Duration::ZERO);
    }
}
