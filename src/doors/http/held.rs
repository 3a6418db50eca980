//! What viewers do not get: tape that is held back, because it is blocked or to be reviewed. Who may moderate it gets all.
//!
//! Each request asks before it is answered, and each response that sends tape asks again before each piece, as soon as other tape is
//! held back: [`Guard`]. What is held back is asked of memory.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::answer::Refusal;
use super::door::Door;
use crate::access::viewer::{Viewer, What};
use crate::media::{Micros, RecordingId, StreamName};
use crate::model::{ReviewStatus, Right};
use crate::store::{Held, RecordingRow, TapeSpan};

/// What a viewer may have of what it asks for.
#[derive(Clone)]
pub(super) struct Grant {
    /// When its right ends, if it does.
    pub(super) until: Option<Instant>,
    pub(super) sight: Sight,
}

/// Which tape a viewer does not get. None: it gets all.
#[derive(Clone)]
pub(super) struct Sight(Option<watch::Receiver<Arc<Held>>>);

/// What a response is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The stream itself.
    Stream,
    /// A recording.
    Recording(RecordingId),
}

/// The tape of a response that is being sent.
#[derive(Clone)]
pub(super) struct Guard {
    held: watch::Receiver<Arc<Held>>,
    /// What was held back at the last look.
    known: Arc<Held>,
    ranges: Arc<[TapeSpan]>,
    of: Of,
}

impl Sight {
    /// What a viewer sees of this media.
    pub(super) fn of(door: &Door, viewer: &Viewer, what: &What<'_>) -> Self {
        let sees_all = viewer.may(Right::Moderate, what) || viewer.reviews(what);
        Self((!sees_all).then(|| door.held.clone()))
    }

    /// All there is.
    pub(super) fn all() -> Self {
        Self(None)
    }

    /// What both see.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }

    /// Refuses a recording that is held back itself.
    pub(super) fn recording(&self, row: &RecordingRow) -> Result<(), Refusal> {
        let status = row.review.as_ref().map(|review| review.status);
        match status.filter(|_| self.0.is_some()) {
            Some(ReviewStatus::Block) => Err(not_had(row, "is blocked")),
            Some(ReviewStatus::Review) => Err(not_had(row, "is to be reviewed first")),
            Some(ReviewStatus::Pass) | None => Ok(()),
        }
    }

    /// Refuses tape of which some is held back.
    pub(super) fn tape(&self, ranges: &[TapeSpan], of: Of) -> Result<(), Refusal> {
        match &self.0 {
            Some(held) if is_held(&held.borrow(), ranges, of) => Err(hidden(of)),
            Some(_) | None => Ok(()),
        }
    }

    /// True where the viewer does not get some tape of a stream, whichever that is.
    pub(super) fn hides_some(&self, stream: &StreamName) -> bool {
        let held = self.0.as_ref().map(watch::Receiver::borrow);
        held.is_some_and(|held| held.closes_some(stream))
    }

    /// True for tape of a stream of which some is held back.
    pub(super) fn hides_of_stream(&self, stream: &StreamName, from: Micros, to: Micros, of: Of) -> bool {
        let Some(held) = &self.0 else { return false };
        let held = held.borrow();
        // No name is copied where nothing is held back.
        let range = || TapeSpan {
            stream: stream.clone(),
            from,
            to,
        };
        !held.is_empty() && is_held(&held, &[range()], of)
    }

    /// The guard of a response that sends this tape.
    pub(super) fn guard(&self, ranges: Vec<TapeSpan>, of: Of) -> Option<Guard> {
        let held = self.0.clone()?;
        Some(Guard {
            // What is held back since the request was asked for is found at the first piece.
            known: Arc::default(),
            held,
            ranges: ranges.into(),
            of,
        })
    }
}

/// Refuses a recording that is blocked, to whom what is to be reviewed is shown.
pub(super) fn not_blocked(row: &RecordingRow) -> Result<(), Refusal> {
    let status = row.review.as_ref().map(|review| review.status);
    if status == Some(ReviewStatus::Block) {
        return Err(not_had(row, "is blocked"));
    }
    Ok(())
}

fn not_had(row: &RecordingRow, why: &str) -> Refusal {
    Refusal::refused(format!(
        "recording {} {why}: only viewers with the right 'moderate' get it",
        row.id
    ))
}

/// The refusal of tape that is held back.
pub(super) fn hidden(of: Of) -> Refusal {
    Refusal::refused(match of {
        Of::Stream => {
            "the stream is held back at this time, because it was blocked or is to be reviewed: only viewers with the right 'moderate' \
             get it"
        }
        Of::Recording(_) => {
            "some of its tape is blocked: only viewers with the right 'moderate' get it. Ask for a file of another part, with from and \
             to"
        }
    })
}

/// Of what nobody knows the tape, nothing is shown while anything is held back.
fn is_held(held: &Held, ranges: &[TapeSpan], of: Of) -> bool {
    if ranges.is_empty() {
        return !held.is_empty();
    }
    match of {
        Of::Stream => ranges.iter().any(|range| held.is_closed(range)),
        Of::Recording(recording) => held.has(recording, ranges),
    }
}

impl Guard {
    /// True from the moment on at which some of the tape is held back.
    pub(super) fn is_held(&mut self) -> bool {
        let now = self.held.borrow();
        if Arc::ptr_eq(&now, &self.known) {
            return false;
        }
        if is_held(&now, &self.ranges, self.of) {
            return true;
        }
        self.known = Arc::clone(&now);
        false
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;

    use http_body::Body as _;

    use super::super::body::{Body, FileBody, Source};
    use super::super::flow::{Flow, Pace};
    use super::*;

    struct Zeros;

    impl Source for Zeros {
        fn read(&self, _: u64, buffer: &mut [u8]) -> Result<(), String> {
            buffer.fill(0);
            Ok(())
        }
    }

    fn range(from: Micros, to: Micros) -> TapeSpan {
        TapeSpan {
            stream: "live/a".parse().unwrap(),
            from,
            to,
        }
    }

    #[tokio::test]
    async fn a_response_breaks_off_when_its_tape_is_held_back() {
        let (sender, held) = watch::channel(Arc::new(Held::default()));
        let recording = RecordingId::from_bytes([9; 16]);
        for of in [Of::Stream, Of::Recording(recording)] {
            sender.send_replace(Arc::default());
            let sight = Sight(Some(held.clone()));
            let guard = sight.guard(vec![range(0, 9_000_000)], of);
            let flow = Flow::new(8 << 20, 16, None);
            let body = FileBody::new(Arc::new(Zeros), 0, 64 << 20, (flow, Pace::File)).guarded(guard);
            let mut body = Body::File(body);
            let mut piece = async || poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
            assert!(piece().await.unwrap().is_ok());
            // Of other tape.
            sender.send_replace(Arc::new(Held::by_a_block_of(range(10_000_000, 20_000_000))));
            assert!(piece().await.unwrap().is_ok());
            sender.send_replace(Arc::new(Held::by_a_block_of(range(8_000_000, 20_000_000))));
            assert!(piece().await.unwrap().is_err());
            assert!(piece().await.is_none());
            let refused = sight.tape(&[range(0, 9_000_000)], of).unwrap_err();
            assert_eq!(refused.status, 403);
            assert!(Sight::all().tape(&[range(0, 9_000_000)], of).is_ok());
            // What is of no known tape fails closed.
            assert!(sight.tape(&[], of).is_err() && sight.guard(Vec::new(), of).unwrap().is_held());
            sender.send_replace(Arc::default());
            assert!(sight.tape(&[], of).is_ok());
        }
    }
}
