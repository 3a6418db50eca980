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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::activity::Activity;
use super::body::Sending;
use super::door::Door;
use super::patience::Patient;
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
/// The most requests at a time on a connection of HTTP/2.
const MAX_STREAMS: u32 = 16;

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
    let stream = Patient::new(stream);
    let arrived = Arrived {
        peer: peer.ip(),
        is_tls: transport == Transport::Tls,
    };
    let activity = Activity::new();
    let mut requests = activity.watch();
    let served = async {
        match transport {
            Transport::Plain => http1(stream, arrived, (&door, &activity), stopping).await,
            Transport::Tls => {
                let certificate = door
                    .identity
                    .certificate()
                    .ok_or("there is no certificate for TLS")?;
                let stream = timeout(HANDSHAKE, certificate.acceptor().accept(stream)).await??;
                let (_, session) = stream.get_ref();
                if session.alpn_protocol() == Some(b"h2") {
                    http2(stream, arrived, (&door, &activity), stopping).await
                } else {
                    http1(stream, arrived, (&door, &activity), stopping).await
                }
            }
        }
    };
    let mut served = pin!(served);
    let served = loop {
        tokio::select! {
            served = served.as_mut() => break served,
            // Another address wants the place of a connection that asks for nothing.
            _ = permit.gives_way() => break Ok(()),
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
    let service = service_fn(|request: Request<Incoming>| responds(door, activity, arrived, request));
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
    let (of, activity) = (Arc::clone(door), activity.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let (door, activity) = (Arc::clone(&of), activity.clone());
        async move { responds(&door, &activity, arrived, request).await }
    });
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD)
        .keep_alive_timeout(HEAD)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(BUFFER).unwrap_or(u32::MAX))
        .max_send_buf_size(BUFFER);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return Ok(ended?),
        () = stops(stopping) => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}

async fn responds(
    door: &Arc<Door>,
    activity: &Activity,
    arrived: Arrived,
    request: Request<Incoming>,
) -> Result<Response<Sending<Counted>>, Infallible> {
    let busy = activity.begin();
    let answer = answer(door, arrived, request).await;
    Ok(answer.map(|body| Sending::new(body, busy)))
}

/// Resolves when the service stops.
async fn stops(mut stopping: watch::Receiver<bool>) {
    // The sender is dropped only behind a stop.
    let _ = stopping.wait_for(|stops| *stops).await;
}
