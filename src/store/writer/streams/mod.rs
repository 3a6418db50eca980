//! The tape of each stream while it is written: its open segment, its gap, its rotation.

mod begin;
mod gap;
mod rotation;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;

pub(super) use self::gap::{ClosedGap, Gap};
pub(super) use self::rotation::{Decision, Limits, OpenSegment, decide};
use super::recordings::Growing;
use crate::format::{Gaps, Kept, ViewSegment};
use crate::media::{Fragment, Micros, PublishId, RecordingId, SegmentId, StreamName};
use crate::store::disk::Disk;
use crate::store::journal::{NextSegment, Op, Sealed};
use crate::store::open_tape::OpenTape;
use crate::store::segment::{AppendError, Segment};
use crate::store::{Command, GapCause, paths};

/// All streams that are written, and the remembered values of those that were.
#[derive(Default)]
pub(super) struct Streams {
    /// The map is ordered: the same commands cause the same operations, so that a test can repeat a crash that it found.
    pub(super) writers: BTreeMap<PublishId, StreamWriter>,
    /// Recordings that grow with these streams.
    pub(super) recordings: BTreeMap<RecordingId, Growing>,
    /// The values with which the next segment of a stream begins.
    nexts: HashMap<StreamName, NextSegment>,
    /// Streams whose directory is there and durable.
    prepared: HashSet<StreamName>,
    /// Recordings to be removed when their streams' open segments end.
    pub(super) deletes: Vec<(StreamName, Op)>,
    /// CLOCK_BOOTTIME since which written media waits to be durable.
    pub(super) dirty_since: Option<Micros>,
}

/// The writer of one publish.
pub(super) struct StreamWriter {
    pub(super) stream: StreamName,
    pub(super) tape_zero: Micros,
    pub(super) boot_zero: Micros,
    pub(super) segment: Option<Segment>,
    /// The next keyframe begins a new segment.
    pub(super) rotates: bool,
    /// The reason why a segment could not be begun for the next fragment.
    pub(super) refused: Option<(GapCause, String)>,
    pub(super) failed: bool,
    /// The reason why the open segment was given up, until another one begins. What comes before a keyframe is lost for it.
    pub(super) gave_up: Option<(GapCause, String)>,
    /// Tape time at which the last segment that was sealed ends.
    pub(super) sealed_end: Option<Micros>,
    pub(super) gap: Option<Gap>,
}

/// A fragment that is in its file.
pub(super) struct Written {
    pub(super) bytes: u64,
    /// Tape time at which it begins.
    pub(super) start: Micros,
}

/// The result of a sync.
pub(super) struct Synced {
    pub(super) bytes: u64,
    /// Tape time up to which the stream is durable.
    pub(super) until: Micros,
    /// The segment whose file was taken over: nothing can bring it back any more.
    pub(super) replaced: Option<SegmentId>,
}

/// The outcome of a segment that is not written any more.
pub(super) enum Ended {
    /// The segment has media, up to where it is durable.
    Sealed(Sealed),
    /// The segment had no media, and its file is gone.
    Empty(SegmentId),
    /// The segment had no media, and its file could not be removed: it takes so many bytes.
    Stays(u64),
}

impl Streams {
    /// Begins a publish.
    pub(super) fn start(
        &mut self,
        publish: PublishId,
        stream: StreamName,
        tape_zero: Micros,
        boot_zero: Micros,
    ) {
        let writer = StreamWriter {
            stream,
            tape_zero,
            boot_zero,
            segment: None,
            rotates: false,
            refused: None,
            failed: false,
            gave_up: None,
            sealed_end: None,
            gap: None,
        };
        self.writers.insert(publish, writer);
    }

    /// The publishes that are written now.
    pub(super) fn publishes(&self) -> Vec<PublishId> {
        self.writers.keys().copied().collect()
    }

    /// The stream of a publish that is written.
    pub(super) fn name_of(&self, publish: PublishId) -> Option<&StreamName> {
        self.writers.get(&publish).map(|writer| &writer.stream)
    }

