//! One segment file while it is written.
//!
//! A segment has three lengths: durable (synced), written (handed to the file system), and room (the file's own length). The
//! first two are ends of whole fragments. The room is allocated ahead, so that a fragment's write allocates nothing and its
//! sync writes no metadata. Behind each fragment a `free` box covers the rest, so that the file is a whole MP4 at every moment.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::journal::Sealed;
use super::writer::is_full;
use crate::format::TrackBase;
use crate::format::chunks::{ChunkList, ChunkScan};
use crate::format::fmp4::{FIRST_SEQUENCE, Place, WriteError, fragment_header, free_box};
use crate::format::index::{FragmentIndex, FragmentList, SampleIndex};
use crate::media::{
    ChunkNumbers, Fragment, MILLISECONDS, Micros, SegmentId, StreamName, TrackKind, Tracks, gcd, rescale,
};

/// A segment that is being written.
pub(super) struct Segment {
    pub(super) id: SegmentId,
    pub(super) stream: StreamName,
    /// The segment's number in its stream.
    pub(super) sequence: u64,
    pub(super) path: PathBuf,
    pub(super) tracks: Tracks,
    pub(super) start: Micros,
    pub(super) base: TrackBase,
    pub(super) tape_zero: Micros,
    pub(super) numbers: ChunkNumbers,
    /// Counts the chunks.
    scan: ChunkScan,
    /// Number of chunks that were begun, in fragments that were written or may have been.
    begun: u64,
    file: Box<dyn DiskFile>,
    /// The header, which goes to flash with the first fragment, in one write.
    header: Vec<u8>,
    fragments: Vec<Arc<FragmentIndex>>,
    pub(super) written: Mark,
    pub(super) durable: Mark,
    room: u64,
    /// Bytes of the file before it was cut, until a sync makes the cut durable.
    trimmed: Option<u64>,
    /// Bytes by which the file is made longer at once; `None` where the file system cannot allocate ahead.
    step: Option<u64>,
    /// The old name of the file, until its new name is durable.
    predecessor: Option<Predecessor>,
    name_durable: bool,
}

/// The segment whose file was taken over.
struct Predecessor {
    id: SegmentId,
    dir: PathBuf,
}

/// The least number of bytes by which a file is made longer.
const STEP: u64 = 64 << 10;
/// The length of a file is a multiple of this, the block size of its file system.
pub(super) const BLOCK: u64 = 4096;
/// The shortest `free` box.
const FREE: u64 = 8;
/// A sealed file keeps this part of its length as room: a segment that takes it over may be a little longer. The rest of the
/// room goes back to the file system.
const SPARE_PART: u64 = 8;

/// The end of a whole fragment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// Bytes of the file.
    pub(super) bytes: u64,
    pub(super) fragments: usize,
    /// Tape time.
    pub(super) end: Micros,
    /// CRC-32C of all bytes before it that are not media.
    crc: u32,
    /// Number of chunks that begin before it.
    pub(super) chunks: u64,
    /// The target duration in seconds, if it is known.
    target_s: Option<u16>,
}

/// The reason why a fragment was not appended.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    /// This fragment cannot be written; the segment is as it was.
    #[error(transparent)]
    Media(#[from] WriteError),
    /// The medium refused the write; the file may contain any part of the fragment.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// The file and the blocks of a segment whose media was given up.
pub(super) struct Taken {
    file: Box<dyn DiskFile>,
    room: u64,
    predecessor: Predecessor,
}

impl Taken {
    /// Takes the file of segment `id` from `path` to `to`. Both rows must have been committed. A crash leaves the file under
    /// one of the two names, and its identity tells recovery which segment it contains.
    pub(super) fn over(id: SegmentId, path: &Path, to: &Path, disk: &dyn Disk) -> Result<Self, NotTaken> {
        let file = disk.open_unread(path)?.ok_or(NotTaken::Read)?;
        let room = file.size()?;
        disk.rename(path, to)?;
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self {
            file,
            room,
            predecessor: Predecessor { id, dir },
        })
    }
}

/// The reason why a file was not taken over.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    /// A reader holds the old content of the file.
    #[error("it is being read")]
    Read,
    /// The medium refused.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// The values that a segment begins with.
