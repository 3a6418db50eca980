//! One connection from its beginning to its end. The session handles what the broker says, what happens in the box and what is
//! due by time, one after the other. It waits for nothing but the next of these.

mod events;
mod state;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use rumqttc::v5::mqttbytes::v5::Publish;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use self::state::Pulse;
use super::Shared;
use super::link::{Heard, Link, Loss, Mark, Post};
use super::message::{Status, StatusState};
use super::queue::{Answered, RequestQueue};
use super::request::{Asked, RESPONSE_TOPIC, read};
use super::sender::OutboxSender;
use super::streams::Streams;
use crate::api::{Answer, Code, Failure, JobNow};
use crate::defect;
use crate::event::{Posted, rfc3339};
use crate::model::reply::Health;
use crate::store::{StoreError, Subscription};

/// The acknowledged position is written to the journal at most once in this time, unless it has moved by [`MUCH`] events.
const COMMIT: Duration = Duration::from_millis(500);
const MUCH: u64 = 512;
/// How often the session looks for news about streams and in `health`.
const LOOK: Duration = Duration::from_secs(1);
/// How long a broker that confirms nothing may hold up the end of the service.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long sending may take at the end of the service, even if the broker confirms all the time.
const LONGEST_FAREWELL: Duration = Duration::from_secs(10);

/// How a connection ended.
pub(super) enum End {
    /// The service stops.
    Stopped,
    /// The connection was lost.
    Lost(Loss),
}

