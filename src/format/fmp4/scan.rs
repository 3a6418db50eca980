//! Reads a segment back, and trusts only what a checksum covers.

use crc32c::{crc32c, crc32c_append};

use super::boxes::BOX_HEADER;
use super::fragment::{CHECKSUM_BOX, Checksums, FIRST_SEQUENCE, free_box};
use super::gone::{is_gone, read_gone};
use super::identity::{HEADER_START, Identity, header_len, parse_header};
use super::{moof_read, moov_read};
use crate::format::index::{FragmentIndex, MAX_SAMPLES, SampleIndex};
use crate::media::{SegmentId, Tracks};

/// The source of a segment's bytes.
pub trait ReadAt {
    /// Reads into `buf` from `offset`. Returns the number of bytes, which is 0 at the end. It may read less than there is.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize>;
}

impl ReadAt for [u8] {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..));
        let rest = rest.unwrap_or_default();
        let n = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }
}

/// Why a file is no segment, or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The medium failed.
    #[error("reading at byte {offset}: {source}")]
    Io {
        /// Where in the file.
        offset: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file ends before its header does.
    #[error("the file ends at byte {len}, within its header")]
    Short {
        /// Length of the file.
        len: u64,
    },
    /// The file does not begin as a segment does.
    #[error("not a segment: {what}")]
    NotASegment {
        /// What the file has instead.
        what: &'static str,
    },
    /// The header's checksum does not match its bytes.
    #[error("the header's checksum is wrong")]
    Checksum,
    /// The header's checksum is right, but no version of this recorder writes such a header.
    #[error("the header is not usable: {what}")]
    Malformed {
        /// The field.
        what: &'static str,
    },
}

/// Why a scan went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The file ends with its last fragment, or with the `free` box of a sealed file.
    Clean,
    /// Zeros follow: space that was never written.
    Unwritten,
    /// The file ends within a fragment.
    Short,
    /// No fragment follows, or a fragment of another segment.
    Foreign,
    /// A fragment of this segment follows, but not the next one.
    Sequence {
        /// The sequence number of that fragment.
        found: u32,
    },
    /// A checksum is wrong: that of the box, of `moof` or of `mdat`, as named.
    Checksum(&'static str),
    /// The medium failed.
    Unreadable(std::io::ErrorKind),
    /// The checksums are right, but no version of this recorder writes such a fragment.
    Malformed(&'static str),
}

/// A segment's header, read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// The identity of the segment.
    pub identity: Identity,
    /// The tracks with their decoder configuration, exactly as they were written.
    pub tracks: Tracks,
    /// Where the first fragment begins.
    pub len: u64,
}

/// Where the next fragment is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// Sequence number of the fragment.
    pub sequence: u32,
}

impl Position {
    /// The position of the first fragment, behind a header of this length.
    pub fn first(header_len: u64) -> Self {
        Self {
            offset: header_len,
            sequence: FIRST_SEQUENCE,
        }
    }
}

/// What a whole scan found.
#[derive(Clone, Debug, PartialEq)]
pub struct Scanned {
    /// The identity of the segment.
    pub identity: Identity,
    /// The tracks with their decoder configuration.
    pub tracks: Tracks,
    /// Every sample of the whole fragments.
    pub index: SampleIndex,
    /// Where the last whole fragment ends. The bytes behind it are not media of this segment.
    pub valid_len: u64,
    /// Why the scan stopped there.
    pub stopped: Stopped,
    /// Bytes behind `valid_len` that belong to a torn fragment of this segment.
    pub torn: u64,
    /// How far the file was durable when the last of its fragments was written.
    pub durable_len: u64,
    /// True when fragments were deleted on request. Such a segment was sealed long ago, and the index does not cover all of it.
    pub gone: bool,
}

/// Reads a segment's header: the first [`MAX_HEADER`](super::MAX_HEADER) bytes at most.
pub fn read_header(reader: &(impl ReadAt + ?Sized), len: u64) -> Result<Header, ScanError> {
    let fill = |buf: &mut [u8]| match fill(reader, buf, 0) {
        Ok(true) => Ok(()),
        Ok(false) => Err(ScanError::Short { len }),
        Err(source) => Err(ScanError::Io { offset: 0, source }),
    };
    let mut start = [0; HEADER_START];
    if len < start.len() as u64 {
        return Err(ScanError::Short { len });
    }
    fill(&mut start)?;
    let header_len = header_len(&start)?;
    if header_len as u64 > len {
        return Err(ScanError::Short { len });
    }
    let mut bytes = vec![0; header_len];
    fill(&mut bytes)?;
    let (identity, audio, moov) = parse_header(&bytes)?;
    let tracks = moov_read::tracks(moov, audio)?;
    Ok(Header {
        identity,
        tracks,
        len: header_len as u64,
    })
}

