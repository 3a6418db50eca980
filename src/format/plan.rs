//! A virtual file without its tape: everything that was found out to make it.
//!
//! A player asks for one file many times: its length, its beginning, its end, a range. The indexes of the tape are read once for
//! all of that. Each request then opens the file anew with a source of its own.

use std::sync::Arc;

use super::adts::{self, Adts};
use super::flv::{self, Flv};
use super::line::Tape;
use super::mark::Marker;
use super::mp4::{Labels, Layout, Mp4};
use super::splice::{Script, Spliced};
use super::{
    FileError, FileFormat, Fmp4, Looked, Mark, Segments, TapeSource, View, ViewSegment, VirtualFile,
    fragmented,
};

/// About how many bytes of memory a segment takes up beside its own fields: its configurations.
const SEGMENT_COST: usize = 512;

/// A file of a recording, found out once. It can be kept, and opened as often as somebody wants to read it.
#[derive(Clone)]
pub struct Plan {
    segments: Segments,
    layout: Planned,
    len: u64,
    tag: Mark,
    weight: usize,
}

#[derive(Clone)]
enum Planned {
    Mp4(Arc<Layout>),
    Fmp4(Arc<fragmented::File>),
    Flv(Arc<flv::File>),
    Adts(Arc<adts::File>),
}

/// A file of a [`Plan`], open to be read.
pub struct PlannedFile<S>(Open<S>);

enum Open<S> {
    Mp4(Mp4<S>),
    Fmp4(Fmp4<S>),
    Flv(Flv<S>),
    Adts(Adts<S>),
}

impl Plan {
    /// Finds out what the file of a view is. This reads the indexes of the view, and no media, except the few pictures that say
    /// where decoding can begin.
    pub fn of<S: TapeSource>(format: FileFormat, view: View<S>) -> Result<Self, FileError> {
        Self::labelled(format, view, &Labels::default())
    }

    /// The same with what people wrote about the recording, where the format has a place for it.
    pub fn labelled<S: TapeSource>(
        format: FileFormat,
        view: View<S>,
        labels: &Labels,
    ) -> Result<Self, FileError> {
        let looked = Looked::default();
        Ok(match format {
            FileFormat::Mp4 => Self::new(&Mp4::resume(view, labels, looked)?.0, Planned::Mp4),
            FileFormat::M4a => Self::new(&Mp4::resume_audio(view, labels, looked)?.0, Planned::Mp4),
            FileFormat::Fmp4 => Self::new(&Fmp4::open(view)?, Planned::Fmp4),
            FileFormat::Flv => Self::new(&Flv::open(view)?, Planned::Flv),
            FileFormat::Adts => Self::new(&Adts::open(view)?, Planned::Adts),
        })
    }

    fn new<S: TapeSource, F: Script>(file: &Spliced<S, F>, layout: impl FnOnce(Arc<F>) -> Planned) -> Self {
        let (script, segments) = (file.script(), file.segments());
        let filled = segments.iter().filter_map(|segment| segment.filled.as_deref());
        let weight = script.weight()
            + segments.len() * (size_of::<ViewSegment>() + SEGMENT_COST)
            + filled.map(super::Filled::weight).sum::<usize>();
        Self {
            len: file.len(),
            tag: tag(script.as_ref(), segments),
            weight,
            segments: segments.clone(),
            layout: layout(Arc::clone(script)),
        }
    }

    /// Exact length of the file in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True when the file has no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A mark of all bytes of the file, for a strong `ETag` (RFC 9110 §8.8.3): two files of a recording with the same mark have
    /// the same bytes. It is the same after a restart, and another one when a byte changes: when the recording gets longer, when
    /// footage in it is deleted, when its clock is set, or when another release lays files out otherwise.
    pub fn tag(&self) -> Mark {
        self.tag
    }

    /// About how many bytes of memory the plan takes up.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Opens the file for one reader.
    pub fn open<S: TapeSource>(&self, source: S) -> PlannedFile<S> {
        let tape = Tape::laid(View {
            segments: self.segments.clone(),
            source,
        });
        PlannedFile(match &self.layout {
            Planned::Mp4(script) => Open::Mp4(Spliced::new(tape, Arc::clone(script))),
            Planned::Fmp4(script) => Open::Fmp4(Spliced::new(tape, Arc::clone(script))),
            Planned::Flv(script) => Open::Flv(Spliced::new(tape, Arc::clone(script))),
            Planned::Adts(script) => Open::Adts(Spliced::new(tape, Arc::clone(script))),
        })
    }
}

impl<S: TapeSource> VirtualFile for PlannedFile<S> {
    fn len(&self) -> u64 {
        match &self.0 {
            Open::Mp4(file) => file.len(),
            Open::Fmp4(file) => file.len(),
            Open::Flv(file) => file.len(),
            Open::Adts(file) => file.len(),
        }
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        match &mut self.0 {
            Open::Mp4(file) => file.read_at(offset, buf),
            Open::Fmp4(file) => file.read_at(offset, buf),
            Open::Flv(file) => file.read_at(offset, buf),
            Open::Adts(file) => file.read_at(offset, buf),
        }
    }
}

fn tag<F: Script>(script: &F, segments: &[ViewSegment]) -> Mark {
    let (parts, mut marker) = (script.parts(), Marker::default());
    marker.numbers(&[parts.len()]);
    marker.kept(segments);
    for part in 0..parts.count() {
        marker.numbers(&[parts.start(part)]);
        match part.checked_sub(script.body()) {
            Some(_) => script.material(part, segments, &mut marker),
            None => script.front(part, &mut marker),
        }
    }
    marker.finish()
}

#[cfg(test)]
mod tests;
