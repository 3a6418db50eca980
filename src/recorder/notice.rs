//! Reports about a publish while it goes on.

use std::fmt;

use crate::event::Event;
use crate::media::{Exception, LeftOut, Oddity, StreamName, TrackKind};

/// A fault that a viewer may notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    Time(Exception),
    Media(Oddity),
    /// A track is left out.
    Track(LeftOut),
}

impl Notice {
    pub(super) fn event(&self, stream: &StreamName) -> Event {
        Event::StreamException {
            stream: stream.to_string(),
            what: match self {
                Notice::Time(_) => "timestamp",
                Notice::Media(oddity) => oddity.what(),
                Notice::Track(_) => "codec",
            }
            .to_owned(),
            detail: self.to_string(),
        }
    }
}

/// The text for the log and for the event.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Media(oddity) => oddity.fmt(f),
            Notice::Track(track) => {
                let (this, other) = match track.kind {
                    TrackKind::Video => ("picture", "sound"),
                    TrackKind::Audio => ("sound", "picture"),
                };
                let (codec, known) = (&track.codec, track.kind.recorded_codecs());
                write!(
                    f,
                    "the {this} is {codec}, which is not recorded: recordings have the {other} alone; send {known}"
                )
            }
            Notice::Time(Exception::Jump { by_ms }) => write!(
                f,
                "the publisher's timestamps jumped by {by_ms} ms; the tape goes on without a gap"
            ),
            Notice::Time(Exception::Gap { ms }) => write!(f, "nothing came for {ms} ms; the tape has a gap"),
            Notice::Time(Exception::CompositionOffset { ms }) => {
                write!(
                    f,
                    "a picture was to be shown {ms} ms after its decoding; taken as 0"
                )
            }
        }
    }
}
