//! One fragment: the box that vouches for it, its `moof`, and the head of its `mdat`.

use bytes::BufMut;

use super::boxes::{BOX_HEADER, boxed};
use super::moof::{TrackRun, moof};
use super::{MAX_MDAT, MAX_MOOF, WriteError};
use crate::format::TrackBase;
use crate::format::index::{FragmentIndex, Run, Sample};
use crate::media::{Fragment, Frame, SegmentId};

/// Sequence number of a segment's first fragment; the others count up from it.
pub const FIRST_SEQUENCE: u32 = 1;

/// Duration of a last video frame of which nothing tells: 25 frames a second.
const GUESSED_VIDEO_MS: u32 = 40;

/// `uuid` type of the box that stands before every `moof`. A change of its layout takes another type.
pub(super) const FRAGMENT_TYPE: [u8; 16] = *b"edgereel:frag\x00\x00\x01";

/// Bytes of that box.
pub(super) const CHECKSUM_BOX: usize = 64;

/// The box before every `moof`, without its own checksum:
///
/// ```text
/// at  bytes
///  0     4  64                         size
///  4     4  "uuid"
///  8    16  "edgereel:frag" 0 0 1      type
/// 24    16  segment                    so that a fragment of the file whose blocks these were is not ours
/// 40     4  sequence                   so that one of this file's own is not taken twice or out of order
/// 44     4  bytes of moof              what to read next
/// 48     4  bytes of mdat
/// 52     4  CRC-32C of moof            alone, so that a live segment is indexed without reading its media
/// 56     4  CRC-32C of mdat
/// 60     4  CRC-32C of the 60 above    last, over what must be believed before anything is read by it
/// ```
///
/// The last checksum covers the two before it, so that all of a fragment hangs together: a box that was
/// overwritten and media that was not, or the other way round, do not fit each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checksums {
    pub(super) segment: SegmentId,
    pub(super) sequence: u32,
    pub(super) moof_len: u32,
    pub(super) mdat_len: u32,
    pub(super) moof_crc: u32,
    pub(super) mdat_crc: u32,
}

/// The head of a fragment, and where its samples are.
#[derive(Clone, Debug, PartialEq)]
pub struct FragmentHeader {
    /// Checksum box, `moof` and the head of `mdat`. Every payload follows, video before audio.
    pub bytes: Vec<u8>,
    /// The fragment's part of the segment's index.
    pub index: FragmentIndex,
}

/// Builds the head of a fragment that will stand at `offset` of its segment's file.
///
/// Times are taken relative to `base`. What lies before it (an audio frame that began just before the
/// keyframe) is moved to zero: a segment's own time has nothing earlier.
///
/// A frame lasts until the next one of its track. The last one lasts until the frame that follows the
/// fragment, if that is known; else as long as the one before it; else a frame of its codec. A wrong guess
/// does no harm: the next fragment's `tfdt` says when it really begins.
pub fn fragment_header(
    segment: SegmentId,
    sequence: u32,
    offset: u64,
    base: TrackBase,
    fragment: &Fragment,
) -> Result<FragmentHeader, WriteError> {
    let _ = (
        segment,
        sequence,
        offset,
        base,
        fragment,
        FRAGMENT_TYPE,
        CHECKSUM_BOX,
        GUESSED_VIDEO_MS,
    );
    Err(WriteError::Empty)
}

/// The head of a `free` box (ISO/IEC 14496-12 §8.1.2) that takes up the `rest` bytes to a file's end, so that
/// players skip them. `None` when there is less room than its 8 bytes.
pub fn free_box(rest: u64) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(16);
    match u32::try_from(rest) {
        Ok(size) if size < 8 => return None,
        Ok(size) => {
            out.put_u32(size);
            out.put_slice(b"free");
        }
        Err(_) => {
            out.put_u32(1);
            out.put_slice(b"free");
            out.put_u64(rest);
        }
    }
    Some(out)
}
