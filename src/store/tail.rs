//! The segments of a stream by the numbers of their chunks.

use super::StoreError;
use super::journal::{SegmentData, SegmentState};
use super::library::Library;
use super::open_tape::OpenTape;
use super::source::LibrarySource;
use crate::format::ViewSegment;
use crate::format::chunks::TapeChunk;
use crate::format::index::SampleIndex;
use crate::media::{ChunkNumbers, StreamName};

/// A sealed segment whose chunks have numbers.
#[derive(Clone, Debug)]
pub struct NumberedSegment {
    /// The segment.
    pub segment: ViewSegment,
    /// The numbers of its chunks.
    pub numbers: ChunkNumbers,
    /// How many chunks it has.
    pub chunks: u64,
}

impl NumberedSegment {
    /// The chunks of the segment, by its sample index.
    pub fn list(&self, index: &SampleIndex) -> Vec<TapeChunk> {
        crate::format::chunks::chunks(index, self.segment.base, &self.segment.tracks, &self.numbers)
    }
}

/// The end of a stream's tape.
pub struct Tail {
    /// The sealed segments, oldest first.
    pub segments: Vec<NumberedSegment>,
    /// The chunks of the open segment that can be played. None without one, and where it was sealed meanwhile: then it is the last
    /// of the sealed ones, with all its chunks.
    pub open: Option<Vec<TapeChunk>>,
    /// The source to read them from.
    pub source: LibrarySource,
}

/// Where a chunk is.
pub enum ChunkAt {
    /// In this sealed segment.
    Sealed(Box<NumberedSegment>, LibrarySource),
    /// In a segment that is being written, or behind all chunks of it: [`Store::open_tape`](super::Store::open_tape) knows.
    Open,
    /// It was on the tape, and is not any more.
    Gone,
    /// It never was on the tape, or is not yet.
    Never,
}

impl Library {
    /// The segments of a stream's last chunks, so many that they have at least `chunks` together. It ends before a segment that
    /// cannot be played whole: footage in it was deleted, or its file is missing. A caller that also plays the open segment asks
    /// [`Store::open_tape`](super::Store::open_tape) first: a segment that is sealed meanwhile is then known to both.
    pub fn tail(
        &self,
        stream: &StreamName,
        chunks: u64,
        open: Option<&OpenTape>,
    ) -> Result<Tail, StoreError> {
        let of_open = open.map(OpenTape::chunks);
        // At least one, to see whether the open one was sealed meanwhile.
        let wanted = chunks.saturating_sub(of_open.as_ref().map_or(0, Vec::len) as u64);
        let sealed = self.sealed_tail(stream, wanted.max(u64::from(open.is_some())))?;
        let is_open = |segment| open.is_some_and(|open| open.segment.id == segment);
        if sealed.segments.iter().any(|sealed| is_open(sealed.segment.id)) {
            return self.sealed_tail(stream, chunks);
        }
        Ok(Tail {
            open: of_open,
            ..sealed
        })
    }

    fn sealed_tail(&self, stream: &StreamName, chunks: u64) -> Result<Tail, StoreError> {
        // The newest one may be open, and has no chunk for this.
        let rows = self.journal().last_numbered(stream, chunks.saturating_add(1))?;
        let rows = rows.into_iter().filter(|row| row.state != SegmentState::Open);
        let mut left = chunks;
        let wanted = rows.take_while(|row| {
            let wanted = left > 0 && is_whole(row);
            left = left.saturating_sub(row.chunks.unwrap_or(0));
            wanted
        });
        let mut rows: Vec<SegmentData> = wanted.collect();
        rows.reverse();
        Ok(self.numbered(rows))
    }

    /// The sealed segment that holds a chunk of a stream.
    pub fn chunk_at(&self, stream: &StreamName, number: u64) -> Result<ChunkAt, StoreError> {
        let journal = self.journal();
        let (next, row, later) = journal.snapshot(|| {
            let row = journal.numbered_at(stream, number)?;
            let later = journal.numbered_after(stream, number)?;
            Ok((journal.next_segment(stream)?.numbered.next, row, later))
        })?;
        drop(journal);
        let Some(row) = row else {
            return Ok(if number < next {
                ChunkAt::Gone
            } else {
                ChunkAt::Never
            });
        };
        if row.state == SegmentState::Open {
            return Ok(ChunkAt::Open);
        }
        let behind = end_of(&row);
        if number >= behind {
            let skipped = |row: &SegmentData| row.numbers.unwrap_or_default().skipped;
            let missing = later.map(|later| {
                let first = later.numbers.unwrap_or_default().chunk;
                first
                    .saturating_sub(behind)
                    .saturating_sub(skipped(&later).saturating_sub(skipped(&row)))
            });
            return Ok(match missing {
                Some(1..) => ChunkAt::Gone,
                None if number < next => ChunkAt::Gone,
                Some(0) | None => ChunkAt::Never,
            });
        }
        if !is_whole(&row) {
            return Ok(ChunkAt::Gone);
        }
        let Tail { segments, source, .. } = self.numbered(vec![row]);
        let found = segments.into_iter().next();
        Ok(found.map_or(ChunkAt::Gone, |segment| {
            ChunkAt::Sealed(Box::new(segment), source)
        }))
    }

    /// The source to read an open segment from.
    pub fn open_source(&self, tape: &OpenTape) -> LibrarySource {
        self.source_of_open(tape.segment.id, tape.path.clone(), tape.index())
    }

    fn numbered(&self, rows: Vec<SegmentData>) -> Tail {
        let known: Vec<(ChunkNumbers, u64)> = rows
            .iter()
            .map(|row| (row.numbers.unwrap_or_default(), row.chunks.unwrap_or(0)))
            .collect();
        let view = self.view_of(rows, false);
        let segments = view.segments.into_iter().zip(known);
        let segments = segments.map(|(segment, (numbers, chunks))| NumberedSegment {
            segment,
            numbers,
            chunks,
        });
        Tail {
            segments: segments.collect(),
            open: None,
            source: view.source,
        }
    }
}

fn end_of(row: &SegmentData) -> u64 {
    let first = row.numbers.unwrap_or_default().chunk;
    first.saturating_add(row.chunks.unwrap_or(0))
}

/// True for a segment of which every chunk can be played.
fn is_whole(row: &SegmentData) -> bool {
    row.state == SegmentState::Sealed && row.cuts == 0
}
