//! The loop of delivery: it gives events to the planner, and carries out the planner's decisions.

mod checks;
mod cleaning;
mod rate;
mod status;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{self, JoinSet};

use self::checks::Checks;
use self::cleaning::Cleaning;
use self::rate::Rate;
use self::status::Since;
use super::check::SyncCheck;
use super::context::{Context, End, OnTheWay};
use super::job;
use super::planner::{Action, Job, Outcome, Planner, WINDOW};
use super::put::{NotPut, Object, Stored, put};
use super::remote::Pace;
use super::status::SyncStatus;
use crate::config::DeliverOrder;
use crate::event::Event;
use crate::media::{Micros, RecordingId, StreamName};
use crate::store::{
    Change, Command, DeliveryChange, Held, Progress, Rendition, RenditionId, RenditionState, WaitingOrder,
};

const SECOND: Micros = 1_000_000;

/// Waiting deliveries are looked at again after this at the earliest, unless a transfer or a recording ended.
const LOOK: Micros = SECOND / 4;

/// Waiting deliveries are looked at again after this at the latest.
const IDLE: Duration = Duration::from_secs(5);
const IDLE_LOOK: Micros = 5 * SECOND;

/// An order of people.
pub(super) enum Order {
    Pause(bool),
    Retry,
    Limit(Option<u64>),
    /// All renditions of a recording are to be removed from the store.
    Remove(RecordingId, oneshot::Sender<Result<(), String>>),
    Status(oneshot::Sender<SyncStatus>),
    /// Why is nothing sent now, if nothing is?
    Sends(oneshot::Sender<Option<String>>),
    /// A small object is to be put.
    Put(Object, oneshot::Sender<Result<Stored, NotPut>>),
    /// Check the store, soon.
    Recheck,
    /// Check the store now, and answer with the result.
    Check(oneshot::Sender<SyncCheck>),
}

/// The state of the loop.
pub(super) struct Loop {
    cx: Arc<Context>,
    planner: Planner,
    pace: Pace,
    go: watch::Sender<bool>,
    progress: watch::Receiver<Progress>,
    held: watch::Receiver<Arc<Held>>,
    jobs: JoinSet<job::Ended>,
    /// Small objects that are sent now.
    puts: JoinSet<()>,
    tasks: HashMap<task::Id, Job>,
    cleaning: Cleaning,
    checks: Checks,
    looked: Micros,
    /// Live playlists, with the tape time of their stream at which there may be another chunk.
    awaits: HashMap<Job, (StreamName, Micros)>,
    /// An event came since the last look at the deliveries.
    stale: bool,
    /// The part of the store's progress by which new deliveries may wait: recordings that ended, events, and the journal's
    /// number.
    seen: (u64, u64, i64),
    /// The reason why the last look could not read the journal: the journal is read often, and the reason is logged once.
    unreadable: Option<String>,
    paused: bool,
    rate: Rate,
    /// The state in a word, and since when it is so.
    state_since: (&'static str, Since),
}

impl Loop {
    pub(super) fn new(cx: Arc<Context>, pace: Pace, go: watch::Sender<bool>, paused: bool) -> Self {
        let chance = uuid::Uuid::now_v7().as_u128();
        let mut planner = Planner::new(
            cx.delivery.transfers,
            u64::try_from(chance & 0xFFFF_FFFF).unwrap_or(1),
        );
        planner.set_paused(paused);
        Self {
            progress: cx.store.progress(),
            held: cx.store.held(),
            planner,
            pace,
            go,
            jobs: JoinSet::new(),
            puts: JoinSet::new(),
            tasks: HashMap::new(),
            cleaning: Cleaning::new(cx.clock.boot()),
            checks: Checks::default(),
            looked: Micros::MIN,
            awaits: HashMap::new(),
            stale: true,
            seen: (0, 0, 0),
            unreadable: None,
            paused,
            rate: Rate::default(),
            state_since: ("starting", Since::now(cx.clock.as_ref())),
            cx,
        }
    }

