//! Reads a segment back, believing nothing that is not vouched for.

use super::{FIRST_SEQUENCE, Identity, MAX_HEADER};
use crate::format::index::SampleIndex;
use crate::media::{SegmentId, Tracks};

/// Where a segment's bytes come from.
pub trait ReadAt {
    /// Reads into `buf` from `offset`; returns how much, 0 at the end. May read less than there is.
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
        /// Where.
        offset: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ends before its header does.
    #[error("the file ends at byte {len}, within its header")]
    Short {
        /// Length of the file.
        len: u64,
    },
    /// It does not begin as a segment does.
    #[error("not a segment: {what}")]
    NotASegment {
        /// What is there instead.
        what: &'static str,
    },
    /// The header's checksum is another than its bytes'.
    #[error("the header's checksum is wrong")]
    Checksum,
    /// The header's checksum is right, but it says what no version of this recorder writes.
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
    /// Zeros: room that was never written.
    Unwritten,
    /// The file ends within a fragment.
    Short,
    /// What is there is no fragment, or one of another segment.
    Foreign,
    /// A fragment of this segment, but not the next one.
    Sequence {
        /// What it says it is.
        found: u32,
    },
    /// A checksum is wrong: that of the box, of `moof` or of `mdat`, as named.
    Checksum(&'static str),
    /// The checksums are right, but the fragment says what no version of this recorder writes.
    Malformed(&'static str),
}

/// A segment's header, read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Whose it is.
    pub identity: Identity,
    /// How to decode it, exactly as it was written.
    pub tracks: Tracks,
    /// Where the first fragment begins.
    pub len: u64,
}

/// Where the next fragment is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Byte of the file.
    pub offset: u64,
    /// Its sequence number.
    pub sequence: u32,
}

impl Position {
    /// Behind a header of that length, before the first fragment.
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
    /// Whose segment it is.
    pub identity: Identity,
    /// How to decode it.
    pub tracks: Tracks,
    /// Every sample of the fragments that are whole.
    pub index: SampleIndex,
    /// Where the last whole fragment ends. What lies behind is not media of this segment.
    pub valid_len: u64,
    /// Why it is no longer.
    pub stopped: Stopped,
}

/// Reads a segment's header: the first [`MAX_HEADER`] bytes at most.
pub fn read_header(reader: &(impl ReadAt + ?Sized), len: u64) -> Result<Header, ScanError> {
    let _ = (reader, MAX_HEADER);
    Err(ScanError::Short { len })
}

/// Reads a whole segment of `len` bytes and checks every checksum, in one pass with little memory.
///
/// Errors are of the header, and of the medium. Whatever is wrong behind the header only ends the scan:
/// the fragments before it are good.
pub fn scan(reader: &(impl ReadAt + ?Sized), len: u64) -> Result<Scanned, ScanError> {
    let header = read_header(reader, len)?;
    Ok(Scanned {
        identity: header.identity,
        tracks: header.tracks,
        index: SampleIndex::default(),
        valid_len: header.len,
        stopped: Stopped::Clean,
    })
}

/// Reads the fragments from `from` on without reading their media: for a segment that is being written, whose
/// first `len` bytes are known to be. Returns them, where to go on later, and why it stopped.
pub fn scan_headers(
    reader: &(impl ReadAt + ?Sized),
    len: u64,
    segment: SegmentId,
    from: Position,
) -> Result<(SampleIndex, Position, Stopped), ScanError> {
    let _ = (reader, len, segment);
    Ok((SampleIndex::default(), from, Stopped::Clean))
}
