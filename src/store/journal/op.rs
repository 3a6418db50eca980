//! The changes that the journal knows.

use std::sync::Arc;

use crate::event::{Event, PublishAbout, PublishOutcome, Recorded, Recovered};
use crate::format::TrackBase;
use crate::media::{ChunkNumbers, Micros, PublishId, RecordingId, SegmentId, StreamName, Tracks};
use crate::model::{Category, Facts, OnBlock, Review};
use crate::store::composition::Written;
use crate::store::deleted::Part;
use crate::store::{Change, RecordingSpec};

/// The event of a publish that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum Tell {
    /// The event that the publish begins, with whether the publish is recorded.
    Aloud(Box<Recorded>),
    /// Nothing: the event was told before.
    Quietly,
    /// Nothing: the publish is only found again, and is over.
    Found,
}

/// One change.
#[derive(Clone, Debug)]
pub(in crate::store) enum Op {
    /// The service starts in this boot. This op comes first: it dates the events behind it.
    EnterBoot {
        clock: BootClock,
    },
    /// The service has started. The op gives the boot its place on the tape, and says what was recovered.
    Start {
        clock: BootClock,
        boot_now: Micros,
        recovered: Recovered,
    },
    /// The clock was synchronised or stepped: everything of this boot is dated anew. This op comes first, like
    /// [`EnterBoot`](Self::EnterBoot).
    SyncClock {
        clock: BootClock,
    },
    /// Enters a boot that only a file tells of.
    AdoptBoot {
        clock: BootClock,
    },
    StartPublish {
        id: PublishId,
        stream: StreamName,
        boot: [u8; 16],
        tape_zero: Micros,
        boot_zero: Micros,
        /// The publisher, for the event.
        about: Arc<PublishAbout>,
        /// The event of the publish, if there is one.
        tell: Tell,
    },
    /// A publish that was found again is live.
    ResumePublish {
        id: PublishId,
    },
    EndPublish {
        id: PublishId,
        reason: String,
        /// The outcome of the publish, for the event.
        outcome: Box<PublishOutcome>,
    },
    /// A recording that was found again goes on.
    ResumeRecording {
        id: RecordingId,
    },
    StartRecording {
        id: RecordingId,
        publish: PublishId,
        start: Micros,
        /// How long the recording is kept after its end; `None` is until its space is needed.
        keep: Option<Micros>,
        /// The recording's specification; `None` for a recording that was found again.
        spec: Option<Arc<RecordingSpec>>,
        /// False for a recording that is only found again.
        tell: bool,
    },
    /// The publish of a recording is over at `end`, or at the end of its tape, and another publish may go on with it.
    PauseRecording {
        id: RecordingId,
        end: Option<Micros>,
        reason: String,
    },
    /// The end of an open recording is known.
    EndRecording {
        id: RecordingId,
        end: Micros,
    },
    /// A later publish goes on with a recording from `start` on.
    ContinueRecording {
        id: RecordingId,
        publish: PublishId,
        start: Micros,
    },
    /// A part of the tape becomes a recording, too.
    Clip {
        id: RecordingId,
        stream: StreamName,
        start: Micros,
        end: Micros,
        keep: Option<Micros>,
        spec: Arc<RecordingSpec>,
    },
    /// Ranges of tape become a recording, with what of them is there.
    Compose {
        id: RecordingId,
        of: Box<Written>,
        facts: Box<Facts>,
        /// False for a composition that is only found again.
        tell: bool,
    },
    /// Closes a recording at `end`, or at the end of its tape. A recording without any tape is removed.
    CloseRecording {
        id: RecordingId,
        end: Option<Micros>,
        reason: String,
    },
    /// A closed recording turns out to have more tape.
    ExtendRecording {
        id: RecordingId,
        start: Micros,
        end: Micros,
    },
    OpenSegment(NewSegment),
    /// How far an open segment is durable.
    GrowSegment {
        id: SegmentId,
        end: Micros,
        bytes: u64,
    },
    SealSegment(Sealed),
    /// The segment never got any media that could be kept.
    DropSegment {
        id: SegmentId,
    },
    /// A recording's `keep` is over.
    Expire {
        id: RecordingId,
    },
    /// A recording is removed, and the media that only it needs is removed for good.
    Delete {
        id: RecordingId,
    },
    /// The same, where a composition has its footage and stays; else nothing.
    DeleteBeside {
        id: RecordingId,
        whole: RecordingId,
    },
    /// A recording is to be removed as soon as its open segments are sealed.
    Doom {
        id: RecordingId,
    },
    /// The list beside the tape contains the deleted parts of a recording.
    Listed {
        id: RecordingId,
    },
    /// A recording was deleted, and this journal does not know that.
    Replay {
        id: RecordingId,
        parts: Vec<Part>,
    },
    /// The file of a segment contains fragments that were deleted.
    Blank {
        id: SegmentId,
    },
    /// The deleted fragments of a segment are overwritten.
    Blanked {
        id: SegmentId,
    },
    /// A segment's media is given up; its blocks wait for another.
    Evict {
        id: SegmentId,
    },
    /// The file of an evicted segment is gone: another segment or the file system has its blocks.
    Evicted {
        id: SegmentId,
    },
    /// The file of a sealed segment is gone, or is back.
    Missing {
        id: SegmentId,
        missing: bool,
    },
    /// A publish's tape has a gap, in tape time.
    Gap {
        publish: PublishId,
        from: Micros,
        to: Micros,
        reason: String,
    },
    /// A sealed segment's row is made again from its file.
    MendSegment(Sealed),
    /// The file of a sealed segment is gone for good.
    ForgetSegment {
        id: SegmentId,
    },
    /// A closed recording has no tape left.
    ForgetRecording {
        id: RecordingId,
    },
    Report {
        event: Event,
    },
    /// The journal is this box's, or was moved to it.
    Bind {
        own: String,
    },
    /// The journal belongs to this box from now on, whichever box had it before.
    Adopt {
        own: String,
    },
    /// Gives a recording these facts, and no others. Its file beside the tape has them.
    Describe {
        id: RecordingId,
        facts: Box<Facts>,
    },
    /// Notes what a review says of a recording. Its file beside the tape has it, too.
    Review {
        id: RecordingId,
        review: Review,
        /// What becomes of files that were delivered, where the recording is blocked.
        on_block: OnBlock,
        /// False for a review that is only read again.
        tell: bool,
    },
    /// Replaces the tree of categories. Its file beside the tape has them.
    Categorize {
        all: Vec<Category>,
    },
    /// The file of a recording has its facts.
    SidecarWritten {
        id: RecordingId,
    },
    /// The file of a recording that was removed is gone.
    SidecarGone {
        id: RecordingId,
    },
    /// The journal has what the files beside the tape have.
    SidecarsRead,
    /// The files beside the tape may have what the journal lacks.
    SidecarsUnread,
    /// A change that does not concern the tape.
    Change(Change),
}

