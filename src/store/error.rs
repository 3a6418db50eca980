//! The errors of the store, with the path or the id in the text.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::journal::{Fault, fault};
use crate::format::SourceError;
use crate::media::RecordingId;

/// The reason why the store cannot be opened, read or closed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another service holds the directory.
    #[error("{path}: in use by another edgereel service; two services cannot share one tape")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The directory holds no journal: nothing was ever recorded there.
    #[error("{path}: no tape here (there is no journal.db); is this the storage directory?")]
    NoTape {
        /// The directory.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("{path}: cannot {what}: {source}")]
    Disk {
        /// The operation that was tried, in a few words.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of SQLite or of the system.
        source: io::Error,
    },
    /// SQLite refused an operation.
    #[error("{path}: journal: {source}")]
    Journal {
        /// The journal.
        path: PathBuf,
        /// The error of SQLite or of the system.
        source: rusqlite::Error,
    },
    /// The journal was written by a newer edgereel.
    #[error(
        "{path}: journal version {found} is newer than this edgereel, which knows up to {known}; install the newer release again, or start the service: it sets the journal aside and makes one of its own from the files"
    )]
    JournalNewer {
        /// The journal.
        path: PathBuf,
        /// The version it has.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// The journal was written by an older edgereel and this command only reads.
    #[error(
        "{path}: journal version {found} is older than this edgereel's, {known}; start the service once, it brings the journal up to date"
    )]
    JournalOlder {
        /// The journal.
        path: PathBuf,
        /// The version it has.
        found: i64,
        /// The version this edgereel reads.
        known: i64,
    },
    /// The file is not a journal, or edgereel found a fault in it without an error of SQLite.
    #[error("{path}: the journal is damaged: {reason}{MEND}")]
    JournalDamaged {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A row that no edgereel writes.
    #[error("{path}: journal row is not readable: {what}{MEND}")]
    JournalRow {
        /// The journal.
        path: PathBuf,
        /// The table and the column.
        what: String,
    },
    /// No recording has this id or name.
    #[error("no recording '{text}'; `edgereel ls` prints the ids")]
    NoRecording {
        /// The text of the request.
        text: String,
    },
    /// More than one recording has an id that begins so.
    #[error("'{text}' stands for {count} recordings; give more of the id")]
    Ambiguous {
        /// The text of the request.
        text: String,
        /// Number of these recordings.
        count: usize,
    },
    /// Another file system lies where the store was.
    #[error("{path}: {what}")]
    Elsewhere {
        /// The directory.
        path: PathBuf,
        /// The description of what is there instead.
        what: &'static str,
    },
    /// A segment could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Nothing can be made of what is left of a composition.
    #[error("recording {recording} cannot be played any more: {reason}")]
    Unplayable {
        /// The recording.
        recording: RecordingId,
        /// The reason.
        reason: String,
    },
    /// As many reads as are allowed are running already, and wait for the storage device.
    #[error("the storage device is too slow to read from it now; try again later")]
    Busy,
    /// A read failed because of a defect of edgereel.
    #[error("the store could not be read, which is a defect of edgereel: {reason}")]
    Reading {
        /// A description of the defect.
        reason: String,
    },
    /// The storage thread has ended.
    #[error("the storage thread ended unexpectedly: {reason}")]
    Thread {
        /// A description of how it ended.
        reason: String,
    },
    /// The shutdown could not make everything durable.
    #[error("not everything could be made durable before the end: {reason}")]
    Unfinished {
        /// The last error of disk or journal.
        reason: String,
    },
}

/// The remedy for a damaged journal, as a part of a sentence.
const MEND: &str = "; start the service anew, or stop it and run `edgereel verify --repair`: \
                    the journal is then set aside and made again from the files";

impl StoreError {
    /// True when the journal's file or its medium cannot be read or written, or when its rows contradict each other. Only opening
    /// it again can help.
    pub(super) fn is_unreachable(&self) -> bool {
        let StoreError::Journal { source, .. } = self else {
            return false;
        };
        fault::is_unreachable(source) || fault::judge(source) == Fault::Damaged
    }

    pub(super) fn journal(path: PathBuf, source: rusqlite::Error) -> Self {
        if fault::is_proof(&source) {
            let reason = source.to_string();
            return StoreError::JournalDamaged { path, reason };
        }
        StoreError::Journal { path, source }
    }

    /// The reason why the journal must be set aside, if this error demands it.
    pub(super) fn journal_unusable(&self) -> Option<Unusable> {
        match self {
            StoreError::Journal { source, .. } if fault::judge(source) == Fault::Damaged => {
                Some(Unusable::Damaged(source.to_string()))
            }
            StoreError::JournalDamaged { reason, .. } => Some(Unusable::Damaged(reason.clone())),
            StoreError::JournalRow { what, .. } => {
                Some(Unusable::Damaged(format!("a row is not readable: {what}")))
            }
            StoreError::JournalNewer { found, known, .. } => Some(Unusable::Newer(format!(
                "its version {found} is newer than this edgereel, which knows up to {known}"
            ))),
            _ => None,
        }
    }

    /// An error of a disk operation, for `map_err`.
    pub(super) fn disk<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StoreError + 'a {
        move |source| StoreError::Disk {
            what,
            path: path.to_owned(),
            source,
        }
    }
}

/// A journal that edgereel cannot use, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// The bytes are not those of a journal.
    Damaged(String),
    /// The journal is whole, and a later edgereel wrote it.
    Newer(String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Damaged(reason) | Unusable::Newer(reason) => f.write_str(reason),
        }
    }
}

/// The reason why a command was not taken. Media is never refused for want of space: the oldest media is dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The card has been stuck for so long that commands without media fill their part of the queue.
    #[error(
        "the storage device has accepted no data for too long: {waiting} bytes of beginnings and reports wait, at most {limit} may"
    )]
    Full {
        /// Bytes waiting.
        waiting: usize,
        /// The cap.
        limit: usize,
    },
    /// The store is shut down or its thread is gone.
    #[error("the store is shut down")]
    Stopped,
}
