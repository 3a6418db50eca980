//! When objects are removed from the store.

use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

use crate::delivery::backoff::Periodic;
use crate::delivery::cleaner;
use crate::delivery::context::{Context, End};
use crate::delivery::dates::Dates;
use crate::delivery::remote::Fault;
use crate::media::Micros;
use crate::store::DeliveryChange;

const SECOND: Micros = 1_000_000;

/// The interval between two searches for objects to remove.
const EVERY: Micros = 10 * SECOND;

/// A removal that the store refused is tried again an hour after the start, and then in this interval: permissions are
/// corrected and locks end, and nobody tells the box.
const REMOVE_AGAIN: Micros = 24 * 3_600 * SECOND;
const REMOVE_FIRST: Micros = 3_600 * SECOND;

/// Searches for objects to remove, one at a time.
pub(super) struct Cleaning {
    running: JoinSet<Result<bool, End>>,
    next: Micros,
    remove_again: Periodic,
    /// The reason why the last cleaning did not reach its end.
    unclean: Option<String>,
    dates: Dates,
}

impl Cleaning {
    /// `now` is a time since the boot.
    pub(super) fn new(now: Micros) -> Self {
        Self {
            running: JoinSet::new(),
            next: Micros::MIN,
            remove_again: Periodic::new(now.saturating_add(REMOVE_FIRST), REMOVE_AGAIN),
            unclean: None,
            dates: Dates::new(),
        }
    }

    /// Something may be removed now.
    pub(super) fn soon(&mut self) {
        self.next = Micros::MIN;
    }

    /// Something may be removed at `at`.
    pub(super) fn at(&mut self, at: Micros) {
        self.next = self.next.min(at);
    }

    /// Begins a search where one is due and the store is `usable`.
    pub(super) fn begin(&mut self, cx: &Arc<Context>, usable: bool) {
        let now = cx.clock.boot();
        let utc = self.dates.trusted(now, cx.clock.utc_offset(), cx.clock.synced());
        if !usable || !self.running.is_empty() || now < self.next {
            return;
        }
        self.next = now.saturating_add(EVERY);
        let cx = cx.clone();
        let again = self.remove_again.is_due(now);
        self.running.spawn(async move {
            if again {
                cx.commit(vec![DeliveryChange::RetryRemovals]).await?;
            }
            cleaner::clean(&cx, utc).await
        });
    }

    /// The next search that ends; none while none runs. Cancellation loses nothing.
    pub(super) async fn next(&mut self) -> Option<Result<Result<bool, End>, JoinError>> {
        self.running.join_next().await
    }

    pub(super) fn ended(&mut self, cleaned: Result<Result<bool, End>, JoinError>) {
        match cleaned {
            Ok(Ok(more)) => {
                self.unclean = None;
                if more {
                    self.soon();
                }
            }
            Ok(Err(End::Stopped)) => (),
            Ok(Err(End::Fault(
                Fault::Offline(reason) | Fault::Intercepted(reason) | Fault::Busy(reason),
            ))) => {
                tracing::debug!("not cleaned up: {reason}");
            }
            Ok(Err(error)) => {
                let why = match error {
                    End::Fault(fault) => fault.to_string(),
                    other => format!("{other:?}"),
                };
                // The cleaning is tried again soon, and the same reason is logged once.
                if self.unclean.as_ref() != Some(&why) {
                    tracing::warn!(
                        "not all that is due is removed or tagged in the object store for now: {why}"
                    );
                }
                self.unclean = Some(why);
            }
            Err(error) => crate::watch::failed("cleaning up", &error.to_string(), "it is tried again"),
        }
    }
}
