//! The power goes at every operation of the disk, in writing and in repairing.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::moment::{JournalFiles, stride};
use super::rig::{Acked, Rig, check_invariants, expected, state, stream, tape, tempdir};
use crate::media::{Micros, RecordingId, StreamName};
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Image, Survives};
use crate::store::journal::Journal;
use crate::store::recover::recover;
use crate::store::testing::{fragment, media};
use crate::store::{Filter, Library};

/// The disk, the journal and the promises at a moment at which the power may go.
#[derive(Clone)]
pub(super) struct Moment {
    pub(super) image: Image,
    pub(super) journal: Arc<JournalFiles>,
    pub(super) acked: std::collections::BTreeMap<StreamName, Micros>,
}

/// Collects the moments before and after every operation on a disk. Paths name the directory of the first run, so
/// SQLite's files are brought back to that.
fn watch(disk: &CrashDisk, dir: &Path, acked: &Acked) -> Arc<Mutex<Vec<Moment>>> {
    let moments: Arc<Mutex<Vec<Moment>>> = Arc::default();
    let (out, dir, acked) = (moments.clone(), dir.to_owned(), acked.clone());
    disk.observe(move |image| {
        let mut out = out.lock().unwrap();
        let now = JournalFiles::read(&dir);
        let before = out
            .last()
            .filter(|last| *last.journal == now)
            .map(|last| last.journal.clone());
        let same_disk = out.last().is_some_and(|last| last.image.ops == image.ops);
        if same_disk && before.is_some() {
            return;
        }
        out.push(Moment {
            image: image.clone(),
            journal: before.unwrap_or_else(|| Arc::new(now)),
            acked: acked.lock().unwrap().clone(),
        });
    });
    moments
}

const ZERO_A: Micros = 5_000_000;
const ZERO_B: Micros = 5_500_000;

/// Two streams, three segments and a bit each, a recording split in two.
pub(super) fn script(rig: &mut Rig) {
    let recordings: Vec<RecordingId> = (1..5).map(RecordingId::new).collect();
    let (a, start_a) = rig.publish(1, "a");
    assert_eq!(a.zero, ZERO_A);
    rig.handle(vec![start_a, a.record(recordings[0], 0), a.append(0)]);
    rig.pass(500_000);
    let (b, start_b) = rig.publish(2, "b");
    assert_eq!(b.zero, ZERO_B);
    rig.handle(vec![
        start_b,
        b.record(recordings[1], 0),
        b.record(recordings[3], 0),
        b.append(0),
    ]);
    for n in 1..8 {
        rig.pass(500_000);
        match n {
            6 => rig.handle(vec![
                a.close(recordings[0], 6),
                a.record(recordings[2], 6),
                a.append(6),
            ]),
            // The recording ends where the segment does not: the media of its event must still be durable.
            3 => rig.handle(vec![a.append(3), b.append(3), b.close(recordings[3], 4)]),
            _ => rig.handle(vec![a.append(n), b.append(n)]),
        }
        rig.pass(500_000);
        if n == 6 {
            rig.handle(vec![b.append(6)]);
        }
    }
    rig.handle(vec![b.close(recordings[1], 8), b.end(), a.append(8)]);
    rig.pass(300_000);
    rig.writer.close().unwrap();
}

/// Recovers what a moment leaves and checks every invariant.
pub(super) fn recover_from(moment: &Moment, survives: Survives, root: &Path, inner: bool) {
    recover_on(
        &CrashDisk::after_crash(&moment.image, survives),
        moment,
        root,
        inner,
    );
}

fn recover_on(disk: &CrashDisk, moment: &Moment, root: &Path, inner: bool) {
    moment.journal.write(root);
    let told = closed(root);
    let clock = TestClock::new(1_000_000);
    clock.reboot(1_000_000);
    let acked = Arc::new(Mutex::new(moment.acked.clone()));
    let moments = watch(disk, root, &acked);
    {
        let mut journal = Journal::open(root).unwrap();
        recover(root, disk, &clock, &mut journal).unwrap();
    }
    check(moment, root, disk);
    let library = Library::with_disk(root, Arc::new(disk.clone())).unwrap();
    for (recording, bytes) in told.into_iter().filter(|(_, bytes)| *bytes > 0) {
        assert_eq!(
            library.find(&recording).unwrap().bytes,
            bytes,
            "an event told of {recording} too early"
        );
    }
    drop(library);
    let first = state(root, disk);
    {
        let mut journal = Journal::open(root).unwrap();
        let again = recover(root, disk, &clock, &mut journal).unwrap();
        assert!(again.is_clean(), "the second recovery found {again}");
    }
    assert_eq!(first, state(root, disk));
    // A segment that recovery calls sealed stays sealed, also if the power goes right after it.
    let after = CrashDisk::after_crash(&disk.image(), Survives::Nothing);
    assert_eq!(first, state(root, &after));
    if !inner {
        return;
    }
    let moments = std::mem::take(&mut *moments.lock().unwrap());
    for moment in &moments {
        recover_from(moment, Survives::Some(moment.image.ops as u64), root, false);
        recover_from(moment, Survives::Nothing, root, false);
    }
}

