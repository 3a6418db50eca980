//! A port that stays with its owner, also while nobody listens on it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

/// The interval, and the largest number, of looks whether the earlier listener is gone.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 1_000;

/// A port of this machine. A client that connects while nobody listens is refused, and the system gives the port to nobody
/// else. So a server of a test can stop and come back while many other tests connect.
pub(crate) struct Port {
    held: TcpSocket,
}

impl Port {
    /// Takes a port that the system chooses.
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

/// Listens on a held port. It must be called on a runtime. The earlier listener may be there for another moment: a process that
/// some test starts has all sockets of this process open until it executes its own program.
pub(crate) fn listener(held: SocketAddr) -> TcpListener {
    for _ in 0..LOOKS {
        match bound(held).and_then(|socket| socket.listen(1024)) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => std::thread::park_timeout(LOOK),
            listener => return listener.unwrap(),
        }
    }
    panic!("{held}: somebody else listens");
}

/// A socket that shares its address with others of the kind, as long as none of them listens.
fn bound(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
