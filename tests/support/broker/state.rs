//! The broker's state: connections, sessions, retained messages, wills, and which client gets which message.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnAckProperties, Connect, ConnectReturnCode, Disconnect, DisconnectReasonCode, Filter,
    LastWill, Login, Packet, PingResp, PubAck, PubAckReason, Publish, PublishProperties, RetainForwardRule,
    SubAck, Subscribe, SubscribeReasonCode, UnsubAck, UnsubAckReason, Unsubscribe,
};
use rumqttc::v5::mqttbytes::{QoS, valid_filter, valid_topic};
use tokio::sync::{Notify, mpsc, oneshot};

use super::session::{Held, Session};
use super::wire::{covers, encoded, level, next_packet};
use super::{Behaviour, Message, Old, wire4};

pub(super) struct State {
    pub(super) messages: Vec<Message>,
    pub(super) connects: usize,
    pub(super) login: Option<(String, String)>,
    retained: BTreeMap<String, Held>,
    sessions: BTreeMap<String, Session>,
    links: BTreeMap<u64, Link>,
    last_link: u64,
    /// Delayed wills: when each is due, its client and its message.
    wills: Vec<(Instant, String, Publish)>,
    will_waits: Arc<Notify>,
}

/// A connection. When the broker drops it here, the client gets what is under way, and then the connection is closed.
pub(super) struct Link {
    out: mpsc::UnboundedSender<BytesMut>,
    cut: oneshot::Sender<()>,
    /// Whether the connection uses MQTT 3.1.1.
    is_old: bool,
    /// The id of the client, after CONNACK.
    client: Option<String>,
    /// The will, and its delay.
    will: Option<(Publish, u32)>,
    /// How long the client may send nothing.
    patience: Option<Duration>,
    max_packet: Option<u32>,
    receive_max: Option<u16>,
    no_retain: bool,
    /// The number of received PUBLISHes.
    published: usize,
    unacked: BTreeSet<u16>,
    acks: Vec<PubAck>,
}

impl Link {
    pub(super) fn send(&self, packet: &Packet) {
        let bytes = if self.is_old {
            wire4::encoded(packet)
        } else {
            encoded(packet)
        };
        let _ = self.out.send(bytes);
    }

    /// Acknowledges the received PUBLISHes. Only now does the client know that it may send more. So a client that sends too
    /// much at once is found out.
    fn acknowledge(&mut self) {
        for ack in std::mem::take(&mut self.acks) {
            self.unacked.remove(&ack.pkid);
            self.send(&Packet::PubAck(ack));
        }
    }
}

impl State {
    pub(super) fn new(will_waits: Arc<Notify>) -> Self {
        Self {
            messages: Vec::new(),
            connects: 0,
            login: None,
            retained: BTreeMap::new(),
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
            last_link: 0,
            wills: Vec::new(),
            will_waits,
        }
    }

    pub(super) fn retained(&self) -> BTreeMap<String, Vec<u8>> {
        let fresh = self.retained.iter().filter_map(|(topic, held)| {
            let publish = held.fresh(Instant::now())?;
            Some((topic.clone(), publish.payload.to_vec()))
        });
        fresh.collect()
    }

    pub(super) fn clients(&self) -> Vec<String> {
        self.links
            .values()
            .filter_map(|link| link.client.clone())
            .collect()
    }

    pub(super) fn link_of(&self, client: &str) -> Option<u64> {
        self.sessions.get(client)?.link
    }

    /// Adds a connection.
    pub(super) fn accept(&mut self, out: mpsc::UnboundedSender<BytesMut>, cut: oneshot::Sender<()>) -> u64 {
        self.last_link += 1;
        let link = Link {
            out,
            cut,
            is_old: false,
            client: None,
            will: None,
            patience: None,
            max_packet: None,
            receive_max: None,
            no_retain: false,
            published: 0,
            unacked: BTreeSet::new(),
            acks: Vec::new(),
        };
        self.links.insert(self.last_link, link);
        self.last_link
    }

    /// Handles the received packets. Returns how long the next one may take.
    pub(super) fn hear(&mut self, id: u64, buffer: &mut BytesMut, how: &Behaviour) -> Option<Duration> {
        while let Some(link) = self.links.get_mut(&id) {
            if link.client.is_none() {
                match (level(buffer), how.old) {
                    (None, _) => break,
                    (Some(4), _) => link.is_old = true,
                    (Some(_), None) => {}
                    (Some(_), Some(old)) => {
                        if old == Old::Refuses {
                            let _ = link.out.send(BytesMut::from(&[0x20, 2, 0, 1][..]));
                        }
                        self.leave(id, false);
                        continue;
                    }
                }
            }
            match next_packet(buffer, link.max_packet, link.is_old) {
                Ok(None) => break,
                Ok(Some(packet)) => self.take(id, packet, how),
                Err(reason) => self.dismiss(id, reason),
            }
        }
        let Some(link) = self.links.get_mut(&id) else {
            buffer.clear();
            return None;
        };
        link.acknowledge();
        link.patience
    }

