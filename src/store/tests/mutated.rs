//! Journals and segment files in which something was changed, with right checksums. The store opens, records afterwards, and
//! touches no file outside of its directory.
//!
//! `EDGEREEL_TEST_MUTATIONS=100000 cargo test --release --lib store::tests::mutated` runs it for longer, from
//! `EDGEREEL_TEST_MUTATIONS_FROM` on.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::prepared::forge;
use super::rig::{self, Publisher, stream};
use super::strays::Store;
use crate::format::fmp4;
use crate::media::{PublishId, RecordingId, SegmentId, StreamName};
use crate::store::clock::Clock as _;
use crate::store::clock::tests::TestClock;
use crate::store::recover::{Occasion, start};
use crate::store::writer::Writer;
use crate::store::{Command, Filter, Library, RealDisk, paths};

/// Number of mutations if no other number is set.
const USUAL: u64 = 150;

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound.max(1) as u64) as usize
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// A number at the edge of a range, or any number.
    fn number(&mut self) -> i64 {
        let shift = self.below(64) as u32;
        match self.below(6) {
            0 => i64::MAX.wrapping_sub(self.below(3) as i64),
            1 => i64::MIN.wrapping_add(self.below(3) as i64),
            2 => (1i64 << shift.min(62)).wrapping_sub(self.below(3) as i64),
            3 => -(1i64 << shift.min(62)),
            4 => self.below(5) as i64 - 2,
            _ => self.roll() as i64 >> shift,
        }
    }
}

/// Everything below a directory.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                out.insert(
                    path.strip_prefix(dir).unwrap().to_owned(),
                    std::fs::read(&path).unwrap(),
                );
            }
        }
    }
    out
}

#[expect(clippy::disallowed_methods, reason = "a test lays out what a start finds")]
fn lay_out(dir: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, bytes) in files {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Changes values, rows or the schema of a journal, as a person with SQLite can. A change that SQLite refuses is left out.
#[expect(clippy::disallowed_methods, reason = "of a journal that no store has open")]
fn mutate_journal(path: &Path, dice: &mut Dice) -> String {
    let db = rusqlite::Connection::open(path).unwrap();
    db.pragma_update(None, "foreign_keys", dice.below(2) == 0)
        .unwrap();
    let names = |sql: &str| -> Vec<(String, String)> {
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        rows.map(Result::unwrap).collect()
    };
    let tables = names("SELECT name, type FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL");
    let table = dice.one_of(&tables).0.clone();
    let columns = names(&format!("SELECT name, type FROM pragma_table_info('{table}')"));
    let (column, kind) = dice.one_of(&columns).clone();
    let value = match kind.as_str() {
        "INTEGER" | "" => dice.number().to_string(),
        "BLOB" => match dice.below(3) {
            0 => format!("randomblob({})", dice.one_of(&[1, 15, 16, 17, 400, 70_000])),
            1 => "zeroblob(16)".to_owned(),
            _ => "x''".to_owned(),
        },
        _ => match dice.below(4) {
            0 => (*dice.one_of(&[
                "''",
                "'x'",
                "'open'",
                "'wipe'",
                "'spare'",
                "'removing'",
                "'expired'",
                "'../../x/y'",
            ]))
            .to_owned(),
            1 => format!("printf('%.*c', {}, '[')", dice.one_of(&[10, 5_000, 2_000_000])),
            2 => "'{\"format\":\"mp4\"}'".to_owned(),
            _ => format!("(SELECT {column} FROM {table} ORDER BY random() LIMIT 1)"),
        },
    };
    let few = [
        "1",
        "rowid % 2 = 0",
        "rowid = 1",
        "rowid = (SELECT max(rowid) FROM",
    ];
    let few = match *dice.one_of(&few) {
        last if last.ends_with("FROM") => format!("{last} {table})"),
        other => other.to_owned(),
    };
    let sql = match dice.below(12) {
        0 => format!("DELETE FROM {table} WHERE {few}"),
        1 => format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table} WHERE {few}"),
        2 => format!("DROP TABLE {table}"),
        3 => format!("CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END"),
        4 => format!("PRAGMA user_version = {}", dice.number() as i32),
        _ => format!("UPDATE OR IGNORE {table} SET {column} = {value} WHERE {few}"),
    };
    match db.execute_batch(&sql) {
        Ok(()) => sql,
        Err(_) => format!("({sql})"),
    }
}

