//! One connection: its bytes in and out, and its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::v5::DisconnectReasonCode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::Hub;

/// How long a client may take to close a connection that the broker has closed.
const LINGER: Duration = Duration::from_secs(2);

/// Accepts connections.
pub(super) async fn serve(listener: TcpListener, hub: Arc<Hub>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let _ = socket.set_nodelay(true);
        tokio::spawn(attend(socket, hub.clone()));
    }
}

/// Sends delayed wills.
pub(super) async fn send_wills(hub: Arc<Hub>) {
    loop {
        let next = hub.state().send_wills(std::time::Instant::now());
        let due = async {
            match next {
                Some(next) => sleep_until(next.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => (),
            () = hub.wills.notified() => (),
        }
    }
}

async fn attend(socket: TcpStream, hub: Arc<Hub>) {
    let (out, outgoing) = mpsc::unbounded_channel();
    let (cut, is_cut) = oneshot::channel();
    let id = hub.state().accept(out, cut);
    let cut = async {
        // The sender is dropped when the connection is closed in an orderly way.
        if is_cut.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let talk = async {
        match hub.tls.clone() {
            None => converse(socket, id, &hub, outgoing).await,
            Some(tls) => {
                let mut behaviour = hub.behaviour.subscribe();
                let _ = behaviour.wait_for(|how| !how.silent).await;
                if let Ok(socket) = tokio_rustls::TlsAcceptor::from(tls).accept(socket).await {
                    converse(socket, id, &hub, outgoing).await;
                }
            }
        }
    };
    tokio::select! {
        () = cut => (),
        () = talk => (),
    }
    hub.state().leave(id, true);
}

async fn converse(
    socket: impl AsyncRead + AsyncWrite,
    id: u64,
    hub: &Hub,
    outgoing: mpsc::UnboundedReceiver<BytesMut>,
) {
    let (incoming, out) = tokio::io::split(socket);
    let listening = listen(incoming, id, hub);
    tokio::pin!(listening);
    tokio::select! {
        () = &mut listening => (),
        // If bytes are unread, closing would take the last packets from the client.
        () = speak(out, hub, outgoing) => drop(timeout(LINGER, listening).await),
    }
}

/// Reads until the client is gone, even when the broker does not use the bytes any more.
async fn listen(mut incoming: impl AsyncRead + Unpin, id: u64, hub: &Hub) {
    let mut behaviour = hub.behaviour.subscribe();
    let mut buffer = BytesMut::new();
    let (mut patience, mut heard) = (None, Instant::now());
    loop {
        let how = behaviour.borrow_and_update().clone();
        if !how.silent {
            patience = hub.state().hear(id, &mut buffer, &how);
        }
        let deadline = patience.filter(|_| !how.silent).map(|patience| heard + patience);
        // Packets that came together are handled together.
        buffer.reserve(65_536);
        tokio::select! {
            read = incoming.read_buf(&mut buffer) => match read {
                Ok(0) | Err(_) => return,
                Ok(count) => {
                    hub.received.fetch_add(count as u64, Ordering::Relaxed);
                    heard = Instant::now();
                }
            },
            _ = behaviour.changed() => heard = Instant::now(),
            () = sleep_until(deadline.unwrap_or(heard)), if deadline.is_some() => {
                hub.state().dismiss(id, DisconnectReasonCode::KeepAliveTimeout);
            }
        }
    }
}

/// Writes all waiting packets, until the broker closes the connection.
async fn speak(mut out: impl AsyncWrite + Unpin, hub: &Hub, mut outgoing: mpsc::UnboundedReceiver<BytesMut>) {
    let mut behaviour = hub.behaviour.subscribe();
    while let Some(bytes) = outgoing.recv().await {
        let _ = behaviour.wait_for(|how| !how.silent).await;
        if out.write_all(&bytes).await.is_err() || out.flush().await.is_err() {
            return;
        }
        hub.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
    let _ = out.shutdown().await;
}
