//! Reading the outbox from a place on that the reader remembers, and then each new event.

use std::collections::VecDeque;

use tokio::sync::watch;

use super::Reader;
use crate::event::Posted;
use crate::store::{Behind, Place, Progress, Store, StoreError};

/// Events that are read ahead at a time.
const AHEAD: usize = 64;
/// The most bytes of their bodies, unless one event has more.
const AHEAD_BYTES: usize = 64 << 10;

/// Reads events in order, without gaps. The journal knows nothing of the reader: events that are gone are gone, and the reader
/// is told so.
///
/// ```text
/// place ── events behind it ──► Event, Event, … ── nothing more ──► waits for Progress ──► Event, …
///   └── gone, or of another journal ──► Reset, and on from the end of the outbox
/// ```
pub struct EventReader {
    reader: Reader,
    progress: watch::Receiver<Progress>,
    place: Place,
    ahead: VecDeque<Posted>,
}

/// What a reader of events gets next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextEvent {
    /// The next event.
    Event {
        /// The place behind it, from which reading goes on later.
        place: Place,
        /// The event.
        event: Posted,
    },
    /// Events are missing here: they are gone, or the place was one of another journal. What the reader knows may be old.
    Reset {
        /// The place at which reading goes on.
        place: Place,
    },
    /// The store has ended. No more events come.
    Over,
}

impl EventReader {
    /// Reads from a place on, or from now on.
    pub fn new(store: &Store, reader: Reader, after: Option<Place>) -> Self {
        Self::with(store.progress(), reader, after)
    }

    fn with(progress: watch::Receiver<Progress>, reader: Reader, after: Option<Place>) -> Self {
        let place = after.unwrap_or_else(|| end(&progress.borrow()));
        Self {
            reader,
            progress,
            place,
            ahead: VecDeque::new(),
        }
    }

    /// The place from which reading goes on.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Waits for the next event. A caller may give up waiting at any moment: nothing is lost by that. The journal is read only
    /// when it has something new.
    pub async fn next(&mut self) -> Result<NextEvent, StoreError> {
        loop {
            if let Some(event) = self.ahead.pop_front() {
                self.place.through = event.sequence;
                let place = self.place;
                return Ok(NextEvent::Event { place, event });
            }
            if end(&self.progress.borrow_and_update()) == self.place {
                if self.progress.changed().await.is_err() {
                    return Ok(NextEvent::Over);
                }
                continue;
            }
            let place = self.place;
            let behind = self
                .reader
                .read(move |library| library.events_behind(place, AHEAD, AHEAD_BYTES));
            match behind.await? {
                Behind::Events(events) if events.is_empty() => {
                    // The store was not told of these events yet, or will be told of another journal in a moment.
                    if self.progress.changed().await.is_err() {
                        return Ok(NextEvent::Over);
                    }
                }
                Behind::Events(events) => self.ahead = events.into(),
                Behind::Gone(place) => {
                    self.place = place;
                    return Ok(NextEvent::Reset { place });
                }
            }
        }
    }
}

