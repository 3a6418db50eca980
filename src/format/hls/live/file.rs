//! A chunk as a file: made of a segment of the tape, or of frames in memory.

use std::ops::Range;

use bytes::Bytes;

use super::samples::{ChunkFacts, ChunkFrames, Run, Samples, Timed};
use super::sound::{Filling, Piece};
use crate::format::chunks::TapeChunk;
use crate::format::hls::made;
use crate::format::index::{FragmentIndex, Placed, SampleIndex};
use crate::format::line::{Extent, Tape};
use crate::format::mark::Marker;
use crate::format::splice::{Parts, Script, Splice, Spliced};
use crate::format::{FileError, Mark, SourceError, TapeSource, TrackBase, View, ViewSegment, VirtualFile};
use crate::media::{Frame, Micros, TargetDuration, TrackKind, Tracks};

/// A chunk of a segment, as a file that is made while it is read.
pub type ChunkFile<S> = Spliced<S, Chunk>;

/// Which part of a segment a chunk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkPlace {
    /// The chunk's number in its stream.
    pub number: u64,
    /// The fragments of the chunk, by their places in the segment's index.
    pub fragments: Range<usize>,
    /// The target of the publish at the beginning of the chunk.
    pub target: TargetDuration,
}

impl From<&TapeChunk> for ChunkPlace {
    fn from(chunk: &TapeChunk) -> Self {
        Self {
            number: chunk.number,
            fragments: chunk.fragments.clone(),
            target: chunk.target,
        }
    }
}

/// The script of a chunk: one part.
pub struct Chunk {
    facts: ChunkFacts,
    head: Bytes,
    filling: Filling,
    /// Places of the runs in the segment's file: pictures, and frames of sound with their sizes.
    video: Vec<Extent>,
    audio: Vec<Placed>,
    parts: Parts,
}

impl<S: TapeSource> ChunkFile<S> {
    /// Opens a chunk of a segment. Fails where the segment does not have the chunk, or cannot be read.
    pub fn open(segment: ViewSegment, source: S, place: &ChunkPlace) -> Result<Self, FileError> {
        let view = View {
            segments: vec![segment].into(),
            source,
        };
        let mut tape = Tape::new(view);
        let index = tape.index(0)?;
        let chunk = match tape.segments().first() {
            Some(segment) => Chunk::of(segment, &index, place)?,
            None => {
                defect!("a view of one segment has none");
                return Err(empty(place.number));
            }
        };
        Ok(Self::new(tape, chunk))
    }

    /// What a playlist says of the chunk.
    pub fn facts(&self) -> ChunkFacts {
        self.script().facts
    }

    /// A mark of the chunk's samples: their times, sizes and order. The same chunk in memory has the same one.
    pub fn tag(&self) -> Mark {
        tag(&self.script().head)
    }
}

impl ViewSegment {
    /// What a playlist says of a chunk of the segment, by the segment's index.
    pub fn chunk_facts(&self, index: &SampleIndex, place: &ChunkPlace) -> Result<ChunkFacts, FileError> {
        Ok(samples(self, index, place)?.facts())
    }
}

/// What a playlist says of a chunk of a segment with this index, base and tracks. Tape time of the publish's media time zero is
/// `zero`. Nothing where the index does not have the chunk.
pub(in crate::format) fn facts(
    index: &SampleIndex,
    (base, tracks, zero): (TrackBase, &Tracks, Micros),
    place: &ChunkPlace,
) -> Option<ChunkFacts> {
    let fragments = index.fragments.get(place.fragments.clone())?;
    Some(samples_of(index, fragments, (base, tracks, zero), place)?.facts())
}

/// The head of a file names each sample of the chunk.
fn tag(head: &[u8]) -> Mark {
    let mut marker = Marker::default();
    marker.bytes(head);
    marker.finish()
}

fn empty(number: u64) -> FileError {
    FileError::Unsupported {
        format: "hls",
        reason: format!("chunk {number} has neither picture nor sound"),
    }
}

/// The fragments of a chunk.
fn fragments<'a>(
    segment: &ViewSegment,
    index: &'a SampleIndex,
    place: &ChunkPlace,
) -> Result<&'a [FragmentIndex], FileError> {
    let fragments = index.fragments.get(place.fragments.clone());
    let missing = || SourceError {
        segment: segment.id,
        reason: format!("chunk {} is not in its index", place.number),
    };
    let fragments = fragments.filter(|fragments| !fragments.is_empty());
    Ok(fragments.ok_or_else(missing)?)
}

fn samples<'a>(
    segment: &'a ViewSegment,
    index: &SampleIndex,
    place: &ChunkPlace,
) -> Result<Samples<'a>, FileError> {
    let fragments = fragments(segment, index, place)?;
    let of = (segment.base, &segment.tracks, segment.publish_zero);
    samples_of(index, fragments, of, place).ok_or_else(|| empty(place.number))
}

