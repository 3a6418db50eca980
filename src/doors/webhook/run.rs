//! What is offered when: what was missed and is due, then what is new, one after the other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::CallbackSettings;
use super::offer::{Door, offer};
use crate::event::Posted;
use crate::media::Micros;
use crate::store::{Callback, Clock, OutboxChange, Store, StoreError, Subscription};
use crate::watch::{has_failed, may_fail};

/// Events that are read at once, and bytes of them.
const AHEAD: usize = 128;
const READ_BYTES: usize = 128 << 10;
/// What was heard is written down so often at most.
const COMMIT: Duration = Duration::from_millis(500);
/// What is due is looked for so often at least.
const LOOK: Duration = Duration::from_secs(5);
/// A journal that cannot be read is tried again after this.
const PAUSE: Duration = Duration::from_secs(2);

/// One service, and how far it is told.
struct Teller {
    settings: CallbackSettings,
    door: Door,
    store: Store,
    clock: Arc<dyn Clock>,
    /// All up to its cursor was offered.
    subscription: Subscription,
    /// Events that were lost since one was offered.
    dropped: u64,
    committed_at: Instant,
    new: VecDeque<Posted>,
    failing: bool,
}

/// What to do next.
enum Step {
    Again(Callback),
    New(Posted),
    /// Nothing, for so long.
    Wait(Duration),
}

/// Tells until the store is closed; what a defect ends begins anew behind what was taken.
pub(super) async fn run(
    settings: CallbackSettings,
    client: Client,
    store: Store,
    clock: Arc<dyn Clock>,
    again: Arc<Notify>,
) {
    let task = settings.listener.clone();
    let begin = || {
        let (settings, client) = (settings.clone(), client.clone());
        tell(settings, client, store.clone(), clock.clone(), again.clone())
    };
    while has_failed(&task, begin()).await {}
}

async fn tell(
    settings: CallbackSettings,
    client: Client,
    store: Store,
    clock: Arc<dyn Clock>,
    again: Arc<Notify>,
) {
    let mut teller = Teller {
        subscription: subscribe(&store, &settings).await,
        settings,
        door: Door::new(client),
        store,
        clock,
        dropped: 0,
        committed_at: Instant::now(),
        new: VecDeque::new(),
        failing: false,
    };
    loop {
        may_fail(&teller.settings.listener);
        match teller.step().await {
            Ok(Step::Again(missed)) => teller.offer_again(missed).await,
            Ok(Step::New(event)) => teller.offer_new(event).await,
            Ok(Step::Wait(wait)) => {
                teller.write_down();
                tokio::select! {
                    more = teller.subscription.changed() => if !more { return },
                    () = again.notified() => {}
                    () = sleep(wait) => {}
                }
            }
            Err(error) => {
                tracing::debug!("callbacks: the outbox cannot be read: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Where the service is, once the journal knows it.
async fn subscribe(store: &Store, settings: &CallbackSettings) -> Subscription {
    let (store, reader) = (store.clone(), settings.reader.clone());
    Subscription::open(store, reader, &settings.listener, || ()).await
}

impl Teller {
    async fn step(&mut self) -> Result<Step, StoreError> {
        if !self.subscription.is_current() {
            // It was made anew, and counts from the beginning.
            self.subscription = subscribe(&self.store, &self.settings).await;
            self.new.clear();
            return Ok(Step::Wait(PAUSE));
        }
        // Seen before anything is read: what comes meanwhile wakes it again.
        let more = self.subscription.has_more();
        let due = self.subscription.missed().await?;
        let now = self.clock.utc();
        if let Some(missed) = due
            .as_ref()
            .filter(|missed| missed.due.is_some_and(|due| due <= now))
        {
            return Ok(Step::Again(missed.clone()));
        }
        if self.new.is_empty() && more {
            let after = self.subscription.cursor();
            let fetched = self.subscription.fetch(after, AHEAD, READ_BYTES).await;
            let rows = fetched.inspect_err(|_| self.subscription.look_again())?;
            self.subscription.took(&rows);
            self.new = rows.into();
        }
        if let Some(event) = self.new.pop_front() {
            return Ok(Step::New(event));
        }
        let wait = due
            .and_then(|missed| missed.due)
            .map(|due| due.saturating_sub(now).max(0));
        let wait = wait.map_or(LOOK, |micros| {
            Duration::from_micros(micros.unsigned_abs()).min(LOOK)
        });
        Ok(Step::Wait(wait.max(Duration::from_millis(10))))
    }

    async fn offer_new(&mut self, event: Posted) {
        let sequence = event.sequence;
        self.dropped += sequence.saturating_sub(self.subscription.cursor() + 1);
        if (self.settings.wants)(&event.kind) {
            let dropped = std::mem::take(&mut self.dropped);
            if let Err(error) = self.offer(&event, dropped).await {
                let missed = Callback {
                    listener: self.settings.listener.clone(),
                    event,
                    tries: 1,
                    due: self.due(1),
                    error,
                };
                self.tell_given_up(&missed);
                self.subscription.submit(OutboxChange::Missed(missed));
            }
        }
        self.subscription.acknowledge(sequence);
        if self.committed_at.elapsed() >= COMMIT {
            self.write_down();
        }
    }

    async fn offer_again(&mut self, mut missed: Callback) {
        let change = match self.offer(&missed.event, 0).await {
            Ok(()) => OutboxChange::Made {
                listener: missed.listener,
                sequence: missed.event.sequence,
            },
            Err(error) => {
                missed.tries += 1;
                missed.due = self.due(missed.tries);
                missed.error = error;
                self.tell_given_up(&missed);
                OutboxChange::Missed(missed)
            }
        };
        self.subscription.submit(change);
        // It is looked for again in the journal: there it must be known.
        self.subscription.flush().await;
    }

    async fn offer(&mut self, event: &Posted, dropped: u64) -> Result<(), String> {
        let now = self.clock.utc();
        let offered = offer(&self.settings, &mut self.door, event, now, dropped).await;
        match &offered {
            Ok(()) if std::mem::take(&mut self.failing) => {
                tracing::info!("{} takes callbacks again", self.settings.url);
            }
            Err(error) if !std::mem::replace(&mut self.failing, true) => {
                tracing::warn!(
                    "{} does not take callbacks, they are offered again: {error}",
                    self.settings.url
                );
            }
            _ => {}
        }
        offered
    }

    fn tell_given_up(&self, missed: &Callback) {
        if missed.due.is_none() {
            tracing::error!(
                "{} was not told of {} in {} tries, which is left to callback.retry: {}",
                self.settings.url,
                missed.event.kind,
                missed.tries,
                missed.error
            );
        }
    }

    /// When it is offered again, after so many tries.
    fn due(&self, tries: u32) -> Option<Micros> {
        let every = Micros::try_from(self.settings.every.as_micros()).unwrap_or(Micros::MAX);
        (tries < self.settings.tries).then(|| self.clock.utc().saturating_add(every))
    }

    fn write_down(&mut self) {
        self.committed_at = Instant::now();
        self.subscription.commit();
    }
}