#[derive(Clone)]
pub(super) struct Begin {
    pub(super) id: SegmentId,
    pub(super) stream: StreamName,
    pub(super) sequence: u64,
    pub(super) path: PathBuf,
    pub(super) tracks: Tracks,
    pub(super) base: TrackBase,
    pub(super) start: Micros,
    pub(super) tape_zero: Micros,
    pub(super) numbers: ChunkNumbers,
    pub(super) header: Vec<u8>,
    /// Bytes that the file will probably have.
    pub(super) expected: u64,
}

impl Begin {
    fn step(&self) -> u64 {
        STEP.max(self.expected / 8)
    }
}

impl Segment {
    /// Creates the file, with the room that it will probably need. Its row must have been committed.
    pub(super) fn create(begin: Begin, disk: &dyn Disk) -> io::Result<Self> {
        let file = disk.create(&begin.path)?;
        let taken = if file.gives_back() {
            file.allocate(begin.expected)
        } else {
            Err(io::ErrorKind::Unsupported.into())
        };
        let (room, step) = match taken {
            Ok(()) => (begin.expected, Some(begin.step())),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => (0, None),
            Err(error) => {
                // If this fails, recovery removes the file: it has neither media nor a row.
                let _ = disk.unlink(&begin.path);
                return Err(error);
            }
        };
        Ok(Self::new(begin, file, room, step, None))
    }

    /// Begins in a file that was taken over.
    pub(super) fn on(begin: Begin, taken: Taken) -> Self {
        let step = taken.file.gives_back().then(|| begin.step());
        Self::new(begin, taken.file, taken.room, step, Some(taken.predecessor))
    }

    fn new(
        begin: Begin,
        file: Box<dyn DiskFile>,
        room: u64,
        step: Option<u64>,
        predecessor: Option<Predecessor>,
    ) -> Self {
        let nothing = Mark {
            bytes: 0,
            fragments: 0,
            end: begin.start,
            crc: 0,
            chunks: 0,
            target_s: None,
        };
        let scan = ChunkScan::new(&begin.tracks, begin.base, begin.numbers.target);
        Self {
            id: begin.id,
            stream: begin.stream,
            sequence: begin.sequence,
            path: begin.path,
            tracks: begin.tracks,
            start: begin.start,
            base: begin.base,
            tape_zero: begin.tape_zero,
            numbers: begin.numbers,
            scan,
            begun: 0,
            file,
            header: begin.header,
            fragments: Vec::new(),
            written: nothing,
            durable: nothing,
            room,
            trimmed: None,
            step,
            predecessor,
            name_durable: false,
        }
    }

    pub(super) fn room(&self) -> u64 {
        self.room
    }

    /// Appends a fragment in one write; returns the bytes it took. Durable after the next [`sync`](Self::sync).
    pub(super) fn append(&mut self, fragment: &Fragment) -> Result<u64, AppendError> {
        let first = self.written.bytes == 0;
        let offset = if first {
            self.header.len() as u64
        } else {
            self.written.bytes
        };
        let sequence =
            FIRST_SEQUENCE.saturating_add(fitted!(self.written.fragments, "the fragments of a segment"));
        let place = Place {
            segment: self.id,
            sequence,
            durable: fitted!(self.durable.fragments, "the durable fragments of a segment"),
            offset,
        };
        let head = fragment_header(place, self.base, fragment)?;

        self.make_room(head.index.end())?;
        let rest = free_box(self.room.saturating_sub(head.index.end())).unwrap_or_default();

        let mut parts = Vec::with_capacity(3 + fragment.video.len() + fragment.audio.len());
        let mut crc = self.written.crc;
        if first {
            parts.push(IoSlice::new(&self.header));
            crc = crc32c::crc32c_append(crc, &self.header);
        }
        parts.push(IoSlice::new(&head.bytes));
        crc = crc32c::crc32c_append(crc, &head.bytes);
        let frames = fragment.video.iter().chain(&fragment.audio);
        parts.extend(frames.map(|frame| IoSlice::new(&frame.payload)));
        parts.push(IoSlice::new(&rest));
        self.file.write_at(self.written.bytes, &mut parts)?;
        if first && self.predecessor.is_some() {
            // Readers that find the file now find the new identity.
            self.file.share()?;
        }

        let before = self.written.bytes;
        let begins = self.scan.begins(&head.index);
        self.begun += u64::from(begins);
        self.written = Mark {
            bytes: head.index.end(),
            fragments: self.written.fragments + 1,
            end: self
                .written
                .end
                .max(fragment_end(&head.index, self.base, &self.tracks, self.tape_zero)),
            crc,
            chunks: self.written.chunks + u64::from(begins),
            target_s: self.scan.target().target_s(),
        };
        self.fragments.push(Arc::new(head.index));
        if first {
            self.header = Vec::new();
        }
        Ok(self.written.bytes - before)
    }