    /// Runs until nobody can give orders any more.
    pub(super) async fn run(mut self, orders: &mut mpsc::Receiver<Order>) {
        loop {
            crate::watch::may_fail("sync");
            self.keep_hours();
            self.look().await;
            self.act().await;
            let usable = self.planner.may_run() && self.planner.trouble().is_none();
            self.cleaning.begin(&self.cx, usable);
            let crowded = self.planner.is_crowded(self.cx.clock.boot());
            self.cx.give_way.store(crowded, Ordering::Relaxed);
            self.rate.measure(self.cx.clock.boot(), self.pace.taken());
            self.cx.tally.reached(self.reached());
            self.note_state();
            let wait = self.wait();
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => break,
                },
                Some(ended) = self.jobs.join_next_with_id() => self.ended(ended),
                Some(checked) = self.checks.next() => {
                    let checked = self.checks.ended(&self.cx, checked);
                    self.planner.checked(checked.failure(), self.cx.clock.boot());
                }
                Some(_) = self.puts.join_next() => (),
                Some(cleaned) = self.cleaning.next() => self.cleaning.ended(cleaned),
                changed = self.progress.changed() => match changed {
                    Ok(()) => self.progressed(),
                    Err(_) => break,
                },
                changed = self.held.changed() => match changed {
                    // Something may wait no longer, or is to be removed.
                    Ok(()) => {
                        (self.stale, self.looked) = (true, Micros::MIN);
                        self.planner.reviewed();
                        self.cleaning.soon();
                    }
                    Err(_) => break,
                },
                () = tokio::time::sleep(wait) => (),
            }
        }
        // Running transfers end here; the journal has their progress.
        self.jobs.abort_all();
    }

    /// Stops transfers outside of the configured hours.
    fn keep_hours(&mut self) {
        let in_hours = match &self.cx.delivery.window {
            // A box that does not know the time cannot tell that it is too early.
            Some(window) => !self.cx.clock.synced() || window.window_at(self.cx.clock.utc()).is_some(),
            None => true,
        };
        // Where recordings cannot be read, nothing can be sent, and no rendition is at fault.
        let readable = self.progress.borrow().failed.is_none();
        self.planner.set_in_hours(in_hours && readable);
        let may_run = self.planner.may_run();
        self.go
            .send_if_modified(|go| std::mem::replace(go, may_run) != may_run);
    }

    /// Notes that the tape is longer: deliveries that wait for it go on. The journal is read only after other changes.
    fn progressed(&mut self) {
        let progress = self.progress.borrow_and_update();
        let seen = (progress.recordings_ended, progress.events, progress.journal);
        if std::mem::replace(&mut self.seen, seen) != seen {
            self.stale = true;
        }
        let now = self.cx.clock.boot();
        let planner = &mut self.planner;
        self.awaits.retain(|job, (stream, until)| {
            let durable = progress
                .streams
                .get(stream)
                .and_then(|stream| stream.durable_until);
            let there = durable.is_some_and(|durable| durable >= *until);
            if there {
                planner.grew(*job, now);
            }
            !there && planner.knows(job.recording)
        });
    }

    async fn look(&mut self) {
        let now = self.cx.clock.boot();
        let wanted = if self.stale { LOOK } else { IDLE_LOOK };
        if now < self.looked.saturating_add(wanted) {
            return;
        }
        self.stale = false;
        self.looked = now;
        let order = match self.cx.delivery.order {
            DeliverOrder::NewestFirst => WaitingOrder::NewestFirst,
            DeliverOrder::OldestFirst => WaitingOrder::OldestFirst,
        };
        let live = self.cx.is_live();
        let waits = self
            .cx
            .read(move |library| Ok(library.to_deliver(order, live, WINDOW)?));
        match waits.await {
            Ok(waits) => {
                self.unreadable = None;
                self.planner.candidates(waits);
                let planner = &self.planner;
                self.cx.looks().retain(|job, _| planner.knows(job.recording));
                self.cx.due().retain(|job, _| planner.knows(job.recording));
            }
            Err(error) => {
                let why = Some(error.to_string());
                if self.unreadable != why {
                    tracing::warn!("the list of deliveries cannot be read: {error}");
                    self.unreadable = why;
                }
            }
        }
    }

    /// Begins anew with a recording that was held back while its files were sent: some of them are to be removed first.
    async fn expect_settled(&mut self, recording: RecordingId) {
        let unsettled = self.cx.read(move |library| {
            let reviewed = library
                .recording(recording)?
                .is_some_and(|row| row.review.is_some());
            let removing = |of: &Rendition| of.state == RenditionState::Removing;
            Ok(reviewed && library.renditions(recording)?.iter().any(removing))
        });
        // What cannot be read is looked at again.
        if unsettled.await.unwrap_or(true) {
            let at = self.cx.clock.boot().saturating_add(LOOK);
            self.planner.again(recording, at);
        }
    }

    async fn act(&mut self) {
        while let Some(action) = self.planner.poll(self.cx.clock.boot()) {
            match action {
                Action::Start(job) => {
                    let cx = self.cx.clone();
                    cx.board().insert(job, OnTheWay::default());
                    let urgent = self.planner.is_urgent(job.recording);
                    let task = self.jobs.spawn(job::run(cx, job, urgent));
                    self.tasks.insert(task.id(), job);
                }
                Action::Delivered(recording) => {
                    self.submit(Command::Change(Change::Delivered { recording }));
                    // The recording's row must say `delivered` before the next search.
                    let _ = self.cx.commit(Vec::new()).await;
                    self.expect_settled(recording).await;
                }
                Action::Failed(recording) => {
                    let _ = self
                        .cx
                        .commit(vec![DeliveryChange::Failed(recording, true)])
                        .await;
                    self.expect_settled(recording).await;
                }
                Action::TellFailed(job, reason) => self.set_aside(job, reason).await,
                Action::Check => self.checks.begin(&self.cx),
                Action::TellOnline => {
                    let store = self.cx.delivery.target.url();
                    tracing::info!("{store} is reached");
                    self.report(Event::SyncOnline { store });
                }
                Action::TellOffline(reason) => {
                    let store = self.cx.delivery.target.url();
                    tracing::warn!("{store} is not reached, recordings wait: {reason}");
                    self.report(Event::SyncOffline { store, reason });
                }
            }
        }
    }

    /// Marks the undelivered renditions of a job as failed: they wait until somebody acts.
    async fn set_aside(&mut self, job: Job, reason: String) {
        let known = self
            .cx
            .read(move |library| Ok(library.renditions(job.recording)?));
        let known = known.await.unwrap_or_default().into_iter();
        let mut left: Vec<Rendition> = known
            .filter(|rendition| {
                rendition.id.format == job.format && rendition.state == RenditionState::Waiting
            })
            .collect();
        if left.is_empty() {
            left.push(Rendition::new(RenditionId {
                recording: job.recording,
                format: job.format,
                part: 1,
            }));
        }
        let key = left.first().map(|rendition| rendition.key.clone());
        tracing::error!(recording = %job.recording, format = %job.format, "delivery failed, and waits for 'edgereel sync retry': {reason}");
        self.report(Event::SyncError {
            recording: job.recording.to_string(),
            format: job.format.to_string(),
            key: key.filter(|key| !key.is_empty()),
            reason: reason.clone(),
        });
        let aside = left.into_iter().map(|mut rendition| {
            rendition.state = RenditionState::Failed;
            rendition.error = Some(reason.clone());
            DeliveryChange::Put(rendition)
        });
        let _ = self.cx.commit(aside.collect()).await;
    }

    fn ended(&mut self, ended: Result<(task::Id, job::Ended), task::JoinError>) {
        let (id, ended) = ended.unwrap_or_else(|error| {
            crate::watch::failed("a transfer", &error.to_string(), "it is a failed delivery now");
            let reason = format!("the transfer failed, which is a defect of edgereel: {error}");
            let ended = job::Ended {
                outcome: Outcome::Broken(reason),
                answered: false,
                awaits: None,
            };
            (error.id(), ended)
        });
        let job::Ended {
            outcome,
            answered,
            awaits,
        } = ended;
        let Some(job) = self.tasks.remove(&id) else {
            defect!("a transfer ended that is not among those that run");
            return;
        };
        self.cx.tally.ended(&outcome);
        self.awaits.remove(&job);
        if let Some((stream, more)) = awaits {
            let progress = self.progress.borrow();
            let durable = progress
                .streams
                .get(&stream)
                .and_then(|stream| stream.durable_until);
            if let Some(until) = durable.map(|durable| durable.saturating_add(more)) {
                self.awaits.insert(job, (stream, until));
            }
        }
        match &outcome {
            Outcome::StoreFailed(reason)
            | Outcome::Intercepted(reason)
            | Outcome::StoreRefused(reason)
            | Outcome::Refused(reason)
            | Outcome::JournalFailed(reason) => {
                tracing::debug!(recording = %job.recording, format = %job.format, "{reason}");
            }
            _ => (),
        }
        if !matches!(outcome, Outcome::Waits(_) | Outcome::Grows(_) | Outcome::Turn) {
            self.looked = Micros::MIN;
        }
        // Objects that waited for the end of the transfer may be removed.
        self.cx.board().remove(&job);
        self.cleaning.at(self.cx.clock.boot().saturating_add(SECOND));
        self.planner.ended(job, outcome, answered, self.cx.clock.boot());
    }

    async fn obey(&mut self, order: Order) {
        self.looked = Micros::MIN;
        match order {
            Order::Pause(paused) => {
                self.paused = paused;
                self.planner.set_paused(paused);
            }
            Order::Retry => {
                let _ = self.cx.commit(vec![DeliveryChange::RetryAll]).await;
                self.planner.retry();
                self.cleaning.soon();
            }
            Order::Limit(rate) => self.pace.set(rate),
            Order::Sends(done) => drop(done.send(self.sends_nothing())),
            Order::Put(object, done) => match self.sends_nothing() {
                Some(reason) => drop(done.send(Err(NotPut::Later(reason)))),
                None => {
                    let cx = self.cx.clone();
                    self.puts.spawn(async move {
                        let _ = done.send(put(&cx, object).await);
                    });
                }
            },
            Order::Recheck => self.planner.check(),
            Order::Check(done) => self.checks.ask(&self.cx, done),
            Order::Remove(recording, done) => {
                let removed = self.cx.commit(vec![DeliveryChange::Remove(recording)]).await;
                self.cleaning.soon();
                let _ = done.send(removed.map_err(|error| match error {
                    End::Journal(reason) => reason,
                    other => format!("{other:?}"),
                }));
            }
            Order::Status(done) => {
                self.note_state();
                let _ = done.send(self.status().await);
            }
        }
    }

    /// Why nothing is sent now.
    fn sends_nothing(&self) -> Option<String> {
        if self.paused {
            return Some("delivery is paused: sync.resume".to_owned());
        }
        if !self.planner.may_run() {
            return Some("nothing is sent at this time of the day".to_owned());
        }
        let (reason, until) = self.planner.trouble()?;
        (self.cx.clock.boot() < until).then(|| format!("the object store is not reached: {reason}"))
    }

    /// Whether the store was reached when it was last needed.
    fn reached(&self) -> Option<bool> {
        match self.planner.trouble() {
            Some(_) => Some(false),
            None => self.planner.is_online().then_some(true),
        }
    }

    fn wait(&self) -> Duration {
        let now = self.cx.clock.boot();
        let busy = !self.jobs.is_empty();
        let most = if busy { Duration::from_secs(1) } else { IDLE };
        let wake = self
            .planner
            .next_wake(now)
            .map(|at| at.saturating_sub(now).max(0));
        let looked_again = self.looked.saturating_add(LOOK).saturating_sub(now);
        // A look that was put off is made up for.
        let soon = (self.stale && looked_again > 0).then_some(looked_again);
        let wake = [wake, soon].into_iter().flatten().min();
        wake.map_or(most, |micros| {
            Duration::from_micros(micros.unsigned_abs()).min(most)
        })
    }

    fn submit(&self, command: Command) {
        if let Err(refused) = self.cx.store.submit(command) {
            tracing::error!("the journal does not accept the state of a delivery: {refused}");
        }
    }

    fn report(&self, event: Event) {
        self.submit(Command::Report { event });
    }
}
