//! The journal: what is on the tape, in SQLite.
//!
//! A change is an [`Op`]. Ops are committed together in one transaction (WAL, `synchronous=FULL`: durable when
//! [`Journal::commit`] returns). An op that is carried out twice has the effect of once. So a commit whose outcome is unknown
//! is simply tried again. An op that makes an event true writes that event to the outbox.

mod apply;
mod audit;
mod candidates;
mod chunks;
mod delivery;
mod evict;
mod facts;
pub(super) mod fault;
mod figures;
mod fingerprints;
mod held;
mod jobs;
mod lead_in;
mod listeners;
mod lists;
mod op;
mod outbox;
mod owner;
mod query;
mod ranges;
mod read;
mod recordings;
mod redate;
mod reserve;
mod review;
mod schema;
mod shown;
mod spans;
pub(in crate::store) mod sql;
mod tags;
mod tallies;
#[cfg(test)]
mod tests;
mod thin;
mod timeline;
mod tracks;
mod trust;
mod window;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

pub(super) use candidates::{Blocks, Class};
pub(super) use fault::Fault;
pub(super) use lists::{After, List, ListedRow};
pub(super) use op::{BootClock, NewSegment, Op, Sealed, Tell};
pub(super) use ranges::Sealing;
pub(super) use read::{NextSegment, Publish, RecordingData, SegmentData, SegmentState};
pub(super) use thin::Blank;
pub(super) use timeline::{GapSpan, RecordingSpan, SegmentSpan};
pub(super) use trust::may_have_recordings;

use super::disk::{Disk, FileId, RealDisk};
use super::{StoreError, disk, paths};

pub(super) use super::paths::JOURNAL as FILE;

/// The files that SQLite keeps beside the journal.
pub(super) const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// How long a statement waits for another process that holds the journal (`ls` on a WAL that it must recover).
const BUSY: Duration = Duration::from_secs(10);

/// An open journal.
pub(super) struct Journal {
    connection: Connection,
    path: PathBuf,
    /// The file that was opened; `None` once it is closed.
    file: Option<FileId>,
    /// A commit or a read found damage.
    damaged: bool,
    /// A commit failed. What SQLite reads from memory that it shares with the file may not be what it wrote: the kernel lets go of
    /// pages that the medium does not take.
    doubtful: bool,
    /// The reserve was used, and is to be held again.
    owes_reserve: bool,
    /// Tape time up to which every sealed segment belongs to a recording.
    nobodys: Cell<i64>,
    /// Segments that may not go yet, each with a recording that is decoded with it.
    held: RefCell<HashMap<crate::media::SegmentId, i64>>,
    /// Called after each commit.
    #[cfg(test)]
    observer: Option<Box<dyn FnMut() + Send>>,
    /// The codes with which SQLite refuses the next commits, the next one last.
    #[cfg(test)]
    refusals: Vec<i32>,
}

/// Refuses a path that is no regular file. SQLite would not open it, or would wait for it without end.
fn expect_files(dir: &Path) -> Result<(), StoreError> {
    for suffix in [&[""][..], &BESIDE].concat() {
        let path = dir.join(format!("{FILE}{suffix}"));
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            let reason = "it is not a file".to_owned();
            return Err(StoreError::JournalDamaged { path, reason });
        }
    }
    Ok(())
}

