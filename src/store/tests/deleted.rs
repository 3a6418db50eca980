//! Media that is deleted on request is gone, also within segments that other recordings share, and does not come back.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::moment::{JournalFiles, stride};
use super::rig::{Publisher, Rig, check_invariants, stream, tempdir};
use crate::media::{Micros, RecordingId};
use crate::model::Origin;
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Image, Survives};
use crate::store::journal::Journal;
use crate::store::testing::{fragment, media, open_gop};
use crate::store::{Change, Command, Deletion, Filter, RecordingSpec, paths};

const SECOND: Micros = 1_000_000;

/// The recording that is deleted. Beside it there are a clip of its seconds 6 to 9, and the recording behind it.
const ALL: u8 = 1;
const CLIP: u8 = 2;
const NEXT: u8 = 3;

fn id(n: u8) -> RecordingId {
    RecordingId::from_bytes([n; 16])
}

fn clip(a: &Publisher, n: u8, [from, to]: [Micros; 2]) -> Command {
    let mut spec = RecordingSpec::built_in();
    spec.about.origin = Origin::Clip;
    Command::Clip {
        recording: id(n),
        stream: a.stream.clone(),
        start: a.zero + from * SECOND,
        end: a.zero + to * SECOND,
        spec: Arc::new(spec),
    }
}

fn rig_on(dir: tempfile::TempDir, disk: CrashDisk) -> Rig {
    rig_with(dir, disk, 12)
}

/// A rig with segments of so many seconds.
fn rig_with(dir: tempfile::TempDir, disk: CrashDisk, seconds: u64) -> Rig {
    let clock = Arc::new(TestClock::new(500_000_000));
    clock.set_utc(1_790_000_500_000_000, true);
    Rig::with(dir, disk, clock, |settings| {
        settings.segment_duration = Duration::from_secs(seconds);
    })
}

/// A segment of 12 s that the recording and its clip share, and a segment of the next recording.
fn recorded() -> (Rig, Publisher) {
    let mut rig = rig_on(tempdir(), CrashDisk::default());
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(id(ALL), 0)]);
    for n in 0..12 {
        rig.handle(vec![a.append(n)]);
        rig.pass(SECOND);
    }
    rig.handle(vec![a.close(id(ALL), 12), a.record(id(NEXT), 12)]);
    for n in 12..16 {
        rig.handle(vec![a.append(n)]);
        rig.pass(SECOND);
    }
    rig.handle(vec![clip(&a, CLIP, [6, 9]), a.close(id(NEXT), 16), a.end()]);
    rig.pass(SECOND);
    (rig, a)
}

fn delete(rig: &mut Rig, n: u8) {
    rig.handle(vec![Command::Delete { recording: id(n) }]);
    time_passes(rig);
}

fn time_passes(rig: &mut Rig) {
    rig.pass(SECOND);
    // One tick writes over no more than a part of the segment.
    (0..6).for_each(|_| rig.pass(10 * SECOND));
}

/// The seconds of which any payload is in a file: each payload is one byte over and over.
fn there(disk: &CrashDisk) -> Vec<i64> {
    let mut found = std::collections::BTreeSet::new();
    for bytes in disk.files().values() {
        let runs = bytes.chunk_by(|a, b| a == b);
        found.extend(runs.filter(|run| run.len() >= 80).map(|run| run[0]));
    }
    let has = |n: &i64| {
        let fragment = fragment(*n, n % 2 == 0);
        let mut frames = fragment.video.iter().chain(&fragment.audio);
        // Zeros belong to no second.
        frames.any(|frame| frame.payload[0] != 0 && found.contains(&frame.payload[0]))
    };
    (0..16).filter(has).collect()
}

/// The numbers of the existing recordings, and the seconds that each plays.
fn plays(rig: &Rig) -> Vec<(u8, Vec<i64>)> {
    use crate::format::TapeSource as _;
    let library = rig.library();
    let rows = library.recordings(&Filter::default()).unwrap();
    let seconds = |id| {
        let view = library.view(id).unwrap();
        let mut bytes = Vec::new();
        for segment in &view.segments {
            let index = view.source.index(segment.id).unwrap();
            for fragment in &index.fragments {
                let len = fragment.video.bytes() + fragment.audio.bytes();
                let mut part = vec![0; len as usize];
                let at = fragment.end() - len;
                view.source.read_exact_at(segment.id, at, &mut part).unwrap();
                bytes.push(part);
            }
        }
        let of = |n: &i64| bytes.contains(&media(&fragment(*n, n % 2 == 0)));
        (0..16).filter(of).collect()
    };
    let numbers = rows.iter().map(|row| (row.id.to_bytes()[0], seconds(row.id)));
    numbers.collect()
}

