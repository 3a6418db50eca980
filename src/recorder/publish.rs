//! How a publish begins and how it ends.

use std::fmt;
use std::net::SocketAddr;

use crate::event::PublishAbout;
use crate::media::StreamName;

/// Someone asks to publish. Cannot be printed as a whole: its query may hold a secret.
#[derive(Clone)]
pub struct PublishRequest {
    /// The stream asked for.
    pub stream: StreamName,
    /// The host that the publisher addressed, in lower case, where it said so.
    pub domain: Option<String>,
    /// The query string of the stream key, without `?` and without what proved the publisher; may hold other
    /// secrets, never logged.
    pub query: String,
    /// The parameters behind the stream's name, without secrets.
    pub param: String,
    /// The client.
    pub peer: SocketAddr,
    /// The encoder's name, as the publisher says it.
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

/// Why a publish may not begin. The text is sent to the publisher.
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
    /// Somebody ended it by command. Nobody is waited for.
    Kicked,
    /// The service stops.
    Shutdown,
}

impl EndReason {
    /// True for an end that somebody meant: what was recorded is complete.
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
