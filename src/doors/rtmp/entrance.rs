//! Who may come in, as all connections and whoever reloads the configuration share it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::Certificate;
use crate::access::{Asked, Gate, Ledger, Meter, Permit, Reason, SeatId, Seated, Ticket, Verdict};
use crate::config::Limits;
use crate::media::{Micros, StreamName};

/// The gate and the limits that hold now, and who is in. Its locks are held to exchange or clone a pointer, or to
/// count: never while anything is waited for.
#[derive(Debug)]
pub struct Entrance {
    rules: Mutex<Rules>,
    present: Mutex<Present>,
    certificate: Mutex<Option<Certificate>>,
}

/// Who is in, and how each is told that it has to make room.
#[derive(Debug, Default)]
struct Present {
    ledger: Ledger,
    told: HashMap<SeatId, oneshot::Sender<Reason>>,
}

#[derive(Clone, Debug)]
struct Rules {
    gate: Arc<Gate>,
    limits: Limits,
}

/// A connection that is counted for as long as this lives.
pub(super) struct Seat {
    entrance: Arc<Entrance>,
    id: SeatId,
    gives_way: oneshot::Receiver<Reason>,
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
            present: Mutex::default(),
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

    /// Lets a connection in, of `most` in all, if there may be another from there. Another may have to make room for it.
    pub(super) fn connect(self: &Arc<Self>, peer: SocketAddr, most: usize) -> Result<Seat, Reason> {
        let limits = self.rules().limits;
        let mut present = lock(&self.present);
        let Seated { seat: id, gave_way } = present.ledger.connect(peer.ip(), &limits, most)?;
        if let Some((seat, reason)) = gave_way
            && let Some(told) = present.told.remove(&seat)
        {
            // It may just have ended by itself.
            let _ = told.send(reason);
        }
        let (told, gives_way) = oneshot::channel();
        present.told.insert(id, told);
        Ok(Seat {
            entrance: Arc::clone(self),
            id,
            gives_way,
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
        lock(&self.present)
            .ledger
            .may_publish(stream, peer.ip(), permit, &limits)
    }

    /// Counts a publish that has begun.
    pub(super) fn begin(
        self: &Arc<Self>,
        stream: StreamName,
        peer: SocketAddr,
        permit: &Arc<Permit>,
    ) -> Place {
        let ledger = &mut lock(&self.present).ledger;
        let ticket = ledger.begin(stream.clone(), peer.ip(), Arc::clone(permit));
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

impl Seat {
    /// Resolves, once, when this connection has to make room for another; never while it publishes.
    pub(super) async fn gives_way(&mut self) -> Reason {
        match (&mut self.gives_way).await {
            Ok(reason) => reason,
            // Whoever tells it lives as long as the seat.
            Err(_) => std::future::pending().await,
        }
    }

    /// From now on it publishes, or does not any more; false when it had to make room already.
    pub(super) fn publishes(&self, publishes: bool) -> bool {
        lock(&self.entrance.present).ledger.publishes(self.id, publishes)
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
        let mut present = lock(&self.entrance.present);
        present.ledger.disconnect(self.id);
        present.told.remove(&self.id);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.entrance.present).ledger.end(&self.stream, self.ticket);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
