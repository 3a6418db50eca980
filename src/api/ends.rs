//! Waits for the end of a recording that was just stopped.

use std::time::Duration;

use tokio::sync::watch;

use super::answer::Failure;
use crate::store::{Progress, RecordingRow, Store};

/// A stopped recording has ended after this time, if its publisher sends: a fragment lasts at most a second.
const ENDS_WITHIN: Duration = Duration::from_secs(3);

/// The progress of the store, for a caller that waits for the end of a recording.
pub(super) struct Ends(watch::Receiver<Progress>);

impl Ends {
    pub(super) fn of(store: &Store) -> Self {
        Self(store.progress())
    }

    /// The row of an ending recording once it has ended, or its present row when that takes too long. Nothing when the
    /// recording does not exist any more. `read` gives the present row.
    pub(super) async fn closed<F>(&mut self, read: impl Fn() -> F) -> Result<Option<RecordingRow>, Failure>
    where
        F: Future<Output = Result<Option<RecordingRow>, Failure>>,
    {
        let late = tokio::time::sleep(ENDS_WITHIN);
        tokio::pin!(late);
        loop {
            // From here on, progress may be of an end that the row does not have yet.
            self.0.mark_unchanged();
            let row = read().await?;
            if !row.as_ref().is_some_and(|row| row.ending) {
                return Ok(row);
            }
            tokio::select! {
                () = &mut late => return Ok(row),
                changed = self.0.changed() => if changed.is_err() { return Ok(row) },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;
    use crate::api::tests::closed_row;
    use crate::store::RecordingState;

    fn row(ending: bool) -> RecordingRow {
        RecordingRow {
            state: RecordingState::Open,
            ending,
            ..closed_row()
        }
    }

    /// The test's clock stands still while there is other work.
    #[tokio::test(start_paused = true)]
    async fn who_waits_for_an_end_that_does_not_come_waits_for_three_seconds() {
        // Other streams go on, so the store reports progress all the time.
        for told_every in [None, Some(Duration::from_millis(100))] {
            let (tell, told) = watch::channel(Progress::default());
            let telling = tokio::spawn(async move {
                let every = told_every.unwrap_or(Duration::from_secs(3_600));
                loop {
                    tokio::time::sleep(every).await;
                    tell.send_modify(|progress| progress.ticks += 1);
                }
            });
            let begun = Instant::now();
            let found = Ends(told).closed(|| async { Ok(Some(row(true))) }).await.unwrap();
            assert!(found.unwrap().ending);
            assert_eq!(begun.elapsed().as_secs(), 3);
            telling.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_seen_as_soon_as_it_is_told_also_while_the_row_is_read() {
        let begun = Instant::now();
        for gone in [false, true] {
            let (tell, told) = watch::channel(Progress::default());
            let looks = Cell::new(0);
            let read = async || {
                looks.set(looks.get() + 1);
                // The recording ended after the row was read and before the waiting began.
                tell.send_modify(|progress| progress.recordings_ended += 1);
                Ok(match looks.get() {
                    1 => Some(row(true)),
                    _ if gone => None,
                    _ => Some(row(false)),
                })
            };
            let found = Ends(told).closed(read).await.unwrap();
            assert_eq!((found.is_none(), looks.get()), (gone, 2));
            assert!(found.is_none_or(|row| !row.ending));
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_store_that_is_over() {
        let (_, told) = watch::channel(Progress::default());
        let begun = Instant::now();
        let found = Ends(told).closed(async || Ok(Some(row(true)))).await.unwrap();
        assert!(found.unwrap().ending);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
