//! The flash refuses operations: no media is called durable that is not, and the tape goes on when it can.

use super::rig::{Rig, check_invariants, expected, stream, tape};
use crate::media::RecordingId;
use crate::store::crash::{CrashDisk, Fault, Survives};
use crate::store::journal::Journal;
use crate::store::testing::{fragment, media};
use crate::store::{GapCause, paths};

/// A publish with four durable seconds.
fn started() -> (Rig, super::rig::Publisher) {
    started_as(RecordingId::new(1))
}

fn started_as(recording: RecordingId) -> (Rig, super::rig::Publisher) {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(recording, 0)]);
    for n in 0..4 {
        rig.handle(vec![a.append(n)]);
        rig.pass(1_000_000);
    }
    (rig, a)
}

fn kinds(rig: &Rig) -> Vec<String> {
    let journal = Journal::open_read(rig.dir.path()).unwrap();
    journal
        .outbox()
        .unwrap()
        .into_iter()
        .map(|(_, kind, _)| kind)
        .collect()
}

#[test]
fn after_a_failed_sync_the_segment_ends_where_it_was_durable() {
    let (mut rig, a) = started();
    // Second 4 begins segment 2, and the first sync of that segment fails: none of its media is known to be durable.
    rig.handle(vec![a.append(4)]);
    rig.disk.fail_next(Fault::Sync);
    rig.pass(1_000_000);
    let progress = rig.writer.progress().clone();
    assert!(progress.failed.is_some() && progress.streams[&stream("a")].failed);
    let (media_4, media_5) = (
        media(&fragment(4, true)).len() as u64,
        media(&fragment(5, false)).len() as u64,
    );
    assert!(progress.bytes_lost >= media_4);

    // Second 5 has no keyframe, so it cannot be played and is lost. Second 6 begins anew.
    rig.handle(vec![a.append(5)]);
    assert_eq!(rig.writer.progress().bytes_lost, progress.bytes_lost + media_5);
    rig.handle(vec![a.append(6)]);
    rig.pass(1_000_000);
    assert_eq!(rig.writer.progress().failed, None);
    assert!(rig.writer.progress().last_error.is_some());
    rig.handle(vec![a.end()]);
    rig.writer.close().unwrap();

    let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
    check_invariants(rig.dir.path(), &disk);
    let kept = [expected(0..4), expected(6..7)].concat();
    assert_eq!(tape(rig.dir.path(), &disk, &stream("a")), kept);
    let kinds = kinds(&rig);
    let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
    assert_eq!(
        (count("storage.failed"), count("storage.recovered")),
        (1, 1),
        "{kinds:?}"
    );
    // The gap shows, and counts as one of a failure: that no keyframe came is not its cause.
    let progress = rig.writer.progress();
    assert_eq!(progress.streams[&stream("a")].gaps.of(GapCause::Failed), 1);
    assert_eq!(progress.streams[&stream("a")].gaps.total(), 1);
    assert!(progress.syncs.count > 4, "{:?}", progress.syncs);
    let gaps = rig.library().find("last").unwrap().gaps;
    assert_eq!(
        gaps.iter().map(|gap| gap.to - gap.from).collect::<Vec<_>>(),
        [2_000_000]
    );
}

#[test]
fn after_a_failed_sync_in_the_middle_what_was_durable_stays() {
    let (mut rig, a) = started();
    rig.handle(vec![a.append(4)]);
    rig.pass(1_000_000);
    rig.disk.fail_next(Fault::Sync);
    rig.handle(vec![a.append(5)]);
    rig.pass(1_000_000);
    rig.handle(vec![a.append(6), a.end()]);
    rig.writer.close().unwrap();
    let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Everything);
    check_invariants(rig.dir.path(), &disk);
    let kept = [expected(0..5), expected(6..7)].concat();
    assert_eq!(tape(rig.dir.path(), &disk, &stream("a")), kept);
}

#[test]
fn after_a_failed_write_every_whole_fragment_stays() {
    let (mut rig, a) = started();
    rig.handle(vec![a.append(4)]);
    rig.disk.fail_next(Fault::Write);
    rig.handle(vec![a.append(5)]);
    assert!(rig.writer.progress().failed.is_some());
    rig.handle(vec![a.append(6), a.end()]);
    rig.writer.close().unwrap();
    let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Everything);
    check_invariants(rig.dir.path(), &disk);
    let kept = [expected(0..5), expected(6..7)].concat();
    assert_eq!(tape(rig.dir.path(), &disk, &stream("a")), kept);
}

