//! The findings of `verify`, and the repairs of `verify --repair`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::crashes::script;
use super::rig::{Rig, check_invariants, expected, state, stream, tape};
use crate::format::TapeSource;
use crate::format::index::SampleIndex;
use crate::media::{RecordingId, StreamName};
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Image};
use crate::store::journal::{Journal, Op, SegmentData, SegmentState};
use crate::store::verify::{check_store, repair_on};
use crate::store::{AuditQuery, Checked, Disk, Filter, Finding, Library, Step, paths};

/// A store after the script of two streams, in good order.
struct Store {
    dir: tempfile::TempDir,
    disk: CrashDisk,
}

impl Store {
    fn new() -> Self {
        let mut rig = Rig::new();
        script(&mut rig);
        let Rig { dir, disk, .. } = rig;
        Self { dir, disk }
    }

    fn library(&self) -> Library {
        Library::with_disk(self.dir.path(), Arc::new(self.disk.clone())).unwrap()
    }

    fn verify(&self) -> Vec<Finding> {
        self.library().verify(&mut |_, _| {}).unwrap()
    }

    fn rows(&self) -> Vec<SegmentData> {
        Journal::open_read(self.dir.path()).unwrap().segments().unwrap()
    }

    fn row(&self, name: &str, sequence: u64) -> SegmentData {
        let found = self
            .rows()
            .into_iter()
            .find(|row| row.stream == stream(name) && row.sequence == sequence);
        found.unwrap()
    }

    fn path(&self, name: &str, sequence: u64) -> PathBuf {
        paths::segment(self.dir.path(), &stream(name), sequence)
    }

    fn index(&self, name: &str, sequence: u64) -> SampleIndex {
        let journal = Journal::open_read(self.dir.path()).unwrap();
        let blob = journal.index(self.row(name, sequence).id).unwrap().unwrap();
        SampleIndex::decode(&blob).unwrap()
    }

    /// Changes a file as a bad card would.
    fn ruin(&self, path: &Path, how: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.disk.files()[path].clone();
        how(&mut bytes);
        self.disk.put(path, &bytes);
    }

    /// Repairs; gives the reported repairs and the faults that remain.
    fn repair(&self) -> (Vec<String>, Vec<Finding>, Checked) {
        let (mut done, mut findings) = (Vec::new(), Vec::new());
        let clock = TestClock::new(9_000_000);
        let checked = repair_on(self.dir.path(), &self.disk, &clock, &mut |step| match step {
            Step::Found(finding) => findings.push(finding.clone()),
            Step::Done(line) => done.push(line.to_owned()),
            Step::Progress { .. } => {}
        });
        (done, findings, checked.unwrap())
    }

    /// Checks that a second repair finds the same and changes nothing.
    fn again(&self, findings: &[Finding]) {
        let before = (state(self.dir.path(), &self.disk), self.outbox());
        let (done, found, _) = self.repair();
        assert!(done.is_empty(), "{done:?}");
        assert_eq!(found, findings);
        assert_eq!((state(self.dir.path(), &self.disk), self.outbox()), before);
        assert_eq!(self.verify(), findings);
    }

    fn outbox(&self) -> usize {
        let journal = Journal::open_read(self.dir.path()).unwrap();
        journal.outbox().unwrap().len()
    }

    fn sql(&self, sql: &str) {
        let other = rusqlite::Connection::open(self.dir.path().join("journal.db")).unwrap();
        other.execute_batch(sql).unwrap();
    }
}

#[test]
fn a_repair_stands_in_the_audit() {
    let store = Store::new();
    store.repair();
    let rows = store
        .library()
        .audit(&AuditQuery {
            limit: 5,
            ..AuditQuery::default()
        })
        .unwrap();
    let row = &rows[0];
    assert_eq!(
        (row.command.as_str(), row.door.as_str()),
        ("verify --repair", "cli")
    );
    assert!(row.who.starts_with("uid "), "{}", row.who);
    assert_eq!(row.outcome.as_deref(), Some("ok"));
}

