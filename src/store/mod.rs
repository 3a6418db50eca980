//! The tape on flash: segments, the journal, recovery.

use crate::media::{Fragment, Micros, PublishId, RecordingId, StreamName};

/// What the recorder asks of the storage thread. Commands are carried out in the order given.
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
    },
    /// A recording begins: a view that grows with its stream's tape from here on.
    RecordingStarted {
        /// Its id.
        recording: RecordingId,
        /// The publish it follows.
        publish: PublishId,
        /// Tape time it starts at.
        start: Micros,
    },
    /// Media, in order, for the publish's stream.
    Append {
        /// The publish.
        publish: PublishId,
        /// The frames.
        fragment: Fragment,
    },
    /// A recording ends: no later tape belongs to it.
    RecordingClosed {
        /// Its id.
        recording: RecordingId,
        /// Tape time it ends at.
        end: Micros,
    },
    /// No more media of this publish: its open segment is sealed.
    PublishEnded {
        /// The publish.
        publish: PublishId,
        /// In a word or two, for the event.
        reason: String,
    },
}
