//! A link between the box and the store, as bad as a test wants.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// The state of the link.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Link {
    /// The link is good.
    Good,
    /// Each connection sends so many bytes a second up, in small steps.
    Slow(usize),
    /// Each connection gets so many bytes a second down.
    Thin(usize),
    /// All connections together send so many bytes a second up.
    Narrow(usize),
    /// Each connection breaks after so many bytes up.
    Breaks(usize),
    /// Connections are accepted, and no byte passes through them.
    Dead,
    /// Bytes in either direction arrive so much later, however many they are. This applies to connections that are made from
    /// now on.
    Far(Duration),
}

/// A proxy; it lives as long as the test.
pub(crate) struct Proxy {
    address: SocketAddr,
    link: Arc<Mutex<Link>>,
    heard: Heard,
}

/// What each connection sent up at first.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

/// So many bytes of each connection.
const HEARD: usize = 16 << 10;

impl Proxy {
    /// Starts a proxy to this address.
    pub(crate) fn start(to: SocketAddr, link: Link) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // The buffer is small, so that a slow link is noticed. It is set before the first connection, which announces its size:
        // a window that shrinks later loses segments, and each of them costs seconds.
        let room = nix::sys::socket::sockopt::RcvBuf;
        nix::sys::socket::setsockopt(&listener, room, &(128 << 10)).unwrap();
        let address = listener.local_addr().unwrap();
        let link = Arc::new(Mutex::new(link));
        let shared = link.clone();
        let free = Arc::new(Mutex::new(Instant::now()));
        let heard = Heard::default();
        let hears = heard.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (link, free, hears) = (shared.clone(), free.clone(), hears.clone());
                std::thread::spawn(move || carry(client, to, &link, &free, &hears));
            }
        });
        Self { address, link, heard }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What each connection sent up at first, over a link that is not far.
    pub(crate) fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }

    /// Changes the state of the link, also for existing connections.
    pub(crate) fn set(&self, link: Link) {
        *self.link.lock().unwrap() = link;
    }
}

/// `free` is the time when the link has carried all bytes that were read of any connection.
fn carry(mut client: TcpStream, to: SocketAddr, link: &Mutex<Link>, free: &Mutex<Instant>, heard: &Heard) {
    let Ok(mut server) = TcpStream::connect(to) else {
        return;
    };
    let (mut down_from, mut down_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let now = *link.lock().unwrap();
    if let Link::Far(distance) = now {
        std::thread::spawn(move || late(down_from, &down_to, distance));
        late(client, &server, distance);
        return;
    }
    let thin = match now {
        Link::Thin(rate) => Some(rate),
        _ => None,
    };
    std::thread::spawn(move || {
        let mut buffer = [0; 4 << 10];
        while let Ok(count @ 1..) = down_from.read(&mut buffer) {
            if down_to.write_all(&buffer[..count]).is_err() {
                break;
            }
            if let Some(rate) = thin {
                std::thread::park_timeout(time_of(count, rate));
            }
        }
        let _ = down_to.shutdown(Shutdown::Both);
    });
    let place = {
        let mut heard = heard.lock().unwrap();
        heard.push(Vec::new());
        heard.len() - 1
    };
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
        // The link may have died while the connection was idle.
        while matches!(*link.lock().unwrap(), Link::Dead) {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        if count == 0 || server.write_all(&buffer[..count]).is_err() {
            break;
        }
        if went < HEARD {
            heard.lock().unwrap()[place].extend(&buffer[..count]);
        }
        went += count;
        match now {
            Link::Slow(rate) => std::thread::park_timeout(time_of(count, rate)),
            Link::Narrow(rate) => {
                let until = {
                    let mut free = free.lock().unwrap();
                    *free = (*free).max(Instant::now()) + time_of(count, rate);
                    *free
                };
                std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
            }
            Link::Good | Link::Breaks(_) | Link::Dead | Link::Far(_) | Link::Thin(_) => (),
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}

/// Carries one direction. Bytes on their way do not delay the bytes behind them.
fn late(mut from: TcpStream, mut to: &TcpStream, distance: Duration) {
    let (sender, under_way) = mpsc::channel::<(Instant, Vec<u8>)>();
    let reading = from.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 4 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let arrives = Instant::now() + distance;
            if sender.send((arrives, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    for (arrives, piece) in under_way {
        loop {
            let left = arrives.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::park_timeout(left);
        }
        if to.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = reading.shutdown(Shutdown::Both);
}

fn time_of(bytes: usize, rate: usize) -> Duration {
    Duration::from_secs_f64(bytes as f64 / rate as f64)
}