    fn take(&mut self, id: u64, packet: Packet, how: &Behaviour) {
        let link = self.links.get(&id).unwrap();
        let Some(client) = link.client.clone() else {
            return match packet {
                Packet::Connect(connect, will, login) => self.connect(id, connect, will, login, how),
                _ => drop(self.leave(id, false)),
            };
        };
        match packet {
            Packet::Publish(publish) => {
                if let Err(reason) = self.published(id, &client, publish, how) {
                    self.dismiss(id, reason);
                }
            }
            Packet::PubAck(ack) => {
                let session = self.sessions.get_mut(&client).unwrap();
                session.acked(ack.pkid);
                session.pump(&self.links);
            }
            Packet::Subscribe(subscribe) => self.subscribe(id, &client, subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(id, &client, unsubscribe),
            Packet::PingReq(_) => link.send(&Packet::PingResp(PingResp)),
            Packet::Disconnect(disconnect) => {
                let expiry = disconnect.properties.and_then(|all| all.session_expiry_interval);
                if let Some(expiry) = expiry {
                    self.sessions.get_mut(&client).unwrap().expiry = expiry;
                }
                let wanted = disconnect.reason_code != DisconnectReasonCode::NormalDisconnection;
                self.leave(id, wanted);
            }
            _ => self.dismiss(id, DisconnectReasonCode::ProtocolError),
        }
    }

    fn connect(
        &mut self,
        id: u64,
        connect: Connect,
        will: Option<LastWill>,
        login: Option<Login>,
        how: &Behaviour,
    ) {
        let user = login.map(|login| (login.username, login.password));
        let refused = match &will {
            _ if self.login.is_some() && self.login != user => Some(ConnectReturnCode::BadUserNamePassword),
            Some(will) if how.no_retain && will.retain => Some(ConnectReturnCode::RetainNotSupported),
            Some(will) if will.qos == QoS::ExactlyOnce => Some(ConnectReturnCode::QoSNotSupported),
            _ => None,
        };
        if let Some(code) = refused {
            let link = self.links.remove(&id).unwrap();
            let refusal = ConnAck {
                session_present: false,
                code,
                properties: None,
            };
            return link.send(&Packet::ConnAck(refusal));
        }
        let assigned = connect.client_id.is_empty().then(|| format!("assigned-{id}"));
        let client = assigned.clone().unwrap_or(connect.client_id);
        if let Some(twin) = self.link_of(&client) {
            self.dismiss(twin, DisconnectReasonCode::SessionTakenOver);
        }
        self.prune();
        if connect.clean_start {
            self.sessions.remove(&client);
        }
        // A delayed will is sent when its session ends, and forgotten when its client is back in time.
        for (due, whose, _) in &mut self.wills {
            if *whose == client && connect.clean_start {
                *due = Instant::now();
            }
        }
        self.send_wills(Instant::now());
        self.wills.retain(|(_, whose, _)| *whose != client);

        let session_present = self.sessions.contains_key(&client);
        let session = self.sessions.entry(client.clone()).or_default();
        let properties = connect.properties.unwrap_or_default();
        session.link = Some(id);
        session.expiry = properties.session_expiry_interval.unwrap_or(0);
        session.receive_max = usize::from(properties.receive_maximum.unwrap_or(u16::MAX));
        session.max_packet = properties.max_packet_size;

        let link = self.links.get_mut(&id).unwrap();
        link.client = Some(client);
        link.will = will.map(testament);
        let keep_alive = Duration::from_secs(connect.keep_alive.into());
        link.patience = (!keep_alive.is_zero()).then(|| keep_alive.mul_f32(1.5));
        link.max_packet = how.max_packet;
        link.receive_max = how.receive_max;
        link.no_retain = how.no_retain;
        let properties = ConnAckProperties {
            session_expiry_interval: None,
            receive_max: how.receive_max,
            max_qos: Some(1),
            retain_available: how.no_retain.then_some(0),
            max_packet_size: how.max_packet,
            assigned_client_identifier: assigned,
            topic_alias_max: None,
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: None,
            subscription_identifiers_available: None,
            shared_subscription_available: Some(0),
            server_keep_alive: None,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        };
        let code = ConnectReturnCode::Success;
        let accepted = ConnAck {
            session_present,
            code,
            properties: Some(properties),
        };
        link.send(&Packet::ConnAck(accepted));
        self.connects += 1;
        session.pump(&self.links);
    }

    fn published(
        &mut self,
        id: u64,
        client: &str,
        publish: Publish,
        how: &Behaviour,
    ) -> Result<(), DisconnectReasonCode> {
        let link = self.links.get_mut(&id).unwrap();
        let alias = publish.properties.as_ref().and_then(|all| all.topic_alias);
        let topic = std::str::from_utf8(&publish.topic).map_err(|_| DisconnectReasonCode::MalformedPacket)?;
        if publish.qos == QoS::ExactlyOnce {
            return Err(DisconnectReasonCode::QoSNotSupported);
        } else if alias.is_some() {
            return Err(DisconnectReasonCode::TopicAliasInvalid);
        } else if topic.is_empty() || !valid_topic(topic) {
            return Err(DisconnectReasonCode::TopicNameInvalid);
        } else if publish.retain && link.no_retain {
            return Err(DisconnectReasonCode::RetainNotSupported);
        }
        let (pkid, wants_ack) = (publish.pkid, publish.qos == QoS::AtLeastOnce);
        if wants_ack {
            link.unacked.insert(pkid);
            let max = usize::from(link.receive_max.unwrap_or(u16::MAX));
            if link.unacked.len() > max {
                return Err(DisconnectReasonCode::ReceiveMaximumExceeded);
            }
        }
        link.published += 1;
        let cut = how.cut_after.is_some_and(|count| link.published >= count);
        let refused = how.refuse.filter(|_| wants_ack && topic.contains("/event/"));
        if wants_ack && !cut && !how.lose_acks {
            let mut ack = PubAck::new(pkid, None);
            ack.reason = refused.unwrap_or(PubAckReason::Success);
            link.acks.push(ack);
        }
        if refused.is_none() {
            self.route(client, publish, false);
        }
        if cut {
            self.leave(id, true);
        }
        Ok(())
    }

    fn subscribe(&mut self, id: u64, client: &str, subscribe: Subscribe) {
        let link = self.links.get(&id).unwrap();
        let session = self.sessions.get_mut(client).unwrap();
        let identifier = subscribe.properties.and_then(|all| all.id);
        let (mut return_codes, mut retained) = (Vec::new(), Vec::new());
        for mut filter in subscribe.filters {
            if filter.path.starts_with("$share/") {
                return_codes.push(SubscribeReasonCode::SharedSubscriptionsNotSupported);
                continue;
            } else if !valid_filter(&filter.path) {
                return_codes.push(SubscribeReasonCode::TopicFilterInvalid);
                continue;
            }
            if filter.qos == QoS::ExactlyOnce {
                filter.qos = QoS::AtLeastOnce;
            }
            return_codes.push(SubscribeReasonCode::Success(filter.qos));
            let is_new = session.subscribe(filter.clone(), identifier);
            let wanted = match filter.retain_forward_rule {
                RetainForwardRule::OnEverySubscribe => true,
                RetainForwardRule::OnNewSubscribe => is_new,
                RetainForwardRule::Never => false,
            };
            if wanted {
                retained.push(filter);
            }
        }
        let ack = SubAck {
            pkid: subscribe.pkid,
            return_codes,
            properties: None,
        };
        link.send(&Packet::SubAck(ack));
        for filter in &retained {
            for held in self.matching(filter, client) {
                let session = self.sessions.get_mut(client).unwrap();
                session.deliver(
                    held,
                    filter.qos,
                    true,
                    identifier.into_iter().collect(),
                    &self.links,
                );
            }
        }
    }

    /// The retained messages for a subscription of a client.
    fn matching(&self, filter: &Filter, client: &str) -> Vec<Held> {
        let matching = self.retained.iter().filter(|(topic, held)| {
            covers(&filter.path, topic) && !(filter.nolocal && held.client == client)
        });
        matching.map(|(_, held)| held.clone()).collect()
    }

    fn unsubscribe(&mut self, id: u64, client: &str, unsubscribe: Unsubscribe) {
        let session = self.sessions.get_mut(client).unwrap();
        let reasons = unsubscribe.filters.iter().map(|path| {
            if session.unsubscribe(path) {
                UnsubAckReason::Success
            } else {
                UnsubAckReason::NoSubscriptionExisted
            }
        });
        let reasons = reasons.collect();
        let ack = UnsubAck {
            pkid: unsubscribe.pkid,
            reasons,
            properties: None,
        };
        self.links.get(&id).unwrap().send(&Packet::UnsubAck(ack));
    }

    /// Records a message, retains it if that is wanted, and sends it to all its subscribers.
    pub(super) fn route(&mut self, client: &str, mut publish: Publish, will: bool) {
        let properties = publish.properties.as_ref();
        let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
        self.messages.push(Message {
            at: Instant::now(),
            client: client.to_owned(),
            topic: topic.clone(),
            payload: publish.payload.to_vec(),
            retain: publish.retain,
            qos: publish.qos as u8,
            dup: publish.dup,
            response_topic: properties.and_then(|all| all.response_topic.clone()),
            correlation: properties.and_then(|all| all.correlation_data.as_ref().map(|data| data.to_vec())),
            will,
        });
        (publish.dup, publish.pkid) = (false, 0);
        let held = Held {
            client: client.to_owned(),
            since: Instant::now(),
            publish,
        };
        if held.publish.retain && held.publish.payload.is_empty() {
            self.retained.remove(&topic);
        } else if held.publish.retain {
            self.retained.insert(topic.clone(), held.clone());
        }
        self.prune();
        for (name, session) in &mut self.sessions {
            session.offer(name == client, &topic, &held, &self.links);
        }
    }

    /// Disconnects a client with a reason.
    pub(super) fn dismiss(&mut self, id: u64, reason: DisconnectReasonCode) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.acknowledge();
        if link.client.is_some() {
            link.send(&Packet::Disconnect(Disconnect::new(reason)));
        }
        self.leave(id, true);
    }

