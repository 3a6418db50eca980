//! What a session tells its caller.

use std::fmt;

use crate::media::{MediaMessage, NameError, StreamName};

/// What a connection wants of its caller.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The peer asks to publish: answer with [`Session::accept`](super::Session::accept),
    /// [`Session::refuse`](super::Session::refuse) or [`Session::deny`](super::Session::deny).
    Publish(PublishAsked),
    /// Media of the publish that was accepted.
    Media(MediaMessage),
    /// The peer ended its publish properly.
    Unpublished,
    /// The peer asked for what cannot be, and was told so.
    Declined(Declined),
}

/// What was asked for and cannot be, for the log. The connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Declined {
    /// A publish without a stream key.
    NoKey,
    /// A player wants to see a stream.
    Play,
    /// A publish under a name that no stream can have.
    Name,
}

impl Declined {
    /// What happened, and what to do.
    pub fn as_str(self) -> &'static str {
        match self {
            Declined::NoKey => {
                "not recorded: a publisher gave no stream key; let it push to rtmp://HOST/APP/KEY, as in \
                 rtmp://HOST/live/cam1"
            }
            Declined::Play => {
                "nothing can be played over RTMP: edgereel only records; 'edgereel export' makes a file, and [sync] \
                 delivers HLS while it is recorded"
            }
            Declined::Name => "not recorded: a publisher gave a name that no stream can have",
        }
    }
}

/// A request to publish, as the peer worded it.
#[derive(Clone, PartialEq, Eq)]
pub struct PublishAsked {
    /// The application, without its query and without slashes around it.
    pub app: String,
    /// The stream key, without its query and without slashes around it. Never empty.
    pub key: String,
    /// The queries of key and app, joined with `&`; may hold secrets.
    pub query: String,
    /// The address the peer believes it connected to; may hold secrets.
    pub tc_url: String,
    /// What the peer says it is.
    pub encoder: String,
}

impl PublishAsked {
    /// The stream that is meant. An empty application is tolerated when the key has parts.
    pub fn stream_name(&self) -> Result<StreamName, NameError> {
        if self.app.is_empty() {
            self.key.parse()
        } else {
            StreamName::new(&self.app, &self.key)
        }
    }
}

// The query and the URL are where stream keys hide.
impl fmt::Debug for PublishAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublishAsked({}/{} by {})", self.app, self.key, self.encoder)
    }
}
