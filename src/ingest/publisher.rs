//! A client with a socket, for `edgereel publish`, the demo and tests.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Client, ClientEvent, IngestError, RtmpUrl};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes that are sent at once when nobody asks for them sooner.
const WORTH_SENDING: usize = 64 << 10;
const FINISH_TIMEOUT: Duration = Duration::from_secs(3);

/// What a tag body is.
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
#[derive(Debug)]
pub struct Publisher {
    stream: TcpStream,
    client: Client,
    peer: String,
    buffer: Vec<u8>,
}

impl Publisher {
    /// Connects and publishes; returns when media may be sent.
    pub async fn connect(url: &RtmpUrl) -> Result<Self, IngestError> {
        let peer = url.authority();
        let connecting = async {
            let stream = TcpStream::connect(&peer)
                .await
                .map_err(|source| io_error(&peer, source))?;
            let _ = stream.set_nodelay(true);
            let mut publisher = Self {
                stream,
                client: Client::new(url.clone())?,
                peer: peer.clone(),
                buffer: vec![0; 8 << 10],
            };
            publisher.wait_for(ClientEvent::Publishing).await?;
            Ok(publisher)
        };
        timeout(CONNECT_TIMEOUT, connecting)
            .await
            .unwrap_or(Err(IngestError::TimedOut("connecting")))
    }

    /// Sends one tag body, or keeps it with the next ones until there is enough to be worth a system call;
    /// [`Publisher::flush`] sends what is kept. Waits while the server takes no more.
    pub async fn send(&mut self, kind: TagKind, timestamp_ms: u32, body: &[u8]) -> Result<(), IngestError> {
        self.client.send(kind, timestamp_ms, body);
        if self.client.output().len() < WORTH_SENDING {
            return Ok(());
        }
        self.flush().await
    }

    /// Sends what is kept.
    pub async fn flush(&mut self) -> Result<(), IngestError> {
        // Answers must be read, or a server that waits for that would cut us off.
        while self.read()?.is_some() {}
        self.write_out().await
    }

    /// Ends the publish and waits for the server to say so.
    pub async fn finish(mut self) -> Result<(), IngestError> {
        self.client.finish();
        match timeout(FINISH_TIMEOUT, self.wait_for(ClientEvent::Unpublished)).await {
            // Many servers just close, or say nothing: all was sent.
            Ok(Ok(())) | Ok(Err(IngestError::Closed)) | Err(_) => {}
            Ok(Err(error)) => return Err(error),
        }
        let _ = self.stream.shutdown().await;
        Ok(())
    }

    async fn wait_for(&mut self, wanted: ClientEvent) -> Result<(), IngestError> {
        loop {
            self.write_out().await?;
            self.stream
                .readable()
                .await
                .map_err(|source| io_error(&self.peer, source))?;
            while let Some(events) = self.read()? {
                if events.contains(&wanted) {
                    return Ok(());
                }
                self.write_out().await?;
            }
        }
    }

    /// Reads once without waiting; nothing when nothing is there.
    fn read(&mut self) -> Result<Option<Vec<ClientEvent>>, IngestError> {
        let count = match self.stream.try_read(&mut self.buffer) {
            Ok(0) => return Err(IngestError::Closed),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(source) => return Err(io_error(&self.peer, source)),
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
        let bytes = self.client.output();
        if bytes.is_empty() {
            return Ok(());
        }
        let written = timeout(WRITE_TIMEOUT, self.stream.write_all(bytes))
            .await
            .map_err(|_| IngestError::TimedOut("sending"))?;
        match written {
            Ok(()) => {
                let count = bytes.len();
                self.client.sent(count);
                Ok(())
            }
            // The server may have said why before it closed.
            Err(source) => {
                while self.read()?.is_some() {}
                Err(io_error(&self.peer, source))
            }
        }
    }
}

fn io_error(peer: &str, source: std::io::Error) -> IngestError {
    IngestError::Io {
        peer: peer.to_owned(),
        source,
    }
}
