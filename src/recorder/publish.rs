//! How a publish begins and how it ends.

use std::fmt;
use std::net::SocketAddr;

use crate::event::PublishAbout;
use crate::media::StreamName;

/// A request to publish. It cannot be printed as a whole: its query may hold a secret.
#[derive(Clone)]
pub struct PublishRequest {
    /// The requested stream.
    pub stream: StreamName,
    /// The host that the publisher addressed, in lower case, if it named one.
    pub domain: Option<String>,
    /// The query string of the stream key, without `?` and without the proof of the publisher. It may hold other secrets, and
    /// is never logged.
    pub query: String,
    /// The parameters behind the stream's name, without secrets.
    pub param: String,
    /// The client.
    pub peer: SocketAddr,
    /// The name of the encoder, as the publisher gives it.
    pub encoder: String,
}

impl PublishRequest {
    pub(super) fn about(&self) -> PublishAbout {
        let known = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        PublishAbout {
            peer: Some(self.peer.ip().to_canonical().to_string()),
            domain: self.domain.clone(),
            encoder: known(&self.encoder),
            param: known(&self.param),
        }
    }
}

/// The reason why a publish may not begin. The text is sent to the publisher.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Another publisher is sending.
    #[error(
        "stream '{stream}' already has a publisher, heard {silent_ms} ms ago; it gives way after {takeover_ms} ms of silence"
    )]
    Busy {
        /// The stream.
        stream: StreamName,
        /// How long the present publisher has been silent.
        silent_ms: u64,
        /// The silence after which it gives way, in milliseconds.
        takeover_ms: u64,
    },
    /// The recorder is stopping, or the store does not take media.
    #[error("stream '{stream}' cannot be recorded now: {reason}")]
    Unavailable {
        /// The stream.
        stream: StreamName,
        /// The reason.
        reason: String,
    },
}

impl Refusal {
    /// The words of [`kind`](Self::kind).
    pub const KINDS: [&'static str; 2] = ["busy", "unavailable"];

    /// The kind in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Refusal::Busy { .. } => "busy",
            Refusal::Unavailable { .. } => "unavailable",
        }
    }
}

/// How a publish ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// FCUnpublish, deleteStream or closeStream.
    Unpublished,
    /// The connection broke, timed out or sent a message that is not allowed.
    Broken(String),
    /// Another publisher took over.
    TakenOver,
    /// A command ended the publish. No recording waits for its publisher.
    Kicked,
    /// The service stops.
    Shutdown,
}

impl EndReason {
    /// True for an end that somebody intended: the recordings are complete.
    pub(super) fn is_meant(&self) -> bool {
        matches!(self, EndReason::Unpublished | EndReason::Kicked)
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndReason::Unpublished => f.write_str("unpublished"),
            EndReason::Broken(why) => write!(f, "broken: {why}"),
            EndReason::TakenOver => f.write_str("taken over by another publisher"),
            EndReason::Kicked => f.write_str("ended by command"),
            EndReason::Shutdown => f.write_str("the service stopped"),
        }
    }
}
