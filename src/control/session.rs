//! One connection from its beginning to its end: what the broker says, what happens in the box and what time brings, one after
//! the other. Nothing here waits for anything but the next of these.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5::{PubAckReason, Publish};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::courier::{Courier, Letter};
use super::desk::{Answered, Desk};
use super::link::{Heard, Link, Loss, Mark, Post};
use super::message::{Status, StatusState};
use super::request::{Asked, read};
use super::streams::{News, Streams};
use super::{LISTENER, Shared};
use crate::api::{Answer, Code, Failure, Health};
use crate::event::{Dialect, Posted, rfc3339};
use crate::media::Micros;
use crate::store::{Command, Library, OutboxChange, Progress, StoreError};

/// Bodies of events that are read at once.
const READ_BYTES: usize = 256 << 10;
/// What was heard is written down so often at most, unless it is much.
const COMMIT: Duration = Duration::from_millis(500);
const MUCH: u64 = 512;
/// Streams and what is news in `health` are looked at so often.
const LOOK: Duration = Duration::from_secs(1);
/// Events that a broker did not take are sent again after this.
const HOLD: Duration = Duration::from_secs(5);
/// What is to be sent before the end of the service is given so long.
const FAREWELL: Duration = Duration::from_secs(2);

/// How a connection ended.
pub(super) enum End {
    /// The service stops.
    Stopped,
    /// It was lost.
    Lost(Loss),
}

/// A connection, and what is going on in it.
pub(super) struct Session<'a> {
    shared: &'a Shared,
    link: Link,
    courier: &'a mut Courier,
    streams: &'a mut Streams,
    desk: Desk,
    progress: watch::Receiver<Progress>,
    reading: Option<JoinHandle<Result<Vec<Posted>, StoreError>>>,
    /// The number of the newest event when the outbox was last read.
    looked: u64,
    /// It could not be read, and is to be tried again.
    unread: bool,
    /// The cursor that was written down.
    committed: u64,
    health: Option<JoinHandle<Health>>,
    told_health: Option<(Health, Instant)>,
    pulse: Pulse,
    /// When something last arrived, or nothing was on its way.
    alive: Instant,
    /// Events are not sent before this.
    hold: Option<Instant>,
    said_refused: bool,
    /// Anything was confirmed: the broker is one that works.
    pub(super) worked: bool,
}

