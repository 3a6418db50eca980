//! Counts connections and the streams that clients have, and says how many there may be.
//!
//! A connection that has a stream stays. Where there is no room for a new connection, a connection without a stream makes room:
//! the oldest one of the address that has the most of them. So a crowd from one address is in its own way, and not in the way
//! of a slow client elsewhere.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::{Grant, Limit, Reason};
use crate::config::BitRate;
use crate::media::StreamName;

/// The most connections without a stream from one address, where nothing else is set. This machine is excepted.
const UNPROVED_PER_ADDRESS: usize = 16;

/// Bounds on clients of one kind. An address is an IPv4 address, or the 64 bits of a network of IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most connections at the same time from one address.
    pub connections_per_address: Option<usize>,
    /// The most streams that clients have at the same time.
    pub streams: Option<usize>,
    /// The most streams at the same time from one address.
    pub streams_per_address: Option<usize>,
    /// The highest bit rate of each stream.
    pub bitrate: Option<BitRate>,
}

/// Counts what goes on now. It holds one line for each connection and for each stream that a client has, no more.
#[derive(Debug)]
pub struct Limiter {
    /// Whether a second client of a stream takes it over.
    exclusive: bool,
    connections: HashMap<ConnectionId, Connection>,
    streams: HashMap<StreamId, Stream>,
    /// The last number that was given to a connection or stream.
    last: u64,
}

/// A stream of a client that is counted until it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId(u64);

/// A connection that is counted until it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(u64);

#[derive(Debug)]
struct Connection {
    address: IpAddr,
    /// Whether it has a stream. Of the connections without one, the oldest has the smallest `since`.
    active: bool,
    since: u64,
}

/// A connection that is let in.
#[derive(Debug, PartialEq, Eq)]
pub struct Connected {
    /// The number that it is counted under.
    pub id: ConnectionId,
    /// The connection that made room, and the reason. That connection is not counted any more.
    pub gave_way: Option<(ConnectionId, Reason)>,
}

#[derive(Debug)]
struct Stream {
    name: StreamName,
    address: IpAddr,
    grant: Arc<Grant>,
}

impl Limiter {
    /// A limiter that counts nobody yet. With `exclusive`, a second client of a stream takes it over.
    pub fn new(exclusive: bool) -> Self {
        Self {
            exclusive,
            connections: HashMap::new(),
            streams: HashMap::new(),
            last: 0,
        }
    }

    /// Counts a connection, of `most` in all. The error says why there may not be another.
    pub fn connect(&mut self, peer: IpAddr, limits: &Limits, most: usize) -> Result<Connected, Reason> {
        let address = counted_as(peer);
        let full = self.full(address, limits, most);
        let gave_way = match full {
            None => None,
            Some((reason, of_address)) => {
                let Some(connection) = self.to_give_way(of_address) else {
                    return Err(reason);
                };
                self.connections.remove(&connection);
                Some((connection, reason))
            }
        };
        let since = self.next();
        let id = ConnectionId(since);
        let connection = Connection {
            address,
            active: false,
            since,
        };
        self.connections.insert(id, connection);
        Ok(Connected { id, gave_way })
    }

