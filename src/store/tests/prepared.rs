//! Cards that somebody prepared: files and journals that no edgereel wrote, with right checksums. The service starts, records,
//! and keeps the files.

use std::collections::BTreeMap;
use std::path::Path;

use super::strays::Store;
use crate::format::fmp4::{self, Identity};
use crate::media::{PublishId, RecordingId, SegmentId, StreamName};
use crate::store::journal::{Journal, Op};
use crate::store::recover::tests::fail;
use crate::store::{Filter, Library, paths};

/// A segment with a changed header, with right checksums.
pub(super) fn forge(media: &[u8], change: impl FnOnce(&mut Identity)) -> Vec<u8> {
    let header = fmp4::read_header(media, media.len() as u64).unwrap();
    let index = fmp4::scan(media, media.len() as u64).unwrap().index;
    let mut identity = header.identity.clone();
    change(&mut identity);
    let mut out = fmp4::segment_header(&identity, &header.tracks).unwrap();
    let shift = out.len() as i64 - header.len as i64;
    out.extend_from_slice(&media[header.len as usize..]);
    for fragment in &index.fragments {
        let at = usize::try_from(fragment.offset as i64 + shift).unwrap();
        out[at + 24..at + 40].copy_from_slice(&identity.segment.to_bytes());
        let crc = crc32c::crc32c(&out[at..at + 64]);
        out[at + 64..at + 68].copy_from_slice(&crc.to_be_bytes());
    }
    out
}

/// The place of a file by its own identity, relative to the store.
fn place(media: &[u8]) -> String {
    let identity = fmp4::read_header(media, media.len() as u64).unwrap().identity;
    let path = paths::segment(Path::new(""), &identity.stream, identity.sequence);
    path.to_str().unwrap().to_owned()
}

impl Store {
    /// Puts a file into the place that its identity names.
    fn lay(&self, media: &[u8]) -> String {
        let name = place(media);
        std::fs::create_dir_all(self.path(&name).parent().unwrap()).unwrap();
        self.put(&name, media);
        name
    }

    fn folders(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names
            .filter(|name| name.contains("-damaged-") || name.contains("aside"))
            .collect();
        names.sort_unstable();
        names
    }

    #[expect(clippy::disallowed_methods, reason = "a test lays out what a start finds")]
    fn lose_journal(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(self.path(&format!("journal.db{suffix}")));
        }
    }

    fn recordings(&self) -> usize {
        Library::open(self.dir.path())
            .unwrap()
            .recordings(&Filter::default())
            .unwrap()
            .len()
    }
}

