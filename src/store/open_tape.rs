//! The open segment of each stream, as far as it is durable, for readers of this process: they scan no file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::format::ViewSegment;
use crate::format::chunks::{ChunkList, TapeChunk, chunks};
use crate::format::index::{FragmentIndex, SampleIndex};
use crate::media::{ChunkNumbers, SegmentId, StreamName};

/// A segment that is being written, as far as it was durable at the last tick.
#[derive(Debug)]
pub struct OpenTape {
    /// The segment. It has no end.
    pub segment: ViewSegment,
    /// The segment's number in its stream.
    pub sequence: u64,
    /// The numbers of its chunks.
    pub numbers: ChunkNumbers,
    pub(super) path: PathBuf,
    fragments: Vec<Arc<FragmentIndex>>,
    /// Made when somebody asks for it.
    index: OnceLock<Arc<SampleIndex>>,
    list: OnceLock<ChunkList>,
}

impl OpenTape {
    pub(super) fn new(
        segment: ViewSegment,
        sequence: u64,
        numbers: ChunkNumbers,
        path: PathBuf,
        fragments: Vec<Arc<FragmentIndex>>,
    ) -> Self {
        Self {
            segment,
            sequence,
            numbers,
            path,
            fragments,
            index: OnceLock::new(),
            list: OnceLock::new(),
        }
    }

    /// Where the durable samples are.
    pub fn index(&self) -> Arc<SampleIndex> {
        let make = || {
            let fragments = self.fragments.iter().map(|fragment| (**fragment).clone());
            Arc::new(SampleIndex {
                fragments: fragments.collect(),
            })
        };
        self.index.get_or_init(make).clone()
    }

    /// The chunks that are complete and durable: a durable chunk follows each of them.
    pub fn chunks(&self) -> Vec<TapeChunk> {
        let (base, tracks) = (self.segment.base, &self.segment.tracks);
        let mut chunks = chunks(&self.index(), base, tracks, &self.numbers);
        chunks.pop();
        chunks
    }

    /// What playlists say of the same chunks.
    pub(super) fn list(&self) -> &ChunkList {
        self.list.get_or_init(|| {
            let (base, tracks) = (self.segment.base, &self.segment.tracks);
            let mut list = ChunkList::of(&self.index(), base, tracks, &self.numbers);
            list.chunks.pop();
            list
        })
    }
}

/// The open segments of all streams. Clones share them. No lock is held during I/O.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenTapes {
    shared: Arc<Mutex<HashMap<StreamName, Arc<OpenTape>>>>,
}

impl OpenTapes {
    /// The open segment of a stream.
    pub(super) fn of(&self, stream: &StreamName) -> Option<Arc<OpenTape>> {
        self.lock().get(stream).cloned()
    }

    /// Says how far a stream's open segment is durable.
    pub(super) fn publish(&self, stream: StreamName, tape: OpenTape) {
        self.lock().insert(stream, Arc::new(tape));
    }

    /// Takes a segment back that the journal calls sealed.
    pub(super) fn take_back(&self, stream: &StreamName, segment: SegmentId) {
        let mut all = self.lock();
        if all.get(stream).is_some_and(|tape| tape.segment.id == segment) {
            all.remove(stream);
        }
    }

    /// Takes all back: the store is away.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamName, Arc<OpenTape>>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
