//! The list of media that was deleted on request. It lies beside the tape. Because of it, deleted media does not come back: not
//! when the journal is made again from the files, and not with an older copy of the journal or of files.
//!
//! Each deletion has a file, `deleted/<recording>`, so that an older copy of the folder that is laid over it removes nothing. The
//! file lists the deleted parts of the tape, see [`Part`]. A damaged part is skipped.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, IoSlice};
use std::path::Path;

use super::disk::Disk;
use super::paths;
use crate::format::index::FragmentIndex;
use crate::media::{RecordingId, SegmentId};

/// Bytes of a part: segment, from, to, CRC-32C of these three.
const PART: usize = 36;

/// Most deletions that are kept; then the oldest recordings go.
pub(super) const MOST: usize = 10_000;

/// Longest file that is read: a hundred thousand parts.
const LONGEST: usize = 100_000 * PART;

/// A part of a segment's file that was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) segment: SegmentId,
    /// The first byte of the part in the file.
    pub(super) from: u64,
    /// The byte behind the part; the greatest number stands for the whole file.
    pub(super) to: u64,
}

impl Part {
    pub(super) fn whole(segment: SegmentId) -> Self {
        Self {
            segment,
            from: 0,
            to: u64::MAX,
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.to == u64::MAX
    }

    pub(super) fn covers(&self, fragment: &FragmentIndex) -> bool {
        self.from <= fragment.offset && fragment.end() <= self.to
    }

    pub(super) fn encode(parts: &[Part]) -> Vec<u8> {
        let mut out = Vec::with_capacity(parts.len() * PART);
        for part in parts {
            let begins = out.len();
            out.extend(part.segment.to_bytes());
            out.extend(part.from.to_be_bytes());
            out.extend(part.to.to_be_bytes());
            let crc = crc32c::crc32c(out.get(begins..).unwrap_or_default());
            out.extend(crc.to_be_bytes());
        }
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (fields, crc) = bytes.split_last_chunk::<4>()?;
        let (segment, rest) = fields.split_first_chunk::<16>()?;
        let (from, rest) = rest.split_first_chunk::<8>()?;
        let to = rest.first_chunk::<8>()?;
        (crc32c::crc32c(fields) == u32::from_be_bytes(*crc)).then(|| Self {
            segment: SegmentId::from_bytes(*segment),
            from: u64::from_be_bytes(*from),
            to: u64::from_be_bytes(*to),
        })
    }
}

/// The recordings that the list names, the oldest first.
pub(super) fn ids(disk: &dyn Disk, dir: &Path) -> io::Result<BTreeSet<RecordingId>> {
    let names = disk.list(&paths::deleted(dir))?.into_iter();
    Ok(names
        .filter_map(|entry| entry.name.to_str()?.parse().ok())
        .collect())
}

/// Reads the parts of the tape that were deleted with a recording.
pub(super) fn parts(disk: &dyn Disk, dir: &Path, id: RecordingId) -> io::Result<Vec<Part>> {
    let file = disk.open_read(&paths::deleted(dir).join(id.to_string()))?;
    let size = usize::try_from(file.size()?).unwrap_or(usize::MAX).min(LONGEST);
    let mut bytes = vec![0; size];
    let read = file.read_at(0, &mut bytes)?;
    let whole = bytes.get(..read).unwrap_or_default().chunks_exact(PART);
    Ok(whole.filter_map(Part::decode).collect())
}

/// All deleted parts, by segment.
pub(super) fn all_parts(
    disk: &dyn Disk,
    dir: &Path,
    ids: &BTreeSet<RecordingId>,
) -> io::Result<HashMap<SegmentId, Vec<Part>>> {
    let mut all: HashMap<SegmentId, Vec<Part>> = HashMap::new();
    for id in ids {
        for part in parts(disk, dir, *id)? {
            all.entry(part.segment).or_default().push(part);
        }
    }
    Ok(all)
}

/// Enters a deletion; durable when this returns. An earlier entry of the same recording is replaced.
pub(super) fn add(disk: &dyn Disk, dir: &Path, id: RecordingId, parts: &[u8]) -> io::Result<()> {
    add_behind(disk, dir, id, 0, parts)
}

/// Enters more parts of a deletion, behind so many bytes of those before.
pub(super) fn add_behind(
    disk: &dyn Disk,
    dir: &Path,
    id: RecordingId,
    before: u64,
    parts: &[u8],
) -> io::Result<()> {
    let folder = paths::deleted(dir);
    // The sync also follows where the folder is there: an earlier sync may have failed.
    disk.create_dir(&folder)?;
    disk.sync_dir(dir)?;
    let path = folder.join(id.to_string());
    let file = match disk.create(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(&path)?,
        other => other?,
    };
    file.write_at(before, &mut [IoSlice::new(parts)])?;
    file.sync()?;
    disk.sync_dir(&folder)
}

/// Removes the oldest recordings from a list that is too long.
pub(super) fn trim(disk: &dyn Disk, dir: &Path, ids: &mut BTreeSet<RecordingId>) -> io::Result<()> {
    let excess = ids.len().saturating_sub(MOST);
    for _ in 0..excess {
        if let Some(oldest) = ids.pop_first() {
            disk.unlink(&paths::deleted(dir).join(oldest.to_string()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::crash::CrashDisk;

    #[test]
    fn what_a_step_removed_is_behind_what_the_steps_before_removed() {
        let (disk, dir) = (CrashDisk::default(), Path::new("/store"));
        let id = RecordingId::from_bytes([7; 16]);
        let of = [1, 2, 3].map(|n| Part::whole(SegmentId::new(n)));
        add(&disk, dir, id, &Part::encode(&of[..1])).unwrap();
        let before = PART as u64;
        add_behind(&disk, dir, id, before, &Part::encode(&of[1..])).unwrap();
        assert_eq!(parts(&disk, dir, id).unwrap(), of);
    }

    #[test]
    fn a_deletion_is_read_back_and_a_torn_entry_is_passed_over() {
        let (disk, dir) = (CrashDisk::default(), Path::new("/store"));
        assert!(ids(&disk, dir).unwrap().is_empty());
        let of = [
            Part::whole(SegmentId::new(1)),
            Part {
                segment: SegmentId::new(2),
                from: 700,
                to: 9_000,
            },
        ];
        let id = RecordingId::from_bytes([7; 16]);
        for _ in 0..2 {
            add(&disk, dir, id, &Part::encode(&of)).unwrap();
        }
        assert_eq!(ids(&disk, dir).unwrap().into_iter().collect::<Vec<_>>(), [id]);
        assert_eq!(parts(&disk, dir, id).unwrap(), of);
        let mut torn = Part::encode(&of);
        torn[3] ^= 1;
        torn.push(0);
        add(&disk, dir, id, &torn).unwrap();
        assert_eq!(parts(&disk, dir, id).unwrap(), of[1..]);
    }
}
