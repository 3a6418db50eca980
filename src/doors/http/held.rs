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
pub(super) struct Sight(Option<Hidden>);

/// What is held back, and from whom.
#[derive(Clone)]
struct Hidden {
    held: watch::Receiver<Arc<Held>>,
    who: Who,
}

/// From whom tape is held back. The later ones are shown less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// Who is asked about a recording that is to be reviewed: it gets that one, and nothing that is blocked.
    Asked,
    /// Whoever else watches.
    Anybody,
}

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
    hidden: Hidden,
    /// What was held back at the last look.
    known: Arc<Held>,
    ranges: Arc<[TapeSpan]>,
    of: Of,
}

impl Sight {
    /// What a viewer sees of this media.
    pub(super) fn of(door: &Door, viewer: &Viewer, what: &What<'_>) -> Self {
        let who = if viewer.reviews(what) {
            Who::Asked
        } else {
            Who::Anybody
        };
        let hidden = || Hidden {
            held: door.held.clone(),
            who,
        };
        Self((!viewer.may(Right::Moderate, what)).then(hidden))
    }

    /// All there is.
    pub(super) fn all() -> Self {
        Self(None)
    }

    /// What both see.
    pub(super) fn and(self, other: Self) -> Self {
        let both = self.0.into_iter().chain(other.0);
        Self(both.max_by_key(|hidden| hidden.who))
    }

    /// Refuses a recording that is held back itself.
    pub(super) fn recording(&self, row: &RecordingRow) -> Result<(), Refusal> {
        let Some(hidden) = &self.0 else { return Ok(()) };
        match row.review.as_ref().map(|review| review.status) {
            Some(ReviewStatus::Block) => Err(not_had(row, "is blocked")),
            Some(ReviewStatus::Review) if hidden.who == Who::Anybody => {
                Err(not_had(row, "is to be reviewed first"))
            }
            Some(ReviewStatus::Review | ReviewStatus::Pass) | None => Ok(()),
        }
    }

    /// Refuses tape of which some is held back.
    pub(super) fn tape(&self, ranges: &[TapeSpan], of: Of) -> Result<(), Refusal> {
        match &self.0 {
            Some(is) if is.is_held(&is.held.borrow(), ranges, of) => Err(hidden(of)),
            Some(_) | None => Ok(()),
        }
    }

    /// True where the viewer does not get some tape of a stream, whichever that is.
    pub(super) fn hides_some(&self, stream: &StreamName) -> bool {
        let hidden = self.0.as_ref();
        hidden.is_some_and(|hidden| hidden.held.borrow().closes_some(stream))
    }

    /// True for tape of a stream of which some is held back.
    pub(super) fn hides_of_stream(&self, stream: &StreamName, from: Micros, to: Micros, of: Of) -> bool {
        let Some(hidden) = &self.0 else { return false };
        let held = hidden.held.borrow();
        // No name is copied where nothing is held back.
        let range = || TapeSpan {
            stream: stream.clone(),
            from,
            to,
        };
        !held.is_empty() && hidden.is_held(&held, &[range()], of)
    }

    /// The guard of a response that sends this tape.
    pub(super) fn guard(&self, ranges: Vec<TapeSpan>, of: Of) -> Option<Guard> {
        Some(Guard {
            // What is held back since the request was asked for is found at the first piece.
            known: Arc::default(),
            hidden: self.0.clone()?,
            ranges: ranges.into(),
            of,
        })
    }
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

impl Hidden {
    /// True where some of this tape is held back. Of what nobody knows the tape, nothing is shown while anything is held back.
    fn is_held(&self, held: &Held, ranges: &[TapeSpan], of: Of) -> bool {
        match (self.who, of) {
            (Who::Asked, _) if ranges.is_empty() => held.blocks_some(),
            (Who::Asked, _) => ranges.iter().any(|range| held.is_blocked(range)),
            (Who::Anybody, _) if ranges.is_empty() => !held.is_empty(),
            (Who::Anybody, Of::Stream) => ranges.iter().any(|range| held.is_closed(range)),
            (Who::Anybody, Of::Recording(recording)) => held.has(recording, ranges),
        }
    }
}

impl Guard {
    /// True from the moment on at which some of the tape is held back.
    pub(super) fn is_held(&mut self) -> bool {
        let now = self.hidden.held.borrow();
        if Arc::ptr_eq(&now, &self.known) {
            return false;
        }
        if self.hidden.is_held(&now, &self.ranges, self.of) {
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

    fn sight(held: &watch::Receiver<Arc<Held>>, who: Who) -> Sight {
        let held = held.clone();
        Sight(Some(Hidden { held, who }))
    }

    #[test]
    fn who_is_asked_about_a_recording_gets_it_but_for_what_is_blocked_of_its_tape() {
        let recording = RecordingId::from_bytes([9; 16]);
        let (all, of) = (range(0, 30_000_000), Of::Recording(recording));
        let beside = |blocked| Arc::new(Held::by_a_block_beside((recording, all.clone()), blocked));
        let (sender, held) = watch::channel(beside(range(40_000_000, 50_000_000)));
        let (asked, anybody) = (sight(&held, Who::Asked), sight(&held, Who::Anybody));
        let still = |at| [range(at, at + 1)];
        assert!(asked.tape(&still(12_000_000), of).is_ok() && anybody.tape(&still(12_000_000), of).is_err());
        let mut sent = asked.guard(still(12_000_000).to_vec(), of).unwrap();
        let mut before = asked.guard(still(5_000_000).to_vec(), of).unwrap();
        assert!(!sent.is_held() && !before.is_held());
        // Another recording with some of its tape is blocked.
        sender.send_replace(beside(range(10_000_000, 20_000_000)));
        assert_eq!(asked.tape(&still(12_000_000), of).unwrap_err().status, 403);
        assert!(sent.is_held() && !before.is_held());
        for at in [5_000_000, 25_000_000] {
            assert!(asked.tape(&still(at), of).is_ok(), "{at}");
        }
        // What is of no known tape fails closed, and who is asked about one stream alone gets no more of another.
        assert!(asked.tape(&[], of).is_err() && asked.clone().and(Sight::all()).tape(&[all], of).is_err());
        assert!(asked.and(anybody).tape(&still(5_000_000), of).is_err());
    }

    #[tokio::test]
    async fn a_response_breaks_off_when_its_tape_is_held_back() {
        let (sender, held) = watch::channel(Arc::new(Held::default()));
        let recording = RecordingId::from_bytes([9; 16]);
        for of in [Of::Stream, Of::Recording(recording)] {
            sender.send_replace(Arc::default());
            let sight = sight(&held, Who::Anybody);
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