    /// The stream whose order a command must keep. A publish that begins does not wait for the one that ends before it: the
    /// commands that follow name the publish that begins.
    pub(super) fn stream_of<'a>(&'a self, command: &'a Command) -> Option<&'a StreamName> {
        match command {
            Command::RecordingStarted { publish, .. }
            | Command::RecordingResumed { publish, .. }
            | Command::Append { publish, .. }
            | Command::Gap { publish, .. }
            | Command::PublishEnded { publish, .. } => self.name_of(*publish),
            Command::RecordingPaused { recording, .. }
            | Command::RecordingEnds { recording, .. }
            | Command::RecordingClosed { recording, .. } => {
                self.recordings.get(recording).map(|growing| &growing.stream)
            }
            Command::Clip { stream, .. } => Some(stream),
            Command::Fence { .. }
            | Command::Seal { .. }
            | Command::PublishStarted { .. }
            | Command::Change(_)
            | Command::Compose { .. }
            | Command::Facts(_)
            | Command::Adopt
            | Command::Delete { .. }
            | Command::DeleteBeside { .. }
            | Command::Report { .. } => None,
        }
    }

    /// Bytes of the files that are being written.
    pub(super) fn open_bytes(&self) -> u64 {
        let open = self.writers.values().filter_map(|writer| writer.segment.as_ref());
        open.map(Segment::room).sum()
    }
}

impl Streams {
    /// Number of streams with values in memory that only save a lookup.
    pub(super) fn remembered(&self) -> usize {
        self.nexts.len().max(self.prepared.len())
    }

    /// Forgets all streams but those that are written now, and names these.
    pub(super) fn forget_others(&mut self) -> HashSet<StreamName> {
        let written: HashSet<StreamName> = self
            .writers
            .values()
            .map(|writer| writer.stream.clone())
            .collect();
        self.nexts.retain(|name, _| written.contains(name));
        self.prepared.retain(|name| written.contains(name));
        written
    }

    /// Forgets the values of the store: another one may be there now.
    pub(super) fn forget_store(&mut self) {
        self.nexts.clear();
        self.prepared.clear();
    }

    /// True when the stream's directory is there and durable.
    pub(super) fn is_prepared(&self, stream: &StreamName) -> bool {
        self.prepared.contains(stream)
    }

    /// Notes that the stream's directory may be gone.
    pub(super) fn unprepare(&mut self, stream: &StreamName) {
        self.prepared.remove(stream);
    }

    /// Creates the stream's directory and makes its name durable. Once per stream and run.
    pub(super) fn prepare(&mut self, stream: &StreamName, dir: &Path, disk: &dyn Disk) -> io::Result<()> {
        if self.prepared.contains(stream) {
            return Ok(());
        }
        let (tape, own) = (paths::tape(dir), paths::stream(dir, stream));
        for (path, parent) in [(&tape, dir), (&own, &tape)] {
            disk.create_dir(path)?;
            disk.sync_dir(parent)?;
        }
        self.prepared.insert(stream.clone());
        Ok(())
    }

    /// Has the segment end behind the end of a recording: media behind that end must not be in a segment that names the
    /// recording.
    pub(super) fn rotate_behind(&mut self, stream: &StreamName, end: Micros) {
        for writer in self
            .writers
            .values_mut()
            .filter(|writer| writer.stream == *stream)
        {
            let says_so = writer.segment.as_ref().is_none_or(|segment| segment.start < end);
            writer.rotates |= says_so;
        }
    }

    /// Notes that a segment with this many bytes ended: the next one of its stream is expected to be alike. A short one at the
    /// end of a publish counts for little.
    fn expect_alike(&mut self, stream: &StreamName, bytes: u64) {
        if let Some(next) = self.nexts.get_mut(stream) {
            next.bytes = Some(bytes.max(next.bytes.unwrap_or(0) / 4 * 3));
        }
    }