fn deleted_event(rig: &Rig) -> serde_json::Value {
    let outbox = Journal::open_read(rig.dir.path()).unwrap().outbox().unwrap();
    let found = outbox
        .into_iter()
        .find(|(_, kind, _)| kind == "recording.expired");
    serde_json::from_str(&found.unwrap().2).unwrap()
}

fn file(rig: &Rig) -> PathBuf {
    paths::segment(rig.dir.path(), &stream("a"), 1)
}

fn range(range: std::ops::Range<i64>) -> Vec<i64> {
    range.collect()
}

/// Stops the service, and starts it again on the store after `change`.
fn restarted(rig: Rig, change: impl FnOnce(&std::path::Path, &CrashDisk)) -> Rig {
    let Rig {
        dir, disk, writer, ..
    } = rig;
    drop(writer);
    change(dir.path(), &disk);
    rig_on(dir, disk)
}

#[expect(clippy::disallowed_methods, reason = "a journal is lost")]
fn lose_journal(dir: &std::path::Path) {
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(dir.join(name));
    }
}

#[test]
fn what_no_other_needs_is_written_over_within_the_segment() {
    let (mut rig, _) = recorded();
    assert_eq!(there(&rig.disk), range(0..16));
    delete(&mut rig, ALL);
    // The clip begins with a keyframe, and a fragment stays whole.
    assert_eq!(there(&rig.disk), [6, 7, 8, 12, 13, 14, 15]);
    assert_eq!(plays(&rig), [(CLIP, range(6..9)), (NEXT, range(12..16))]);
    let told = deleted_event(&rig);
    assert_eq!(
        (&told["reason"], &told["left_s"]),
        (&"deleted".into(), &3.0.into())
    );
    assert_eq!(
        rig.library().deletion(id(ALL)).unwrap(),
        Deletion::Done { left: 3 * SECOND }
    );
    check_invariants(rig.dir.path(), &rig.disk);
    let durable = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
    assert_eq!(there(&durable), [6, 7, 8, 12, 13, 14, 15]);
    // After the clip the rest is deleted.
    delete(&mut rig, CLIP);
    assert_eq!(there(&rig.disk), range(12..16));
    assert!(rig.disk.node_of(&file(&rig)).is_none());
}

#[test]
fn what_a_clip_is_decoded_with_stays() {
    let (mut rig, a) = recorded();
    // The clip goes from within a GOP to within a fragment.
    rig.handle(vec![clip(&a, 4, [3, 5])]);
    rig.pass(SECOND);
    delete(&mut rig, ALL);
    assert_eq!(there(&rig.disk), [2, 3, 4, 6, 7, 8, 12, 13, 14, 15]);
    delete(&mut rig, 4);
    assert_eq!(there(&rig.disk), [6, 7, 8, 12, 13, 14, 15]);
    check_invariants(rig.dir.path(), &rig.disk);
    assert_eq!(plays(&rig)[0], (CLIP, range(6..9)));
}

#[test]
fn what_the_next_recording_is_decoded_with_stays_in_earlier_segments_too() {
    let mut rig = rig_with(tempdir(), CrashDisk::default(), 1);
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(id(ALL), 0)]);
    // Without another keyframe, segments end at their limits: 0 to 2, 2 to 10, 10 to 16.
    for n in 0..16 {
        if n == 11 {
            rig.handle(vec![a.close(id(ALL), 11), a.record(id(NEXT), 11)]);
        }
        rig.handle(vec![a.send(fragment(n, n == 0 || n == 2))]);
        rig.pass(SECOND);
    }
    rig.handle(vec![a.close(id(NEXT), 16), a.end()]);
    rig.pass(SECOND);
    assert_eq!(there(&rig.disk), range(0..16));
    delete(&mut rig, ALL);
    assert_eq!(there(&rig.disk), range(2..16));
    assert_eq!(plays(&rig), [(NEXT, range(2..16))]);
    assert_eq!(
        rig.library().deletion(id(ALL)).unwrap(),
        Deletion::Done { left: 9 * SECOND }
    );
    check_invariants(rig.dir.path(), &rig.disk);
    let mut rig = restarted(rig, |_, _| ());
    assert_eq!(plays(&rig), [(NEXT, range(2..16))]);
    // The tape goes with the recording that was decoded with it.
    delete(&mut rig, NEXT);
    assert_eq!(there(&rig.disk), range(0..0));
    check_invariants(rig.dir.path(), &rig.disk);
}

