//! `verify --repair`: the work of every start, and then the work that a start has no time for.
//!
//! Readable media is never deleted. A damaged fragment stays where it is: footage with a flipped bit is still footage. Each
//! change is one transaction, with the event that reports it. The next run continues a run that crashed, and a run after a
//! complete run changes nothing.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::segment::{Found, Kind, index_of};
use super::{Check, Checked, Step};
use crate::event::Event;
use crate::format::chunks::ChunkList;
use crate::format::index::SampleIndex;
use crate::store::Change;
use crate::store::clock::{Clock, RealClock};
use crate::store::disk::{self, Disk, RealDisk};
use crate::store::journal::{FILE, Journal, Op, Sealed, SegmentData, SegmentState};
use crate::store::reader::read_exact;
use crate::store::recover::Aside;
use crate::store::recover::start;
use crate::store::recover::{Occasion, SetAside, recover_as, stray_name};
use crate::store::segment::{boxes_crc, fragment_end, fragments};
use crate::store::{AuditChange, Audited, RecoveryReport, StoreError, paths};

/// Repairs a storage directory that no service uses, and reports the faults that remain.
pub fn repair(dir: &Path, watch: &mut dyn FnMut(Step<'_>)) -> Result<Checked, StoreError> {
    if !disk::is_there(&dir.join(FILE)) && !disk::is_there(&paths::tape(dir)) {
        return Err(StoreError::NoTape { path: dir.to_owned() });
    }
    let _lock = disk::lock(dir)?;
    repair_on(dir, &RealDisk, &RealClock, watch)
}

pub(in crate::store) fn repair_on(
    dir: &Path,
    disk: &dyn Disk,
    clock: &dyn Clock,
    watch: &mut dyn FnMut(Step<'_>),
) -> Result<Checked, StoreError> {
    let (mut journal, report) = start(dir, disk, clock, Occasion::Repair)?;
    tell(&report, watch);
    // A start has no time to read the sample indexes; a repair has it.
    if let Err(error) = journal.check_all() {
        let Some(why) = error.journal_unusable() else {
            return Err(error);
        };
        journal.leave();
        Aside::begin(dir, &why)?;
        let (again, report) = start(dir, disk, clock, Occasion::Repair)?;
        tell(&report, watch);
        journal = again;
    }

    let audited = audited(clock);
    let id = audited.id;
    let audit =
        |journal: &mut Journal, change| journal.commit(&[Op::Change(Change::Audit(change))], clock.utc());
    audit(&mut journal, AuditChange::Begun(Box::new(audited)))?;

    let segments = journal.segments()?;
    let total = super::bytes_of(&segments);
    let mut checked = Checked::default();
    let mut strangers = false;
    for row in segments {
        let mut check = Check {
            dir,
            disk,
            journal: &journal,
            watch: &mut *watch,
            total,
            checked: std::mem::take(&mut checked),
        };
        let found = check.segment(&row)?;
        checked = check.checked;
        if found.troubles.is_empty() {
            continue;
        }
        let mut repair = Repair {
            dir,
            disk,
            clock,
            journal: &mut journal,
            watch: &mut *watch,
        };
        strangers |= repair.segment(&row, &found)?;
        // Reports the findings that remain after the repair.
        let Some(row) = journal.segment(row.id)? else {
            continue;
        };
        let mut check = Check {
            dir,
            disk,
            journal: &journal,
            watch: &mut *watch,
            total,
            checked: Checked::default(),
        };
        let found = check.segment(&row)?;
        check.checked = std::mem::take(&mut checked);
        check.tell(&row, found.troubles)?;
        checked = check.checked;
    }
    if strangers {
        let report = recover_as(
            dir,
            disk,
            clock,
            &mut journal,
            Occasion::Repair,
            SetAside::default(),
        )?;
        tell(&report, watch);
    }
    Repair {
        dir,
        disk,
        clock,
        journal: &mut journal,
        watch: &mut *watch,
    }
    .sidecars()?;
    let over = AuditChange::Ended {
        id,
        object: "{}".to_owned(),
        outcome: "ok",
    };
    audit(&mut journal, over)?;
    let mut check = Check {
        dir,
        disk,
        journal: &journal,
        watch,
        total,
        checked,
    };
    check.strangers()?;
    check.sidecars()?;
    check.left()?;
    Ok(check.checked)
}

/// The entry of the repair in the audit. No service runs that could write it.
fn audited(clock: &dyn Clock) -> Audited {
    Audited {
        id: uuid::Uuid::now_v7().into_bytes(),
        time: clock.utc(),
        boot: clock.boot_id(),
        door: "cli",
        who: format!("uid {}", nix::unistd::getuid()),
        request: None,
        command: "verify --repair".to_owned(),
        object: "{}".to_owned(),
    }
}

fn tell(report: &RecoveryReport, watch: &mut dyn FnMut(Step<'_>)) {
    if !report.is_clean() {
        watch(Step::Done(&report.to_string()));
        for file in &report.0.files {
            watch(Step::Done(file));
        }
    }
}

pub(super) struct Repair<'a> {
    pub(super) dir: &'a Path,
    pub(super) disk: &'a dyn Disk,
    clock: &'a dyn Clock,
    pub(super) journal: &'a mut Journal,
    watch: &'a mut dyn FnMut(Step<'_>),
}

impl Repair<'_> {
    /// Repairs one segment as far as possible; true when its file lost its row and needs another.
    fn segment(&mut self, row: &SegmentData, found: &Found) -> Result<bool, StoreError> {
        let path = paths::segment(self.dir, &row.stream, row.sequence);
        if row.state == SegmentState::Missing {
            self.forget(
                row,
                format!("{}: the file is gone; its row is dropped", path.display()),
            )?;
        } else if found.has(Kind::Gone) || found.has(Kind::Unreadable) {
            // The file was there a moment ago, or may be read another day.
        } else if found.has(Kind::Foreign) {
            let what = "another segment lies in its place; its row is dropped";
            self.forget(row, format!("{}: {what}", path.display()))?;
            return Ok(true);
        } else if found.is_lost() {
            self.bury(row, &path)?;
        } else if found.has(Kind::Short) {
            self.shorten(row, &path)?;
        } else if found.has(Kind::Row) {
            let file = self.open(&path)?;
            let index = index_of(file.as_ref(), row, row.bytes);
            // An index that does not reach the end would hide the media behind it.
            if let Some((index, _)) = index.filter(|(_, end)| *end == row.bytes) {
                let what = "its row and sample index are made again from the file";
                let what = format!("{}: {what}", path.display());
                self.mend(row, file.as_ref(), &path, &index, what)?;
            }
        }
        Ok(false)
    }

    /// Shortens the row of a file that lost its end: the row ends with the last whole fragment that is there.
    fn shorten(&mut self, row: &SegmentData, path: &Path) -> Result<(), StoreError> {
        let file = self.open(path)?;
        let len = file.size().map_err(StoreError::disk("measure", path))?;
        let known = self.journal.index(row.id)?;
        let known = known.and_then(|samples| SampleIndex::decode(&samples).ok());
        let read = || index_of(file.as_ref(), row, len).map(|(index, _)| index);
        let Some(mut index) = known.or_else(read) else {
            return Ok(());
        };
        index.fragments.retain(|fragment| fragment.end() <= len);
        let what = format!(
            "{}: the file has {} bytes of {}; its row now ends at byte {}",
            path.display(),
            len,
            row.bytes,
            index.end()
        );
        self.mend(row, file.as_ref(), path, &index, what)
    }

    fn mend(
        &mut self,
        row: &SegmentData,
        file: &dyn disk::DiskFile,
        path: &Path,
        index: &SampleIndex,
        what: String,
    ) -> Result<(), StoreError> {
        let ends = index
            .fragments
            .iter()
            .map(|fragment| fragment_end(fragment, row.base, &row.tracks, row.tape_zero));
        let Some(end) = ends.max() else { return Ok(()) };
        let crc = match row.cuts {
            0 => Some(
                boxes_crc(index, |at, len| read_exact(file, at, len))
                    .map_err(StoreError::disk("read", path))?,
            ),
            _ => None,
        };
        let space = file.size().map_err(StoreError::disk("measure", path))?;
        let list = ChunkList::of(index, row.base, &row.tracks, &row.numbers.unwrap_or_default());
        let chunks = list.chunks.len() as u64;
        let sealed = Sealed {
            id: row.id,
            end,
            bytes: if row.cuts > 0 {
                row.bytes.min(space)
            } else {
                index.end()
            },
            space,
            crc,
            samples: index.encode(),
            list: list.encode(),
            fragments: fragments(index, &row.tracks),
            chunks: row.chunks.filter(|_| row.cuts > 0).unwrap_or(chunks),
            lost: 0,
            target_s: None,
        };
        self.commit(vec![Op::MendSegment(sealed)], what)
    }

    /// Handles a file of which nothing can be read.
    fn bury(&mut self, row: &SegmentData, path: &Path) -> Result<(), StoreError> {
        let to = paths::lost_found(self.dir);
        let moved = self.to_lost_found(path, &to);
        match moved {
            Ok(to) => {
                let what = format!(
                    "{}: nothing in the file can be read; it is moved to {}; its row is dropped",
                    path.display(),
                    to.display()
                );
                self.forget(row, what)
            }
            // The folder may belong to root: then the file stays, and is reported.
            Err(error) => {
                (self.watch)(Step::Done(&format!(
                    "{}: cannot be moved to {}: {error}",
                    path.display(),
                    to.display()
                )));
                Ok(())
            }
        }
    }

    /// Moves a file that belongs to nothing to `lost+found`.
    pub(super) fn set_aside(&mut self, path: &Path, why: &str) -> Result<(), StoreError> {
        let what = match self.to_lost_found(path, &paths::lost_found(self.dir)) {
            Ok(to) => format!("{}: {why}; it is moved to {}", path.display(), to.display()),
            Err(error) => {
                (self.watch)(Step::Done(&format!(
                    "{}: {why}; it stays: {error}",
                    path.display()
                )));
                return Ok(());
            }
        };
        self.commit(Vec::new(), what)
    }

    fn to_lost_found(&self, path: &Path, folder: &Path) -> io::Result<PathBuf> {
        self.disk.create_dir(folder)?;
        let taken = self.disk.list(folder)?.into_iter();
        let taken: HashSet<OsString> = taken.map(|entry| entry.name).collect();
        let to = folder.join(stray_name(path, &taken));
        self.disk.rename(path, &to)?;
        // The new name is synced first: a crash in between leaves two names, never none.
        for name in [to.as_path(), path] {
            name.parent().map_or(Ok(()), |dir| self.disk.sync_dir(dir))?;
        }
        self.disk.sync_dir(self.dir)?;
        Ok(to)
    }

    /// Drops a segment's row, and the rows of recordings that have no other segment.
    fn forget(&mut self, row: &SegmentData, what: String) -> Result<(), StoreError> {
        let mut ops = vec![Op::ForgetSegment { id: row.id }];
        let mut what = what;
        for id in self.journal.recordings_with(row)? {
            let Some(recording) = self.journal.recording(id)? else {
                continue;
            };
            let mut left = Vec::new();
            for range in self.journal.ranges(&recording)? {
                left.extend(self.journal.segments_of(&range)?);
            }
            if left.iter().any(|segment| segment.id != row.id) {
                what.push_str(&format!("; recording {id} becomes shorter"));
            } else {
                what.push_str(&format!("; recording {id} has no tape left and is dropped"));
                ops.push(Op::ForgetRecording { id });
            }
        }
        self.commit(ops, what)
    }

    pub(super) fn commit(&mut self, mut ops: Vec<Op>, what: String) -> Result<(), StoreError> {
        ops.push(Op::Report {
            event: Event::StorageRepaired {
                recovered: Default::default(),
                changes: vec![what.clone()],
            },
        });
        self.journal.commit(&ops, self.clock.utc())?;
        (self.watch)(Step::Done(&what));
        Ok(())
    }

    /// Tells the caller what came of a file.
    pub(super) fn tell(&mut self, what: &str) {
        (self.watch)(Step::Done(what));
    }

    fn open(&self, path: &Path) -> Result<Box<dyn disk::DiskFile>, StoreError> {
        self.disk.open_read(path).map_err(StoreError::disk("open", path))
    }
}
