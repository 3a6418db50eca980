//! What start-up repairs: brings files and rows together again after whatever ended the last run.
//!
//! Only segments that were open are read; of sealed ones the name is enough. Everything that is readable is
//! kept. A crash at any point of it is repaired by the next start:
//!
//! 1. Files of open segments are cut to their last whole fragment and synced; those without one are removed, and
//!    so are those that were taken over from a segment that was given up and not written to.
//! 2. One transaction seals their rows, adopts files that have none, closes what was open, and says so.
//! 3. What nobody can read is moved to `lost+found`: last, so that its event is there first. A crash in between
//!    tells of it twice.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::clock::Clock;
use super::disk::{Disk, DiskFile};
use super::journal::{self, BootClock, Journal, NewSegment, Op, Sealed, SegmentState};
use super::salvage::salvage;
use super::segment::{boxes_crc, fragment_end, is_worth_keeping, tape_start};
use super::{RecoveryReport, StoreError, paths};
use crate::event::{Event, JournalSetAside, Recovered};
use crate::format::fmp4::{self, Left, ReadAt, ScanError, Scanned, Stopped};
use crate::media::{Micros, PublishId, RecordingId, SegmentId, StreamName};

/// Names given in an event; the rest is in the log.
const NAMES: usize = 20;

/// Why a storage directory is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The service starts: this boot gets its place on the tape, and the event tells of the start.
    Start,
    /// Someone asked for it: what there was nothing to do about is not told of.
    Repair,
}

/// Repairs a storage directory as the service starts.
#[cfg(test)]
pub(super) fn recover(
    dir: &Path,
    disk: &dyn Disk,
    clock: &dyn Clock,
    journal: &mut Journal,
) -> Result<RecoveryReport, StoreError> {
    recover_as(dir, disk, clock, journal, Occasion::Start, None)
}

