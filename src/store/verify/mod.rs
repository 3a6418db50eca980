//! Verifies the tape: every checksum, every row against its file, every file against the rows.
//!
//! Verifying works beside a running service. A segment that is sealed, evicted or begun meanwhile is not a finding, because its
//! row is read once more before the segment is reported. Files are read in pieces; memory never holds a whole file.
//!
//! | module | what it is |
//! |---|---|
//! | `segment` | one sealed segment against its row |
//! | `sidecar` | the files with what people set of recordings, against the journal |
//! | `repair` | what `--repair` does beyond what every start does |

mod repair;
mod segment;
mod sidecar;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

pub use repair::repair;
#[cfg(test)]
pub(super) use repair::repair_on;

use self::segment::{Found, Trouble};
use super::deleted::{self, Part};
use super::disk::Disk;
use super::journal::{Journal, SegmentData, SegmentState};
use super::reader::Reader;
use super::{StoreError, paths, recover};
use crate::event::rfc3339;
use crate::format::fmp4;
use crate::media::{Micros, RecordingId, SegmentId};

/// Most names of files in `lost+found` that are listed; the others are counted.
const NAMES: usize = 100;

/// A fault that the check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// The segment by the file's row; `None` for a file without a row.
    pub segment: Option<SegmentId>,
    /// The damaged fragment, if the fault is in one.
    pub fragment: Option<FragmentAt>,
    /// The fault, in words.
    pub what: String,
    /// The recordings that the segment belongs to.
    pub recordings: Vec<RecordingId>,
}

/// The position of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentAt {
    /// Its number in the file, from 1.
    pub number: u32,
    /// The byte of the file at which it begins.
    pub offset: u64,
    /// UTC of its first sample.
    pub start: Micros,
    /// The duration of its media; 0 when it is unknown.
    pub duration: Micros,
}

/// A report to the caller while the tape is read.
#[derive(Debug)]
pub enum Step<'a> {
    /// The bytes that were read so far.
    Progress {
        /// Bytes read.
        done: u64,
        /// Bytes of all sealed segments.
        total: u64,
    },
    /// A fault that stays.
    Found(&'a Finding),
    /// A repair that was made, in words.
    Done(&'a str),
}

/// The totals of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Sealed segments.
    pub segments: u64,
    /// Bytes of these segments.
    pub bytes: u64,
    /// Fragments of these segments.
    pub fragments: u64,
    /// Segments that are being written, or were when the power went: they are not judged.
    pub open: u64,
    /// Number of findings.
    pub findings: u64,
    /// The first names of files in `lost+found`.
    pub lost_found: Vec<PathBuf>,
    /// Number of files in `lost+found`.
    pub lost_found_count: u64,
    /// Journals that were set aside.
    pub journals_set_aside: Vec<PathBuf>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        if let Some(fragment) = &self.fragment {
            write!(
                f,
                "fragment {} (byte {}, {}, {:.1} s): ",
                fragment.number,
                fragment.offset,
                rfc3339(fragment.start),
                fragment.duration as f64 / 1e6
            )?;
        }
        f.write_str(&self.what)?;
        for (n, recording) in self.recordings.iter().enumerate() {
            let before = if n == 0 { "; in recording" } else { "," };
            write!(f, "{before} {recording}")?;
        }
        Ok(())
    }
}

/// Checks a whole store.
pub(super) fn check_store(
    dir: &Path,
    disk: &dyn Disk,
    journal: &Journal,
    watch: &mut dyn FnMut(Step<'_>),
) -> Result<Checked, StoreError> {
    journal.check_all()?;
    let segments = journal.segments()?;
    let mut check = Check {
        dir,
        disk,
        journal,
        watch,
        total: bytes_of(&segments),
        checked: Checked::default(),
    };
    check.begin();
    for row in &segments {
        let found = check.segment(row)?;
        check.tell(row, found.troubles)?;
    }
    check.strangers()?;
    check.sidecars()?;
    check.left()?;
    Ok(check.checked)
}

/// The bytes of all sealed segments.
fn bytes_of(segments: &[SegmentData]) -> u64 {
    let sealed = segments.iter().filter(|row| row.state == SegmentState::Sealed);
    sealed.map(|row| row.bytes).sum()
}

struct Check<'a> {
    dir: &'a Path,
    disk: &'a dyn Disk,
    journal: &'a Journal,
    watch: &'a mut dyn FnMut(Step<'_>),
    checked: Checked,
    total: u64,
}