#[test]
fn a_sound_store_has_no_findings_and_nothing_is_done() {
    let store = Store::new();
    let mut steps = Vec::new();
    let checked = store.library().check(&mut |step| {
        if let Step::Progress { done, total } = step {
            steps.push((done, total));
        }
    });
    let checked = checked.unwrap();
    assert_eq!((checked.findings, checked.open), (0, 0));
    assert_eq!(checked.segments as usize, store.rows().len());
    assert_eq!(checked.fragments, 17);
    let total = store.rows().iter().map(|row| row.bytes).sum();
    assert_eq!((steps[0], *steps.last().unwrap()), ((0, total), (total, total)));
    assert!(steps.is_sorted());
    store.again(&[]);
}

#[test]
fn a_flipped_bit_names_fragment_place_time_and_recordings() {
    let store = Store::new();
    let row = store.row("a", 1);
    let index = store.index("a", 1);
    let media_of = |n: usize| {
        let fragment = &index.fragments[n];
        fragment.end() - 10
    };
    let path = store.path("a", 1);
    // Two damaged fragments in one file are two findings.
    store.ruin(&path, |bytes| {
        bytes[media_of(1) as usize] ^= 4;
        bytes[media_of(3) as usize] ^= 4;
    });
    let findings = store.verify();
    assert_eq!(findings.len(), 2, "{findings:#?}");
    for (finding, n) in findings.iter().zip([1, 3]) {
        let fragment = finding.fragment.clone().unwrap();
        assert_eq!(finding.path, path);
        assert_eq!(finding.segment, Some(row.id));
        assert_eq!(
            (fragment.number, fragment.offset),
            (n + 1, index.fragments[n as usize].offset)
        );
        let start = row.utc_zero + i64::from(n) * 1_000_000;
        assert_eq!((fragment.start, fragment.duration), (start, 1_000_000));
        let of_a = store.library().recordings(&Filter {
            stream: Some(stream("a").into()),
            ..Filter::default()
        });
        assert_eq!(finding.recordings, [of_a.unwrap()[0].id]);
        assert_eq!(finding.what, "its media does not match its checksum");
        let said = finding.to_string();
        let offset = fragment.offset;
        let number = n + 1;
        assert!(
            said.contains(&format!("00000001.mp4: fragment {number} (byte {offset}, 20")),
            "{said}"
        );
        assert!(
            said.contains("Z, 1.0 s): its media") && said.contains("; in recording "),
            "{said}"
        );
    }
    // The damaged fragment is still footage: the repair leaves it, and readers still get it.
    let (done, left, _) = store.repair();
    assert!(done.is_empty(), "{done:?}");
    assert_eq!(left, findings);
    store.again(&findings);
    let rows = store.library().recordings(&Filter::default()).unwrap();
    assert_eq!(rows.len(), 4);
}

/// Each flipped bit of a segment is reported, and no repair loses the rest of it.
#[test]
fn every_flipped_bit_of_a_file_is_found_and_no_repair_loses_it() {
    let store = Store::new();
    let path = store.path("b", 2);
    let sound = store.disk.files()[&path].clone();
    let row = store.row("b", 2);
    let base = state(store.dir.path(), &store.disk);
    for at in (0..row.bytes as usize).step_by(37) {
        store.ruin(&path, |bytes| bytes[at] ^= 1 << (at % 8));
        let findings = store.verify();
        assert!(!findings.is_empty(), "byte {at} is not covered");
        assert!(
            findings.iter().all(|finding| finding.path == path),
            "{findings:?}"
        );
        let (done, left, _) = store.repair();
        assert!(done.is_empty(), "byte {at}: {done:?}");
        assert_eq!(left, findings, "byte {at}");
        store.disk.put(&path, &sound);
        assert_eq!(state(store.dir.path(), &store.disk), base, "byte {at}");
    }
    assert_eq!(store.verify(), []);
}

