//! Fingerprints: by what a recording is found again by its pictures, also in another size, coding or container. Pure.
//!
//! Each keyframe has a hash of 256 bits (PDQ, of Meta's ThreatExchange): pictures that look alike have hashes of which few bits
//! differ. The same look at the keyframes says which of them represent the recording.
//!
//! | file | what it is |
//! |---|---|
//! | `pdq` | the hash of a picture, and how much there is to see on it |
//! | `keyframe` | a keyframe with its hash, and blocks of them as the journal has them, drawn |
//! | `search` | where a recording has the pictures that are looked for |
//! | `thumbnails` | the keyframes that represent a recording |

mod keyframe;
mod pdq;
mod search;
#[cfg(test)]
pub(crate) mod testing;
mod thumbnails;

pub use keyframe::{BadBlock, Keyframe, MOST_OF_BLOCK, block, read_block};
pub use pdq::{Luma, NotPdq, Pdq, SIDE};
pub use search::{Found, NoWanted, Scan, Wanted};
pub use thumbnails::{Chosen, Thumbnails};

/// The most bits that differ of two pictures which count as the same one. ThreatExchange recommends it.
pub const ALIKE: u32 = 31;
/// The least quality of a picture whose hash says something. ThreatExchange recommends it.
pub const LEAST_QUALITY: u8 = 50;
