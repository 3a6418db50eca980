//! The tape's segment file: one MP4 that any player opens. The file itself says whose segment it is and how far it can be
//! trusted.
//!
//! ```text
//! ftyp                       who reads this
//! uuid  identity             whose segment it is, when it began; CRC-32C over ftyp, identity and moov
//! moov                       how to decode it
//! uuid  checksums    \
//! moof               |       one fragment: at most a second of media, appended in one write
//! mdat               /       and durable as a whole or not at all
//! uuid  moof  mdat
//! …
//! free                       space to the end of the file, written anew behind each fragment: what the file took over
//!                            from its predecessor, or was given ahead of time, and has not used
//! ```
//!
//! Where fragments were deleted on request, a `free` box names the fragment behind it, see [`Gone`].
//!
//! The identity stands before `moov` so that it lies in the first sector. The checksums stand before `moof` so that a scanner
//! knows how much to read, and checks it, before it trusts anything. Players skip both.
//!
//! Video is track 1, in ticks of its own timescale; audio is track 2, in samples. A segment's own time begins at zero.
//! [`Identity::base`] says where that is on its publish's media time.

use crate::media::MAX_TIMESCALE;

pub(in crate::format) mod boxes;
mod fragment;
mod gone;
pub(in crate::format) mod headers;
mod identity;
mod moof;
mod moof_read;
mod moov;
mod moov_read;
mod recover;
pub mod sample_entry;
mod scan;
mod sidx;

pub use fragment::{FIRST_SEQUENCE, FragmentHeader, Place, fragment_header, free_box};
pub use gone::{GONE_BOX, Gone, has_gaps, is_marked, sequence_at, stretches};
pub use identity::{Identity, segment_header};
pub(in crate::format) use moof::moof_len_of;
pub use moof::{TrackRun, moof, moof_len};
pub use moov::{Movie, init};
pub(in crate::format) use moov::{brand, roll_distance};
pub use sample_entry::BitRate;
pub(in crate::format) use sidx::{MAX_REFERENCES, Reference, sidx};

pub use recover::{Left, check_fragment, find_fragment, holds_durable_fragments, scan_open};
pub use scan::{Header, Position, ReadAt, ScanError, Scanned, Stopped, read_header, scan, scan_headers};

/// track_ID of the picture.
pub const VIDEO_TRACK: u32 = 1;
/// track_ID of the sound.
pub const AUDIO_TRACK: u32 = 2;

/// Longest `ftyp`, identity and `moov` together that is written or accepted.
pub const MAX_HEADER: u32 = 1024 * 1024;
/// Longest `moof` that is written or accepted.
pub const MAX_MOOF: u32 = 4 * 1024 * 1024;
/// Longest `mdat` that is written or accepted.
pub const MAX_MDAT: u32 = 64 * 1024 * 1024;

/// The most samples of one track in one fragment.
pub const MAX_RUN_SAMPLES: usize = 65_536;

/// Media that cannot be written as a segment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The segment has no track to play.
    #[error("a segment needs at least one track, and a fragment at least one frame")]
    Empty,
    /// The name of the box is too long to be kept in every segment.
    #[error("device id is {0} bytes long; at most 64 are kept")]
    DeviceTooLong(usize),
    /// The tape cannot count in this timescale.
    #[error("the picture has {0} ticks a second; 1 to {MAX_TIMESCALE} are kept")]
    Timescale(u32),
    /// There are more recordings than the identity box counts.
    #[error("{0} recordings at the start of one segment; at most 255 are kept")]
    TooManyRecordings(usize),
    /// The codec configurations are longer than a scanner would accept.
    #[error("the segment's header is {0} bytes long; at most {MAX_HEADER} are written")]
    HeaderTooLong(usize),
    /// The fragment has more media than a scanner would accept.
    #[error("a fragment of {0} bytes is too large; at most {MAX_MDAT} are written, and {MAX_MOOF} of moof")]
    FragmentTooLarge(usize),
    /// The fragment has more frames than a scanner would accept.
    #[error("{0} frames of one track in a fragment; at most {MAX_RUN_SAMPLES} are written")]
    TooManySamples(usize),
}

#[cfg(test)]
mod tests;