#[test]
fn what_the_next_recording_shows_of_an_open_gop_stays() {
    for seconds in [1, 12] {
        let mut rig = rig_with(tempdir(), CrashDisk::default(), seconds);
        let (a, start) = rig.publish(1, "a");
        rig.handle(vec![start, a.record(id(ALL), 0)]);
        for n in 0..12 {
            if n == 8 {
                rig.handle(vec![a.close(id(ALL), 8), a.record(id(NEXT), 8)]);
            }
            rig.handle(vec![a.send(open_gop(n, n % 2 == 0))]);
            rig.pass(SECOND);
        }
        rig.handle(vec![a.close(id(NEXT), 12), a.end()]);
        rig.pass(SECOND);
        // The recording begins at 8 s, with a keyframe whose leading pictures refer to the GOP before. That GOP is hidden,
        // before the deletion and after it.
        let missing = |rig: &Rig| {
            let view = rig.library().view(id(NEXT)).unwrap();
            view.segments
                .iter()
                .filter(|segment| segment.kept.if_hidden)
                .count()
        };
        assert_eq!(missing(&rig), 1);
        delete(&mut rig, ALL);
        assert_eq!(there(&rig.disk), range(6..12));
        assert_eq!((plays(&rig), missing(&rig)), (vec![(NEXT, range(6..12))], 1));
        assert_eq!(
            rig.library().deletion(id(ALL)).unwrap(),
            Deletion::Done { left: 2 * SECOND }
        );
        check_invariants(rig.dir.path(), &rig.disk);
        let mut rig = restarted(rig, |_, _| ());
        assert_eq!(plays(&rig), [(NEXT, range(6..12))]);
        delete(&mut rig, NEXT);
        assert_eq!(there(&rig.disk), range(0..0));
        check_invariants(rig.dir.path(), &rig.disk);
    }
}

/// The recording begins at a recovery point. The index has it as a keyframe like others, and the recording's spec knows more.
#[test]
fn what_a_recording_that_begins_at_a_recovery_point_is_decoded_with_stays() {
    let mut rig = rig_with(tempdir(), CrashDisk::default(), 1);
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(id(ALL), 0)]);
    for n in 0..12 {
        if n == 8 {
            let mut next = a.record(id(NEXT), 8);
            if let Command::RecordingStarted { spec, .. } = &mut next {
                std::sync::Arc::make_mut(spec).gradual = true;
            }
            rig.handle(vec![a.close(id(ALL), 8), next]);
        }
        rig.handle(vec![a.append(n)]);
        rig.pass(SECOND);
    }
    rig.handle(vec![a.close(id(NEXT), 12), a.end()]);
    rig.pass(SECOND);
    let view = rig.library().view(id(NEXT)).unwrap();
    assert!(view.segments[0].kept.if_hidden);
    delete(&mut rig, ALL);
    assert_eq!(there(&rig.disk), range(6..12));
    assert_eq!(plays(&rig), vec![(NEXT, range(6..12))]);
    check_invariants(rig.dir.path(), &rig.disk);
    let mut rig = restarted(rig, |_, _| ());
    assert_eq!(plays(&rig), [(NEXT, range(6..12))]);
    delete(&mut rig, NEXT);
    assert_eq!(there(&rig.disk), range(0..0));
}

#[test]
fn what_is_deleted_while_the_segment_is_written_over_goes_too() {
    let (mut rig, a) = recorded();
    // The clip lies before the part that is written over first.
    rig.handle(vec![clip(&a, 4, [0, 2])]);
    rig.pass(SECOND);
    rig.handle(vec![Command::Delete { recording: id(ALL) }]);
    rig.pass(SECOND);
    let partly = there(&rig.disk);
    assert!(partly.len() > 9 && partly.len() < 16, "{partly:?}");
    delete(&mut rig, 4);
    assert_eq!(there(&rig.disk), [6, 7, 8, 12, 13, 14, 15]);
    assert_eq!(plays(&rig), [(CLIP, range(6..9)), (NEXT, range(12..16))]);
    check_invariants(rig.dir.path(), &rig.disk);
}