#[test]
fn every_single_fault_at_every_place_is_survived() {
    for fault in [
        Fault::Create,
        Fault::Write,
        Fault::Sync,
        Fault::SyncDir,
        Fault::SetLen,
        Fault::Unlink,
        Fault::Allocate,
    ] {
        for second in 0..9 {
            for times in 1..3 {
                let mut rig = Rig::new();
                let (a, start) = rig.publish(1, "a");
                let recording = RecordingId::new(1);
                rig.handle(vec![start, a.record(recording, 0)]);
                for n in 0..10 {
                    if n == second {
                        (0..times).for_each(|_| rig.disk.fail_next(fault));
                    }
                    rig.handle(vec![a.append(n)]);
                    rig.pass(1_000_000);
                }
                rig.handle(vec![a.close(recording, 10), a.end()]);
                let _ = rig.writer.close();
                let told = rig.writer.progress().last_error.is_some();
                let hit = rig.disk.faults_left() < times && !matches!(fault, Fault::SetLen | Fault::Unlink);
                assert!(told || !hit, "{fault:?} at {second} was not told");

                // Acknowledged media survives the worst crash; a start repairs the rest.
                let acked = rig.acked.lock().unwrap().get(&stream("a")).copied().unwrap_or(0);
                let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
                let Rig {
                    dir, writer, clock, ..
                } = rig;
                drop(writer);
                let rig = Rig::on(dir, disk.clone(), clock);
                check_invariants(rig.dir.path(), &disk);
                let tape = tape(rig.dir.path(), &disk, &stream("a"));
                let last = (0..10).rfind(|n| a.zero + (n + 1) * 1_000_000 <= acked);
                if let Some(last) = last {
                    let bytes = media(&fragment(last, last % 2 == 0));
                    let there = tape.windows(bytes.len()).any(|window| window == bytes);
                    assert!(there, "{fault:?} at {second}: acknowledged second {last} is gone");
                }
                if hit {
                    assert!(
                        tape.len() >= expected(0..4).len(),
                        "{fault:?} at {second}: {} bytes",
                        tape.len()
                    );
                }
            }
        }
    }
}

#[test]
fn two_faults_lose_no_more_than_they_must() {
    let (mut rig, a) = started();
    rig.disk.fail_next(Fault::Create);
    rig.disk.fail_next(Fault::Create);
    for n in 4..10 {
        rig.handle(vec![a.append(n)]);
        rig.pass(1_000_000);
    }
    rig.handle(vec![a.end()]);
    rig.writer.close().unwrap();
    check_invariants(rig.dir.path(), &rig.disk);
    // Seconds 4 and 6 could not begin a segment, and second 8 could.
    let kept = [expected(0..4), expected(8..10)].concat();
    assert_eq!(tape(rig.dir.path(), &rig.disk, &stream("a")), kept);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test deletes the journal as a user would"
)]
fn files_without_a_row_are_adopted_or_set_aside() {
    let recording = RecordingId::new(1);
    let (mut rig, a) = started_as(recording);
    rig.handle(vec![a.close(recording, 4), a.end()]);
    rig.writer.close().unwrap();
    let dir = rig.dir.path().to_owned();
    let whole = paths::segment(&dir, &stream("a"), 1);
    let before = rig.library().recordings(&Default::default()).unwrap();
    let stranger = paths::stream(&dir, &stream("a")).join("notes.txt");
    rig.disk.put(&stranger, b"not a segment");
    let Rig {
        dir: root,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::rename(
            dir.join(format!("journal.db{suffix}")),
            dir.join(format!("old{suffix}")),
        );
    }
    clock.reboot(1_000_000);
    let rig = Rig::on(root, disk.clone(), clock.clone());
    assert_eq!(
        (rig.report.0.adopted, rig.report.0.lost_found),
        (1, 1),
        "{}",
        rig.report
    );
    assert!(rig.report.0.files[0].contains("notes.txt"));
    assert!(disk.files().contains_key(&whole) && !disk.files().contains_key(&stranger));
    assert!(
        disk.files()
            .contains_key(&dir.join("lost+found/live+a-notes.txt"))
    );
    let mut after = rig.library().recordings(&Default::default()).unwrap();
    // The purpose of a recording is the exception: the files do not contain it.
    for (row, before) in after.iter_mut().zip(&before) {
        row.spec = before.spec.clone();
    }
    assert_eq!(before, after, "the recording is found again as it was");
    let Rig {
        dir: root, writer, ..
    } = rig;
    drop(writer);
    // A sealed segment whose file vanished is reported, and comes back with its file.
    let bytes = disk.files()[&whole].clone();
    crate::store::Disk::unlink(&disk, &whole).unwrap();
    let rig = Rig::on(root, disk.clone(), clock.clone());
    assert_eq!(rig.report.0.missing, 1);
    assert_eq!(rig.library().verify(&mut |_, _| {}).unwrap().len(), 1);
    let Rig {
        dir: root, writer, ..
    } = rig;
    drop(writer);
    disk.put(&whole, &bytes);
    let rig = Rig::on(root, disk, clock);
    assert_eq!(rig.report.0.returned, 1);
    assert_eq!(rig.library().verify(&mut |_, _| {}).unwrap(), []);
}

