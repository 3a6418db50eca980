//! How many connections and publishes there are, and how many there may be.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::{Limit, Permit, Reason};
use crate::config::Limits;
use crate::media::StreamName;

/// What goes on now. Holds one line for each connection's address and each publish, no more.
#[derive(Debug, Default)]
pub struct Ledger {
    connections: HashMap<IpAddr, usize>,
    publishes: HashMap<StreamName, Line>,
    tickets: u64,
}

/// A publish that is counted until it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

#[derive(Debug)]
struct Line {
    ticket: Ticket,
    address: IpAddr,
    permit: Arc<Permit>,
}

impl Ledger {
    /// Counts a connection, or says why there may not be another.
    pub fn connect(&mut self, peer: IpAddr, limits: &Limits) -> Result<(), Reason> {
        let address = counted_as(peer);
        let open = self.connections.get(&address).copied().unwrap_or(0);
        within(Limit::ConnectionsPerAddress, open, limits.connections_per_address)?;
        self.connections.insert(address, open + 1);
        Ok(())
    }

    /// A connection that was counted is gone.
    pub fn disconnect(&mut self, peer: IpAddr) {
        let address = counted_as(peer);
        if let Some(open) = self.connections.get_mut(&address) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.connections.remove(&address);
            }
        }
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
        for (peer, let_in) in [
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", true),
            ("192.0.2.1", false),
            ("192.0.2.2", true),
            ("2001:db8::1", true),
            ("2001:db8::ffff:0:0:2", true),
            ("2001:db8::3", false),
            ("2001:db8:0:1::3", true),
        ] {
            assert_eq!(ledger.connect(ip(peer), &limits).is_ok(), let_in, "{peer}");
        }
        ledger.disconnect(ip("192.0.2.1"));
        assert!(ledger.connect(ip("192.0.2.1"), &limits).is_ok());
        for peer in [
            "192.0.2.1",
            "192.0.2.1",
            "192.0.2.2",
            "2001:db8::1",
            "2001:db8::1",
            "2001:db8:0:1::3",
        ] {
            ledger.disconnect(ip(peer));
        }
        assert!(ledger.connections.is_empty());
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
