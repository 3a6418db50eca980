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
//! | `paths` | the names of files and folders in the storage directory |
//! | `journal` | SQLite: segments, recordings, the outbox |
//! | `change` | changes of the journal that do not concern the tape |
//! | `segment` | one segment file while it is written |
//! | `writer` | the order of writes: commands in, durable tape out; space, gaps, a store that goes away |
//! | `queue` | commands that wait for the storage device, and which media is dropped when they are too many |
//! | `thread` | the shell around the writer |
//! | `recover` | opens and repairs a store, whatever ended the last run |
//! | `library`, `query`, `summary`, `source` | the read side, for this process and for others |
//! | `read` | the read side for a runtime, which must not wait: a `Reader`, and a `Subscription` to the outbox |
//! | `thin`, `deleted` | the parts of a deleted recording that others need; the list of deleted media |
//! | `verify` | checks every checksum, and every row against its file; makes the repairs that a start has no time for |

mod audit;
mod change;
mod clock;
#[cfg(test)]
mod crash;
mod deleted;
mod delivery;
mod disk;
mod error;
mod journal;
mod library;
mod outbox;
mod paths;
mod progress;
mod query;
mod queue;
mod read;
mod reader;
mod recover;
mod segment;
mod short;
mod source;
mod spec;
mod summary;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;
mod thin;
mod thread;
mod verify;
mod writer;

pub use audit::{AuditChange, AuditId, AuditQuery, AuditRow, Audited};
pub use change::Change;
pub(crate) use clock::is_step;
pub use clock::{Clock, RealClock};
pub use delivery::{
    Backlog, DeliveryChange, Layout, Piece, Rendition, RenditionId, RenditionState, ToDeliver, Upload,
    WaitingOrder,
};
pub use disk::{Disk, DiskFile, Entry, RealDisk, Space};
pub use error::{Refused, StoreError};
pub use library::{ClipBounds, Deletion, Filter, Gap, Library, RecordingRow, RecordingState, TrackRow};
pub use outbox::{Callback, OutboxChange, OutboxDepth, Place, Remembered};
pub use progress::{Progress, RecoveryReport, StreamProgress};
pub use query::{Cursor, Query};
pub use read::{Reader, Subscription};
pub use recover::looked_at;
pub use source::LibrarySource;
pub use spec::{Asked, OpenRecording, RecordingSpec};
pub use thread::{Opened, Store, StoreSettings};
pub use verify::{Checked, Finding, FragmentAt, Step, repair};
pub use writer::OnFull;

use std::sync::Arc;

use crate::event::{Event, PublishAbout, PublishOutcome, Recorded};
use crate::media::{Fragment, Micros, PublishId, RecordingId, StreamName};

/// Events kept for a listener that is away; past that the oldest are dropped, and it finds a gap in their numbers.
const OUTBOX_ROWS: i64 = 10_000;

/// Why recordings and publishes end that a start finds open.
const UNCLEAN: &str = "unclean shutdown";

/// A command to the storage thread. Commands are carried out in the order given.
#[derive(Debug)]
pub enum Command {
    /// A publish whose media is worth keeping begins. Comes before its first `Append`.
    PublishStarted {
        /// Its id.
        publish: PublishId,
        /// The stream.
        stream: StreamName,
        /// Tape time of media time zero.
        tape_zero: Micros,
        /// CLOCK_BOOTTIME of media time zero.
        boot_zero: Micros,
        /// The publisher, for the event.
        about: Arc<PublishAbout>,
        /// Whether it is recorded, for the event; none, where somebody told of it before.
        tell: Option<Box<Recorded>>,
    },
    /// A recording begins: a view that grows with its stream's tape from here on.
    RecordingStarted {
        /// Its id.
        recording: RecordingId,
        /// The publish it follows.
        publish: PublishId,
        /// Tape time it starts at; tape that is there already may be part of it.
        start: Micros,
        /// What the recording is of and for.
        spec: Arc<RecordingSpec>,
    },
    /// A recording's publish is over, and another may go on with it.
    RecordingPaused {
        /// Its id.
        recording: RecordingId,
        /// Tape time at which its tape ends so far.
        end: Micros,
        /// In a word or two, for the event.
        reason: String,
    },
    /// A later publish goes on with a recording.
    RecordingResumed {
        /// Its id.
        recording: RecordingId,
        /// The publish.
        publish: PublishId,
        /// Tape time from which on it grows again.
        start: Micros,
    },
    /// Media, in order, for the publish's stream.
    Append {
        /// The publish.
        publish: PublishId,
        /// The frames.
        fragment: Fragment,
    },
    /// Media that was let go because the card did not take it in time stands here no more. What the publish
    /// sends next begins with a keyframe.
    Gap {
        /// The publish.
        publish: PublishId,
        /// Media time where the gap begins, microseconds.
        from: Micros,
        /// Media time where it ends.
        to: Micros,
        /// Bytes of media that went.
        bytes: u64,
        /// In a few words, for the event.
        reason: &'static str,
    },
    /// Where a recording will end is known: no later tape belongs to it. It is closed when all that is before has been
    /// handed over.
    RecordingEnds {
        /// Its id.
        recording: RecordingId,
        /// Tape time it ends at.
        end: Micros,
    },
    /// A recording ends: all that belongs to it has been handed over.
    RecordingClosed {
        /// Its id.
        recording: RecordingId,
        /// Tape time it ends at.
        end: Micros,
        /// In a word or two, for the event.
        reason: String,
    },
    /// Tape that was handed over before is a recording, too.
    Clip {
        /// Its id.
        recording: RecordingId,
        /// The stream.
        stream: StreamName,
        /// Tape time it starts at.
        start: Micros,
        /// Tape time it ends at.
        end: Micros,
        /// What the recording is of and for.
        spec: Arc<RecordingSpec>,
    },
    /// Answered when all that came before it is committed, or could not be.
    Fence {
        /// Where the answer goes.
        done: tokio::sync::oneshot::Sender<Result<(), String>>,
    },
    /// Seals everything, as at the end of the service, and answers. Acknowledgements of listeners may still follow.
    Seal {
        /// Where the answer goes.
        done: tokio::sync::oneshot::Sender<Result<(), String>>,
    },
    /// No more media of this publish: its open segment is sealed.
    PublishEnded {
        /// The publish.
        publish: PublishId,
        /// In a word or two, for the event.
        reason: String,
        /// The outcome of the publish, for the event.
        outcome: Box<PublishOutcome>,
    },
    /// The store is this box's from now on, wherever it came from.
    Adopt,
    /// A recording that is over is removed for good, with the footage that no other recording shares: its
    /// blocks are emptied, not only given up. One that is open or protected stays.
    Delete {
        /// Its id.
        recording: RecordingId,
    },
    /// A change that does not concern the tape.
    Change(Change),
    /// Something a user must hear of, for the outbox.
    Report {
        /// The event. Its times are UTC.
        event: Event,
    },
}