/// What makes `health` worth telling before its time, as far as it is known without looking at flash.
#[derive(Debug, PartialEq, Eq)]
struct Pulse {
    live: usize,
    recording: usize,
    trouble: Option<String>,
    synced: bool,
    sync: u64,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        link: Link,
        courier: &'a mut Courier,
        streams: &'a mut Streams,
    ) -> Self {
        let committed = courier.cursor();
        Self {
            progress: shared.store.progress(),
            shared,
            link,
            courier,
            streams,
            desk: Desk::new(),
            reading: None,
            looked: 0,
            unread: false,
            committed,
            health: None,
            told_health: None,
            pulse: Pulse {
                live: 0,
                recording: 0,
                trouble: None,
                synced: false,
                sync: 0,
            },
            alive: Instant::now(),
            hold: None,
            said_refused: false,
            worked: false,
        }
    }

    /// Until it is lost or the service stops.
    pub(super) async fn run(mut self, stop: &mut oneshot::Receiver<()>) -> (End, bool) {
        let end = match self.begin() {
            Ok(()) => self.carry_on(stop).await,
            Err(loss) => End::Lost(loss),
        };
        self.courier.broken();
        self.write_down();
        let worked = self.worked;
        if matches!(end, End::Stopped) {
            self.say_status(StatusState::Stopped);
            self.link.goodbye(FAREWELL).await;
        }
        (end, worked)
    }

    fn begin(&mut self) -> Result<(), Loss> {
        // Before this box says anything itself: what is there is another's, or of another run.
        self.link.subscribe(self.shared.topics.status(), true)?;
        self.say_status(StatusState::Up);
        self.link.subscribe(self.shared.topics.requests(), false)?;
        // What an earlier run said of streams that are not there any more is taken back.
        self.link.subscribe(self.shared.topics.streams(), true)?;
        self.link.unsubscribe(self.shared.topics.streams())?;
        self.streams.again();
        Ok(())
    }

    async fn carry_on(&mut self, stop: &mut oneshot::Receiver<()>) -> End {
        let mut looks = ticks(LOOK);
        let mut commits = ticks(COMMIT);
        let mut stopping = false;
        loop {
            if let Err(loss) = self.send() {
                return End::Lost(loss);
            }
            if stopping && self.is_quiet() {
                return End::Stopped;
            }
            let happened = tokio::select! {
                heard = self.link.heard() => self.hear(heard),
                answered = self.desk.answered() => self.reply(answered),
                rows = done(&mut self.reading) => self.take(rows),
                health = done(&mut self.health) => self.say_health(health),
                changed = self.progress.changed() => match changed {
                    Ok(()) => Ok(()),
                    // The store is closed: nothing more will happen.
                    Err(_) => { stopping = true; Ok(()) }
                },
                _ = looks.tick() => self.look(),
                _ = commits.tick() => { self.write_down(); Ok(()) }
                _ = &mut *stop, if !stopping => {
                    stopping = true;
                    self.alive = Instant::now();
                    // The store is sealed: what it said last may not have come here yet.
                    self.looked = 0;
                    Ok(())
                }
            };
            if let Err(loss) = happened {
                return End::Lost(loss);
            }
            if stopping && self.alive.elapsed() > FAREWELL {
                return End::Stopped;
            }
        }
    }

    /// Nothing is left to send, or to hear of.
    fn is_quiet(&mut self) -> bool {
        let all_read = self.looked >= self.progress.borrow().events && self.reading.is_none();
        all_read && self.courier.peek().is_none() && self.courier.on_the_way() == 0
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
                    "{} does not let this box subscribe to {}: it cannot be managed",
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
            Mark::Event(sequence) => {
                self.worked = true;
                self.said_refused = false;
                if self.courier.arrived(sequence) && self.courier.cursor() - self.committed >= MUCH {
                    self.write_down();
                }
                Ok(())
            }
            Mark::Answer(place) => {
                self.worked = true;
                for publish in self.desk.over(place) {
                    self.link.confirm(&publish)?;
                }
                Ok(())
            }
            Mark::Other => Ok(()),
        }
    }

    /// The broker answered, and did not take it. Of an event that may change: it is kept, and sent again.
    fn refused(&mut self, mark: Mark, reason: PubAckReason) -> Result<(), Loss> {
        self.alive = Instant::now();
        let Mark::Event(sequence) = mark else {
            return self.arrived(mark);
        };
        if !std::mem::replace(&mut self.said_refused, true) {
            tracing::warn!(
                "{} does not take events ({reason:?}); they are kept, and sent again",
                self.shared.settings.shown
            );
        }
        if matches!(
            reason,
            PubAckReason::PayloadFormatInvalid | PubAckReason::TopicNameInvalid
        ) {
            self.drop_event("the broker refuses it for good");
            return self.arrived(Mark::Event(sequence));
        }
        self.courier.broken();
        self.hold = Some(Instant::now() + HOLD);
        Ok(())
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
            return self.link.confirm(&publish);
        }
        if topic == self.shared.topics.status() {
            self.beware_of_twins(&publish.payload);
            return self.link.confirm(&publish);
        }
        if self.desk.is_full_for(&publish) {
            self.shared.tally.refused.fetch_add(1, Ordering::Relaxed);
            if let Asked::Request { request, reply, .. } = read(&self.shared.topics, &publish)
                && self.link.has_room()
            {
                let text = "too many requests at once; ask again in a while";
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
            let place = self.desk.place(publish);
            return self.confirm_over(place);
        }
        let asked = read(&self.shared.topics, &publish);
        let place = self.desk.place(publish);
        match asked {
            Asked::Request {
                command,
                request,
                reply,
            } => {
                self.desk.carry_out(place, command, request, reply);
                Ok(())
            }
            Asked::Refused { answer, reply } => self.reply(Answered { place, answer, reply }),
            Asked::Stray => self.confirm_over(place),
        }
    }

    /// Somebody else speaks for this box. Brokers mostly say when another takes over a connection, and not all of them in a way
    /// that rumqttc understands; this is seen with any of them.
    fn beware_of_twins(&mut self, payload: &[u8]) {
        let Ok(said) = serde_json::from_slice::<SaidStatus>(payload) else {
            return;
        };
        // At the first connection it is what the last run left.
        let first = self.shared.tally.connects.load(Ordering::Relaxed) <= 1 && !self.worked;
        let own = said.pid == std::process::id() && said.boot_id == boot_id(self.shared);
        if first || own || said.state == "stopped" {
            return;
        }
        self.shared.tally.takeovers.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            "another box says that it is {}: two have the same device.id or mqtt.client_id, and take the connection from \
             each other",
            self.shared.settings.root
        );
    }

    fn confirm_over(&mut self, place: u64) -> Result<(), Loss> {
        for publish in self.desk.over(place) {
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

    /// Sends and begins what there is room for.
    fn send(&mut self) -> Result<(), Loss> {
        if self.link.outstanding() == 0 {
            self.alive = Instant::now();
        } else if self.alive.elapsed() > self.shared.settings.link.keep_alive {
            return Err(Loss::Gone("the broker confirms nothing".to_owned()));
        }
        let most = self
            .link
            .limits()
            .packet
            .saturating_sub(2_000)
            .min(crate::api::MAX_ANSWER);
        self.desk.begin(&self.shared.api, most);
        self.read_on();
        if self.hold.is_some_and(|hold| hold > Instant::now()) {
            return Ok(());
        }
        self.hold = None;
        // One is left for everything else.
        let most = self.link.limits().flying.saturating_sub(1).max(1);
        while self.courier.on_the_way() < most && self.link.has_room() {
            let Some(letter) = self.courier.peek() else { break };
            if !self.link.fits(&letter.topic, letter.body.len()) {
                let text = format!(
                    "{} has {} bytes, more than the broker takes",
                    letter.topic,
                    letter.body.len()
                );
                let sequence = self.courier.sent();
                self.drop_event(&text);
                self.courier.arrived(sequence);
                continue;
            }
            let (topic, body) = (letter.topic.clone(), Bytes::from(letter.body.clone()));
            let sequence = self.courier.sent();
            self.post(topic, body, false, true, Mark::Event(sequence))?;
        }
        Ok(())
    }

    fn drop_event(&self, why: &str) {
        self.shared.tally.dropped.fetch_add(1, Ordering::Relaxed);
        tracing::error!("an event was dropped: {why}");
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

    /// Reads more of the outbox, if there is more and room for it.
    fn read_on(&mut self) {
        let newest = self.progress.borrow_and_update().events;
        let Some((after, most)) = self.courier.wants().filter(|_| self.reading.is_none()) else {
            return;
        };
        if newest <= self.looked && newest >= self.courier.cursor() {
            return;
        }
        self.looked = newest;
        let dir = self.shared.settings.dir.clone();
        self.reading = Some(tokio::task::spawn_blocking(move || {
            Library::open(&dir)?.outbox(after, most, READ_BYTES)
        }));
    }

    fn take(&mut self, rows: Option<Result<Vec<Posted>, StoreError>>) -> Result<(), Loss> {
        let rows = match rows {
            Some(Ok(rows)) => rows,
            // The card is away, perhaps.
            Some(Err(error)) => {
                tracing::debug!("the outbox cannot be read: {error}");
                self.unread = true;
                return Ok(());
            }
            None => return Ok(()),
        };
        if rows.is_empty() && self.looked < self.courier.cursor() {
            // Another journal: it counts anew.
            return Err(Loss::Gone("the outbox is another".to_owned()));
        }
        // There may be more behind the last.
        if let Some(last) = rows.last() {
            self.looked = self.looked.min(last.sequence);
        }
        let utc = self.shared.clock.utc();
        for row in rows {
            let settings = &self.shared.settings;
            let topics = &self.shared.topics;
            let missing = self.courier.take(row.sequence, |missing| {
                let of = |dialect: &Dialect| {
                    let messages = dialect.render(&row, &settings.sender, utc, missing);
                    let dialect = *dialect;
                    messages.into_iter().map(move |message| Letter {
                        topic: topics.event(dialect, &message.name),
                        body: message.body,
                    })
                };
                settings.dialects.iter().flat_map(of).collect()
            });
            if row.kind.starts_with("sync.") {
                self.pulse.sync = row.sequence;
            }
            if missing > 0 {
                self.shared.tally.dropped.fetch_add(missing, Ordering::Relaxed);
                tracing::warn!("{missing} events were dropped: more came than are kept for the broker");
            }
        }
        Ok(())
    }

    fn write_down(&mut self) {
        let through = self.courier.cursor();
        if through == self.committed {
            return;
        }
        self.committed = through;
        let heard = OutboxChange::Heard {
            listener: LISTENER.to_owned(),
            through,
        };
        if let Err(refused) = self.shared.store.submit(Command::Outbox(heard)) {
            tracing::debug!("what was sent is not written down: {refused}");
        }
    }

    fn say_status(&mut self, state: StatusState) {
        let post = status(self.shared, state);
        // A connection that is lost already says so by itself.
        let _ = self.link.post(post, Mark::Other);
    }

    /// What time brings: streams, and whether `health` is due.
    fn look(&mut self) -> Result<(), Loss> {
        if std::mem::take(&mut self.unread) {
            self.looked = 0;
        }
        let (now, utc) = (self.shared.clock.boot(), self.shared.clock.utc());
        let every = self.shared.settings.health;
        let live = self.shared.api.streams();
        let micros = Micros::try_from(every.as_micros()).unwrap_or(Micros::MAX);
        for news in self.streams.look(&live, now, utc, micros) {
            let (stream, body) = match news {
                News::State(stream, state) => (stream, serde_json::to_vec(&state).unwrap_or_default()),
                News::Forget(stream) => (stream, Vec::new()),
            };
            let topic = self.shared.topics.stream(&stream);
            if self.link.has_room() && self.link.fits(&topic, body.len()) {
                self.post(topic, body.into(), true, true, Mark::Other)?;
            }
        }
        let pulse = {
            let progress = self.progress.borrow();
            Pulse {
                live: live.len(),
                recording: live.iter().filter(|stream| !stream.recordings.is_empty()).count(),
                trouble: progress.full.clone().or_else(|| progress.failed.clone()),
                synced: self.shared.clock.synced(),
                sync: self.pulse.sync,
            }
        };
        let told = self.told_health.as_ref();
        let due = told.is_none_or(|(_, at)| at.elapsed() >= every) || pulse != self.pulse;
        if due && self.health.is_none() {
            self.pulse = pulse;
            let api = self.shared.api.clone();
            self.health = Some(tokio::spawn(async move { api.health().await }));
        }
        Ok(())
    }

    fn say_health(&mut self, health: Option<Health>) -> Result<(), Loss> {
        let Some(health) = health else { return Ok(()) };
        let every = self.shared.settings.health;
        let told = self.told_health.as_ref();
        let due = told.is_none_or(|(before, at)| at.elapsed() >= every || health.is_news(before));
        if !due || !self.link.has_room() {
            return Ok(());
        }
        let body = serde_json::to_vec(&health).unwrap_or_default();
        self.told_health = Some((health, Instant::now()));
        let topic = self.shared.topics.health();
        match self.link.fits(&topic, body.len()) {
            true => self.post(topic, body.into(), true, false, Mark::Other),
            false => Ok(()),
        }
    }
}

/// What a status says of who said it.
#[derive(serde::Deserialize)]
struct SaidStatus {
    state: String,
    boot_id: String,
    pid: u32,
}

/// `status`, as it is said now or, as the last will, later.
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
        body: serde_json::to_vec(&status).unwrap_or_default().into(),
        retain: true,
        confirmed: true,
        correlation: None,
    }
}

fn boot_id(shared: &Shared) -> String {
    let boot = shared.clock.boot_id();
    boot.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a task came to, once it has; never, while there is none.
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
