//! The events that a session gives its caller.

use std::fmt;

use crate::access::harmless;
use crate::media::{MediaMessage, NameError, StreamName};

/// An event of a connection, for its caller.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The peer asks to publish. The caller answers with [`Session::accept`](super::Session::accept),
    /// [`Session::refuse`](super::Session::refuse) or [`Session::deny`](super::Session::deny).
    Publish(PublishAsked),
    /// Media of the publish that was accepted.
    Media(MediaMessage),
    /// The peer ended its publish properly.
    Unpublished,
    /// The peer asked for what is not possible, and was told so.
    Declined(Declined),
}

/// A request for what is not possible, for the log. The connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Declined {
    /// A publish without a stream key.
    NoKey,
    /// A player asked to play a stream.
    Play,
    /// A publish under a name that no stream can have.
    Name,
    /// A publish whose address has a `/` behind its `?`.
    Slash,
}

/// The text that refuses an address with one part.
pub(super) const ONE_PART: &str = "the address has one part, and needs an app and a name: push to rtmp://HOST/APP/NAME, as in \
                                   rtmp://HOST/live/cam1 (in OBS: server rtmp://HOST/live, stream key cam1)";

/// The text about an address that was split behind its `?`.
pub(super) const SPLIT: &str = "the address has a '/' behind its '?', and encoders split it there: write it as %2F, or choose a key without one";

impl Declined {
    /// The text for the log: what happened, and what to do.
    pub fn as_str(self) -> &'static str {
        match self {
            Declined::NoKey => {
                "not recorded: a publisher's address has one part; let it push to rtmp://HOST/APP/NAME, as in \
                 rtmp://HOST/live/cam1 (in OBS: server rtmp://HOST/live, stream key cam1)"
            }
            Declined::Play => {
                "nothing can be played over RTMP: edgereel only records; 'edgereel export' makes a file, and [sync] \
                 delivers HLS while it is recorded"
            }
            Declined::Name => "not recorded: a publisher gave a name that no stream can have",
            Declined::Slash => {
                "a publisher's address has a '/' behind its '?', and its encoder split it there: write it as %2F, or choose \
                 a key without one"
            }
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
    /// The queries of key and app, joined with `&`. They may hold secrets.
    pub query: String,
    /// The address that the peer believes it connected to. It may hold secrets.
    pub tc_url: String,
    /// The name of the encoder, as the peer gives it.
    pub encoder: String,
    /// Another reading of the address, if there is one.
    pub split: Option<Split>,
}

/// Another reading of an address with a `/` behind its `?`, as in `rtmp://HOST/live/cam1?key=a/b`. ffmpeg and others split it
/// at the last `/`: the app is then `live/cam1?key=a`, and a part of the key is the stream's name.
#[derive(Clone, PartialEq, Eq)]
pub struct Split {
    /// The stream that is meant, if the address was split so.
    pub stream: StreamName,
    /// The query, put together again. It may hold secrets.
    pub query: String,
}

impl Split {
    /// Reads an app with a query, and the stream key as it came, as one address.
    pub(super) fn found(app: &str, query: &str, name: &str) -> Option<Self> {
        let stream = app.parse().ok().filter(|_| !query.is_empty())?;
        Some(Self {
            stream,
            query: format!("{query}/{name}"),
        })
    }

    /// True when the part before the `/` belongs to a parameter that sounds like a secret.
    pub(super) fn is_in_a_secret(&self) -> bool {
        let (before, _) = self.query.split_once('/').unwrap_or((&self.query, ""));
        let last = before.rsplit('&').next().unwrap_or_default();
        last.contains('=') && harmless(last).is_empty()
    }
}

impl PublishAsked {
    /// The stream that is meant. An empty application is tolerated when the key has parts.
    pub fn stream_name(&self) -> Result<StreamName, NameError> {
        let stream = if self.app.is_empty() {
            self.key.parse()
        } else {
            StreamName::new(&self.app, &self.key)
        };
        stream.and_then(StreamName::seen)
    }
}

// The query and the URL may hold stream keys.
impl fmt::Debug for PublishAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.split {
            Some(split) if split.is_in_a_secret() => {
                write!(f, "PublishAsked({} by {})", split.stream, self.encoder)
            }
            _ => write!(f, "PublishAsked({}/{} by {})", self.app, self.key, self.encoder),
        }
    }
}
