//! The recorder's handle for the network and for orders: a thin shell around the decisions in `core`.

mod clip;
mod orders;
mod restore;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use orders::AskError;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::config::{Rule, Template, is_reserved, stream_path};
use crate::event::{Event, TaskMissed};
use crate::media::{MediaMessage, Micros, PublishId, StreamName};
use crate::recorder::core::{Begun, Core, RecorderSettings};
use crate::recorder::counts::Counts;
use crate::recorder::decision::held_up;
use crate::recorder::ended::closed;
use crate::recorder::live::Moment;
use crate::recorder::played::RingChunks;
use crate::recorder::publish::{EndReason, PublishRequest, Refusal};
use crate::recorder::push::PushParameters;
use crate::recorder::status::StreamStatus;
use crate::store::{Change, Clock, Command, Store};

/// The recorder of this process; clones share it. Its locks are held while it decides, and never during a wait.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    core: Mutex<Core>,
    /// Tells each publish that it must end.
    endings: Mutex<HashMap<PublishId, watch::Sender<Option<EndReason>>>>,
    stopping: AtomicBool,
    store: Store,
    clock: Arc<dyn Clock>,
}

/// A publish that was accepted. Dropping it without [`Publishing::end`] counts as a broken connection.
pub struct Publishing {
    shared: Arc<Shared>,
    stream: StreamName,
    publish: PublishId,
    ended: watch::Receiver<Option<EndReason>>,
    /// Reused for every message: commands are rare.
    commands: Vec<Command>,
}

impl Recorder {
    /// A recorder that writes to `store`. `tape_base` comes from [`Store::open`].
    pub fn new(settings: RecorderSettings, store: Store, clock: Arc<dyn Clock>, tape_base: Micros) -> Self {
        let shared = Shared {
            core: Mutex::new(Core::new(settings, tape_base)),
            endings: Mutex::default(),
            stopping: AtomicBool::new(false),
            store,
            clock,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Accepts or refuses a publish. A stream whose publisher has been silent for long enough is taken over. While the store is
    /// full no new publisher is accepted: it would not learn that its media is lost.
    pub fn publish(&self, request: PublishRequest) -> Result<Publishing, Refusal> {
        let shared = &self.shared;
        let stopping = shared.stopping.load(Ordering::Relaxed);
        let stopping = stopping.then(|| "the service is stopping".to_owned());
        // A live publisher stays, and is recorded again when there is space. A new publisher is refused, so that it learns that
        // the store is full.
        let full = || shared.store.progress().borrow().full.clone();
        if let Some(reason) = stopping.or_else(full) {
            return Err(Refusal::Unavailable {
                stream: request.stream,
                reason,
            });
        }
        let asked = PushParameters::parse(&request.query);
        for complaint in &asked.complaints {
            tracing::warn!(stream = %request.stream, "{complaint}");
        }
        let mut commands = Vec::new();
        let about = Arc::new(request.about());
        let begun = shared
            .core()
            .publish(&request.stream, &about, &asked, shared.now(), &mut commands);
        let Begun {
            publish,
            replaced,
            mut recorded,
        } = begun?;
        if let Some(replaced) = replaced {
            shared.hand_over(&request.stream, &mut commands);
            shared.tell(replaced, EndReason::TakenOver);
        }
        if let Some(reason) = &shared.store.progress().borrow().failed {
            held_up(&mut recorded, reason);
        }
        tracing::info!(stream = %request.stream, "{}", recorded.text);
        if is_reserved(&request.stream) && shared.core().settings.is_viewed {
            let path = stream_path(&request.stream);
            tracing::warn!(stream = %request.stream, "its app is a word of the HTTP server, so it plays under {path}");
        }
        let (sender, ended) = watch::channel(None);
        shared.endings().insert(publish, sender);
        Ok(Publishing {
            shared: shared.clone(),
            stream: request.stream,
            publish,
            ended,
            commands,
        })
    }

    /// UTC now, if the clock is believed.
    pub fn believed_utc(&self) -> Option<Micros> {
        let clock = &self.shared.clock;
        clock.synced().then(|| clock.utc())
    }

    /// Puts an event that a door saw into the outbox.
    pub fn report(&self, event: Event) {
        let kind = event.kind();
        if let Err(refused) = self.shared.store.submit(Command::Report { event }) {
            tracing::error!(kind, "not told: {refused}");
        }
    }

    /// Streams on the air, by name.
    pub fn status(&self) -> Vec<StreamStatus> {
        let mut streams = self.shared.core().status(self.shared.now());
        let progress = self.shared.store.progress();
        let progress = progress.borrow();
        let held = progress.failed.as_ref().or(progress.full.as_ref());
        for status in &mut streams {
            held.into_iter()
                .for_each(|reason| held_up(&mut status.recorded, reason));
            status.gaps = progress
                .streams
                .get(&status.stream)
                .map_or(0, |stream| stream.gaps.total());
        }
        streams
    }

    /// What is counted since the start of the service.
    pub fn counts(&self) -> Counts {
        self.shared.count_gaps();
        self.shared.core().counted()
    }

    /// True once the recorder accepts no more publishes, because the service stops.
    pub fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Relaxed)
    }