/// The end of the outbox, as far as the store told.
fn end(progress: &Progress) -> Place {
    Place {
        journal: progress.journal,
        through: progress.events,
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::event::Event;
    use crate::store::{Change, Command, Library, OutboxChange, RealClock, RealDisk, StoreSettings};

    struct Box {
        dir: tempfile::TempDir,
        store: Store,
    }

    fn a_box() -> Box {
        let dir = tempfile::tempdir().unwrap();
        let settings = StoreSettings::new(dir.path(), "test");
        let (store, _) = Store::open(settings, Arc::new(RealDisk), Arc::new(RealClock)).unwrap();
        Box { dir, store }
    }

    impl Box {
        /// Something happens, and the store has told of it.
        async fn happens(&self, what: &str) {
            let event = Event::SyncOnline {
                store: what.to_owned(),
            };
            self.store.submit(Command::Report { event }).unwrap();
            let (done, written) = tokio::sync::oneshot::channel();
            self.store.submit(Command::Fence { done }).unwrap();
            written.await.unwrap().unwrap();
            let newest = Library::open(self.dir.path())
                .unwrap()
                .outbox_depth()
                .unwrap()
                .newest;
            let mut progress = self.store.progress();
            progress
                .wait_for(|progress| progress.events == newest)
                .await
                .unwrap();
        }

        fn reads(&self, after: Option<Place>) -> EventReader {
            EventReader::new(&self.store, Reader::new(self.dir.path(), 1), after)
        }

        async fn done(self) {
            let store = self.store.clone();
            drop(self.store);
            tokio::task::spawn_blocking(move || store.shutdown())
                .await
                .unwrap()
                .unwrap();
        }
    }

    /// The next event: its place, and what it says.
    async fn told(reader: &mut EventReader) -> (Place, String) {
        match reader.next().await.unwrap() {
            NextEvent::Event { place, event } => {
                assert_eq!((place, place.through), (reader.place(), event.sequence));
                (place, event.body)
            }
            other => panic!("{other:?}"),
        }
    }

    fn said(what: &str) -> String {
        format!(r#"{{"store":"{what}"}}"#)
    }

    #[tokio::test]
    async fn a_reader_gets_what_happens_from_now_on_and_later_goes_on_where_it_was() {
        let a_box = a_box();
        a_box.happens("before").await;
        let mut reader = a_box.reads(None);
        for what in ["a", "b", "c"] {
            a_box.happens(what).await;
        }
        let (after_a, a) = told(&mut reader).await;
        assert_eq!((a, told(&mut reader).await.1), (said("a"), said("b")));
        // Another connection of the same viewer.
        let after_a = after_a.to_string().parse().unwrap();
        let mut again = a_box.reads(Some(after_a));
        assert_eq!(
            (told(&mut again).await.1, told(&mut again).await.1),
            (said("b"), said("c"))
        );
        // An event that comes while somebody waits for it.
        let waiting = tokio::spawn(async move { told(&mut again).await.1 });
        a_box.happens("d").await;
        assert_eq!(waiting.await.unwrap(), said("d"));
        a_box.done().await;
    }

    #[tokio::test]
    async fn more_than_is_read_ahead_comes_in_order_and_once() {
        let a_box = a_box();
        let mut reader = a_box.reads(None);
        let long = "x".repeat(AHEAD_BYTES / 4);
        for n in 0..3 * AHEAD {
            let what = if n < 10 {
                format!("{n} {long}")
            } else {
                n.to_string()
            };
            let event = Event::SyncOnline { store: what };
            a_box.store.submit(Command::Report { event }).unwrap();
        }
        for n in 0..3 * AHEAD {
            let (_, body) = told(&mut reader).await;
            let number = body
                .trim_start_matches(r#"{"store":""#)
                .split([' ', '"'])
                .next()
                .unwrap()
                .to_owned();
            assert_eq!(number, n.to_string());
            assert!(reader.ahead.len() < AHEAD);
            assert!(reader.ahead.iter().map(|event| event.body.len()).sum::<usize>() <= AHEAD_BYTES);
        }
        a_box.done().await;
    }

    #[tokio::test]
    async fn what_is_gone_or_of_another_journal_resets_once_and_goes_on_from_there() {
        let a_box = a_box();
        let listeners = OutboxChange::Listeners(vec!["one".to_owned()]);
        a_box
            .store
            .submit(Command::Change(Change::Outbox(listeners)))
            .unwrap();
        a_box.happens("first").await;
        let (journal, first) = (
            a_box.reads(None).place().journal,
            a_box.reads(None).place().through,
        );
        for _ in 0..crate::store::KEPT_ROWS {
            let event = Event::StorageRecovered {};
            a_box.store.submit(Command::Report { event }).unwrap();
        }
        a_box.happens("last").await;
        let end = a_box.reads(None).place();
        let heard = OutboxChange::Heard {
            listener: "one".to_owned(),
            place: end,
        };
        a_box
            .store
            .submit(Command::Change(Change::Outbox(heard)))
            .unwrap();
        a_box.happens("after").await;
        let end = a_box.reads(None).place();
        let place = |journal, through| Place { journal, through };
        for gone in [
            place(journal, 0),
            place(journal, first),
            place(journal, end.through + 1),
            place(journal, u64::MAX),
            place(journal ^ 1, end.through),
            place(0, 0),
        ] {
            let mut reader = a_box.reads(Some(gone));
            assert_eq!(
                reader.next().await.unwrap(),
                NextEvent::Reset { place: end },
                "{gone}"
            );
            assert_eq!(reader.place(), end);
        }
        // The oldest event that is kept can be read on from.
        let oldest = first + 1;
        let mut reader = a_box.reads(Some(place(journal, oldest)));
        assert_eq!(told(&mut reader).await.0.through, oldest + 1);
        let mut reader = a_box.reads(Some(place(0, 0)));
        assert!(matches!(reader.next().await, Ok(NextEvent::Reset { .. })));
        a_box.happens("then").await;
        assert_eq!(told(&mut reader).await.1, said("then"));
        a_box.done().await;
    }

    #[tokio::test]
    async fn who_waits_reads_nothing_and_who_gives_up_waiting_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let progress = Progress {
            journal: 7,
            events: 3,
            ..Progress::default()
        };
        let (tell, told) = watch::channel(progress);
        // There is no store at this path: a look at it would be an error.
        let reader = Reader::new(dir.path().join("nothing"), 1);
        let mut events = EventReader::with(told, reader, None);
        for _ in 0..3 {
            {
                let mut next = pin!(events.next());
                let mut context = Context::from_waker(Waker::noop());
                assert!(next.as_mut().poll(&mut context).is_pending());
                // The store tells of other things all the time.
                tell.send_modify(|progress| progress.ticks += 1);
                assert!(matches!(next.as_mut().poll(&mut context), Poll::Pending));
            }
            assert_eq!(events.place().to_string(), "7-3");
        }
        tell.send_modify(|progress| progress.events += 1);
        assert!(matches!(events.next().await, Err(StoreError::NoTape { .. })));
        tell.send_modify(|progress| progress.events -= 1);
        drop(tell);
        assert_eq!(events.next().await.unwrap(), NextEvent::Over);
    }
}