#[test]
fn a_player_reads_what_is_left_of_the_file() {
    let (mut rig, _) = recorded();
    delete(&mut rig, ALL);
    let bytes = rig.disk.files()[&file(&rig)].clone();
    let scanned = crate::format::fmp4::scan(&bytes[..], bytes.len() as u64).unwrap();
    assert_eq!(scanned.index.fragments.len(), 3);
    assert_eq!(scanned.stopped, crate::format::fmp4::Stopped::Clean);
    // The file consists of boxes from end to end.
    let (mut at, mut kinds) = (0, Vec::new());
    while at < bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        kinds.push(String::from_utf8(bytes[at + 4..at + 8].to_vec()).unwrap());
        assert!(size >= 8, "at {at}");
        at += size;
    }
    assert_eq!(at, bytes.len());
    let frees = kinds.iter().filter(|kind| *kind == "free").count();
    assert!((2..=3).contains(&frees), "{kinds:?}");
}

#[test]
fn who_reads_the_file_finishes_first() {
    let (mut rig, _) = recorded();
    let path = file(&rig);
    rig.disk.hold(&path, true);
    delete(&mut rig, ALL);
    assert_eq!(there(&rig.disk), range(0..16), "written over while it was read");
    assert_eq!(plays(&rig)[0], (CLIP, range(6..9)));
    rig.disk.hold(&path, false);
    time_passes(&mut rig);
    assert_eq!(there(&rig.disk), [6, 7, 8, 12, 13, 14, 15]);
    rig.disk.hold(&path, true);
    delete(&mut rig, CLIP);
    assert_eq!(
        there(&rig.disk),
        [6, 7, 8, 12, 13, 14, 15],
        "emptied while it was read"
    );
    rig.disk.hold(&path, false);
    time_passes(&mut rig);
    assert_eq!(there(&rig.disk), range(12..16));
}

#[test]
fn a_view_from_before_reads_what_is_left_and_nothing_else() {
    use crate::format::TapeSource as _;
    let (mut rig, _) = recorded();
    let library = rig.library();
    let (all, part) = (library.view(id(ALL)).unwrap(), library.view(id(CLIP)).unwrap());
    let segment = all.segments[0].id;
    let index = all.source.index(segment).unwrap();
    let known = part.source.index(segment).unwrap();
    delete(&mut rig, ALL);
    let mut byte = [0];
    let first = index.fragments[0].end() - 1;
    let refused = all.source.read_exact_at(segment, first, &mut byte).unwrap_err();
    assert!(refused.to_string().contains("deleted meanwhile"), "{refused}");
    let kept = known.fragments[6].end() - 1;
    part.source.read_exact_at(segment, kept, &mut byte).unwrap();
    assert_ne!(byte, [0]);
}

#[test]
fn a_journal_that_is_made_again_does_not_bring_it_back() {
    let (mut rig, _) = recorded();
    delete(&mut rig, ALL);
    let mut rig = restarted(rig, |dir, _| lose_journal(dir));
    assert_eq!(rig.report.0.adopted, 2);
    assert!(rig.report.0.files.is_empty(), "{:?}", rig.report.0.files);
    let found = plays(&rig);
    assert!(found.iter().all(|(n, _)| *n != ALL), "{found:?}");
    // The clip is no longer known, and its media is found again.
    let all: Vec<i64> = found.iter().flat_map(|(_, seconds)| seconds.clone()).collect();
    assert_eq!(all, [6, 7, 8, 12, 13, 14, 15]);
    time_passes(&mut rig);
    assert_eq!(there(&rig.disk), [6, 7, 8, 12, 13, 14, 15]);
    assert_eq!(rig.library().verify(&mut |_, _| {}).unwrap(), []);
}

#[test]
fn a_torn_mark_and_a_journal_that_is_gone_do_not_bring_it_back() {
    let length = 36;
    for (kept, flipped) in [
        (0, None),
        (length / 2, None),
        (length - 1, None),
        (length, Some(20)),
    ] {
        let (mut rig, _) = recorded();
        delete(&mut rig, ALL);
        let mark = paths::deleted(rig.dir.path()).join(id(ALL).to_string());
        let mut torn = rig.disk.files()[&mark].clone();
        torn.truncate(kept);
        if let Some(at) = flipped {
            torn[at] ^= 1;
        }
        let mut rig = restarted(rig, |dir, disk| {
            disk.put(&mark, &torn);
            lose_journal(dir);
        });
        // The name of the mark alone tells which recording had the files; the mark's bytes are gone.
        let found = plays(&rig);
        assert!(found.iter().all(|(n, _)| *n != ALL), "{kept}: {found:?}");
        time_passes(&mut rig);
        assert_eq!(there(&rig.disk), [6, 7, 8, 12, 13, 14, 15], "{kept}");
        assert_eq!(rig.library().verify(&mut |_, _| {}).unwrap(), [], "{kept}");
    }
}

