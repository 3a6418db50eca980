//! The store goes away while it is recorded to, and comes back.

use super::rig::{Publisher, Rig, check_invariants, expected, stream, tape};
use crate::event::Event;
use crate::media::{Micros, RecordingId};
use crate::store::disk::Disk as _;
use crate::store::journal::Journal;
use crate::store::{Command, Filter, GapCause, paths};

const SECOND: Micros = 1_000_000;

fn recording() -> RecordingId {
    RecordingId::from_bytes([7; 16])
}

/// A publish of which four seconds are durable, and a fifth is not.
fn started() -> (Rig, Publisher) {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(recording(), 0)]);
    for n in 0..4 {
        rig.handle(vec![a.append(n)]);
        rig.pass(SECOND);
    }
    rig.handle(vec![a.append(4)]);
    (rig, a)
}

/// Comes back as the thread does, with no other process at the directory.
fn come_back(rig: &mut Rig) {
    rig.writer.expect_store().unwrap();
    rig.writer.come_back().unwrap();
    assert_eq!(rig.writer.away(), None);
}

/// Goes on, ends, and checks the result.
fn go_on(mut rig: Rig, a: &Publisher, until: i64) -> Rig {
    for n in 5..until {
        rig.handle(vec![a.append(n)]);
        rig.pass(SECOND);
    }
    assert_eq!(rig.writer.progress().failed, None);
    rig.handle(vec![a.close(recording(), until), a.end()]);
    rig.writer.close().unwrap();
    rig
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test removes the journal as a user would"
)]
fn remove_journal(rig: &Rig) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(rig.dir.path().join(format!("journal.db{suffix}")));
    }
}

fn kinds(rig: &Rig) -> Vec<String> {
    let journal = Journal::open_read(rig.dir.path()).unwrap();
    let outbox = journal.outbox().unwrap().into_iter();
    outbox.map(|(_, kind, _)| kind).collect()
}

#[test]
fn a_journal_that_is_removed_is_made_again_and_recording_goes_on() {
    let (mut rig, a) = started();
    remove_journal(&rig);
    rig.pass(SECOND);
    assert!(rig.writer.away().unwrap().contains("the journal is gone"));
    assert!(rig.writer.progress().failed.is_some());
    come_back(&mut rig);
    let rig = go_on(rig, &a, 10);
    let kept = [expected(0..5), expected(6..10)].concat();
    assert_eq!(tape(rig.dir.path(), &rig.disk, &stream("a")), kept);
    let rows = rig.library().recordings(&Filter::default()).unwrap();
    assert_eq!(rows.len(), 1, "one recording, before and after");
    assert_eq!((rows[0].id, rows[0].gaps.len()), (recording(), 1));
    // What came before the next keyframe is missing because the store failed.
    let gaps = &rig.writer.progress().streams[&stream("a")].gaps;
    assert_eq!((gaps.of(GapCause::Failed), gaps.total()), (1, 1));
    let kinds = kinds(&rig);
    let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
    assert_eq!(
        (
            count("storage.failed"),
            count("storage.recovered"),
            count("stream.gap")
        ),
        (1, 1, 1),
        "{kinds:?}"
    );
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test writes over the journal as another program would"
)]
fn a_journal_that_somebody_writes_over_is_noticed_without_being_needed() {
    let (mut rig, a) = started();
    for name in ["journal.db", "journal.db-wal"] {
        let path = rig.dir.path().join(name);
        let length = std::fs::metadata(&path).unwrap().len();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &vec![0xa5; length as usize], 0).unwrap();
    }
    // Nothing is recorded and no segment ends: only the upkeep runs.
    rig.pass(10 * SECOND);
    rig.pass(10 * SECOND);
    let why = rig.writer.away().unwrap();
    assert!(why.contains("the journal is damaged"), "{why}");
    come_back(&mut rig);
    let rig = go_on(rig, &a, 10);
    let kept = [expected(0..5), expected(6..10)].concat();
    assert_eq!(tape(rig.dir.path(), &rig.disk, &stream("a")), kept);
    let rows = rig.library().recordings(&Filter::default()).unwrap();
    assert_eq!((rows.len(), rows[0].id), (1, recording()));
}

#[test]
fn a_store_that_came_back_as_another_device_is_known_by_that() {
    let (mut rig, a) = started();
    // The former file system is not on this machine any more.
    rig.writer.device = Some(u64::MAX);
    remove_journal(&rig);
    rig.pass(SECOND);
    rig.writer.come_back().unwrap();
    let dir = rig.dir.path().to_owned();
    std::fs::remove_dir_all(&dir).unwrap();
    for path in rig.disk.files().into_keys() {
        rig.disk.unlink(&path).unwrap();
    }
    rig.handle(vec![a.append(5)]);
    rig.pass(SECOND);
    assert!(rig.writer.away().is_some());
    come_back(&mut rig);
}

/// A row for the next commit.
fn row() -> Command {
    Command::Report {
        event: Event::StorageRecovered {},
    }
}

