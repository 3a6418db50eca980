//! Whether a segment is what its row says, byte by byte.

use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::journal::{SegmentData, SegmentState};
use super::recover::{Reader, read_exact};
use super::segment::boxes_crc;
use crate::format::fmp4;
use crate::format::index::SampleIndex;

/// Something that [`Library::verify`](super::Library::verify) found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

/// Checks one segment; the error says what is wrong. One that is open is not finished and is not judged.
pub(super) fn verify_segment(
    disk: &dyn Disk,
    path: &Path,
    row: &SegmentData,
    samples: Option<&[u8]>,
) -> Result<(), String> {
    match row.state {
        SegmentState::Open | SegmentState::Spare | SegmentState::Wipe => return Ok(()),
        SegmentState::Missing => return Err("the file is gone".to_owned()),
        SegmentState::Sealed => {}
    }
    let file = disk.open_read(path).map_err(|error| error.to_string())?;
    let len = file.size().map_err(|error| error.to_string())?;
    if len < row.bytes {
        return Err(format!("{len} bytes long; sealed at {}", row.bytes));
    }
    let scanned = fmp4::scan(&Reader(file.as_ref()), row.bytes).map_err(|error| error.to_string())?;
    if scanned.identity.segment != row.id {
        return Err(format!(
            "it is segment {}, not {}",
            scanned.identity.segment, row.id
        ));
    }
    if scanned.valid_len != row.bytes {
        return Err(format!(
            "damaged at byte {} of {}: {:?}",
            scanned.valid_len, row.bytes, scanned.stopped
        ));
    }
    let crc = boxes_crc(&scanned.index, |at, len| read_exact(file.as_ref(), at, len));
    if row.crc != Some(crc.map_err(|error| error.to_string())?) {
        return Err("its boxes are not those that were sealed".to_owned());
    }
    let index = SampleIndex::decode(samples.unwrap_or_default());
    if index.map_err(|error| error.to_string())? != scanned.index {
        return Err("the journal's sample index is not the file's".to_owned());
    }
    Ok(())
}
