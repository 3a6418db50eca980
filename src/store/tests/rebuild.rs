//! Journals with every kind of damage: they are set aside, made again from the files, and reported, and no tape is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::crashes::script;
use super::moment::JournalFiles;
use super::rig::{Rig, expected, state, stream, tape};
use crate::event::JournalSetAside;
use crate::media::Micros;
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Image};
use crate::store::journal::{Journal, SegmentState};
use crate::store::recover::Occasion;
use crate::store::recover::start;
use crate::store::{Filter, Library, RecordingRow, RecoveryReport, StoreError};

/// A store after the script of two streams, to be damaged again and again.
struct Store {
    dir: tempfile::TempDir,
    image: Image,
    /// The journal after the service has stopped: all rows are in the database.
    stopped: JournalFiles,
    /// The journal when the power goes at the end: most rows are in the WAL.
    cut_off: JournalFiles,
    recordings: Vec<RecordingRow>,
}

#[expect(clippy::disallowed_methods, reason = "a test ruins files as a bad card would")]
impl Store {
    fn new() -> Self {
        let mut rig = Rig::new();
        script(&mut rig);
        let cut_off = JournalFiles::read(rig.dir.path());
        let recordings = rig.library().recordings(&Filter::default()).unwrap();
        assert_eq!(recordings.len(), 4);
        let Rig {
            dir, writer, disk, ..
        } = rig;
        drop(writer);
        let stopped = JournalFiles::read(dir.path());
        assert!(stopped.wal.is_empty() && !cut_off.wal.is_empty());
        let image = disk.image().clone();
        Self {
            dir,
            image,
            stopped,
            cut_off,
            recordings,
        }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn journal(&self) -> PathBuf {
        self.path().join("journal.db")
    }

    /// Makes the store with this journal, as if nothing had happened to it before.
    fn lay_out(&self, journal: &JournalFiles) -> CrashDisk {
        for entry in std::fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
        journal.write(self.path());
        let disk = CrashDisk::default();
        *disk.image() = self.image.clone();
        disk
    }

    fn start(&self, disk: &CrashDisk) -> Result<RecoveryReport, StoreError> {
        let clock = TestClock::new(1_000_000);
        clock.reboot(1_000_000);
        start(self.path(), disk, &clock, Occasion::Start).map(|(_, report)| report)
    }

    /// Starts the store, and checks that the whole tape is there; gives what became of the journal.
    fn comes_up(&self, disk: &CrashDisk, what: &str) -> Option<JournalSetAside> {
        let report = self.start(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
        let dir = self.path();
        assert_eq!(tape(dir, disk, &stream("a")), expected(0..9), "{what}");
        assert_eq!(tape(dir, disk, &stream("b")), expected(0..8), "{what}");
        let library = Library::with_disk(dir, std::sync::Arc::new(disk.clone())).unwrap();
        assert_eq!(library.verify(&mut |_, _| {}).unwrap(), [], "{what}");
        self.same_recordings(&library, what);
        let told = events(dir, "device.started").pop().unwrap();
        let told = &told["recovered"]["journal_set_aside"];
        let aside = report.0.journal_set_aside.clone();
        assert_eq!(
            told["path"].as_str(),
            aside.as_ref().map(|aside| aside.path.as_str())
        );
        assert_eq!(
            told["reason"].as_str(),
            aside.as_ref().map(|aside| aside.reason.as_str())
        );
        let before = state(dir, disk);
        let again = self.start(disk).unwrap();
        assert!(again.is_clean(), "{what}: the second start found {again}");
        assert_eq!(state(dir, disk), before, "{what}");
        aside
    }

    /// Checks that the former recordings are there and begin at the same moments. A recording that ended within a segment may
    /// be found again with all of that segment: the files know where recordings begin, not where they end.
    fn same_recordings(&self, library: &Library, what: &str) {
        let found = library.recordings(&Filter::default()).unwrap();
        let by_id = |rows: &[RecordingRow]| -> BTreeMap<String, (Micros, u64)> {
            let rows = rows.iter();
            rows.map(|row| (row.id.to_string(), (row.start, row.bytes)))
                .collect()
        };
        let (before, after) = (by_id(&self.recordings), by_id(&found));
        assert_eq!(
            before.keys().collect::<Vec<_>>(),
            after.keys().collect::<Vec<_>>(),
            "{what}"
        );
        for (id, (start, bytes)) in before {
            assert_eq!(after[&id].0, start, "{what}: {id}");
            assert!(after[&id].1 >= bytes, "{what}: {id} has lost tape");
        }
    }

    fn folders(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap());
        let dirs = names.filter(|entry| entry.path().is_dir());
        let mut names: Vec<String> = dirs
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }
}

/// The bodies of the events of a kind.
fn events(dir: &Path, kind: &str) -> Vec<serde_json::Value> {
    let outbox = Journal::open_read(dir).unwrap().outbox().unwrap();
    let bodies = outbox.into_iter().filter(|(_, found, _)| found == kind);
    bodies
        .map(|(_, _, body)| serde_json::from_str(&body).unwrap())
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "a test ruins files as a bad card would")]
fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test ruins files as a bad card would")]
fn remove(path: &Path) {
    std::fs::remove_file(path).unwrap();
}

