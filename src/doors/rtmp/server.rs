//! The listener: who may connect, and how many.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::{Instrument, error, info_span, warn};

use super::IngestError;
use super::connection::{Shared, serve};
use super::wire::Wire;
use crate::access::Admission;
use crate::recorder::Recorder;
use crate::tls::Identity;

/// How long connections may take to end when the service stops.
const LEAVE: Duration = Duration::from_secs(3);

/// A line about refusals for want of room is logged at most once in this time.
const FULL_NOTICE: Duration = Duration::from_secs(10);

/// How often the server looks for refusals that were left out.
const REFUSALS: Duration = Duration::from_secs(15);

/// Time limits, counts and memory for what strangers send.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The time within which the handshake must be complete.
    pub handshake_timeout: Duration,
    /// The time within which a publish must begin, counted from the connection's start or from its last unpublish.
    pub publish_timeout: Duration,
    /// A publisher that sends no byte for this long is gone.
    pub idle_timeout: Duration,
    /// A peer that reads none of the answers for this long is gone.
    pub write_timeout: Duration,
    /// The most connections at one time. Where all of them publish, further ones are closed at once.
    pub max_connections: usize,
    /// Memory in bytes for half-received messages of all connections without a publish. Each has a few KiB beside that.
    pub strangers_budget: usize,
    /// Memory in bytes for half-received messages of all publishers beyond their shares. The largest message has to fit.
    pub publishers_budget: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(5),
            publish_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(10),
            max_connections: 64,
            strangers_budget: 4 << 20,
            publishers_budget: 16 << 20,
        }
    }
}

/// The addresses that a server listens on.
#[derive(Clone, Copy, Debug)]
pub struct Listen<'a> {
    /// The addresses for RTMP.
    pub plain: &'a [SocketAddr],
    /// The addresses for RTMPS: RTMP under TLS, with the certificate in force.
    pub tls: &'a [SocketAddr],
}

/// Listening sockets, open and not yet served.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listener>,
    settings: Settings,
    admission: Arc<Admission>,
    identity: Identity,
}

#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    transport: Transport,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Plain,
    Tls,
}

impl Server {
    /// Opens a listener on every address. If one fails, none is opened.
    pub async fn bind(
        listen: Listen<'_>,
        settings: Settings,
        admission: Arc<Admission>,
        identity: Identity,
    ) -> Result<Self, IngestError> {
        let plain = listen.plain.iter().map(|address| (*address, Transport::Plain));
        let tls = listen.tls.iter().map(|address| (*address, Transport::Tls));
        let mut listeners = Vec::new();
        for (address, transport) in plain.chain(tls) {
            let socket = TcpListener::bind(address)
                .await
                .map_err(|source| IngestError::Listen { address, source })?;
            listeners.push(Listener { socket, transport });
        }
        Ok(Self {
            listeners,
            settings,
            admission,
            identity,
        })
    }

    /// The addresses that the server listens on for RTMP, with the ports that the system chose for port 0.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.addresses(Transport::Plain)
    }

    /// The addresses that the server listens on for RTMPS, with the ports that the system chose for port 0.
    pub fn local_tls_addrs(&self) -> Vec<SocketAddr> {
        self.addresses(Transport::Tls)
    }

    fn addresses(&self, transport: Transport) -> Vec<SocketAddr> {
        let these = self
            .listeners
            .iter()
            .filter(|listener| listener.transport == transport);
        these
            .filter_map(|listener| listener.socket.local_addr().ok())
            .collect()
    }

    /// Serves until `shutdown`, then lets every connection end in order.
    pub async fn run(self, recorder: Recorder, shutdown: impl Future<Output = ()> + Send) {
        let Self {
            listeners,
            settings,
            admission,
            identity,
        } = self;
        let max_connections = settings.max_connections;
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared::new(recorder, Arc::clone(&admission), settings));
        let mut connections = JoinSet::new();
        let mut full_since: Option<Instant> = None;
        let mut left_out = interval(REFUSALS);
        left_out.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = connections.join_next() => report(ended),
                _ = left_out.tick() => shared.tell_refusals(),
                accepted = accept(&listeners) => match accepted {
                    Ok((stream, peer, transport)) => {
                        let permit = match admission.connect(peer.ip(), max_connections) {
                            Ok(permit) => permit,
                            Err(reason) => {
                                shared.refused(None, peer, &reason);
                                let reason = admission.told(&reason);
                                if full_since.is_none_or(|since| since.elapsed() >= FULL_NOTICE) {
                                    full_since = Some(Instant::now());
                                    warn!(%peer, max_connections, "too many connections; new ones are refused: {reason}");
                                }
                                shared.stranger_left(&format!("{}: {reason}", peer.ip()));
                                continue;
                            }
                        };
                        let wire = match wire(transport, &identity) {
                            Ok(wire) => wire,
                            Err(why) => {
                                shared.stranger_left(&format!("{}: {why}", peer.ip()));
                                continue;
                            }
                        };
                        let span = info_span!("rtmp", %peer, stream = tracing::field::Empty);
                        let connection = serve(stream, wire, peer, permit, Arc::clone(&shared), stopped.clone());
                        connections.spawn(connection.instrument(span));
                    }
                    // The process or the system is out of descriptors. A new try at once would only spin.
                    Err(cause) => {
                        error!(%cause, "cannot accept connections");
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
        shared.tell_last_refusals();
        if timeout(LEAVE, all_left).await.is_err() {
            warn!("connections closed because they did not end in time");
        }
    }
}

async fn accept(listeners: &[Listener]) -> std::io::Result<(TcpStream, SocketAddr, Transport)> {
    std::future::poll_fn(|context| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.socket.poll_accept(context) {
                return Poll::Ready(accepted.map(|(stream, peer)| (stream, peer, listener.transport)));
            }
        }
        Poll::Pending
    })
    .await
}

fn wire(transport: Transport, identity: &Identity) -> Result<Wire, String> {
    match (transport, identity.certificate()) {
        (Transport::Plain, _) => Ok(Wire::Plain),
        (Transport::Tls, Some(certificate)) => Wire::tls(&certificate).map_err(|error| error.to_string()),
        (Transport::Tls, None) => Err("there is no certificate for TLS".to_owned()),
    }
}

/// Reports a panic in a connection. The other connections go on.
fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(cause) = ended {
        crate::watch::failed("an RTMP connection", &cause.to_string(), "it was closed");
    }
}
