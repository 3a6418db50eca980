//! The position of a listener in the outbox, and its reading of the outbox.

use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use super::Reader;
use crate::event::Posted;
use crate::store::{Callback, Change, Command, OutboxChange, Place, Progress, Store, StoreError};

/// The pause between two questions to the journal about a listener's position.
const PAUSE: Duration = Duration::from_secs(2);

/// The position of one listener in the outbox.
///
/// ```text
/// outbox ── fetch ──► what is read ahead ── (the listener) ── acknowledge ──► cursor ── commit ──► journal
/// ```
///
/// The position belongs to one journal. A journal that is made again counts from 1, and [`is_current`](Self::is_current)
/// reports that.
pub struct Subscription {
    listener: String,
    store: Store,
    reader: Reader,
    progress: watch::Receiver<Progress>,
    /// The identity of the journal that the events are from.
    journal: i64,
    /// The listener has all events up to this number.
    cursor: u64,
    /// The position of the listener in the journal.
    committed: u64,
    /// The newest event that may have been read: no event up to here can still be read.
    looked: u64,
}

impl Subscription {
    /// The position of a listener, once the journal gives it. `unknown` is called each time that the journal does not know the
    /// listener.
    pub async fn open(store: Store, reader: Reader, listener: &str, unknown: impl Fn()) -> Self {
        // The store has the listeners in its queue already.
        flush(&store).await;
        loop {
            let name = listener.to_owned();
            let place = reader.read(move |library| library.heard(&name)).await;
            match place {
                Ok(Some(Place { journal, through })) => {
                    return Self {
                        listener: listener.to_owned(),
                        progress: store.progress(),
                        store,
                        reader,
                        journal,
                        cursor: through,
                        committed: through,
                        looked: 0,
                    };
                }
                Ok(None) => unknown(),
                Err(error) => tracing::debug!("{listener}: the outbox cannot be read: {error}"),
            }
            sleep(PAUSE).await;
        }
    }

    /// False when the journal was made again: the listener's position has to be read from the new one.
    pub fn is_current(&self) -> bool {
        self.progress.borrow().journal == self.journal
    }

    /// Resolves when something happened in the store; false when the store has ended.
    pub async fn changed(&mut self) -> bool {
        self.progress.changed().await.is_ok()
    }

    /// The listener has all events up to this number.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Whether there may be events that were not read.
    pub fn has_more(&mut self) -> bool {
        self.progress.borrow_and_update().events > self.looked
    }

    /// Reads events behind `after`: so many, and so many bytes of bodies. The future borrows nothing of the subscription.
    pub fn fetch(
        &mut self,
        after: u64,
        most: usize,
        bytes: usize,
    ) -> impl Future<Output = Result<Vec<Posted>, StoreError>> + Send + use<> {
        self.looked = self.progress.borrow_and_update().events;
        let reader = self.reader.clone();
        async move {
            reader
                .read(move |library| library.outbox(after, most, bytes))
                .await
        }
    }

    /// Notes that the events of [`fetch`](Self::fetch) were taken: there may be more behind the last one.
    pub fn took(&mut self, rows: &[Posted]) {
        if let Some(last) = rows.last() {
            self.looked = self.looked.min(last.sequence);
        }
    }

    /// Has the outbox read again: there may be more events than were read.
    pub fn look_again(&mut self) {
        self.looked = 0;
    }

    /// Notes that the listener has all events up to this number.
    pub fn acknowledge(&mut self, through: u64) {
        self.cursor = self.cursor.max(through);
    }

    /// Number of events that the listener has and the journal does not know of.
    pub fn uncommitted(&self) -> u64 {
        self.cursor - self.committed
    }

    /// Tells the journal the listener's position.
    pub fn commit(&mut self) {
        if self.cursor == self.committed {
            return;
        }
        self.committed = self.cursor;
        self.submit(OutboxChange::Heard {
            listener: self.listener.clone(),
            place: Place {
                journal: self.journal,
                through: self.cursor,
            },
        });
    }

    /// The events that the listener missed and that are offered first, if there are any.
    pub async fn missed(&self) -> Result<Option<Callback>, StoreError> {
        let listener = self.listener.clone();
        let missed = self
            .reader
            .read(move |library| library.missed(&listener, false, 1));
        Ok(missed.await?.into_iter().next())
    }

    /// Has the journal remember a change of the listener.
    pub fn submit(&self, change: OutboxChange) {
        if let Err(refused) = self.store.submit(Command::Change(Change::Outbox(change))) {
            tracing::debug!("{}: not written down: {refused}", self.listener);
        }
    }

    /// Waits until the journal knows all that was submitted.
    pub async fn flush(&self) {
        flush(&self.store).await;
    }
}

async fn flush(store: &Store) {
    let (done, flushed) = oneshot::channel();
    if store.submit(Command::Fence { done }).is_ok() {
        let _ = flushed.await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::Event;
    use crate::store::{RealClock, RealDisk, StoreSettings};

    #[tokio::test]
    async fn a_listener_goes_on_where_the_journal_knows_it_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let settings = StoreSettings::new(dir.path(), "test");
        let (store, _) = Store::open(settings, Arc::new(RealDisk), Arc::new(RealClock)).unwrap();
        let reader = Reader::new(dir.path(), 3);
        let enroll = || {
            let all = OutboxChange::Listeners(vec!["one".to_owned()]);
            store.submit(Command::Change(Change::Outbox(all))).unwrap();
        };
        let open = || Subscription::open(store.clone(), reader.clone(), "one", enroll);
        enroll();
        let mut one = open().await;
        for n in 0..3_u64 {
            store
                .submit(Command::Report {
                    event: Event::AuthRefused {
                        stream: None,
                        peer: None,
                        reason: format!("{n}"),
                        count: 1,
                    },
                })
                .unwrap();
        }
        one.flush().await;
        let mut rows = Vec::new();
        while rows.len() < 3 {
            while !one.has_more() {
                assert!(one.changed().await);
            }
            let after = rows.last().map_or(one.cursor(), |last: &Posted| last.sequence);
            let more = one.fetch(after, 2, 1 << 20).await.unwrap();
            one.took(&more);
            rows.extend(more.into_iter().filter(|row| row.kind == "auth.refused"));
        }
        one.acknowledge(rows[1].sequence);
        assert_ne!(one.uncommitted(), 0);
        one.commit();
        assert_eq!(one.uncommitted(), 0);
        // A position never goes back.
        one.acknowledge(rows[0].sequence);
        assert_eq!(one.cursor(), rows[1].sequence);
        let mut again = open().await;
        assert!(again.is_current() && again.has_more());
        assert_eq!(again.cursor(), rows[1].sequence);
        let rest = again.fetch(again.cursor(), 10, 1 << 20).await.unwrap();
        assert_eq!(rest.first().unwrap().sequence, rows[2].sequence);
        drop((one, again));
        tokio::task::spawn_blocking(move || store.shutdown())
            .await
            .unwrap()
            .unwrap();
    }
}
