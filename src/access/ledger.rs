//! How many connections and publishes there are, and how many there may be.
//!
//! A connection that publishes keeps its seat. Where there is none left for a new connection, one that does not publish makes
//! room: of the address that has most of those, the one that is there longest. So a crowd of one address is in its own way,
//! and not in that of an encoder elsewhere that takes its time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::{Limit, Permit, Reason};
use crate::config::Limits;
use crate::media::StreamName;

/// Connections of one address beyond this machine that do not publish, where nothing else is set.
const UNPROVED_PER_ADDRESS: usize = 16;

/// What goes on now. Holds one line for each connection and each publish, no more.
#[derive(Debug, Default)]
pub struct Ledger {
    seats: HashMap<SeatId, Seat>,
    seated: u64,
    publishes: HashMap<StreamName, Line>,
    tickets: u64,
}

/// A publish that is counted until it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// A connection that is counted until it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeatId(u64);

#[derive(Debug)]
struct Seat {
    address: IpAddr,
    /// It publishes. Of those that do not, who came first has the smallest number.
    publishes: bool,
    since: u64,
}

/// A connection that is let in.
#[derive(Debug, PartialEq, Eq)]
pub struct Seated {
    /// Its seat.
    pub seat: SeatId,
    /// Who made room for it, and why; that one is not counted any more.
    pub gave_way: Option<(SeatId, Reason)>,
}

#[derive(Debug)]
struct Line {
    ticket: Ticket,
    address: IpAddr,
    permit: Arc<Permit>,
}

impl Ledger {
    /// Counts a connection, of `most` in all, or says why there may not be another.
    pub fn connect(&mut self, peer: IpAddr, limits: &Limits, most: usize) -> Result<Seated, Reason> {
        let address = counted_as(peer);
        let full = self.full(address, limits, most);
        let gave_way = match full {
            None => None,
            Some((reason, of_address)) => {
                let Some(seat) = self.to_give_way(of_address) else {
                    return Err(reason);
                };
                self.seats.remove(&seat);
                Some((seat, reason))
            }
        };
        self.seated += 1;
        let seat = SeatId(self.seated);
        let (publishes, since) = (false, self.seated);
        self.seats.insert(
            seat,
            Seat {
                address,
                publishes,
                since,
            },
        );
        Ok(Seated { seat, gave_way })
    }

    /// A connection that was counted is gone.
    pub fn disconnect(&mut self, seat: SeatId) {
        self.seats.remove(&seat);
    }

    /// A connection publishes from now on, or does not any more; false when it has given way to another.
    pub fn publishes(&mut self, seat: SeatId, publishes: bool) -> bool {
        self.seated += 1;
        let since = self.seated;
        self.seats.get_mut(&seat).is_some_and(|seat| {
            (seat.publishes, seat.since) = (publishes, since);
            true
        })
    }

    /// Why there is no seat for a connection from `address`, and whose connection it is that can make room, if not anyone's.
    fn full(&self, address: IpAddr, limits: &Limits, most: usize) -> Option<(Reason, Option<IpAddr>)> {
        let of_address = |seat: &&Seat| seat.address == address;
        let there = self.seats.values().filter(of_address);
        let (now, allowed) = match limits.connections_per_address {
            Some(most) => (there.count(), Some(most)),
            None if address.is_loopback() => (0, None),
            None => (
                there.filter(|seat| !seat.publishes).count(),
                Some(UNPROVED_PER_ADDRESS),
            ),
        };
        if let Err(reason) = within(Limit::ConnectionsPerAddress, now, allowed) {
            return Some((reason, Some(address)));
        }
        let reason = within(Limit::Connections, self.seats.len(), Some(most)).err()?;
        Some((reason, None))
    }