    /// Media in all rings, bytes.
    pub fn ring_bytes(&self) -> usize {
        self.shared.core().ring_bytes()
    }

    /// The chunks of a stream that are played out of memory, from the number `from` on; `None` where nothing of the stream is in
    /// memory. The frames are cloned, not their payloads.
    pub fn ring_chunks(&self, stream: &StreamName, from: u64) -> Option<RingChunks> {
        let utc_offset = self.shared.clock.utc_offset();
        self.shared.core().stream(stream)?.chunks(from, utc_offset)
    }

    /// Takes over new settings. They hold from the next message on; templates and rules hold from the next push on.
    pub fn reconfigure(&self, settings: RecorderSettings, templates: Vec<Template>, rules: Vec<Rule>) {
        let mut core = self.shared.core();
        core.settings = settings;
        core.rulebook.set_master_key(settings.has_master_key);
        core.rulebook.configure(templates, rules);
    }

    /// Does the work that only time brings about, once a second, without end.
    pub async fn keep_time(self) {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            seconds.tick().await;
            crate::watch::may_fail("the recorder's clock");
            self.tick();
        }
    }

    /// Does the work that is due by now.
    pub fn tick(&self) {
        let mut commands = Vec::new();
        self.shared.core().tick(self.shared.now(), &mut commands);
        self.shared.submit_all(&mut commands);
        self.shared.count_gaps();
    }

    /// Ends a stream's publish; false if nobody publishes the stream.
    pub fn kick(&self, stream: &StreamName) -> bool {
        let shared = &self.shared;
        let on_air = shared.core().on_air();
        let Some((stream, publish)) = on_air.into_iter().find(|(name, _)| name == stream) else {
            return false;
        };
        shared.end(&stream, publish, &EndReason::Kicked, &mut Vec::new());
        shared.tell(publish, EndReason::Kicked);
        true
    }

    /// Ends every publish and refuses new ones. The waiting media is handed to the store before this returns.
    pub fn stop(&self) {
        let shared = &self.shared;
        shared.stopping.store(true, Ordering::Relaxed);
        let on_air = shared.core().on_air();
        for (stream, publish) in on_air {
            shared.end(&stream, publish, &EndReason::Shutdown, &mut Vec::new());
            shared.tell(publish, EndReason::Shutdown);
        }
    }
}

impl Publishing {
    /// Takes one message. Never blocks: await [`Publishing::ready`] before reading more from the network.
    pub fn push(&mut self, message: MediaMessage) {
        let shared = &self.shared;
        let now = shared.now();
        let overslept = shared.core().overslept(&self.stream, self.publish, now);
        if let Some(reason) = overslept {
            shared.end(&self.stream, self.publish, &reason, &mut self.commands);
            shared.tell(self.publish, reason);
            return;
        }
        let notice = shared
            .core()
            .push(&self.stream, self.publish, message, now, &mut self.commands);
        if let Some(notice) = notice {
            let event = notice.event(&self.stream);
            self.commands.push(Command::Report { event });
        }
        shared.hand_over(&self.stream, &mut self.commands);
    }

