//! FLV (Adobe Flash Video File Format v10.1, annex E; Enhanced RTMP v2 for HEVC, AV1 and Opus).
//!
//! [`Flv`] is a virtual file: header, `onMetaData` with an index of the keyframes, sequence headers, and the tape's samples in
//! tags, sound and picture interleaved by time. Timestamps begin at zero with the earliest decode time. [`tag`] makes the bytes
//! before a sample in a tag, which RTMP carries too. [`read`] reads other people's files.

mod colour_info;
mod file;
mod metadata;
pub mod read;
pub mod tag;

use crate::format::line::Tape;
use crate::format::splice::Spliced;
use crate::format::{FileError, Looked, TapeSource, View};

pub(in crate::format) use file::File;
pub(in crate::format) use metadata::announcement;

/// A view as one FLV file.
pub type Flv<S> = Spliced<S, File>;

impl<S: TapeSource> Flv<S> {
    /// Opens the file. Fails when the view has neither picture nor sound.
    pub fn open(view: View<S>) -> Result<Self, FileError> {
        Ok(Self::resume(view, Looked::default())?.0)
    }

    /// Opens the file of a growing recording with what was kept of the previous look. Returns what is to be kept of this look.
    pub fn resume(view: View<S>, mut looked: Looked) -> Result<(Self, Looked), FileError> {
        let mut tape = Tape::new(view);
        let file = File::resume(&mut tape, &mut looked)?;
        Ok((Self::new(tape, file), looked))
    }
}

#[cfg(test)]
mod tests;