#[test]
fn a_journal_that_is_put_back_does_not_bring_it_back() {
    let (rig, _) = recorded();
    let mut rig = restarted(rig, |_, _| ());
    let backup = {
        let rig_dir = rig.dir.path();
        rig.writer.close().unwrap();
        JournalFiles::read(rig_dir)
    };
    let mut rig = restarted(rig, |_, _| ());
    delete(&mut rig, ALL);
    let mut rig = restarted(rig, |dir, _| backup.write(dir));
    assert_eq!(plays(&rig), [(CLIP, range(6..9)), (NEXT, range(12..16))]);
    time_passes(&mut rig);
    assert_eq!(there(&rig.disk), [6, 7, 8, 12, 13, 14, 15]);
    // The same holds for the deletion of a whole segment.
    delete(&mut rig, NEXT);
    let rig = restarted(rig, |dir, _| backup.write(dir));
    assert_eq!(plays(&rig), [(CLIP, range(6..9))]);
}

#[test]
fn files_that_are_put_back_do_not_bring_it_back() {
    let (mut rig, _) = recorded();
    let backup = rig.disk.files();
    delete(&mut rig, ALL);
    delete(&mut rig, NEXT);
    let lay_out = |disk: &CrashDisk, dir: &std::path::Path| {
        let tape = paths::tape(dir);
        for (path, bytes) in backup.iter().filter(|(path, _)| path.starts_with(&tape)) {
            disk.put(path, bytes);
        }
    };
    // Only files are restored: the file of the deleted segment would be a stranger.
    let next = paths::segment(rig.dir.path(), &stream("a"), 2);
    let rig = restarted(rig, |_, disk| disk.put(&next, &backup[&next]));
    assert!(rig.disk.node_of(&next).is_none());
    assert_eq!(plays(&rig), [(CLIP, range(6..9))]);
    // The file that is left is restored with all its former content.
    let first = file(&rig);
    let mut rig = restarted(rig, |_, disk| disk.put(&first, &backup[&first]));
    assert_eq!(plays(&rig), [(CLIP, range(6..9))]);
    time_passes(&mut rig);
    assert_eq!(there(&rig.disk), [6, 7, 8]);
    // Files are restored, and no journal: the deleted media within a file is taken out again.
    let mut rig = restarted(rig, |dir, disk| {
        lay_out(disk, dir);
        lose_journal(dir);
    });
    let all: Vec<i64> = plays(&rig).into_iter().flat_map(|(_, seconds)| seconds).collect();
    assert_eq!(all, [6, 7, 8]);
    time_passes(&mut rig);
    assert_eq!(there(&rig.disk), [6, 7, 8]);
    assert_eq!(rig.library().verify(&mut |_, _| {}).unwrap(), []);
}

#[test]
fn verify_names_what_is_put_back_while_the_service_runs() {
    let (mut rig, _) = recorded();
    let backup = rig.disk.files();
    rig.handle(vec![Command::Delete { recording: id(ALL) }]);
    let verify = |rig: &Rig| rig.library().verify(&mut |_, _| {}).unwrap();
    assert_eq!(verify(&rig), [], "it is on its way");
    time_passes(&mut rig);
    delete(&mut rig, NEXT);
    assert_eq!(verify(&rig), []);
    let next = paths::segment(rig.dir.path(), &stream("a"), 2);
    let first = file(&rig);
    for path in [&first, &next] {
        rig.disk.put(path, &backup[path]);
    }
    let said: Vec<_> = verify(&rig)
        .into_iter()
        .map(|finding| (finding.path, finding.what))
        .collect();
    assert_eq!((&said[0].0, &said[1].0), (&first, &next));
    assert!(said[0].1.contains("that was deleted on request"), "{said:?}");
    assert!(
        said[1]
            .1
            .starts_with("was deleted on request, and is there again"),
        "{said:?}"
    );
    // The next start handles both.
    let mut rig = restarted(rig, |_, _| ());
    time_passes(&mut rig);
    assert_eq!(there(&rig.disk), [6, 7, 8]);
    assert_eq!(verify(&rig), []);
}

