//! One segment file while it is written.
//!
//! Knows three lengths apart: written (handed to the file system), durable (synced), and nothing else. Every
//! length here is the end of a whole fragment.

use std::io::{self, IoSlice};
use std::path::PathBuf;

use super::disk::{Disk, DiskFile};
use super::journal::Sealed;
use crate::format::TrackBase;
use crate::format::fmp4::{FIRST_SEQUENCE, Place, WriteError, fragment_header};
use crate::format::index::{FragmentIndex, SampleIndex};
use crate::media::{Fragment, Micros, SegmentId, TrackKind, Tracks, VIDEO_TIMESCALE, rescale};

/// A segment that is being written.
pub(super) struct Segment {
    pub(super) id: SegmentId,
    pub(super) path: PathBuf,
    pub(super) tracks: Tracks,
    pub(super) start: Micros,
    base: TrackBase,
    tape_zero: Micros,
    file: Box<dyn DiskFile>,
    /// Goes to flash with the first fragment, in one write.
    header: Vec<u8>,
    index: SampleIndex,
    pub(super) written: Mark,
    pub(super) durable: Mark,
    name_durable: bool,
}

/// The end of a whole fragment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// Of the file.
    pub(super) bytes: u64,
    /// Fragments before it.
    pub(super) fragments: usize,
    /// Tape time.
    pub(super) end: Micros,
    /// CRC-32C of all bytes before it that are not media.
    crc: u32,
}

/// Why a fragment was not appended.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    /// This fragment cannot be written; the segment is as it was.
    #[error(transparent)]
    Media(#[from] WriteError),
    /// The medium refused; the file may hold any part of the fragment.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// What a segment is begun with.
pub(super) struct Begin {
    pub(super) id: SegmentId,
    pub(super) path: PathBuf,
    pub(super) tracks: Tracks,
    pub(super) base: TrackBase,
    pub(super) start: Micros,
    pub(super) tape_zero: Micros,
    pub(super) header: Vec<u8>,
}

impl Segment {
    /// Creates the file. Its row must have been committed.
    pub(super) fn create(begin: Begin, disk: &dyn Disk) -> io::Result<Self> {
        let file = disk.create(&begin.path)?;
        let nothing = Mark {
            bytes: 0,
            fragments: 0,
            end: begin.start,
            crc: 0,
        };
        Ok(Self {
            id: begin.id,
            path: begin.path,
            tracks: begin.tracks,
            start: begin.start,
            base: begin.base,
            tape_zero: begin.tape_zero,
            file,
            header: begin.header,
            index: SampleIndex::default(),
            written: nothing,
            durable: nothing,
            name_durable: false,
        })
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
            FIRST_SEQUENCE.saturating_add(u32::try_from(self.written.fragments).unwrap_or(u32::MAX));
        let place = Place {
            segment: self.id,
            sequence,
            durable: u32::try_from(self.durable.fragments).unwrap_or(u32::MAX),
            offset,
        };
        let head = fragment_header(place, self.base, fragment)?;

        let mut parts = Vec::with_capacity(2 + fragment.video.len() + fragment.audio.len());
        let mut crc = self.written.crc;
        if first {
            parts.push(IoSlice::new(&self.header));
            crc = crc32c::crc32c_append(crc, &self.header);
        }
        parts.push(IoSlice::new(&head.bytes));
        crc = crc32c::crc32c_append(crc, &head.bytes);
        let frames = fragment.video.iter().chain(&fragment.audio);
        parts.extend(frames.map(|frame| IoSlice::new(&frame.payload)));
        self.file.write_at(self.written.bytes, &mut parts)?;

        let before = self.written.bytes;
        self.written = Mark {
            bytes: head.index.end(),
            fragments: self.written.fragments + 1,
            end: self
                .written
                .end
                .max(fragment_end(&head.index, self.base, &self.tracks, self.tape_zero)),
            crc,
        };
        self.index.fragments.push(head.index);
        if first {
            self.header = Vec::new();
        }
        Ok(self.written.bytes - before)
    }

    /// True when a power cut could still take something.
    pub(super) fn is_dirty(&self) -> bool {
        self.written.bytes != self.durable.bytes
    }

    /// Makes everything written durable: first the bytes, then the name. An `fdatasync` of a new file makes ext4
    /// commit its journal with the name in it, so that the directory's own sync finds nothing left to write.
    pub(super) fn sync(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if !self.is_dirty() {
            return Ok(());
        }
        self.file.sync()?;
        if !self.name_durable {
            if let Some(dir) = self.path.parent() {
                disk.sync_dir(dir)?;
            }
            self.name_durable = true;
        }
        self.durable = self.written;
        Ok(())
    }

    /// Cuts off what an append that failed may have left behind the last whole fragment.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.written.bytes)
    }

    /// Gives up what is not known to be durable. The file is cut to that if the medium lets it; if not, the
    /// sealed length in the journal says where it ends all the same.
    pub(super) fn give_up(&mut self) -> u64 {
        let lost = self.written.bytes - self.durable.bytes;
        self.written = self.durable;
        self.index.fragments.truncate(self.durable.fragments);
        let _ = self.file.set_len(self.durable.bytes);
        lost
    }

    /// The row of the sealed segment; `None` when it has no durable fragment.
    pub(super) fn sealed(&self) -> Option<Sealed> {
        (self.durable.fragments > 0).then(|| Sealed {
            id: self.id,
            end: self.durable.end,
            bytes: self.durable.bytes,
            crc: self.durable.crc,
            samples: self.index.encode(),
        })
    }
}

/// Media time at which a segment that starts with `fragment` has its zero: the moment of the earliest first
/// frame, in whole milliseconds for both tracks, so that a zero is one moment.
pub(super) fn base_of(fragment: &Fragment) -> TrackBase {
    let rate = fragment.tracks.audio.as_ref().map(|audio| audio.sample_rate);
    let video = fragment.video.first().map(|frame| frame.dts);
    let audio = fragment.audio.first().zip(rate);
    let audio = audio.map(|(frame, rate)| rescale(frame.dts, rate, VIDEO_TIMESCALE));
    let zero = video.into_iter().chain(audio).min().unwrap_or(0);
    TrackBase {
        video: zero,
        audio: rate.map_or(0, |rate| rescale(zero, VIDEO_TIMESCALE, rate)),
    }
}

/// Tape time of a segment's zero.
pub(super) fn tape_start(base: TrackBase, tape_zero: Micros) -> Micros {
    tape_zero.saturating_add(rescale(base.video, VIDEO_TIMESCALE, 1_000_000))
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
        let scale = tracks.timescale(kind).filter(|_| !run.samples.is_empty())?;
        let dts = i64::try_from(run.end_dts()).unwrap_or(i64::MAX);
        Some(rescale(dts.saturating_add(base), scale, 1_000_000))
    };
    let ends = [
        end(TrackKind::Video, base.video),
        end(TrackKind::Audio, base.audio),
    ];
    tape_zero.saturating_add(ends.into_iter().flatten().max().unwrap_or(0))
}

/// CRC-32C of all that is not media in a file with this index, as [`Segment`] computes it while it writes.
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