/// A connection, and the state of everything that goes over it.
pub(super) struct Session<'a> {
    shared: &'a Shared,
    link: Link,
    outbox: &'a mut OutboxSender,
    subscription: &'a mut Subscription,
    /// How often this connection began to send events anew.
    round: u32,
    streams: &'a mut Streams,
    requests: RequestQueue,
    reading: Option<JoinHandle<Result<Vec<Posted>, StoreError>>>,
    /// The outbox could not be read, and is to be read again.
    unread: bool,
    health: Option<JoinHandle<Health>>,
    told_health: Option<(Health, Instant)>,
    /// The facts when `health` was last asked for.
    pulse: Pulse,
    /// The number of the last event about delivery.
    sync_event: u64,
    /// How far jobs are.
    jobs: watch::Receiver<Arc<[JobNow]>>,
    /// The look at jobs that was published last.
    told_of: u64,
    /// When something was last confirmed, or nothing was on its way.
    alive: Instant,
    /// Events are not sent before this.
    hold: Option<Instant>,
    said_refused: Option<Instant>,
    said_topic: Option<Instant>,
    /// Something was confirmed: the broker works.
    pub(super) worked: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        link: Link,
        (outbox, subscription): (&'a mut OutboxSender, &'a mut Subscription),
        streams: &'a mut Streams,
    ) -> Self {
        // An earlier connection may have read events that it did not send.
        subscription.look_again();
        // Neither do those who listen know how far jobs are.
        let mut jobs = shared.api.jobs_now();
        jobs.mark_changed();
        Self {
            shared,
            link,
            outbox,
            subscription,
            round: 0,
            streams,
            requests: RequestQueue::new(),
            reading: None,
            unread: false,
            health: None,
            told_health: None,
            pulse: Pulse::default(),
            sync_event: 0,
            jobs,
            told_of: 0,
            alive: Instant::now(),
            hold: None,
            said_refused: None,
            said_topic: None,
            worked: false,
        }
    }

    /// Runs until the connection is lost or the service stops. The bool says whether the broker confirmed anything.
    pub(super) async fn run(mut self, stop: &mut oneshot::Receiver<()>) -> (End, bool) {
        let end = match self.begin() {
            Ok(()) => self.carry_on(stop).await,
            Err(loss) => End::Lost(loss),
        };
        self.outbox.broken();
        self.write_down();
        let worked = self.worked;
        if matches!(end, End::Stopped) {
            self.say_status(StatusState::Stopped);
            self.link.goodbye(FAREWELL).await;
        }
        (end, worked)
    }

    fn begin(&mut self) -> Result<(), Loss> {
        // The box subscribes before it says anything itself: a status that is there is another box's, or of another run.
        self.link.subscribe(self.shared.topics.status(), true)?;
        // The box subscribes to requests before it publishes its status: whoever sees that the box is up may ask it.
        self.link.subscribe(self.shared.topics.requests(), false)?;
        self.say_status(StatusState::Up);
        // The box takes back what an earlier run said about streams that are not there any more.
        self.link.subscribe(self.shared.topics.streams(), true)?;
        self.link.unsubscribe(self.shared.topics.streams())?;
        self.streams.again();
        Ok(())
    }

    async fn carry_on(&mut self, stop: &mut oneshot::Receiver<()>) -> End {
        let mut looks = ticks(LOOK);
        let mut commits = ticks(COMMIT);
        let mut stopping: Option<Instant> = None;
        loop {
            // A connection that is lost while the service stops is not made again.
            let lost = |loss| stopping.map_or(End::Lost(loss), |_| End::Stopped);
            if let Err(loss) = self.send() {
                return lost(loss);
            }
            if let Some(since) = stopping {
                // A broker that takes nothing now holds up nobody. A broker that takes events slowly is sent them for a while.
                let late = self.alive.elapsed() > FAREWELL || since.elapsed() > LONGEST_FAREWELL;
                if late || self.hold.is_some() || self.is_quiet() {
                    return End::Stopped;
                }
            }
            let happened = tokio::select! {
                heard = self.link.heard() => self.hear(heard),
                answered = self.requests.answered() => self.reply(answered),
                rows = done(&mut self.reading) => self.take(rows),
                health = done(&mut self.health) => self.say_health(health),
                Ok(()) = self.jobs.changed() => self.say_jobs(),
                more = self.subscription.changed() => {
                    if !more {
                        // The store is closed.
                        stopping.get_or_insert_with(Instant::now);
                    }
                    Ok(())
                }
                _ = looks.tick() => self.look(),
                _ = commits.tick() => { self.write_down(); Ok(()) }
                _ = &mut *stop, if stopping.is_none() => {
                    stopping = Some(Instant::now());
                    self.alive = Instant::now();
                    // The store is sealed. Its last events may not have come here yet.
                    self.subscription.look_again();
                    Ok(())
                }
            };
            let lost = |loss| stopping.map_or(End::Lost(loss), |_| End::Stopped);
            if let Err(loss) = happened {
                return lost(loss);
            }
            if !self.subscription.is_current() {
                return lost(Loss::Gone("the journal was made anew".to_owned()));
            }
        }
    }

    /// True when nothing is left to send, and nothing is left unconfirmed.
    fn is_quiet(&mut self) -> bool {
        let all_read = !self.subscription.has_more() && self.reading.is_none();
        all_read && self.outbox.peek().is_none() && self.outbox.on_the_way() == 0
    }

    fn hear(&mut self, heard: Heard) -> Result<(), Loss> {
        match heard {
            Heard::Arrived(mark) => {
                self.alive = Instant::now();
                self.arrived(mark)
            }
            Heard::Refused(mark, reason) => self.refused(mark, reason),
            Heard::Message(publish) => self.message(publish),
            Heard::Unsubscribed => {
                tracing::error!(
                    "{} does not let this box subscribe to all that it needs ({}, and its own status and streams): it may \
                     not be managed",
                    self.shared.settings.shown,
                    self.shared.topics.requests()
                );
                Ok(())
            }
            Heard::Lost(loss) => Err(loss),
        }
    }

    fn arrived(&mut self, mark: Mark) -> Result<(), Loss> {
        match mark {
            Mark::Event(_, round) if round != self.round => Ok(()),
            Mark::Event(sequence, _) => {
                self.worked = true;
                if self.outbox.arrived(sequence) {
                    self.subscription.acknowledge(self.outbox.cursor());
                    if self.subscription.uncommitted() >= MUCH {
                        self.subscription.commit();
                    }
                }
                Ok(())
            }
            Mark::Answer(place) => {
                self.worked = true;
                for publish in self.requests.over(place) {
                    self.link.confirm(&publish)?;
                }
                Ok(())
            }
            Mark::Other => Ok(()),
        }
    }

    fn message(&mut self, publish: Publish) -> Result<(), Loss> {
        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
        if self.shared.topics.is_stream(&topic) {
            let known = self
                .streams
                .knows(|name| self.shared.topics.stream(name) == topic);
            if publish.retain && !publish.payload.is_empty() && !known {
                self.post(topic, Bytes::new(), true, true, Mark::Other)?;
            }
            let place = self.requests.place(publish);
            return self.confirm_over(place);
        }
        if topic == self.shared.topics.status() {
            self.beware_of_twins(&publish.payload);
            let place = self.requests.place(publish);
            return self.confirm_over(place);
        }
        if self.requests.is_full_for(&publish) {
            self.shared.tally.refused.fetch_add(1, Ordering::Relaxed);
            if let Asked::Request { request, reply, .. } = read(&self.shared.topics, &publish)
                && self.link.has_room()
            {
                let text = "too many requests at once; send it again later";
                let answer = Answer {
                    id: request.id,
                    result: Err(Failure::new(Code::Unavailable, text)),
                };
                self.link.post(
                    Post {
                        topic: reply.topic,
                        body: answer.to_json().into(),
                        retain: false,
                        confirmed: false,
                        correlation: reply.correlation,
                    },
                    Mark::Other,
                )?;
            }
            let place = self.requests.place(publish);
            return self.confirm_over(place);
        }
        let asked = read(&self.shared.topics, &publish);
        let place = self.requests.place(publish);
        match asked {
            Asked::Request {
                command,
                request,
                reply,
            } => {
                self.requests.carry_out(place, command, request, reply);
                Ok(())
            }
            Asked::Refused { answer, reply } => {
                self.say_topic(&answer);
                self.reply(Answered { place, answer, reply })
            }
            Asked::Stray => self.confirm_over(place),
        }
    }

    /// Logs a refused response topic: somebody who misses answers looks in the log. Once a minute, because anybody may ask so.
    fn say_topic(&mut self, answer: &Answer) {
        let failure = answer.result.as_ref().err();
        let failure = failure.filter(|failure| failure.field.as_deref() == Some(RESPONSE_TOPIC));
        let recently = self
            .said_topic
            .is_some_and(|said| said.elapsed() < Duration::from_secs(60));
        if let Some(failure) = failure.filter(|_| !recently) {
            self.said_topic = Some(Instant::now());
            tracing::warn!("a request over MQTT was refused: {}", failure.message);
        }
    }

    fn confirm_over(&mut self, place: u64) -> Result<(), Loss> {
        for publish in self.requests.over(place) {
            self.link.confirm(&publish)?;
        }
        Ok(())
    }

    fn reply(&mut self, answered: Answered) -> Result<(), Loss> {
        let Answered { place, answer, reply } = answered;
        let post = Post {
            topic: reply.topic,
            body: answer.to_json().into(),
            retain: false,
            confirmed: true,
            correlation: reply.correlation,
        };
        self.link.post(post, Mark::Answer(place))
    }

    fn post(
        &mut self,
        topic: String,
        body: Bytes,
        retain: bool,
        confirmed: bool,
        mark: Mark,
    ) -> Result<(), Loss> {
        let post = Post {
            topic,
            body,
            retain,
            confirmed,
            correlation: None,
        };
        self.link.post(post, mark)
    }
}

/// The `status`, to be published now, or later as the last will.
pub(super) fn status(shared: &Shared, state: StatusState) -> Post {
    let status = Status {
        state,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: boot_id(shared),
        pid: std::process::id(),
        time: rfc3339(shared.clock.utc()),
    };
    Post {
        topic: shared.topics.status(),
        body: defect::json(&status).into(),
        retain: true,
        confirmed: true,
        correlation: None,
    }
}

fn boot_id(shared: &Shared) -> String {
    HEXLOWER.encode(&shared.clock.boot_id())
}

/// The result of a task, once it has ended. Never resolves while there is no task.
async fn done<T>(task: &mut Option<JoinHandle<T>>) -> Option<T> {
    match task {
        None => std::future::pending().await,
        Some(running) => {
            let result = running.await;
            *task = None;
            result.ok()
        }
    }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
