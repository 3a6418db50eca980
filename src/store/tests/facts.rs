//! What people set of recordings: it is durable when it is answered, and survives the loss of the journal.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::moment::{JournalFiles, stride};
use super::rig::{Publisher, Rig};
use crate::media::RecordingId;
use crate::model::{Category, CategoryId, Facts, FactsChange};
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Fault, Image, Survives};
use crate::store::journal::Journal;
use crate::store::recover::recover;
use crate::store::sidecar::{self, Name};
use crate::store::verify::{Step, repair_on};
use crate::store::{CategoryChange, Command, FactsCommand, FactsError, Library};

pub(super) fn id(n: u8) -> RecordingId {
    RecordingId::from_bytes([n; 16])
}

pub(super) fn category(of: &str, parent: &str) -> Category {
    let id = |text: &str| CategoryId::try_from(text.to_owned()).unwrap();
    Category {
        category: id(of),
        name: of.to_uppercase().try_into().unwrap(),
        parent: (!parent.is_empty()).then(|| id(parent)),
    }
}

/// A change in the words of the command.
pub(super) fn change(value: Value) -> FactsChange {
    let facts: Facts = serde_json::from_value(value.clone()).unwrap();
    let has = |field: &str| value.get(field).is_some();
    FactsChange {
        title: has("title").then_some(facts.title),
        description: has("description").then_some(facts.description),
        tags: has("tags").then_some(facts.tags),
        category: has("category").then_some(facts.category),
        notes: has("notes").then_some(facts.notes),
        custom: has("custom").then_some(facts.custom),
    }
}

/// Sets facts, and gives the answer.
pub(super) fn set(rig: &mut Rig, recording: RecordingId, value: Value) -> Result<Facts, FactsError> {
    let (done, mut answer) = oneshot::channel();
    let change = Box::new(change(value));
    rig.handle(vec![Command::Facts(FactsCommand::Set {
        recording,
        change,
        done,
    })]);
    answer.try_recv().unwrap()
}

pub(super) fn categorize(rig: &mut Rig, change: CategoryChange) -> Result<(), FactsError> {
    let (done, mut answer) = oneshot::channel();
    rig.handle(vec![Command::Facts(FactsCommand::Categories { change, done })]);
    answer.try_recv().unwrap()
}

/// A rig with two recordings, of which one is closed. Gives the publish of the other one.
fn recorded(rig: &mut Rig) -> Publisher {
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(id(1), 0), a.append(0), a.append(1)]);
    rig.handle(vec![
        a.close(id(1), 2),
        a.record(id(2), 2),
        a.append(2),
        a.append(3),
    ]);
    rig.pass(1_000_000);
    a
}

pub(super) fn title(facts: &Facts) -> Option<&str> {
    facts.title.as_ref().map(|title| title.as_str())
}

fn facts_of(library: &Library, recording: RecordingId) -> Facts {
    library.recording(recording).unwrap().unwrap().facts
}

const FULL: fn() -> Value = || {
    json!({
        "title": "Algebra", "description": "Groups", "tags": ["a", "b"], "category": "maths",
        "notes": [{"at_s": 0.5, "text": "begin"}, {"at_s": 1.0, "text": "proof"}], "custom": {"room": 7},
    })
};

#[test]
fn facts_are_set_changed_and_removed_one_by_one() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    let unknown = set(&mut rig, id(1), FULL()).unwrap_err();
    assert!(
        unknown.to_string().starts_with("there is no category 'maths'"),
        "{unknown}"
    );
    categorize(&mut rig, CategoryChange::Put(category("maths", ""))).unwrap();
    let all = set(&mut rig, id(1), FULL()).unwrap();
    assert_eq!(serde_json::to_value(&all).unwrap(), FULL());
    assert_eq!(facts_of(&rig.library(), id(1)), all);
    // A recording that is open has facts as well, and each keeps its own.
    set(&mut rig, id(2), json!({ "title": "Two" })).unwrap();
    let some = set(&mut rig, id(1), json!({ "title": null, "tags": [], "notes": [] })).unwrap();
    let left = json!({ "description": "Groups", "category": "maths", "custom": {"room": 7} });
    assert_eq!(serde_json::to_value(&some).unwrap(), left);
    assert_eq!(title(&facts_of(&rig.library(), id(2))), Some("Two"));
    assert_eq!(
        set(&mut rig, id(9), json!({})),
        Err(FactsError::NoRecording(id(9)))
    );
    assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
}