#[test]
fn a_journal_whose_rows_contradict_each_other_is_opened_again() {
    let (mut rig, a) = started();
    // SQLite says so each time, but not that the file is damaged.
    let foreign_key = rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY;
    rig.writer.book.journal.refuse(&[foreign_key; 32]);
    while rig.writer.away().is_none() {
        rig.handle(vec![row()]);
        rig.pass(SECOND);
    }
    let why = rig.writer.away().unwrap();
    assert!(why.contains("the journal cannot be written"), "{why}");
    come_back(&mut rig);
    let rig = go_on(rig, &a, 10);
    let kept = [expected(0..5), expected(6..10)].concat();
    assert_eq!(tape(rig.dir.path(), &rig.disk, &stream("a")), kept);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test writes into the index of the WAL, as the kernel may leave it"
)]
fn what_the_kernel_let_go_of_after_a_commit_that_failed_is_not_believed() {
    let (mut rig, a) = started();
    // Pages of the journal are in the WAL. Where they are is in a file that is mapped into memory, behind its header.
    let shared = rig.dir.path().join("journal.db-shm");
    let file = std::fs::OpenOptions::new().write(true).open(&shared).unwrap();
    let length = file.metadata().unwrap().len();
    let zeros = vec![0; usize::try_from(length - HEADER_OF_SHM).unwrap()];
    rig.writer
        .book
        .journal
        .refuse(&[rusqlite::ffi::SQLITE_IOERR_FSYNC]);
    rig.handle(vec![row()]);
    assert!(rig.writer.progress().failed.is_some());
    std::os::unix::fs::FileExt::write_all_at(&file, &zeros, HEADER_OF_SHM).unwrap();
    rig.pass(SECOND);
    assert_eq!((rig.writer.away(), &rig.writer.progress().failed), (None, &None));
    let dir = rig.dir.path().to_owned();
    let rig = go_on(rig, &a, 10);
    check_invariants(&dir, &rig.disk);
    assert_eq!(tape(&dir, &rig.disk, &stream("a")), expected(0..10));
}

/// Bytes of the header of `journal.db-shm`: two copies of 48 bytes, and the marks of readers.
const HEADER_OF_SHM: u64 = 136;

#[test]
fn a_directory_that_is_removed_is_made_again() {
    let (mut rig, a) = started();
    let dir = rig.dir.path().to_owned();
    std::fs::remove_dir_all(&dir).unwrap();
    for path in rig.disk.files().into_keys() {
        rig.disk.unlink(&path).unwrap();
    }
    rig.pass(SECOND);
    assert!(rig.writer.away().is_some());
    come_back(&mut rig);
    let rig = go_on(rig, &a, 10);
    assert_eq!(tape(&dir, &rig.disk, &stream("a")), expected(6..10));
    let rows = rig.library().recordings(&Filter::default()).unwrap();
    assert_eq!((rows.len(), rows[0].id), (1, recording()));
}

#[test]
fn the_same_journal_that_was_away_goes_on_as_if_nothing_had_been() {
    let (mut rig, a) = started();
    let dir = rig.dir.path().to_owned();
    let (here, there) = (dir.join("journal.db"), dir.join("elsewhere"));
    let names = ["", "-wal", "-shm"].map(|suffix| {
        let to = |path: &std::path::Path| format!("{}{suffix}", path.display());
        (to(&here), to(&there))
    });
    names.iter().for_each(|(here, there)| move_file(here, there));
    rig.pass(SECOND);
    assert!(rig.writer.away().is_some());
    names.iter().for_each(|(here, there)| move_file(there, here));
    come_back(&mut rig);
    let rig = go_on(rig, &a, 10);
    check_invariants(&dir, &rig.disk);
    let kept = [expected(0..5), expected(6..10)].concat();
    assert_eq!(tape(&dir, &rig.disk, &stream("a")), kept);
    let kinds = kinds(&rig);
    let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
    assert_eq!((count("recording.started"), count("recording.closed")), (1, 1));
    assert_eq!((count("publish.started"), count("publish.ended")), (1, 1));
}

#[test]
fn a_store_that_can_be_read_and_not_written_is_away_and_costs_no_more_each_second() {
    let (mut rig, a) = started();
    let dir = rig.dir.path().to_owned();
    let (here, there) = (dir.join("journal.db"), dir.join("elsewhere"));
    let moves = |from: &std::path::Path, to: &std::path::Path| {
        for suffix in ["", "-wal", "-shm"] {
            let name = |path: &std::path::Path| format!("{}{suffix}", path.display());
            move_file(&name(from), &name(to));
        }
    };
    moves(&here, &there);
    rig.pass(SECOND);
    assert!(rig.writer.away().is_some());
    moves(&there, &here);
    let refuse = |sql: &str| {
        let other = rusqlite::Connection::open(&here).unwrap();
        other.execute_batch(sql).unwrap();
    };
    refuse(
        "CREATE TRIGGER a_test_refuses BEFORE INSERT ON recordings BEGIN SELECT RAISE(ABORT, 'not now'); END",
    );
    let waiting = rig.writer.book.pending.len();
    for _ in 0..100 {
        let error = rig.writer.come_back().unwrap_err();
        assert!(rig.writer.away().is_some(), "it is not back");
        rig.writer.stay_away(&error);
    }
    // The rows of sealed segments wait in memory, too, from now on.
    assert!(
        rig.writer.book.pending.len() <= waiting + 4,
        "{}",
        rig.writer.book.pending.len()
    );
    refuse("DROP TRIGGER a_test_refuses");
    come_back(&mut rig);
    let rig = go_on(rig, &a, 10);
    let kept = [expected(0..5), expected(6..10)].concat();
    assert_eq!(tape(&dir, &rig.disk, &stream("a")), kept);
    let rows = rig.library().recordings(&Filter::default()).unwrap();
    assert_eq!((rows.len(), rows[0].id, rows[0].gaps.len()), (1, recording(), 1));
}

