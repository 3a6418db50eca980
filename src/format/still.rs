//! One picture as a file: an MP4 with one sample, for which nobody needs a decoder but the viewer.

use std::sync::Arc;

use super::index::{FragmentIndex, Run, Sample, SampleIndex};
use super::mp4::Mp4;
use super::{FileError, Gaps, Kept, SourceError, TapeSource, TrackBase, View, ViewSegment, VirtualFile};
use crate::media::{Frame, Micros, SegmentId, TrackKind, Tracks, rescale};

/// Microseconds of a second.
const MICROS: u32 = 1_000_000;

/// A keyframe as an MP4 file. Its index stands at the beginning.
pub struct Still<S> {
    file: Mp4<S>,
    utc: Micros,
    entry: Micros,
}

/// A keyframe in memory.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// The configurations that decode it.
    pub tracks: &'a Tracks,
    /// The keyframe.
    pub frame: &'a Frame,
    /// DTS of the picture behind it, if there is one.
    pub next_dts: Option<i64>,
    /// UTC of the media time zero of its publish.
    pub publish_zero_utc: Micros,
}

/// The source of a [`Picture`]: a tape with one sample.
#[derive(Clone, Debug)]
pub struct Pictured {
    index: Arc<SampleIndex>,
    frame: Frame,
}

impl Picture<'_> {
    /// UTC at which the picture is presented. None where the stream has no picture.
    pub fn utc(&self) -> Option<Micros> {
        let timescale = self.tracks.timescale(TrackKind::Video)?;
        let shown = rescale(self.frame.pts(), timescale, MICROS);
        Some(self.publish_zero_utc.saturating_add(shown))
    }
}

impl<S: TapeSource> View<S> {
    /// The keyframe that is shown at `utc`, or the last one before. Nothing if there is none. Fails when no part of the view has
    /// a picture. Of recordings in step it is a picture of the first one.
    pub fn still(self, utc: Micros) -> Result<Option<Still<S>>, FileError> {
        let pictures = self.first_side().only(TrackKind::Video);
        if pictures.segments.is_empty() {
            return Err(no_picture());
        }
        let Some(entry) = pictures.last_entry(|segment| segment.tape_at(utc))? else {
            return Ok(None);
        };
        let mut view = pictures.cut(entry, entry.saturating_add(1))?;
        // The end of one segment and the beginning of the next can be the same moment. Then the later one is meant.
        let earlier = view.segments.len().saturating_sub(1);
        view.segments.drain(..earlier);
        for kept in view.segments.iter_mut().map(|segment| &mut segment.kept) {
            let whole = Kept::default();
            (kept.shown_from, kept.shown_to) = (whole.shown_from, whole.shown_to);
            (kept.if_hidden, kept.passed) = (whole.if_hidden, whole.passed);
        }
        Still::of(view, entry)
    }
}

impl<S: TapeSource> Still<S> {
    /// The file of a view with one picture, which is decoded at this tape time.
    fn of(view: View<S>, entry: Micros) -> Result<Option<Self>, FileError> {
        let Some(segment) = view.segments.first() else {
            return Ok(None);
        };
        let index = view.index(segment)?;
        let picture = index.runs(TrackKind::Video).flat_map(Run::placed).next();
        let Some(shown) = picture.map(|picture| segment.shown(&picture)) else {
            return Ok(None);
        };
        Ok(Some(Self {
            utc: segment.utc(shown),
            file: Mp4::open(view)?,
            entry,
        }))
    }

    /// UTC at which the picture is presented.
    pub fn utc(&self) -> Micros {
        self.utc
    }

    /// Tape time of the picture's DTS. Of a picture in memory: media time, which counts from the zero of its publish.
    pub fn entry(&self) -> Micros {
        self.entry
    }
}

impl Still<Pictured> {
    /// The file of a keyframe in memory. It has the same bytes as that of the same keyframe on the tape. Fails when the stream
    /// has no picture.
    pub fn of_picture(picture: &Picture<'_>) -> Result<Self, FileError> {
        let frame = picture.frame;
        let video = picture.tracks.video.clone();
        let Some(video) = video.filter(|_| frame.kind == TrackKind::Video) else {
            return Err(no_picture());
        };
        let timescale = video.timescale;
        let lasts = picture.next_dts.map(|next| next.saturating_sub(frame.dts));
        let guess = video.timescale.div_ceil(25);
        let sample = Sample {
            size: fitted!(frame.payload.len(), "the size of a frame"),
            duration: lasts.and_then(|lasts| u32::try_from(lasts).ok()).unwrap_or(guess),
            cts: frame.cts,
            key: true,
        };
        let fragment = FragmentIndex {
            offset: 0,
            len: frame.payload.len() as u64,
            video: Run {
                first_dts: 0,
                data_offset: 0,
                samples: vec![sample],
            },
            audio: Run::default(),
        };
        let segment = ViewSegment {
            id: SegmentId::from_bytes([0; 16]),
            tracks: Tracks {
                video: Some(video),
                audio: None,
            },
            base: TrackBase {
                video: frame.dts,
                audio: 0,
            },
            publish_zero: 0,
            publish_zero_utc: picture.publish_zero_utc,
            end: None,
            kept: Kept::default(),
            range: 0,
            gaps: Gaps::Close,
            silence: None,
            filled: None,
            in_step: None,
        };
        let view = View {
            segments: vec![segment].into(),
            source: Pictured {
                index: Arc::new(SampleIndex {
                    fragments: vec![fragment],
                }),
                frame: frame.clone(),
            },
        };
        let entry = rescale(frame.dts, timescale, MICROS);
        Self::of(view, entry)?.ok_or_else(no_picture)
    }
}

impl<S: TapeSource> VirtualFile for Still<S> {
    fn len(&self) -> u64 {
        self.file.len()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        self.file.read_at(offset, buf)
    }
}

impl TapeSource for Pictured {
    fn index(&self, _: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        Ok(Arc::clone(&self.index))
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = self.frame.payload.get(from..from.saturating_add(buf.len()));
        let bytes = bytes.ok_or_else(|| SourceError {
            segment,
            reason: "a picture in memory is shorter than its index says".to_owned(),
        })?;
        buf.copy_from_slice(bytes);
        Ok(())
    }
}

fn no_picture() -> FileError {
    FileError::Unsupported {
        format: "frame.mp4",
        reason: "it has no picture, only sound".to_owned(),
    }
}

#[cfg(test)]
mod tests;
