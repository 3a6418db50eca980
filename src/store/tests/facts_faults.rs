//! What people set of recordings on storage that fails, and on request gone: nothing that was answered is lost, the files say what
//! the journal says, and what was replaced or deleted is in no block.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::facts::{categorize, category, id, set, title};
use super::moment::{JournalFiles, stride};
use super::rig::Rig;
use crate::media::RecordingId;
use crate::model::Facts;
use crate::store::crash::{CrashDisk, Fault, Image, Survives};
use crate::store::disk::Disk as _;
use crate::store::journal::{Journal, Op};
use crate::store::recover::recover;
use crate::store::sidecar::{self, Name};
use crate::store::verify::{Step, repair_on};
use crate::store::{CategoryChange, Command, FactsError, Library, paths};

/// A rig with so many closed recordings.
fn recorded(count: u8) -> Rig {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start]);
    for n in 1..=count {
        let at = i64::from(n) * 2;
        rig.handle(vec![a.record(id(n), at), a.append(at), a.append(at + 1)]);
        rig.handle(vec![a.close(id(n), at + 2)]);
    }
    rig.handle(vec![a.end()]);
    rig.pass(1_000_000);
    rig
}

fn titled(n: u8) -> Value {
    json!({ "title": format!("title {n}") })
}

fn put(rig: &mut Rig, of: &str) {
    categorize(rig, CategoryChange::Put(category(of, ""))).unwrap();
}

/// Stops, and starts again on the files after `change`.
fn again(rig: Rig, change: impl FnOnce(&Path, &CrashDisk)) -> Rig {
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    change(dir.path(), &disk);
    Rig::on(dir, disk, clock)
}

fn lose_journal(dir: &Path, _: &CrashDisk) {
    JournalFiles::default().write(dir);
}

fn place(rig: &Rig, n: u8) -> PathBuf {
    Name::Recording(id(n)).path(rig.dir.path())
}

fn facts(rig: &Rig, n: u8) -> Facts {
    rig.library().recording(id(n)).unwrap().unwrap().facts
}

