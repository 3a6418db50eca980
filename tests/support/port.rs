//! A port that stays with its owner, also while nobody listens at it.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::wait::wait_for;

/// A port of this machine. Who connects while nobody listens is refused, and the system gives the port to nobody else: a
/// server of a test is stopped and comes back, with many other tests connecting meanwhile.
pub(crate) struct Port {
    held: TcpSocket,
}

impl Port {
    /// One that the system chooses.
    pub(crate) fn new() -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            held: bound(nowhere).unwrap(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.held.local_addr().unwrap()
    }
}

/// Listens at the address of a port that is held; to be called on a runtime. Whoever listened before may be there for another
/// moment: a process that some test starts has all that is open here, until it begins with its own program.
pub(crate) fn listener(held: SocketAddr) -> TcpListener {
    let listen = || bound(held).and_then(|socket| socket.listen(1024)).ok();
    wait_for("the listener of before to be gone", listen)
}

/// A socket that shares its address with others of the kind as long as they do not listen.
fn bound(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
