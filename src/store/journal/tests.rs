//! The journal alone.

use super::*;
use crate::config::StreamSet;
use crate::event::Event;
use crate::media::{PublishId, RecordingId, SegmentId, StreamName};
use crate::store::OUTBOX_ROWS;
use crate::store::testing;

fn report(n: usize) -> Op {
    Op::Report {
        event: Event::StreamException {
            stream: "live/a".into(),
            what: "codec".into(),
            detail: n.to_string(),
        },
    }
}

fn ops() -> Vec<Op> {
    let (publish, recording, segment) = (PublishId::new(1), RecordingId::new(2), SegmentId::new(3));
    let clock = BootClock {
        boot: [1; 16],
        utc_offset: 0,
        synced: true,
    };
    vec![
        Op::AdoptBoot { clock },
        Op::StartPublish {
            id: publish,
            stream: StreamName::new("live", "a").unwrap(),
            boot: [1; 16],
            tape_zero: 10,
            boot_zero: 10,
            about: Default::default(),
            tell: Tell::Aloud(Box::default()),
        },
        Op::StartRecording {
            id: recording,
            publish,
            start: 10,
            keep: None,
            spec: Some(crate::store::testing::spec()),
            tell: true,
        },
        Op::OpenSegment(NewSegment {
            chunks: None,
            id: segment,
            publish,
            sequence: 1,
            base: Default::default(),
            start: 10,
            space: 8_192,
            tracks: testing::tracks(),
        }),
        Op::SealSegment(Sealed {
            chunks: 1,
            lost: 0,
            target_s: None,
            id: segment,
            end: 1_000_010,
            bytes: 5_000,
            space: 8_192,
            crc: Some(7),
            samples: vec![1, 2, 3],
            list: Vec::new(),
            fragments: Vec::new(),
        }),
        Op::CloseRecording {
            id: recording,
            end: None,
            reason: "closed".into(),
        },
        Op::EndPublish {
            id: publish,
            reason: "unpublished".into(),
            outcome: Default::default(),
        },
    ]
}

#[test]
fn the_outbox_tells_who_published_and_what_came_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    let mut ops = ops();
    for op in &mut ops {
        match op {
            Op::StartPublish { about, .. } => {
                std::sync::Arc::make_mut(about).peer = Some("192.0.2.7".into());
            }
            Op::EndPublish { outcome, .. } => outcome.bytes = Some(5_000),
            _ => {}
        }
    }
    journal.commit(&ops, 0).unwrap();
    let outbox = journal.outbox().unwrap();
    assert!(outbox[0].2.ends_with(r#","peer":"192.0.2.7"}"#), "{outbox:?}");
    let ended = r#""reason":"unpublished","bytes":5000}"#;
    assert!(outbox[3].2.ends_with(ended), "{outbox:?}");
}

#[test]
fn ops_that_come_twice_count_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    let ops = ops();
    journal.commit(&ops, 0).unwrap();
    let before = format!(
        "{:?}{:?}{:?}",
        journal.segments(),
        journal.recordings(),
        journal.outbox()
    );
    journal.commit(&ops, 0).unwrap();
    let after = format!(
        "{:?}{:?}{:?}",
        journal.segments(),
        journal.recordings(),
        journal.outbox()
    );
    assert_eq!(before, after);
    let kinds: Vec<_> = journal
        .outbox()
        .unwrap()
        .into_iter()
        .map(|(_, kind, _)| kind)
        .collect();
    let all = [
        "publish.started",
        "recording.started",
        "recording.closed",
        "publish.ended",
    ];
    assert_eq!(kinds, all);
    let closed = &journal.outbox().unwrap()[2].2;
    assert!(closed.contains(r#""duration_s":1.0,"bytes":5000"#), "{closed}");
    assert_eq!(journal.index(SegmentId::new(9)).unwrap(), None);
}

#[test]
fn a_commit_that_fails_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal
        .connection
        .execute_batch("CREATE TRIGGER no BEFORE INSERT ON recordings BEGIN SELECT raise(ABORT, 'no'); END")
        .unwrap();
    let error = journal.commit(&ops(), 0).unwrap_err();
    assert!(error.to_string().contains("journal.db"), "{error}");
    assert!(journal.outbox().unwrap().is_empty() && journal.files().unwrap().is_empty());
}

#[test]
fn whatever_a_server_says_the_journal_is_trusted_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    // Six bytes of JSON for each character.
    let long = "\u{1}".repeat(1 << 20);
    let event = Event::StorageFailed {
        reason: long.clone(),
        streams: vec![long; 3],
    };
    let short = Op::Report {
        event: Event::StorageFailed {
            reason: "x".repeat(10_000),
            streams: Vec::new(),
        },
    };
    journal.commit(&[Op::Report { event }, short], 0).unwrap();
    journal.check_values().unwrap();
    let rows = journal.outbox().unwrap();
    let of = |row: usize| serde_json::from_str::<serde_json::Value>(&rows[row].2).unwrap();
    assert_eq!(of(0)["reason"].as_str().unwrap().len(), 300);
    assert_eq!(of(0)["streams"].as_array().unwrap().len(), 3);
    assert_eq!(of(1)["reason"].as_str().unwrap().len(), 10_000, "as it was");
}