    /// Ends a connection; packets that wait for it are still sent. Its will counts unless the client has sent DISCONNECT.
    pub(super) fn leave(&mut self, id: u64, will: bool) -> Option<oneshot::Sender<()>> {
        let mut link = self.links.remove(&id)?;
        link.acknowledge();
        let Some(client) = link.client else {
            return Some(link.cut);
        };
        let session = self.sessions.get_mut(&client).unwrap();
        session.rest();
        let lasts = session.expiry;
        if lasts == 0 {
            self.sessions.remove(&client);
        }
        match link.will.filter(|_| will) {
            None => (),
            Some((publish, delay)) if delay.min(lasts) == 0 => self.route(&client, publish, true),
            Some((publish, delay)) => {
                let due = Instant::now() + Duration::from_secs(delay.min(lasts).into());
                self.wills.push((due, client, publish));
                self.will_waits.notify_one();
            }
        }
        Some(link.cut)
    }

    /// Sends the wills that are due. Returns when the next one is due.
    pub(super) fn send_wills(&mut self, now: Instant) -> Option<Instant> {
        let (due, later) = std::mem::take(&mut self.wills)
            .into_iter()
            .partition::<Vec<_>, _>(|(due, _, _)| *due <= now);
        self.wills = later;
        for (_, client, publish) in due {
            self.route(&client, publish, true);
        }
        self.wills.iter().map(|(due, _, _)| *due).min()
    }

