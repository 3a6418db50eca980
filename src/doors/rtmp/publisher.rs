//! A client with a socket, for `edgereel publish`, the demo and tests.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::trust::{Trust, no_tls, words};
use super::wire::{Tried, Wire};
use super::{Client, ClientEvent, IngestError, RtmpUrl};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many bytes are kept before they are sent without a flush.
const WORTH_SENDING: usize = 64 << 10;
/// How many bytes are read at once.
const BUFFER: usize = 8 << 10;
/// How many such reads follow each other before media goes on, and before others have their turn: 64 KiB.
const READS: usize = 8;
const FINISH_TIMEOUT: Duration = Duration::from_secs(3);

/// The kind of a tag body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagKind {
    /// FLV tag type 8.
    Audio,
    /// FLV tag type 9.
    Video,
    /// FLV tag type 18.
    Data,
}

/// A publish that the server has accepted.
pub struct Publisher {
    stream: TcpStream,
    wire: Wire,
    client: Client,
    url: RtmpUrl,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Publisher({})", self.url)
    }
}

impl Publisher {
    /// Connects and asks to publish. Returns when media may be sent.
    pub async fn connect(url: &RtmpUrl) -> Result<Self, IngestError> {
        Self::connect_with(url, None).await
    }

    /// Connects like [`Publisher::connect`], under TLS where the address says so. The server must prove itself to `trust`.
    pub async fn connect_with(url: &RtmpUrl, trust: Option<&Trust>) -> Result<Self, IngestError> {
        let connecting = async {
            let wire = match (url.tls, trust) {
                (false, _) => Wire::Plain,
                (true, Some(trust)) => Wire::client(trust.connection(url).map_err(IngestError::Tls)?),
                (true, None) => return Err(IngestError::Tls("no authority is trusted".to_owned())),
            };
            let stream = TcpStream::connect(url.authority())
                .await
                .map_err(|source| failed(url, source))?;
            let _ = stream.set_nodelay(true);
            let mut publisher = Self {
                stream,
                wire,
                client: Client::new(url.clone())?,
                url: url.clone(),
                buffer: vec![0; BUFFER],
            };
            publisher.wait_for(ClientEvent::Publishing).await?;
            Ok(publisher)
        };
        timeout(CONNECT_TIMEOUT, connecting)
            .await
            .unwrap_or(Err(IngestError::TimedOut("connecting")))
    }

    /// Sends one tag body, or keeps it with the next ones until there is enough for a system call. [`Publisher::flush`] sends
    /// what is kept. Waits while the server takes no more. The timestamp is in milliseconds.
    pub async fn send(&mut self, kind: TagKind, timestamp_ms: u32, body: &[u8]) -> Result<(), IngestError> {
        self.client.send(kind, timestamp_ms, body);
        if self.client.output().len() < WORTH_SENDING {
            return Ok(());
        }
        self.flush().await
    }

    /// Sends the tag bodies that are kept.
    pub async fn flush(&mut self) -> Result<(), IngestError> {
        // The client must read answers: a server that waits for that would end the connection.
        if !self.read_some()? {
            yield_now().await;
        }
        self.write_out().await
    }

    /// Ends the publish and waits for the server to confirm it. True when it did.
    pub async fn finish(mut self) -> Result<bool, IngestError> {
        self.client.finish();
        let confirmed = match timeout(FINISH_TIMEOUT, self.wait_for(ClientEvent::Unpublished)).await {
            Ok(Ok(())) => true,
            // Many servers just close, or say nothing. All media was sent.
            Ok(Err(IngestError::Closed)) | Err(_) => false,
            Ok(Err(error)) => return Err(error),
        };
        self.wire.close();
        let _ = self.write_out().await;
        let _ = self.stream.shutdown().await;
        Ok(confirmed)
    }

    async fn wait_for(&mut self, wanted: ClientEvent) -> Result<(), IngestError> {
        loop {
            match self.read()? {
                Some(events) if events.contains(&wanted) => return Ok(()),
                // A server that sends without end keeps nobody waiting, also not who limits the time of this.
                Some(_) => yield_now().await,
                None => {
                    self.write_out().await?;
                    let readable = self.stream.readable().await;
                    readable.map_err(|source| failed(&self.url, source))?;
                }
            }
            self.write_out().await?;
        }
    }

