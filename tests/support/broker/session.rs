//! What the broker keeps of a client beyond its connection.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, Publish};

use super::state::Link;
use super::wire::covers;

/// A queued message.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) client: String,
    pub(super) since: Instant,
    pub(super) publish: Publish,
}

impl Held {
    /// The message as it is sent now, unless it has expired.
    pub(super) fn fresh(&self, now: Instant) -> Option<Publish> {
        let mut publish = self.publish.clone();
        let expiry = publish.properties.as_mut();
        if let Some(left) = expiry.and_then(|all| all.message_expiry_interval.as_mut()) {
            let waited = now.duration_since(self.since).as_secs();
            *left = left.checked_sub(u32::try_from(waited).ok()?)?;
            if *left == 0 {
                return None;
            }
        }
        Some(publish)
    }
}

#[derive(Default)]
pub(super) struct Session {
    /// The connection, while there is one.
    pub(super) link: Option<u64>,
    /// Seconds that the session lasts without a connection; the largest number means for ever.
    pub(super) expiry: u32,
    pub(super) receive_max: usize,
    pub(super) max_packet: Option<u32>,
    left: Option<Instant>,
    filters: Vec<(Filter, Option<usize>)>,
    /// Messages of QoS 1 that were not sent yet or, with a packet id, not over this connection.
    queue: VecDeque<Held>,
    /// Messages that were sent and not acknowledged.
    inflight: Vec<Held>,
    last_pkid: u16,
}

impl Session {
    /// Whether the subscription is new.
    pub(super) fn subscribe(&mut self, filter: Filter, identifier: Option<usize>) -> bool {
        let known = self.unsubscribe(&filter.path);
        self.filters.push((filter, identifier));
        !known
    }

    /// Whether the client had this subscription.
    pub(super) fn unsubscribe(&mut self, path: &str) -> bool {
        let count = self.filters.len();
        self.filters.retain(|(filter, _)| filter.path != path);
        self.filters.len() < count
    }

    /// Delivers a message if a subscription covers it: once, even if several do.
    pub(super) fn offer(&mut self, own: bool, topic: &str, held: &Held, links: &BTreeMap<u64, Link>) {
        let matching = |(filter, _): &&(Filter, _)| covers(&filter.path, topic) && !(own && filter.nolocal);
        let matching: Vec<_> = self.filters.iter().filter(matching).collect();
        if matching.is_empty() {
            return;
        }
        let acked = matching.iter().any(|(filter, _)| filter.qos == QoS::AtLeastOnce);
        let qos = if acked { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        let preserved = matching.iter().any(|(filter, _)| filter.preserve_retain);
        let identifiers = matching.iter().filter_map(|(_, identifier)| *identifier);
        let (identifiers, retain) = (identifiers.collect(), held.publish.retain && preserved);
        self.deliver(held.clone(), qos, retain, identifiers, links);
    }

    /// Sends a message as soon as the client may get it. A message of QoS 0 is lost if the client is away.
    pub(super) fn deliver(
        &mut self,
        mut held: Held,
        qos: QoS,
        retain: bool,
        identifiers: Vec<usize>,
        links: &BTreeMap<u64, Link>,
    ) {
        let publish = &mut held.publish;
        publish.retain = retain;
        if qos == QoS::AtMostOnce {
            publish.qos = QoS::AtMostOnce;
        }
        if !identifiers.is_empty() {
            let properties = publish.properties.get_or_insert_default();
            properties.subscription_identifiers = identifiers;
        }
        if publish.qos == QoS::AtLeastOnce {
            self.queue.push_back(held);
            return self.pump(links);
        }
        let link = self.link.and_then(|id| links.get(&id));
        let publish = held.fresh(Instant::now());
        if let (Some(link), Some(publish)) = (link, publish)
            && self.fits(&publish)
        {
            link.send(&Packet::Publish(publish));
        }
    }

    /// Sends as much of the queue as the client wants to have unacknowledged.
    pub(super) fn pump(&mut self, links: &BTreeMap<u64, Link>) {
        let Some(link) = self.link.and_then(|id| links.get(&id)) else {
            return;
        };
        while self.inflight.len() < self.receive_max {
            let Some(mut held) = self.queue.pop_front() else {
                return;
            };
            if held.publish.pkid == 0 {
                held.publish.pkid = self.next_pkid();
            }
            if let Some(publish) = held.fresh(Instant::now())
                && self.fits(&publish)
            {
                link.send(&Packet::Publish(publish));
                self.inflight.push(held);
            }
        }
    }

    /// A message that is too large for the client counts as delivered.
    fn fits(&self, publish: &Publish) -> bool {
        self.max_packet.is_none_or(|max| publish.size() <= max as usize)
    }

    fn next_pkid(&mut self) -> u16 {
        loop {
            self.last_pkid = self.last_pkid.checked_add(1).unwrap_or(1);
            let mut taken = self.inflight.iter().chain(&self.queue);
            if taken.all(|held| held.publish.pkid != self.last_pkid) {
                return self.last_pkid;
            }
        }
    }

    pub(super) fn acked(&mut self, pkid: u16) {
        self.inflight.retain(|held| held.publish.pkid != pkid);
    }

    /// The connection is gone. Unacknowledged messages are sent again over the next one.
    pub(super) fn rest(&mut self) {
        (self.link, self.left) = (None, Some(Instant::now()));
        for mut held in self.inflight.drain(..).rev() {
            held.publish.dup = true;
            self.queue.push_front(held);
        }
    }

    /// Whether the session's client was away for too long.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let lasts = Duration::from_secs(self.expiry.into());
        let away = self.left.filter(|_| self.link.is_none());
        self.expiry != u32::MAX && away.is_some_and(|left| now.duration_since(left) >= lasts)
    }
}
