//! The chunks of a stream, as playlists tell them, out of the journal.
//!
//! What a caller can rely on: [`Library::listed`] hands over the segments of a stream that share a moment with a range of UTC, in
//! the order of the tape, one after the other, and no segment twice. Each has all its chunks, also those outside of the range, with
//! the numbers, lengths and bytes that `ChunkFile` gives them, and each of these chunks is found by [`Library::chunk_at`] while its
//! segment is there. A segment that cannot be played whole is left out: its numbers are missing between its neighbours'. Of the open
//! segment, the chunks that are complete and durable come last. No file is opened and no sample index read for a segment that this
//! release sealed; the index of a segment of an earlier release is read from the journal, which takes some milliseconds a segment. In
//! memory are at most 256 segments at a time, whose lists take some hundred bytes each. No lock is held while `each` runs, so
//! `each` may ask the library. [`Library::last_listed`] is the same for the last chunks of a stream.

use std::ops::ControlFlow;
use std::sync::{Arc, Once};

use super::StoreError;
use super::journal::{After, List, ListedRow, SegmentState};
use super::library::Library;
use super::open_tape::OpenTape;
use crate::format::TapeSource as _;
use crate::format::chunks::ChunkList;
use crate::format::hls::live::ChunkFacts;
use crate::media::{ChunkNumbers, Micros, SegmentId, StreamName, Tracks};

/// How many segments are read from the journal at once.
const PAGE: usize = if cfg!(test) { 3 } else { 256 };

/// A segment with its chunks.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedSegment {
    /// The segment.
    pub id: SegmentId,
    /// The numbers of its chunks.
    pub numbers: ChunkNumbers,
    /// The tracks that decode its chunks. Segments that follow each other mostly share them.
    pub tracks: Arc<Tracks>,
    /// Tape time of the media time zero of the segment's publish.
    pub publish_zero: Micros,
    /// UTC of the same moment, as well as the box knows it.
    pub publish_zero_utc: Micros,
    /// The chunks, in order. Their beginnings are tape times.
    pub chunks: Vec<ChunkFacts>,
    /// The target duration of the publish in seconds, if it is known at the end of the segment.
    pub target_s: Option<u16>,
}

impl ListedSegment {
    pub(super) fn new(
        (id, numbers): (SegmentId, ChunkNumbers),
        tracks: Arc<Tracks>,
        zero: (Micros, Micros),
        list: ChunkList,
    ) -> Self {
        let mut chunks = list.chunks;
        for chunk in &mut chunks {
            chunk.start = chunk.start.saturating_add(zero.0);
        }
        Self {
            id,
            numbers,
            tracks,
            publish_zero: zero.0,
            publish_zero_utc: zero.1,
            chunks,
            target_s: list.target_s,
        }
    }

    /// The part of an open segment that can be played.
    fn of_open(open: &OpenTape) -> Self {
        let segment = &open.segment;
        let zero = (segment.publish_zero, segment.publish_zero_utc);
        let tracks = Arc::new(segment.tracks.clone());
        Self::new((segment.id, open.numbers), tracks, zero, open.list().clone())
    }

    /// Each chunk with its number, and whether it begins with a discontinuity.
    pub fn numbered(&self) -> impl DoubleEndedIterator<Item = (u64, bool, &ChunkFacts)> + ExactSizeIterator {
        let first = self.numbers;
        self.chunks.iter().enumerate().map(move |(at, facts)| {
            let number = first.chunk.saturating_add(at as u64);
            (number, at == 0 && first.breaks, facts)
        })
    }

    /// UTC of a tape time of the segment.
    pub fn utc(&self, tape: Micros) -> Micros {
        self.publish_zero_utc
            .saturating_add(tape.saturating_sub(self.publish_zero))
    }

    /// True when a chunk shares a moment with a range of UTC.
    fn lies_between(&self, from: Micros, to: Micros) -> bool {
        self.chunks.iter().any(|chunk| {
            let begins = self.utc(chunk.start);
            begins < to && begins.saturating_add_unsigned(chunk.duration_us) > from
        })
    }
}