type Absurdity = (&'static str, Box<dyn Fn(&mut Identity)>);
type Forgery<'a> = (&'a str, &'a dyn Fn(&mut Identity));

/// Identities that a file can be given, and that no edgereel writes.
fn absurdities() -> Vec<Absurdity> {
    let extremes = [i64::MAX, i64::MIN, i64::MAX / 2, 1 << 57, -(1 << 57)];
    let mut all: Vec<Absurdity> = Vec::new();
    for extreme in extremes {
        all.push((
            "tape zero",
            Box::new(move |identity| identity.tape_zero = extreme),
        ));
        all.push((
            "boot zero",
            Box::new(move |identity| identity.boot_zero = extreme),
        ));
        all.push(("date", Box::new(move |identity| identity.utc_offset = extreme)));
        all.push(("video", Box::new(move |identity| identity.base.video = extreme)));
        all.push(("audio", Box::new(move |identity| identity.base.audio = extreme)));
    }
    for sequence in [u64::MAX, i64::MAX as u64, i64::MAX as u64 + 1, 1 << 50] {
        all.push(("sequence", Box::new(move |identity| identity.sequence = sequence)));
    }
    all
}

#[test]
fn a_file_of_absurd_times_goes_to_lost_found_and_the_service_starts() {
    for (what, change) in absurdities() {
        for rebuilt in [false, true] {
            let store = Store::new();
            store.start();
            let before = store.tree("tape");
            let media = forge(&store.read("tape/live+a/00000001.mp4"), |identity| {
                identity.segment = SegmentId::new(77);
                identity.publish = PublishId::new(77);
                identity.stream = StreamName::new("live", "x").unwrap();
                change(identity);
            });
            let name = store.lay(&media);
            if rebuilt {
                store.lose_journal();
            }
            let report = store.start();
            assert_eq!(report.0.lost_found, 1, "{what}: {report}");
            assert!(
                report.0.files.iter().any(|said| said.contains("is impossible")),
                "{what}: {:?}",
                report.0.files
            );
            let moved = name.trim_start_matches("tape/").replace('/', "-");
            assert!(store.read(&format!("lost+found/{moved}")) == media, "{what}");
            assert!(store.tree("tape") == before, "{what}");
            assert!(store.start().is_clean(), "{what}");
            assert_eq!(store.folders(), [""; 0], "{what}");
            assert_eq!((store.recordings(), store.verify()), (4, vec![]), "{what}");
        }
    }
}

#[test]
fn a_segment_that_was_being_written_and_is_another_now_goes_to_lost_found() {
    let store = Store::new();
    let media = store.read("tape/live+b/00000002.mp4");
    let other = rusqlite::Connection::open(store.path("journal.db")).unwrap();
    let sql = "UPDATE segments SET state = 'open' WHERE sequence = 2 AND stream = (SELECT stream FROM streams WHERE name = 'live/b')";
    assert_eq!(other.execute(sql, []).unwrap(), 1);
    drop(other);
    let forged = forge(&media, |identity| identity.base.video = i64::MAX);
    store.put("tape/live+b/00000002.mp4", &forged);
    let report = store.start();
    assert_eq!((report.0.lost_found, report.0.empty), (1, 0), "{report}");
    assert!(store.read("lost+found/live+b-00000002.mp4") == forged);
    assert!(store.start().is_clean());
}

#[test]
fn files_that_contradict_a_row_or_each_other_set_no_journal_aside() {
    let forgeries: [Forgery<'_>; 3] = [
        ("a second file of a segment", &|identity| identity.sequence = 40),
        ("a publish of two streams", &|identity| {
            identity.segment = SegmentId::new(78);
            identity.stream = StreamName::new("live", "x").unwrap();
        }),
        ("a publish with two beginnings", &|identity| {
            identity.segment = SegmentId::new(79);
            identity.sequence = 41;
            identity.tape_zero += 1_000_000;
        }),
    ];
    for (what, change) in forgeries {
        for rebuilt in [false, true] {
            let store = Store::new();
            store.start();
            let before = store.tree("tape");
            store.lay(&forge(&store.read("tape/live+a/00000001.mp4"), change));
            if rebuilt {
                store.lose_journal();
            }
            for _ in 0..3 {
                store.start();
            }
            assert_eq!(store.folders(), [""; 0], "{what}");
            assert!(store.tree("tape") == before, "{what}");
            assert_eq!(store.tree("lost+found").len(), 1, "{what}");
            assert_eq!((store.recordings(), store.verify()), (4, vec![]), "{what}");
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test lays out what a start finds")]
fn what_no_journal_can_be_made_from_is_set_aside_and_recording_goes_on() {
    let store = Store::new();
    let before: BTreeMap<String, Vec<u8>> = store.tree("tape");
    // Both fail: the journal that was found, and the one made from the files.
    fail(2);
    let report = store.start();
    let aside = report.0.tape_set_aside.clone().unwrap();
    assert!(report.to_string().contains("TAPE SET ASIDE"), "{report}");
    assert!(aside.path.ends_with("tape-set-aside-1"), "{}", aside.path);
    assert_eq!(store.folders(), ["journal-damaged-1", "tape-set-aside-1"]);
    let kept = store.tree("tape-set-aside-1").into_iter();
    let kept: BTreeMap<String, Vec<u8>> = kept
        .map(|(name, bytes)| (name.replace("tape-set-aside-1", "tape"), bytes))
        .collect();
    assert!(kept == before, "something of the tape is another");
    assert!(store.tree("tape").is_empty());
    assert!(store.start().is_clean());
    assert!(!store.path("journal.condemned").exists());
    // The documentation says so: a folder with this folder as its `tape` is a store.
    let other = super::rig::tempdir();
    std::fs::rename(store.path("tape-set-aside-1"), other.path().join("tape")).unwrap();
    crate::store::repair(other.path(), &mut |_| ()).unwrap();
    let found = Library::open(other.path())
        .unwrap()
        .recordings(&Filter::default())
        .unwrap();
    assert_eq!(found.len(), 4);
}

#[test]
fn a_recovery_that_fails_once_costs_the_journal_and_not_the_tape() {
    let store = Store::new();
    let before = store.tree("tape");
    fail(1);
    let report = store.start();
    assert!(report.0.tape_set_aside.is_none() && report.0.journal_set_aside.is_some());
    assert!(store.tree("tape") == before);
    assert_eq!(
        (store.recordings(), store.folders()),
        (4, vec!["journal-damaged-1".to_owned()])
    );
}

#[test]
fn a_journal_that_a_start_made_and_left_empty_is_not_set_aside_for_it() {
    let store = Store::new();
    fail(1);
    store.start();
    // The store looks as if the power had gone before the files were adopted.
    store.lose_journal();
    drop(Journal::open(store.dir.path()).unwrap());
    let note = br#"{"folder":"journal-damaged-1","reason":"a defect"}"#;
    store.put("journal.condemned", note);
    fail(1);
    let report = store.start();
    assert_eq!(report.0.journal_set_aside.unwrap().reason, "a defect");
    assert_eq!(
        (store.recordings(), store.folders()),
        (4, vec!["journal-damaged-1".to_owned()])
    );
}

/// Changes that a person can make to a journal with SQLite alone, and that edgereel never makes.
const PREPARED: &[&str] = &[
    "CREATE TRIGGER gone AFTER INSERT ON outbox BEGIN DELETE FROM recordings; END",
    "CREATE TRIGGER gone AFTER UPDATE ON segments BEGIN UPDATE renditions SET state = 'removing'; END",
    "CREATE TABLE more (x)",
    "CREATE VIEW more AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n",
    "CREATE INDEX more ON outbox (body)",
    "DROP INDEX recordings_search",
    "DROP TRIGGER recordings_gone",
    "ALTER TABLE recordings ADD COLUMN more TEXT",
    "DROP TABLE answers; CREATE VIEW answers AS SELECT 'x' AS id, 'x' AS command, 1 AS begun, NULL AS answer",
    "PRAGMA user_version = 3",
    "PRAGMA user_version = -1",
    "PRAGMA user_version = 0",
    "UPDATE publishes SET tape_zero = 9223372036854775807",
    "UPDATE boots SET utc_offset = -9223372036854775807",
    "UPDATE segments SET end = 9223372036854775807",
    "UPDATE segments SET bytes = -1",
    "UPDATE segments SET space = 9223372036854775807",
    "UPDATE segments SET id = x'01' WHERE segment = 1",
    "UPDATE segments SET tracks = '{\"video\":7}'",
    "UPDATE segments SET state = 'lost' WHERE segment = 1",
    "UPDATE recordings SET start = -9223372036854775807",
    "UPDATE recordings SET recording = 9223372036854775807 WHERE recording = 1",
    "UPDATE streams SET name = 'a' WHERE stream = 1",
    "UPDATE sqlite_sequence SET seq = 9223372036854775807",
    "UPDATE outbox SET body = '{'",
    "INSERT INTO counters VALUES ('dropped', 9223372036854775807)",
    "PRAGMA foreign_keys = OFF; DELETE FROM publishes",
    "INSERT INTO shelves VALUES ('task', 'x', printf('%.*c', 3000000, 'x'))",
    "INSERT INTO renditions (recording, format, part, state, store, key, url, bytes, etag, inits, chunks)
        VALUES (zeroblob(16), 'hls', 0, 'removing', 's', 'k', '', 0, '', 0, 2000000000)",
    "INSERT INTO renditions (recording, format, part, state, store, key, url, bytes, etag, inits, chunks)
        VALUES (zeroblob(16), 'exe', 0, 'removing', 's', 'k', '', 0, '', 0, 0)",
];

#[test]
fn a_journal_that_somebody_prepared_is_set_aside_and_runs_nothing() {
    for sql in PREPARED {
        let store = Store::new();
        store.start();
        let before = store.tree("tape");
        let other = rusqlite::Connection::open(store.path("journal.db")).unwrap();
        other.execute_batch(sql).unwrap();
        drop(other);
        let report = store.start();
        let aside = report
            .0
            .journal_set_aside
            .unwrap_or_else(|| panic!("not set aside: {sql}"));
        assert!(!aside.reason.is_empty());
        assert_eq!(store.folders(), ["journal-damaged-1"], "{sql}");
        assert!(store.tree("tape") == before, "{sql}");
        assert_eq!((store.recordings(), store.verify()), (4, vec![]), "{sql}");
        assert!(store.start().is_clean(), "{sql}");
    }
}

#[test]
fn what_only_reads_believes_no_prepared_journal_either() {
    let store = Store::new();
    let other = rusqlite::Connection::open(store.path("journal.db")).unwrap();
    other.execute_batch(PREPARED[3]).unwrap();
    drop(other);
    let error = Library::open(store.dir.path()).err().unwrap().to_string();
    assert!(error.contains("the view more"), "{error}");
}

#[test]
fn statistics_of_sqlite_are_no_reason_to_set_a_journal_aside() {
    let store = Store::new();
    let other = rusqlite::Connection::open(store.path("journal.db")).unwrap();
    other.execute_batch("ANALYZE").unwrap();
    drop(other);
    assert!(store.start().0.journal_set_aside.is_none());
}

#[test]
fn a_journal_of_another_box_is_one_until_somebody_says_that_it_belongs_here() {
    let store = Store::new();
    let dir = store.dir.path();
    let mut journal = Journal::open(dir).unwrap();
    assert!(journal.bind("this box", 0).unwrap(), "nothing speaks against it");
    drop(journal);
    let other = rusqlite::Connection::open(store.path("journal.db")).unwrap();
    let rendition = |part: u32, state: &str| {
        let sql = "INSERT INTO renditions (recording, format, part, state, store, key, url, bytes, etag, upload, inits, chunks)
            VALUES (zeroblob(16), 'mp4', ?1, ?2, 's', ?3, '', 7, '', 'u', 0, 0)";
        other.execute(sql, (part, state, format!("key-{part}"))).unwrap();
    };
    rendition(0, "delivered");
    rendition(1, "waiting");
    drop(other);
    let mut journal = Journal::open(dir).unwrap();
    assert!(journal.bind("this box", 0).unwrap());
    for _ in 0..3 {
        assert!(!journal.bind("another box", 0).unwrap());
    }
    let told = |journal: &Journal, kind: &str| {
        journal
            .outbox()
            .unwrap()
            .iter()
            .filter(|(_, found, _)| found == kind)
            .count()
    };
    assert_eq!(told(&journal, "storage.moved"), 1, "once");
    let renditions = journal.renditions(RecordingId::from_bytes([0; 16])).unwrap();
    let keys: Vec<&str> = renditions
        .iter()
        .map(|rendition| rendition.key.as_str())
        .collect();
    assert_eq!(
        keys,
        ["key-0", ""],
        "what is on its way goes under a key of this box"
    );
    assert_eq!(journal.abandoned(9).unwrap().len(), 1);
    // The journal went back to its box without an order.
    assert!(journal.bind("this box", 0).unwrap());
    assert!(!journal.bind("another box", 0).unwrap());
    let own = "another box".to_owned();
    journal
        .commit(&[Op::Adopt { own: own.clone() }, Op::Adopt { own }], 0)
        .unwrap();
    assert!(journal.bind("another box", 0).unwrap());
    assert_eq!(told(&journal, "storage.adopted"), 1);
    assert!(!journal.bind("this box", 0).unwrap());
}

#[test]
fn a_journal_that_tells_of_objects_and_not_whose_it_is_belongs_to_nobody() {
    let store = Store::new();
    let other = rusqlite::Connection::open(store.path("journal.db")).unwrap();
    other
        .execute("INSERT INTO abandoned VALUES ('key', 'upload', 'store')", [])
        .unwrap();
    drop(other);
    let mut journal = Journal::open(store.dir.path()).unwrap();
    assert!(!journal.bind("this box", 0).unwrap());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test lays out what a start finds")]
fn a_file_of_holes_is_not_read() {
    for rebuilt in [false, true] {
        let store = Store::new();
        store.start();
        let before = store.tree("tape");
        let media = forge(&store.read("tape/live+a/00000001.mp4"), |identity| {
            identity.segment = SegmentId::new(77);
            identity.publish = PublishId::new(77);
            identity.stream = StreamName::new("live", "x").unwrap();
        });
        let name = store.lay(&media);
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(store.path(&name))
            .unwrap();
        file.set_len(1 << 44).unwrap();
        if rebuilt {
            store.lose_journal();
        }
        let report = store.start();
        assert!(
            report
                .0
                .files
                .iter()
                .any(|said| said.contains("too long for a segment")),
            "{:?}",
            report.0.files
        );
        assert!(store.path("lost+found/live+x-00000001.mp4").exists());
        assert!(store.tree("tape") == before);
        assert_eq!(store.recordings(), 4);
    }
}
