//! Indexes and bytes of a view's segments. A reader that goes forward reads as little as possible twice.

use std::sync::Arc;

use crate::format::index::{FragmentList, SampleIndex};
use crate::format::silence::Filled;
use crate::format::{FileError, Segments, TapeSource, View, ViewSegment};
use crate::media::TrackKind;

use super::contradiction;

/// Shorter reads go through a window. Sound is written in packets of some hundred bytes, and a system call for each would cost
/// more than the copy.
const DIRECT: usize = 8 * 1024;

/// The most bytes that a window holds.
const WINDOW: usize = 64 * 1024;

/// A view's source. It keeps the last index, and a window on each track.
pub(in crate::format) struct Tape<S> {
    view: View<S>,
    loaded: Option<(usize, Arc<SampleIndex>)>,
    video: Window,
    audio: Window,
    /// The most bytes that a window reads ahead now.
    ahead: usize,
}

#[derive(Default)]
struct Window {
    segment: usize,
    offset: u64,
    bytes: Vec<u8>,
}

/// Bytes on tape of one track in one fragment of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct TapeRange {
    /// Index of the segment in the view.
    pub(in crate::format) segment: usize,
    /// The track. It decides which window is used.
    pub(in crate::format) kind: TrackKind,
    /// Where the range begins in the segment's file.
    pub(in crate::format) offset: u64,
    /// Where the track's run ends. The tape reads no further ahead.
    pub(in crate::format) run_end: u64,
}

impl<S: TapeSource> Tape<S> {
    /// Makes a tape of which nothing is read yet. Segments that are only for formats that hide pictures are left out where the
    /// view's format does not hide.
    pub(in crate::format) fn new(mut view: View<S>) -> Self {
        let belongs = |segment: &ViewSegment| segment.kept.hides || !segment.kept.if_hidden;
        // To change segments that others share is to copy them.
        if !view.segments.iter().all(belongs) {
            view.segments.retain(belongs);
        }
        Self::laid(view)
    }

    /// The view. Once it is laid out on a [`Line`](super::Line), it includes the silence between its segments.
    pub(in crate::format) fn view(&self) -> &View<S> {
        &self.view
    }

    /// Puts other segments in place of the view's own.
    pub(in crate::format) fn lay(&mut self, segments: Vec<ViewSegment>) {
        self.view.segments = segments.into();
        self.loaded = None;
    }

    /// The sample index of one segment, from memory if it was the last one that was asked for.
    pub(in crate::format) fn index(&mut self, segment: usize) -> Result<Arc<SampleIndex>, FileError> {
        if let Some((loaded, index)) = &self.loaded
            && *loaded == segment
        {
            return Ok(Arc::clone(index));
        }
        let index = self.view.index(self.segment(segment)?)?;
        self.loaded = Some((segment, Arc::clone(&index)));
        Ok(index)
    }

    /// The list of the fragments of one segment.
    pub(in crate::format) fn fragments(&self, segment: usize) -> Result<Arc<FragmentList>, FileError> {
        Ok(self.view.fragments(self.segment(segment)?)?)
    }

    /// Says how many bytes of the file are read at a time. No window reads further ahead.
    pub(in crate::format) fn expect(&mut self, bytes: usize) {
        self.ahead = bytes.clamp(DIRECT, WINDOW);
    }

    /// Frees the windows and the index if the file is read in small pieces: who does that may read slowly, and there may be many.
    /// The source has the indexes that are read most.
    pub(in crate::format) fn rest(&mut self) {
        if self.ahead <= DIRECT {
            (self.video, self.audio, self.loaded) = (Window::default(), Window::default(), None);
        }
    }

    /// Fills `buf` from `range.offset` on.
    pub(in crate::format) fn read(&mut self, range: TapeRange, buf: &mut [u8]) -> Result<(), FileError> {
        let segment = self.segment(range.segment)?;
        if let Some(silence) = &segment.silence {
            silence.read(range.offset, buf);
            return Ok(());
        }
        if let Some(filled) = segment.filled.as_ref().filter(|_| Filled::has(range.offset)) {
            filled.read(range.offset, buf);
            return Ok(());
        }
        let id = segment.id;
        if buf.len() >= DIRECT {
            return Ok(self.view.source.read_exact_at(id, range.offset, buf)?);
        }
        let window = match range.kind {
            TrackKind::Video => &mut self.video,
            TrackKind::Audio => &mut self.audio,
        };
        if let Some(bytes) = window.slice(range, buf.len()) {
            buf.copy_from_slice(bytes);
            return Ok(());
        }
        let ahead = usize::try_from(range.run_end.saturating_sub(range.offset)).unwrap_or(usize::MAX);
        let ahead = ahead.min(self.ahead).max(buf.len());
        window.bytes.clear();
        window.bytes.resize(ahead, 0);
        if let Err(error) = self
            .view
            .source
            .read_exact_at(id, range.offset, &mut window.bytes)
        {
            window.bytes.clear();
            return Err(error.into());
        }
        window.segment = range.segment;
        window.offset = range.offset;
        match window.slice(range, buf.len()) {
            Some(bytes) => buf.copy_from_slice(bytes),
            None => return Err(contradiction(id, "a sample lies outside of its run")),
        }
        Ok(())
    }

    fn segment(&self, segment: usize) -> Result<&ViewSegment, FileError> {
        self.view.segments.get(segment).ok_or(FileError::Unsupported {
            format: "the format",
            reason: format!("the view has no segment {segment}"),
        })
    }
}

impl<S> Tape<S> {
    /// Makes a tape of segments that are on a [`Line`](super::Line) already.
    pub(in crate::format) fn laid(view: View<S>) -> Self {
        Self {
            view,
            loaded: None,
            video: Window::default(),
            audio: Window::default(),
            ahead: WINDOW,
        }
    }

    /// The view's segments.
    pub(in crate::format) fn segments(&self) -> &Segments {
        &self.view.segments
    }
}

impl Window {
    fn slice(&self, range: TapeRange, len: usize) -> Option<&[u8]> {
        if self.segment != range.segment {
            return None;
        }
        let start = usize::try_from(range.offset.checked_sub(self.offset)?).ok()?;
        self.bytes.get(start..start.checked_add(len)?)
    }
}