#[test]
fn the_outbox_is_bounded_and_counts_what_it_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    let many: Vec<Op> = (0..OUTBOX_ROWS as usize + 5).map(report).collect();
    journal.commit(&many, 0).unwrap();
    let rows = journal.outbox().unwrap();
    assert_eq!((rows.len() as i64, rows[0].0), (OUTBOX_ROWS, 6));
    let sql = "SELECT value FROM counters WHERE name = 'outbox_dropped'";
    let dropped: i64 = journal.connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(dropped, 5);
}

#[test]
fn it_is_durable_and_of_the_newest_version() {
    let dir = tempfile::tempdir().unwrap();
    drop(Journal::open(dir.path()).unwrap());
    let journal = Journal::open(dir.path()).unwrap();
    let pragma = |name: &str| {
        let sql = format!("PRAGMA {name}");
        journal
            .connection
            .query_row(&sql, [], |row| row.get::<_, rusqlite::types::Value>(0))
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("synchronous"), 2.into());
    assert_eq!(pragma("user_version"), schema::NEWEST.into());
}

#[test]
fn a_full_journal_gives_its_reserve_and_owes_it_until_it_is_held_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.hold_reserve(1 << 20);
    let reserve = dir.path().join("reserve");
    assert!(disk::is_there(&reserve) && !journal.owes_reserve());
    let limit = |journal: &Journal, pages: i64| {
        journal
            .connection
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            .unwrap();
    };
    // The journal may be as large as it is, and no larger.
    limit(&journal, 1);
    let ops: Vec<Op> = (0..1_000).map(report).collect();
    journal.commit(&ops, 1).unwrap_err();
    assert!(!disk::is_there(&reserve) && journal.owes_reserve());
    limit(&journal, 1 << 20);
    journal.commit(&ops, 1).unwrap();
    journal.hold_reserve(1 << 20);
    assert!(disk::is_there(&reserve) && !journal.owes_reserve());
}

#[test]
fn a_journal_of_the_release_before_is_taken_along() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.commit(&ops(), 0).unwrap();
    let indexes = |journal: &Journal| -> Vec<(String, String)> {
        let sql =
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name";
        let row = |row: &rusqlite::Row<'_>| Ok((journal.col(row, 0)?, journal.col(row, 1)?));
        journal.all(sql, [], row).unwrap()
    };
    let fresh = indexes(&journal);
    let rows = |journal: &Journal| {
        let dump = journal.dump();
        let lines = dump.lines().skip(1).filter(|line| !line.contains("'journal'"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    drop(journal);
    // The same tables, as the former release made them.
    let old = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open(old.path().join(FILE)).unwrap();
    for step in &schema::STEPS[..5] {
        db.execute_batch(step).unwrap();
    }
    db.pragma_update(None, "user_version", 5).unwrap();
    let new = dir.path().join(FILE);
    db.execute("ATTACH ?1 AS new", [new.to_str().unwrap()]).unwrap();
    for table in [
        "boots",
        "streams",
        "publishes",
        "segments",
        "indexes",
        "recordings",
    ] {
        // A later release may add columns.
        let sql = format!("SELECT group_concat(name) FROM pragma_table_info('{table}', 'main')");
        let columns: String = db.query_row(&sql, [], |row| row.get(0)).unwrap();
        let sql = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}");
        db.execute_batch(&sql).unwrap();
    }
    drop(db);
    let journal = Journal::open(old.path()).unwrap();
    assert_eq!(schema::version(&journal.connection).unwrap(), schema::NEWEST);
    assert_eq!(indexes(&journal), fresh);
    assert!(rows(&journal).iter().any(|row| row.starts_with("recordings ")));
    assert_eq!(
        journal.newest_recording(&StreamSet::All).unwrap().unwrap().id,
        journal.recordings().unwrap()[0].id
    );
    journal.check_all().unwrap();
}
