//! One connection to the broker: rumqttc, and what has to be minded about it. MQTT 5 and MQTT 3.1.1 differ in `v5` and `v4`
//! alone.
//!
//! Its event loop runs in a task of its own, so that nothing cancels it half-way, and is thrown away with the connection:
//! nothing that it had in its queues is lost, since the outbox is the queue, and no state of it can wedge the next one.
//!
//! Publishes go out in the order in which they are handed over, and each is confirmed by its packet id: the two are matched
//! here, so that whoever sends something hears when it has arrived.

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

/// Packets that the box takes: a request of the largest kind, and what is around it.
const LARGEST_TAKEN: u32 = 96 << 10;
/// Requests that the broker hands over before one of them is confirmed.
pub(super) const REQUESTS: u16 = 32;
/// Publishes on their way at the same time, if the broker does not want fewer.
const FLYING: u16 = 100;
/// What may wait to be sent.
const QUEUE: usize = 256;

/// What was handed over; it comes back when it has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A message of the event with this number, sent in this round.
    Event(u64, u32),
    /// An answer, to the request with this place.
    Answer(u64),
    /// Something that is not waited for.
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
    /// The broker is not there, or the way to it is not.
    Gone(String),
    /// The broker does not want this box.
    Refused(String),
    /// Another with the same client id has come.
    TakenOver,
    /// The broker keeps no messages, not even as a last will.
    NoRetain,
    /// Somebody published more bytes at once than the box takes, and MQTT 3.1.1 has no way to tell the broker.
    TooLarge(usize),
}

impl Loss {
    /// In words.
    pub(super) fn reason(&self) -> String {
        match self {
            Loss::Gone(reason) | Loss::Refused(reason) => reason.clone(),
            Loss::TakenOver => "another client with the same id has connected".to_owned(),
            Loss::NoRetain => "the broker does not support retained messages".to_owned(),
            Loss::TooLarge(bytes) => format!("somebody sent a message of {bytes} bytes"),
        }
    }
}

/// What the broker takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes of a packet.
    pub(super) packet: usize,
    /// Publishes on their way.
    pub(super) flying: usize,
    /// It keeps the last message of a topic.
    pub(super) retains: bool,
}

/// A publish that is to go out.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) topic: String,
    pub(super) body: Bytes,
    pub(super) retain: bool,
    /// It is to be confirmed.
    pub(super) confirmed: bool,
    pub(super) correlation: Option<Bytes>,
}

/// A connection.
pub(super) struct Link {
    client: Client,
    packets: mpsc::Receiver<Result<Said, Failed>>,
    pump: JoinHandle<()>,
    limits: Limits,
    version: Version,
    /// Why it is not the version that was tried first.
    instead: Option<String>,
    /// What was handed over and has no packet id yet.
    handed: VecDeque<Mark>,
    flying: HashMap<u16, Mark>,
    /// What has the packet id of another that is still on its way: it goes when that has arrived.
    held: Option<(u16, Mark)>,
}

impl Link {
    /// Connects. `will` is what the broker says when the box is gone without a word; what the broker kept for it is thrown
    /// away with `clean`.
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

    /// Why it is not the version that was tried first.
    pub(super) fn instead(&self) -> Option<&str> {
        self.instead.as_deref()
    }

    /// Listens to topics: to what is published live with its `retain` as it was published, and to what is retained, if
    /// that is wanted.
    pub(super) fn subscribe(&self, filter: String, retained: bool) -> Result<(), Loss> {
        self.client.subscribe(filter, retained)
    }

    pub(super) fn unsubscribe(&self, filter: String) -> Result<(), Loss> {
        self.client.unsubscribe(filter)
    }

    /// True when the broker takes a packet of this size.
    pub(super) fn fits(&self, topic: &str, body: usize) -> bool {
        // The fixed header, lengths, the packet id, and properties of answers.
        topic.len() + body + 1_200 <= self.limits.packet
    }

    /// Hands a publish over. What is full means that the broker takes nothing: there is no use in going on.
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

    /// Publishes that are on their way, those without confirmation not counted once they are sent.
    pub(super) fn outstanding(&self) -> usize {
        self.handed.len() + self.flying.len() + usize::from(self.held.is_some())
    }

    /// Confirms what somebody published.
    pub(super) fn confirm(&self, publish: &Publish) -> Result<(), Loss> {
        self.client.confirm(publish)
    }

    /// The next thing that the broker says. Nothing is lost when this is dropped before it is done.
    pub(super) async fn heard(&mut self) -> Heard {
        loop {
            let Some(event) = self.packets.recv().await else {
                return Heard::Lost(Loss::Gone("the connection ended".to_owned()));
            };
            let heard = match event {
                Ok(Said::Sent(id)) => self.departed(id),
                // rumqttc gives subscriptions the same few packet ids: what collides waits, and nothing goes out meanwhile
                // (its issue 1056). Should that be for ever, the connection is given up for want of confirmations.
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

    /// A publish was written; one that is not confirmed has arrived as far as anybody will know.
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

    /// Says goodbye: the last will is not spoken. What was handed over goes out first, if it does so within `patience`.
    pub(super) async fn goodbye(mut self, patience: Duration) {
        let all = async {
            while self.outstanding() > 0 && !matches!(self.heard().await, Heard::Lost(_)) {}
            self.client.disconnect();
            // Until the broker closes.
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

/// Polls until the connection is gone.
async fn pump(mut events: Events, sender: mpsc::Sender<Result<Said, Failed>>) {
    loop {
        let event = events.next().await;
        let over = event.is_err();
        if sender.send(event).await.is_err() || over {
            return;
        }
    }
}

/// `NotAuthorized` is "not authorized".
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
