//! The admission of one kind of client. All doors for that kind share it, and so does the reload of the configuration.
//!
//! ```text
//! connect ──► ConnectionPermit       may have to make room for another while it has no stream
//! check ──► allow │ ask │ refuse     by keys, signatures and addresses; `ask`: services decide, see [`Admission::ask`]
//! may_begin, begin ──► StreamPermit  within the limits, at its bit rate
//! refused ──► what is told, and how long the answer waits
//! ```
//!
//! A permit gives back what was counted when it is dropped. The plain structs beside this one decide.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::hook::{Hooks, Question};
use super::{
    Asked, Authorizer, Client, Connected, ConnectionId, Grant, Guesses, LONGEST_DELAY, Limiter, Limits,
    Meter, Notices, Reason, Refusals, StreamId, Verdict,
};
use crate::config::Hook;
use crate::event::Event;
use crate::media::StreamName;

/// The rules that hold now for one kind of client, and the clients that are in. `J` judges what a client shows. A lock is held
/// to exchange or clone a pointer, or to count. No lock is held while something is waited for.
#[derive(Debug)]
pub struct Admission<J = Authorizer> {
    client: &'static Client,
    rules: Mutex<Rules<J>>,
    present: Arc<Mutex<Present>>,
    guesses: Mutex<Guesses>,
    refusals: Mutex<Refusals>,
    notices: Mutex<Notices>,
    hooks: Hooks,
    began: Instant,
}

/// The connections and streams that are counted, and the channel that tells each connection to make room.
#[derive(Debug)]
struct Present {
    limiter: Limiter,
    to_tell: HashMap<ConnectionId, oneshot::Sender<Reason>>,
}

#[derive(Debug)]
struct Rules<J> {
    judge: Arc<J>,
    limits: Limits,
}

/// A connection that is counted for as long as this lives.
#[derive(Debug)]
pub struct ConnectionPermit {
    present: Arc<Mutex<Present>>,
    id: ConnectionId,
    gives_way: oneshot::Receiver<Reason>,
}

/// A stream that a client has, counted for as long as this lives.
#[derive(Debug)]
pub struct StreamPermit {
    present: Arc<Mutex<Present>>,
    stream: StreamName,
    id: StreamId,
    /// The meter, and the moment that its time counts from.
    meter: Option<(Meter, Instant)>,
}

/// What a door does about somebody who was refused.
#[derive(Debug)]
pub struct Refused {
    /// The event that tells of the refusal. None while many such refusals are only counted.
    pub event: Option<Event>,
    /// How long the answer waits. None when the refusal is not about a wrong proof.
    pub delay: Option<Duration>,
}

impl<J> Admission<J> {
    /// The admission of clients of this kind, with these rules.
    pub fn new(client: &'static Client, judge: J, limits: Limits) -> Self {
        let present = Present {
            limiter: Limiter::new(client.exclusive),
            to_tell: HashMap::new(),
        };
        Self {
            client,
            rules: Mutex::new(Rules {
                judge: Arc::new(judge),
                limits,
            }),
            present: Arc::new(Mutex::new(present)),
            guesses: Mutex::default(),
            refusals: Mutex::new(Refusals::new(client)),
            notices: Mutex::default(),
            hooks: Hooks::new(client),
            began: Instant::now(),
        }
    }

    /// Sets another judge, from the next request on. A client that has a stream keeps it.
    pub fn set_judge(&self, judge: J) {
        lock(&self.rules).judge = Arc::new(judge);
    }

    /// Sets other limits, from the next connection or request on.
    pub fn set_limits(&self, limits: Limits) {
        lock(&self.rules).limits = limits;
    }

    /// The words that say why a client is refused. They never hold a secret.
    pub fn told(&self, reason: &Reason) -> String {
        self.client.told(reason)
    }

    /// Lets a connection in, if the limits of its address and the `most` connections in all allow it. Another connection may
    /// have to make room for it.
    pub fn connect(&self, peer: IpAddr, most: usize) -> Result<ConnectionPermit, Reason> {
        self.connect_within(peer, &self.limits(), most)
    }

    /// Does the same as [`connect`](Self::connect) for a proxy that is believed: it connects for many clients, so only the
    /// limit of all connections counts.
    pub fn connect_proxy(&self, peer: IpAddr, most: usize) -> Result<ConnectionPermit, Reason> {
        let limits = Limits {
            connections_per_address: Some(most),
            ..self.limits()
        };
        self.connect_within(peer, &limits, most)
    }

    fn connect_within(&self, peer: IpAddr, limits: &Limits, most: usize) -> Result<ConnectionPermit, Reason> {
        let mut present = lock(&self.present);
        let Connected { id, gave_way } = present.limiter.connect(peer, limits, most)?;
        if let Some((other, reason)) = gave_way
            && let Some(to_tell) = present.to_tell.remove(&other)
        {
            // The other connection may just have ended by itself.
            let _ = to_tell.send(reason);
        }
        let (to_tell, gives_way) = oneshot::channel();
        present.to_tell.insert(id, to_tell);
        Ok(ConnectionPermit {
            present: Arc::clone(&self.present),
            id,
            gives_way,
        })
    }

