//! A port that stays with its owner, also while nobody listens at it.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// A port of this machine. Who connects while nobody listens is refused, and the system gives the port to nobody else: a
/// server of a test is stopped and comes back, with many other tests connecting meanwhile.
pub(crate) struct Port {
    held: TcpSocket,
}

impl Port {
    /// One that the system chooses.
    pub(crate) fn new() -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { held: bound(nowhere) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.held.local_addr().unwrap()
    }
}

/// Listens at the address of a port that is held; to be called on a runtime.
pub(crate) fn listener(held: SocketAddr) -> TcpListener {
    bound(held).listen(1024).unwrap()
}

/// A socket that shares its address with others of the kind as long as they do not listen.
fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}