fn samples_of<'a>(
    index: &SampleIndex,
    fragments: &[FragmentIndex],
    (base, tracks, zero): (TrackBase, &'a Tracks, Micros),
    place: &ChunkPlace,
) -> Option<Samples<'a>> {
    let run = |kind| {
        let base = match kind {
            TrackKind::Video => base.video,
            TrackKind::Audio => base.audio,
        };
        // A later picture does not say how long the last one lasts: in memory it may not be there yet.
        let next = index.fragments.get(place.fragments.end).map(|next| &next.video);
        let next = next.filter(|next| kind == TrackKind::Video && !next.samples.is_empty());
        let next = next.map(|next| next.first_dts);
        let placed = fragments
            .iter()
            .flat_map(move |fragment| fragment.run(kind).placed());
        let timed = placed.map(move |placed| Timed {
            dts: base.saturating_add_unsigned(placed.dts),
            sample: placed.sample,
        });
        Run::new(timed, next.map(|next| base.saturating_add_unsigned(next)))
    };
    let (video, audio) = (run(TrackKind::Video), run(TrackKind::Audio));
    if video.samples.is_empty() && audio.samples.is_empty() {
        return None;
    }
    Some(Samples::new(
        (place.number, place.target),
        tracks,
        zero,
        video,
        audio,
    ))
}

impl Chunk {
    fn of(segment: &ViewSegment, index: &SampleIndex, place: &ChunkPlace) -> Result<Self, FileError> {
        let samples = samples(segment, index, place)?;
        let (facts, head) = (samples.facts(), samples.head()?);
        let fragments = fragments(segment, index, place)?;
        let runs = |kind| fragments.iter().map(move |fragment| fragment.run(kind));
        let mut video = Vec::with_capacity(fragments.len());
        for run in runs(TrackKind::Video).filter(|run| !run.samples.is_empty()) {
            video.push(Extent::of(run, segment.id)?);
        }
        let audio = runs(TrackKind::Audio).flat_map(crate::format::index::Run::placed);
        let mut parts = Parts::default();
        parts.push(facts.bytes);
        Ok(Self {
            facts,
            head,
            filling: samples.filling,
            video,
            audio: audio.collect(),
            parts,
        })
    }
}

impl Script for Chunk {
    fn parts(&self) -> &Parts {
        &self.parts
    }

    fn make<S: TapeSource>(
        &self,
        _part: usize,
        _tape: &mut Tape<S>,
        out: &mut Splice,
    ) -> Result<(), FileError> {
        out.write(&self.head);
        for run in &self.video {
            out.copy(0, TrackKind::Video, *run, run.offset, run.bytes.into());
        }
        let mut sound = self.audio.iter();
        for piece in &self.filling.pieces {
            match piece {
                Piece::Sound(count) => sound.by_ref().take(*count).for_each(|placed| {
                    let frame = Extent {
                        offset: placed.offset,
                        bytes: placed.sample.size,
                        samples: 1,
                    };
                    out.copy(0, TrackKind::Audio, frame, frame.offset, frame.bytes.into());
                }),
                Piece::Silence(count) => (0..*count).for_each(|_| out.write(&self.filling.silence)),
            }
        }
        Ok(())
    }

    fn segment_of(&self, _part: usize) -> usize {
        0
    }

    fn front(&self, _part: usize, _marker: &mut Marker) {}

    fn weight(&self) -> usize {
        self.head.len() + size_of_val(self.video.as_slice()) + size_of_val(self.audio.as_slice())
    }

    fn body(&self) -> usize {
        0
    }

    fn material(&self, _part: usize, segments: &[ViewSegment], marker: &mut Marker) {
        marker.bytes(&self.head);
        segments
            .iter()
            .for_each(|segment| marker.bytes(&segment.id.to_bytes()));
        for run in &self.video {
            marker.numbers(&[run.offset, run.bytes.into()]);
        }
        for placed in &self.audio {
            marker.numbers(&[placed.offset, placed.sample.size.into()]);
        }
    }
}

/// A chunk of frames in memory. The payloads are shared with all other holders of the frames.
#[derive(Clone, Debug)]
pub struct ChunkBytes {
    facts: ChunkFacts,
    pieces: Vec<Bytes>,
}

impl ChunkBytes {
    /// Makes the file of a chunk. Fails when the chunk has neither picture nor sound.
    pub fn of(chunk: &ChunkFrames<'_>) -> Result<Self, FileError> {
        if chunk.frames.is_empty() {
            return Err(empty(chunk.number));
        }
        let samples = Samples::of_frames(chunk);
        let of_kind = |kind| {
            let own = chunk
                .frames
                .iter()
                .filter(move |frame: &&Frame| frame.kind == kind);
            own.map(|frame| frame.payload.clone())
        };
        let mut pieces = vec![samples.head()?];
        pieces.extend(of_kind(TrackKind::Video));
        let mut sound = of_kind(TrackKind::Audio);
        for piece in &samples.filling.pieces {
            match piece {
                Piece::Sound(count) => pieces.extend(sound.by_ref().take(*count)),
                Piece::Silence(count) => {
                    pieces.extend((0..*count).map(|_| samples.filling.silence.clone()));
                }
            }
        }
        Ok(Self {
            facts: samples.facts(),
            pieces,
        })
    }

    /// What a playlist says of the chunk.
    pub fn facts(&self) -> ChunkFacts {
        self.facts
    }

    /// A mark of the chunk's samples, the same as [that on the tape](ChunkFile::tag).
    pub fn tag(&self) -> Mark {
        self.pieces.first().map_or_else(|| tag(&[]), |head| tag(head))
    }

    /// The bytes of the file, one piece after the other.
    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }
}

impl VirtualFile for ChunkBytes {
    fn len(&self) -> u64 {
        self.facts.bytes
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        let (mut done, mut skip) = (0, offset);
        for piece in &self.pieces {
            let len = piece.len() as u64;
            if skip >= len {
                skip -= len;
                continue;
            }
            let read = made::read(piece, skip, buf.get_mut(done..).unwrap_or_default());
            skip = 0;
            done += read;
            if done == buf.len() {
                break;
            }
        }
        Ok(done)
    }
}
