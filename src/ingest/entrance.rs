//! Who may come in, as all connections and whoever reloads the configuration share it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::access::{Asked, Gate, Verdict};
use crate::media::{Micros, StreamName};

/// The gate that holds now. Its lock is held to exchange or clone a pointer, never while anything is decided.
#[derive(Debug)]
pub struct Entrance {
    gate: Mutex<Arc<Gate>>,
}

impl Entrance {
    /// An entrance with this gate.
    pub fn new(gate: Gate) -> Self {
        Self {
            gate: Mutex::new(Arc::new(gate)),
        }
    }

    /// Another gate, from the next publish on. Publishes that began stay.
    pub fn reconfigure(&self, gate: Gate) {
        *lock(&self.gate) = Arc::new(gate);
    }

    pub(super) fn check(
        &self,
        stream: &StreamName,
        query: &str,
        peer: SocketAddr,
        utc: Option<Micros>,
    ) -> Verdict {
        let gate = Arc::clone(&lock(&self.gate));
        let peer = peer.ip();
        gate.check(&Asked {
            stream,
            query,
            peer,
            utc,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
