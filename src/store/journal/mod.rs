//! The journal: what is on the tape, in SQLite.
//!
//! A change is an [`Op`]; ops are committed together in one transaction (WAL, `synchronous=FULL`: durable when
//! [`Journal::commit`] returns). Each op can be carried out twice with the effect of once, so that a
//! commit whose outcome is unknown is simply tried again. Events are written to the outbox by the ops that
//! make them true.

mod apply;
mod evict;
mod op;
mod read;
mod redate;
mod reserve;
mod schema;
#[cfg(test)]
mod tests;
mod tracks;
mod victims;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

pub(super) use op::{BootClock, NewSegment, Op, Sealed};
pub(super) use read::{RecordingData, SegmentData, SegmentState};
pub(super) use tracks::hex;
pub(super) use victims::{Blocks, Class};

use super::disk::{Disk, RealDisk};
use super::{StoreError, disk};

/// The file's name in the storage directory.
const FILE: &str = "journal.db";

/// Another process may hold the journal for a moment (`ls` on a WAL that it must recover).
const BUSY: Duration = Duration::from_secs(10);

/// Events kept for a broker that is away; past that the oldest are dropped and counted.
pub(super) const OUTBOX_ROWS: i64 = 10_000;

/// An open journal.
pub(super) struct Journal {
    connection: Connection,
    path: PathBuf,
}

impl Journal {
    /// Opens the journal of a storage directory to write it, makes it if there is none, and takes it to the
    /// newest version.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut journal = Self::connect(path, flags)?;
        journal.prepare().map_err(|error| journal.error(error))?;
        // SQLite syncs the file; that its name survives is left to us.
        RealDisk.sync_dir(dir).map_err(StoreError::disk("sync", dir))?;
        Ok(journal)
    }

    /// Opens the journal to read it, whoever else has it open.
    pub(super) fn open_read(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        if !disk::is_there(&path) {
            return Err(StoreError::NoTape { path: dir.to_owned() });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let journal = Self::connect(path, flags)?;
        match schema::version(&journal.connection).map_err(|error| journal.error(error))? {
            0 => Err(StoreError::NoTape { path: dir.to_owned() }),
            _ => Ok(journal),
        }
    }

    fn connect(path: PathBuf, flags: OpenFlags) -> Result<Self, StoreError> {
        let open = || {
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(BUSY)?;
            // 256 KiB: a box has better uses for its memory.
            connection.pragma_update(None, "cache_size", -256)?;
            connection.pragma_update(None, "foreign_keys", true)?;
            let found = schema::version(&connection)?;
            Ok((connection, found))
        };
        match open() {
            Err(source) => Err(StoreError::Journal { path, source }),
            Ok((_, found)) if found > schema::NEWEST => Err(StoreError::JournalNewer {
                path,
                found,
                known: schema::NEWEST,
            }),
            Ok((connection, _)) => Ok(Self { connection, path }),
        }
    }

    fn prepare(&mut self) -> rusqlite::Result<()> {
        self.connection.pragma_update(None, "journal_mode", "wal")?;
        self.connection.pragma_update(None, "synchronous", "full")?;
        // The WAL is cut back to this after a checkpoint, so that one burst does not hold flash for ever.
        self.connection
            .pragma_update(None, "journal_size_limit", 1 << 20)?;
        schema::migrate(&mut self.connection)
    }

    /// Carries out `ops` in one transaction; durable when it returns. `utc` dates the events.
    pub(super) fn commit(&mut self, ops: &[Op], utc: i64) -> Result<(), StoreError> {
        let mut result = self.transact(ops, utc);
        if result.as_ref().is_err_and(is_full) && self.release_reserve() {
            tracing::warn!(
                "{}: no room for the journal; its reserve is used",
                self.path.display()
            );
            result = self.transact(ops, utc);
        }
        result.map_err(|error| self.error(error))
    }

    fn transact(&mut self, ops: &[Op], utc: i64) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for op in ops {
            apply::apply(&transaction, op, utc)?;
        }
        transaction.commit()
    }

    /// A read transaction: what `read` reads was true at one moment.
    pub(super) fn snapshot<T>(&self, read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.connection
            .execute_batch("BEGIN")
            .map_err(|error| self.error(error))?;
        let result = read();
        // Nothing was written: there is nothing that ending it could lose.
        let _ = self.connection.execute_batch("COMMIT");
        result
    }

    fn error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Journal {
            path: self.path.clone(),
            source,
        }
    }

    fn row_error(&self, what: impl Into<String>) -> StoreError {
        StoreError::JournalRow {
            path: self.path.clone(),
            what: what.into(),
        }
    }
}

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}