#[test]
fn what_waits_for_a_segment_is_deleted_also_when_the_power_goes() {
    let mut rig = rig_on(tempdir(), CrashDisk::default());
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(id(ALL), 0), a.record(id(NEXT), 0)]);
    for n in 0..6 {
        rig.handle(vec![a.append(n)]);
        rig.pass(SECOND);
    }
    rig.handle(vec![a.close(id(ALL), 6)]);
    rig.pass(SECOND);
    rig.handle(vec![Command::Delete { recording: id(ALL) }]);
    rig.pass(SECOND);
    assert_eq!(rig.library().deletion(id(ALL)).unwrap(), Deletion::Waits);
    let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
    let journal = JournalFiles::read(rig.dir.path());
    let Rig { dir, writer, .. } = rig;
    drop(writer);
    journal.write(dir.path());
    let rig = rig_on(dir, disk);
    let found = plays(&rig);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, NEXT);
    assert!(matches!(
        rig.library().deletion(id(ALL)).unwrap(),
        Deletion::Done { .. }
    ));
}

/// Three seconds of a recording that is to end at the third second, and was deleted before its end.
fn ending(resumes: bool) -> (Rig, Publisher) {
    let mut rig = rig_on(tempdir(), CrashDisk::default());
    let (a, start) = rig.publish(1, "a");
    let mut spec = RecordingSpec::built_in();
    if !resumes {
        spec.output.resume.window = "0s".parse().unwrap();
    }
    let begins = Command::RecordingStarted {
        recording: id(ALL),
        publish: a.publish,
        start: a.zero,
        spec: Arc::new(spec),
    };
    rig.handle(vec![start, begins]);
    for n in 0..3 {
        rig.handle(vec![a.append(n)]);
        rig.pass(SECOND);
    }
    assert!(!rig.library().recording(id(ALL)).unwrap().unwrap().ending);
    // The recording is still open and its end is not known: the deletion has no effect.
    rig.handle(vec![Command::Delete { recording: id(ALL) }]);
    rig.pass(SECOND);
    assert_eq!(rig.library().deletion(id(ALL)).unwrap(), Deletion::None);
    let end = a.zero + 3 * SECOND;
    rig.handle(vec![Command::RecordingEnds {
        recording: id(ALL),
        end,
    }]);
    rig.handle(vec![Command::Delete { recording: id(ALL) }]);
    rig.pass(SECOND);
    assert!(rig.library().recording(id(ALL)).unwrap().unwrap().ending);
    assert_eq!(rig.library().deletion(id(ALL)).unwrap(), Deletion::Waits);
    (rig, a)
}

#[test]
fn what_is_ending_is_deleted_as_soon_as_it_has_ended() {
    let (mut rig, a) = ending(true);
    rig.handle(vec![a.append(3), a.close(id(ALL), 3)]);
    let gone = |rig: &Rig| {
        assert_eq!(
            rig.library().deletion(id(ALL)).unwrap(),
            Deletion::Done { left: 0 }
        );
        assert!(rig.library().recordings(&Filter::default()).unwrap().is_empty());
    };
    // The recording goes at once: it is not reported as closed first, so that no delivery of it begins.
    gone(&rig);
    time_passes(&mut rig);
    assert_eq!(there(&rig.disk), [] as [i64; 0]);

    // Somebody protects the recording meanwhile.
    let (mut rig, a) = ending(true);
    let protect = |protected| {
        Command::Change(Change::Protect {
            recording: id(ALL),
            protected,
        })
    };
    rig.handle(vec![protect(true)]);
    rig.pass(SECOND);
    rig.handle(vec![a.append(3), a.close(id(ALL), 3)]);
    time_passes(&mut rig);
    assert_eq!(rig.library().deletion(id(ALL)).unwrap(), Deletion::None);
    assert_eq!(rig.library().recordings(&Filter::default()).unwrap().len(), 1);

    // The service ends before the recording is closed.
    for resumes in [true, false] {
        let (mut rig, _) = ending(resumes);
        rig.writer.close().unwrap();
        gone(&rig);
    }
}

#[test]
fn what_is_ending_is_deleted_also_when_the_power_goes() {
    for resumes in [true, false] {
        let (rig, _) = ending(resumes);
        let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
        let journal = JournalFiles::read(rig.dir.path());
        let Rig { dir, writer, .. } = rig;
        drop(writer);
        journal.write(dir.path());
        let mut rig = rig_on(dir, disk);
        assert_eq!(
            rig.library().deletion(id(ALL)).unwrap(),
            Deletion::Done { left: 0 }
        );
        assert!(rig.library().recordings(&Filter::default()).unwrap().is_empty());
        time_passes(&mut rig);
        assert_eq!(there(&rig.disk), [] as [i64; 0], "resumes: {resumes}");
    }
}

