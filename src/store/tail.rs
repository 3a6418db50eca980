//! The segment of a stream that has a chunk.

use super::StoreError;
use super::journal::{SegmentData, SegmentState};
use super::library::Library;
use super::open_tape::OpenTape;
use super::source::LibrarySource;
use crate::format::ViewSegment;
use crate::format::chunks::TapeChunk;
use crate::format::index::SampleIndex;
use crate::media::{ChunkNumbers, StreamName, Tracks};

/// A sealed segment whose chunks have numbers.
#[derive(Clone, Debug)]
pub struct NumberedSegment {
    /// The segment.
    pub segment: ViewSegment,
    /// The numbers of its chunks.
    pub numbers: ChunkNumbers,
}

impl NumberedSegment {
    /// The chunks of the segment, by its sample index.
    pub fn list(&self, index: &SampleIndex) -> Vec<TapeChunk> {
        crate::format::chunks::chunks(index, self.segment.base, &self.segment.tracks, &self.numbers)
    }
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
        let numbers = row.numbers.unwrap_or_default();
        let view = self.view_of(vec![row], false);
        let segment = view.segments.into_iter().next();
        Ok(segment.map_or(ChunkAt::Gone, |segment| {
            let numbered = NumberedSegment { segment, numbers };
            ChunkAt::Sealed(Box::new(numbered), view.source)
        }))
    }

    /// The newest tracks that decode chunks of a stream that are on the tape, of which `is_wanted` gives true. It looks at segments from
    /// the newest one back, as far as it must.
    pub fn newest_tracks(
        &self,
        stream: &StreamName,
        is_wanted: impl Fn(&Tracks) -> bool,
    ) -> Result<Option<Tracks>, StoreError> {
        self.journal().newest_tracks(stream, is_wanted)
    }

    /// The source to read an open segment from.
    pub fn open_source(&self, tape: &OpenTape) -> LibrarySource {
        self.source_of_open(tape.segment.id, tape.path.clone(), tape.index())
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
