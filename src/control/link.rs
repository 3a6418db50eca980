//! One connection to the broker: rumqttc, and what has to be minded about it.
//!
//! Its event loop runs in a task of its own, so that nothing cancels it half-way, and is thrown away with the connection:
//! nothing that it had in its queues is lost, since the outbox is the queue, and no state of it can wedge the next one.
//!
//! Publishes go out in the order in which they are handed over, and each is confirmed by its packet id: the two are matched
//! here, so that whoever sends something hears when it has arrived.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectProperties, ConnectReturnCode, DisconnectReasonCode, Filter, LastWill, Packet,
    PubAckReason, Publish, PublishProperties, RetainForwardRule, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::LinkSettings;

/// Packets that the box takes: a request of the largest kind, and what is around it.
const LARGEST_TAKEN: u32 = 96 << 10;
/// Requests that the broker hands over before one of them is confirmed.
pub(super) const REQUESTS: u16 = 32;
/// Publishes on their way at the same time, if the broker does not want fewer.
const FLYING: u16 = 100;
/// What may wait to be sent.
const QUEUE: usize = 256;
/// A broker that has not answered by then is not there.
const CONNECT: u64 = 15;

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
    client: AsyncClient,
    packets: mpsc::Receiver<Result<Event, ConnectionError>>,
    pump: JoinHandle<()>,
    limits: Limits,
    /// What was handed over and has no packet id yet.
    handed: VecDeque<Mark>,
    flying: HashMap<u16, Mark>,
    /// What has the packet id of another that is still on its way: it goes when that has arrived.
    held: Option<(u16, Mark)>,
}

