//! The repairs of a start: they bring files and rows into agreement again, whatever ended the last run.
//!
//! Recovery reads only segments that were open; of sealed ones it needs only the name. It keeps everything that is readable.
//! The next start repairs a crash at any point of it:
//!
//! 1. Files of open segments are cut to their last whole fragment and synced. Files without a whole fragment are removed, and
//!    so are files that were taken over from an evicted segment and not written to.
//! 2. One transaction seals their rows, adopts files without a row, closes open publishes and recordings, and writes the event.
//! 3. Files that cannot be read are moved to `lost+found`. This comes last, so that the event is there first. A crash in
//!    between reports them twice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

use super::described::Described;
use super::gone::{self, Deleted};
use super::pace::{Pace, Paced};
use super::sane::{absurd, too_long};
use crate::event::{Event, JournalSetAside, Recovered, TapeSetAside};
use crate::format::chunks::ChunkList;
use crate::format::fmp4::{self, Left, ReadAt as _, ScanError, Scanned, Stopped};
use crate::media::{Micros, PublishId, RecordingId, SLOT, SegmentId, StreamName};
use crate::store::clock::Clock;
use crate::store::disk::{Disk, DiskFile};
use crate::store::journal::{BootClock, Journal, Op, Publish, Sealed, SegmentState};
use crate::store::reader::read_exact;
use crate::store::segment::{boxes_crc, fragment_end, fragments, is_worth_keeping, tape_start};
use crate::store::{Entry, RecoveryReport, StoreError, paths};

/// Most names in an event; the others are in the log.
const NAMES: usize = 20;

/// A segment has fewer chunks: at most one begins in a slot, and no segment lasts 13 hours.
const MOST_CHUNKS: u64 = 1 << 16;

/// The occasion of a repair.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Occasion<'a> {
    /// The service starts: this boot gets its place on the tape, and the event tells of the start.
    Start,
    /// A user asked for it: only work that was done is reported.
    Repair,
    /// The directory was away while the service ran, and is back: live publishes go on.
    Return(&'a Live),
}

/// Publishes and recordings that go on, or whose end is not told yet.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Live {
    pub(in crate::store) publishes: HashSet<PublishId>,
    pub(in crate::store) recordings: HashSet<RecordingId>,
}

/// The journal, or the tape, that could not be used and was set aside before.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct SetAside {
    pub(in crate::store) journal: Option<JournalSetAside>,
    pub(in crate::store) tape: Option<TapeSetAside>,
}

/// Repairs a storage directory as the service starts.
#[cfg(test)]
pub(in crate::store) fn recover(
    dir: &Path,
    disk: &dyn Disk,
    clock: &dyn Clock,
    journal: &mut Journal,
) -> Result<RecoveryReport, StoreError> {
    recover_as(dir, disk, clock, journal, Occasion::Start, SetAside::default())
}

/// Repairs a storage directory. Afterwards no segment, recording or publish is open, but for segments that the medium
/// would not read.
pub(in crate::store) fn recover_as(
    dir: &Path,
    disk: &dyn Disk,
    clock: &dyn Clock,
    journal: &mut Journal,
    occasion: Occasion<'_>,
    set_aside: SetAside,
) -> Result<RecoveryReport, StoreError> {
    let boot_now = clock.boot();
    let clock_now = BootClock {
        boot: clock.boot_id(),
        utc_offset: clock.utc_offset(),
        synced: clock.synced(),
    };
    let enters = match occasion {
        Occasion::Start | Occasion::Return(_) => Some(Op::EnterBoot { clock: clock_now }),
        Occasion::Repair => None,
    };
    let nobody = Live::default();
    let live = match occasion {
        Occasion::Return(live) => live,
        Occasion::Start | Occasion::Repair => &nobody,
    };
    let mut recovery = Recovery {
        dir,
        disk,
        boot: enters.as_ref().map(|_| clock_now.boot),
        ops: enters.into_iter().collect(),
        report: Recovered {
            journal_set_aside: set_aside.journal,
            tape_set_aside: set_aside.tape,
            ..Recovered::default()
        },
        touched: Vec::new(),
        strays: Vec::new(),
        adopted: BTreeMap::new(),
        segments: HashSet::new(),
        publishes: HashMap::new(),
        pace: Pace::new(clock),
        tape_known: None,
        deleted: Deleted::read(dir, disk)?,
    };
    recovery.compare(journal)?;
    recovery.adopt_recordings(journal, live)?;
    recovery.close(journal, live)?;
    recovery.delete(journal, live)?;
    recovery.sync_dirs()?;

    recovery.expect_lost_found();
    recovery.report.lost_found = recovery.strays.len() as u64;
    match occasion {
        Occasion::Start => recovery.ops.push(Op::Start {
            clock: clock_now,
            boot_now,
            recovered: recovery.report.clone(),
        }),
        Occasion::Repair | Occasion::Return(_) if recovery.report.is_clean() => {}
        Occasion::Repair | Occasion::Return(_) => recovery.ops.push(Op::Report {
            event: Event::StorageRepaired {
                recovered: recovery.report.clone(),
                changes: Vec::new(),
            },
        }),
    }
    if !recovery.ops.is_empty() {
        journal.commit(&recovery.ops, clock.utc())?;
    }
    recovery.move_strays()?;
    recovery.read_described(journal, clock.utc())?;
    gone::list(dir, disk, journal, clock.utc())?;
    Ok(RecoveryReport(recovery.report))
}