#[test]
fn a_category_that_is_used_or_has_others_stays() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    for (of, parent) in [("school", ""), ("maths", "school")] {
        categorize(&mut rig, CategoryChange::Put(category(of, parent))).unwrap();
    }
    set(&mut rig, id(1), json!({ "category": "maths" })).unwrap();
    let delete = |of: &str| CategoryChange::Delete(category(of, "").category);
    let used = categorize(&mut rig, delete("maths")).unwrap_err();
    assert!(
        matches!(&used, FactsError::InUse { count: 1, recordings, .. } if *recordings == [id(1)]),
        "{used}"
    );
    let parent = categorize(&mut rig, delete("school")).unwrap_err();
    assert!(
        parent.to_string().contains("has 1 categories in it, as 'maths'"),
        "{parent}"
    );
    let circle = categorize(&mut rig, CategoryChange::Put(category("school", "maths"))).unwrap_err();
    assert!(
        circle.to_string().contains("which is in 'school' itself"),
        "{circle}"
    );
    set(&mut rig, id(1), json!({ "category": null })).unwrap();
    for of in ["maths", "school"] {
        categorize(&mut rig, delete(of)).unwrap();
    }
    assert_eq!(rig.library().categories().unwrap(), []);
}

#[test]
fn nothing_is_changed_where_the_file_cannot_be_written() {
    for fault in [Fault::Create, Fault::Write, Fault::Sync, Fault::SyncDir] {
        let mut rig = Rig::new();
        recorded(&mut rig);
        set(&mut rig, id(1), json!({ "title": "one" })).unwrap();
        rig.disk.fail_next(fault);
        let error = set(&mut rig, id(1), json!({ "title": "two" })).unwrap_err();
        assert!(error.to_string().contains("recordings/new/"), "{error}");
        assert_eq!(title(&facts_of(&rig.library(), id(1))), Some("one"), "{fault:?}");
        assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
        set(&mut rig, id(1), json!({ "title": "two" })).unwrap();
        assert_eq!(title(&facts_of(&rig.library(), id(1))), Some("two"), "{fault:?}");
    }
}

#[test]
fn a_file_that_does_not_get_to_its_place_is_brought_there_later() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    set(&mut rig, id(1), json!({ "title": "one" })).unwrap();
    rig.disk.fail_next(Fault::Rename);
    set(&mut rig, id(1), json!({ "title": "two" })).unwrap();
    let place = |rig: &Rig| {
        let read = sidecar::read(&rig.disk, rig.dir.path(), Name::Recording(id(1)));
        read.unwrap()
            .unwrap()
            .unwrap()
            .facts
            .unwrap()
            .title
            .unwrap()
            .to_string()
    };
    assert_eq!(place(&rig), "one");
    rig.pass(20_000_000);
    rig.writer.tick();
    assert_eq!(place(&rig), "two");
}

#[test]
fn the_file_goes_with_its_recording() {
    let mut rig = Rig::new();
    let publisher = recorded(&mut rig);
    set(&mut rig, id(1), json!({ "title": "secret" })).unwrap();
    let has = |rig: &Rig| {
        rig.disk
            .files()
            .values()
            .any(|bytes| bytes.windows(6).any(|part| part == b"secret"))
    };
    assert!(has(&rig));
    let node = rig
        .disk
        .node_of(&Name::Recording(id(1)).path(rig.dir.path()))
        .unwrap();
    rig.handle(vec![publisher.end(), Command::Delete { recording: id(1) }]);
    assert!(rig.library().recording(id(1)).unwrap().is_none());
    assert!(!has(&rig));
    // Its blocks are emptied, whoever gets them next.
    assert!(rig.disk.held(node).unwrap().iter().all(|byte| *byte == 0));
    assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
}