#[test]
fn the_power_goes_at_every_operation_of_a_deletion() {
    let (mut rig, _) = recorded();
    let moments: Arc<Mutex<Vec<(Image, JournalFiles)>>> = Arc::default();
    let (out, dir) = (moments.clone(), rig.dir.path().to_owned());
    rig.disk.observe(move |image| {
        out.lock()
            .unwrap()
            .push((image.clone(), JournalFiles::read(&dir)));
    });
    delete(&mut rig, ALL);
    delete(&mut rig, NEXT);
    rig.disk.observe(|_| ());
    let Rig { dir, writer, .. } = rig;
    drop(writer);
    let moments = std::mem::take(&mut *moments.lock().unwrap());
    assert!(moments.len() > 12, "only {} moments", moments.len());
    let mut root = dir;
    for (n, (image, journal)) in moments.iter().enumerate().step_by(stride()) {
        let seed = n as u64;
        for survives in [
            Survives::Nothing,
            Survives::Everything,
            Survives::Some(seed),
            Survives::Zeros(seed),
            Survives::Stale(seed),
        ] {
            let disk = CrashDisk::after_crash(image, survives);
            journal.write(root.path());
            let told = Journal::open_read(root.path()).unwrap();
            let gone = |n| told.recording(id(n)).unwrap().is_none();
            let (all, next) = (gone(ALL), gone(NEXT));
            drop(told);
            let mut rig = rig_on(root, disk);
            let numbers: Vec<u8> = plays(&rig).iter().map(|(n, _)| *n).collect();
            assert_eq!(numbers.contains(&ALL), !all, "moment {n}, {survives:?}");
            time_passes(&mut rig);
            let left = there(&rig.disk);
            let wanted: Vec<i64> = match (all, next) {
                (false, _) => range(0..16),
                (true, false) => vec![6, 7, 8, 12, 13, 14, 15],
                (true, true) => vec![6, 7, 8],
            };
            assert_eq!(left, wanted, "moment {n}, {survives:?}");
            assert_eq!(rig.library().verify(&mut |_, _| {}).unwrap(), []);
            // The deletion is in the list by now, so that the journal may be lost as well.
            let rig = restarted(rig, |dir, _| lose_journal(dir));
            let found = plays(&rig);
            assert_eq!(
                found.iter().any(|(n, _)| *n == ALL),
                !all,
                "moment {n}, {survives:?}"
            );
            let Rig { dir, writer, .. } = rig;
            drop(writer);
            lose_journal(dir.path());
            root = dir;
        }
    }
}

/// A minute of segments of two seconds, the clip within it, and the next recording: more segments than one step looks at.
fn long() -> Rig {
    let mut rig = rig_with(tempdir(), CrashDisk::default(), 1);
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(id(ALL), 0)]);
    for n in 0..62 {
        if n == 58 {
            rig.handle(vec![a.close(id(ALL), 58), a.record(id(NEXT), 58)]);
        }
        rig.handle(vec![a.append(n)]);
        rig.pass(SECOND);
    }
    rig.handle(vec![clip(&a, CLIP, [30, 33]), a.close(id(NEXT), 62), a.end()]);
    rig.pass(SECOND);
    rig
}

/// How many segments have a file, and the seconds of which any payload is in one: those of the clip and of the next recording are the
/// seconds 14, 15, 0, and 10 to 13 of their quarter of a minute, and payload is the same after 16 seconds.
fn files_and_seconds(rig: &Rig) -> (usize, Vec<i64>) {
    let files = rig.disk.files();
    let folder = file(rig).parent().unwrap().to_owned();
    let segments = files.keys().filter(|path| path.starts_with(&folder));
    (segments.count(), there(&rig.disk))
}

/// What stays: the two segments of the clip, of which one is cut, and the two of the next recording.
fn what_stays() -> (usize, Vec<i64>) {
    (4, [0].into_iter().chain(10..16).collect())
}

fn much_time_passes(rig: &mut Rig) {
    (0..24).for_each(|_| rig.pass(SECOND));
}

fn is_there(rig: &Rig, n: u8) -> bool {
    let journal = Journal::open_read(rig.dir.path()).unwrap();
    journal.recording(id(n)).unwrap().is_some()
}

