//! The files of a view, in the form that virtual files read.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::disk::{Disk, DiskFile};
use super::journal::Journal;
use super::reader::Reader;
use crate::format::fmp4::{self, Position};
use crate::format::index::{FragmentIndex, FragmentList, Sample, SampleIndex};
use crate::format::{JoinSource, SourceError, TapeSource};
use crate::media::SegmentId;

/// Number of files and indexes that are kept open: a virtual file reads one segment after the other, and a few are read at a
/// time.
const KEPT: usize = 8;

/// Lists of fragments are read together with those of so many segments before and behind: a layout goes through all of them, once
/// forwards and once backwards.
const AROUND: u32 = 32;

/// Attempts to open a file, and the time between two of them.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(5);

/// The files of one view. Clones share the open files.
#[derive(Clone)]
pub struct LibrarySource {
    shared: Arc<Shared>,
}

struct Shared {
    disk: Arc<dyn Disk>,
    journal: Arc<Mutex<Journal>>,
    segments: Arc<HashMap<SegmentId, SourceFile>>,
    files: Recent<Arc<Opened>>,
    /// Nothing is read any more.
    over: AtomicBool,
    indexes: Arc<Recent<Arc<SampleIndex>>>,
    lists: Arc<Recent<Arc<FragmentList>>>,
    /// The encoded lists that were read together last; nothing for segments without one.
    encoded: Arc<Mutex<HashMap<SegmentId, Option<Vec<u8>>>>>,
}

struct Opened {
    file: Box<dyn DiskFile>,
    /// The parts of the file that may be read, when some were deleted after the view was made.
    parts: Option<Vec<Range<u64>>>,
}

/// A segment of the view.
#[derive(Clone)]
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    /// Bytes of the file that are tape. Bytes behind them are not.
    pub(super) bytes: u64,
    /// The index of a segment that was open when the view was made: the journal has none.
    pub(super) index: Option<Arc<SampleIndex>>,
    /// How often footage within it had been deleted when the view was made.
    pub(super) cuts: i64,
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
            segments: Arc::new(segments),
            files: Recent::default(),
            over: AtomicBool::new(false),
            indexes: Arc::default(),
            lists: Arc::default(),
            encoded: Arc::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A source of the same segments that shares no open file with this one. It lets them go when it is dropped. What is known of
    /// the segments is shared: each reader alone would read it again, and keep it.
    pub fn renewed(&self) -> Self {
        let shared = &self.shared;
        Self {
            shared: Arc::new(Shared {
                disk: shared.disk.clone(),
                journal: shared.journal.clone(),
                segments: shared.segments.clone(),
                files: Recent::default(),
                over: AtomicBool::new(false),
                indexes: shared.indexes.clone(),
                lists: shared.lists.clone(),
                encoded: shared.encoded.clone(),
            }),
        }
    }

    /// About how many bytes of memory the indexes take that only this source has.
    pub fn weight(&self) -> usize {
        let made = self
            .shared
            .segments
            .values()
            .filter_map(|file| file.index.as_ref());
        let samples = made.flat_map(|index| &index.fragments);
        samples
            .map(|of| {
                let count = of.video.samples.len().saturating_add(of.audio.samples.len());
                size_of::<FragmentIndex>().saturating_add(count.saturating_mul(size_of::<Sample>()))
            })
            .fold(0, usize::saturating_add)
    }

    /// Opens the file of a segment, if it is still there. What is read of it is there until this source lets it go.
    pub fn hold(&self, segment: SegmentId) -> Result<(), SourceError> {
        self.open(segment, self.entry(segment)?).map(|_| ())
    }

    /// The files that the store has given up and that stay on the medium because this source has them open, with the bytes that
    /// each takes. A file that cannot be asked counts as none.
    pub fn held(&self) -> Vec<(SegmentId, u64)> {
        let open = self.shared.files.all();
        let held = open
            .into_iter()
            .map(|(segment, opened)| (segment, opened.file.held().unwrap_or(0)));
        held.filter(|(_, bytes)| *bytes > 0).collect()
    }

    /// Closes the files. What is read from now on fails.
    pub fn let_go(&self) {
        self.shared.over.store(true, Ordering::Release);
        self.shared.files.clear();
    }

    fn open(&self, segment: SegmentId, entry: &SourceFile) -> Result<Arc<Opened>, SourceError> {
        let refuse = |reason| refused(segment, entry, reason);
        self.shared.files.find(segment, || {
            let file = open_patiently(self.shared.disk.as_ref(), &entry.path);
            let file = file.map_err(|error| refuse(error.to_string()))?;
            // From here on the file is not overwritten; up to here it may have been.
            match fmp4::read_header(&Reader(file.as_ref()), entry.bytes) {
                Ok(header) if header.identity.segment == segment => {}
                Ok(_) => return Err(refuse("its space was needed for newer media".to_owned())),
                Err(error) => return Err(refuse(error.to_string())),
            }
            let parts = self.parts_left(segment, entry).map_err(refuse)?;
            Ok(Arc::new(Opened { file, parts }))
        })
    }

    fn entry(&self, segment: SegmentId) -> Result<&SourceFile, SourceError> {
        self.shared.segments.get(&segment).ok_or_else(|| SourceError {
            segment,
            reason: "not a part of this view".to_owned(),
        })
    }
}

