//! A client with a socket, for `edgereel publish`, the demo and tests.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::trust::{Trust, no_tls, words};
use super::wire::{Tried, Wire};
use super::{Client, ClientEvent, IngestError, RtmpUrl};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many bytes are kept before they are sent without a flush.
const WORTH_SENDING: usize = 64 << 10;
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
                buffer: vec![0; 8 << 10],
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
        while self.read()?.is_some() {}
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
            self.write_out().await?;
            self.stream
                .readable()
                .await
                .map_err(|source| failed(&self.url, source))?;
            while let Some(events) = self.read()? {
                if events.contains(&wanted) {
                    return Ok(());
                }
                self.write_out().await?;
            }
        }
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
                while self.read()?.is_some() {}
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