impl Check<'_> {
    fn begin(&mut self) {
        let total = self.total;
        (self.watch)(Step::Progress { done: 0, total });
    }

    /// Checks one segment, and reports its faults.
    fn segment(&mut self, row: &SegmentData) -> Result<Found, StoreError> {
        match row.state {
            SegmentState::Open => {
                self.checked.open += 1;
                Ok(Found::default())
            }
            SegmentState::Missing => Ok(Found::gone()),
            // The media of this segment was given up.
            SegmentState::Spare | SegmentState::Wipe => Ok(Found::default()),
            SegmentState::Sealed => {
                let path = paths::segment(self.dir, &row.stream, row.sequence);
                let samples = self.journal.index(row.id)?;
                let (total, before) = (self.total, self.checked.bytes);
                let watch = &mut *self.watch;
                let mut progress = |bytes: u64| {
                    let done = before.saturating_add(bytes);
                    watch(Step::Progress { done, total });
                };
                let mut found = segment::check(self.disk, &path, row, samples.as_deref(), &mut progress);
                if found.troubles.is_empty()
                    && let Some(samples) = &samples
                    && let Some(trouble) = segment::check_lists(self.journal, row, samples)
                {
                    found.troubles.push(trouble);
                }
                // The list of unfinished overwriting is read before the file: the writer may finish it meanwhile.
                if row.cuts > 0
                    && found.troubles.is_empty()
                    && self
                        .journal
                        .blanks()?
                        .iter()
                        .all(|blank| blank.blocks.id != row.id)
                    && !recover::is_blank(self.disk, &path, (row.id, row.bytes), samples.as_deref())
                {
                    found.troubles.push(Trouble::deleted());
                }
                self.checked.segments += 1;
                self.checked.fragments += found.fragments;
                self.checked.bytes = before.saturating_add(row.bytes);
                progress(row.bytes);
                Ok(found)
            }
        }
    }

    /// Reports the faults of a segment, unless it changed after it was read.
    fn tell(&mut self, row: &SegmentData, troubles: Vec<Trouble>) -> Result<(), StoreError> {
        if troubles.is_empty() || !self.is_still(row)? {
            return Ok(());
        }
        let recordings = self.journal.recordings_with(row)?;
        for trouble in troubles {
            self.found(Finding {
                path: paths::segment(self.dir, &row.stream, row.sequence),
                segment: Some(row.id),
                fragment: trouble.fragment,
                what: trouble.what,
                recordings: recordings.clone(),
            });
        }
        Ok(())
    }

    fn is_still(&self, row: &SegmentData) -> Result<bool, StoreError> {
        let now = self.journal.segment(row.id)?;
        let of = |row: &SegmentData| (row.state, row.bytes, row.crc, row.cuts);
        Ok(now.is_some_and(|now| of(&now) == of(row)))
    }

    fn found(&mut self, finding: Finding) {
        self.checked.findings += 1;
        (self.watch)(Step::Found(&finding));
    }

    /// Reports files that have no row.
    fn strangers(&mut self) -> Result<(), StoreError> {
        let tape = paths::tape(self.dir);
        let mut deleted = None;
        for stream in self.list(&tape)? {
            let path = tape.join(&stream.name);
            if !stream.is_dir {
                self.stranger(path, "does not belong here");
                continue;
            }
            let files = match self.disk.list(&path) {
                Ok(files) => files,
                Err(error) => {
                    self.stranger(path, &format!("cannot be listed: {error}"));
                    continue;
                }
            };
            // A row is older than its file. So the row of each listed file, if there is one, is in this query.
            let rows = self.journal.files()?;
            let names: HashSet<OsString> = rows
                .into_iter()
                .filter(|(_, name, _, _)| *name.to_component() == *stream.name)
                .map(|(_, _, sequence, _)| paths::file(sequence).into())
                .collect();
            for file in files.into_iter().filter(|file| !names.contains(&file.name)) {
                // The segment was evicted since it was listed, with its row.
                let still = self.disk.list(&path).unwrap_or_default().contains(&file);
                match (still, file.is_dir) {
                    (false, _) => {}
                    (true, true) => self.stranger(path.join(&file.name), "does not belong here"),
                    (true, false) => {
                        let path = path.join(&file.name);
                        let what = if self.was_deleted(&path, &mut deleted) {
                            "was deleted on request, and is there again"
                        } else {
                            "has no row"
                        };
                        self.stranger(path, what);
                    }
                }
            }
        }
        Ok(())
    }

    /// True for a file that, by the list of deleted media, was deleted whole.
    fn was_deleted(&self, path: &Path, list: &mut Option<HashMap<SegmentId, Vec<Part>>>) -> bool {
        let file = self.disk.open_read(path).ok();
        let header = file.and_then(|file| {
            let size = file.size().ok()?;
            fmp4::read_header(&Reader(file.as_ref()), size).ok()
        });
        let Some(header) = header else { return false };
        let list = list.get_or_insert_with(|| {
            let ids = deleted::ids(self.disk, self.dir);
            let parts = ids.and_then(|ids| deleted::all_parts(self.disk, self.dir, &ids));
            // The next start reports a list that cannot be read.
            parts.unwrap_or_default()
        });
        let parts = list.get(&header.identity.segment);
        parts.is_some_and(|parts| parts.iter().any(Part::is_whole))
    }

    fn stranger(&mut self, path: PathBuf, what: &str) {
        self.found(Finding {
            path,
            segment: None,
            fragment: None,
            what: format!(
                "{what}; the next start of the service, or `edgereel verify --repair`, repairs this"
            ),
            recordings: Vec::new(),
        });
    }

    /// Lists the files that earlier repairs left for a person to examine.
    fn left(&mut self) -> Result<(), StoreError> {
        self.checked.journals_set_aside = recover::folders(self.dir)?;
        let dir = paths::lost_found(self.dir);
        // The folder may belong to root: then it contains nothing of edgereel.
        let mut entries = self.disk.list(&dir).unwrap_or_default();
        entries.sort_unstable();
        self.checked.lost_found_count = entries.len() as u64;
        let names = entries.into_iter().take(NAMES);
        self.checked.lost_found = names.map(|entry| dir.join(entry.name)).collect();
        Ok(())
    }

    fn list(&self, dir: &Path) -> Result<Vec<super::Entry>, StoreError> {
        let mut entries = self.disk.list(dir).map_err(StoreError::disk("list", dir))?;
        entries.sort_unstable();
        Ok(entries)
    }
}
