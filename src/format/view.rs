//! A range of tape as formats see it, and what a virtual file promises.

use std::sync::Arc;

use crate::format::Mark;
use crate::format::index::{FragmentList, Placed, SampleIndex};
use crate::media::{Micros, SegmentId, TrackKind, Tracks};

use super::Segments;
use super::cut::Kept;
use super::silence::{Filled, Silence};

/// Where the segments' bytes and indexes come from. The store implements it; tests use memory.
pub trait TapeSource {
    /// The sample index of a segment.
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError>;

    /// Fills `buf` from the segment's file at `offset`.
    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError>;

    /// The list of the segment's fragments, where it is known without the index. It says what the index says.
    fn fragments(&self, _segment: SegmentId) -> Option<Arc<FragmentList>> {
        None
    }
}

impl<T: TapeSource + ?Sized> TapeSource for Arc<T> {
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        (**self).index(segment)
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        (**self).read_exact_at(segment, offset, buf)
    }

    fn fragments(&self, segment: SegmentId) -> Option<Arc<FragmentList>> {
        (**self).fragments(segment)
    }
}

impl<T: TapeSource + ?Sized> TapeSource for &T {
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        (**self).index(segment)
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        (**self).read_exact_at(segment, offset, buf)
    }

    fn fragments(&self, segment: SegmentId) -> Option<Arc<FragmentList>> {
        (**self).fragments(segment)
    }
}

/// The error of a segment that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("segment {segment}: {reason}")]
pub struct SourceError {
    /// The segment.
    pub segment: SegmentId,
    /// What happened, with the path.
    pub reason: String,
}

/// Where a segment's own zero lies on its publish's media time, in ticks of each track.
///
/// A segment's file begins at zero so that it plays alone. Formats add this base to continue without a seam.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackBase {
    /// The zero in ticks of the picture, or in milliseconds where the file has no picture.
    pub video: i64,
    /// The zero in audio samples: the tick at or before the moment of `video`.
    pub audio: i64,
}

/// What becomes of a gap in front of a publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Gaps {
    /// What follows it follows at once.
    #[default]
    Close,
    /// It lasts as long as it did: the last picture stands, and there is silence.
    Keep,
}

impl Gaps {
    /// `close` or `keep`, as in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Gaps::Close => "close",
            Gaps::Keep => "keep",
        }
    }
}

impl std::str::FromStr for Gaps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "close" => Ok(Gaps::Close),
            "keep" => Ok(Gaps::Keep),
            _ => Err("close them or keep them: 'close' or 'keep'".to_owned()),
        }
    }
}

/// One segment of a view.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewSegment {
    /// The segment's file.
    pub id: SegmentId,
    /// The tracks that the samples decode with.
    pub tracks: Tracks,
    /// Media time of the segment's zero.
    pub base: TrackBase,
    /// Tape time of the media time zero of the segment's publish. It is equal for segments that follow each other without a
    /// break.
    pub publish_zero: Micros,
    /// UTC of the media time zero of the segment's publish, as well as the box knows it.
    pub publish_zero_utc: Micros,
    /// A tape time that no sample of the segment ends after, where it is known without reading the index.
    pub end: Option<Micros>,
    /// Which of the segment's samples belong to the view.
    pub kept: Kept,
    /// The number of the range in a [joined](View::join) view. Any other view has one range.
    pub range: u32,
    /// Whether the gap before the segment is closed or kept, if there is one.
    pub gaps: Gaps,
    /// Set when this is no segment of the tape, but silence that belongs between two.
    pub silence: Option<Silence>,
    /// Silence in those fragments of the segment that have no sound.
    pub filled: Option<Arc<Filled>>,
    /// In a view of recordings [in step](View::in_step): what the tracks of its recording are called. `range` says which it is.
    pub in_step: Option<Arc<str>>,
}

impl ViewSegment {
    /// Tape time of a DTS of the segment's file.
    pub(in crate::format) fn tape(&self, kind: TrackKind, dts: u64) -> Micros {
        let base = match kind {
            TrackKind::Video => self.base.video,
            TrackKind::Audio => self.base.audio,
        };
        // A track without configuration has no samples, so none of its times can be wrong.
        let ticks = base.saturating_add_unsigned(dts);
        self.publish_zero.saturating_add(self.tracks.micros(kind, ticks))
    }

