//! One connection to the broker, by rumqttc, and what has to be minded about rumqttc. MQTT 5 and MQTT 3.1.1 differ in `v5` and
//! `v4` alone.
//!
//! The event loop of rumqttc runs in a task of its own, so that nothing cancels it half-way. It is thrown away with the
//! connection. Nothing in its queues is lost, since the outbox is the queue, and no state of it can block the next connection.
//!
//! Publishes go out in the order in which they are handed over, and each is confirmed by its packet id. The link matches the
//! two, so that the sender of a message hears when it has arrived.

mod v4;
mod v5;
mod wire;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5::{PubAckReason, Publish};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub(super) use wire::{CONNECT, Client, Connected, Events, Manner, Said, Version, connect};

use super::LinkSettings;
use wire::Failed;

/// The largest packet that the box takes, in bytes: the largest request, and what is around it.
const LARGEST_TAKEN: u32 = 96 << 10;
/// The most requests that the broker hands over before one of them is confirmed.
pub(super) const REQUESTS: u16 = 32;
/// The most publishes on their way at the same time, if the broker does not want fewer.
const FLYING: u16 = 100;
/// The most publishes that may wait to be sent.
const QUEUE: usize = 256;

/// The mark of a publish that was handed over. It comes back when the publish has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A message of the event with this number, sent in this round.
    Event(u64, u32),
    /// The answer to the request with this place.
    Answer(u64),
    /// A message whose arrival nobody waits for.
    Other,
}

/// What the broker says.
#[derive(Debug)]
pub(super) enum Heard {
    /// A publish has arrived.
    Arrived(Mark),
    /// A publish was not taken.
    Refused(Mark, PubAckReason),
    /// Somebody published something that was subscribed to.
    Message(Publish),
    /// A subscription was refused.
    Unsubscribed,
    /// The connection is gone.
    Lost(Loss),
}

/// Why a connection is gone, or could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// The broker cannot be reached, or does not answer.
    Gone(String),
    /// The broker does not want this box.
    Refused(String),
    /// Another client with the same client id has connected.
    TakenOver,
    /// The broker keeps no messages, not even as a last will.
    NoRetain,
    /// Somebody published more bytes at once than the box takes, and MQTT 3.1.1 has no way to tell the broker.
    TooLarge(usize),
}

impl Loss {
    /// The reason in words.
    pub(super) fn reason(&self) -> String {
        match self {
            Loss::Gone(reason) | Loss::Refused(reason) => reason.clone(),
            Loss::TakenOver => "another client with the same id has connected".to_owned(),
            Loss::NoRetain => "the broker does not support retained messages".to_owned(),
            Loss::TooLarge(bytes) => format!("somebody sent a message of {bytes} bytes"),
        }
    }
}

/// The limits that the broker sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// The largest packet, in bytes.
    pub(super) packet: usize,
    /// The most publishes on their way at the same time.
    pub(super) flying: usize,
    /// The broker keeps the last message of a topic.
    pub(super) retains: bool,
}

/// A publish that is to go out.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) topic: String,
    pub(super) body: Bytes,
    pub(super) retain: bool,
    /// The broker confirms it (QoS 1).
    pub(super) confirmed: bool,
    pub(super) correlation: Option<Bytes>,
}

/// A connection to the broker, as a session uses it.
pub(super) struct Link {
    client: Client,
    packets: mpsc::Receiver<Result<Said, Failed>>,
    pump: JoinHandle<()>,
    limits: Limits,
    version: Version,
    /// Why the version is not the one that was tried first, if so.
    instead: Option<String>,
    /// Publishes that were handed over and have no packet id yet.
    handed: VecDeque<Mark>,
    flying: HashMap<u16, Mark>,
    /// A publish with the packet id of another one that is still on its way. It goes when that one has arrived.
    held: Option<(u16, Mark)>,
}

