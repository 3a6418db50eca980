//! The names of files and folders in a storage directory.
//!
//! ```text
//! <dir>/lock                              held by the service
//! <dir>/journal.db                        SQLite, with -wal and -shm beside it
//! <dir>/reserve                           space for the journal when all other space is taken
//! <dir>/tape/live+cam1/00000017.mp4       segment 17 of live/cam1
//! <dir>/deleted/                          what was deleted on request, a file for each recording
//! <dir>/recordings/<recording>.json       what people set of a recording
//! <dir>/recordings/categories.json        the tree of categories
//! <dir>/recordings/new/                   the same files, before the journal has what is in them
//! <dir>/lost+found/                       files that nobody could read
//! ```

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::media::StreamName;

/// The journal's file; SQLite keeps others beside it.
pub(super) const JOURNAL: &str = "journal.db";

pub(super) fn journal(dir: &Path) -> PathBuf {
    dir.join(JOURNAL)
}

pub(super) fn tape(dir: &Path) -> PathBuf {
    dir.join("tape")
}

pub(super) fn stream(dir: &Path, stream: &StreamName) -> PathBuf {
    tape(dir).join(stream.to_component())
}

pub(super) fn segment(dir: &Path, of: &StreamName, sequence: u64) -> PathBuf {
    stream(dir, of).join(file(sequence))
}

/// The name of a segment's file. Eight digits sort by name for 190 years of one-minute segments.
pub(super) fn file(sequence: u64) -> String {
    format!("{sequence:08}.mp4")
}

/// The sequence number in a file's name.
pub(super) fn sequence(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_suffix(".mp4")?;
    digits.parse().ok().filter(|sequence| *name == *file(*sequence))
}

/// The folder with the list of deleted media.
pub(super) fn deleted(dir: &Path) -> PathBuf {
    dir.join("deleted")
}

/// The folder with what people set of recordings.
pub(super) fn sidecars(dir: &Path) -> PathBuf {
    dir.join("recordings")
}

pub(super) fn lost_found(dir: &Path) -> PathBuf {
    dir.join("lost+found")
}
