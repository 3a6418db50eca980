//! The listeners, and the thread that serves them.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, warn};

use super::connection::serve;
use super::door::{Door, Inside};
use super::fingerprints;
use super::flow::Flow;
use crate::access::{ConnectionPermit, Reason};
use crate::config::Http;

/// How long responses may go on when the service stops.
const LEAVE: Duration = Duration::from_secs(2);
/// A line about refused connections is logged at most once in this time.
const FULL_NOTICE: Duration = Duration::from_secs(10);
/// The most threads that read flash for viewers.
const READERS: usize = 4;
/// The niceness of the door's threads. Linux gives the reads of a thread the I/O priority that goes with it: the lowest of
/// those that are not starved.
const NICENESS: i32 = 19;

/// Why the door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}{}", taken(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The thread cannot be started.
    #[error("the thread for viewers could not be started: {0}")]
    Thread(std::io::Error),
}

impl HttpError {
    /// True when another program has an address.
    pub fn is_taken(&self) -> bool {
        matches!(self, HttpError::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse)
    }
}

/// The remedy for an address that another program has, as a part of a sentence.
fn taken(source: &std::io::Error) -> &'static str {
    if source.kind() == std::io::ErrorKind::AddrInUse {
        "; another program has this port: choose another one in http.listen"
    } else {
        ""
    }
}

/// Listening sockets, open and not yet served.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<(std::net::TcpListener, Transport)>,
}

/// What runs on a connection below HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Plain,
    Tls,
}

/// The door, open. It closes when [`stop`](Self::stop) is called.
pub struct Running {
    addresses: Vec<(SocketAddr, Transport)>,
    own: Option<String>,
    http: Arc<Mutex<Arc<Http>>>,
    flow: Flow,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Opens a listener on every address of the configuration. If one fails, none is opened.
    pub fn bind(http: &Http) -> Result<Self, HttpError> {
        let plain = http.listen.iter().map(|address| (*address, Transport::Plain));
        let tls = http.tls.as_ref().map_or(&[][..], |tls| &tls.listen);
        let tls = tls.iter().map(|address| (*address, Transport::Tls));
        let listen = |(address, transport)| {
            let refused = |source| HttpError::Listen { address, source };
            let listener = std::net::TcpListener::bind(address).map_err(refused)?;
            listener.set_nonblocking(true).map_err(refused)?;
            Ok((listener, transport))
        };
        let listeners = plain.chain(tls).map(listen).collect::<Result<_, _>>()?;
        Ok(Self { listeners })
    }

    /// Serves from now on, on a thread of its own.
    pub fn start(self, http: Http, inside: Inside) -> Result<Running, HttpError> {
        let flow = Flow::new(http.memory.bytes(), http.max_connections, http.max_rate.bytes());
        let http = Arc::new(Mutex::new(Arc::new(http)));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(READERS)
            .thread_name("http-read")
            .on_thread_start(give_way)
            .build()
            .map_err(HttpError::Thread)?;
        let addresses: Vec<(SocketAddr, Transport)> = self
            .listeners
            .iter()
            .filter_map(|(listener, transport)| Some((listener.local_addr().ok()?, *transport)))
            .collect();
        let own = addresses.first().map(|first| named(url(first), &inside.machine));
        let (stop, stopped) = oneshot::channel();
        let (of, limits, at) = (http.clone(), flow.clone(), own.clone());
        let serve = move || {
            give_way();
            runtime.block_on(async {
                let door = Door::new(inside, (of, at), limits);
                // It ends with the runtime.
                drop(tokio::spawn(fingerprints::make(Arc::clone(&door))));
                self.run(&door, async {
                    let _ = stopped.await;
                })
                .await;
            });
            // Nobody needs the reads that still run.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("http".to_owned()).spawn(serve);
        Ok(Running {
            addresses,
            own,
            http,
            flow,
            stop,
            thread: thread.map_err(HttpError::Thread)?,
        })
    }

    async fn run(self, door: &Arc<Door>, stopped: impl Future<Output = ()>) {
        let mut listeners = Vec::new();
        for (listener, transport) in self.listeners {
            match TcpListener::from_std(listener) {
                Ok(listener) => listeners.push((listener, transport)),
                Err(cause) => error!(%cause, "a listener for viewers cannot be used"),
            }
        }
        let (stop, stopping) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut told: Option<Instant> = None;
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break,
                Some(ended) = connections.join_next() => report(ended),
                accepted = accept(&listeners) => match accepted {
                    Ok((stream, peer, transport)) => {
                        match connect(door, peer.ip()) {
                            Ok(permit) => {
                                let door = Arc::clone(door);
                                let connection = serve(stream, (peer, transport), permit, door, stopping.clone());
                                connections.spawn(connection);
                            }
                            Err(reason) => {
                                if told.is_none_or(|told| told.elapsed() >= FULL_NOTICE) {
                                    told = Some(Instant::now());
                                    let reason = door.gate.admission().told(&reason);
                                    warn!(%peer, "viewers are refused: {reason}");
                                }
                            }
                        }
                    }
                    // The process or the system is out of descriptors. A new try at once would only spin.
                    Err(cause) => {
                        error!(%cause, "cannot accept connections of viewers");
                        sleep(Duration::from_millis(200)).await;
                    }
                },
            }
        }
        drop(listeners);
        // The send fails only when no connection is left to hear it.
        let _ = stop.send(true);
        let all_left = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        let _ = timeout(LEAVE, all_left).await;
    }
}