    /// Closes all connections without a packet.
    pub(super) fn cut(&mut self) {
        let links: Vec<_> = self.links.keys().copied().collect();
        for id in links {
            if let Some(cut) = self.leave(id, true) {
                let _ = cut.send(());
            }
        }
    }

    /// The broker has stopped: its connections are gone, and it sent no wills.
    pub(super) fn stopped(&mut self) {
        let links: Vec<_> = self.links.keys().copied().collect();
        for id in links {
            self.leave(id, false);
        }
    }

    pub(super) fn forget(&mut self) {
        self.sessions.clear();
        self.retained.clear();
        self.wills.clear();
    }

    /// Ends the sessions whose clients were away for too long.
    fn prune(&mut self) {
        let now = Instant::now();
        self.sessions.retain(|_, session| !session.is_over(now));
    }
}

/// A will as the broker publishes it, and its delay.
fn testament(will: LastWill) -> (Publish, u32) {
    let mut publish = Publish {
        qos: will.qos,
        retain: will.retain,
        topic: will.topic,
        payload: will.message,
        ..Default::default()
    };
    let Some(properties) = will.properties else {
        return (publish, 0);
    };
    publish.properties = Some(PublishProperties {
        payload_format_indicator: properties.payload_format_indicator,
        message_expiry_interval: properties.message_expiry_interval,
        content_type: properties.content_type,
        response_topic: properties.response_topic,
        correlation_data: properties.correlation_data,
        user_properties: properties.user_properties,
        ..Default::default()
    });
    (publish, properties.delay_interval.unwrap_or(0))
}