    /// Takes a connection that ended out of the count.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
    }

    /// Sets whether a connection has a stream from now on. False when the connection has given way to another.
    pub fn set_active(&mut self, connection: ConnectionId, active: bool) -> bool {
        let since = self.next();
        self.connections.get_mut(&connection).is_some_and(|connection| {
            (connection.active, connection.since) = (active, since);
            true
        })
    }

    /// Why there is no room for a connection from `address`, if so. The address is the one whose connections can make room;
    /// none: any.
    fn full(&self, address: IpAddr, limits: &Limits, most: usize) -> Option<(Reason, Option<IpAddr>)> {
        let of_address = |connection: &&Connection| connection.address == address;
        let there = self.connections.values().filter(of_address);
        let (now, allowed) = match limits.connections_per_address {
            Some(most) => (there.count(), Some(most)),
            None if address.is_loopback() => (0, None),
            None => (
                there.filter(|connection| !connection.active).count(),
                Some(UNPROVED_PER_ADDRESS),
            ),
        };
        if let Err(reason) = within(Limit::ConnectionsPerAddress, now, allowed) {
            return Some((reason, Some(address)));
        }
        let reason = within(Limit::Connections, self.connections.len(), Some(most)).err()?;
        Some((reason, None))
    }

    /// The connection that makes room: the oldest one without a stream, of the address `of`, or else of the address that has
    /// most of them.
    fn to_give_way(&self, of: Option<IpAddr>) -> Option<ConnectionId> {
        let unproved = || {
            self.connections
                .iter()
                .filter(|(_, connection)| !connection.active)
        };
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (_, connection) in unproved() {
            *counts.entry(connection.address).or_default() += 1;
        }
        let most = counts.values().max().copied().unwrap_or(0);
        let candidates = unproved().filter(|(_, connection)| match of {
            Some(address) => connection.address == address,
            None => counts.get(&connection.address) == Some(&most),
        });
        candidates
            .min_by_key(|(_, connection)| connection.since)
            .map(|(id, _)| *id)
    }

    /// Whether a client may have a stream. Where only one client may have it, the client that has it now is not counted: it
    /// would give way.
    pub fn may_begin(
        &self,
        name: &StreamName,
        peer: IpAddr,
        grant: &Grant,
        limits: &Limits,
    ) -> Result<(), Reason> {
        let address = counted_as(peer);
        let count = |counts: &dyn Fn(&Stream) -> bool| {
            let others = self.streams.values();
            let others = others.filter(|stream| !self.exclusive || stream.name != *name);
            others.filter(|stream| counts(stream)).count()
        };
        within(Limit::Streams, count(&|_| true), limits.streams)?;
        if limits.streams_per_address.is_some() {
            let there = count(&|stream| stream.address == address);
            within(Limit::StreamsPerAddress, there, limits.streams_per_address)?;
        }
        if let Some(most) = grant.max_streams {
            // Streams are counted by the name of the account, so that the count survives a reload.
            let under = count(&|stream| stream.grant.account == grant.account);
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            within(Limit::StreamsOfAccount, under, Some(most))?;
        }
        Ok(())
    }

    /// Counts a stream that a client has from now on. Where only one client may have it, the other is not counted any more.
    pub fn begin(&mut self, name: StreamName, peer: IpAddr, grant: Arc<Grant>) -> StreamId {
        if self.exclusive {
            self.streams.retain(|_, stream| stream.name != name);
        }
        let id = StreamId(self.next());
        let stream = Stream {
            name,
            address: counted_as(peer),
            grant,
        };
        self.streams.insert(id, stream);
        id
    }

    /// Takes a stream that ended out of the count. Nothing changes if another client took it over before.
    pub fn end(&mut self, stream: StreamId) {
        self.streams.remove(&stream);
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

fn within(limit: Limit, now: usize, most: Option<usize>) -> Result<(), Reason> {
    match most {
        Some(most) if now >= most => Err(Reason::Limit { limit, most }),
        _ => Ok(()),
    }
}

/// The address that limits count. Whoever has one IPv6 address has all of its /64, so that is counted as one. The loopback
/// address of this machine is excepted.
pub fn counted_as(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn name(text: &str) -> StreamName {
        text.parse().unwrap()
    }

    const NONE: Limits = Limits {
        connections_per_address: None,
        streams: None,
        streams_per_address: None,
        bitrate: None,
    };

    #[test]
    fn connections_of_an_address_are_counted_and_come_free() {
        let limits = Limits {
            connections_per_address: Some(2),
            ..NONE
        };
        let mut limiter = Limiter::new(true);
        let mut ids = Vec::new();
        for (peer, makes_room) in [
            ("192.0.2.1", false),
            ("::ffff:192.0.2.1", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("2001:db8::1", false),
            ("2001:db8::ffff:0:0:2", false),
            ("2001:db8::3", true),
            ("2001:db8:0:1::3", false),
        ] {
            let connected = limiter.connect(ip(peer), &limits, 64).unwrap();
            assert_eq!(connected.gave_way.is_some(), makes_room, "{peer}");
            ids.push(connected.id);
        }
        // A connection that publishes stays.
        assert!(!limiter.set_active(ids[0], true), "it gave way");
        assert!(limiter.set_active(ids[1], true) && limiter.set_active(ids[2], true));
        assert!(limiter.connect(ip("192.0.2.1"), &limits, 64).is_err());
        assert!(limiter.set_active(ids[1], false));
        let connected = limiter.connect(ip("192.0.2.1"), &limits, 64).unwrap();
        assert_eq!(connected.gave_way.map(|(id, _)| id), Some(ids[1]));
        ids.push(connected.id);
        ids.into_iter().for_each(|id| limiter.disconnect(id));
        assert!(limiter.connections.is_empty());
    }

    #[test]
    fn a_crowd_of_one_address_is_in_its_own_way_and_in_nobody_elses() {
        let mut limiter = Limiter::new(true);
        let mut gone = Vec::new();
        let mut come = |limiter: &mut Limiter, peer: &str| {
            let connected = limiter.connect(ip(peer), &NONE, 64).unwrap();
            gone.extend(connected.gave_way.map(|(id, _)| id));
            (connected.id, gone.clone())
        };
        // Loopback may have all connections: programs of this machine belong to its owner. The crowd has many other addresses.
        let (recording, _) = come(&mut limiter, "127.0.0.1");
        assert!(limiter.set_active(recording, true));
        let (slow, _) = come(&mut limiter, "192.0.2.7");
        for n in 0..1_000 {
            let (_, gone) = come(&mut limiter, &format!("203.0.113.{}", n % 3));
            assert!(!gone.contains(&slow) && !gone.contains(&recording), "{n}");
        }
        let of_one = |limiter: &Limiter, peer: &str| {
            limiter
                .connections
                .values()
                .filter(|it| it.address == ip(peer))
                .count()
        };
        assert_eq!(of_one(&limiter, "203.0.113.1"), UNPROVED_PER_ADDRESS);
        for n in 0..1_000 {
            let (_, gone) = come(&mut limiter, "127.0.0.1");
            assert!(!gone.contains(&slow) && !gone.contains(&recording), "{n}");
            assert!(limiter.connections.len() <= 64);
        }
        // A camera connects, even from an address of the crowd. It stays until many more have come.
        let (camera, _) = come(&mut limiter, "127.0.0.1");
        assert!(limiter.set_active(camera, true) && limiter.set_active(slow, true));
        // The loopback address of IPv6 belongs to this machine's owner, too.
        let mut limiter = Limiter::new(true);
        for _ in 0..64 {
            let connected = limiter.connect(ip("::1"), &NONE, 64).unwrap();
            assert_eq!(connected.gave_way, None);
        }
        // Where all connections publish, there is no room.
        let mut limiter = Limiter::new(true);
        for _ in 0..3 {
            let connected = limiter.connect(ip("192.0.2.1"), &NONE, 3).unwrap();
            limiter.set_active(connected.id, true);
        }
        let refused = limiter.connect(ip("192.0.2.2"), &NONE, 3).unwrap_err();
        let (limit, most) = (Limit::Connections, 3);
        assert_eq!(refused, Reason::Limit { limit, most });
    }

    #[test]
    fn publishes_are_counted_in_all_by_address_and_by_publisher() {
        let limits = Limits {
            streams: Some(4),
            streams_per_address: Some(2),
            ..NONE
        };
        let school = Arc::new(Grant {
            account: Some("school".into()),
            max_streams: Some(1),
            max_bitrate: None,
            required: Default::default(),
        });
        let anyone: Arc<Grant> = Arc::default();
        let mut limiter = Limiter::new(true);
        let mut ids = Vec::new();
        for (stream, peer, grant, refused) in [
            ("a/1", "192.0.2.1", &school, None),
            ("a/2", "192.0.2.2", &school, Some(Limit::StreamsOfAccount)),
            ("a/2", "192.0.2.1", &anyone, None),
            ("a/3", "192.0.2.1", &anyone, Some(Limit::StreamsPerAddress)),
            // Another client of the same stream takes its place.
            ("a/1", "192.0.2.1", &school, None),
            ("a/3", "192.0.2.2", &anyone, None),
            ("a/4", "192.0.2.2", &anyone, None),
            ("a/5", "192.0.2.3", &anyone, Some(Limit::Streams)),
        ] {
            let reason = limiter.may_begin(&name(stream), ip(peer), grant, &limits).err();
            let limit = match reason {
                Some(Reason::Limit { limit, .. }) => Some(limit),
                _ => None,
            };
            assert_eq!(limit, refused, "{stream} from {peer}");
            if limit.is_none() {
                ids.push(limiter.begin(name(stream), ip(peer), Arc::clone(grant)));
            }
        }
        // A stream that was taken over ends later, and takes nothing away from the count.
        let replaced = ids.remove(0);
        limiter.end(replaced);
        assert_eq!(limiter.streams.len(), 4);
        for id in ids {
            limiter.end(id);
        }
        assert!(limiter.streams.is_empty());
    }
    #[test]
    fn where_many_may_have_a_stream_each_of_them_is_counted() {
        let limits = Limits {
            streams: Some(3),
            streams_per_address: Some(2),
            ..NONE
        };
        let mut limiter = Limiter::new(false);
        let begin = |limiter: &mut Limiter, peer: &str| {
            let stream = name("live/cam");
            let anyone = Grant::default();
            limiter.may_begin(&stream, ip(peer), &anyone, &limits)?;
            Ok::<_, Reason>(limiter.begin(stream, ip(peer), Arc::default()))
        };
        let first = begin(&mut limiter, "192.0.2.1").unwrap();
        begin(&mut limiter, "192.0.2.1").unwrap();
        let refused = begin(&mut limiter, "192.0.2.1").unwrap_err();
        let (limit, most) = (Limit::StreamsPerAddress, 2);
        assert_eq!(refused, Reason::Limit { limit, most });
        begin(&mut limiter, "192.0.2.2").unwrap();
        assert!(begin(&mut limiter, "192.0.2.3").is_err());
        limiter.end(first);
        assert!(begin(&mut limiter, "192.0.2.3").is_ok());
    }
}