pub(super) struct Recovery<'a> {
    pub(super) dir: &'a Path,
    pub(super) disk: &'a dyn Disk,
    /// The present boot: its clock is better than the dates in any file.
    pub(super) boot: Option<[u8; 16]>,
    pub(super) ops: Vec<Op>,
    pub(super) report: Recovered,
    /// Directories with changed names that must be durable before the rows say so.
    touched: Vec<PathBuf>,
    pub(super) strays: Vec<PathBuf>,
    /// Recordings that adopted segments name: the publish, and where their tape begins and ends.
    pub(super) adopted: BTreeMap<RecordingId, (PublishId, Micros, Micros)>,
    /// Segments that were adopted.
    pub(super) segments: HashSet<SegmentId>,
    /// Publishes that adopted segments name.
    pub(super) publishes: HashMap<PublishId, Publish>,
    pub(super) pace: Pace<'a>,
    /// The end of the tape by the rows; read when it is first needed.
    pub(super) tape_known: Option<Option<Micros>>,
    /// The list of media that was deleted on request and must not come back.
    pub(super) deleted: Deleted,
}

type Rows = HashMap<(OsString, OsString), (SegmentId, StreamName, u64, SegmentState)>;

impl Recovery<'_> {
    /// Compares every file with the rows, and then handles the rows without a file.
    fn compare(&mut self, journal: &Journal) -> Result<(), StoreError> {
        let mut rows: Rows = HashMap::new();
        for row in journal.files()? {
            let name = (row.1.to_component().into(), paths::file(row.2).into());
            rows.insert(name, row);
        }
        let tape = paths::tape(self.dir);
        let mut dirs = HashSet::new();
        for stream in self.list(&tape)? {
            let path = tape.join(&stream.name);
            if !stream.is_dir {
                self.stray(path);
                continue;
            }
            dirs.insert(path.clone());
            let files = match self.list(&path) {
                Ok(files) => files,
                // A folder such as `lost+found` of a file system has no rows. Where there are rows, an unreadable folder is an
                // error.
                Err(error) if rows.keys().all(|(dir, _)| *dir != stream.name) => {
                    self.name(
                        &path,
                        &format!("does not belong here, and stays in its place: {error}"),
                    );
                    continue;
                }
                Err(error) => return Err(error),
            };
            let last = files.iter().filter_map(|file| paths::sequence(&file.name)).max();
            for file in files {
                self.pace.step(&path);
                let successor = paths::sequence(&file.name) < last;
                let path = path.join(&file.name);
                if file.is_dir {
                    // A row may want this file: it counts as gone.
                    self.stray(path);
                    continue;
                }
                match rows.remove(&(stream.name.clone(), file.name)) {
                    None => self.stranger(path, journal, successor)?,
                    Some((_, _, _, SegmentState::Sealed | SegmentState::Spare | SegmentState::Wipe)) => {}
                    Some((id, _, _, SegmentState::Missing)) => {
                        self.report.returned += 1;
                        self.ops.push(Op::Missing { id, missing: false });
                    }
                    Some((id, _, _, SegmentState::Open)) => self.repair(id, path, journal)?,
                }
            }
        }
        let mut left: Vec<_> = rows.into_values().collect();
        left.sort_unstable_by(|a, b| (&a.1, a.2).cmp(&(&b.1, b.2)));
        for (id, stream, sequence, state) in left {
            // The removal is made durable before the row goes: otherwise the file would come back as a stranger.
            let dir = paths::stream(self.dir, &stream);
            if !matches!(state, SegmentState::Sealed | SegmentState::Missing) && dirs.contains(&dir) {
                self.touched.push(dir);
            }
            match state {
                // The row was committed, and the power went before the file was durable: there never was media.
                SegmentState::Open => {
                    self.report.empty += 1;
                    self.ops.push(Op::DropSegment { id });
                }
                SegmentState::Sealed => {
                    self.report.missing += 1;
                    self.name(&paths::segment(self.dir, &stream, sequence), "is missing");
                    self.ops.push(Op::Missing { id, missing: true });
                }
                SegmentState::Missing => {}
                // Another segment took the file over, or the file was removed.
                SegmentState::Spare | SegmentState::Wipe => self.ops.push(Op::Evicted { id }),
            }
        }
        Ok(())
    }

    /// Repairs a segment that was being written.
    fn repair(&mut self, id: SegmentId, path: PathBuf, journal: &Journal) -> Result<(), StoreError> {
        let file = match self.disk.open(&path) {
            Ok(file) => file,
            // A later start may be able to open it: row and file stay as they are.
            Err(error) => {
                self.name(&path, &format!("cannot be opened: {error}"));
                return Ok(());
            }
        };
        let len = file.size().map_err(StoreError::disk("measure", &path))?;
        let taken = file.taken().map_err(StoreError::disk("measure", &path))?;
        if let Some(what) = too_long(len, taken) {
            return self.set_aside(id, path, &what);
        }
        let reader = Paced(file.as_ref());
        let known = self.tape_known(journal)?;
        match fmp4::scan_open(&reader, len) {
            Ok((scanned, _)) if scanned.identity.segment != id => {
                self.ops.push(Op::DropSegment { id });
                drop(file);
                let other = journal.segment(scanned.identity.segment)?;
                match other.map(|other| other.state) {
                    // The file was taken over and not written to: its media was given up before.
                    Some(SegmentState::Spare | SegmentState::Wipe) => self.remove(path),
                    // The row never got a file; another segment's file lies in its place.
                    _ => self.stranger(path, journal, false),
                }
            }
            // The file is whole, and contains what this recorder never writes: that is no tear.
            Err(ScanError::Malformed { what }) => {
                self.set_aside(id, path, &format!("has a header that cannot be used: {what}"))
            }
            Ok((scanned, left)) if !scanned.index.fragments.is_empty() => {
                if let Some(what) = absurd(&scanned, known) {
                    return self.set_aside(
                        id,
                        path,
                        &format!("is not what was written: {what} is impossible"),
                    );
                }
                let space = self.keep(&path, file.as_ref(), len, (&scanned, left))?;
                self.report.sealed += 1;
                self.seal(&path, file.as_ref(), (&scanned, left), space)
            }
            Err(ScanError::Io { source, .. }) => {
                // The medium may read it at a later start: row and file stay as they are.
                self.name(&path, &format!("cannot be read: {source}"));
                Ok(())
            }
            Ok((_, Left::Damage)) => {
                self.set_aside(id, path, "is damaged: its first fragment is not readable")
            }
            Err(error) if fmp4::holds_durable_fragments(&reader, len, id) => {
                self.set_aside(id, path, &format!("is damaged: {error}"))
            }
            Ok(_) | Err(_) => {
                drop(file);
                self.ops.push(Op::DropSegment { id });
                self.remove(path)
            }
        }
    }

    /// Sets a segment aside whose media was durable, and can be read only by an expert.
    pub(super) fn set_aside(&mut self, id: SegmentId, path: PathBuf, what: &str) -> Result<(), StoreError> {
        self.name(&path, what);
        self.ops.push(Op::DropSegment { id });
        self.strays.push(path);
        Ok(())
    }

    /// Cuts a file to its last whole fragment and makes that durable: the bytes that were read may so far be only in memory.
    /// Returns the file's length.
    pub(super) fn keep(
        &mut self,
        path: &Path,
        file: &dyn DiskFile,
        len: u64,
        (scanned, left): (&Scanned, Left),
    ) -> Result<u64, StoreError> {
        let mut space = len;
        if left == Left::Damage {
            // The bytes behind were durable once, so a person may want to examine them.
            self.name(path, &format!("is damaged at byte {}", scanned.valid_len));
        } else if scanned.stopped != Stopped::Clean || !is_worth_keeping(scanned.valid_len, len) {
            self.report.truncated_bytes += scanned.torn;
            file.set_len(scanned.valid_len)
                .map_err(StoreError::disk("cut", path))?;
            space = scanned.valid_len;
        }
        write_again(file, scanned.durable_len, scanned.valid_len)
            .map_err(StoreError::disk("write again", path))?;
        file.sync().map_err(StoreError::disk("sync", path))?;
        self.touch(path);
        Ok(space)
    }

    pub(super) fn seal(
        &mut self,
        path: &Path,
        file: &dyn DiskFile,
        (scanned, left): (&Scanned, Left),
        space: u64,
    ) -> Result<(), StoreError> {
        let read = |at, len| read_exact(file, at, len);
        let crc = if scanned.gone {
            None
        } else {
            Some(boxes_crc(&scanned.index, read).map_err(StoreError::disk("read", path))?)
        };
        let identity = &scanned.identity;
        let numbers = identity.chunks.unwrap_or_default();
        let list = ChunkList::of(&scanned.index, identity.base, &scanned.tracks, &numbers);
        let chunks = list.chunks.len() as u64;
        let most = if left == Left::Damage {
            // Media was durable behind the place where the file stops.
            MOST_CHUNKS
        } else if scanned.gone {
            let start = tape_start(identity.base, &scanned.tracks, identity.tape_zero);
            let slots = tape_end(scanned).saturating_sub(start) / SLOT;
            u64::try_from(slots).unwrap_or(0).saturating_add(2)
        } else {
            chunks
        };
        self.ops.push(Op::SealSegment(Sealed {
            id: scanned.identity.segment,
            end: tape_end(scanned),
            bytes: scanned.valid_len,
            space,
            crc,
            samples: scanned.index.encode(),
            list: list.encode(),
            fragments: fragments(&scanned.index, &scanned.tracks),
            chunks,
            lost: most.saturating_sub(chunks),
            target_s: list.target_s,
        }));
        Ok(())
    }

    /// Ends the publishes and closes the recordings that the journal calls open, unless they are `live`.
    fn close(&mut self, journal: &Journal, live: &Live) -> Result<(), StoreError> {
        let reason = crate::store::UNCLEAN;
        for (id, resumes) in journal.open_recordings()? {
            if live.recordings.contains(&id) {
                continue;
            }
            let (end, reason) = (None, reason.to_owned());
            if resumes {
                // A publisher that comes back in time goes on with the recording. The recorder ends the wait.
                self.report.recordings_paused += 1;
                self.ops.push(Op::PauseRecording { id, end, reason });
            } else {
                self.report.recordings_closed += 1;
                self.ops.push(Op::CloseRecording { id, end, reason });
            }
        }
        let over = |id: &PublishId| !live.publishes.contains(id);
        for id in journal.open_publishes()?.into_iter().filter(over) {
            self.report.publishes_ended += 1;
            self.ops.push(Op::EndPublish {
                id,
                reason: reason.to_owned(),
                outcome: Box::default(),
            });
        }
        Ok(())
    }

    /// Reads what people set of recordings, as far as the journal lacks it. This comes behind the commit of the recordings.
    fn read_described(&mut self, journal: &mut Journal, utc: Micros) -> Result<(), StoreError> {
        let mut described = Described {
            dir: self.dir,
            disk: self.disk,
            journal,
            deleted: &self.deleted,
            pace: &mut self.pace,
            utc,
        };
        self.strays = described.read()?;
        self.expect_lost_found();
        self.move_strays()
    }

    /// Removes a file that has no fragment.
    pub(super) fn remove(&mut self, path: PathBuf) -> Result<(), StoreError> {
        self.disk
            .unlink(&path)
            .map_err(StoreError::disk("remove", &path))?;
        self.report.empty += 1;
        self.touch(&path);
        Ok(())
    }

    pub(super) fn sync_dirs(&mut self) -> Result<(), StoreError> {
        self.touched.sort_unstable();
        self.touched.dedup();
        for dir in std::mem::take(&mut self.touched) {
            self.disk.sync_dir(&dir).map_err(StoreError::disk("sync", &dir))?;
        }
        Ok(())
    }

    pub(super) fn touch(&mut self, path: &Path) {
        self.touched.extend(path.parent().map(Path::to_owned));
    }

    pub(super) fn list(&self, dir: &Path) -> Result<Vec<Entry>, StoreError> {
        let mut entries = self.disk.list(dir).map_err(StoreError::disk("list", dir))?;
        entries.sort_unstable();
        Ok(entries)
    }

    pub(super) fn name(&mut self, path: &Path, what: &str) {
        tracing::warn!("{}: {what}", path.display());
        if self.report.files.len() < NAMES {
            self.report.files.push(format!("{} {what}", path.display()));
        }
    }
}

/// Writes a part of a file over itself. A sync that failed before the process died leaves bytes that can be read, are on no
/// medium, and count as clean in memory. No later sync writes them.
fn write_again(file: &dyn DiskFile, mut at: u64, end: u64) -> io::Result<()> {
    let mut block = vec![0; 256 * 1024];
    while at < end {
        let len = usize::try_from(end - at).map_or(block.len(), |rest| rest.min(block.len()));
        let piece = block.get_mut(..len).unwrap_or_default();
        match Paced(file).read_at(piece, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                file.write_at(at, &mut [IoSlice::new(piece.get(..n).unwrap_or_default())])?;
                at = at.saturating_add(n as u64);
            }
        }
    }
    Ok(())
}

/// Tape time at which the last of a scanned file's samples ends.
pub(super) fn tape_end(scanned: &Scanned) -> Micros {
    let identity = &scanned.identity;
    let ends = scanned
        .index
        .fragments
        .iter()
        .map(|fragment| fragment_end(fragment, identity.base, &scanned.tracks, identity.tape_zero));
    ends.max()
        .unwrap_or_else(|| tape_start(identity.base, &scanned.tracks, identity.tape_zero))
}