#[test]
fn what_lies_behind_the_sealed_end_is_not_judged() {
    let store = Store::new();
    store.ruin(&store.path("a", 1), |bytes| bytes.extend([0x5a; 3000]));
    assert_eq!(store.verify(), []);
}

#[test]
fn a_lost_or_wrong_sample_index_is_made_again() {
    let wrong = "UPDATE indexes SET samples = (SELECT samples FROM indexes ORDER BY segment DESC LIMIT 1)
                 WHERE segment = 1";
    let flipped = "UPDATE indexes SET samples = X'0102030405' WHERE segment = 1";
    let gone = "DELETE FROM indexes WHERE segment = 1";
    let sum = "UPDATE segments SET crc = crc + 1 WHERE segment = 1";
    let no_sum = "UPDATE segments SET crc = NULL WHERE segment = 1";
    for sql in [wrong, flipped, gone, sum, no_sum] {
        let store = Store::new();
        let before = store.index("a", 1);
        store.sql(sql);
        let findings = store.verify();
        assert_eq!(findings.len(), 1, "{sql}: {findings:#?}");
        let (done, left, _) = store.repair();
        assert_eq!(left, [], "{sql}");
        assert!(
            done.len() == 1 && done[0].contains("made again from the file"),
            "{done:?}"
        );
        assert_eq!(store.index("a", 1), before);
        check_invariants_but_the_outbox(&store);
        store.again(&[]);
    }
}

#[test]
fn lists_that_say_another_thing_than_the_index_are_made_again() {
    for (damage, of) in [
        (
            "UPDATE chunk_lists SET chunks = x'0100' WHERE segment = 1",
            "chunks",
        ),
        (
            "UPDATE fragment_lists SET fragments = x'0100' WHERE segment = 1",
            "fragments",
        ),
    ] {
        let store = Store::new();
        let lists = || {
            let journal = Journal::open_read(store.dir.path()).unwrap();
            let id = store.row("a", 1).id;
            (
                journal.chunk_list(id).unwrap(),
                journal.fragment_list(id).unwrap(),
            )
        };
        let before = lists();
        assert!(before.0.is_some() && before.1.is_some());
        store.sql(damage);
        let found = store.verify();
        assert_eq!(found.len(), 1);
        assert!(
            found[0].what.contains(&format!("list of its {of}")),
            "{}",
            found[0].what
        );
        let (done, findings, _) = store.repair();
        assert_eq!((done.len(), findings), (1, Vec::new()));
        assert_eq!(lists(), before);
    }
    // An earlier release wrote none.
    let store = Store::new();
    store.sql("DELETE FROM fragment_lists; DELETE FROM chunk_lists");
    assert_eq!(store.verify(), []);
}

#[test]
fn lists_that_cannot_be_read_are_a_fault_of_their_segment_and_the_others_are_checked() {
    let store = Store::new();
    let journal = Journal::open_read(store.dir.path()).unwrap();
    store.sql("ALTER TABLE fragment_lists RENAME COLUMN fragments TO lost");
    let mut found = Vec::new();
    let mut watch = |step: Step<'_>| {
        if let Step::Found(finding) = step {
            found.push(finding.clone());
        }
    };
    let checked = check_store(store.dir.path(), &store.disk, &journal, &mut watch).unwrap();
    assert!(checked.segments > 1 && checked.segments == found.len() as u64);
    for finding in &found {
        assert!(
            finding.what.contains("lists of it cannot be read"),
            "{}",
            finding.what
        );
    }
}

fn check_invariants_but_the_outbox(store: &Store) {
    check_invariants(store.dir.path(), &store.disk);
}

#[test]
fn an_index_that_is_lost_together_with_a_bit_of_media_is_made_again() {
    let store = Store::new();
    store.sql("DELETE FROM indexes WHERE segment = 1");
    let first = store.rows()[0].clone();
    let path = paths::segment(store.dir.path(), &first.stream, first.sequence);
    let end = first.bytes as usize;
    store.ruin(&path, |bytes| bytes[end - 5] ^= 1);
    assert_eq!(store.verify().len(), 2);
    let (done, left, _) = store.repair();
    assert_eq!((done.len(), left.len()), (1, 1), "{done:?} {left:?}");
    assert!(left[0].fragment.is_some());
    store.again(&left);
}