    /// Who makes room: the oldest that does not publish, of this address or else of the one that has most of them.
    fn to_give_way(&self, of: Option<IpAddr>) -> Option<SeatId> {
        let unproved = || self.seats.iter().filter(|(_, seat)| !seat.publishes);
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (_, seat) in unproved() {
            *counts.entry(seat.address).or_default() += 1;
        }
        let most = counts.values().max().copied().unwrap_or(0);
        let candidates = unproved().filter(|(_, seat)| match of {
            Some(address) => seat.address == address,
            None => counts.get(&seat.address) == Some(&most),
        });
        candidates.min_by_key(|(_, seat)| seat.since).map(|(id, _)| *id)
    }

    /// Whether a publish may begin. One of the same stream that is still counted would give way to it.
    pub fn may_publish(
        &self,
        stream: &StreamName,
        peer: IpAddr,
        permit: &Permit,
        limits: &Limits,
    ) -> Result<(), Reason> {
        let address = counted_as(peer);
        let count = |counts: &dyn Fn(&Line) -> bool| {
            let others = self.publishes.iter().filter(|(other, _)| *other != stream);
            others.filter(|(_, line)| counts(line)).count()
        };
        within(Limit::Publishes, count(&|_| true), limits.publishes)?;
        if limits.publishes_per_address.is_some() {
            let there = count(&|line| line.address == address);
            within(Limit::PublishesPerAddress, there, limits.publishes_per_address)?;
        }
        if let Some(most) = permit.max_publishes {
            // By name, so that a reload counts on.
            let under = count(&|line| line.permit.publisher == permit.publisher);
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            within(Limit::PublishesOfPublisher, under, Some(most))?;
        }
        Ok(())
    }

    /// Counts a publish that began.
    pub fn begin(&mut self, stream: StreamName, peer: IpAddr, permit: Arc<Permit>) -> Ticket {
        self.tickets += 1;
        let line = Line {
            ticket: Ticket(self.tickets),
            address: counted_as(peer),
            permit,
        };
        let ticket = line.ticket;
        self.publishes.insert(stream, line);
        ticket
    }

    /// A publish that was counted is over, unless another has taken its place already.
    pub fn end(&mut self, stream: &StreamName, ticket: Ticket) {
        if self
            .publishes
            .get(stream)
            .is_some_and(|line| line.ticket == ticket)
        {
            self.publishes.remove(stream);
        }
    }
}

fn within(limit: Limit, now: usize, most: Option<usize>) -> Result<(), Reason> {
    match most {
        Some(most) if now >= most => Err(Reason::Limit { limit, most }),
        _ => Ok(()),
    }
}

