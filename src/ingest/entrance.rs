//! Who may come in, as all connections and whoever reloads the configuration share it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Certificate;
use crate::access::{Asked, Gate, Ledger, Meter, Permit, Reason, Ticket, Verdict};
use crate::config::Limits;
use crate::media::{Micros, StreamName};

/// The gate and the limits that hold now, and who is in. Its locks are held to exchange or clone a pointer, or to
/// count: never while anything is waited for.
#[derive(Debug)]
pub struct Entrance {
    rules: Mutex<Rules>,
    ledger: Mutex<Ledger>,
    certificate: Mutex<Option<Certificate>>,
}

#[derive(Clone, Debug)]
struct Rules {
    gate: Arc<Gate>,
    limits: Limits,
}

/// A connection that is counted for as long as this lives.
pub(super) struct Seat {
    entrance: Arc<Entrance>,
    peer: IpAddr,
}

/// A publish that is counted for as long as this lives.
pub(super) struct Place {
    entrance: Arc<Entrance>,
    stream: StreamName,
    ticket: Ticket,
}

impl Entrance {
    /// An entrance with this gate and these limits.
    pub fn new(gate: Gate, limits: Limits) -> Self {
        let gate = Arc::new(gate);
        Self {
            rules: Mutex::new(Rules { gate, limits }),
            ledger: Mutex::default(),
            certificate: Mutex::default(),
        }
    }

    /// Another gate, from the next publish on. Publishes that began stay.
    pub fn set_gate(&self, gate: Gate) {
        lock(&self.rules).gate = Arc::new(gate);
    }

    /// Other limits, from the next connection or publish on.
    pub fn set_limits(&self, limits: Limits) {
        lock(&self.rules).limits = limits;
    }

    /// What connections under TLS are shown from now on. Those that are there stay.
    pub fn set_certificate(&self, certificate: Certificate) {
        *lock(&self.certificate) = Some(certificate);
    }

    /// The certificate that holds now.
    pub(super) fn certificate(&self) -> Option<Certificate> {
        lock(&self.certificate).clone()
    }

    /// Lets a connection in, if there may be another from there.
    pub(super) fn connect(self: &Arc<Self>, peer: SocketAddr) -> Result<Seat, Reason> {
        let limits = self.rules().limits;
        lock(&self.ledger).connect(peer.ip(), &limits)?;
        Ok(Seat {
            entrance: Arc::clone(self),
            peer: peer.ip(),
        })
    }

    /// What is to be done about a request to publish.
    pub(super) fn check(
        &self,
        stream: &StreamName,
        query: &str,
        peer: SocketAddr,
        utc: Option<Micros>,
    ) -> Verdict {
        let peer = peer.ip();
        self.rules().gate.check(&Asked {
            stream,
            query,
            peer,
            utc,
        })
    }

    /// Whether there may be another publish.
    pub(super) fn has_room(
        &self,
        stream: &StreamName,
        peer: SocketAddr,
        permit: &Permit,
    ) -> Result<(), Reason> {
        let limits = self.rules().limits;
        lock(&self.ledger).may_publish(stream, peer.ip(), permit, &limits)
    }

    /// Counts a publish that has begun.
    pub(super) fn begin(
        self: &Arc<Self>,
        stream: StreamName,
        peer: SocketAddr,
        permit: &Arc<Permit>,
    ) -> Place {
        let ticket = lock(&self.ledger).begin(stream.clone(), peer.ip(), Arc::clone(permit));
        Place {
            entrance: Arc::clone(self),
            stream,
            ticket,
        }
    }

    /// What keeps a publish to the lowest of the bit rates that hold for it.
    pub(super) fn meter(&self, permit: &Permit, now: Duration) -> Option<Meter> {
        let rates = [self.rules().limits.bitrate, permit.max_bitrate];
        rates
            .into_iter()
            .flatten()
            .min()
            .map(|rate| Meter::new(rate, now))
    }

    fn rules(&self) -> Rules {
        lock(&self.rules).clone()
    }
}

impl Place {
    /// The stream that is published.
    pub(super) fn stream(&self) -> &StreamName {
        &self.stream
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.entrance.ledger).disconnect(self.peer);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.entrance.ledger).end(&self.stream, self.ticket);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