#[test]
fn a_journal_that_refuses_stops_the_tape_and_loses_no_row() {
    let (mut rig, a) = started();
    let other = rusqlite::Connection::open(rig.dir.path().join("journal.db")).unwrap();
    let refuse = "CREATE TRIGGER no BEFORE UPDATE ON segments BEGIN SELECT raise(ABORT, 'no'); END";
    other.execute_batch(refuse).unwrap();
    // Second 4 would seal segment 1 and begin segment 2: neither row is committed, and no file is written.
    let names = |rig: &Rig| rig.disk.files().into_keys().collect::<Vec<_>>();
    let before = names(&rig);
    rig.handle(vec![a.append(4), a.append(5)]);
    assert_eq!(names(&rig), before);
    assert!(rig.writer.progress().failed.is_some());
    other.execute_batch("DROP TRIGGER no").unwrap();
    rig.handle(vec![a.append(6)]);
    rig.pass(1_000_000);
    assert_eq!(rig.writer.progress().failed, None);
    rig.handle(vec![a.append(7), a.end()]);
    rig.writer.close().unwrap();
    check_invariants(rig.dir.path(), &rig.disk);
    let kept = [expected(0..4), expected(6..8)].concat();
    assert_eq!(tape(rig.dir.path(), &rig.disk, &stream("a")), kept);
}

/// The reasons in the events of gaps, in order.
fn gap_reasons(rig: &Rig) -> Vec<String> {
    let journal = Journal::open_read(rig.dir.path()).unwrap();
    let told = journal.outbox().unwrap().into_iter();
    told.filter(|(_, kind, _)| kind == "stream.gap")
        .map(|(_, _, body)| serde_json::from_str::<serde_json::Value>(&body).unwrap())
        .map(|body| body["reason"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_gap_for_want_of_a_keyframe_is_not_told_with_an_earlier_failure() {
    let (mut rig, a) = started();
    rig.handle(vec![a.append(4)]);
    rig.disk.fail_next(Fault::Sync);
    rig.pass(1_000_000);
    rig.handle(vec![a.append(6)]);
    rig.pass(1_000_000);
    assert_eq!(rig.writer.progress().failed, None);
    // Another stream without a fault begins in the middle of a GOP.
    let (b, start) = rig.publish(2, "b");
    rig.handle(vec![start, b.append(1), b.append(2)]);
    rig.pass(1_000_000);
    rig.handle(vec![a.end(), b.end()]);
    rig.writer.close().unwrap();
    let reasons = gap_reasons(&rig);
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].contains("cannot sync"), "{reasons:?}");
    assert_eq!(reasons[1], "no keyframe came to go on from");
}

#[test]
fn each_stream_that_is_refused_in_a_batch_is_told_its_own_reason() {
    let (mut rig, a) = started();
    let (b, start) = rig.publish(2, "b");
    rig.disk.fail_next(Fault::Create);
    rig.disk.fail_next(Fault::Create);
    rig.handle(vec![start, a.append(4), b.append(4)]);
    rig.handle(vec![a.append(6), b.append(6)]);
    rig.pass(1_000_000);
    rig.handle(vec![a.end(), b.end()]);
    rig.writer.close().unwrap();
    let reasons = gap_reasons(&rig);
    let of = |name: &str| {
        let folder = paths::stream(rig.dir.path(), &stream(name)).display().to_string();
        reasons
            .iter()
            .filter(|reason| reason.starts_with(&folder))
            .count()
    };
    assert_eq!((of("a"), of("b")), (1, 1), "{reasons:?}");
}

#[test]
fn a_segment_that_could_not_begin_without_a_keyframe_costs_no_keyframe_behind_it() {
    let (mut rig, a) = started();
    rig.handle(vec![a.append(4)]);
    // A change of configuration cannot wait for a keyframe, and the segment for it cannot be created.
    let mut other = fragment(5, false);
    other.tracks.audio = None;
    other.audio.clear();
    rig.disk.fail_next(Fault::Create);
    rig.handle(vec![a.send(other)]);
    assert!(rig.writer.progress().failed.is_some());
    rig.handle(vec![a.append(6)]);
    rig.pass(1_000_000);
    assert_eq!(rig.writer.progress().failed, None);
    rig.handle(vec![a.end()]);
    rig.writer.close().unwrap();
    let kept = [expected(0..5), expected(6..7)].concat();
    assert_eq!(tape(rig.dir.path(), &rig.disk, &stream("a")), kept);
    assert!(gap_reasons(&rig)[0].contains("cannot create"));
}