    /// Waits until more may be read. A live publisher never waits: it would lose what it cannot send, while the store has
    /// memory for a card that stalls. A publisher that sends faster than real time waits until the card has caught up, which
    /// costs it nothing.
    pub async fn ready(&self) {
        let shared = &self.shared;
        while !shared.store.has_room() && shared.core().is_ahead(&self.stream, self.publish) {
            shared.store.room().await;
        }
    }

    /// Resolves when this publish must end: it was taken over, or the service stops.
    pub fn ended(&self) -> impl Future<Output = EndReason> + Send + use<> {
        let mut ended = self.ended.clone();
        async move {
            match ended.wait_for(Option::is_some).await {
                Ok(reason) => reason.clone().unwrap_or(EndReason::Shutdown),
                Err(_) => EndReason::Shutdown,
            }
        }
    }

    /// Ends the publish.
    pub fn end(mut self, reason: EndReason) {
        self.finish(&reason);
    }

    fn finish(&mut self, reason: &EndReason) {
        self.shared
            .end(&self.stream, self.publish, reason, &mut self.commands);
        self.shared.endings().remove(&self.publish);
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        // After `end` no such publish is on the air, so this has no effect.
        self.finish(&EndReason::Broken("the connection was dropped".to_owned()));
    }
}

impl Shared {
    fn now(&self) -> Moment {
        Moment {
            boot: self.clock.boot(),
            utc: self.clock.utc(),
        }
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endings(&self) -> MutexGuard<'_, HashMap<PublishId, watch::Sender<Option<EndReason>>>> {
        self.endings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over the store's present counts of gaps.
    fn count_gaps(&self) {
        let gaps: Vec<_> = {
            let progress = self.store.progress();
            let progress = progress.borrow();
            let with_gaps = progress
                .streams
                .iter()
                .filter(|(_, stream)| stream.gaps.total() > 0);
            with_gaps
                .map(|(name, stream)| (name.clone(), stream.gaps.clone()))
                .collect()
        };
        self.core().counts.gaps(gaps, self.now().boot);
    }

    fn end(&self, stream: &StreamName, publish: PublishId, reason: &EndReason, commands: &mut Vec<Command>) {
        self.core().end(stream, publish, reason, self.now(), commands);
        self.hand_over(stream, commands);
    }

    fn tell(&self, publish: PublishId, reason: EndReason) {
        if let Some(ending) = self.endings().get(&publish) {
            ending.send_replace(Some(reason));
        }
    }

    /// Hands commands to the store. The rings give way to the bytes that wait there.
    fn hand_over(&self, stream: &StreamName, commands: &mut Vec<Command>) {
        if commands.is_empty() {
            return;
        }
        let span = tracing::error_span!("publish", %stream);
        log(commands);
        span.in_scope(|| self.submit(commands));
    }

    fn submit_all(&self, commands: &mut Vec<Command>) {
        log(commands);
        self.submit(commands);
    }

    fn submit(&self, commands: &mut Vec<Command>) {
        if commands.is_empty() {
            return;
        }
        let ended = closed(commands);
        for command in commands.drain(..) {
            if let Err(refused) = self.store.submit(command) {
                tracing::error!("not recorded: {refused}");
            }
        }
        let mut core = self.core();
        core.counts.end(ended);
        core.make_room(self.store.backlog_bytes());
    }
}

/// The log also contains the faults that a viewer may notice.
fn log(commands: &[Command]) {
    for command in commands {
        match command {
            Command::Report {
                event: Event::StreamException { stream, detail, .. },
            } => tracing::warn!(%stream, "{detail}"),
            Command::Change(Change::Keep { tell, .. }) => tell.iter().for_each(log_missed),
            _ => {}
        }
    }
}

fn log_missed(event: &Event) {
    if let Event::TaskMissed(missed) = event {
        let TaskMissed {
            stream,
            task,
            start,
            end,
            detail,
            ..
        } = &**missed;
        tracing::warn!(%stream, "task '{task}' recorded nothing from {start} to {end}: {detail}");
    }
}
