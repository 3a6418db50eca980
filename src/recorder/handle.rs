//! The recorder as the network sees it: a thin shell around the decisions in `core`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::watch;

use super::core::{Begun, Core, RecorderSettings, StreamStatus};
use super::live::Moment;
use super::publish::{EndReason, PublishRequest, Refusal};
use crate::event::Event;
use crate::media::{Exception, MediaMessage, Micros, PublishId, StreamName};
use crate::store::{Clock, Command, Store};

/// The recorder of this process; clones share it. It lives on the network thread.
#[derive(Clone)]
pub struct Recorder {
    shared: Rc<Shared>,
}

struct Shared {
    core: RefCell<Core>,
    /// How each publish on the air is told that it must end.
    ends: RefCell<HashMap<PublishId, watch::Sender<Option<EndReason>>>>,
    stopping: RefCell<bool>,
    store: Store,
    clock: Arc<dyn Clock>,
}

/// A publish that was accepted. Dropping it without [`Publishing::end`] counts as a broken connection.
pub struct Publishing {
    shared: Rc<Shared>,
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
            core: RefCell::new(Core::new(settings, tape_base)),
            ends: RefCell::default(),
            stopping: RefCell::new(false),
            store,
            clock,
        };
        Self {
            shared: Rc::new(shared),
        }
    }

    /// Accepts or refuses a publish. A stream whose publisher has been silent for long enough is taken over.
    pub fn publish(&self, request: PublishRequest) -> Result<Publishing, Refusal> {
        let shared = &self.shared;
        if *shared.stopping.borrow() {
            let reason = "the service is stopping".to_owned();
            return Err(Refusal::Unavailable {
                stream: request.stream,
                reason,
            });
        }
        let mut commands = Vec::new();
        let begun = shared
            .core
            .borrow_mut()
            .publish(&request.stream, shared.now(), &mut commands);
        shared.submit(&request.stream, &mut commands);
        let Begun { publish, replaced } = begun?;
        if let Some(replaced) = replaced {
            shared.tell(replaced, EndReason::TakenOver);
        }
        let (sender, ended) = watch::channel(None);
        shared.ends.borrow_mut().insert(publish, sender);
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
        self.shared.core.borrow().status(self.shared.now())
    }

    /// Media in all rings, bytes.
    pub fn ring_bytes(&self) -> usize {
        self.shared.core.borrow().ring_bytes()
    }

    /// Takes over new settings: they hold from the next message on.
    pub fn reconfigure(&self, settings: RecorderSettings) {
        self.shared.core.borrow_mut().settings = settings;
    }

    /// Ends every publish and refuses new ones. What waits in memory is handed to the store before this
    /// returns.
    pub fn stop(&self) {
        let shared = &self.shared;
        *shared.stopping.borrow_mut() = true;
        let on_air = shared.core.borrow().on_air();
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
        let exception =
            shared
                .core
                .borrow_mut()
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
            shared.submit(&self.stream, &mut self.commands);
        }
    }

    /// Waits until the store can take more: this is how a slow card slows a fast publisher.
    pub async fn ready(&self) {
        self.shared.store.room().await;
    }

    /// Resolves when this publish must end: it was taken over, or the service stops.
    pub async fn ended(&self) -> EndReason {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(EndReason::Shutdown),
            Err(_) => EndReason::Shutdown,
        }
    }

    /// Ends the publish.
    pub fn end(mut self, reason: EndReason) {
        self.finish(&reason);
    }

    fn finish(&mut self, reason: &EndReason) {
        self.shared.ends.borrow_mut().remove(&self.publish);
        self.shared
            .end(&self.stream, self.publish, reason, &mut self.commands);
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

    fn end(&self, stream: &StreamName, publish: PublishId, reason: &EndReason, commands: &mut Vec<Command>) {
        self.core
            .borrow_mut()
            .end(stream, publish, reason, self.now(), commands);
        self.submit(stream, commands);
    }

    fn tell(&self, publish: PublishId, reason: EndReason) {
        if let Some(sender) = self.ends.borrow().get(&publish) {
            sender.send_replace(Some(reason));
        }
    }

    fn submit(&self, stream: &StreamName, commands: &mut Vec<Command>) {
        for command in commands.drain(..) {
            if let Err(refused) = self.store.submit(command) {
                tracing::error!(%stream, "media not recorded: {refused}");
            }
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
