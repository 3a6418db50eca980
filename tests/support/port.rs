//! A port that stays with its owner, also while nobody listens on it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

/// How often is looked whether nobody listens any more, and how many times.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 1_000;

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
    for _ in 0..LOOKS {
        match bound(held).and_then(|socket| socket.listen(1024)) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => std::thread::park_timeout(LOOK),
            listener => return listener.unwrap(),
        }
    }
    panic!("{held}: somebody else listens");
}

/// A socket that shares its address with others of the kind as long as they do not listen.
fn bound(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
