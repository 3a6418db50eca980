//! Progressive MP4 (ISO/IEC 14496-12): `ftyp moov mdat`, the index in front so that a player can begin before
//! it has the whole file.
//!
//! The `moov` of two hours is larger than the memory it may take, so it never exists as a whole. [`Mp4::open`] goes over the
//! tape's sample indexes once and counts. Every table of the `moov` is then a row of slices, one for each segment. Their
//! lengths are known, and their bytes are made when somebody reads them.
//!
//! Times are exact: `stts` holds the differences of the tape's decode times, breaks included, and the edit
//! list moves both tracks so that the earliest picture or sound is presented at zero.
//!
//! [`read`] is the other direction, for `edgereel publish FILE.mp4`.

mod boxes;
mod edit;
mod labels;
mod layout;
pub mod read;
mod table;

use crate::format::line::Tape;
use crate::format::splice::Spliced;
use crate::format::{FileError, Looked, TapeSource, View};
use crate::media::TrackKind;

pub use labels::{Chapter, Labels};
pub(in crate::format) use layout::Layout;

pub(in crate::format) use boxes::creation_time;

/// A view as one MP4 file.
pub type Mp4<S> = Spliced<S, Layout>;

impl<S: TapeSource> Mp4<S> {
    /// Opens the file with all tracks. Fails when the view has none, or when a track changes its codec.
    pub fn open(view: View<S>) -> Result<Self, FileError> {
        Ok(Self::resume(view, &Labels::default(), Looked::default())?.0)
    }

    /// Opens the file of a growing recording with what was kept of the previous look, and with what people wrote about it.
    /// Returns what is to be kept of this look.
    pub fn resume(view: View<S>, labels: &Labels, looked: Looked) -> Result<(Self, Looked), FileError> {
        Self::with("mp4", &[TrackKind::Video, TrackKind::Audio], view, labels, looked)
    }

    /// Opens the sound alone, as an `.m4a` file.
    pub fn open_audio(view: View<S>) -> Result<Self, FileError> {
        Ok(Self::resume_audio(view, &Labels::default(), Looked::default())?.0)
    }

    /// Opens the sound alone of a growing recording, as [`resume`](Self::resume) does.
    pub fn resume_audio(view: View<S>, labels: &Labels, looked: Looked) -> Result<(Self, Looked), FileError> {
        Self::with("m4a", &[TrackKind::Audio], view, labels, looked)
    }

    fn with(
        format: &'static str,
        kinds: &[TrackKind],
        view: View<S>,
        labels: &Labels,
        mut looked: Looked,
    ) -> Result<(Self, Looked), FileError> {
        let view = if kinds.contains(&TrackKind::Video) {
            view.hiding()
        } else {
            view.without_hidden().hiding()
        };
        let mut tape = Tape::new(view);
        let line = looked.lay(&mut tape)?;
        let layout = Layout::of(format, kinds, line, &tape, labels)?;
        Ok((Self::new(tape, layout), looked))
    }
}

#[cfg(test)]
pub(in crate::format) mod tests;