impl Link {
    /// Connects. The broker publishes `will` when the box is gone without a goodbye. With `clean`, the broker throws away what
    /// it kept for the box.
    pub(super) async fn connect(
        settings: &LinkSettings,
        first: Version,
        clean: bool,
        will: Post,
    ) -> Result<Self, Loss> {
        let manner = Manner {
            will: Some(will),
            clean,
            manual_acks: true,
            receive_max: Some(REQUESTS),
            largest: LARGEST_TAKEN,
            patience: CONNECT,
        };
        let Connected {
            client,
            events,
            limits,
            version,
            instead,
        } = connect(settings, &manner, first).await?;
        let (sender, packets) = mpsc::channel(64);
        Ok(Self {
            client,
            packets,
            pump: tokio::spawn(pump(events, sender)),
            limits,
            version,
            instead,
            handed: VecDeque::new(),
            flying: HashMap::new(),
            held: None,
        })
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Why the version is not the one that was tried first, if so.
    pub(super) fn instead(&self) -> Option<&str> {
        self.instead.as_deref()
    }

    /// Subscribes to topics. Live messages come with their `retain` as it was published. Retained messages come if `retained`
    /// is set.
    pub(super) fn subscribe(&self, filter: String, retained: bool) -> Result<(), Loss> {
        self.client.subscribe(filter, retained)
    }

    pub(super) fn unsubscribe(&self, filter: String) -> Result<(), Loss> {
        self.client.unsubscribe(filter)
    }

    /// True when the broker takes a packet of this size.
    pub(super) fn fits(&self, topic: &str, body: usize) -> bool {
        // 1,200 bytes cover the fixed header, the lengths, the packet id, and the properties of answers.
        topic.len() + body + 1_200 <= self.limits.packet
    }

    /// Hands a publish over. A full queue means that the broker takes nothing: there is no use in going on.
    pub(super) fn post(&mut self, post: Post, mark: Mark) -> Result<(), Loss> {
        let retain = post.retain && self.limits.retains;
        self.client.publish(Post { retain, ..post }, None)?;
        self.handed.push_back(mark);
        Ok(())
    }

    /// True while more may be handed over without harm.
    pub(super) fn has_room(&self) -> bool {
        self.handed.len() < QUEUE / 2
    }

    /// The number of publishes that are on their way. A publish without confirmation does not count once it is sent.
    pub(super) fn outstanding(&self) -> usize {
        self.handed.len() + self.flying.len() + usize::from(self.held.is_some())
    }

    /// Confirms a message that somebody published.
    pub(super) fn confirm(&self, publish: &Publish) -> Result<(), Loss> {
        self.client.confirm(publish)
    }

    /// The next thing that the broker says. Nothing is lost when this future is dropped before it is done.
    pub(super) async fn heard(&mut self) -> Heard {
        loop {
            let Some(event) = self.packets.recv().await else {
                return Heard::Lost(Loss::Gone("the connection ended".to_owned()));
            };
            let heard = match event {
                Ok(Said::Sent(id)) => self.departed(id),
                // rumqttc gives subscriptions the same few packet ids. A publish that collides waits, and nothing goes out
                // meanwhile (its issue 1056). If that never ends, the session gives the connection up for want of
                // confirmations.
                Ok(Said::Held(id)) => {
                    self.held = self.handed.pop_front().map(|mark| (id, mark));
                    None
                }
                Ok(Said::Confirmed(id, reason)) => {
                    let mark = self.flying.remove(&id);
                    mark.map(|mark| match reason {
                        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Heard::Arrived(mark),
                        reason => Heard::Refused(mark, reason),
                    })
                }
                Ok(Said::Message(publish)) => Some(Heard::Message(publish)),
                Ok(Said::Subscribed(taken)) => (!taken).then_some(Heard::Unsubscribed),
                Ok(Said::Connected(_) | Said::Other) => None,
                Err(failed) => Some(Heard::Lost(failed.loss)),
            };
            if let Some(heard) = heard {
                return heard;
            }
        }
    }

    /// Handles that a publish was written. A publish without confirmation has arrived as far as anybody will know.
    fn departed(&mut self, id: u16) -> Option<Heard> {
        if let Some((_, mark)) = self.held.take_if(|(held, _)| *held == id) {
            self.flying.insert(id, mark);
            return None;
        }
        let mark = self.handed.pop_front()?;
        if id == 0 {
            return Some(Heard::Arrived(mark));
        }
        self.flying.insert(id, mark);
        None
    }

    /// Ends the connection in order, so that the broker does not publish the last will. Publishes that were handed over go out
    /// first, if they do so within `patience`.
    pub(super) async fn goodbye(mut self, patience: Duration) {
        let all = async {
            while self.outstanding() > 0 && !matches!(self.heard().await, Heard::Lost(_)) {}
            self.client.disconnect();
            // The link reads on until the broker closes.
            while !matches!(self.heard().await, Heard::Lost(_)) {}
        };
        let _ = tokio::time::timeout(patience, all).await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// Polls the event loop until the connection is gone.
async fn pump(mut events: Events, sender: mpsc::Sender<Result<Said, Failed>>) {
    loop {
        let event = events.next().await;
        let over = event.is_err();
        if sender.send(event).await.is_err() || over {
            return;
        }
    }
}

/// Makes words of a name: `NotAuthorized` is "not authorized".
fn words(name: &str) -> String {
    let mut text = String::new();
    for (place, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && place > 0 {
            text.push(' ');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}