    /// Makes the file long enough for a fragment that ends at `end`, and for a `free` box behind it if the file is longer.
    fn make_room(&mut self, end: u64) -> io::Result<()> {
        if end == self.room || end.saturating_add(FREE) <= self.room {
            return Ok(());
        }
        if let Some(step) = self.step {
            let room = end.saturating_add(FREE.max(step)).next_multiple_of(BLOCK);
            match self.file.allocate(room) {
                Ok(()) => {
                    self.room = room;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Unsupported => self.step = None,
                // A quota may have space for the fragment alone: the write will tell.
                Err(error) if is_full(&error) => {}
                Err(error) => return Err(error),
            }
        }
        // The write itself makes the file longer.
        self.room = if end > self.room {
            end
        } else {
            end.saturating_add(FREE)
        };
        Ok(())
    }

    /// Gives the unused room back, before the last sync.
    pub(super) fn trim(&mut self) {
        let end = self.written.bytes;
        if !is_worth_keeping(end, self.room) && self.file.set_len(end).is_ok() {
            self.shorten(end);
        }
    }

    /// The segment whose file was taken over, once nothing can bring it back.
    pub(super) fn replaced(&mut self) -> Option<SegmentId> {
        let replaced = self.predecessor.take_if(|_| self.name_durable);
        replaced.map(|predecessor| predecessor.id)
    }

    /// True when a power cut could still destroy written bytes.
    pub(super) fn is_dirty(&self) -> bool {
        self.written.bytes != self.durable.bytes || self.trimmed.is_some()
    }

    /// Makes everything written durable: first the bytes, then the name. An `fdatasync` of a new file makes ext4 commit its
    /// journal with the name in it. So the directory's own sync finds nothing left to write.
    pub(super) fn sync(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if !self.is_dirty() {
            return Ok(());
        }
        self.file.sync()?;
        if !self.name_durable {
            let dir = self.path.parent();
            let old = self.predecessor.as_ref().map(|predecessor| &*predecessor.dir);
            for dir in dir.into_iter().chain(old.filter(|old| dir != Some(*old))) {
                disk.sync_dir(dir)?;
            }
            self.name_durable = true;
        }
        self.durable = self.written;
        self.trimmed = None;
        Ok(())
    }

    /// Cuts off the bytes that a failed append may have left behind the last whole fragment.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.written.bytes)?;
        if self.written.fragments > 0 {
            self.shorten(self.written.bytes);
        } else {
            // The file will be removed, so there is nothing to make durable.
            self.room = 0;
        }
        Ok(())
    }

    fn shorten(&mut self, room: u64) {
        self.trimmed = self.trimmed.max(Some(self.room));
        self.room = room;
    }

    /// Gives up everything that is not known to be durable. The file is cut to its durable length if the medium permits it. If
    /// not, the sealed length in the journal says where the segment ends. The room of the file still counts: no sync made the
    /// cut durable.
    pub(super) fn give_up(&mut self) -> u64 {
        let lost = self.written.bytes - self.durable.bytes;
        self.written = self.durable;
        self.fragments.truncate(self.durable.fragments);
        let _ = self.file.set_len(self.durable.bytes);
        self.room = self.trimmed.take().unwrap_or(0).max(self.room);
        lost
    }

    /// The row of the sealed segment; `None` when it has no durable fragment.
    pub(super) fn sealed(&self) -> Option<Sealed> {
        (self.durable.fragments > 0).then(|| {
            let index = self.index();
            Sealed {
                id: self.id,
                end: self.durable.end,
                bytes: self.durable.bytes,
                space: self.room,
                crc: Some(self.durable.crc),
                samples: index.encode(),
                list: ChunkList::of(&index, self.base, &self.tracks, &self.numbers).encode(),
                fragments: fragments(&index, &self.tracks),
                chunks: self.durable.chunks,
                lost: 0,
                target_s: self.durable.target_s,
            }
        })
    }