/// Reads a whole segment of `len` bytes and checks every checksum, in one pass with little memory.
///
/// Errors concern the header alone. A fault behind the header, such as an unreadable sector, only ends the scan: the fragments
/// before it are good.
pub fn scan(reader: &(impl ReadAt + ?Sized), len: u64) -> Result<Scanned, ScanError> {
    let header = read_header(reader, len)?;
    let mut walk = Walk::new(reader, len, header.identity.segment, Position::first(header.len)).with_media();
    let stopped = walk.run();
    let durable_len = durable_len(&walk, header.len);
    Ok(Scanned {
        identity: header.identity,
        tracks: header.tracks,
        index: walk.index,
        valid_len: walk.at.offset,
        stopped,
        torn: walk.torn,
        durable_len,
        gone: walk.gone,
    })
}

/// Where the durable fragments end, by what the fragments of a walk from the beginning say.
pub(super) fn durable_len<R: ?Sized>(walk: &Walk<'_, R>, header: u64) -> u64 {
    if walk.gone {
        return walk.at.offset;
    }
    let last = usize::try_from(walk.durable)
        .ok()
        .and_then(|count| count.checked_sub(1));
    let ends = last
        .and_then(|last| walk.index.fragments.get(last))
        .map(|last| last.end());
    ends.unwrap_or(0).max(if walk.durable > 0 { header } else { 0 })
}

/// Reads the fragments from `from` on without their media, in a segment that is being written and whose first `len` bytes are
/// known to be. Returns the fragments, the position to continue from, and why the scan stopped.
///
/// The checksums of each checksum box and `moof` are checked. That of `mdat` is not.
pub fn scan_headers(
    reader: &(impl ReadAt + ?Sized),
    len: u64,
    segment: SegmentId,
    from: Position,
) -> (SampleIndex, Position, Stopped) {
    let mut walk = Walk::new(reader, len, segment, from);
    let stopped = walk.run();
    (walk.index, walk.at, stopped)
}

/// Media is read and summed in pieces of this many bytes.
pub(super) const READ_AT_ONCE: usize = 64 * 1024;

/// A walk from fragment to fragment.
pub(super) struct Walk<'a, R: ?Sized> {
    reader: &'a R,
    len: u64,
    segment: SegmentId,
    pub(super) at: Position,
    pub(super) index: SampleIndex,
    /// The number of durable fragments, by what the fragments read so far say.
    pub(super) durable: u32,
    /// Bytes of the fragment that the walk stopped at.
    pub(super) torn: u64,
    /// True when fragments were deleted from the part that was walked over.
    pub(super) gone: bool,
    samples: usize,
    /// The buffer that media is read into, when its checksum is checked.
    media: Option<Vec<u8>>,
}

impl<'a, R: ReadAt + ?Sized> Walk<'a, R> {
    pub(super) fn new(reader: &'a R, len: u64, segment: SegmentId, at: Position) -> Self {
        Self {
            reader,
            len,
            segment,
            at,
            index: SampleIndex::default(),
            durable: 0,
            torn: 0,
            gone: false,
            samples: 0,
            media: None,
        }
    }

    /// Makes the walk read media too. Media must match its checksum.
    pub(super) fn with_media(mut self) -> Self {
        self.media = Some(vec![0; READ_AT_ONCE]);
        self
    }

    pub(super) fn run(&mut self) -> Stopped {
        loop {
            match self.fragment() {
                Ok(fragment) => {
                    self.at.offset = fragment.end();
                    self.index.fragments.push(fragment);
                    match self.at.sequence.checked_add(1) {
                        Some(next) => self.at.sequence = next,
                        None => return Stopped::Malformed("sequence"),
                    }
                }
                Err(Stopped::Foreign) => {
                    match read_gone(self.reader, self.len, self.segment, self.at.offset) {
                        Some(gone) if gone.next >= self.at.sequence => {
                            self.at = gone.behind();
                            self.gone = true;
                        }
                        _ => return Stopped::Foreign,
                    }
                }
                Err(stopped) => return stopped,
            }
        }
    }