#[test]
fn tags_of_releases_before_get_a_file_and_a_damaged_one_is_written_again() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    set(&mut rig, id(1), json!({ "tags": ["old"] })).unwrap();
    let path = Name::Recording(id(1)).path(rig.dir.path());
    // As the step of the schema leaves it.
    let other = rusqlite::Connection::open(rig.dir.path().join("journal.db")).unwrap();
    other
        .execute_batch("UPDATE recordings SET sidecar = 2 WHERE sidecar = 1")
        .unwrap();
    drop(other);
    crate::store::Disk::unlink(&rig.disk, &path).unwrap();
    rig.pass(20_000_000);
    rig.writer.tick();
    assert!(rig.disk.files().contains_key(&path));
    assert_eq!(rig.library().verify(&mut |_, _| ()).unwrap(), []);
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    let whole = disk.files()[&path].clone();
    let mut damaged = whole.clone();
    damaged[30] ^= 4;
    let other = dir.path().join("recordings/notes.txt");
    disk.put(&other, b"x");
    disk.put(&Name::Recording(id(77)).path(dir.path()), &whole);
    disk.put(&path, &damaged);
    let mut found = Vec::new();
    let checked = repair_on(dir.path(), &disk, clock.as_ref(), &mut |step| {
        if let Step::Done(what) = step {
            found.push(what.to_owned());
        }
    });
    assert_eq!(checked.unwrap().findings, 0, "{found:?}");
    let said = |what: &str| found.iter().any(|line| line.contains(what));
    assert!(
        said("is damaged: its checksum is wrong; it is written again"),
        "{found:?}"
    );
    assert!(
        said("has no recording; it is moved to") && said("does not belong here; it is moved"),
        "{found:?}"
    );
    assert_eq!(disk.files()[&path], whole);
    let mut again = 0;
    repair_on(dir.path(), &disk, clock.as_ref(), &mut |step| {
        again += usize::from(matches!(step, Step::Done(_)));
    })
    .unwrap();
    assert_eq!(again, 0);
}

#[test]
fn a_journal_that_is_made_again_reads_what_is_whole_and_sets_the_rest_aside() {
    let mut rig = Rig::new();
    let publisher = recorded(&mut rig);
    for (of, parent) in [("school", ""), ("maths", "school")] {
        categorize(&mut rig, CategoryChange::Put(category(of, parent))).unwrap();
    }
    let all = set(&mut rig, id(1), FULL()).unwrap();
    set(&mut rig, id(2), json!({ "title": "Two" })).unwrap();
    rig.handle(vec![publisher.end()]);
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    let path = |n: u8| Name::Recording(id(n)).path(dir.path());
    let (whole, mut damaged) = (disk.files()[&path(1)].clone(), disk.files()[&path(2)].clone());
    damaged[40] ^= 1;
    disk.put(&path(2), &damaged);
    // One of a recording that is not there, one that is no sidecar, and one of a million bytes and more.
    disk.put(&path(3), &whole);
    disk.put(&dir.path().join("recordings/x.txt"), b"x");
    disk.put(&path(4), &vec![b'x'; (1 << 20) + 1]);
    JournalFiles::default().write(dir.path());
    let mut journal = Journal::open(dir.path()).unwrap();
    recover(dir.path(), &disk, clock.as_ref(), &mut journal).unwrap();
    assert_eq!(journal.facts(id(1)).unwrap().unwrap(), (all, true));
    assert_eq!(journal.facts(id(2)).unwrap().unwrap(), (Facts::default(), false));
    assert_eq!(
        journal.categories().unwrap(),
        [category("maths", "school"), category("school", "")]
    );
    let lost = disk
        .files()
        .into_keys()
        .filter(|path| path.starts_with(dir.path().join("lost+found")));
    assert_eq!(lost.count(), 4);
    drop(journal);
    let library = Library::with_disk(dir.path(), Arc::new(disk.clone())).unwrap();
    assert_eq!(library.verify(&mut |_, _| ()).unwrap(), []);
    // The next start reads the folder no more, whatever lies there.
    disk.put(&path(1), &damaged);
    let mut journal = Journal::open(dir.path()).unwrap();
    recover(dir.path(), &disk, clock.as_ref(), &mut journal).unwrap();
    assert_eq!(title(&journal.facts(id(1)).unwrap().unwrap().0), Some("Algebra"));
}

#[test]
fn categories_in_a_circle_that_somebody_wrote_into_the_journal_do_no_harm() {
    let mut rig = Rig::new();
    recorded(&mut rig);
    categorize(&mut rig, CategoryChange::Put(category("a", ""))).unwrap();
    let other = rusqlite::Connection::open(rig.dir.path().join("journal.db")).unwrap();
    let circle = "INSERT INTO categories VALUES ('x', 'y', 'X'), ('y', 'x', 'Y'), ('z', 'z', 'Z')";
    other.execute_batch(circle).unwrap();
    drop(other);
    // A change of the tree leaves out what has no place in it.
    categorize(&mut rig, CategoryChange::Put(category("b", "a"))).unwrap();
    assert_eq!(
        rig.library().categories().unwrap(),
        [category("a", ""), category("b", "a")]
    );
}