    /// Notes that a segment with so many chunks ended: the next numbers of its stream come behind them.
    fn count(&mut self, segment: &Segment, chunks: u64) {
        let behind = segment.numbers.chunk.saturating_add(chunks);
        if let Some(next) = self.nexts.get_mut(&segment.stream) {
            next.numbered.next = next.numbered.next.max(behind);
        }
    }

    /// Ends a segment that is not written any more, and gives its outcome for the journal.
    pub(super) fn end(&mut self, publish: PublishId, segment: &Segment, disk: &dyn Disk) -> Option<Ended> {
        let writer = self.writers.get_mut(&publish)?;
        let Some(sealed) = segment.sealed() else {
            // The file may hold more than is known here. A start that finds it there takes it over, with these numbers.
            self.count(segment, segment.chunks_begun());
            return Some(match remove(&segment.path, disk) {
                Ok(()) => Ended::Empty(segment.id),
                Err(_) => Ended::Stays(segment.room()),
            });
        };
        writer.sealed_end = Some(sealed.end);
        let stream = writer.stream.clone();
        self.expect_alike(&stream, sealed.bytes);
        self.count(segment, sealed.chunks);
        Some(Ended::Sealed(sealed))
    }
}

/// Removes a file without media. The removal is synced before the row goes. Otherwise the file would come back after a crash: a
/// new one as a stranger, one that was taken over with its former contents.
fn remove(path: &Path, disk: &dyn Disk) -> io::Result<()> {
    disk.unlink(path)?;
    path.parent().map_or(Ok(()), |dir| disk.sync_dir(dir))
}

impl StreamWriter {
    /// The open segment, in the form that [`decide`] takes.
    pub(super) fn open(&self) -> Option<OpenSegment<'_>> {
        self.segment.as_ref().map(|segment| OpenSegment {
            tracks: &segment.tracks,
            duration: segment.written.end.saturating_sub(segment.start),
            bytes: segment.written.bytes,
            rotates: self.rotates,
        })
    }

    /// Appends a fragment to the open segment. `None` when there is none.
    pub(super) fn append(&mut self, fragment: &Fragment) -> Option<Result<Written, AppendError>> {
        let segment = self.segment.as_mut()?;
        Some(segment.append(fragment).map(|bytes| Written {
            bytes,
            start: match segment.written.fragments {
                1 => segment.start,
                _ => self.tape_zero.saturating_add(fragment.span().0),
            },
        }))
    }

    /// The open segment, as far as it is durable, for readers. `zero_utc` is UTC of the publish's media time zero.
    pub(super) fn open_tape(&self, zero_utc: Micros) -> Option<OpenTape> {
        let segment = self.segment.as_ref()?;
        let view = ViewSegment {
            id: segment.id,
            tracks: segment.tracks.clone(),
            base: segment.base,
            publish_zero: segment.tape_zero,
            publish_zero_utc: zero_utc,
            end: None,
            kept: Kept::default(),
            range: 0,
            gaps: Gaps::Close,
            silence: None,
            filled: None,
            in_step: None,
        };
        let fragments = segment.durable_fragments();
        let (sequence, path) = (segment.sequence, segment.path.clone());
        Some(OpenTape::new(view, sequence, segment.numbers, path, fragments))
    }

    /// Makes written media durable; `None` when there is nothing to do. On an error nothing more is known to be durable, and
    /// the segment is to be given up.
    pub(super) fn sync(&mut self, disk: &dyn Disk) -> Option<Result<Synced, String>> {
        let segment = self.segment.as_mut().filter(|segment| segment.is_dirty())?;
        let before = segment.durable.bytes;
        if let Err(error) = segment.sync(disk) {
            return Some(Err(format!("{}: cannot sync: {error}", segment.path.display())));
        }
        self.failed = false;
        Some(Ok(Synced {
            bytes: segment.durable.bytes - before,
            until: segment.durable.end,
            replaced: segment.replaced(),
        }))
    }
}