/// Bytes without a pattern.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(byte).take(len).collect()
}

#[test]
fn a_journal_that_is_gone_is_made_again() {
    let store = Store::new();
    let disk = store.lay_out(&store.stopped);
    remove(&store.journal());
    assert_eq!(store.comes_up(&disk, "gone"), None);
    assert!(store.folders().is_empty());
    // The WAL is left behind: its journal is gone.
    let disk = store.lay_out(&store.cut_off);
    remove(&store.journal());
    store.comes_up(&disk, "gone but for its WAL");
}

#[test]
fn a_ruined_journal_is_set_aside_and_made_again() {
    let store = Store::new();
    let db = &store.stopped.db;
    let mut ruins = vec![
        ("empty", Vec::new()),
        ("garbage", noise(db.len(), 1)),
        ("a text", b"this is not a database\n".repeat(300)),
        ("zeros", vec![0; db.len()]),
        (
            "a header without the rest",
            [&db[..100], &noise(db.len() - 100, 2)].concat(),
        ),
        ("cut within its header", db[..50].to_vec()),
    ];
    let page = 4096;
    let pages = db.len() / page;
    assert!(pages > 15, "{pages}");
    ruins.extend((1..pages).map(|n| ("cut at a page", db[..n * page].to_vec())));
    // The last page has the lists of chunks, which a start does not read.
    ruins.extend((1..pages - 1).map(|n| ("cut within a page", db[..n * page + 1000].to_vec())));
    for (what, bytes) in ruins {
        let disk = store.lay_out(&store.stopped);
        put(&store.journal(), &bytes);
        let aside = store.comes_up(&disk, what);
        let aside = aside.unwrap_or_else(|| panic!("{what}: {} bytes", bytes.len()));
        assert_eq!(store.folders(), ["journal-damaged-1"], "{what}");
        let kept = std::fs::read(Path::new(&aside.path).join("journal.db")).unwrap();
        assert!(kept == bytes, "{what}: not as it was found");
        assert!(Path::new(&aside.path).join("reason.json").exists());
        assert!(!aside.reason.is_empty());
    }
}

#[test]
fn a_journal_with_a_ruined_page_comes_up() {
    let store = Store::new();
    let page = 4096;
    let db = &store.stopped.db;
    let mut set_aside = 0;
    for n in 0..db.len() / page {
        for (what, bytes) in [("zeros", vec![0; page]), ("garbage", noise(page, n as u64))] {
            let disk = store.lay_out(&store.stopped);
            let mut ruined = db.clone();
            ruined[n * page..(n + 1) * page].copy_from_slice(&bytes);
            put(&store.journal(), &ruined);
            // A start does not read pages of the sample indexes: `verify` finds this damage, and readers use the file.
            let report = store
                .start(&disk)
                .unwrap_or_else(|error| panic!("page {n}: {what}: {error}"));
            set_aside += usize::from(report.0.journal_set_aside.is_some());
            for (name, seconds) in [("a", 0..9), ("b", 0..8)] {
                assert_eq!(
                    tape(store.path(), &disk, &stream(name)),
                    expected(seconds),
                    "page {n}: {what}"
                );
            }
            let library = Library::with_disk(store.path(), std::sync::Arc::new(disk)).unwrap();
            store.same_recordings(&library, what);
        }
    }
    assert!(set_aside > 20, "{set_aside}");
}