/// Repairs a storage directory. Afterwards no segment, recording or publish is open, but for segments that the medium
/// would not read.
pub(super) fn recover_as(
    dir: &Path,
    disk: &dyn Disk,
    clock: &dyn Clock,
    journal: &mut Journal,
    occasion: Occasion,
    journal_set_aside: Option<JournalSetAside>,
) -> Result<RecoveryReport, StoreError> {
    let boot_now = clock.boot();
    let clock_now = BootClock {
        boot: clock.boot_id(),
        utc_offset: clock.utc_offset(),
        synced: clock.synced(),
    };
    let enters = match occasion {
        Occasion::Start => Some(Op::EnterBoot { clock: clock_now }),
        Occasion::Repair => None,
    };
    let mut recovery = Recovery {
        dir,
        disk,
        boot: enters.as_ref().map(|_| clock_now.boot),
        ops: enters.into_iter().collect(),
        report: Recovered {
            journal_set_aside,
            ..Recovered::default()
        },
        touched: Vec::new(),
        strays: Vec::new(),
        adopted: BTreeMap::new(),
    };
    recovery.compare(journal)?;
    recovery.adopt_recordings(journal)?;
    recovery.close(journal)?;
    recovery.sync_dirs()?;

    recovery.expect_lost_found();
    recovery.report.lost_found = recovery.strays.len() as u64;
    match occasion {
        Occasion::Start => recovery.ops.push(Op::Start {
            clock: clock_now,
            boot_now,
            recovered: recovery.report.clone(),
        }),
        Occasion::Repair if recovery.report.is_clean() => {}
        Occasion::Repair => recovery.ops.push(Op::Report {
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
    Ok(RecoveryReport(recovery.report))
}

struct Recovery<'a> {
    dir: &'a Path,
    disk: &'a dyn Disk,
    /// The present one: its clock knows better than any file.
    boot: Option<[u8; 16]>,
    ops: Vec<Op>,
    report: Recovered,
    /// Directories that lost or kept a name that must be durable before the rows say so.
    touched: Vec<PathBuf>,
    strays: Vec<PathBuf>,
    /// Recordings that adopted segments name: the publish, and from where to where they have tape.
    adopted: BTreeMap<RecordingId, (PublishId, Micros, Micros)>,
}

type Rows = HashMap<(OsString, OsString), (SegmentId, StreamName, u64, SegmentState)>;

impl Recovery<'_> {
    /// Every file against the rows, then every row that is left.
    fn compare(&mut self, journal: &Journal) -> Result<(), StoreError> {
        let mut rows: Rows = HashMap::new();
        for row in journal.files()? {
            let name = (row.1.to_component().into(), paths::file(row.2).into());
            rows.insert(name, row);
        }
        let tape = paths::tape(self.dir);
        for stream in self.list(&tape)? {
            let path = tape.join(&stream.name);
            if !stream.is_dir {
                self.stray(path);
                continue;
            }
            let files = match self.list(&path) {
                Ok(files) => files,
                // `lost+found` of a file system, say. Where there are rows, not to know their files is an error.
                Err(error) if rows.keys().all(|(dir, _)| *dir != stream.name) => {
                    self.name(&path, &format!("does not belong here, and is left: {error}"));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let last = files.iter().filter_map(|file| paths::sequence(&file.name)).max();
            for file in files {
                let successor = paths::sequence(&file.name) < last;
                let path = path.join(&file.name);
                if file.is_dir {
                    // Also where a row wants a file: that one is gone.
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
            match state {
                // Committed, and the power went before the file was durable: there never was media.
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
                // Another segment took the file over, or it is removed.
                SegmentState::Spare | SegmentState::Wipe => self.ops.push(Op::Evicted { id }),
            }
        }
        Ok(())
    }

    /// A segment that was being written.
    fn repair(&mut self, id: SegmentId, path: PathBuf, journal: &Journal) -> Result<(), StoreError> {
        let file = match self.disk.open(&path) {
            Ok(file) => file,
            // It may open another day: row and file stay as they are.
            Err(error) => {
                self.name(&path, &format!("cannot be opened: {error}"));
                return Ok(());
            }
        };
        let len = file.size().map_err(StoreError::disk("measure", &path))?;
        let reader = Reader(file.as_ref());
        match fmp4::scan_open(&reader, len) {
            Ok((scanned, _)) if scanned.identity.segment != id => {
                self.ops.push(Op::DropSegment { id });
                drop(file);
                let other = journal.segment(scanned.identity.segment)?;
                match other.map(|other| other.state) {
                    // It was taken over and not written to: its media was given up before.
                    Some(SegmentState::Spare | SegmentState::Wipe) => self.remove(path),
                    // Its row never got a file; what lies in its place is another's.
                    _ => self.stranger(path, journal, false),
                }
            }
            Ok((scanned, left)) if !scanned.index.fragments.is_empty() => {
                let space = self.keep(&path, file.as_ref(), len, (&scanned, left))?;
                self.report.sealed += 1;
                self.seal(&path, file.as_ref(), &scanned, space)
            }
            Err(ScanError::Io { source, .. }) => {
                // The medium may read it another day: row and file stay as they are.
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

    /// A segment whose media was durable, and cannot be read without someone who knows how.
    fn set_aside(&mut self, id: SegmentId, path: PathBuf, what: &str) -> Result<(), StoreError> {
        self.name(&path, what);
        self.ops.push(Op::DropSegment { id });
        self.strays.push(path);
        Ok(())
    }

    /// A file without a row.
    fn stranger(&mut self, path: PathBuf, journal: &Journal, successor: bool) -> Result<(), StoreError> {
        let file = match self.disk.open(&path) {
            Ok(file) => file,
            Err(error) if is_link(&error) => {
                self.stray(path);
                return Ok(());
            }
            // It may be a segment and open another day: it is not moved, and named at every start.
            Err(error) => {
                self.name(&path, &format!("has no row and cannot be opened: {error}"));
                return Ok(());
            }
        };
        let len = file.size().map_err(StoreError::disk("measure", &path))?;
        let (scanned, left) = match salvage(file.as_ref(), len, successor) {
            Ok(read) => read,
            Err(ScanError::Short { len: 0 }) => return self.remove(path),
            Err(error) => {
                self.name(&path, &format!("has no row and is not readable: {error}"));
                self.strays.push(path);
                return Ok(());
            }
        };
        let identity = &scanned.identity;
        let in_place = path == paths::segment(self.dir, &identity.stream, identity.sequence);
        if let Some(row) = journal.segment(identity.segment)?.filter(|_| in_place) {
            // A file and its identity agree, and a checksum is over it: it is the row that is wrong.
            let said = paths::segment(self.dir, &row.stream, row.sequence);
            return Err(StoreError::JournalDamaged {
                path: self.dir.join(journal::FILE),
                reason: format!("it says that {} is {}", path.display(), said.display()),
            });
        }
        if !in_place {
            self.name(&path, "is not where its identity belongs");
            self.strays.push(path);
            return Ok(());
        }
        if scanned.index.fragments.is_empty() && left == Left::Nothing {
            return self.remove(path);
        }
        if scanned.index.fragments.is_empty() {
            self.name(&path, "has no row and its first fragment is damaged");
            self.strays.push(path);
            return Ok(());
        }
        let space = self.keep(&path, file.as_ref(), len, (&scanned, left))?;
        self.report.adopted += 1;
        if self.boot != Some(identity.boot) {
            self.ops.push(Op::AdoptBoot {
                clock: BootClock {
                    boot: identity.boot,
                    utc_offset: identity.utc_offset,
                    synced: identity.clock_synced,
                },
            });
        }
        self.ops.push(Op::StartPublish {
            id: identity.publish,
            stream: identity.stream.clone(),
            boot: identity.boot,
            tape_zero: identity.tape_zero,
            boot_zero: identity.boot_zero,
            tell: false,
        });
        let start = tape_start(identity.base, identity.tape_zero);
        self.ops.push(Op::OpenSegment(NewSegment {
            id: identity.segment,
            publish: identity.publish,
            sequence: identity.sequence,
            base: identity.base,
            start,
            space,
            tracks: scanned.tracks.clone(),
        }));
        let end = tape_end(&scanned);
        // Tape that no recording names gets one named after its publish, the same at every start.
        let own = [RecordingId::from_bytes(identity.publish.to_bytes())];
        let named = if identity.recordings.is_empty() {
            &own[..]
        } else {
            &identity.recordings
        };
        for id in named {
            let entry = self.adopted.entry(*id).or_insert((identity.publish, start, end));
            entry.1 = entry.1.min(start);
            entry.2 = entry.2.max(end);
        }
        self.seal(&path, file.as_ref(), &scanned, space)
    }

    /// Cuts a file to its last whole fragment and makes that durable: what was read may so far be only in memory.
    /// Returns the file's length.
    fn keep(
        &mut self,
        path: &Path,
        file: &dyn DiskFile,
        len: u64,
        (scanned, left): (&Scanned, Left),
    ) -> Result<u64, StoreError> {
        let mut space = len;
        if left == Left::Damage {
            // What stands behind was durable once: someone may want to look at it.
            self.name(path, &format!("is damaged at byte {}", scanned.valid_len));
        } else if scanned.stopped != Stopped::Clean || !is_worth_keeping(scanned.valid_len, len) {
            self.report.truncated_bytes += scanned.torn;
            file.set_len(scanned.valid_len)
                .map_err(StoreError::disk("cut", path))?;
            space = scanned.valid_len;
        }
        file.sync().map_err(StoreError::disk("sync", path))?;
        self.touch(path);
        Ok(space)
    }

    fn seal(
        &mut self,
        path: &Path,
        file: &dyn DiskFile,
        scanned: &Scanned,
        space: u64,
    ) -> Result<(), StoreError> {
        let read = |at, len| read_exact(file, at, len);
        let crc = boxes_crc(&scanned.index, read).map_err(StoreError::disk("read", path))?;
        self.ops.push(Op::SealSegment(Sealed {
            id: scanned.identity.segment,
            end: tape_end(scanned),
            bytes: scanned.valid_len,
            space,
            crc,
            samples: scanned.index.encode(),
        }));
        Ok(())
    }

    fn adopt_recordings(&mut self, journal: &Journal) -> Result<(), StoreError> {
        for (id, (publish, start, end)) in std::mem::take(&mut self.adopted) {
            let known = journal.recording(id)?;
            if known.is_none() {
                self.ops.push(Op::StartRecording {
                    id,
                    publish,
                    start,
                    keep: None,
                    tell: false,
                });
            }
            self.ops.push(Op::ExtendRecording { id, start, end });
            if known.is_none() {
                self.ops.push(Op::CloseRecording {
                    id,
                    end: Some(end),
                    reason: "found again".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Nobody publishes yet: what the journal says is open, is not.
    fn close(&mut self, journal: &Journal) -> Result<(), StoreError> {
        let reason = "unclean shutdown";
        for id in journal.open_recordings()? {
            self.report.recordings_closed += 1;
            self.ops.push(Op::CloseRecording {
                id,
                end: None,
                reason: reason.to_owned(),
            });
        }
        for id in journal.open_publishes()? {
            self.report.publishes_ended += 1;
            self.ops.push(Op::EndPublish {
                id,
                reason: reason.to_owned(),
            });
        }
        Ok(())
    }

    /// Removes a file that has not one fragment.
    fn remove(&mut self, path: PathBuf) -> Result<(), StoreError> {
        self.disk
            .unlink(&path)
            .map_err(StoreError::disk("remove", &path))?;
        self.report.empty += 1;
        self.touch(&path);
        Ok(())
    }

    fn stray(&mut self, path: PathBuf) {
        self.name(&path, "does not belong here");
        self.strays.push(path);
    }

    /// Where the storage directory is the root of a file system, `lost+found` may be root's alone. Strays that cannot
    /// go there stay where they are: that is no reason not to record.
    fn expect_lost_found(&mut self) {
        if self.strays.is_empty() {
            return;
        }
        let to = paths::lost_found(self.dir);
        if let Err(error) = self.disk.create_dir(&to).and_then(|()| self.disk.list(&to)) {
            let count = self.strays.len();
            self.name(
                &to,
                &format!("takes no files, {count} stay where they are: {error}"),
            );
            self.strays.clear();
        }
    }

    /// Failing to move one is no reason not to record: it stays where it is until the next start.
    fn move_strays(&mut self) -> Result<(), StoreError> {
        if self.strays.is_empty() {
            return Ok(());
        }
        let to = paths::lost_found(self.dir);
        let taken: Vec<OsString> = self.list(&to)?.into_iter().map(|entry| entry.name).collect();
        let mut taken: std::collections::HashSet<OsString> = taken.into_iter().collect();
        for path in std::mem::take(&mut self.strays) {
            let name = stray_name(&path, &taken);
            if let Err(error) = self.disk.rename(&path, &to.join(&name)) {
                tracing::warn!("{}: cannot move to {}: {error}", path.display(), to.display());
            }
            taken.insert(name);
            self.touch(&path);
        }
        // The new name first: a crash in between leaves two, never none.
        self.disk.sync_dir(&to).map_err(StoreError::disk("sync", &to))?;
        self.sync_dirs()?;
        self.disk
            .sync_dir(self.dir)
            .map_err(StoreError::disk("sync", self.dir))
    }

    fn sync_dirs(&mut self) -> Result<(), StoreError> {
        self.touched.sort_unstable();
        self.touched.dedup();
        for dir in std::mem::take(&mut self.touched) {
            self.disk.sync_dir(&dir).map_err(StoreError::disk("sync", &dir))?;
        }
        Ok(())
    }

    fn touch(&mut self, path: &Path) {
        self.touched.extend(path.parent().map(Path::to_owned));
    }

    fn list(&self, dir: &Path) -> Result<Vec<super::Entry>, StoreError> {
        let mut entries = self.disk.list(dir).map_err(StoreError::disk("list", dir))?;
        entries.sort_unstable();
        Ok(entries)
    }

    fn name(&mut self, path: &Path, what: &str) {
        tracing::warn!("{}: {what}", path.display());
        if self.report.files.len() < NAMES {
            self.report.files.push(format!("{} {what}", path.display()));
        }
    }
}

/// Tape time at which the last of a scanned file's samples ends.
fn tape_end(scanned: &Scanned) -> Micros {
    let identity = &scanned.identity;
    let ends = scanned
        .index
        .fragments
        .iter()
        .map(|fragment| fragment_end(fragment, identity.base, &scanned.tracks, identity.tape_zero));
    ends.max()
        .unwrap_or_else(|| tape_start(identity.base, identity.tape_zero))
}

/// `live+cam1-00000017.mp4`, with a number behind it when that is taken.
pub(super) fn stray_name(path: &Path, taken: &std::collections::HashSet<OsString>) -> OsString {
    let mut name = OsString::new();
    if let Some(dir) = path
        .parent()
        .and_then(Path::file_name)
        .filter(|name| *name != "tape")
    {
        name.push(dir);
        name.push("-");
    }
    name.push(path.file_name().unwrap_or_default());
    let mut free = name.clone();
    let mut count = 1u32;
    while taken.contains(&free) {
        count = count.saturating_add(1);
        free = name.clone();
        free.push(format!(".{count}"));
    }
    free
}

/// True for the error of opening a symbolic link, which the disk does not follow.
fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::ELOOP)
}

/// A file as the scanner reads it.
pub(super) struct Reader<'a>(pub(super) &'a dyn DiskFile);

impl ReadAt for Reader<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(offset, buf)
    }
}

/// Reads so many bytes, or says that they are not there. What an index claims is bounded before it is believed.
pub(super) fn read_exact(file: &dyn DiskFile, at: u64, len: usize) -> io::Result<Vec<u8>> {
    if len > (fmp4::MAX_HEADER + fmp4::MAX_MOOF) as usize + 4096 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; len];
    match file.read_at(at, &mut bytes)? {
        n if n == len => Ok(bytes),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
