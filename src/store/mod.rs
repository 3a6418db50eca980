//! The tape on flash.
//!
//! The store keeps acknowledged media over a power cut at any moment. It writes a stream's media once, as segments in
//! `tape/<stream>/<sequence>.mp4`. A recording is a row in the journal that names a range of this tape.
//!
//! Its promises (docs/storage.md has the whole contract; each line is a test):
//!
//! - at most the last tick and the fragment in memory of each stream is lost; older media is there byte for byte;
//! - nothing is called durable, sealed or closed before it is;
//! - every file has one row, or is adopted at start-up, or is moved to `lost+found`;
//! - no producer ever waits for the storage device: the queue is bounded, and drops whole GOPs when the device stalls for
//!   longer than the queue can hold.
//!
//! | module | what it is |
//! |---|---|
//! | `disk`, `clock` | the two seams to the machine |
//! | `progress`, `counts` | what the thread reports to the rest of the process |
//! | `paths` | the names of files and folders in the storage directory |
//! | `journal` | SQLite: segments, recordings, the outbox |
//! | `change` | changes of the journal that do not concern the tape |
//! | `segment` | one segment file while it is written |
//! | `open_tape` | how far the open segments are durable, for readers of this process |
//! | `writer` | the order of writes: commands in, durable tape out; space, gaps, a store that goes away |
//! | `queue` | commands that wait for the storage device, and which media is dropped when they are too many |
//! | `thread` | the shell around the writer |
//! | `recover` | opens and repairs a store, whatever ended the last run |
//! | `library`, `ranges`, `query`, `summary`, `tally`, `shown`, `source`, `listed`, `tail`, `figures` | the read side, for this process and for others |
//! | `timeline` | where a stream has tape, how much, and why it stops |
//! | `read` | the read side for a runtime, which must not wait: a `Reader`; a `Subscription` to the outbox, and an `EventReader` of it |
//! | `composition` | recordings that are put together of ranges of tape |
//! | `facts`, `sidecar`, `labels` | what people set of recordings; the files beside the tape that have it, too; where notes are in files |
//! | `review` | which tape is held back from viewers |
//! | `fingerprint` | the fingerprints of recordings, and the search in them |
//! | `job` | work that goes on behind the answer of a command |
//! | `wear` | what the storage device says of its wear |
//! | `thin`, `deleted` | the parts of a deleted recording that others need; the list of deleted media |
//! | `verify` | checks every checksum, and every row against its file; makes the repairs that a start has no time for |

mod audit;
mod change;
mod clock;
mod composition;
mod counts;
#[cfg(test)]
mod crash;
mod deleted;
mod delivery;
mod disk;
mod error;
mod facts;
mod figures;
mod fingerprint;
mod job;
mod journal;
mod labels;
mod library;
mod listed;
mod open_tape;
mod outbox;
mod paths;
mod progress;
mod query;
mod queue;
mod ranges;
mod read;
mod reader;
mod recover;
mod review;
mod segment;
mod short;
mod shown;
mod sidecar;
mod source;
mod spans;
mod spec;
mod summary;
mod tail;
mod tally;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;
mod thin;
mod thread;
mod timeline;
mod verify;
mod wear;
mod writer;

pub use audit::{AuditChange, AuditId, AuditQuery, AuditRow, Audited};
pub use change::Change;
pub(crate) use clock::is_step;
pub use clock::{Clock, RealClock};
pub use composition::{ComposeError, NewComposition, SessionPiece, TapeRange, TapeSpan, ToCompose, Unless};
pub use counts::{GapCause, GapCounts, SyncTimes};
pub use delivery::{
    Backlog, DeliveryChange, Layout, Piece, Rendition, RenditionId, RenditionState, ToDeliver, Upload,
    WaitingOrder,
};
pub use disk::{Disk, DiskFile, Entry, RealDisk, Space};
pub use error::{Refused, StoreError};
pub use facts::{CategoryChange, FactsCommand, FactsError};
pub use figures::{KeptSpace, MissedCounts, RecordingCounts, TapeReach, Waiting, WaitingFormat};
pub use fingerprint::{Fingerprint, FingerprintChange, Searched};
pub use job::{Job, JobChange, JobRow, MOST_OPEN as MOST_OPEN_JOBS, Worked};
pub use library::{ClipBounds, Deletion, Filter, Gap, Library, RecordingRow, RecordingState, TrackRow};
pub use listed::ListedSegment;
pub use open_tape::OpenTape;
pub use outbox::{Behind, Callback, OutboxChange, OutboxDepth, Place, Remembered, UnknownPlace};
pub use progress::{Progress, RecoveryReport, StreamProgress};
use query::folded;
pub use query::{Cursor, Order, Query, RecordingHead, Reviewed, Sort};
pub use ranges::{ComposedRange, Cut, NoCut};
pub use read::{EventReader, NextEvent, Reader, Subscription};
pub use recover::looked_at;
pub use review::Held;
pub use shown::HeldSpace;
pub use source::LibrarySource;
pub use spans::Spans;
pub use spec::{Asked, OpenRecording, RecordingSpec};
pub use tail::{ChunkAt, NumberedSegment};
pub use thread::{ChunkCounts, Opened, Store, StoreSettings};
pub use timeline::{Bin, ClipSpan, Timeline, TimelineQuery, TimelineSpan};
pub use verify::{Checked, Finding, FragmentAt, Step, repair};
pub use wear::Wear;
pub use writer::OnFull;

use std::sync::Arc;

use crate::event::{Event, PublishAbout, PublishOutcome, Recorded};
use crate::media::{Fragment, Micros, PublishId, RecordingId, StreamName};