#[test]
fn no_flipped_bit_keeps_it_from_starting_or_loses_a_file() {
    let store = Store::new();
    let db = &store.stopped.db;
    let dice = noise(600 * 4, 7);
    let before = media_files(&store.lay_out(&store.stopped));
    let mut set_aside = 0;
    for (n, dice) in dice.chunks(4).enumerate() {
        let number = u32::from_le_bytes(dice.try_into().unwrap());
        // Every third change is in the first page, where the schema is.
        let at = number as usize / 8 % if n % 3 == 0 { 4096 } else { db.len() };
        let disk = store.lay_out(&store.stopped);
        let mut ruined = db.clone();
        ruined[at] ^= 1 << (number % 8);
        put(&store.journal(), &ruined);
        let report = store
            .start(&disk)
            .unwrap_or_else(|error| panic!("byte {at}: {error}"));
        set_aside += usize::from(report.0.journal_set_aside.is_some());
        assert_eq!(media_files(&disk), before, "byte {at}");
    }
    assert!(set_aside > 10, "{set_aside}");
}

/// The media in the tape's files, whatever their names are.
fn media_files(disk: &CrashDisk) -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> = disk.files().into_values().collect();
    files.sort_unstable();
    files
}

#[test]
fn a_ruined_wal_costs_no_tape() {
    let store = Store::new();
    let wal = &store.cut_off.wal;
    let mut ruins = vec![("garbage", noise(wal.len(), 3)), ("zeros", vec![0; wal.len()])];
    ruins.extend((0..wal.len()).step_by(3001).map(|at| {
        let mut ruined = wal.clone();
        ruined[at] ^= 0x10;
        ("a flipped bit", ruined)
    }));
    for (what, wal) in ruins {
        let db = store.cut_off.db.clone();
        let disk = store.lay_out(&JournalFiles { db, wal });
        store.comes_up(&disk, what);
    }
}