#[test]
fn a_long_recording_is_deleted_in_steps() {
    let mut rig = long();
    rig.handle(vec![Command::Delete { recording: id(ALL) }]);
    rig.pass(SECOND);
    // Some of it is gone, and nothing else can become of the rest.
    assert_eq!(rig.library().deletion(id(ALL)).unwrap(), Deletion::Waits);
    assert!(is_there(&rig, ALL));
    let protect = Change::Protect {
        recording: id(ALL),
        protected: true,
    };
    rig.handle(vec![Command::Change(protect)]);
    let waits = rig.library().recordings(&Filter::default()).unwrap();
    let row = waits.iter().find(|row| row.id == id(ALL)).unwrap();
    assert!(!row.protected);
    much_time_passes(&mut rig);
    assert_eq!(files_and_seconds(&rig), what_stays());
    assert_eq!(
        rig.library().deletion(id(ALL)).unwrap(),
        Deletion::Done { left: 3 * SECOND }
    );
    assert_eq!(deleted_event(&rig)["left_s"], 3.0);
    // What each step removed is in the list.
    let rig = restarted(rig, |dir, _| lose_journal(dir));
    assert!(plays(&rig).iter().all(|(n, _)| *n != ALL));
    assert_eq!(files_and_seconds(&rig), what_stays());
    assert_eq!(rig.library().verify(&mut |_, _| {}).unwrap(), []);
}

#[test]
fn two_long_recordings_of_the_same_tape_are_deleted_at_once() {
    let mut rig = rig_with(tempdir(), CrashDisk::default(), 1);
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(id(ALL), 0), a.record(id(NEXT), 0)]);
    for n in 0..58 {
        rig.handle(vec![a.append(n)]);
        rig.pass(SECOND);
    }
    rig.handle(vec![a.close(id(ALL), 58), a.close(id(NEXT), 58), a.end()]);
    rig.pass(SECOND);
    let delete = |n| Command::Delete { recording: id(n) };
    rig.handle(vec![delete(ALL), delete(NEXT)]);
    (0..3).for_each(|_| much_time_passes(&mut rig));
    assert!(!is_there(&rig, ALL) && !is_there(&rig, NEXT));
    assert_eq!(files_and_seconds(&rig), (0, range(0..0)));
}

#[test]
fn what_was_deleted_in_steps_does_not_come_back_when_the_journal_is_lost_between_two() {
    let mut rig = long();
    rig.handle(vec![Command::Delete { recording: id(ALL) }]);
    rig.pass(SECOND);
    assert_eq!(rig.library().deletion(id(ALL)).unwrap(), Deletion::Waits);
    // A start with the journal goes on.
    let rig = restarted(rig, |_, _| ());
    assert_eq!(rig.library().deletion(id(ALL)).unwrap(), Deletion::Waits);
    let rig = restarted(rig, |dir, _| lose_journal(dir));
    assert!(plays(&rig).iter().all(|(n, _)| *n != ALL));
    let (files, _) = files_and_seconds(&rig);
    assert!((4..24).contains(&files), "{files}");
}

#[test]
fn the_power_goes_at_every_operation_of_a_deletion_in_steps() {
    let mut rig = long();
    let moments: Arc<Mutex<Vec<(Image, JournalFiles)>>> = Arc::default();
    let (out, dir) = (moments.clone(), rig.dir.path().to_owned());
    rig.disk.observe(move |image| {
        out.lock()
            .unwrap()
            .push((image.clone(), JournalFiles::read(&dir)));
    });
    rig.handle(vec![Command::Delete { recording: id(ALL) }]);
    much_time_passes(&mut rig);
    rig.disk.observe(|_| ());
    let Rig { dir, writer, .. } = rig;
    drop(writer);
    let moments = std::mem::take(&mut *moments.lock().unwrap());
    assert!(moments.len() > 50, "only {} moments", moments.len());
    let mut root = dir;
    for (n, (image, journal)) in moments.iter().enumerate().step_by(7 * stride()) {
        let survives = [Survives::Nothing, Survives::Everything, Survives::Some(n as u64)][n % 3];
        let disk = CrashDisk::after_crash(image, survives);
        journal.write(root.path());
        let told = Journal::open_read(root.path()).unwrap();
        let asked = told.deletion(id(ALL)).unwrap().is_some();
        drop(told);
        let mut rig = rig_on(root, disk);
        much_time_passes(&mut rig);
        assert_eq!(is_there(&rig, ALL), !asked, "moment {n}, {survives:?}");
        let wanted = if asked { what_stays() } else { (31, range(0..16)) };
        assert_eq!(files_and_seconds(&rig), wanted, "moment {n}, {survives:?}");
        if asked {
            let done = Deletion::Done { left: 3 * SECOND };
            assert_eq!(
                rig.library().deletion(id(ALL)).unwrap(),
                done,
                "moment {n}, {survives:?}"
            );
        }
        assert_eq!(rig.library().verify(&mut |_, _| {}).unwrap(), []);
        let Rig { dir, writer, .. } = rig;
        drop(writer);
        lose_journal(dir.path());
        root = dir;
    }
}