    /// Number of chunks that the file may hold, durable or not.
    pub(super) fn chunks_begun(&self) -> u64 {
        self.begun
    }

    /// Where the samples of the durable fragments are.
    pub(super) fn durable_fragments(&self) -> Vec<Arc<FragmentIndex>> {
        self.fragments
            .iter()
            .take(self.durable.fragments)
            .cloned()
            .collect()
    }

    fn index(&self) -> SampleIndex {
        SampleIndex {
            fragments: self
                .fragments
                .iter()
                .map(|fragment| (**fragment).clone())
                .collect(),
        }
    }
}

/// The list of the fragments of a segment, for its row.
pub(super) fn fragments(index: &SampleIndex, tracks: &Tracks) -> Vec<u8> {
    FragmentList::of(index, tracks.timescale(TrackKind::Video)).encode()
}

/// True when the room behind `end` is no more than a successor may need.
pub(super) fn is_worth_keeping(end: u64, room: u64) -> bool {
    room.saturating_sub(end) <= end / SPARE_PART + BLOCK
}

/// Media time at which a segment that starts with `fragment` has its zero. It is the time of the earliest first frame, in
/// milliseconds that are whole ticks of the picture, so that a zero is one moment.
pub(super) fn base_of(fragment: &Fragment) -> TrackBase {
    let video_scale = fragment
        .tracks
        .timescale(TrackKind::Video)
        .unwrap_or(MILLISECONDS);
    let rate = fragment.tracks.timescale(TrackKind::Audio);
    let video = fragment.video.first();
    let video = video.map(|frame| rescale(frame.dts, video_scale, MILLISECONDS));
    let audio = fragment.audio.first().zip(rate);
    let audio = audio.map(|(frame, rate)| rescale(frame.dts, rate, MILLISECONDS));
    let first_ms = video.into_iter().chain(audio).min().unwrap_or(0);
    let step_ms = i64::from(MILLISECONDS / gcd(MILLISECONDS, video_scale));
    let zero_ms = first_ms.div_euclid(step_ms).saturating_mul(step_ms);
    TrackBase {
        video: rescale(zero_ms, MILLISECONDS, video_scale),
        audio: rate.map_or(0, |rate| rescale(zero_ms, MILLISECONDS, rate)),
    }
}

/// Tape time of a segment's zero.
pub(super) fn tape_start(base: TrackBase, tracks: &Tracks, tape_zero: Micros) -> Micros {
    tape_zero.saturating_add(tracks.micros(TrackKind::Video, base.video))
}

/// Tape time at which a fragment's later track ends.
pub(super) fn fragment_end(
    index: &FragmentIndex,
    base: TrackBase,
    tracks: &Tracks,
    tape_zero: Micros,
) -> Micros {
    let end = |kind: TrackKind, base: i64| {
        let run = index.run(kind);
        tracks.timescale(kind).filter(|_| !run.samples.is_empty())?;
        let dts = i64::try_from(run.end_dts()).unwrap_or(i64::MAX);
        Some(tracks.micros(kind, dts.saturating_add(base)))
    };
    let ends = [
        end(TrackKind::Video, base.video),
        end(TrackKind::Audio, base.audio),
    ];
    tape_zero.saturating_add(ends.into_iter().flatten().max().unwrap_or(0))
}

/// CRC-32C of all bytes that are not media in a file with this index, as [`Segment`] computes it while it writes.
pub(super) fn boxes_crc(
    index: &SampleIndex,
    mut read: impl FnMut(u64, usize) -> io::Result<Vec<u8>>,
) -> io::Result<u32> {
    let mut crc = 0;
    let mut at = 0;
    for fragment in &index.fragments {
        let media = fragment.video.bytes() + fragment.audio.bytes();
        let media_at = fragment.end().saturating_sub(media);
        let len = usize::try_from(media_at.saturating_sub(at)).map_err(|_| io::ErrorKind::InvalidData)?;
        crc = crc32c::crc32c_append(crc, &read(at, len)?);
        at = fragment.end();
    }
    Ok(crc)
}
