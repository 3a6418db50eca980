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
//! A view of recordings [in step](View::in_step) makes one file with the tracks of all: each recording is a `side` of it. Fragments
//! stand in the order in which they are played, and the edit lists begin with nothing where a recording began later.
//!
//! A file can have a track of [times](Labels::times). Its samples stand in an `mdat` of their own in front of the media: like the
//! tables, they are known only when the recording is complete.
//!
//! [`read`] is the other direction, for `edgereel publish FILE.mp4`.

mod boxes;
mod edit;
mod labels;
mod layout;
pub mod read;
mod side;
mod table;
mod times;

use crate::format::line::Tape;
use crate::format::splice::Spliced;
use crate::format::{FileError, Looked, TapeSource, View};
use crate::media::TrackKind;

pub use labels::{Chapter, Labels};
pub(in crate::format) use layout::Layout;
use side::Laid;

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
        if view.is_in_step() && kinds.contains(&TrackKind::Video) {
            return Ok((Self::of_sides((format, kinds), view, labels)?, looked));
        }
        let mut tape = Tape::new(view);
        let laid = Laid {
            line: looked.lay(&mut tape)?,
            first: 0,
            name: None,
        };
        let layout = Layout::of((format, kinds), vec![laid], &tape, labels)?;
        Ok((Self::new(tape, layout), looked))
    }

    /// The file of recordings in step.
    fn of_sides(
        of: (&'static str, &[TrackKind]),
        mut view: View<S>,
        labels: &Labels,
    ) -> Result<Self, FileError> {
        let sides = std::mem::take(&mut view.segments).sides();
        let mut tape = Tape::new(view);
        let (mut laid, mut all) = (Vec::with_capacity(sides.len()), Vec::new());
        for (name, segments) in sides {
            tape.lay(segments);
            laid.push(Laid {
                line: Looked::default().lay(&mut tape)?,
                first: all.len(),
                name: Some(name),
            });
            all.extend_from_slice(tape.segments());
        }
        tape.lay(all);
        let layout = Layout::of(of, laid, &tape, labels)?;
        Ok(Self::new(tape, layout))
    }
}

#[cfg(test)]
pub(in crate::format) mod tests;