#[test]
fn rows_of_files_that_are_gone_are_dropped_and_it_is_said_what_is_shorter() {
    let store = Store::new();
    for sequence in [1, 2] {
        store.disk.unlink(&store.path("b", sequence)).unwrap();
    }
    store.disk.unlink(&store.path("a", 2)).unwrap();
    let of_b: Vec<RecordingId> = ids(&store, "b");
    let findings = store.verify();
    assert_eq!(findings.len(), 3, "{findings:#?}");
    assert!(findings.iter().all(|finding| finding.what == "the file is gone"));
    let (done, left, _) = store.repair();
    assert_eq!(left, []);
    let said = done.join("\n");
    assert!(
        said.contains("00000002.mp4: the file is gone; its row is dropped; recording"),
        "{said}"
    );
    assert!(said.contains("becomes shorter"), "{said}");
    for id in of_b {
        assert!(
            said.contains(&format!("recording {id} has no tape left and is dropped")),
            "{said}"
        );
    }
    assert!(ids(&store, "b").is_empty());
    assert!(store.rows().iter().all(|row| row.state == SegmentState::Sealed));
    store.again(&[]);
}

fn ids(store: &Store, name: &str) -> Vec<RecordingId> {
    let of = Filter {
        stream: Some(stream(name).into()),
        ..Filter::default()
    };
    let rows = store.library().recordings(&of).unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

#[test]
fn a_file_that_lost_its_end_keeps_its_whole_fragments() {
    let store = Store::new();
    let path = store.path("a", 1);
    let index = store.index("a", 1);
    let cut = index.fragments[2].offset as usize + 100;
    store.ruin(&path, |bytes| {
        bytes.truncate(cut);
        // The first fragment has a flipped bit, and stays.
        bytes[index.fragments[0].end() as usize - 3] ^= 1;
    });
    let (done, left, _) = store.repair();
    assert_eq!(done.len(), 1, "{done:?}");
    assert!(
        done[0].contains(&format!("its row now ends at byte {}", index.fragments[1].end())),
        "{done:?}"
    );
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].fragment.as_ref().unwrap().number, 1);
    assert_eq!(store.row("a", 1).bytes, index.fragments[1].end());
    store.again(&left);
}

#[test]
fn what_nobody_can_read_goes_to_lost_found_and_nothing_is_deleted() {
    for (what, bytes) in [
        ("empty", vec![]),
        ("zeros", vec![0; 9000]),
        ("cut in its header", vec![]),
    ] {
        let store = Store::new();
        let path = store.path("a", 2);
        store.ruin(&path, |old| match what {
            "cut in its header" => old.truncate(200),
            _ => *old = bytes,
        });
        assert!(!store.verify().is_empty());
        let (done, left, checked) = store.repair();
        assert_eq!(left, [], "{what}");
        assert!(
            done[0].contains("nothing in the file can be read; it is moved to"),
            "{done:?}"
        );
        let moved = store.dir.path().join("lost+found/live+a-00000002.mp4");
        assert!(store.disk.files().contains_key(&moved), "{what}");
        assert_eq!(checked.lost_found, [moved]);
        store.again(&[]);
    }
}

#[test]
fn a_file_in_the_place_of_another_is_told_apart() {
    let store = Store::new();
    let other = store.disk.files()[&store.path("b", 1)].clone();
    store.disk.put(&store.path("a", 1), &other);
    let findings = store.verify();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].what.contains("the file is segment"), "{findings:?}");
    let (done, left, _) = store.repair();
    assert_eq!(left, []);
    assert!(done[0].contains("another segment lies in its place"), "{done:?}");
    let moved = store.dir.path().join("lost+found/live+a-00000001.mp4");
    assert_eq!(store.disk.files()[&moved], other);
    store.again(&[]);
}

