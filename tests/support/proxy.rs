//! A link between the box and the store, as bad as is wanted.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How the link is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Link {
    /// As it should be.
    Good,
    /// So many bytes a second go up, in small steps.
    Slow(usize),
    /// Each connection breaks after so many bytes went up.
    Breaks(usize),
    /// Connections are taken, and nothing goes through them.
    Dead,
}

/// A proxy; it lives as long as the test.
pub(crate) struct Proxy {
    address: SocketAddr,
    link: Arc<Mutex<Link>>,
}

impl Proxy {
    /// To this address.
    pub(crate) fn start(to: SocketAddr, link: Link) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Little waits on the way: what is slow is felt. Before the first connection, which is told how much there is room for:
        // a window that shrinks later loses segments, and each of them costs seconds.
        let room = nix::sys::socket::sockopt::RcvBuf;
        nix::sys::socket::setsockopt(&listener, room, &(128 << 10)).unwrap();
        let address = listener.local_addr().unwrap();
        let link = Arc::new(Mutex::new(link));
        let shared = link.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let link = shared.clone();
                std::thread::spawn(move || carry(client, to, &link));
            }
        });
        Self { address, link }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// It is otherwise from now on, for connections that are there, too.
    pub(crate) fn set(&self, link: Link) {
        *self.link.lock().unwrap() = link;
    }
}

fn carry(mut client: TcpStream, to: SocketAddr, link: &Arc<Mutex<Link>>) {
    let Ok(mut server) = TcpStream::connect(to) else {
        return;
    };
    let (mut down_from, mut down_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut down_from, &mut down_to);
        let _ = down_to.shutdown(Shutdown::Both);
    });
    let (mut went, mut buffer) = (0, [0; 4 << 10]);
    loop {
        let now = *link.lock().unwrap();
        match now {
            Link::Dead => {
                std::thread::park_timeout(Duration::from_millis(20));
                continue;
            }
            Link::Breaks(after) if went >= after => break,
            _ => (),
        }
        let Ok(count) = client.read(&mut buffer) else {
            break;
        };
        if count == 0 || server.write_all(&buffer[..count]).is_err() {
            break;
        }
        went += count;
        if let Link::Slow(rate) = now {
            std::thread::park_timeout(Duration::from_secs_f64(count as f64 / rate as f64));
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}