    /// Reads what is there, but not without end. False when there may be more.
    fn read_some(&mut self) -> Result<bool, IngestError> {
        for _ in 0..READS {
            if self.read()?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads once without waiting. None when nothing is there.
    fn read(&mut self) -> Result<Option<Vec<ClientEvent>>, IngestError> {
        let count = match self.wire.read(&mut Tried(&self.stream), &mut self.buffer) {
            Ok(0) if self.wire.is_handshaking() => return Err(IngestError::Tls(no_tls(&self.url))),
            Ok(0) => return Err(IngestError::Closed),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(source) => return Err(failed(&self.url, source)),
        };
        let mut input = self.buffer.get(..count).unwrap_or_default();
        let mut events = Vec::new();
        while let Some(event) = self.client.handle(&mut input)? {
            match event {
                ClientEvent::Refused(why) => return Err(IngestError::Refused(why)),
                other => events.push(other),
            }
        }
        Ok(Some(events))
    }

    async fn write_out(&mut self) -> Result<(), IngestError> {
        let sending = async {
            while !self.client.output().is_empty() || self.wire.waits() {
                match self.wire.write(&mut Tried(&self.stream), self.client.output()) {
                    Ok(count) => self.client.sent(count),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => self.stream.writable().await?,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        let written = timeout(WRITE_TIMEOUT, sending)
            .await
            .map_err(|_| IngestError::TimedOut("sending"))?;
        match written {
            Ok(()) => Ok(()),
            // The server may have said why before it closed.
            Err(source) => {
                self.read_some()?;
                Err(failed(&self.url, source))
            }
        }
    }
}

fn failed(url: &RtmpUrl, source: std::io::Error) -> IngestError {
    let tls = source.get_ref().and_then(|inner| inner.downcast_ref());
    match tls {
        Some(error) => IngestError::Tls(words(error, url)),
        None => IngestError::Io {
            peer: url.authority(),
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Write as _;
    use std::pin::pin;
    use std::task::Poll;

    use tokio::net::TcpSocket;

    use super::*;
    use crate::doors::rtmp::ChunkWriter;
    use crate::doors::rtmp::client::tests::client;
    use crate::doors::rtmp::message::{USER_CONTROL, user_control};

    /// Bytes that wait at the publisher at least.
    const FLOOD: usize = 100 << 10;

    /// A publisher whose server sends without end.
    async fn flooded() -> Publisher {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url: RtmpUrl = format!("rtmp://{}/app/key", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let server = std::thread::spawn(move || listener.accept().unwrap().0);
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1 << 20).unwrap();
        let stream = socket.connect(url.authority().parse().unwrap()).await.unwrap();
        let mut server = server.join().unwrap();
        std::thread::spawn(move || {
            // Events that want no answer.
            let mut event = Vec::new();
            ChunkWriter::default().write(2, USER_CONTROL, 0, 0, &user_control(0, &[0; 4]), &mut event);
            let flood = event.repeat(1_000);
            while server.write_all(&flood).is_ok() {}
        });
        let mut peeked = vec![0; FLOOD];
        while stream.peek(&mut peeked).await.unwrap() < FLOOD {
            yield_now().await;
        }
        Publisher {
            stream,
            wire: Wire::Plain,
            client: client(),
            url,
            buffer: vec![0; BUFFER],
        }
    }

    #[tokio::test]
    async fn a_server_that_sends_without_end_delays_neither_media_nor_an_end() {
        let mut publisher = flooded().await;
        let before = publisher.client.received();
        publisher.flush().await.unwrap();
        let read = publisher.client.received() - before;
        assert!(read > 0 && read as usize <= READS * BUFFER, "{read}");

        let mut publisher = flooded().await;
        let before = publisher.client.received();
        {
            let mut waiting = pin!(publisher.wait_for(ClientEvent::Publishing));
            let once = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context)));
            assert!(once.await.is_pending());
        }
        let read = publisher.client.received() - before;
        assert!(read > 0 && read as usize <= BUFFER, "{read}");
    }
}