/// The address that limits count: whoever has one IPv6 address has all of its /64.
pub fn counted_as(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
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
        publishes: None,
        publishes_per_address: None,
        bitrate: None,
    };

    #[test]
    fn connections_of_an_address_are_counted_and_come_free() {
        let limits = Limits {
            connections_per_address: Some(2),
            ..NONE
        };
        let mut ledger = Ledger::default();
        let mut seats = Vec::new();
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
            let seated = ledger.connect(ip(peer), &limits, 64).unwrap();
            assert_eq!(seated.gave_way.is_some(), makes_room, "{peer}");
            seats.push(seated.seat);
        }
        // Who publishes keeps its seat.
        assert!(!ledger.publishes(seats[0], true), "it gave way");
        assert!(ledger.publishes(seats[1], true) && ledger.publishes(seats[2], true));
        assert!(ledger.connect(ip("192.0.2.1"), &limits, 64).is_err());
        assert!(ledger.publishes(seats[1], false));
        let seated = ledger.connect(ip("192.0.2.1"), &limits, 64).unwrap();
        assert_eq!(seated.gave_way.map(|(seat, _)| seat), Some(seats[1]));
        seats.push(seated.seat);
        seats.into_iter().for_each(|seat| ledger.disconnect(seat));
        assert!(ledger.seats.is_empty());
    }

    #[test]
    fn a_crowd_of_one_address_is_in_its_own_way_and_in_nobody_elses() {
        let mut ledger = Ledger::default();
        let mut gone = Vec::new();
        let mut come = |ledger: &mut Ledger, peer: &str| {
            let seated = ledger.connect(ip(peer), &NONE, 64).unwrap();
            gone.extend(seated.gave_way.map(|(seat, _)| seat));
            (seated.seat, gone.clone())
        };
        // Loopback may have all of them: programs of this machine are its owner's. The crowd has many addresses besides.
        let (recording, _) = come(&mut ledger, "127.0.0.1");
        assert!(ledger.publishes(recording, true));
        let (slow, _) = come(&mut ledger, "192.0.2.7");
        for n in 0..1_000 {
            let (_, gone) = come(&mut ledger, &format!("203.0.113.{}", n % 3));
            assert!(!gone.contains(&slow) && !gone.contains(&recording), "{n}");
        }
        let of_one =
            |ledger: &Ledger, peer: &str| ledger.seats.values().filter(|it| it.address == ip(peer)).count();
        assert_eq!(of_one(&ledger, "203.0.113.1"), UNPROVED_PER_ADDRESS);
        for n in 0..1_000 {
            let (_, gone) = come(&mut ledger, "127.0.0.1");
            assert!(!gone.contains(&slow) && !gone.contains(&recording), "{n}");
            assert!(ledger.seats.len() <= 64);
        }
        // A camera comes, of the crowd's address even, and has its seat until many more have come.
        let (camera, _) = come(&mut ledger, "127.0.0.1");
        assert!(ledger.publishes(camera, true) && ledger.publishes(slow, true));
        // Where all publish, there is no room.
        let mut ledger = Ledger::default();
        for _ in 0..3 {
            let seated = ledger.connect(ip("192.0.2.1"), &NONE, 3).unwrap();
            ledger.publishes(seated.seat, true);
        }
        let refused = ledger.connect(ip("192.0.2.2"), &NONE, 3).unwrap_err();
        let (limit, most) = (Limit::Connections, 3);
        assert_eq!(refused, Reason::Limit { limit, most });
    }

    #[test]
    fn publishes_are_counted_in_all_by_address_and_by_publisher() {
        let limits = Limits {
            publishes: Some(4),
            publishes_per_address: Some(2),
            ..NONE
        };
        let school = Arc::new(Permit {
            publisher: Some("school".into()),
            max_publishes: Some(1),
            max_bitrate: None,
            required: Default::default(),
        });
        let anyone: Arc<Permit> = Arc::default();
        let mut ledger = Ledger::default();
        let mut tickets = Vec::new();
        for (stream, peer, permit, refused) in [
            ("a/1", "192.0.2.1", &school, None),
            ("a/2", "192.0.2.2", &school, Some(Limit::PublishesOfPublisher)),
            ("a/2", "192.0.2.1", &anyone, None),
            ("a/3", "192.0.2.1", &anyone, Some(Limit::PublishesPerAddress)),
            // Another of the same stream takes its place.
            ("a/1", "192.0.2.1", &school, None),
            ("a/3", "192.0.2.2", &anyone, None),
            ("a/4", "192.0.2.2", &anyone, None),
            ("a/5", "192.0.2.3", &anyone, Some(Limit::Publishes)),
        ] {
            let reason = ledger.may_publish(&name(stream), ip(peer), permit, &limits).err();
            let limit = match reason {
                Some(Reason::Limit { limit, .. }) => Some(limit),
                _ => None,
            };
            assert_eq!(limit, refused, "{stream} from {peer}");
            if limit.is_none() {
                tickets.push((stream, ledger.begin(name(stream), ip(peer), Arc::clone(permit))));
            }
        }
        // What was taken over ends later, and takes nothing away.
        let (stream, replaced) = tickets.remove(0);
        ledger.end(&name(stream), replaced);
        assert_eq!(ledger.publishes.len(), 4);
        for (stream, ticket) in tickets {
            ledger.end(&name(stream), ticket);
        }
        assert!(ledger.publishes.is_empty());
    }
}