#[test]
fn what_is_no_file_in_the_place_of_the_journal_is_set_aside() {
    let store = Store::new();
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let disk = store.lay_out(&store.stopped);
        let path = store.path().join(name);
        let _ = std::fs::exists(&path).unwrap().then(|| remove(&path));
        std::fs::create_dir(&path).unwrap();
        let aside = store.comes_up(&disk, name).unwrap();
        assert!(Path::new(&aside.path).join(name).is_dir());
    }
    // Opening this file would wait for a writer that never comes.
    let disk = store.lay_out(&store.stopped);
    remove(&store.journal());
    nix::unistd::mkfifo(&store.journal(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(store.comes_up(&disk, "a pipe").is_some());
}

#[test]
fn a_newer_journal_is_set_aside_whole() {
    let store = Store::new();
    for files in [&store.stopped, &store.cut_off] {
        let disk = store.lay_out(files);
        let other = rusqlite::Connection::open(store.journal()).unwrap();
        other.pragma_update(None, "user_version", 99).unwrap();
        other
            .execute_batch("CREATE TABLE to_come (x ANY) STRICT")
            .unwrap();
        drop(other);
        let before = std::fs::read(store.journal()).unwrap();
        let error = Library::open(store.path()).err().unwrap().to_string();
        assert!(
            error.contains("version 99") && error.contains("newer release"),
            "{error}"
        );
        let aside = store.comes_up(&disk, "newer").unwrap();
        assert!(aside.reason.contains("99"), "{}", aside.reason);
        assert_eq!(store.folders(), ["journal-newer-1"]);
        let kept = Path::new(&aside.path).join("journal.db");
        assert!(std::fs::read(&kept).unwrap() == before);
        let kept = rusqlite::Connection::open(&kept).unwrap();
        let count = |table: &str| -> i64 {
            let sql = format!("SELECT count(*) FROM {table}");
            kept.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        assert_eq!((count("recordings"), count("to_come")), (4, 0));
    }
}

#[test]
fn an_error_that_may_be_gone_tomorrow_sets_nothing_aside() {
    let store = Store::new();
    let disk = store.lay_out(&store.stopped);
    // SQLITE_CANTOPEN comes from a link that leads in a circle.
    remove(&store.journal());
    std::os::unix::fs::symlink("journal.db", store.journal()).unwrap();
    let error = store.start(&disk).unwrap_err();
    assert!(matches!(error, StoreError::Journal { .. }), "{error}");
    assert!(error.to_string().contains("journal.db"), "{error}");
    assert!(store.folders().is_empty());
    // SQLITE_BUSY, without the wait of ten seconds: another process holds the schema.
    let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None);
    let busy = StoreError::Journal {
        path: store.journal(),
        source: error,
    };
    assert_eq!(busy.journal_unusable(), None);
}

#[test]
fn a_power_cut_while_it_is_set_aside_is_gone_on_with() {
    let store = Store::new();
    let garbage = noise(store.cut_off.db.len(), 5);
    let note = br#"{"folder":"journal-damaged-1","reason":"file is not a database"}"#;
    // The steps: the note, the folder, the move of the database, the move of its WAL, the new journal before its recovery.
    for step in 0..5 {
        let disk = store.lay_out(&store.cut_off);
        put(&store.journal(), &garbage);
        put(&store.path().join("journal.condemned"), note);
        let folder = store.path().join("journal-damaged-1");
        if step >= 1 {
            std::fs::create_dir(&folder).unwrap();
        }
        let rename = |name: &str| {
            put(
                &folder.join(name),
                &std::fs::read(store.path().join(name)).unwrap(),
            );
            remove(&store.path().join(name));
        };
        if step >= 2 {
            rename("journal.db");
        }
        if step >= 3 {
            rename("journal.db-wal");
        }
        if step >= 4 {
            drop(Journal::open(store.path()).unwrap());
        }
        let aside = store.comes_up(&disk, &format!("step {step}")).unwrap();
        assert_eq!(aside.reason, "file is not a database");
        assert_eq!(store.folders(), ["journal-damaged-1"], "step {step}");
        assert!(std::fs::read(folder.join("journal.db")).unwrap() == garbage);
        assert!(std::fs::read(folder.join("journal.db-wal")).unwrap() == store.cut_off.wal);
        assert!(!store.path().join("journal.condemned").exists());
    }
    // If the new journal is damaged before the event of the old one is written, it is set aside, too.
    let disk = store.lay_out(&store.stopped);
    put(&store.path().join("journal.condemned"), note);
    std::fs::create_dir(store.path().join("journal-damaged-1")).unwrap();
    put(&store.path().join("journal-damaged-1/journal.db"), &garbage);
    put(&store.journal(), &garbage);
    store.comes_up(&disk, "damaged twice").unwrap();
    assert_eq!(store.folders(), ["journal-damaged-1", "journal-damaged-2"]);
}

#[test]
fn so_many_are_kept_and_a_newer_one_for_good() {
    let store = Store::new();
    let disk = store.lay_out(&store.stopped);
    let other = rusqlite::Connection::open(store.journal()).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    drop(other);
    store.comes_up(&disk, "newer").unwrap();
    for n in 0..6 {
        put(&store.journal(), &noise(5000, n));
        store.comes_up(&disk, "garbage").unwrap();
    }
    // The first journal is from before anything went wrong.
    let kept = [
        "journal-damaged-2",
        "journal-damaged-5",
        "journal-damaged-6",
        "journal-damaged-7",
        "journal-newer-1",
    ];
    assert_eq!(store.folders(), kept);
}

#[test]
fn damage_found_while_recording_is_set_aside_and_recording_goes_on() {
    let mut rig = Rig::new();
    let (a, started) = rig.publish(1, "a");
    rig.handle(vec![started, a.append(0), a.append(1)]);
    rig.pass(1_000_000);
    // The database is overwritten under the recorder, after the WAL was brought into it.
    let path = rig.dir.path().join("journal.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
        .unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'segments'";
    let root: u32 = other.query_row(sql, [], |row| row.get(0)).unwrap();
    let root = root as usize;
    // A write by another program makes the recorder drop its copy of the database in memory.
    other
        .execute("INSERT INTO counters VALUES ('other', 1)", [])
        .unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[(root - 1) * 4096..root * 4096].copy_from_slice(&noise(4096, 9));
    put(&path, &bytes);
    rig.handle(vec![a.append(2), a.append(3), a.append(4), a.append(5)]);
    rig.pass(1_000_000);
    let away = rig.writer.away().unwrap().to_owned();
    assert!(away.contains("malformed"), "{away}");
    drop(other);
    rig.writer.expect_store().unwrap();
    rig.writer.come_back().unwrap();
    rig.handle(vec![a.append(6), a.append(7)]);
    rig.pass(1_000_000);
    assert_eq!(rig.writer.progress().failed, None);
    rig.handle(vec![a.end()]);
    rig.writer.close().unwrap();
    assert!(rig.dir.path().join("journal-damaged-1/journal.db").exists());
    assert!(!rig.dir.path().join("journal.condemned").exists());
    let tape = tape(rig.dir.path(), &rig.disk, &stream("a"));
    assert!(tape.starts_with(&expected(0..2)) && tape.ends_with(&expected(6..8)));
    let rows = Journal::open_read(rig.dir.path()).unwrap().segments().unwrap();
    assert!(rows.iter().all(|row| row.state == SegmentState::Sealed));
}