    /// The fragment at the present position, if it is whole and the one expected.
    pub(super) fn fragment(&mut self) -> Result<FragmentIndex, Stopped> {
        let offset = self.at.offset;
        let checksums = self.checksum_box()?;
        if checksums.segment != self.segment {
            return Err(Stopped::Foreign);
        }
        if checksums.sequence != self.at.sequence {
            return Err(Stopped::Sequence {
                found: checksums.sequence,
            });
        }
        let (moof_len, mdat_len) = (u64::from(checksums.moof_len), u64::from(checksums.mdat_len));
        let len = CHECKSUM_BOX as u64 + moof_len + mdat_len;
        self.torn = len.min(self.len.saturating_sub(offset));
        if self.len.saturating_sub(offset) < len {
            return Err(Stopped::Short);
        }

        let moof_at = offset + CHECKSUM_BOX as u64;
        let mut moof = vec![0; usize::try_from(moof_len).map_err(|_| Stopped::Malformed("lengths"))?];
        self.fill(&mut moof, moof_at)?;
        if crc32c(&moof) != checksums.moof_crc {
            return Err(Stopped::Checksum("moof"));
        }
        let mdat_at = moof_at + moof_len;
        let media = mdat_at + BOX_HEADER as u64;
        let (video, audio, bytes) =
            moof_read::runs(&moof, checksums.sequence, media).ok_or(Stopped::Malformed("moof"))?;
        if bytes.checked_add(BOX_HEADER as u64) != Some(mdat_len) {
            return Err(Stopped::Malformed("mdat"));
        }
        self.samples = self
            .samples
            .saturating_add(video.samples.len())
            .saturating_add(audio.samples.len());
        if self.samples > MAX_SAMPLES {
            return Err(Stopped::Malformed("too many samples"));
        }
        self.check_media(mdat_at, checksums)?;
        self.durable = self.durable.max(checksums.durable);
        self.torn = 0;
        Ok(FragmentIndex {
            offset,
            len,
            video,
            audio,
        })
    }

    /// The checksum box at the present position, or what is there instead.
    fn checksum_box(&mut self) -> Result<Checksums, Stopped> {
        let rest = self.len.saturating_sub(self.at.offset);
        let mut bytes = [0; CHECKSUM_BOX];
        let there = usize::try_from(rest).map_or(CHECKSUM_BOX, |rest| rest.min(CHECKSUM_BOX));
        let found = bytes.get_mut(..there).unwrap_or_default();
        self.fill(found, self.at.offset)?;
        if there == 0 || (is_free_to_the_end(found, rest) && !is_gone(found)) {
            Err(Stopped::Clean)
        } else if found.iter().all(|&byte| byte == 0) {
            Err(Stopped::Unwritten)
        } else if there < CHECKSUM_BOX {
            self.torn = rest;
            Err(Stopped::Short)
        } else {
            Checksums::parse(&bytes)
        }
    }

    fn check_media(&mut self, mdat_at: u64, checksums: Checksums) -> Result<(), Stopped> {
        let Some(mut buf) = self.media.take() else {
            return Ok(());
        };
        let (mut at, mut left, mut crc) = (mdat_at, checksums.mdat_len as usize, 0);
        while left > 0 {
            let piece = buf.len().min(left);
            let piece = buf.get_mut(..piece).unwrap_or_default();
            self.fill(piece, at)?;
            crc = crc32c_append(crc, piece);
            at += piece.len() as u64;
            left -= piece.len();
        }
        self.media = Some(buf);
        if crc == checksums.mdat_crc {
            Ok(())
        } else {
            Err(Stopped::Checksum("mdat"))
        }
    }

    fn fill(&self, buf: &mut [u8], offset: u64) -> Result<(), Stopped> {
        match fill(self.reader, buf, offset) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Stopped::Short),
            Err(error) => Err(Stopped::Unreadable(error.kind())),
        }
    }
}

/// Fills all of `buf`. Returns false when the file ends before.
pub(super) fn fill(
    reader: &(impl ReadAt + ?Sized),
    mut buf: &mut [u8],
    mut offset: u64,
) -> std::io::Result<bool> {
    while !buf.is_empty() {
        match reader.read_at(buf, offset) {
            Ok(0) => return Ok(false),
            Ok(n) => {
                buf = buf.get_mut(n..).unwrap_or_default();
                offset = offset.saturating_add(n as u64);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// A `free` box that takes up all of the rest, as [`free_box`](super::free_box) makes it.
fn is_free_to_the_end(found: &[u8], rest: u64) -> bool {
    free_box(rest).is_some_and(|free| found.starts_with(&free))
}