/// Changes a segment's identity, or the description of one of its fragments, with right checksums.
fn mutate_segment(media: &[u8], dice: &mut Dice) -> (Vec<u8>, String) {
    let what = dice.below(13);
    let number = dice.number();
    let mut out = forge(media, |identity| match what {
        0 => identity.tape_zero = number,
        1 => identity.boot_zero = number,
        2 => identity.utc_offset = number,
        3 => identity.base.video = number,
        4 => identity.base.audio = number,
        5 => identity.sequence = number as u64,
        6 => identity.segment = SegmentId::new(number as u64 >> 20),
        7 => identity.publish = PublishId::new(number as u64 >> 20),
        8 => identity.boot = [number as u8; 16],
        9 => {
            identity.recordings =
                vec![RecordingId::from_bytes([number as u8; 16]); 1 + number as u8 as usize % 200]
        }
        _ => {}
    });
    if what >= 10 {
        let index = fmp4::scan(out.as_slice(), out.len() as u64).unwrap().index;
        let at = dice.one_of(&index.fragments).offset as usize;
        let field = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let moof = field(&out, at + 48) as usize;
        if what == 10 {
            // Sequence, durable, lengths.
            let of = at + *dice.one_of(&[40, 44, 48, 52]);
            out[of..of + 4].copy_from_slice(&(number as u32).to_be_bytes());
        } else {
            let of = at + 68 + 8 + dice.below(moof - 12);
            let len = 1 + dice.below(4);
            out[of..of + len].copy_from_slice(&number.to_be_bytes()[..len]);
            let crc = crc32c::crc32c(&out[at + 68..at + 68 + moof]);
            out[at + 56..at + 60].copy_from_slice(&crc.to_be_bytes());
        }
        let crc = crc32c::crc32c(&out[at..at + 64]);
        out[at + 64..at + 68].copy_from_slice(&crc.to_be_bytes());
    }
    (out, format!("{what}: {number}"))
}