impl Library {
    /// Hands over the segments of a stream between two moments (UTC) with their chunks, until `each` breaks off. A caller that
    /// wants the open segment, too, asks [`Store::open_tape`](super::Store::open_tape) first: a segment that is sealed meanwhile
    /// is handed over once, with all its chunks.
    pub fn listed(
        &self,
        stream: &StreamName,
        (from, to): (Micros, Micros),
        open: Option<&OpenTape>,
        mut each: impl FnMut(ListedSegment) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let within = self.journal().window(from, to)?;
        let mut after = After::NOTHING;
        loop {
            let journal = self.journal();
            let (page, still_open) = journal.snapshot(|| {
                let page = journal.listed_between(stream, (from, to), within, (after, PAGE))?;
                let state = open.map(|open| journal.state_of(open.segment.id)).transpose()?;
                Ok((page, state.flatten() == Some(SegmentState::Open)))
            })?;
            drop(journal);
            let (rows, last) = page;
            let is_last = rows.len() < PAGE;
            for row in rows {
                if let Some(listed) = self.of_row(row)?
                    && each(listed).is_break()
                {
                    return Ok(());
                }
            }
            if is_last {
                let open = open.filter(|_| still_open).map(ListedSegment::of_open);
                if let Some(listed) = open.filter(|listed| listed.lies_between(from, to)) {
                    let _ = each(listed);
                }
                return Ok(());
            }
            after = last;
        }
    }

    /// The segments of a stream's last chunks, oldest first, so many that they have at least `chunks` together. It ends before a
    /// segment that cannot be played whole: footage in it was deleted, or its file is missing. For the open segment holds what
    /// holds for [`listed`](Self::listed).
    pub fn last_listed(
        &self,
        stream: &StreamName,
        chunks: usize,
        open: Option<&OpenTape>,
    ) -> Result<Vec<ListedSegment>, StoreError> {
        let of_row = |row: &ListedRow| match row.state {
            SegmentState::Open => open
                .filter(|open| open.segment.id == row.id)
                .map_or(0, |open| open.list().chunks.len() as u64),
            _ => row.chunks,
        };
        let is_whole = |row: &ListedRow| match row.state {
            SegmentState::Open => true,
            state => state == SegmentState::Sealed && row.cuts == 0,
        };
        let wanted = chunks as u64;
        let takes = |rows: &[ListedRow], row: &ListedRow| {
            rows.iter().map(of_row).sum::<u64>() < wanted && is_whole(row)
        };
        // Every segment has a chunk, but for the open one.
        let most = wanted.saturating_add(1);
        let rows = self.journal().last_listed(stream, most, takes)?;
        let mut listed = Vec::with_capacity(rows.len());
        for row in rows {
            let of_row = match (row.state, open) {
                (SegmentState::Open, Some(open)) if open.segment.id == row.id => {
                    Some(ListedSegment::of_open(open))
                }
                (SegmentState::Open, _) => continue,
                _ => self.of_row(row)?,
            };
            // What was evicted meanwhile is the oldest.
            let Some(of_row) = of_row else { break };
            listed.push(of_row);
        }
        listed.reverse();
        Ok(listed)
    }

    /// The chunks of a sealed segment; `None` where it can be played no more.
    fn of_row(&self, row: ListedRow) -> Result<Option<ListedSegment>, StoreError> {
        let list = match row.list {
            List::Known(list) => Some(list),
            List::None => self.list_by_index(row.id)?,
            List::Bad => {
                static SAID: Once = Once::new();
                SAID.call_once(|| {
                    tracing::warn!(
                        segment = %row.id,
                        "the journal's list of the chunks of a segment is damaged: chunks are listed by the sample index, \
                         which takes longer"
                    );
                });
                self.list_by_index(row.id)?
            }
        };
        Ok(list.map(|list| ListedSegment::new((row.id, row.numbers), row.tracks, row.zero, list)))
    }

    /// The chunks of a sealed segment by its sample index, where that can be read.
    fn list_by_index(&self, id: SegmentId) -> Result<Option<ChunkList>, StoreError> {
        let row = self.journal().segment(id)?;
        let Some(row) = row.filter(|row| row.state == SegmentState::Sealed && row.cuts == 0) else {
            return Ok(None);
        };
        let Some(numbers) = row.numbers else {
            return Ok(None);
        };
        let (base, tracks) = (row.base, row.tracks.clone());
        let index = self.view_of(vec![row], false).source.index(id);
        Ok(index
            .ok()
            .map(|index| ChunkList::of(&index, base, &tracks, &numbers)))
    }
}
