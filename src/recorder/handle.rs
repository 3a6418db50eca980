//! The recorder as the network sees it: a thin shell around the decisions in `core`.

use std::collections::HashMap;
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
    /// A recorder that writes to `store`; `tape_base` is what [`Store::open`] gave.
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

    /// Accepts or refuses a publish. A stream whose publisher has been silent for long enough is taken over. While
    /// the store is full nobody new is let in: they would be told nothing, and nothing of theirs would be kept.
    pub fn publish(&self, request: PublishRequest) -> Result<Publishing, Refusal> {
        let shared = &self.shared;
        let stopping = shared.stopping.load(Ordering::Relaxed);
        let stopping = stopping.then(|| "the service is stopping".to_owned());
        // Who sends already is kept, and recorded again when there is room: who comes now is better told.
        let full = || shared.store.progress().borrow().full.clone();
        if let Some(reason) = stopping.or_else(full) {
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
            shared.hand_over(&request.stream, &mut commands);
            shared.tell(replaced, EndReason::TakenOver);
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

    /// UTC now, where the clock is believed.
    pub fn believed_utc(&self) -> Option<Micros> {
        let clock = &self.shared.clock;
        clock.synced().then(|| clock.utc())
    }

    /// Tells the outside of something that a door saw.
    pub fn report(&self, event: Event) {
        let kind = event.kind();
        if let Err(refused) = self.shared.store.submit(Command::Report { event }) {
            tracing::error!(kind, "not told: {refused}");
        }
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
        let overslept = shared.core().overslept(&self.stream, self.publish, now);
        if let Some(reason) = overslept {
            shared.end(&self.stream, self.publish, &reason, &mut self.commands);
            shared.tell(self.publish, reason);
            return;
        }
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
        shared.hand_over(&self.stream, &mut self.commands);
    }

    /// Waits until more may be read. A live publisher never waits: it would lose what it cannot send, while the
    /// store has memory for a card that stalls. One that sends faster than time waits until the card has caught
    /// up, which costs it nothing.
    pub async fn ready(&self) {
        let shared = &self.shared;
        while !shared.store.has_room() && shared.core().is_flat_out(&self.stream, self.publish) {
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

    fn endings(&self) -> MutexGuard<'_, HashMap<PublishId, watch::Sender<Option<EndReason>>>> {
        self.endings.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Hands commands to the store. The rings give way to what waits there.
    fn hand_over(&self, stream: &StreamName, commands: &mut Vec<Command>) {
        if commands.is_empty() {
            return;
        }
        for command in commands.drain(..) {
            self.submit(stream, command);
        }
        self.core().make_room(self.store.backlog_bytes());
    }

    fn submit(&self, stream: &StreamName, command: Command) {
        if let Err(refused) = self.store.submit(command) {
            tracing::error!(%stream, "not recorded: {refused}");
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
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::format::TapeSource as _;
    use crate::media::{CodecConfig, Incoming, TrackKind};
    use crate::recorder::testing::video_config;
    use crate::store::{Filter, Library, OnFull, RealClock, RealDisk, StoreSettings};

    fn picture(n: u32) -> MediaMessage {
        MediaMessage::Frame(Incoming {
            kind: TrackKind::Video,
            timestamp_ms: n * 40,
            cts_ms: 0,
            key: n.is_multiple_of(25),
            payload: Bytes::from(vec![7; 10_000]),
        })
    }

    /// A recorder on a real store that has room while less than so much is on its way.
    fn recorder(dir: &std::path::Path, queue_soft: usize) -> (Recorder, Store) {
        let mut settings = StoreSettings::new(dir.join("store"), "test");
        settings.queue_soft = queue_soft;
        let clock = Arc::new(RealClock);
        let (store, opened) = Store::open(settings, Arc::new(RealDisk), clock.clone()).unwrap();
        let settings = RecorderSettings {
            pre_roll: 10_000_000,
            ring_bytes: 32 << 20,
            takeover_after: 5_000_000,
        };
        let recorder = Recorder::new(settings, store.clone(), clock, opened.tape_base);
        (recorder, store)
    }

    fn begin(recorder: &Recorder) -> Publishing {
        let request = PublishRequest {
            stream: "live/a".parse().unwrap(),
            domain: None,
            query: String::new(),
            peer: ([127, 0, 0, 1], 1).into(),
        };
        let mut publishing = recorder.publish(request).unwrap();
        let config = CodecConfig::Video(video_config(640));
        publishing.push(MediaMessage::Config {
            config,
            timestamp_ms: 0,
        });
        publishing
    }

    /// The clocks of a box that sleeps when it is told to.
    #[derive(Default)]
    struct Sleepy(std::sync::atomic::AtomicI64);

    impl Clock for Sleepy {
        fn boot(&self) -> Micros {
            1_000_000 + self.0.load(Ordering::Relaxed)
        }
        fn utc(&self) -> Micros {
            1_780_000_000_000_000 + self.boot()
        }
        fn synced(&self) -> bool {
            true
        }
        fn boot_id(&self) -> [u8; 16] {
            [1; 16]
        }
    }

    #[tokio::test]
    async fn an_encoder_that_slept_with_the_box_has_to_connect_anew() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Sleepy::default());
        let settings = StoreSettings::new(dir.path().join("store"), "test");
        let (store, opened) = Store::open(settings, Arc::new(RealDisk), clock.clone()).unwrap();
        let settings = RecorderSettings {
            pre_roll: 10_000_000,
            ring_bytes: 32 << 20,
            takeover_after: 5_000_000,
        };
        let recorder = Recorder::new(settings, store.clone(), clock.clone(), opened.tape_base);
        let hours = 5 * 3_600 * 1_000_000;
        for (turn, sleep) in [(0, hours), (1, 0)] {
            let mut publishing = begin(&recorder);
            (0..100).for_each(|n| publishing.push(picture(n)));
            clock.0.fetch_add(sleep, Ordering::Relaxed);
            (100..200).for_each(|n| publishing.push(picture(n)));
            if turn == 0 {
                let why = publishing.ended().await.to_string();
                assert!(why.contains("the box slept"), "{why}");
            }
            publishing.end(EndReason::Unpublished);
        }
        tokio::task::spawn_blocking(move || store.shutdown())
            .await
            .unwrap()
            .unwrap();
        let library = Library::open(&dir.path().join("store")).unwrap();
        let rows = library.recordings(&Filter::default()).unwrap();
        let seconds: Vec<i64> = rows.iter().map(|row| row.duration / 1_000_000).collect();
        assert_eq!((seconds, rows[1].start - rows[0].start), (vec![4, 8], hours));
    }

    #[tokio::test]
    async fn while_the_store_is_full_nobody_new_is_let_in_and_who_is_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = StoreSettings::new(dir.path().join("store"), "test");
        // Nothing has room in it.
        (settings.quota, settings.on_full) = (Some(1), OnFull::Stop);
        let clock = Arc::new(RealClock);
        let (store, opened) = Store::open(settings, Arc::new(RealDisk), clock.clone()).unwrap();
        let settings = RecorderSettings {
            pre_roll: 10_000_000,
            ring_bytes: 32 << 20,
            takeover_after: 5_000_000,
        };
        let recorder = Recorder::new(settings, store.clone(), clock, opened.tape_base);
        // That there is no room shows when there is something to write.
        let mut first = begin(&recorder);
        (0..100).for_each(|n| first.push(picture(n)));
        let mut progress = store.progress();
        let full = progress.wait_for(|progress| progress.full.is_some());
        tokio::time::timeout(Duration::from_secs(60), full)
            .await
            .unwrap()
            .unwrap();
        let request = PublishRequest {
            stream: "live/b".parse().unwrap(),
            domain: None,
            query: String::new(),
            peer: ([127, 0, 0, 1], 1).into(),
        };
        match recorder.publish(request) {
            Err(Refusal::Unavailable { reason, .. }) => {
                assert!(reason.contains("storage.quota"), "{reason}");
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it was let in"),
        }
        (100..200).for_each(|n| first.push(picture(n)));
        let on_air: Vec<String> = recorder
            .status()
            .iter()
            .map(|status| status.stream.to_string())
            .collect();
        assert_eq!(on_air, ["live/a"]);
        first.end(EndReason::Unpublished);
        let _ = tokio::task::spawn_blocking(move || store.shutdown())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_live_publisher_is_read_whatever_the_card_does_and_one_flat_out_is_not() {
        let dir = tempfile::tempdir().unwrap();
        // There is never room.
        let (recorder, _store) = recorder(dir.path(), 0);
        let mut publishing = begin(&recorder);
        for n in 0..50 {
            publishing.push(picture(n));
            publishing.ready().await;
        }
        for n in 50..1000 {
            publishing.push(picture(n));
        }
        let held_up = tokio::time::timeout(Duration::from_millis(1), publishing.ready()).await;
        assert!(held_up.is_err(), "forty seconds came in no time");
    }

    #[tokio::test]
    async fn a_publisher_faster_than_time_waits_for_the_card_and_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (recorder, store) = recorder(dir.path(), 1);
        let mut publishing = begin(&recorder);
        for n in 0..500 {
            publishing.push(picture(n));
            publishing.ready().await;
            // Twenty seconds in no time: from the third on it waits until nothing is on its way.
            assert!(n < 100 || !n.is_multiple_of(25) || store.has_room());
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
