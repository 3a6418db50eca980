//! Files without a row. Recovery makes rows for them and for their recordings, from the identity in each file.

use std::io;
use std::path::{Path, PathBuf};

use super::gone::take_out;
use super::repair::{Live, Recovery, tape_end};
use super::salvage::salvage;
use super::sane::{absurd, too_long};
use crate::format::fmp4::{Identity, Left, ScanError, read_header};
use crate::media::{Micros, RecordingId, SegmentId};
use crate::store::StoreError;
use crate::store::deleted::Part;
use crate::store::disk::DiskFile;
use crate::store::journal::{self, BootClock, Journal, NewSegment, Op, Publish, Tell};
use crate::store::paths;
use crate::store::reader::Reader;
use crate::store::segment::tape_start;

impl Recovery<'_> {
    /// Adopts a file without a row, or decides what else becomes of it.
    pub(super) fn stranger(
        &mut self,
        path: PathBuf,
        journal: &Journal,
        successor: bool,
    ) -> Result<(), StoreError> {
        let file = match self.disk.open(&path) {
            Ok(file) => file,
            Err(error) if is_link(&error) => {
                self.stray(path);
                return Ok(());
            }
            // The file may be a segment, and a later start may be able to open it. So it is not moved, but named at every
            // start.
            Err(error) => {
                self.name(&path, &format!("has no row and cannot be opened: {error}"));
                return Ok(());
            }
        };
        let len = file.size().map_err(StoreError::disk("measure", &path))?;
        let taken = file.taken().map_err(StoreError::disk("measure", &path))?;
        if let Some(what) = too_long(len, taken) {
            self.name(&path, &format!("has no row, and {what}"));
            self.strays.push(path);
            return Ok(());
        }
        let (mut scanned, left) = match salvage(file.as_ref(), len, successor) {
            Ok(read) => read,
            Err(ScanError::Short { len: 0 }) => return self.remove(path),
            Err(ScanError::NotASegment { .. }) if is_blank(file.as_ref(), len) => return self.remove(path),
            Err(error) => {
                self.name(&path, &format!("has no row and is not readable: {error}"));
                self.strays.push(path);
                return Ok(());
            }
        };
        if let Some(what) = absurd(&scanned, self.tape_known(journal)?) {
            self.name(&path, &format!("has no row, and {what} is impossible"));
            self.strays.push(path);
            return Ok(());
        }
        let segment = scanned.identity.segment;
        let in_place = {
            let identity = &scanned.identity;
            path == paths::segment(self.dir, &identity.stream, identity.sequence)
        };
        if let Some(row) = journal.segment(segment)?.filter(|_| in_place) {
            let said = paths::segment(self.dir, &row.stream, row.sequence);
            if self.holds(&said, segment) {
                self.name(
                    &path,
                    &format!("is a copy: its identity names {}", said.display()),
                );
                self.strays.push(path);
                return Ok(());
            }
            // The file is in the place that its identity names, and the identity has a checksum. So the row is wrong.
            return Err(StoreError::JournalDamaged {
                path: self.dir.join(journal::FILE),
                reason: format!(
                    "a row names {1} as the file of the segment in {0}",
                    path.display(),
                    said.display()
                ),
            });
        }
        let parts = self.deleted_of(segment)?;
        let again = take_out(&mut scanned, &parts);
        if parts.iter().any(Part::is_whole) || (again && scanned.index.fragments.is_empty()) {
            return self.wipe(path, file.as_ref(), len);
        }
        let identity = &scanned.identity;
        if !in_place {
            self.name(&path, "is not in the place that its identity names");
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
        if let Some(what) = self.contradicts(identity, journal)? {
            self.name(
                &path,
                &format!("has no row, and contradicts the journal or another file about {what}"),
            );
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
            about: Default::default(),
            tell: Tell::Found,
        });
        let start = tape_start(identity.base, &scanned.tracks, identity.tape_zero);
        self.ops.push(Op::OpenSegment(NewSegment {
            id: identity.segment,
            publish: identity.publish,
            sequence: identity.sequence,
            base: identity.base,
            start,
            space,
            tracks: scanned.tracks.clone(),
            chunks: identity.chunks,
        }));
        let end = tape_end(&scanned);
        // Tape without a recording gets one that is named after its publish: the same one at every start.
        let own = [RecordingId::from_bytes(identity.publish.to_bytes())];
        let mut named = identity.recordings.clone();
        named.retain(|id| !self.deleted.has(*id));
        for id in if named.is_empty() { &own[..] } else { &named } {
            let entry = self.adopted.entry(*id).or_insert((identity.publish, start, end));
            entry.1 = entry.1.min(start);
            entry.2 = entry.2.max(end);
        }
        // A successor says itself which numbers were given before it.
        let left = if successor { Left::Nothing } else { left };
        self.seal(&path, file.as_ref(), (&scanned, left), space)?;
        if scanned.gone {
            // It is unknown how much of the deleted fragments was overwritten.
            self.ops.push(Op::Blank { id: segment });
        }
        Ok(())
    }

    /// The part of a file's identity that contradicts a row, or a file that was adopted before it: two files of one segment,
    /// or of one publish with two beginnings. The next start would take such rows for a damaged journal.
    fn contradicts(
        &mut self,
        identity: &Identity,
        journal: &Journal,
    ) -> Result<Option<&'static str>, StoreError> {
        if !self.segments.insert(identity.segment) {
            return Ok(Some("its segment"));
        }
        let said = Publish {
            stream: identity.stream.clone(),
            boot: identity.boot,
            tape_zero: identity.tape_zero,
            boot_zero: identity.boot_zero,
        };
        let known = match self.publishes.get(&identity.publish) {
            Some(known) => known,
            None => {
                let known = journal.publish(identity.publish)?.unwrap_or_else(|| said.clone());
                self.publishes.entry(identity.publish).or_insert(known)
            }
        };
        Ok((*known != said).then_some("its publish"))
    }

    /// True where the file at `path` is this segment.
    fn holds(&self, path: &Path, segment: SegmentId) -> bool {
        let header = self.disk.open(path).ok().and_then(|file| {
            let len = file.size().ok()?;
            read_header(&Reader(file.as_ref()), len).ok()
        });
        header.is_some_and(|header| header.identity.segment == segment)
    }

    /// The end of the tape by the rows of the journal.
    pub(super) fn tape_known(&mut self, journal: &Journal) -> Result<Option<Micros>, StoreError> {
        if let Some(known) = self.tape_known {
            return Ok(known);
        }
        let known = journal.tape_end()?;
        self.tape_known = Some(known);
        Ok(known)
    }

    pub(super) fn adopt_recordings(&mut self, journal: &Journal, live: &Live) -> Result<(), StoreError> {
        let mut found = false;
        for (id, (publish, start, end)) in std::mem::take(&mut self.adopted) {
            let known = journal.recording(id)?;
            if known.is_none() {
                found = true;
                self.ops.push(Op::StartRecording {
                    id,
                    publish,
                    start,
                    keep: None,
                    spec: None,
                    tell: false,
                });
            }
            self.ops.push(Op::ExtendRecording { id, start, end });
            if known.is_none() && !live.recordings.contains(&id) {
                self.ops.push(Op::CloseRecording {
                    id,
                    end: Some(end),
                    reason: "found again".to_owned(),
                });
            }
        }
        if found {
            // Their files beside the tape are read. A crash before that leaves it to the next start.
            self.ops.push(Op::SidecarsUnread);
        }
        Ok(())
    }
}

/// True for space that was allocated and never written.
fn is_blank(file: &dyn DiskFile, len: u64) -> bool {
    let mut block = vec![0; 64 * 1024];
    let mut at = 0;
    while at < len {
        match file.read_at(at, &mut block) {
            Ok(n) if n > 0 && block.iter().take(n).all(|byte| *byte == 0) => at += n as u64,
            _ => return false,
        }
    }
    true
}

/// True for the error of opening a symbolic link, which the disk does not follow.
fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::ELOOP)
}
