//! Counts refusals, and bounds the events about them. An event costs flash; the log has a rate limit of its own.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use super::limiter::counted_as;
use super::{Client, Reason};
use crate::event::Event;
use crate::media::StreamName;

/// One address has one event for one reason in this time.
const QUIET: Duration = Duration::from_secs(60);
/// The most events in that time, whoever is refused.
const EVENTS: usize = 10;
/// The most pairs of an address and a reason that are kept apart.
const KEPT: usize = 256;

/// The refusals that had an event, and the number of those that were left out since.
#[derive(Debug)]
pub struct Refusals {
    client: &'static Client,
    lines: HashMap<(IpAddr, &'static str), Line>,
    /// When the minute began in which events are counted, and how many it has.
    minute: (Duration, usize),
    /// The number of refusals that no event names by address.
    others: u64,
    /// All refusals since the start, by the kind of their reason.
    counts: BTreeMap<&'static str, u64>,
}

#[derive(Debug)]
struct Line {
    told: Duration,
    /// Refusals that were left out since then.
    left_out: u64,
    stream: Option<StreamName>,
    peer: IpAddr,
    reason: String,
}

impl Refusals {
    /// No refusals yet.
    pub fn new(client: &'static Client) -> Self {
        Self {
            client,
            lines: HashMap::new(),
            minute: (Duration::ZERO, 0),
            others: 0,
            counts: BTreeMap::new(),
        }
    }

    /// Counts a refusal that has no event.
    pub fn count(&mut self, kind: &'static str) {
        let count = self.counts.entry(kind).or_default();
        *count = count.saturating_add(1);
    }

    /// The numbers of refusals since the start, by their kinds. A kind without a refusal is left out.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.clone()
    }

    /// Notes that somebody was refused at `now`, counted from any moment. It gives the event about it, or counts the refusal
    /// for later.
    pub fn refused(
        &mut self,
        stream: Option<&StreamName>,
        peer: IpAddr,
        reason: &Reason,
        now: Duration,
    ) -> Option<Event> {
        self.count(reason.kind());
        let key = (counted_as(peer), reason.kind());
        if let Some(line) = self.lines.get_mut(&key) {
            line.left_out = line.left_out.saturating_add(1);
            line.stream = stream.cloned();
            line.peer = peer;
            line.reason = self.client.told(reason);
            return None;
        }
        if self.lines.len() >= KEPT || !self.may_tell(now) {
            self.others = self.others.saturating_add(1);
            return None;
        }
        let line = Line {
            told: now,
            left_out: 0,
            stream: stream.cloned(),
            peer,
            reason: self.client.told(reason),
        };
        let event = line.event(1);
        self.lines.insert(key, line);
        Some(event)
    }

    /// The events about refusals that were left out, as far as they are due at `now`. The door asks for them now and then.
    pub fn due(&mut self, now: Duration) -> Vec<Event> {
        let over: Vec<_> = self
            .lines
            .iter()
            .filter(|(_, line)| now.saturating_sub(line.told) >= QUIET)
            .map(|(key, _)| *key)
            .collect();
        let mut events = Vec::new();
        for key in over {
            if self.lines.get(&key).is_none_or(|line| line.left_out == 0) {
                self.lines.remove(&key);
                continue;
            }
            let may_tell = self.may_tell(now);
            let Some(line) = self.lines.get_mut(&key) else {
                continue;
            };
            let count = std::mem::take(&mut line.left_out);
            line.told = now;
            if may_tell {
                events.push(line.event(count))
            } else {
                self.others = self.others.saturating_add(count)
            }
        }
        if self.others > 0 && now.saturating_sub(self.minute.0) >= QUIET && self.may_tell(now) {
            events.push(others(std::mem::take(&mut self.others)));
        }
        events
    }