impl Link {
    /// Connects. `will` is what the broker says when the box is gone without a word.
    pub(super) async fn connect(settings: &LinkSettings, will: Post) -> Result<Self, Loss> {
        let (client, events) = AsyncClient::new(options(settings, will), QUEUE);
        let (sender, mut packets) = mpsc::channel(64);
        let pump = tokio::spawn(pump(events, sender));
        let first = packets.recv().await;
        let ack = match first {
            Some(Ok(Event::Incoming(Packet::ConnAck(ack)))) => ack,
            Some(Err(error)) => return Err(loss(&error)),
            _ => return Err(Loss::Gone("the broker said something else first".to_owned())),
        };
        Ok(Self {
            client,
            packets,
            pump,
            limits: limits(&ack)?,
            handed: VecDeque::new(),
            flying: HashMap::new(),
            held: None,
        })
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Listens to topics: to what is published live with its `retain` as it was published, and to what is retained, if
    /// that is wanted.
    pub(super) fn subscribe(&self, filter: String, retained: bool) -> Result<(), Loss> {
        let filter = Filter {
            path: filter,
            qos: QoS::AtLeastOnce,
            // What is retained may be this box's own, of another run.
            nolocal: !retained,
            preserve_retain: !retained,
            retain_forward_rule: match retained {
                true => RetainForwardRule::OnEverySubscribe,
                false => RetainForwardRule::Never,
            },
        };
        self.client.try_subscribe_many([filter]).map_err(full)
    }

    pub(super) fn unsubscribe(&self, filter: String) -> Result<(), Loss> {
        self.client.try_unsubscribe(filter).map_err(full)
    }

    /// True when the broker takes a packet of this size.
    pub(super) fn fits(&self, topic: &str, body: usize) -> bool {
        // The fixed header, lengths, the packet id, and properties of answers.
        topic.len() + body + 1_200 <= self.limits.packet
    }

    /// Hands a publish over. What is full means that the broker takes nothing: there is no use in going on.
    pub(super) fn post(&mut self, post: Post, mark: Mark) -> Result<(), Loss> {
        let qos = match post.confirmed {
            true => QoS::AtLeastOnce,
            false => QoS::AtMostOnce,
        };
        let retain = post.retain && self.limits.retains;
        let properties = PublishProperties {
            correlation_data: post.correlation,
            ..PublishProperties::default()
        };
        self.client
            .try_publish_with_properties(post.topic, qos, retain, post.body, properties)
            .map_err(full)?;
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
        self.client.try_ack(publish).map_err(full)
    }

    /// The next thing that the broker says. Nothing is lost when this is dropped before it is done.
    pub(super) async fn heard(&mut self) -> Heard {
        loop {
            let Some(event) = self.packets.recv().await else {
                return Heard::Lost(Loss::Gone("the connection ended".to_owned()));
            };
            let heard = match event {
                Ok(Event::Outgoing(Outgoing::Publish(id))) => self.departed(id),
                // rumqttc gives subscriptions the same few packet ids: what collides waits, and nothing goes out meanwhile
                // (its issue 1056). Should that be for ever, the connection is given up for want of confirmations.
                Ok(Event::Outgoing(Outgoing::AwaitAck(id))) => {
                    self.held = self.handed.pop_front().map(|mark| (id, mark));
                    None
                }
                Ok(Event::Incoming(Packet::PubAck(ack))) => {
                    let mark = self.flying.remove(&ack.pkid);
                    mark.map(|mark| match ack.reason {
                        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Heard::Arrived(mark),
                        reason => Heard::Refused(mark, reason),
                    })
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => Some(Heard::Message(publish)),
                Ok(Event::Incoming(Packet::SubAck(ack))) => {
                    let taken = |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
                    (!ack.return_codes.iter().all(taken)).then_some(Heard::Unsubscribed)
                }
                Ok(_) => None,
                Err(error) => Some(Heard::Lost(loss(&error))),
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
            let _ = self.client.try_disconnect();
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
async fn pump(mut events: EventLoop, sender: mpsc::Sender<Result<Event, ConnectionError>>) {
    loop {
        let event = events.poll().await;
        let over = event.is_err();
        if sender.send(event).await.is_err() || over {
            return;
        }
    }
}

fn options(settings: &LinkSettings, will: Post) -> MqttOptions {
    let mut options = MqttOptions::new(&settings.client_id, &settings.host, settings.port);
    if let Some(tls) = &settings.tls {
        let tls = TlsConfiguration::Rustls(tls.clone());
        options.set_transport(Transport::tls_with_config(tls));
    }
    if let Some((user, password)) = &settings.login {
        options.set_credentials(user, password);
    }
    let expiry = u32::try_from(settings.session_expiry.as_secs()).unwrap_or(u32::MAX);
    options
        .set_keep_alive(settings.keep_alive)
        .set_clean_start(false)
        .set_connection_timeout(CONNECT)
        .set_last_will(LastWill::new(
            will.topic,
            will.body,
            QoS::AtLeastOnce,
            will.retain,
            None,
        ))
        .set_manual_acks(true)
        .set_outgoing_inflight_upper_limit(FLYING);
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(expiry);
    properties.receive_maximum = Some(REQUESTS);
    properties.max_packet_size = Some(LARGEST_TAKEN);
    options.set_connect_properties(properties);
    options
}

fn limits(ack: &ConnAck) -> Result<Limits, Loss> {
    let said = ack.properties.as_ref();
    if said.and_then(|said| said.max_qos) == Some(0) {
        let text = "the broker confirms nothing (its maximum QoS is 0), so nothing could be relied on";
        return Err(Loss::Refused(text.to_owned()));
    }
    let packet = said.and_then(|said| said.max_packet_size).unwrap_or(u32::MAX);
    let flying = said
        .and_then(|said| said.receive_max)
        .unwrap_or(FLYING)
        .min(FLYING);
    Ok(Limits {
        packet: usize::try_from(packet).unwrap_or(usize::MAX),
        flying: usize::from(flying.max(1)),
        retains: said.and_then(|said| said.retain_available) != Some(0),
    })
}

fn full(_: rumqttc::v5::ClientError) -> Loss {
    Loss::Gone("the broker takes nothing".to_owned())
}

/// A failure in words.
pub(super) fn reason(error: &ConnectionError) -> String {
    match loss(error) {
        Loss::Gone(reason) | Loss::Refused(reason) => reason,
        Loss::TakenOver => "another client with this id has come".to_owned(),
        Loss::NoRetain => "the broker keeps nothing".to_owned(),
    }
}

/// What a failure means.
fn loss(error: &ConnectionError) -> Loss {
    let text = crate::https::with_causes(error);
    match error {
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::ServerUnavailable | ConnectReturnCode::ServerBusy => {
                Loss::Gone("the broker is busy".to_owned())
            }
            ConnectReturnCode::RetainNotSupported => Loss::NoRetain,
            code => Loss::Refused(format!(
                "the broker refuses this client: {}",
                words(&format!("{code:?}"))
            )),
        },
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code,
            reason_string,
        }) => match reason_code {
            DisconnectReasonCode::SessionTakenOver => Loss::TakenOver,
            code => {
                let why = reason_string
                    .as_deref()
                    .map_or(String::new(), |why| format!(": {why}"));
                Loss::Gone(format!(
                    "the broker ended the connection, {}{why}",
                    words(&format!("{code:?}"))
                ))
            }
        },
        ConnectionError::Timeout(_) => Loss::Gone(format!("no answer within {CONNECT} s")),
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            Loss::Gone("the broker does not answer any more".to_owned())
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            Loss::Gone("the connection broke".to_owned())
        }
        _ => Loss::Gone(text),
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