/// A moment at which the power may go, and what was answered by then.
struct Moment {
    image: Image,
    journal: JournalFiles,
    answered: usize,
    asked: usize,
}

const TITLES: [&str; 4] = ["", "one", "two", "three"];

/// The titles of recording 1 that may be true at a moment: the one that was answered last, or the one on its way.
fn allowed(moment: &Moment) -> [&'static str; 2] {
    [TITLES[moment.answered], TITLES[moment.asked]]
}

#[test]
fn the_power_goes_at_every_operation_and_facts_are_as_before_or_after() {
    let mut rig = Rig::new();
    let publisher = recorded(&mut rig);
    let dir = rig.dir.path().to_owned();
    let moments: Arc<Mutex<Vec<Moment>>> = Arc::default();
    let progress = Arc::new(Mutex::new((0, 0)));
    let (out, at) = (moments.clone(), progress.clone());
    rig.disk.observe(move |image| {
        let (asked, answered) = *at.lock().unwrap();
        out.lock().unwrap().push(Moment {
            image: image.clone(),
            journal: JournalFiles::read(&dir),
            asked,
            answered,
        });
    });
    for n in 1..TITLES.len() {
        progress.lock().unwrap().0 = n;
        set(
            &mut rig,
            id(1),
            json!({ "title": TITLES[n], "notes": [{"at_s": n, "text": "x"}] }),
        )
        .unwrap();
        progress.lock().unwrap().1 = n;
        categorize(&mut rig, CategoryChange::Put(category(TITLES[n], TITLES[n - 1]))).unwrap();
        rig.pass(1_000_000);
    }
    rig.handle(vec![publisher.end(), Command::Delete { recording: id(1) }]);
    // The first run's directory names the files; each crash is laid out in it anew.
    let Rig { dir, writer, .. } = rig;
    drop(writer);
    let moments = std::mem::take(&mut *moments.lock().unwrap());
    assert!(moments.len() > 60, "{}", moments.len());
    let last = moments.len();
    for (n, moment) in moments.iter().enumerate().step_by(stride()) {
        let seed = n as u64;
        let ways = [
            Survives::Nothing,
            Survives::Everything,
            Survives::Some(seed),
            Survives::Zeros(seed),
        ];
        for (way, survives) in ways.into_iter().enumerate() {
            let disk = CrashDisk::after_crash(&moment.image, survives);
            // The journal is lost, too, at each moment after other ways.
            start_again(
                dir.path(),
                &disk,
                moment,
                (n + way).is_multiple_of(2),
                n + 40 >= last,
            );
        }
    }
}

/// Starts on what a moment left, with its journal or without, and checks the facts.
fn start_again(root: &Path, disk: &CrashDisk, moment: &Moment, lost: bool, deleting: bool) {
    moment.journal.write(root);
    let clock = TestClock::new(1_000_000);
    clock.reboot(1_000_000);
    if lost {
        // An empty file is a new journal.
        JournalFiles::default().write(root);
    }
    let mut journal = Journal::open(root).unwrap();
    recover(root, disk, &clock, &mut journal).unwrap();
    let titled =
        |facts: Option<(Facts, bool)>| facts.map(|(facts, _)| title(&facts).unwrap_or_default().to_owned());
    match titled(journal.facts(id(1)).unwrap()) {
        Some(title) => assert!(
            allowed(moment).contains(&title.as_str()),
            "{title:?} of {:?}",
            allowed(moment)
        ),
        None => assert!(deleting || lost, "the recording is gone"),
    }
    drop(journal);
    let library = Library::with_disk(root, Arc::new(disk.clone())).unwrap();
    assert_eq!(library.verify(&mut |_, _| ()).unwrap(), []);
    assert!(
        !disk
            .files()
            .keys()
            .any(|path| path.to_string_lossy().contains("lost+found"))
    );
    let first = disk.files();
    let mut journal = Journal::open(root).unwrap();
    let again = recover(root, disk, &clock, &mut journal).unwrap();
    assert!(again.is_clean(), "{again}");
    assert!(first == disk.files());
}
