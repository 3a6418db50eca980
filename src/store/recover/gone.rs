//! Media that was deleted on request must not come back: not with a journal that is made again, and not with a journal or files
//! that somebody restored from a copy.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::repair::{Live, Recovery};
use crate::format::fmp4::{self, Gone, Scanned};
use crate::format::index::SampleIndex;
use crate::media::{RecordingId, SegmentId};
use crate::store::deleted::{self, Part};
use crate::store::disk::{Disk, DiskFile};
use crate::store::journal::{Blocks, Journal, Op};
use crate::store::reader::Reader;
use crate::store::{StoreError, paths};

/// The list of deleted media.
pub(super) struct Deleted {
    recordings: BTreeSet<RecordingId>,
    /// The deleted parts, read when recovery meets the first file without a row.
    parts: Option<HashMap<SegmentId, Vec<Part>>>,
}

impl Deleted {
    pub(super) fn read(dir: &Path, disk: &dyn Disk) -> Result<Self, StoreError> {
        let failed = |error| StoreError::disk("read", &paths::deleted(dir))(error);
        let mut recordings = deleted::ids(disk, dir).map_err(failed)?;
        // A list that is too long does not stop the start.
        if let Err(error) = deleted::trim(disk, dir, &mut recordings) {
            tracing::warn!("{}: {error}", paths::deleted(dir).display());
        }
        Ok(Self {
            recordings,
            parts: None,
        })
    }

    pub(super) fn has(&self, id: RecordingId) -> bool {
        self.recordings.contains(&id)
    }
}

impl Recovery<'_> {
    /// The parts of a segment that were deleted on request.
    pub(super) fn deleted_of(&mut self, segment: SegmentId) -> Result<Vec<Part>, StoreError> {
        let all = match &mut self.deleted.parts {
            Some(all) => all,
            unread => {
                let read = deleted::all_parts(self.disk, self.dir, &self.deleted.recordings);
                unread.insert(read.map_err(StoreError::disk("read", &paths::deleted(self.dir)))?)
            }
        };
        Ok(all.get(&segment).cloned().unwrap_or_default())
    }

    /// Removes a file that was deleted and is there again.
    pub(super) fn wipe(&mut self, path: PathBuf, file: &dyn DiskFile, len: u64) -> Result<(), StoreError> {
        file.punch(len)
            .and_then(|()| file.sync())
            .map_err(StoreError::disk("remove", &path))?;
        self.name(&path, "was deleted on request, and is removed again");
        self.remove(path)
    }

    /// Carries out deletions that the journal does not know of, and those that a power cut prevented.
    pub(super) fn delete(&mut self, journal: &Journal, live: &Live) -> Result<(), StoreError> {
        let folder = paths::deleted(self.dir);
        let known = journal.deleted()?;
        for id in &self.deleted.recordings {
            // The writer goes on with what is deleted in steps.
            if known.contains(id) || journal.is_half_deleted(*id)? {
                continue;
            }
            let parts =
                deleted::parts(self.disk, self.dir, *id).map_err(StoreError::disk("read", &folder))?;
            self.ops.push(Op::Replay { id: *id, parts });
        }
        for cut in journal.cut_segments()? {
            let Blocks {
                id, stream, sequence, ..
            } = &cut.blocks;
            let path = paths::segment(self.dir, stream, *sequence);
            let samples = journal.index(*id)?;
            // `verify` reports files that cannot be read.
            if !is_blank(self.disk, &path, (*id, cut.bytes), samples.as_deref()) {
                self.ops.push(Op::Blank { id: *id });
            }
        }
        // The writer deletes a recording whose end is still on its way, after that end.
        let doomed = journal.doomed()?.into_iter();
        let doomed = doomed.filter(|id| !live.recordings.contains(id));
        self.ops.extend(doomed.map(|id| Op::Delete { id }));
        Ok(())
    }
}

/// Enters deletions in the list that are not in it yet. A deletion whose file is there is entered, too: a power cut may come
/// before the name is durable.
pub(super) fn list(
    dir: &Path,
    disk: &dyn Disk,
    journal: &mut Journal,
    utc: crate::media::Micros,
) -> Result<(), StoreError> {
    for id in journal.half_deleted()? {
        let parts = journal.removed_so_far(id)?;
        deleted::add(disk, dir, id, &parts).map_err(StoreError::disk("write", &paths::deleted(dir)))?;
    }
    let mut ops = Vec::new();
    for (id, parts) in journal.unlisted()? {
        deleted::add(disk, dir, id, &parts).map_err(StoreError::disk("write", &paths::deleted(dir)))?;
        ops.push(Op::Listed { id });
    }
    if ops.is_empty() {
        Ok(())
    } else {
        journal.commit(&ops, utc)
    }
}

/// False for a file that contains deleted fragments of its segment: somebody restored it from a copy. A file that cannot be
/// read counts as blank.
pub(in crate::store) fn is_blank(
    disk: &dyn Disk,
    path: &Path,
    (id, bytes): (SegmentId, u64),
    samples: Option<&[u8]>,
) -> bool {
    let Ok(file) = disk.open_read(path) else {
        return true;
    };
    let reader = Reader(file.as_ref());
    let index = samples.and_then(|samples| SampleIndex::decode(samples).ok());
    let header = fmp4::read_header(&reader, bytes).ok();
    let stretches = index
        .zip(header)
        .and_then(|(index, header)| fmp4::stretches(&reader, id, &index, header.len, bytes));
    let marked = |gone: &Gone| fmp4::is_marked(&reader, bytes, id, gone);
    stretches.is_none_or(|stretches| stretches.iter().all(marked))
}

/// Takes the deleted parts out of a scanned file; true when there were any.
pub(super) fn take_out(scanned: &mut Scanned, parts: &[Part]) -> bool {
    let before = scanned.index.fragments.len();
    let stays = |fragment: &_| parts.iter().all(|part: &Part| !part.covers(fragment));
    scanned.index.fragments.retain(stays);
    let took = scanned.index.fragments.len() < before;
    scanned.gone |= took;
    took
}