/// The recordings that events say are complete, and their bytes.
fn closed(root: &Path) -> Vec<(String, u64)> {
    // The journal is opened as `ls` opens it, on a WAL that no start has recovered yet.
    let journal = Journal::open_read(root).unwrap();
    let bodies = journal
        .outbox()
        .unwrap()
        .into_iter()
        .filter(|(_, kind, _)| kind == "recording.closed");
    let bodies = bodies.map(|(_, _, body)| serde_json::from_str::<serde_json::Value>(&body).unwrap());
    let fields =
        |body: serde_json::Value| Some((body["recording"].as_str()?.to_owned(), body["bytes"].as_u64()?));
    bodies.filter_map(fields).collect()
}

/// Checks that no acknowledged media is gone, and that no media is there that was not sent.
fn check(moment: &Moment, root: &Path, disk: &CrashDisk) {
    check_invariants(root, disk);
    for (name, zero) in [("a", ZERO_A), ("b", ZERO_B)] {
        let stream = stream(name);
        let tape = tape(root, disk, &stream);
        assert!(
            expected(0..9).starts_with(&tape),
            "{stream}: the tape is not what was sent"
        );
        let until = moment.acked.get(&stream).copied().unwrap_or(zero);
        let acked: usize = (0..9)
            .filter(|n| zero + (n + 1) * 1_000_000 <= until)
            .map(|n| media(&fragment(n, true)).len())
            .sum();
        assert!(
            tape.len() >= acked,
            "{stream}: {} of {acked} acknowledged bytes",
            tape.len()
        );
    }
}

#[test]
fn the_power_goes_at_every_operation() {
    let mut rig = Rig::new();
    // The first run's directory names the files; each crash is laid out in it anew.
    let moments = watch(&rig.disk, rig.dir.path(), &rig.acked);
    script(&mut rig);
    let end = Moment {
        image: rig.disk.image().clone(),
        journal: Arc::new(JournalFiles::read(rig.dir.path())),
        acked: rig.acked.lock().unwrap().clone(),
    };
    let Rig { dir, writer, .. } = rig;
    drop(writer);
    let mut moments = std::mem::take(&mut *moments.lock().unwrap());
    moments.push(end);
    assert!(moments.len() > 50, "only {} moments", moments.len());
    for (n, moment) in moments.iter().enumerate().step_by(stride()) {
        let mut ways = vec![Survives::Nothing, Survives::Everything];
        ways.extend((0..3).map(|seed| Survives::Some(n as u64 * 3 + seed)));
        for (way, survives) in ways.into_iter().enumerate() {
            // Power that goes again during recovery: at each moment, after one of the ways to get there.
            recover_from(moment, survives, dir.path(), n % 5 == way);
        }
    }
    // The process is killed: the kernel's data is recovered, and then the power goes.
    for moment in moments.iter().step_by(3 * stride()) {
        let disk = CrashDisk::default();
        *disk.image() = moment.image.clone();
        recover_on(&disk, moment, dir.path(), false);
    }
    let complete = moments.last().unwrap();
    recover_from(complete, Survives::Nothing, dir.path(), false);
    let disk = CrashDisk::after_crash(&complete.image, Survives::Nothing);
    assert_eq!(tape(dir.path(), &disk, &stream("a")), expected(0..9));
    assert_eq!(tape(dir.path(), &disk, &stream("b")), expected(0..8));
    complete.journal.write(dir.path());
    let rows = Library::with_disk(dir.path(), Arc::new(disk)).unwrap();
    let rows = rows.recordings(&Filter::default()).unwrap();
    let mut seconds: Vec<Micros> = rows.iter().map(|row| row.duration / 1_000_000).collect();
    seconds.sort_unstable();
    assert_eq!(seconds, [3, 4, 6, 8]);
}

#[test]
fn a_rig_starts_on_nothing() {
    let rig = Rig::on(tempdir(), CrashDisk::default(), Arc::new(TestClock::new(0)));
    assert!(rig.report.is_clean());
    check_invariants(rig.dir.path(), &rig.disk);
}