impl Journal {
    /// Opens the journal of a storage directory for writing. Makes it if there is none, and takes it to the newest version.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        expect_files(dir)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut journal = Self::connect(path, flags)?;
        // This check comes before any statement of the journal runs, also before the steps to the newest version.
        journal.expect_schema()?;
        journal.prepare().map_err(|error| journal.error(error))?;
        // SQLite syncs the file. edgereel must sync its name.
        RealDisk.sync_dir(dir).map_err(StoreError::disk("sync", dir))?;
        Ok(journal)
    }

    /// Opens the journal to read it, whoever else has it open.
    pub(super) fn open_read(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        if !disk::is_there(&path) {
            return Err(StoreError::NoTape { path: dir.to_owned() });
        }
        expect_files(dir)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let journal = Self::connect(path, flags)?;
        match schema::version(&journal.connection).map_err(|error| journal.error(error))? {
            0 if disk::is_there(&paths::tape(dir)) => Err(StoreError::JournalDamaged {
                path: journal.path,
                reason: "it is empty, and there is a tape".to_owned(),
            }),
            0 => Err(StoreError::NoTape { path: dir.to_owned() }),
            found if found < schema::NEWEST => Err(StoreError::JournalOlder {
                path: journal.path,
                found,
                known: schema::NEWEST,
            }),
            _ => {
                journal.expect_schema()?;
                Ok(journal)
            }
        }
    }

    /// Checks that the journal has the schema of its version: no other trigger, view or table.
    fn expect_schema(&self) -> Result<(), StoreError> {
        let foreign = schema::version(&self.connection)
            .and_then(|version| trust::foreign_object(&self.connection, version))
            .map_err(|error| self.error(error))?;
        match foreign {
            None => Ok(()),
            Some(what) => Err(self.foreign(format!("it is not as this edgereel makes it: {what}"))),
        }
    }

    fn connect(path: PathBuf, flags: OpenFlags) -> Result<Self, StoreError> {
        let open = || {
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(BUSY)?;
            trust::restrain(&connection)?;
            // A journal that turns out to be unusable is left as it was found.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            // 256 KiB: a box has better uses for its memory.
            connection.pragma_update(None, "cache_size", -256)?;
            connection.pragma_update(None, "foreign_keys", true)?;
            let found = schema::version(&connection)?;
            Ok((connection, found))
        };
        match open() {
            Err(source) => Err(StoreError::journal(path, source)),
            Ok((_, found)) if found > schema::NEWEST => Err(StoreError::JournalNewer {
                path,
                found,
                known: schema::NEWEST,
            }),
            Ok((connection, _)) => Ok(Self {
                connection,
                file: disk::file_id(&path).ok(),
                path,
                damaged: false,
                doubtful: false,
                owes_reserve: false,
                nobodys: Cell::new(i64::MIN),
                held: RefCell::default(),
                #[cfg(test)]
                observer: None,
                #[cfg(test)]
                refusals: Vec::new(),
            }),
        }
    }

    fn prepare(&mut self) -> rusqlite::Result<()> {
        self.connection.pragma_update(None, "journal_mode", "wal")?;
        self.connection.pragma_update(None, "synchronous", "full")?;
        // The WAL is cut back to this size after a checkpoint, so that one burst does not hold flash for ever.
        self.connection
            .pragma_update(None, "journal_size_limit", 1 << 20)?;
        schema::migrate(&mut self.connection)?;
        self.add_up()?;
        review::watch(&self.connection)?;
        self.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
            .map(drop)
    }

    /// Adds up the recordings of a release that kept no tallies, some in each transaction.
    fn add_up(&mut self) -> rusqlite::Result<()> {
        let mut more = true;
        while more {
            let transaction = self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            more = tallies::add_up(&transaction)?;
            transaction.commit()?;
        }
        Ok(())
    }

    /// True while the path leads to the file that was opened.
    pub(super) fn is_in_place(&self) -> bool {
        self.file.is_some() && disk::file_id(&self.path).ok() == self.file
    }

    /// True when a commit or a read found the journal damaged.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Closes the file, so that its file system can be unmounted. From here on every statement fails.
    pub(super) fn close(&mut self) {
        let _ = self
            .connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        if let Ok(nothing) = Connection::open_in_memory() {
            self.connection = nothing;
        }
        self.file = None;
    }

    /// Closes a journal that is to be set aside as it was found: the WAL is not brought into the database.
    pub(super) fn leave(self) {
        let _ = self
            .connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }

    /// Reads every table but the sample indexes, which are most of the journal, and the lists of chunks, and says what is damaged.
    /// Each of these has a checksum of its own, which is checked when it is used.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        for table in schema::CHECKED {
            self.check_with(&format!("PRAGMA integrity_check('{table}')"))?;
        }
        for table in schema::CHECKED_IN_USE {
            // A journal that was cut off may lack the whole table.
            let first = format!("SELECT {} EXISTS (SELECT * FROM {table})", sql::WHOLE);
            self.one(&first, [], |_| Ok(()))?;
        }
        self.check_values()
    }

    /// Reads every page of the journal.
    pub(super) fn check_all(&self) -> Result<(), StoreError> {
        self.check_with("PRAGMA integrity_check(1)")
    }

    fn check_with(&self, sql: &str) -> Result<(), StoreError> {
        let found: Option<String> = self.one(sql, [], |row| self.col(row, 0))?;
        match found.as_deref() {
            None | Some("ok") => Ok(()),
            Some(found) => Err(StoreError::JournalDamaged {
                path: self.path.clone(),
                reason: found.replace('\n', " "),
            }),
        }
    }

    /// Carries out `ops` in one transaction; durable when it returns. `utc` dates the events.
    ///
    /// After a commit that failed, the journal is opened again first: its index of the WAL is made anew from the WAL, each page of
    /// which has a checksum.
    pub(super) fn commit(&mut self, ops: &[Op], utc: i64) -> Result<(), StoreError> {
        if self.doubtful {
            self.open_again()?;
        }
        let mut result = self.transact(ops, utc);
        // SQLite calls it an error of I/O when a quota of the file system is used up.
        let refused = |error: &rusqlite::Error| is_full(error) || fault::is_write_refused(error);
        if result.as_ref().is_err_and(refused) && self.release_reserve() {
            tracing::warn!(
                "{}: no room for the journal; its reserve is used",
                self.path.display()
            );
            result = self.transact(ops, utc);
        }
        result.map_err(|error| {
            self.judge(&error);
            self.doubtful = true;
            self.error(error)
        })
    }

    fn open_again(&mut self) -> Result<(), StoreError> {
        if !self.is_in_place() {
            let gone = std::io::ErrorKind::NotFound;
            return Err(StoreError::disk("open again", &self.path)(gone.into()));
        }
        let file = self.file;
        // SQLite makes the index of the WAL anew when nobody else has the journal open.
        self.close();
        self.file = file;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut opened = Self::connect(self.path.clone(), flags)?;
        opened.expect_schema()?;
        opened.prepare().map_err(|error| opened.error(error))?;
        self.connection = opened.connection;
        self.doubtful = false;
        Ok(())
    }

    /// Reads from the file the pages that are otherwise read from memory. Without that, a journal that another program wrote
    /// over would be written on for as long as nothing else is read from it.
    pub(super) fn look(&mut self) -> Result<(), StoreError> {
        let look = || {
            self.connection.execute_batch("PRAGMA shrink_memory")?;
            schema::CHECKED.iter().try_for_each(|table| {
                let first = format!("SELECT EXISTS (SELECT * FROM {table})");
                self.connection.query_row(&first, [], |_| Ok(()))
            })
        };
        look().map_err(|error| {
            self.judge(&error);
            self.error(error)
        })
    }

    fn judge(&mut self, error: &rusqlite::Error) {
        self.damaged |= fault::is_proof(error);
    }

    fn transact(&mut self, ops: &[Op], utc: i64) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for op in ops {
            candidates::watch_nobodys(&transaction, &self.nobodys, op)?;
            apply::apply(&transaction, op, utc)?;
        }
        while tallies::add_up(&transaction)? {}
        jobs::tell(&transaction, utc)?;
        #[cfg(test)]
        if let Some(code) = self.refusals.pop() {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(code),
                None,
            ));
        }
        transaction.commit()?;
        #[cfg(test)]
        self.expect_tallies();
        #[cfg(test)]
        if let Some(observer) = &mut self.observer {
            observer();
        }
        Ok(())
    }

    /// Every transaction leaves the tally of each recording as its segments add up. Large journals are for figures.
    #[cfg(test)]
    fn expect_tallies(&self) {
        let sql = "SELECT max(ifnull((SELECT max(recording) FROM recordings), 0),
            ifnull((SELECT max(segment) FROM segments), 0))";
        let most: Option<i64> = self.one(sql, [], |row| self.col(row, 0)).unwrap();
        if most.is_none_or(|most| most <= 100) {
            assert_eq!(self.wrong_tallies(), [""; 0]);
        }
    }

    /// The next commits fail with these codes.
    #[cfg(test)]
    pub(super) fn refuse(&mut self, codes: &[i32]) {
        self.refusals.extend(codes.iter().rev());
    }

    /// Brings the WAL into the database whenever it has so many pages, and calls `observer` after each commit.
    #[cfg(test)]
    pub(super) fn observe(&mut self, pages: u32, observer: impl FnMut() + Send + 'static) {
        self.connection
            .pragma_update(None, "wal_autocheckpoint", pages)
            .unwrap();
        self.observer = Some(Box::new(observer));
    }

    /// Every row of every table.
    #[cfg(test)]
    #[expect(clippy::disallowed_methods, reason = "whole tables are what it is for")]
    pub(super) fn dump(&self) -> String {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let tables: Vec<String> = self.all(sql, [], |row| self.col(row, 0)).unwrap();
        let mut out = format!("{}\n", schema::version(&self.connection).unwrap());
        for table in tables {
            let mut statement = self
                .connection
                .prepare(&format!("SELECT * FROM {table}"))
                .unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values = (0..columns).map(|column| row.get::<_, rusqlite::types::Value>(column).unwrap());
                out.push_str(&format!("{table} {:?}\n", values.collect::<Vec<_>>()));
            }
        }
        out
    }

    /// A read transaction: all that `read` reads was true at one moment.
    pub(super) fn snapshot<T>(&self, read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.connection
            .execute_batch("BEGIN")
            .map_err(|error| self.error(error))?;
        let result = read();
        // Nothing was written, so nothing can be lost by an error here.
        let _ = self.connection.execute_batch("COMMIT");
        result
    }

    fn error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::journal(self.path.clone(), source)
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