    /// Notes that somebody was refused, by any of the checks above, and says what to do about it.
    pub fn refused(&self, stream: Option<&StreamName>, peer: IpAddr, reason: &Reason) -> Refused {
        let now = self.now();
        let delay = match reason {
            Reason::HeldOff(_) => Some(LONGEST_DELAY),
            reason if reason.is_guess() => Some(lock(&self.guesses).wrong(peer, now)),
            _ => None,
        };
        let event = lock(&self.refusals).refused(stream, peer, reason, now);
        Refused { event, delay }
    }

    /// Counts a refusal that the door or the recorder decided. `kind` is one of a small number of words.
    pub fn count_refusal(&self, kind: &'static str) {
        lock(&self.refusals).count(kind);
    }

    /// The numbers of refusals since the start, by their kinds. A kind without a refusal is left out.
    pub fn refusals(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.refusals).counts()
    }

    /// The events about refusals that were left out a while ago. The door asks for them now and then.
    pub fn refusals_due(&self) -> Vec<Event> {
        lock(&self.refusals).due(self.now())
    }

    /// The event about all refusals that were left out, for when the service stops.
    pub fn rest_of_refusals(&self) -> Option<Event> {
        lock(&self.refusals).rest()
    }

    /// Whether a line may be logged about `what`, which this address asked for in vain.
    pub fn may_name(&self, peer: IpAddr, what: &'static str) -> bool {
        lock(&self.notices).may_name(peer, what, self.now())
    }

    /// Whether a line may be logged about somebody who was never let in. If so, it gives how many lines were left out since the
    /// last one.
    pub fn may_write(&self) -> Option<u64> {
        lock(&self.notices).may_write(self.now())
    }

    /// The judge that holds now.
    pub(super) fn judge(&self) -> Arc<J> {
        Arc::clone(&lock(&self.rules).judge)
    }

    /// For how long nothing of this address is looked at, about `what`. What the address was right about before is always
    /// looked at.
    pub(super) fn held_off(&self, peer: IpAddr, what: &str) -> Option<Reason> {
        let left = lock(&self.guesses).held_off(peer, what, self.now())?;
        Some(Reason::HeldOff(left.as_secs() + 1))
    }

    /// Remembers that this address was right about `what`.
    pub(super) fn right(&self, peer: IpAddr, what: &str) {
        lock(&self.guesses).right(peer, what);
    }

    fn limits(&self) -> Limits {
        lock(&self.rules).limits
    }

    fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.began)
    }
}

impl Admission {
    /// Decides about a request for a stream.
    pub fn check(&self, asked: &Asked<'_>) -> Verdict {
        match self.held_off(asked.peer, asked.stream.as_str()) {
            Some(reason) => Verdict::Refuse(reason),
            None => self.judge().check(asked),
        }
    }

    /// Asks the services of [`Verdict::Ask`], and waits for the answer: the first yes, or else the last no.
    pub async fn ask(
        &self,
        hooks: &[(Hook, Arc<Grant>)],
        question: &Question<'_>,
    ) -> Result<Arc<Grant>, Reason> {
        self.hooks.ask(hooks, question).await
    }

    /// Whether the limits let another client have a stream.
    pub fn may_begin(&self, stream: &StreamName, peer: IpAddr, grant: &Grant) -> Result<(), Reason> {
        let limits = self.limits();
        lock(&self.present)
            .limiter
            .may_begin(stream, peer, grant, &limits)
    }

    /// Counts a client that has its stream from now on. The caller waits for nothing between [`may_begin`](Self::may_begin) and
    /// this call.
    pub fn begin(&self, stream: StreamName, peer: IpAddr, grant: &Arc<Grant>) -> StreamPermit {
        if grant.account.is_some() {
            self.right(peer, stream.as_str());
        }
        // The lowest of the bit rates that hold.
        let rates = [self.limits().bitrate, grant.max_bitrate];
        let rate = rates.into_iter().flatten().min();
        let meter = rate.map(|rate| (Meter::new(rate, self.now()), self.began));
        let limiter = &mut lock(&self.present).limiter;
        let id = limiter.begin(stream.clone(), peer, Arc::clone(grant));
        StreamPermit {
            present: Arc::clone(&self.present),
            stream,
            id,
            meter,
        }
    }
}

impl ConnectionPermit {
    /// Resolves, once, when this connection has to make room for another. It never does while the connection has a stream.
    pub async fn gives_way(&mut self) -> Reason {
        match (&mut self.gives_way).await {
            Ok(reason) => reason,
            // The sender lives as long as the permit.
            Err(_) => std::future::pending().await,
        }
    }

