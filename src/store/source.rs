//! The files of a view, as renditions read them.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::{Disk, DiskFile};
use super::journal::Journal;
use super::reader::Reader;
use crate::format::fmp4::{self, Position};
use crate::format::index::SampleIndex;
use crate::format::{JoinSource, SourceError, TapeSource};
use crate::media::SegmentId;

/// Files and indexes kept at hand: a rendition reads one segment after the other, a few renditions at a time.
const KEPT: usize = 8;

/// The files of one view. Clones share what is open.
#[derive(Clone)]
pub struct LibrarySource {
    shared: Arc<Shared>,
}

struct Shared {
    disk: Arc<dyn Disk>,
    journal: Arc<Mutex<Journal>>,
    segments: HashMap<SegmentId, SourceFile>,
    files: Recent<Arc<dyn DiskFile>>,
    indexes: Recent<Arc<SampleIndex>>,
}

/// A segment of the view.
#[derive(Clone)]
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    /// Bytes of it that are tape; what may lie behind is not.
    pub(super) bytes: u64,
    /// Of a segment that was open when the view was made: the journal has none.
    pub(super) index: Option<Arc<SampleIndex>>,
}

impl LibrarySource {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        journal: Arc<Mutex<Journal>>,
        segments: HashMap<SegmentId, SourceFile>,
    ) -> Self {
        let shared = Shared {
            disk,
            journal,
            segments,
            files: Recent::default(),
            indexes: Recent::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    fn entry(&self, segment: SegmentId) -> Result<&SourceFile, SourceError> {
        self.shared.segments.get(&segment).ok_or_else(|| SourceError {
            segment,
            reason: "not a part of this view".to_owned(),
        })
    }
}

impl JoinSource for LibrarySource {
    /// The sources must be of one library. What they have open is not shared.
    fn join(self, others: Vec<Self>) -> Self {
        let mut segments = self.shared.segments.clone();
        for other in &others {
            // Of a segment that grew between two views the later one knows more.
            segments.extend(other.shared.segments.iter().map(|(id, file)| (*id, file.clone())));
        }
        Self::new(self.shared.disk.clone(), self.shared.journal.clone(), segments)
    }
}

impl TapeSource for LibrarySource {
    fn index(&self, segment: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        let entry = self.entry(segment)?;
        if let Some(index) = &entry.index {
            return Ok(index.clone());
        }
        self.shared.indexes.find(segment, || {
            let known = self.known_index(segment);
            // The file knows as well, and it takes longer to ask.
            let index = known.or_else(|reason| self.read_index(segment, entry).ok_or(reason));
            let index = index.map_err(|reason| SourceError { segment, reason })?;
            Ok(Arc::new(index))
        })
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let entry = self.entry(segment)?;
        let refuse = |reason: String| SourceError {
            segment,
            reason: format!("{}: {reason}", entry.path.display()),
        };
        if offset.saturating_add(buf.len() as u64) > entry.bytes {
            return Err(refuse(format!(
                "byte {offset} and {} more are not on it",
                buf.len()
            )));
        }
        let file = self.shared.files.find(segment, || {
            let file = self.shared.disk.open_read(&entry.path);
            let file: Arc<dyn DiskFile> = file.map(Arc::from).map_err(|error| refuse(error.to_string()))?;
            // From here on nobody writes over it; up to here somebody may have.
            match fmp4::read_header(&Reader(file.as_ref()), entry.bytes) {
                Ok(header) if header.identity.segment == segment => Ok(file),
                Ok(_) => Err(refuse("its room was needed for newer media".to_owned())),
                Err(error) => Err(refuse(error.to_string())),
            }
        })?;
        match file.read_at(offset, buf) {
            Ok(n) if n == buf.len() => Ok(()),
            Ok(_) => Err(refuse("shorter than the journal says".to_owned())),
            Err(error) => Err(refuse(error.to_string())),
        }
    }
}

impl LibrarySource {
    /// The index as the journal has it.
    fn known_index(&self, segment: SegmentId) -> Result<SampleIndex, String> {
        let journal = self.shared.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let blob = journal.index(segment).map_err(|error| error.to_string())?;
        let blob = blob.ok_or("the journal has no index of it")?;
        SampleIndex::decode(&blob).map_err(|error| error.to_string())
    }

    /// The index as the boxes of the file have it, if they are whole.
    fn read_index(&self, segment: SegmentId, entry: &SourceFile) -> Option<SampleIndex> {
        let file = self.shared.disk.open_read(&entry.path).ok()?;
        let reader = Reader(file.as_ref());
        let header = fmp4::read_header(&reader, entry.bytes).ok()?;
        let first = Position::first(header.len);
        let (index, end, _) = fmp4::scan_headers(&reader, entry.bytes, segment, first);
        (end.offset == entry.bytes).then_some(index)
    }
}

/// The few that were used last.
struct Recent<T>(Mutex<VecDeque<(SegmentId, T)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Recent<T> {
    /// What is kept for a segment, or what `make` makes. No lock is held meanwhile.
    fn find<E>(&self, segment: SegmentId, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = lock()
            .iter()
            .find(|(id, _)| *id == segment)
            .map(|(_, kept)| kept.clone());
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let made = make()?;
        let mut recent = lock();
        if recent.len() >= KEPT {
            recent.pop_front();
        }
        recent.push_back((segment, made.clone()));
        Ok(made)
    }
}
