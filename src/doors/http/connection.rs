//! One connection: TLS, HTTP/1.1 or HTTP/2, and its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, interval, timeout};

use super::activity::Activity;
use super::arrival::arrives;
use super::body::Sending;
use super::door::Door;
use super::flow::{several, single};
use super::patience::{Patient, SLOWEST};
use super::route::{Arrived, answer};
use super::server::Transport;
use super::tally::Counted;
use crate::access::ConnectionPermit;

/// The time for the head of a request, and the longest time without one.
const HEAD: Duration = Duration::from_secs(30);
/// The time for the handshake of TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The most bytes of the head of a request, and about the most bytes that wait for the socket.
const BUFFER: usize = 32 << 10;
/// The most lines of the head of a request.
const MAX_HEADERS: usize = 64;
/// Bytes that wait in the system for the network. The system alone would let a slow viewer have megabytes. This is enough for
/// 10 Mbit/s at a distance of 100 ms.
const SOCKET: usize = 128 << 10;
/// The most requests at a time on a connection of HTTP/2.
const MAX_STREAMS: u32 = 16;
/// The most bytes that a peer may send before they are read (RFC 9113, section 6.9.2): as many as a command has. What is sent to
/// nobody, as the body of a `GET`, takes no more memory than this.
const WINDOW: u32 = 64 << 10;
/// A connection of HTTP/2 without a request for this long ends. HTTP/1.1 has [`HEAD`] for that.
const REST: Duration = Duration::from_secs(60);
/// The time for its last bytes.
const FAREWELL: Duration = Duration::from_secs(10);
/// How often it is looked at whether the peer takes what is sent.
const LOOK: Duration = Duration::from_secs(10);

/// Serves a connection until its end.
pub(super) async fn serve(
    stream: TcpStream,
    (peer, transport): (SocketAddr, Transport),
    mut permit: ConnectionPermit,
    door: Arc<Door>,
    stopping: watch::Receiver<bool>,
) {
    // A response's head and its body are written one after the other.
    let _ = stream.set_nodelay(true);
    // A viewer that reads nothing takes memory of the system, too.
    let _ = setsockopt(&stream, sockopt::SndBuf, &SOCKET);
    let arrived = Arrived {
        peer: peer.ip(),
        is_tls: transport == Transport::Tls,
    };
    let activity = Activity::new();
    let mut requests = activity.watch();
    let served = async {
        match transport {
            // Each in a box of its own: one without TLS has no room for it.
            Transport::Plain => {
                tokio::select! {
                    arrived = timeout(HEAD, arrives(&stream)) => arrived??,
                    () = stops(stopping.clone()) => return Ok(()),
                }
                let stream = Patient::new(stream);
                Box::pin(http1(stream, arrived, (&door, &activity), stopping)).await
            }
            Transport::Tls => {
                let stream = Patient::new(stream);
                let certificate = door
                    .identity
                    .certificate()
                    .ok_or("there is no certificate for TLS")?;
                let stream = timeout(HANDSHAKE, certificate.acceptor().accept(stream)).await??;
                let (_, session) = stream.get_ref();
                if session.alpn_protocol() == Some(b"h2") {
                    Box::pin(http2(stream, arrived, (&door, &activity), stopping)).await
                } else {
                    Box::pin(http1(stream, arrived, (&door, &activity), stopping)).await
                }
            }
        }
    };
    let mut served = pin!(served);
    let mut looks = interval(LOOK);
    let served = loop {
        tokio::select! {
            served = served.as_mut() => break served,
            // Another address wants the place of a connection that asks for nothing.
            _ = permit.gives_way() => break Ok(()),
            _ = looks.tick() => if activity.stalls(Instant::now()) >= SLOWEST {
                break Err("the peer takes too little".into());
            },
            Ok(()) = requests.changed() => {
                let is_busy = *requests.borrow_and_update() > 0;
                permit.set_active(is_busy);
            }
        }
    };
    if let Err(error) = served {
        tracing::trace!(%peer, "a viewer's connection ended: {error}");
    }
}

type Served = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn http1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    arrived: Arrived,
    (door, activity): (&Arc<Door>, &Activity),
    stopping: watch::Receiver<bool>,
) -> Served {
    let pieces = single();
    let service =
        service_fn(|request: Request<Incoming>| responds(door, (activity, &pieces), arrived, request));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .max_headers(MAX_HEADERS)
        .half_close(true);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return Ok(ended?),
        () = stops(stopping) => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}

async fn http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    arrived: Arrived,
    (door, activity): (&Arc<Door>, &Activity),
    stopping: watch::Receiver<bool>,
) -> Served {
    let (of, by, pieces) = (Arc::clone(door), activity.clone(), several());
    let service = service_fn(move |request: Request<Incoming>| {
        let (door, activity, pieces) = (Arc::clone(&of), by.clone(), Arc::clone(&pieces));
        async move { responds(&door, (&activity, &pieces), arrived, request).await }
    });
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD)
        .keep_alive_timeout(HEAD)
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(u32::try_from(BUFFER).unwrap_or(u32::MAX))
        .max_send_buf_size(BUFFER);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return Ok(ended?),
        () = stops(stopping) => connection.as_mut().graceful_shutdown(),
        () = rests(activity.watch()) => {
            connection.as_mut().graceful_shutdown();
            // Responses that the peer lets nobody send hold it no longer.
            return Ok(timeout(FAREWELL, connection).await??);
        }
    }
    Ok(connection.await?)
}

async fn responds(
    door: &Arc<Door>,
    (activity, pieces): (&Activity, &Arc<Semaphore>),
    arrived: Arrived,
    request: Request<Incoming>,
) -> Result<Response<Sending<Counted>>, Infallible> {
    // A connection keeps room for what this function returns. What it takes to find the answer is only there until it is found.
    let (answer, busy) = Box::pin(answer(door, (arrived, activity), request)).await;
    Ok(answer.map(|mut body| {
        body.keep_within(pieces);
        Sending::new(body, busy)
    }))
}

/// Resolves when no request was let in for a while.
async fn rests(mut requests: watch::Receiver<usize>) {
    // An error says that the connection has ended.
    while requests.wait_for(|count| *count == 0).await.is_ok() {
        let next = timeout(REST, requests.wait_for(|count| *count > 0)).await;
        if next.is_err() {
            return;
        }
    }
    std::future::pending().await
}

/// Resolves when the service stops.
async fn stops(mut stopping: watch::Receiver<bool>) {
    // The sender is dropped only behind a stop.
    let _ = stopping.wait_for(|stops| *stops).await;
}