    /// Tape time at which a picture of the segment's file is presented.
    pub(in crate::format) fn shown(&self, placed: &Placed) -> Micros {
        let ticks = placed.dts.saturating_add_signed(i64::from(placed.sample.cts));
        self.tape(TrackKind::Video, ticks)
    }

    /// A tape time that no sample of the segment is before.
    pub fn begins(&self) -> Micros {
        self.first().max(self.kept.from)
    }

    /// A tape time that no sample of the segment's file is before.
    pub(in crate::format) fn first(&self) -> Micros {
        let kinds = [TrackKind::Video, TrackKind::Audio];
        let known = kinds
            .into_iter()
            .filter(|kind| self.tracks.timescale(*kind).is_some());
        let begins = known.map(|kind| self.tape(kind, 0)).min();
        begins.unwrap_or(self.publish_zero)
    }
}

/// A range of tape, oldest segment first.
#[derive(Clone, Debug)]
pub struct View<S> {
    /// The segments that the view spans, each with the part that belongs to the view.
    pub segments: Segments,
    /// The source to read the segments from.
    pub source: S,
}

impl<S: TapeSource> View<S> {
    /// The samples of a segment that belong to the view.
    pub fn index(&self, segment: &ViewSegment) -> Result<Arc<SampleIndex>, SourceError> {
        if let Some(silence) = &segment.silence {
            return Ok(silence.index());
        }
        let index = segment.kept.of(segment, self.source.index(segment.id)?);
        Ok(match &segment.filled {
            Some(filled) => filled.fill(index),
            None => index,
        })
    }

    /// The list of a segment's fragments, where all of them belong to the view and it is known without the index.
    pub(in crate::format) fn listed(&self, segment: &ViewSegment) -> Option<Arc<FragmentList>> {
        let is_whole = segment.silence.is_none() && segment.filled.is_none() && segment.kept.is_all();
        is_whole.then(|| self.source.fragments(segment.id)).flatten()
    }

    /// The list of the fragments that belong to the view.
    pub(in crate::format) fn fragments(
        &self,
        segment: &ViewSegment,
    ) -> Result<Arc<FragmentList>, SourceError> {
        if let Some(list) = self.listed(segment) {
            return Ok(list);
        }
        let index = self.index(segment)?;
        let timescale = segment.tracks.timescale(TrackKind::Video);
        Ok(Arc::new(FragmentList::of(&index, timescale)))
    }
}

impl<S> View<S> {
    /// The same view, for a format that hides pictures that are not to be shown.
    pub(in crate::format) fn hiding(mut self) -> View<S> {
        self.segments
            .iter_mut()
            .for_each(|segment| segment.kept.hides = true);
        self
    }

    /// The same view with the gaps between its publishes closed or kept. Ranges have no gap between them.
    pub fn gaps(mut self, gaps: Gaps) -> View<S> {
        self.segments.iter_mut().for_each(|segment| segment.gaps = gaps);
        self
    }
}

/// A file that is made while it is read.
pub trait VirtualFile {
    /// Exact length of the file in bytes.
    fn len(&self) -> u64;

    /// True when the file has no byte.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills as much of `buf` as the file has from `offset` on. Returns the number of bytes, which is 0 only at the end.
    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError>;
}

/// A virtual file that can be sent while its tape still grows. All bytes that are known only when the tape is complete are in
/// front. The body behind them only gets longer.
pub trait Growing: VirtualFile {
    /// Bytes before the body.
    fn front(&self) -> u64;

    /// Bytes of the body that stay as they are when the tape grows: all before its last fragment. The end of a recording may
    /// still cut some of them off.
    fn settled(&self) -> u64;

    /// The mark of the first `body` bytes of the body. It stays the same however much tape follows.
    fn mark(&self, body: u64) -> Mark;
}

/// Why a virtual file cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The tape could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The view holds nothing that this format can carry.
    #[error("{format} cannot carry this recording: {reason}")]
    Unsupported {
        /// The format asked for.
        format: &'static str,
        /// What is in the way.
        reason: String,
    },
}