fn lost(disk: &CrashDisk) -> Vec<String> {
    let lost = disk.files().into_keys();
    let lost = lost.filter(|path| path.to_string_lossy().contains("lost+found"));
    lost.map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

fn expect_in_order(rig: &Rig) {
    assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
}

/// Lets the writer look after its files, as often as failures may need.
fn look(rig: &mut Rig) {
    for _ in 0..6 {
        rig.pass(20_000_000);
        rig.writer.tick();
    }
}

fn is_empty(disk: &CrashDisk, node: u64) -> bool {
    disk.held(node).unwrap().iter().all(|byte| *byte == 0)
}

#[test]
fn the_power_goes_while_facts_are_read_again_and_the_next_start_reads_the_rest() {
    let mut rig = recorded(5);
    for n in 1..=5 {
        set(&mut rig, id(n), titled(n)).unwrap();
    }
    put(&mut rig, "maths");
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    lose_journal(dir.path(), &disk);
    let moments: Arc<Mutex<Vec<(JournalFiles, Image)>>> = Arc::default();
    let mut journal = Journal::open(dir.path()).unwrap();
    let (out, root, image) = (moments.clone(), dir.path().to_owned(), disk.clone());
    journal.observe(1_000, move || {
        let moment = (JournalFiles::read(&root), image.image().clone());
        out.lock().unwrap().push(moment);
    });
    recover(dir.path(), &disk, clock.as_ref(), &mut journal).unwrap();
    drop(journal);
    let moments = std::mem::take(&mut *moments.lock().unwrap());
    // The recordings, the tree, the facts in three parts, and that all of it was read.
    assert!(moments.len() >= 6, "{}", moments.len());
    for (n, (files, image)) in moments.iter().enumerate().step_by(stride()) {
        files.write(dir.path());
        let disk = CrashDisk::after_crash(image, Survives::Nothing);
        let mut journal = Journal::open(dir.path()).unwrap();
        recover(dir.path(), &disk, clock.as_ref(), &mut journal).unwrap();
        for of in 1..=5 {
            let (facts, _) = journal.facts(id(of)).unwrap().unwrap();
            assert_eq!(facts.title.unwrap().as_str(), format!("title {of}"), "moment {n}");
        }
        assert_eq!(
            journal.categories().unwrap(),
            [category("maths", "")],
            "moment {n}"
        );
        assert!(!journal.lacks_sidecars().unwrap());
    }
}

#[test]
fn a_folder_that_cannot_be_listed_is_read_by_the_next_start_and_a_change_until_then_begins_from_the_file() {
    let mut rig = recorded(2);
    for n in [1, 2] {
        set(&mut rig, id(n), titled(n)).unwrap();
    }
    put(&mut rig, "a");
    let folder = paths::sidecars(rig.dir.path());
    let mut rig = again(rig, |dir, disk| {
        lose_journal(dir, disk);
        disk.unreadable(&folder, true);
    });
    assert_eq!(title(&facts(&rig, 1)), None);
    let set_now = set(&mut rig, id(1), json!({ "description": "d" })).unwrap();
    assert_eq!(title(&set_now), Some("title 1"));
    put(&mut rig, "b");
    look(&mut rig);
    let rig = again(rig, |_, disk| disk.unreadable(&folder, false));
    assert_eq!(facts(&rig, 1), set_now);
    assert_eq!(title(&facts(&rig, 2)), Some("title 2"));
    let tree = rig.library().categories().unwrap();
    assert_eq!(tree, [category("a", ""), category("b", "")]);
    expect_in_order(&rig);
}

#[test]
fn a_file_that_is_not_read_stays_and_the_next_start_tries_again() {
    let mut rig = recorded(3);
    for n in [1, 2, 3] {
        set(&mut rig, id(n), titled(n)).unwrap();
    }
    let (one, three) = (place(&rig, 1), place(&rig, 3));
    let copy = rig.disk.files()[&three].clone();
    rig.handle(vec![Command::Delete { recording: id(3) }]);
    let rig = again(rig, |dir, disk| {
        lose_journal(dir, disk);
        // The file of a recording that was deleted is there again, and does not go.
        disk.put(&three, &copy);
        disk.unreadable(&three, true);
        disk.unreadable(&one, true);
    });
    assert_eq!(title(&facts(&rig, 1)), None);
    assert_eq!(title(&facts(&rig, 2)), Some("title 2"));
    let rig = again(rig, |_, disk| disk.mend());
    assert_eq!(title(&facts(&rig, 1)), Some("title 1"));
    assert!(!rig.disk.is_there(&three));
    assert_eq!(lost(&rig.disk), [""; 0]);
    expect_in_order(&rig);
}

/// Has the next commits fail, and gives the error of a change. A look after the files is due then.
fn refused<T: std::fmt::Debug>(
    rig: &mut Rig,
    commits: usize,
    change: impl FnOnce(&mut Rig) -> Result<T, FactsError>,
) {
    let foreign_key = rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY;
    rig.clock.advance(20_000_000);
    rig.writer.book.journal.refuse(&vec![foreign_key; commits]);
    let error = change(rig).unwrap_err();
    assert!(matches!(error, FactsError::Waits(_)), "{error}");
    assert!(error.to_string().contains("may become true"), "{error}");
    for _ in 0..4 {
        rig.clock.advance(500_000);
        rig.writer.tick();
    }
    look(rig);
    assert_eq!(rig.writer.away(), None);
}

#[test]
fn a_change_whose_commit_fails_waits_and_its_file_waits_with_it() {
    // The journal refuses only the change, or also the commits of the ticks behind it.
    for commits in 1..4 {
        let mut rig = recorded(1);
        set(&mut rig, id(1), json!({ "title": "one" })).unwrap();
        put(&mut rig, "a");
        let two = json!({ "title": "two" });
        refused(&mut rig, commits, |rig| set(rig, id(1), two));
        assert_eq!(title(&facts(&rig, 1)), Some("two"));
        expect_in_order(&rig);
        let b = CategoryChange::Put(category("b", ""));
        refused(&mut rig, commits, |rig| categorize(rig, b));
        assert_eq!(rig.library().categories().unwrap().len(), 2);
        expect_in_order(&rig);
    }
}

#[test]
fn files_say_what_the_journal_says_after_every_fault() {
    use Fault::{Create, Rename, Sync, SyncDir, Unlink, Write};
    let mut rig = recorded(2);
    for (n, fault) in [Create, Write, Sync, SyncDir, Unlink, Rename]
        .into_iter()
        .enumerate()
    {
        for times in 1..6 {
            (0..times).for_each(|_| rig.disk.fail_next(fault));
            // Whether it is answered or not: the files and the journal agree.
            let answer = set(&mut rig, id(1), json!({ "title": format!("{n} {times}") }));
            let _ = set(&mut rig, id(2), json!({ "description": format!("{n} {times}") }));
            rig.disk.mend();
            look(&mut rig);
            expect_in_order(&rig);
            if answer.is_ok() {
                let now = facts(&rig, 1);
                assert_eq!(title(&now), Some(format!("{n} {times}").as_str()), "{fault:?}");
            }
        }
    }
}

/// Notes so many removed recordings whose files are to go, with a file each. Their ids come before all others.
fn gone_before(rig: &mut Rig, count: u8) -> Vec<PathBuf> {
    let bytes = sidecar::Sidecar::default().encode();
    let other = rusqlite::Connection::open(rig.dir.path().join("journal.db")).unwrap();
    let ids = (1..=count).map(|n| {
        let mut id = [0; 16];
        id[15] = n;
        RecordingId::from_bytes(id)
    });
    let paths = ids.map(|id| {
        let sql = "INSERT INTO sidecars_gone (id) VALUES (?1)";
        other.execute(sql, [id.to_bytes()]).unwrap();
        let path = Name::Recording(id).path(rig.dir.path());
        rig.disk.put(&path, &bytes);
        path
    });
    paths.collect()
}

#[test]
fn a_deletion_removes_its_own_file_however_many_others_wait_and_fail() {
    let mut rig = recorded(1);
    set(&mut rig, id(1), titled(1)).unwrap();
    let others = gone_before(&mut rig, 40);
    let failing = &others[..12];
    failing.iter().for_each(|path| rig.disk.unreadable(path, true));
    let path = place(&rig, 1);
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    assert!(!rig.disk.is_there(&path));
    // Those that fail keep no others waiting.
    look(&mut rig);
    let left: Vec<&PathBuf> = others.iter().filter(|path| rig.disk.is_there(path)).collect();
    assert_eq!(left, failing.iter().collect::<Vec<_>>());
    rig.disk.mend();
    look(&mut rig);
    look(&mut rig);
    assert!(!others.iter().any(|path| rig.disk.is_there(path)));
    expect_in_order(&rig);
}

#[test]
fn a_file_that_the_journal_does_not_know_of_goes_with_its_recording_too() {
    let mut rig = recorded(1);
    set(&mut rig, id(1), titled(1)).unwrap();
    let folder = paths::sidecars(rig.dir.path());
    let mut rig = again(rig, |dir, disk| {
        lose_journal(dir, disk);
        disk.unreadable(&folder, true);
    });
    let path = place(&rig, 1);
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    assert!(!rig.disk.is_there(&path));
}

#[test]
fn files_that_nothing_is_known_of_are_set_aside_as_they_are_in_new_too() {
    let mut rig = recorded(1);
    set(&mut rig, id(1), titled(1)).unwrap();
    let whole = rig.disk.files()[&place(&rig, 1)].clone();
    let nobodys = Name::Recording(id(9));
    let rig = again(rig, |dir, disk| {
        lose_journal(dir, disk);
        disk.put(&nobodys.path(dir), &whole);
        disk.put(&nobodys.new_path(dir), &whole);
    });
    let files = rig.disk.files();
    let lost: Vec<_> = files
        .iter()
        .filter(|(path, _)| path.to_string_lossy().contains("lost+found"))
        .collect();
    assert_eq!(
        lost.len(),
        2,
        "{:?}",
        lost.iter().map(|(path, _)| path).collect::<Vec<_>>()
    );
    assert!(lost.iter().all(|(_, bytes)| **bytes == whole));
    expect_in_order(&rig);
}

#[test]
fn a_recording_that_is_found_again_has_its_facts_after_a_crash_in_between() {
    let mut rig = recorded(1);
    set(&mut rig, id(1), titled(1)).unwrap();
    // The journal has the recording again, and the service ended before it read the file.
    let rig = again(rig, |dir, _| {
        let other = rusqlite::Connection::open(dir.join("journal.db")).unwrap();
        other
            .execute_batch("UPDATE recordings SET title = NULL, sidecar = 0")
            .unwrap();
        drop(other);
        let mut journal = Journal::open(dir).unwrap();
        journal.commit(&[Op::SidecarsUnread], 0).unwrap();
    });
    assert_eq!(title(&facts(&rig, 1)), Some("title 1"));
    expect_in_order(&rig);
}

#[test]
fn verify_removes_the_file_of_a_recording_that_was_deleted_and_keeps_it_nowhere() {
    let mut rig = recorded(1);
    set(&mut rig, id(1), json!({ "title": "secret" })).unwrap();
    let path = place(&rig, 1);
    let copy = rig.disk.files()[&path].clone();
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    look(&mut rig);
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    disk.put(&path, &copy);
    let node = disk.node_of(&path).unwrap();
    let mut done = Vec::new();
    let checked = repair_on(dir.path(), &disk, clock.as_ref(), &mut |step| {
        if let Step::Done(what) = step {
            done.push(what.to_owned());
        }
    });
    assert_eq!(checked.unwrap().findings, 0, "{done:?}");
    assert!(
        done.iter()
            .any(|what| what.contains("deleted on request; it is removed")),
        "{done:?}"
    );
    assert!(!disk.is_there(&path) && is_empty(&disk, node));
    assert_eq!(lost(&disk), [""; 0]);
}

#[test]
fn verify_sets_a_damaged_file_aside_where_the_journal_has_nothing_to_write() {
    let rig = recorded(1);
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    disk.put(&Name::Recording(id(1)).path(dir.path()), b"{}");
    let checked = repair_on(dir.path(), &disk, clock.as_ref(), &mut |_| ());
    assert_eq!(checked.unwrap().findings, 0);
    assert_eq!(lost(&disk).len(), 1);
}

#[test]
fn verify_tells_of_a_file_that_is_not_read_and_checks_the_others() {
    let mut rig = recorded(2);
    for n in [1, 2] {
        set(&mut rig, id(n), titled(n)).unwrap();
    }
    let (one, two) = (place(&rig, 1), place(&rig, 2));
    rig.disk.put(&two, b"{}");
    rig.disk.unreadable(&one, true);
    let said = |rig: &Rig| -> Vec<String> {
        let found = rig.library().verify(&mut |_, _| ()).unwrap();
        found.iter().map(ToString::to_string).collect()
    };
    let found = said(&rig);
    assert!(
        found[0].contains("is not read") && found[1].contains("is damaged") && found.len() == 2,
        "{found:?}"
    );
    // A repair leaves what it cannot read, and goes on.
    let Rig { dir, disk, clock, .. } = rig;
    let checked = repair_on(dir.path(), &disk, clock.as_ref(), &mut |_| ());
    assert_eq!(checked.unwrap().findings, 1);
    disk.mend();
    let checked = repair_on(dir.path(), &disk, clock.as_ref(), &mut |_| ());
    assert_eq!(checked.unwrap().findings, 0);
    // Nor does a folder that cannot be listed end the check.
    disk.unreadable(&paths::sidecars(dir.path()), true);
    let library = Library::with_disk(dir.path(), Arc::new(disk.clone())).unwrap();
    let found = library.verify(&mut |_, _| ()).unwrap();
    assert!(
        found.len() == 1 && found[0].what.contains("is not read"),
        "{found:?}"
    );
}