/// Opens a store and records a few seconds on it; the error says what is wrong.
fn opens_and_records(dir: &Path) -> Result<(), String> {
    let clock = Arc::new(TestClock::new(9_000_000));
    let (mut journal, _) =
        start(dir, &RealDisk, clock.as_ref(), Occasion::Start).map_err(|error| error.to_string())?;
    journal.bind("this box", 0).map_err(|error| error.to_string())?;
    let boot = journal
        .boot(&clock.boot_id())
        .map_err(|error| error.to_string())?;
    let zero = boot.ok_or("no boot")?.0 + clock.boot();
    let mut writer = Writer::new(rig::settings(dir), Arc::new(RealDisk), clock.clone(), journal)
        .map_err(|error| error.to_string())?;
    let publisher = Publisher {
        publish: PublishId::new(424_242),
        stream: stream("a"),
        zero,
    };
    // An id that no mutation makes.
    let recording = RecordingId::from_bytes(*b"recorded behind!");
    let started = Command::PublishStarted {
        tell: Some(Box::default()),
        publish: publisher.publish,
        stream: publisher.stream.clone(),
        tape_zero: zero,
        boot_zero: clock.boot(),
        about: Default::default(),
    };
    writer.handle(vec![started, publisher.record(recording, 0)]);
    for second in 0..4 {
        writer.handle(vec![publisher.append(second)]);
        clock.advance(1_000_000);
        writer.tick();
    }
    writer.handle(vec![publisher.close(recording, 4), publisher.end()]);
    writer.close().map_err(|error| error.to_string())?;
    let progress = writer.progress();
    if progress.failed.is_some() || progress.bytes_lost > 0 {
        return Err(format!(
            "{:?}, {} bytes lost",
            progress.last_error, progress.bytes_lost
        ));
    }
    drop(writer);
    let library = Library::open(dir).map_err(|error| error.to_string())?;
    let rows = library
        .recordings(&Filter::default())
        .map_err(|error| error.to_string())?;
    let row = rows
        .iter()
        .find(|row| row.id == recording)
        .ok_or("what was recorded is not listed")?;
    if row.duration < 3_900_000 {
        return Err(format!("{} µs of it are there", row.duration));
    }
    drop(library);
    // The store is opened once more, with the files that the first run left.
    start(dir, &RealDisk, clock.as_ref(), Occasion::Start)
        .map_err(|error| format!("the second time: {error}"))?;
    Ok(())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test lays out what a start finds")]
fn whatever_is_on_a_card_the_store_opens_and_records() {
    let number = |name: &str, or: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(or)
    };
    let (from, count) = (
        number("EDGEREEL_TEST_MUTATIONS_FROM", 0),
        number("EDGEREEL_TEST_MUTATIONS", USUAL),
    );
    let store = Store::new();
    store.start();
    let template = files(store.dir.path());
    let segments: Vec<&PathBuf> = template.keys().filter(|path| path.starts_with("tape")).collect();
    let mut wrong = Vec::new();
    let mut set_aside = [0, 0];
    for seed in from..from + count {
        let mut dice = Dice(seed);
        let outside = rig::tempdir();
        let dir = outside.path().join("store");
        lay_out(&dir, &template);
        lay_out(
            outside.path(),
            &BTreeMap::from([(PathBuf::from("x/y"), b"not ours".to_vec())]),
        );
        let mut what = Vec::new();
        for _ in 0..1 + dice.below(3) {
            if dice.below(2) == 0 {
                what.push(mutate_journal(&dir.join("journal.db"), &mut dice));
                continue;
            }
            let from = *dice.one_of(&segments);
            let (media, said) = mutate_segment(&template[from], &mut dice);
            let to = match dice.below(3) {
                0 => from.clone(),
                1 => {
                    let identity = fmp4::read_header(media.as_slice(), media.len() as u64)
                        .unwrap()
                        .identity;
                    paths::segment(Path::new(""), &identity.stream, identity.sequence)
                }
                _ => {
                    let name = StreamName::new("live", "x").unwrap();
                    paths::segment(Path::new(""), &name, dice.roll() % 40)
                }
            };
            lay_out(&dir, &BTreeMap::from([(to.clone(), media)]));
            what.push(format!("{} as {}: {said}", from.display(), to.display()));
        }
        if dice.below(4) == 0 {
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::rename(
                    dir.join(format!("journal.db{suffix}")),
                    dir.join(format!("gone{suffix}")),
                );
            }
            what.push("no journal".to_owned());
        }
        let result = catch_unwind(AssertUnwindSafe(|| opens_and_records(&dir)));
        let outside_is = files(outside.path())
            .into_iter()
            .filter(|(path, _)| !path.starts_with("store"));
        let outside_is: Vec<_> = outside_is.collect();
        set_aside[0] += usize::from(dir.join("journal-damaged-1").exists());
        set_aside[1] += usize::from(dir.join("tape-set-aside-1").exists());
        if !matches!(result, Ok(Ok(()))) || outside_is != [(PathBuf::from("x/y"), b"not ours".to_vec())] {
            wrong.push(format!("{seed}: {result:?} {outside_is:?} of {what:#?}"));
        }
        let done = seed + 1 - from;
        if done.is_multiple_of(1_000) {
            println!("{done} of {count}, {} wrong", wrong.len());
        }
    }
    println!(
        "{count} mutations: {} journals and {} tapes set aside, {} wrong",
        set_aside[0],
        set_aside[1],
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "{} of {count}: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(10)]
    );
}