#[test]
fn what_ended_while_it_was_away_is_told_with_its_own_reason() {
    let (mut rig, a) = started();
    let dir = rig.dir.path().to_owned();
    remove_journal(&rig);
    // The end waits in memory: its commit fails with the journal.
    rig.handle(vec![a.close(recording(), 5), a.end()]);
    rig.pass(SECOND);
    if rig.writer.away().is_none() {
        rig.pass(10 * SECOND);
    }
    come_back(&mut rig);
    rig.writer.close().unwrap();
    let rows = Journal::open_read(&dir).unwrap().open_recordings().unwrap();
    assert_eq!(rows, []);
    let rows = rig.library().recordings(&Filter::default()).unwrap();
    assert_eq!(rows.len(), 1);
}

#[test]
fn a_segments_file_that_somebody_removes_is_noticed_and_told() {
    let (mut rig, a) = started();
    rig.pass(SECOND);
    let file = paths::segment(rig.dir.path(), &stream("a"), 2);
    rig.disk.unlink(&file).unwrap();
    rig.pass(20 * SECOND);
    let failed = rig.writer.progress().failed.clone().unwrap();
    assert!(failed.contains("somebody removed it"), "{failed}");
    let rig = go_on(rig, &a, 10);
    let kept = [expected(0..4), expected(6..10)].concat();
    let journal = Journal::open_read(rig.dir.path()).unwrap();
    let missing = journal.segments().unwrap().into_iter();
    let missing = missing.filter(|row| row.state == crate::store::journal::SegmentState::Missing);
    assert_eq!(missing.map(|row| row.sequence).collect::<Vec<_>>(), [2]);
    drop(journal);
    let files = rig.disk.files();
    let whole: Vec<u8> = [1, 3, 4]
        .iter()
        .filter_map(|n| files.get(&paths::segment(rig.dir.path(), &stream("a"), *n)))
        .flat_map(|bytes| media_of(bytes))
        .collect();
    assert_eq!(whole, kept);
    assert_eq!(kinds(&rig).iter().filter(|kind| *kind == "stream.gap").count(), 1);
}

#[test]
fn what_a_segment_had_that_somebody_removes_counts_for_its_stream_too() {
    let (mut rig, _) = started();
    rig.pass(SECOND);
    let file = paths::segment(rig.dir.path(), &stream("a"), 2);
    rig.disk.unlink(&file).unwrap();
    rig.pass(20 * SECOND);
    let progress = rig.writer.progress();
    assert!(progress.bytes_lost > 0);
    assert_eq!(progress.streams[&stream("a")].bytes_lost, progress.bytes_lost);
}

fn media_of(bytes: &[u8]) -> Vec<u8> {
    let scanned = crate::format::fmp4::scan(bytes, bytes.len() as u64).unwrap();
    let media = |fragment: &crate::format::index::FragmentIndex| {
        let len = (fragment.video.bytes() + fragment.audio.bytes()) as usize;
        bytes[fragment.end() as usize - len..fragment.end() as usize].to_vec()
    };
    scanned.index.fragments.iter().flat_map(media).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test moves the journal as a card that is pulled does"
)]
fn move_file(from: &str, to: &str) {
    let _ = std::fs::rename(from, to);
}

#[test]
fn a_session_is_not_noted_again_in_a_journal_that_is_made_while_it_goes_on() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    let mut begun = a.record(recording(), 0);
    if let Command::RecordingStarted { spec, .. } = &mut begun {
        let spec = std::sync::Arc::make_mut(spec);
        spec.output.compose = true;
        (spec.about.session, spec.about.number) = ("s".to_owned(), 1);
    }
    rig.handle(vec![start, begun, a.append(0)]);
    rig.pass(SECOND);
    assert_eq!(rig.library().to_compose(9).unwrap().len(), 1);
    remove_journal(&rig);
    rig.pass(SECOND);
    come_back(&mut rig);
    rig.handle(vec![a.append(1), a.append(2)]);
    rig.pass(SECOND);
    assert!(rig.library().recording(recording()).unwrap().is_some());
    assert_eq!(rig.library().to_compose(9).unwrap(), []);
}