#[test]
fn files_without_rows_are_found_and_adopted() {
    let store = Store::new();
    let tape_a = tape(store.dir.path(), &store.disk, &stream("a"));
    let notes = paths::stream(store.dir.path(), &stream("a")).join("notes.txt");
    store.disk.put(&notes, b"not a segment");
    store.sql("PRAGMA foreign_keys = ON; DELETE FROM segments WHERE sequence = 2; UPDATE recordings SET runs = NULL");
    let findings = store.verify();
    assert_eq!(findings.len(), 3, "{findings:#?}");
    assert!(
        findings
            .iter()
            .all(|finding| finding.what.starts_with("has no row"))
    );
    let (done, left, _) = store.repair();
    assert_eq!(left, []);
    assert!(
        done[0].contains("2 files adopted, 1 files moved to lost+found"),
        "{done:?}"
    );
    assert_eq!(tape(store.dir.path(), &store.disk, &stream("a")), tape_a);
    store.again(&[]);
}

#[test]
fn a_damaged_journal_is_set_aside_by_a_repair_too() {
    let store = Store::new();
    // The damage is in a page of sample indexes, which no start reads.
    let path = store.dir.path().join("journal.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'indexes'";
    let root: u32 = other.query_row(sql, [], |row| row.get(0)).unwrap();
    drop(other);
    let mut bytes = std::fs::read(&path).unwrap();
    let page = (root as usize - 1) * 4096;
    bytes[page..page + 4096].fill(0x55);
    put(&path, &bytes);
    let error = store.library().verify(&mut |_, _| {}).unwrap_err().to_string();
    assert!(
        error.contains("journal.db") && error.contains("verify --repair"),
        "{error}"
    );
    // Readers use the file meanwhile.
    let library = store.library();
    let last = library.find("last").unwrap().id;
    let view = library.view(last).unwrap();
    assert!(
        view.segments
            .iter()
            .all(|segment| view.source.index(segment.id).is_ok())
    );

    let (done, left, checked) = store.repair();
    assert_eq!(left, []);
    assert!(done[0].starts_with("journal set aside to "), "{done:?}");
    assert_eq!(checked.journals_set_aside.len(), 1);
    assert_eq!(tape(store.dir.path(), &store.disk, &stream("a")), expected(0..9));
    store.again(&[]);
}

#[expect(clippy::disallowed_methods, reason = "a test ruins files as a bad card would")]
fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

/// Verifies beside a writer that continues. The segment that it is writing is not judged. A segment that it seals, begins or
/// drops between the listing and the reading is not a finding.
#[test]
fn what_changes_while_it_is_read_is_not_a_finding() {
    let mut rig = Rig::new();
    let (a, started) = rig.publish(1, "a");
    rig.handle(vec![started, a.record(RecordingId::new(1), 0)]);
    for n in 0..9 {
        rig.handle(vec![a.append(n)]);
        rig.pass(1_000_000);
    }
    let library = rig.library();
    let mut seconds = 9..40;
    let dir = rig.dir.path().to_owned();
    let disk = rig.disk.clone();
    let mut findings = Vec::new();
    let mut evicted = false;
    let checked = library
        .check(&mut |step| match step {
            Step::Found(finding) => findings.push(finding.clone()),
            Step::Progress { .. } => {
                for n in seconds.by_ref().take(4) {
                    rig.handle(vec![a.append(n)]);
                    rig.pass(1_000_000);
                }
                if !evicted {
                    // The segment is removed as eviction does it: the row first, then the file.
                    evicted = true;
                    let other = rusqlite::Connection::open(dir.join("journal.db")).unwrap();
                    let sql = "PRAGMA foreign_keys = ON; DELETE FROM segments WHERE sequence = 2; UPDATE recordings SET runs = NULL";
                    other.execute_batch(sql).unwrap();
                    disk.unlink(&paths::segment(&dir, &stream("a"), 2)).unwrap();
                }
            }
            Step::Done(_) => {}
        })
        .unwrap();
    assert_eq!(findings, []);
    assert_eq!(checked.open, 1);
    assert!(rig.writer.progress().segments_sealed > 4);
}

/// The power goes at every operation of a repair: the next repair comes to the same result as one that was not disturbed.
#[test]
fn a_repair_that_is_cut_off_is_gone_on_with() {
    use std::sync::Mutex;

    use super::moment::JournalFiles;
    use crate::store::crash::Survives;

    let store = Store::new();
    store.disk.unlink(&store.path("a", 2)).unwrap();
    store.ruin(&store.path("b", 1), |bytes| bytes.fill(0));
    store.ruin(&store.path("b", 2), |bytes| bytes.truncate(3000));
    store.sql("DELETE FROM indexes WHERE segment = 1");
    // The changes of the files are durable.
    let image = CrashDisk::after_crash(&store.disk.image(), Survives::Everything);
    let image: Image = image.image().clone();
    let start = JournalFiles::read(store.dir.path());
    let disk = CrashDisk::default();
    *disk.image() = image.clone();
    let moments: Arc<Mutex<Vec<(Image, JournalFiles)>>> = Arc::default();
    let (out, dir) = (moments.clone(), store.dir.path().to_owned());
    disk.observe(move |image| {
        out.lock()
            .unwrap()
            .push((image.clone(), JournalFiles::read(&dir)));
    });
    let whole = Store { dir: store.dir, disk };
    let (done, left, _) = whole.repair();
    assert!(done.len() >= 4 && left.is_empty(), "{done:?} {left:?}");
    let rows = |store: &Store| {
        let rows = store.rows().into_iter();
        let rows: Vec<(StreamName, u64, u64)> =
            rows.map(|row| (row.stream, row.sequence, row.bytes)).collect();
        // The disk of the tests may lose a name that was moved and not synced; the lost file held only zeros.
        let mut files = store.disk.files();
        files.retain(|path, _| !path.to_string_lossy().contains("lost+found"));
        let files: Vec<(PathBuf, u32)> = files
            .into_iter()
            .map(|(path, bytes)| (path, crc32c::crc32c(&bytes)))
            .collect();
        (rows, files, ids(store, "a"), ids(store, "b"))
    };
    let end = rows(&whole);
    let mut dir = whole.dir;
    let moments = std::mem::take(&mut *moments.lock().unwrap());
    assert!(moments.len() > 4, "{}", moments.len());
    for (n, (image, journal)) in moments.iter().enumerate() {
        for survives in [Survives::Nothing, Survives::Everything, Survives::Some(n as u64)] {
            journal.write(dir.path());
            let disk = CrashDisk::after_crash(image, survives);
            let store = Store { dir, disk };
            let (_, left, _) = store.repair();
            assert_eq!(left, [], "moment {n}, {survives:?}");
            assert_eq!(rows(&store), end, "moment {n}, {survives:?}");
            store.again(&[]);
            dir = store.dir;
        }
    }
    start.write(dir.path());
}

/// A repair is no start: it does not report a store in good order.
#[test]
fn a_repair_tells_of_what_it_did_and_of_nothing_else() {
    let store = Store::new();
    let before = store.outbox();
    store.repair();
    assert_eq!(store.outbox(), before);
    store.sql("DELETE FROM indexes WHERE segment = 1");
    store.repair();
    let journal = Journal::open_read(store.dir.path()).unwrap();
    let (_, kind, body) = journal.outbox().unwrap().pop().unwrap();
    assert_eq!(kind, "storage.repaired");
    assert!(body.contains("made again from the file"), "{body}");
    // An op that comes twice counts once.
    let mut journal = Journal::open(store.dir.path()).unwrap();
    let gone = Op::ForgetSegment {
        id: store.rows()[0].id,
    };
    journal.commit(std::slice::from_ref(&gone), 0).unwrap();
    let rows = store.rows().len();
    journal.commit(&[gone], 0).unwrap();
    assert_eq!(store.rows().len(), rows);
}
