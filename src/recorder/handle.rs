//! The recorder as the network sees it: a thin shell around the decisions in `core`.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::core::{Begun, Core, RecorderSettings, StreamStatus};
use super::live::Moment;
use super::publish::{EndReason, PublishRequest, Refusal};
use crate::event::Event;
use crate::media::{Exception, MediaMessage, Micros, PublishId, StreamName};
use crate::store::{Clock, Command, Store};

/// The recorder of this process; clones share it. Its locks are held while it decides, never while anything
/// is waited for.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    core: Mutex<Core>,
    lanes: Mutex<HashMap<PublishId, Lane>>,
    stopping: AtomicBool,
    store: Store,
    clock: Arc<dyn Clock>,
}

/// One publish's way to the store.
struct Lane {
    /// Tells the publish that it must end.
    ended: watch::Sender<Option<EndReason>>,
    /// What the store has no room for yet, in order. The publisher is not read meanwhile, so this is never
    /// more than one read from its socket holds.
    waiting: VecDeque<Command>,
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
    /// A recorder that writes to `store`; `tape_base` is what [`Store::open`] gave.
    pub fn new(settings: RecorderSettings, store: Store, clock: Arc<dyn Clock>, tape_base: Micros) -> Self {
        let shared = Shared {
            core: Mutex::new(Core::new(settings, tape_base)),
            lanes: Mutex::default(),
            stopping: AtomicBool::new(false),
            store,
            clock,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Accepts or refuses a publish. A stream whose publisher has been silent for long enough is taken over.
    pub fn publish(&self, request: PublishRequest) -> Result<Publishing, Refusal> {
        let shared = &self.shared;
        if shared.stopping.load(Ordering::Relaxed) {
            let reason = "the service is stopping".to_owned();
            return Err(Refusal::Unavailable {
                stream: request.stream,
                reason,
            });
        }
        let mut commands = Vec::new();
        let begun = shared
            .core()
            .publish(&request.stream, shared.now(), &mut commands);
        let Begun { publish, replaced } = begun?;
        if let Some(replaced) = replaced {
            shared.hand_over(&request.stream, replaced, &mut commands);
            shared.tell(replaced, EndReason::TakenOver);
        }
        let (sender, ended) = watch::channel(None);
        let lane = Lane {
            ended: sender,
            waiting: VecDeque::new(),
        };
        shared.lanes().insert(publish, lane);
        Ok(Publishing {
            shared: shared.clone(),
            stream: request.stream,
            publish,
            ended,
            commands,
        })
    }

    /// Streams on the air, by name.
    pub fn status(&self) -> Vec<StreamStatus> {
        self.shared.core().status(self.shared.now())
    }

    /// Media in all rings, bytes.
    pub fn ring_bytes(&self) -> usize {
        self.shared.core().ring_bytes()
    }

    /// Takes over new settings: they hold from the next message on.
    pub fn reconfigure(&self, settings: RecorderSettings) {
        self.shared.core().settings = settings;
    }

    /// Ends every publish and refuses new ones. What waits in memory is handed to the store before this
    /// returns.
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
        let exception = shared
            .core()
            .push(&self.stream, self.publish, message, now, &mut self.commands);
        if let Some(exception) = exception {
            let detail = describe(&exception);
            tracing::warn!(stream = %self.stream, "{detail}");
            let (stream, what) = (self.stream.to_string(), "timestamp".to_owned());
            self.commands.push(Command::Report {
                event: Event::StreamException { stream, what, detail },
            });
        }
        if !self.commands.is_empty() {
            shared.offer(&self.stream, self.publish, &mut self.commands);
        }
    }

    /// Waits until the store can take more: this is how a slow card slows a fast publisher.
    pub async fn ready(&self) {
        let shared = &self.shared;
        while !shared.offer(&self.stream, self.publish, &mut Vec::new()) || !shared.store.has_room() {
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
        self.shared.lanes().remove(&self.publish);
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        // After `end` this finds no such publish on the air, and does nothing.
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

    fn lanes(&self) -> MutexGuard<'_, HashMap<PublishId, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, stream: &StreamName, publish: PublishId, reason: &EndReason, commands: &mut Vec<Command>) {
        self.core().end(stream, publish, reason, self.now(), commands);
        self.hand_over(stream, publish, commands);
    }

    fn tell(&self, publish: PublishId, reason: EndReason) {
        if let Some(lane) = self.lanes().get(&publish) {
            lane.ended.send_replace(Some(reason));
        }
    }

    /// Hands commands to the store as far as it has room, behind those that wait; true when none is left.
    fn offer(&self, stream: &StreamName, publish: PublishId, commands: &mut Vec<Command>) -> bool {
        let mut lanes = self.lanes();
        let Some(lane) = lanes.get_mut(&publish) else {
            return true;
        };
        lane.waiting.extend(commands.drain(..));
        while self.store.has_room() {
            let Some(command) = lane.waiting.pop_front() else {
                break;
            };
            self.submit(stream, command);
        }
        lane.waiting.is_empty()
    }

    /// Hands everything to the store, room or not: the publish is over, and nobody will come back with it.
    fn hand_over(&self, stream: &StreamName, publish: PublishId, commands: &mut Vec<Command>) {
        let waiting = self
            .lanes()
            .get_mut(&publish)
            .map(|lane| std::mem::take(&mut lane.waiting));
        for command in waiting.into_iter().flatten().chain(commands.drain(..)) {
            self.submit(stream, command);
        }
    }

    fn submit(&self, stream: &StreamName, command: Command) {
        if let Err(refused) = self.store.submit(command) {
            tracing::error!(%stream, "media not recorded: {refused}");
        }
    }
}

/// An exception in words, for the log and the event alike.
fn describe(exception: &Exception) -> String {
    match exception {
        Exception::Jump { by_ms } => {
            format!("the publisher's timestamps jumped by {by_ms} ms; the tape goes on without a gap")
        }
        Exception::Gap { ms } => format!("nothing came for {ms} ms; the tape has a gap"),
        Exception::CompositionOffset { ms } => {
            format!("a picture was to be shown {ms} ms after its decoding; taken as 0")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::format::TapeSource as _;
    use crate::media::{CodecConfig, Incoming, TrackKind};
    use crate::recorder::testing::video_config;
    use crate::store::{Filter, Library, RealClock, RealDisk, StoreSettings};

    fn picture(n: u32) -> MediaMessage {
        MediaMessage::Frame(Incoming {
            kind: TrackKind::Video,
            timestamp_ms: n * 40,
            cts_ms: 0,
            key: n.is_multiple_of(25),
            payload: Bytes::from(vec![7; 10_000]),
        })
    }

    #[tokio::test]
    async fn what_the_store_has_no_room_for_waits_and_nothing_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = StoreSettings::new(dir.path().join("store"), "test");
        // Room for nothing as long as anything is on its way.
        settings.queue_soft = 1;
        let clock = Arc::new(RealClock);
        let (store, opened) = Store::open(settings, Arc::new(RealDisk), clock.clone()).unwrap();
        let settings = RecorderSettings {
            pre_roll: 10_000_000,
            ring_bytes: 1 << 20,
            takeover_after: 5_000_000,
        };
        let recorder = Recorder::new(settings, store.clone(), clock, opened.tape_base);
        let request = PublishRequest {
            stream: "live/a".parse().unwrap(),
            query: String::new(),
            peer: ([127, 0, 0, 1], 1).into(),
        };
        let mut publishing = recorder.publish(request).unwrap();
        let config = CodecConfig::Video(video_config(640));
        publishing.push(MediaMessage::Config {
            config,
            timestamp_ms: 0,
        });
        for n in 0..500 {
            publishing.push(picture(n));
            if n == 250 {
                publishing.ready().await;
            }
        }
        publishing.end(EndReason::Unpublished);
        tokio::task::spawn_blocking(move || store.shutdown())
            .await
            .unwrap()
            .unwrap();

        let library = Library::open(&dir.path().join("store")).unwrap();
        let recordings = library.recordings(&Filter::default()).unwrap();
        let view = library.view(recordings.first().unwrap().id).unwrap();
        let pictures: usize = view
            .segments
            .iter()
            .map(|segment| {
                view.source
                    .index(segment.id)
                    .unwrap()
                    .sample_count(TrackKind::Video)
            })
            .sum();
        assert_eq!((recordings.len(), pictures), (1, 500));
    }
}