fn refused(segment: SegmentId, entry: &SourceFile, reason: String) -> SourceError {
    SourceError {
        segment,
        reason: format!("{}: {reason}", entry.path.display()),
    }
}

impl JoinSource for LibrarySource {
    /// Joins sources of one library. Their open files are not shared.
    fn join(self, others: Vec<Self>) -> Self {
        let mut segments = HashMap::clone(&self.shared.segments);
        for other in &others {
            // If a segment grew between two views, the later view knows more of it.
            segments.extend(other.shared.segments.iter().map(|(id, file)| (*id, file.clone())));
        }
        Self::new(self.shared.disk.clone(), self.shared.journal.clone(), segments)
    }

    fn with_indexes(self, indexes: HashMap<SegmentId, Arc<SampleIndex>>) -> Self {
        let mut segments = HashMap::clone(&self.shared.segments);
        for (id, index) in indexes {
            if let Some(file) = segments.get_mut(&id) {
                file.index = Some(index);
            }
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
            let index = self.known_index(segment, entry);
            let index = index.map_err(|reason| SourceError { segment, reason })?;
            Ok(Arc::new(index))
        })
    }

    fn read_exact_at(&self, segment: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let entry = self.entry(segment)?;
        let refuse = |reason| refused(segment, entry, reason);
        if offset.saturating_add(buf.len() as u64) > entry.bytes {
            return Err(refuse(format!(
                "byte {offset} and {} more are not on it",
                buf.len()
            )));
        }
        let opened = self.open(segment, entry)?;
        let end = offset.saturating_add(buf.len() as u64);
        let within = |part: &Range<u64>| part.start <= offset && end <= part.end;
        if opened
            .parts
            .as_ref()
            .is_some_and(|parts| !parts.iter().any(within))
        {
            return Err(refuse("it was deleted meanwhile".to_owned()));
        }
        if self.shared.over.load(Ordering::Acquire) {
            // It may have been opened while the others were closed.
            self.shared.files.clear();
            return Err(refuse("it was given up, and its space is needed".to_owned()));
        }
        match opened.file.read_at(offset, buf) {
            Ok(n) if n == buf.len() => Ok(()),
            Ok(_) => Err(refuse("shorter than the journal says".to_owned())),
            Err(error) => Err(refuse(error.to_string())),
        }
    }

    fn fragments(&self, segment: SegmentId) -> Option<Arc<FragmentList>> {
        let entry = self.entry(segment).ok()?;
        if entry.index.is_some() || entry.cuts > 0 {
            return None;
        }
        let list = self.shared.lists.find(segment, || {
            let list = self.known_list(segment, entry);
            list.map(Arc::new).ok_or(())
        });
        list.ok()
    }
}