    /// The event about all refusals that were left out, for when the service stops.
    pub fn rest(&mut self) -> Option<Event> {
        let left_out = self.lines.drain().map(|(_, line)| line.left_out);
        let count = left_out.fold(std::mem::take(&mut self.others), u64::saturating_add);
        (count > 0).then(|| others(count))
    }

    fn may_tell(&mut self, now: Duration) -> bool {
        if now.saturating_sub(self.minute.0) >= QUIET {
            self.minute = (now, 0);
        }
        let (_, events) = &mut self.minute;
        *events += 1;
        *events <= EVENTS
    }
}

impl Line {
    fn event(&self, count: u64) -> Event {
        Event::AuthRefused {
            stream: self.stream.as_ref().map(StreamName::to_string),
            peer: Some(self.peer.to_canonical().to_string()),
            reason: self.reason.clone(),
            count,
        }
    }
}

fn others(count: u64) -> Event {
    Event::AuthRefused {
        stream: None,
        peer: None,
        reason: "refusals that are not listed one by one".to_owned(),
        count,
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::tests::READER;
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn count(event: &Event) -> u64 {
        match event {
            Event::AuthRefused { count, .. } => *count,
            _ => 0,
        }
    }

    fn refuse(refusals: &mut Refusals, peer: &str, reason: &Reason, now: u64) -> Option<u64> {
        let stream = "live/a".parse().unwrap();
        let event = refusals.refused(Some(&stream), peer.parse().unwrap(), reason, secs(now));
        event.as_ref().map(count)
    }

    #[test]
    fn an_address_is_told_once_a_minute_with_how_many_were_left_out() {
        let mut refusals = Refusals::new(&READER);
        assert_eq!(refuse(&mut refusals, "192.0.2.1", &Reason::WrongKey, 0), Some(1));
        for second in 1..50 {
            assert_eq!(
                refuse(&mut refusals, "192.0.2.1", &Reason::WrongKey, second),
                None
            );
        }
        // A refusal for another reason or from another address has an event of its own.
        assert_eq!(refuse(&mut refusals, "192.0.2.1", &Reason::NotListed, 3), Some(1));
        assert_eq!(refuse(&mut refusals, "192.0.2.2", &Reason::WrongKey, 3), Some(1));
        assert_eq!(refusals.due(secs(59)), []);
        let due = refusals.due(secs(70));
        assert_eq!(due.iter().map(count).collect::<Vec<_>>(), [49]);
        assert!(
            due[0].body().contains(r#""stream":"live/a","peer":"192.0.2.1""#),
            "{}",
            due[0].body()
        );
        assert_eq!(refuse(&mut refusals, "192.0.2.1", &Reason::WrongKey, 71), None);
        // A line is kept only as long as refusals are left out.
        assert_eq!(refusals.due(secs(130)).len(), 1);
        assert_eq!(refusals.due(secs(190)), []);
        assert!(refusals.lines.is_empty());
        assert_eq!(refusals.rest(), None);
    }

    #[test]
    fn a_flood_from_everywhere_is_ten_events_a_minute_and_no_refusal_is_uncounted() {
        let mut refusals = Refusals::new(&READER);
        let (mut told, mut events) = (0, 0);
        for second in 0..600 {
            for n in 0..100_u32 {
                let peer = std::net::Ipv4Addr::from(second * 1_000 + n % 50);
                let event = refusals.refused(None, peer.into(), &Reason::WrongKey, secs(second.into()));
                told += event.as_ref().map_or(0, count);
                events += event.iter().len();
            }
            let due = refusals.due(secs(second.into()));
            told += due.iter().map(count).sum::<u64>();
            events += due.len();
            assert!(refusals.lines.len() <= KEPT);
        }
        assert!((90..=100).contains(&events), "{events} events in ten minutes");
        told += refusals.rest().as_ref().map_or(0, count);
        assert_eq!(told, 60_000);
        assert_eq!(refusals.counts(), BTreeMap::from([("wrong_key", 60_000)]));
    }
}
