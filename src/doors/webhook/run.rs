//! The worker of one callback: first it sends missed events that are due, then new events, one after the other.

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

/// How many events are read from the outbox at once, and how many bytes.
const AHEAD: usize = 128;
const READ_BYTES: usize = 128 << 10;
/// How often the position in the outbox is written to the journal at most.
const COMMIT: Duration = Duration::from_millis(500);
/// How often missed events that are due are looked for at least.
const LOOK: Duration = Duration::from_secs(5);
/// How long to wait before a journal that could not be read is read again.
const PAUSE: Duration = Duration::from_secs(2);

/// Sends events to one web service, and knows which ones it has.
struct Worker {
    settings: CallbackSettings,
    door: Door,
    store: Store,
    clock: Arc<dyn Clock>,
    /// All events up to its cursor were offered to the service.
    subscription: Subscription,
    /// How many events were lost since the last one was offered.
    dropped: u64,
    committed_at: Instant,
    new: VecDeque<Posted>,
    failing: bool,
}

/// What to do next.
enum Step {
    Again(Callback),
    New(Posted),
    /// Do nothing for this time.
    Wait(Duration),
}

/// Runs until the store is closed. After a panic the worker begins anew, behind the events that the service took.
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
        work(settings, client, store.clone(), clock.clone(), again.clone())
    };
    while has_failed(&task, begin()).await {}
}

async fn work(
    settings: CallbackSettings,
    client: Client,
    store: Store,
    clock: Arc<dyn Clock>,
    again: Arc<Notify>,
) {
    let mut worker = Worker {
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
        may_fail(&worker.settings.listener);
        match worker.step().await {
            Ok(Step::Again(missed)) => worker.offer_again(missed).await,
            Ok(Step::New(event)) => worker.offer_new(event).await,
            Ok(Step::Wait(wait)) => {
                worker.write_down();
                tokio::select! {
                    more = worker.subscription.changed() => if !more { return },
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

/// The service's position in the outbox, as soon as the journal has it.
async fn subscribe(store: &Store, settings: &CallbackSettings) -> Subscription {
    let (store, reader) = (store.clone(), settings.reader.clone());
    Subscription::open(store, reader, &settings.listener, || ()).await
}

impl Worker {
    async fn step(&mut self) -> Result<Step, StoreError> {
        if !self.subscription.is_current() {
            // The journal was made anew, and numbers events from the beginning.
            self.subscription = subscribe(&self.store, &self.settings).await;
            self.new.clear();
            return Ok(Step::Wait(PAUSE));
        }
        // The worker asks this before it reads anything, so that an event that comes meanwhile wakes it again.
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
        // The next step asks the journal which missed events are due, so the change must be there.
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
                    "{} does not take callbacks; edgereel tries them again: {error}",
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
                "{} did not take {} in {} tries. It is kept, and callback.retry sends it again: {}",
                self.settings.url,
                missed.event.kind,
                missed.tries,
                missed.error
            );
        }
    }

    /// When an event is tried again after so many tries; `None` when there are no more.
    fn due(&self, tries: u32) -> Option<Micros> {
        let every = Micros::try_from(self.settings.every.as_micros()).unwrap_or(Micros::MAX);
        (tries < self.settings.tries).then(|| self.clock.utc().saturating_add(every))
    }

    fn write_down(&mut self) {
        self.committed_at = Instant::now();
        self.subscription.commit();
    }
}