impl Running {
    /// The addresses, as a browser opens them, with the ports that the system chose.
    pub fn urls(&self) -> Vec<String> {
        self.addresses.iter().map(|address| url(address) + "/").collect()
    }

    /// The address under which viewers reach the box, without a slash at its end.
    pub fn address(&self) -> Option<String> {
        let http = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        address(&http, self.own.as_deref())
    }

    /// Sets another configuration, from the next request on. The addresses stay, and so does the memory.
    pub fn reconfigure(&self, http: Http) {
        self.flow.set_rate(http.max_rate.bytes());
        *self.http.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(http);
    }

    /// True when the door has failed. Recording goes on without it.
    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Closes the door. Responses that are sent may end, for a short time. Blocks for that time.
    pub fn stop(self) {
        let _ = self.stop.send(());
        if let Err(panic) = self.thread.join() {
            drop(panic);
            crate::watch::failed("the HTTP server", "it panicked", "the service ends anyhow");
        }
    }
}

/// The address under which viewers reach the box, without a slash at its end. `own` is that of its first listener.
pub(super) fn address(http: &Http, own: Option<&str>) -> Option<String> {
    let public = http.public_url.as_ref().map(ToString::to_string);
    public.or_else(|| own.map(str::to_owned))
}

fn url((address, transport): &(SocketAddr, Transport)) -> String {
    match transport {
        Transport::Plain => format!("http://{address}"),
        Transport::Tls => format!("https://{address}"),
    }
}

/// A URL with the name of the machine in place of the address that stands for all addresses: nobody can open that one.
fn named(url: String, machine: &str) -> String {
    url.replacen("//0.0.0.0:", &format!("//{machine}:"), 1)
        .replacen("//[::]:", &format!("//{machine}:"), 1)
}

/// Counts a connection, if it may be there. A proxy that is believed connects for many viewers.
fn connect(door: &Door, peer: IpAddr) -> Result<ConnectionPermit, Reason> {
    let (http, admission) = (door.http(), door.gate.admission());
    let is_proxy = http
        .behind
        .iter()
        .any(|range| range.contains(peer.to_canonical()));
    if is_proxy {
        admission.connect_proxy(peer, http.max_connections)
    } else {
        admission.connect(peer, http.max_connections)
    }
}

/// Has the calling thread give way to the recorder, on the processor and on the storage device.
fn give_way() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!("a thread for viewers keeps its priority: {error}");
    }
}

async fn accept(
    listeners: &[(TcpListener, Transport)],
) -> std::io::Result<(TcpStream, SocketAddr, Transport)> {
    std::future::poll_fn(|context| {
        for (listener, transport) in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                return Poll::Ready(accepted.map(|(stream, peer)| (stream, peer, *transport)));
            }
        }
        Poll::Pending
    })
    .await
}

/// Reports a panic in a connection. The other connections go on.
fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(cause) = ended {
        crate::watch::failed("an HTTP connection", &cause.to_string(), "it was closed");
    }
}
