//! Media as bytes: the tape's own files, and the virtual files made from them.
//!
//! This folder is pure: nothing here opens a file or reads a clock. A muxer turns frames into bytes. A [`VirtualFile`] turns a
//! [`View`] of tape into a file of known length. Any range of it can be read. It holds neither the media nor the whole index in
//! memory.
//!
//! | module | what it is |
//! |---|---|
//! | `fmp4` | the tape's segment: `ftyp uuid moov (uuid moof mdat)*`, written and scanned |
//! | `index` | where each sample of a segment is, and its compact form for the journal |
//! | `chunks` | the chunks of a segment, as live HLS plays them |
//! | `view` | a range of tape as formats see it |
//! | `cut`, `trim`, `bounds` | exactly a part of a view, by tape time or UTC; where a view begins and ends |
//! | `missing` | what decodes the beginning of a view, and is on the tape before it |
//! | `join`, `parts`, `split` | several ranges as one view; one view as several, by codec configuration or length |
//! | `in_step` | several recordings beside each other as one view |
//! | `mp4`, `flv`, `hls`, `adts` | a virtual file of each format |
//! | `mark` | what a stretch of a virtual file is made of, to know it again without reading it |
//! | `plan` | a virtual file without its tape, to be opened again and again |
//! | `still`, `picks` | one picture as a file; keyframes at chosen moments as a file |
//! | `times` | what a clock on the wall shows at each moment of playing, for tracks of times |
//! | `silence` | sound in which nothing is heard, where the tape has none |
//! | `line`, `splice` | what formats share: a view on one time line, and a file put together while read |
//! | `looked` | what is kept of a look at a file that grows, so that the next one reads what is new |

pub mod adts;
mod bounds;
pub mod chunks;
mod cut;
pub mod flv;
pub mod fmp4;
mod fragmented;
pub mod hls;
mod in_step;
pub mod index;
mod join;
mod kind;
mod lapse;
mod line;
mod looked;
mod mark;
mod missing;
pub mod mp4;
mod parts;
mod picks;
mod plan;
mod rate;
mod segments;
mod silence;
mod splice;
mod split;
mod still;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod times;
mod trim;
mod view;

pub use cut::Kept;
pub use fragmented::Fmp4;
pub use in_step::MOST_IN_STEP;
pub use join::{JoinSource, MAX_RANGES};
pub use kind::{FileFormat, Format, UnknownFormat};
pub use lapse::{Lapse, NoLapse};
pub use looked::Looked;
pub use mark::Mark;
pub use missing::Missing;
pub use parts::Change;
pub use picks::{Pick, Picked, Picks, keyframes};
pub use plan::{Plan, PlannedFile};
pub use segments::Segments;
pub use silence::{Filled, Silence};
pub use still::{Picture, Pictured, Still};
pub use view::{
    FileError, Gaps, Growing, SourceError, TapeSource, TrackBase, View, ViewSegment, VirtualFile,
};
