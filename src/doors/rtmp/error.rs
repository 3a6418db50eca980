//! Why a connection ends that should have gone on.

use std::net::SocketAddr;

use super::{AmfError, ChunkError, HandshakeError, TagError, UrlError};

/// Everything that can go wrong in this room.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The handshake failed.
    #[error("handshake: {0}")]
    Handshake(#[from] HandshakeError),
    /// TLS failed, or the certificate of the other side is not trusted.
    #[error("TLS: {0}")]
    Tls(String),
    /// The chunks cannot be taken.
    #[error("chunks: {0}")]
    Chunk(#[from] ChunkError),
    /// A command is not AMF0 that can be taken.
    #[error("command: {0}")]
    Amf(#[from] AmfError),
    /// A command came where it makes no sense.
    #[error("command '{command}': {why}")]
    Command {
        /// The name of the command.
        command: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The media cannot be recorded.
    #[error("{0}")]
    Tag(#[from] TagError),
    /// The peer sends requests and does not read the answers.
    #[error("{0} bytes of answers wait to be read")]
    Unread(usize),
    /// The server that this side publishes to refused.
    #[error("the server refused to take the stream: {0}")]
    Refused(String),
    /// An address that is not one.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A listener could not be opened.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that was to be listened on.
        address: SocketAddr,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The connection failed.
    #[error("connection to {peer}: {source}")]
    Io {
        /// Host and port.
        peer: String,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The other side closed the connection.
    #[error("the other side closed the connection")]
    Closed,
    /// The other side took too long.
    #[error("{0} timed out")]
    TimedOut(&'static str),
}