    /// Sets whether the connection has a stream from now on. False when the connection had to make room already.
    pub fn set_active(&self, active: bool) -> bool {
        lock(&self.present).limiter.set_active(self.id, active)
    }
}

impl StreamPermit {
    /// The stream that the client has.
    pub fn stream(&self) -> &StreamName {
        &self.stream
    }

    /// Counts `bytes` that came up to `now`. The error says that the client sends more than its bit rate allows.
    pub fn measure(&mut self, bytes: usize, now: Instant) -> Result<(), Reason> {
        self.meter.as_mut().map_or(Ok(()), |(meter, began)| {
            meter.heard(bytes, now.saturating_duration_since(*began))
        })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut present = lock(&self.present);
        present.limiter.disconnect(self.id);
        present.to_tell.remove(&self.id);
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        lock(&self.present).limiter.end(self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::Limit;
    use super::super::client::tests::READER;
    use super::*;
    use crate::config::Config;

    fn admission(toml: &str, limits: Limits) -> Arc<Admission> {
        let config = Config::parse(Some((std::path::Path::new("box.toml"), toml)), [], "box").unwrap();
        let authorizer = Authorizer::new(&config.publishers, true, |_| Err("no file".to_owned()));
        Arc::new(Admission::new(&READER, authorizer.unwrap(), limits))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn permits_give_back_what_they_took_and_the_oldest_connection_makes_room() {
        let limits = Limits {
            streams: Some(1),
            ..Limits::default()
        };
        let admission = admission("", limits);
        let (stream, peer) = ("live/cam".parse::<StreamName>().unwrap(), ip("192.0.2.1"));
        let mut first = admission.connect(peer, 2).unwrap();
        let second = admission.connect(peer, 2).unwrap();
        // A third connection comes: the first has to go.
        let third = admission.connect(peer, 2).unwrap();
        let (limit, most) = (Limit::Connections, 2);
        assert_eq!(first.gives_way().await, Reason::Limit { limit, most });
        assert!(!first.set_active(true), "it is not counted any more");
        assert!(second.set_active(true) && third.set_active(true));
        let refused = admission.connect(peer, 2).unwrap_err();
        assert_eq!(
            admission.told(&refused),
            "there are as many as library.max_connections = 2 allows: end one, or raise it"
        );
        drop((first, second));
        assert!(admission.connect(peer, 2).is_ok());

        let grant = Arc::default();
        assert_eq!(admission.may_begin(&stream, peer, &grant), Ok(()));
        let mut permit = admission.begin(stream.clone(), peer, &grant);
        assert_eq!(
            permit.measure(usize::MAX, Instant::now()),
            Ok(()),
            "there is no rate"
        );
        let (limit, most) = (Limit::Streams, 1);
        let refused = admission.may_begin(&stream, peer, &grant);
        assert_eq!(refused, Err(Reason::Limit { limit, most }));
        drop(permit);
        assert_eq!(admission.may_begin(&stream, peer, &grant), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_guesses_is_answered_late_and_then_not_at_all_whatever_the_door() {
        let admission = admission("[[publisher]]\nkey = \"right\"\n", Limits::default());
        let (stream, peer) = ("live/cam".parse().unwrap(), ip("192.0.2.1"));
        let asked = |query| Asked {
            stream: &stream,
            query,
            peer,
            utc: None,
        };
        let mut delays = Vec::new();
        let mut events = 0;
        let held_off = loop {
            let Verdict::Refuse(reason) = admission.check(&asked("key=wrong")) else {
                panic!("a wrong key was let in");
            };
            let refused = admission.refused(Some(&stream), peer, &reason);
            delays.push(refused.delay.expect("a guess is answered late"));
            events += usize::from(refused.event.is_some());
            if reason != Reason::WrongKey {
                break reason;
            }
        };
        assert_eq!(held_off, Reason::HeldOff(31));
        assert!(delays.is_sorted(), "{delays:?}");
        assert_eq!((delays.len(), events), (21, 2), "one for each reason");
        // Until the time is over, the right key is not looked at either.
        assert_eq!(
            admission.check(&asked("key=right")),
            Verdict::Refuse(Reason::HeldOff(31))
        );
        tokio::time::advance(Duration::from_secs(31)).await;
        let Verdict::Allow(grant) = admission.check(&asked("key=right")) else {
            panic!("the right key is refused");
        };
        drop(admission.begin(stream.clone(), peer, &grant));
        // A publisher that showed the right key before is let in beside one who guesses.
        for _ in 0..30 {
            admission.refused(Some(&stream), peer, &Reason::WrongKey);
        }
        assert_eq!(admission.check(&asked("key=right")), Verdict::Allow(grant));
        assert_eq!(admission.rest_of_refusals().iter().len(), 1);
    }
}
