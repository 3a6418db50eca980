//! The recorder as the network sees it.

use std::net::SocketAddr;

use crate::media::{MediaMessage, StreamName};

/// The recorder of this process; clones share it. Lives on the network thread (`!Send`).
#[derive(Clone)]
pub struct Recorder {}

/// Someone asks to publish.
#[derive(Clone, Debug)]
pub struct PublishRequest {
    /// The stream asked for.
    pub stream: StreamName,
    /// The query string of the stream key, without `?`; may hold secrets, never logged.
    pub query: String,
    /// Who asks.
    pub peer: SocketAddr,
}

/// Why a publish may not begin. The text is sent to the publisher.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Another publisher is sending.
    #[error(
        "stream '{stream}' already has a publisher that was heard {silent_ms} ms ago; it can be taken over after {takeover_ms} ms of silence"
    )]
    Busy {
        /// The stream.
        stream: StreamName,
        /// How long the present publisher has been silent.
        silent_ms: u64,
        /// When it would be given up.
        takeover_ms: u64,
    },
    /// The recorder is stopping, or the store does not take media.
    #[error("stream '{stream}' cannot be recorded now: {reason}")]
    Unavailable {
        /// The stream.
        stream: StreamName,
        /// Why.
        reason: String,
    },
}

/// How a publish ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// FCUnpublish, deleteStream or closeStream.
    Unpublished,
    /// The connection broke, timed out or sent what it may not.
    Broken(String),
    /// Another publisher took over.
    TakenOver,
    /// The service stops.
    Shutdown,
}

/// A publish that was accepted. Dropping it without [`Publishing::end`] counts as a broken connection.
pub struct Publishing {}

impl Recorder {
    /// Accepts or refuses a publish. A stream whose publisher has been silent for long enough is taken over.
    pub fn publish(&self, _request: PublishRequest) -> Result<Publishing, Refusal> {
        unimplemented!("recorder")
    }
}

impl Publishing {
    /// Takes one message. Never blocks: ask [`Publishing::ready`] before reading more from the network.
    pub fn push(&mut self, _message: MediaMessage) {
        unimplemented!("recorder")
    }

    /// Waits until the recorder can take more: this is how a slow card slows a fast publisher.
    pub async fn ready(&self) {
        unimplemented!("recorder")
    }

    /// Resolves when this publish must end: it was taken over, or the service stops.
    pub async fn ended(&self) -> EndReason {
        unimplemented!("recorder")
    }

    /// Ends the publish.
    pub fn end(self, _reason: EndReason) {
        unimplemented!("recorder")
    }
}