/// Events kept for a listener that is away. Beyond this number the oldest are dropped, and the listener finds a gap in the
/// numbers.
const OUTBOX_ROWS: i64 = 10_000;

/// The newest events that are kept also when all listeners have them: so many, and so many bytes of bodies. A reader whose
/// connection broke reads on from its last event.
const KEPT_ROWS: i64 = 1_000;
const KEPT_BYTES: i64 = 4 << 20;

/// The namespace of channels in the journal. The id of a value is the name of its channel, and its body is JSON.
pub const CHANNELS: &str = "channels";

/// The namespace of sessions that are to be composed when they are over. The id of a value is the session.
const COMPOSE: &str = "compose";

/// The reason for the end of recordings and publishes that a start finds open.
const UNCLEAN: &str = "unclean shutdown";

/// A command to the storage thread. Commands are carried out in the order given.
#[derive(Debug)]
pub enum Command {
    /// A publish with media that is worth keeping begins. Comes before its first `Append`.
    PublishStarted {
        /// The publish.
        publish: PublishId,
        /// The stream.
        stream: StreamName,
        /// Tape time of media time zero.
        tape_zero: Micros,
        /// CLOCK_BOOTTIME of media time zero.
        boot_zero: Micros,
        /// The publisher, for the event.
        about: Arc<PublishAbout>,
        /// Whether it is recorded, for the event; `None` where the event was sent before.
        tell: Option<Box<Recorded>>,
    },
    /// A recording begins: a view that grows with its stream's tape from here on.
    RecordingStarted {
        /// The recording.
        recording: RecordingId,
        /// The publish it follows.
        publish: PublishId,
        /// Tape time it starts at; tape that is there already may be part of it.
        start: Micros,
        /// The origin and the purpose of the recording.
        spec: Arc<RecordingSpec>,
    },
    /// The publish of a recording is over, and another publish may go on with the recording.
    RecordingPaused {
        /// The recording.
        recording: RecordingId,
        /// Tape time at which its tape ends so far.
        end: Micros,
        /// The reason, in a word or two, for the event.
        reason: String,
    },
    /// A later publish goes on with a recording.
    RecordingResumed {
        /// The recording.
        recording: RecordingId,
        /// The publish.
        publish: PublishId,
        /// Tape time from which on the recording grows again.
        start: Micros,
    },
    /// Media, in order, for the publish's stream.
    Append {
        /// The publish.
        publish: PublishId,
        /// The frames.
        fragment: Fragment,
    },
    /// The mark of media that was dropped here, because the card did not take it in time. The publish's next media begins with
    /// a keyframe.
    Gap {
        /// The publish.
        publish: PublishId,
        /// Media time where the gap begins, microseconds.
        from: Micros,
        /// Media time where the gap ends, microseconds.
        to: Micros,
        /// Bytes of media that were dropped.
        bytes: u64,
        /// The reason, in a few words, for the event.
        reason: &'static str,
    },
    /// The end of a recording is known: no later tape belongs to it. The recording is closed when all media before its end has
    /// been handed over.
    RecordingEnds {
        /// The recording.
        recording: RecordingId,
        /// Tape time at which the recording ends.
        end: Micros,
    },
    /// A recording ends: all of its media has been handed over.
    RecordingClosed {
        /// The recording.
        recording: RecordingId,
        /// Tape time at which the recording ends.
        end: Micros,
        /// The reason, in a word or two, for the event.
        reason: String,
    },
    /// A part of the tape that was handed over before becomes a recording, too.
    Clip {
        /// The recording.
        recording: RecordingId,
        /// The stream.
        stream: StreamName,
        /// Tape time at which the clip starts.
        start: Micros,
        /// Tape time at which the clip ends.
        end: Micros,
        /// The origin and the purpose of the recording.
        spec: Arc<RecordingSpec>,
    },
    /// Answered when all commands before it are committed, or could not be.
    Fence {
        /// The receiver of the answer.
        done: tokio::sync::oneshot::Sender<Result<(), String>>,
    },
    /// Seals everything, as at the end of the service, and answers. Acknowledgements of listeners may still follow.
    Seal {
        /// The receiver of the answer.
        done: tokio::sync::oneshot::Sender<Result<(), String>>,
    },
    /// A publish has no more media: its open segment is sealed.
    PublishEnded {
        /// The publish.
        publish: PublishId,
        /// The reason, in a word or two, for the event.
        reason: String,
        /// The outcome of the publish, for the event.
        outcome: Box<PublishOutcome>,
    },
    /// The store belongs to this box from now on, whichever box it came from.
    Adopt,
    /// A closed recording is removed for good, with the footage that no other recording shares: its blocks are emptied, not
    /// only given up. A recording that is open or protected stays.
    Delete {
        /// The recording.
        recording: RecordingId,
    },
    /// The same of a recording that goes because `whole` has its footage: a composition with a range of it, which is shown and stays.
    /// Where that is not so any more, nothing happens, and nobody is told: who asks looks, and asks again.
    DeleteBeside {
        /// The recording.
        recording: RecordingId,
        /// The composition.
        whole: RecordingId,
    },
    /// Makes a composition. It is carried out as a change of facts is, and answered when it is durable.
    Compose {
        /// The composition.
        new: Box<NewComposition>,
        /// The receiver of the answer.
        done: tokio::sync::oneshot::Sender<Result<(), ComposeError>>,
    },
    /// A change of what people set of recordings.
    Facts(FactsCommand),
    /// A change that does not concern the tape.
    Change(Change),
    /// A report to users, for the outbox.
    Report {
        /// The event. Its times are UTC.
        event: Event,
    },
}