impl Op {
    /// The recording that this deletes.
    pub(in crate::store) fn deleted(&self) -> Option<RecordingId> {
        match self {
            Self::Delete { id } | Self::DeleteBeside { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// False for a row that certainly changes nothing of what is held back from viewers.
    pub(in crate::store) fn may_hold_back(&self) -> bool {
        !matches!(
            self,
            Self::OpenSegment(_)
                | Self::GrowSegment { .. }
                | Self::SealSegment(_)
                | Self::SyncClock { .. }
                | Self::Report { .. }
                | Self::Describe { .. }
                | Self::SidecarWritten { .. }
                | Self::SidecarGone { .. }
                | Self::Change(_)
        )
    }
}

/// The clocks of a boot.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct BootClock {
    pub(in crate::store) boot: [u8; 16],
    pub(in crate::store) utc_offset: Micros,
    pub(in crate::store) synced: bool,
}

/// The row of a segment that is about to begin.
#[derive(Clone, Debug)]
pub(in crate::store) struct NewSegment {
    pub(in crate::store) id: SegmentId,
    pub(in crate::store) publish: PublishId,
    pub(in crate::store) sequence: u64,
    pub(in crate::store) base: TrackBase,
    pub(in crate::store) start: Micros,
    /// Bytes that its file takes to begin with.
    pub(in crate::store) space: u64,
    pub(in crate::store) tracks: Tracks,
    /// The numbers of its chunks; `None` for a file of a release that did not number them.
    pub(in crate::store) chunks: Option<ChunkNumbers>,
}

/// The values of a sealed segment's row.
#[derive(Clone, Debug)]
pub(in crate::store) struct Sealed {
    pub(in crate::store) id: SegmentId,
    pub(in crate::store) end: Micros,
    /// Bytes of tape.
    pub(in crate::store) bytes: u64,
    /// Bytes of the file.
    pub(in crate::store) space: u64,
    /// CRC-32C of the bytes that are not media; `None` where fragments were deleted.
    pub(in crate::store) crc: Option<u32>,
    pub(in crate::store) samples: Vec<u8>,
    /// The [list of its chunks](crate::format::chunks::ChunkList), encoded.
    pub(in crate::store) list: Vec<u8>,
    /// The [list of its fragments](crate::format::index::FragmentList), encoded.
    pub(in crate::store) fragments: Vec<u8>,
    /// How many chunks it has.
    pub(in crate::store) chunks: u64,
    /// How many more it may have had: these numbers are not given again.
    pub(in crate::store) lost: u64,
    /// The target duration of its publish in seconds, if it is known at the end of the segment.
    pub(in crate::store) target_s: Option<u16>,
}
