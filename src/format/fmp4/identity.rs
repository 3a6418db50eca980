//! Whose segment a file is, as the file itself says.

use super::WriteError;
use crate::format::TrackBase;
use crate::media::{Micros, PublishId, RecordingId, SegmentId, StreamName, Tracks};

/// What a segment file says of itself: enough to rebuild its row in the journal from nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The segment.
    pub segment: SegmentId,
    /// The publish it is a part of.
    pub publish: PublishId,
    /// The box that recorded it, at most 64 bytes.
    pub device: String,
    /// The stream.
    pub stream: StreamName,
    /// Which segment of the stream's tape it is, counted without end.
    pub sequence: u64,
    /// Tape time of the publish's media time zero.
    pub tape_zero: Micros,
    /// CLOCK_BOOTTIME of the publish's media time zero.
    pub boot_zero: Micros,
    /// The boot that `boot_zero` belongs to.
    pub boot: [u8; 16],
    /// UTC less CLOCK_BOOTTIME, as it was known when the segment began.
    pub utc_offset: Micros,
    /// The clock was synchronised then.
    pub clock_synced: bool,
    /// Media time of the segment's own zero.
    pub base: TrackBase,
    /// The recordings that the segment's start belongs to, at most 255.
    pub recordings: Vec<RecordingId>,
}

/// `ftyp uuid moov`: everything of a segment before its first fragment.
pub fn segment_header(identity: &Identity, tracks: &Tracks) -> Result<Vec<u8>, WriteError> {
    let _ = (identity, tracks);
    Err(WriteError::Empty)
}