impl LibrarySource {
    /// The list of the fragments from the journal, if it has a good one of all that is on the file.
    fn known_list(&self, segment: SegmentId, entry: &SourceFile) -> Option<FragmentList> {
        let mut encoded = self.shared.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        if !encoded.contains_key(&segment) {
            let journal = self.shared.journal.lock().unwrap_or_else(PoisonError::into_inner);
            let lists = journal.fragment_lists(segment, AROUND).ok()?;
            *encoded = lists.into_iter().collect();
        }
        let list = FragmentList::decode(encoded.get(&segment)?.as_ref()?)?;
        (list.end() == entry.bytes).then_some(list)
    }

    /// The index from the journal; where the journal has none, from the file, which takes longer.
    fn known_index(&self, segment: SegmentId, entry: &SourceFile) -> Result<SampleIndex, String> {
        let known = match self.row(segment) {
            // Samples are counted by the index of the view.
            Ok((_, Some(cuts))) if cuts != entry.cuts => {
                return Err("a part of it was deleted meanwhile; try again".to_owned());
            }
            Ok((Some(blob), _)) => SampleIndex::decode(&blob).map_err(|error| error.to_string()),
            Ok((None, _)) => Err("the journal has no index of it".to_owned()),
            Err(reason) => Err(reason),
        };
        // The deleted media may still be in the file.
        let is_whole = entry.cuts == 0;
        known.or_else(|reason| {
            let read = is_whole.then(|| self.read_index(segment, entry)).flatten();
            read.ok_or(reason)
        })
    }

    /// The present index in the journal, and how often footage was deleted from it.
    fn row(&self, segment: SegmentId) -> Result<(Option<Vec<u8>>, Option<i64>), String> {
        let journal = self.shared.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.index_and_cuts(segment).map_err(|error| error.to_string())
    }

    /// The parts of a file that may be read, if parts were deleted since the view was made.
    fn parts_left(&self, segment: SegmentId, entry: &SourceFile) -> Result<Option<Vec<Range<u64>>>, String> {
        let (blob, cuts) = self.row(segment)?;
        if cuts.is_none_or(|cuts| cuts == entry.cuts) {
            return Ok(None);
        }
        let index = blob.and_then(|blob| SampleIndex::decode(&blob).ok());
        let fragments = index.map(|index| index.fragments).unwrap_or_default();
        Ok(Some(
            fragments
                .iter()
                .map(|fragment| fragment.offset..fragment.end())
                .collect(),
        ))
    }

    /// The index made from the boxes of the file, if they are whole.
    fn read_index(&self, segment: SegmentId, entry: &SourceFile) -> Option<SampleIndex> {
        let file = self.shared.disk.open_read(&entry.path).ok()?;
        let reader = Reader(file.as_ref());
        let header = fmp4::read_header(&reader, entry.bytes).ok()?;
        let first = Position::first(header.len);
        let (index, end, _) = fmp4::scan_headers(&reader, entry.bytes, segment, first);
        (end.offset == entry.bytes).then_some(index)
    }
}

/// Opens a file to read it. Opening fails for a moment while the writer checks whether the file is being read.
fn open_patiently(disk: &dyn Disk, path: &Path) -> io::Result<Box<dyn DiskFile>> {
    for _ in 0..TRIES {
        match disk.open_read(path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(BETWEEN),
            other => return other,
        }
    }
    disk.open_read(path)
}

/// The few values that were used last.
struct Recent<T>(Mutex<VecDeque<(SegmentId, T)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Recent<T> {
    fn all(&self) -> Vec<(SegmentId, T)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The value that is kept for a segment, or the value that `make` makes. No lock is held meanwhile.
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
