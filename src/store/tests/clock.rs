//! Clocks that are wrong, set late, stepped, or leap: nothing is split or lost, and all dates are right afterwards.

use std::sync::Arc;
use std::time::Duration;

use super::rig::{Publisher, Rig, check_invariants, expected, settings, stream, tape, tempdir};
use crate::media::{Micros, RecordingId};
use crate::store::clock::Clock;
use crate::store::clock::tests::TestClock;
use crate::store::crash::CrashDisk;
use crate::store::{Filter, Library, RecordingRow, RecordingSpec, Store};

const SECOND: Micros = 1_000_000;
const HOUR: Micros = 3_600 * SECOND;
/// UTC by the clock of a rig at first.
const UTC: Micros = 1_780_000_000_000_000;

/// A rig in a new boot, on a store that was used before, with a clock at this time.
fn booted(utc: Micros, synced: bool) -> Rig {
    let rig = Rig::new();
    rig.clock.set_utc(utc, synced);
    rig.clock.reboot(SECOND);
    restart(rig)
}

/// Ends the service without a clean stop, and starts it again.
fn restart(rig: Rig) -> Rig {
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    Rig::on(dir, disk, clock)
}

fn begin(rig: &mut Rig, id: u64) -> Publisher {
    let (a, start) = rig.publish(id, "a");
    rig.handle(vec![start, a.record(recording(id), 0)]);
    a
}

/// Sends seconds as they pass.
fn send(rig: &mut Rig, a: &Publisher, seconds: std::ops::Range<i64>) {
    for n in seconds {
        rig.handle(vec![a.append(n)]);
        rig.pass(SECOND);
    }
}

fn end(rig: &mut Rig, a: &Publisher, id: u64, second: i64) {
    rig.handle(vec![a.close(recording(id), second), a.end()]);
}

/// A recording's id: the same for the same number.
fn recording(id: u64) -> RecordingId {
    RecordingId::from_bytes(u128::from(id).to_be_bytes())
}

fn rows(rig: &Rig) -> Vec<RecordingRow> {
    rig.library().recordings(&Filter::default()).unwrap()
}

/// Start of each recording.
fn starts(rig: &Rig) -> Vec<Micros> {
    rows(rig).iter().map(|row| row.start).collect()
}

/// The outbox: kind, body, and when it was written.
#[expect(clippy::disallowed_methods, reason = "looked at from outside")]
fn outbox(rig: &Rig) -> Vec<(String, serde_json::Value, Micros)> {
    let db = rusqlite::Connection::open(rig.dir.path().join("journal.db")).unwrap();
    let mut rows = db
        .prepare("SELECT kind, body, time FROM outbox ORDER BY sequence")
        .unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)));
    rows.unwrap()
        .map(|row| row.unwrap())
        .map(|(kind, body, time)| (kind, serde_json::from_str(&body).unwrap(), time))
        .collect()
}

/// The seconds by which each `clock.synced` says that the dates moved.
fn moves(rig: &Rig) -> Vec<f64> {
    let synced = outbox(rig)
        .into_iter()
        .filter(|(kind, ..)| kind == "clock.synced");
    synced
        .map(|(_, body, _)| body["moved_s"].as_f64().unwrap())
        .collect()
}

fn time(value: &serde_json::Value) -> Micros {
    let time: jiff::Timestamp = value.as_str().unwrap().parse().unwrap();
    time.as_microsecond()
}

/// Ends the service in good order, and checks everything.
fn finish(mut rig: Rig) -> Rig {
    rig.writer.close().unwrap();
    check_invariants(rig.dir.path(), &rig.disk);
    rig
}

#[test]
fn the_first_synchronisation_dates_the_whole_boot_anew() {
    let mut rig = booted(0, false);
    let a = begin(&mut rig, 1);
    send(&mut rig, &a, 0..4);
    end(&mut rig, &a, 1, 4);
    let a = begin(&mut rig, 2);
    send(&mut rig, &a, 0..5);
    assert_eq!(starts(&rig), [0, 4 * SECOND]);
    // The clock is set fifty-six years later, while a segment and a recording are open.
    rig.clock.set_utc(UTC, true);
    send(&mut rig, &a, 5..8);
    assert_eq!(starts(&rig), [UTC - 9 * SECOND, UTC - 5 * SECOND]);
    end(&mut rig, &a, 2, 8);
    let rig = finish(rig);
    assert_eq!(moves(&rig), [((UTC - 9 * SECOND) / SECOND) as f64]);

    let rows = rows(&rig);
    assert!(rows.iter().all(|row| row.gaps.is_empty()), "{rows:?}");
    assert_eq!(
        rows.iter()
            .map(|row| (row.duration, row.segments))
            .collect::<Vec<_>>(),
        [(4 * SECOND, 1), (8 * SECOND, 2)]
    );
    let between = |from, to| {
        let filter = Filter {
            from: Some(from),
            to: Some(to),
            ..Filter::default()
        };
        rig.library().recordings(&filter).unwrap().len()
    };
    assert_eq!((between(0, HOUR), between(UTC - HOUR, UTC - 5 * SECOND)), (0, 1));
    let kept = [expected(0..4), expected(0..8)].concat();
    assert_eq!(tape(rig.dir.path(), &rig.disk, &stream("a")), kept);
}

#[test]
fn nobody_hears_of_1970_who_listens_after_the_clock_was_set() {
    let mut rig = booted(0, false);
    let a = begin(&mut rig, 1);
    send(&mut rig, &a, 0..3);
    // One gap is in the same commit as the new date, and another is long before it.
    rig.disk.fail_next(crate::store::crash::Fault::Sync);
    send(&mut rig, &a, 3..9);
    rig.handle(vec![crate::store::Command::Gap {
        publish: a.publish,
        from: 9 * SECOND,
        to: 12 * SECOND,
        bytes: 1,
        reason: "stalled",
    }]);
    rig.handle(vec![a.append(12)]);
    rig.clock.set_utc(UTC, true);
    rig.pass(SECOND);
    rig.handle(vec![a.close(recording(1), 13), a.end()]);
    let rig = finish(rig);
    let zero = rows(&rig)[0].start;
    assert!((zero - (UTC - 9 * SECOND)).abs() < SECOND, "{zero}");
    let mut kinds = Vec::new();
    // Events from before this boot have the dates of another clock.
    let all = outbox(&rig);
    let device = all
        .iter()
        .rposition(|(kind, ..)| kind == "device.started")
        .unwrap();
    for (kind, body, at) in &all[device..] {
        assert!((UTC - HOUR..UTC + HOUR).contains(at), "{kind} at {at}");
        for field in ["start", "end", "from", "to"] {
            if let Some(value) = body.get(field) {
                let at = time(value);
                assert!((UTC - HOUR..UTC + HOUR).contains(&at), "{kind}.{field} {value}");
            }
        }
        kinds.push(kind.as_str());
    }
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "stream.gap").count(),
        2,
        "{kinds:?}"
    );
    // The event agrees with `ls` to the microsecond.
    let gaps = rows(&rig)[0].gaps.clone();
    let told: Vec<_> = all
        .iter()
        .filter(|(kind, ..)| kind == "stream.gap")
        .map(|(_, body, _)| (time(&body["from"]), time(&body["to"])))
        .collect();
    assert_eq!(
        told,
        gaps.iter().map(|gap| (gap.from, gap.to)).collect::<Vec<_>>()
    );
}

#[test]
fn a_step_while_recording_splits_nothing_and_dates_the_boot_anew() {
    for step in [HOUR, -HOUR] {
        let mut rig = Rig::new();
        let a = begin(&mut rig, 1);
        send(&mut rig, &a, 0..20);
        rig.clock.set_utc(UTC + 20 * SECOND + step, true);
        send(&mut rig, &a, 20..30);
        // The clock is stepped back again.
        rig.clock.set_utc(UTC + 30 * SECOND, true);
        send(&mut rig, &a, 30..33);
        assert_eq!(starts(&rig), [UTC]);
        rig.clock.set_utc(UTC + 33 * SECOND + step, true);
        send(&mut rig, &a, 33..50);
        rig.handle(vec![a.close(recording(1), 50), a.end()]);
        let rig = finish(rig);
        let seconds = (step / SECOND) as f64;
        assert_eq!(moves(&rig), [seconds, -seconds, seconds]);
        let row = &rows(&rig)[0];
        assert_eq!((row.start, row.end), (UTC + step, UTC + step + 50 * SECOND));
        // There are as many segments as without steps: one each four seconds.
        assert_eq!((row.segments, row.gaps.len(), row.duration), (13, 0, 50 * SECOND));
        assert_eq!(tape(rig.dir.path(), &rig.disk, &stream("a")), expected(0..50));
    }
}

#[test]
fn a_plausible_date_that_turns_out_wrong_is_corrected_for_all_of_the_boot() {
    // The clock has the time of the last shutdown, seven hours ago.
    let mut rig = booted(UTC - 7 * HOUR, true);
    let a = begin(&mut rig, 1);
    send(&mut rig, &a, 0..12);
    rig.clock.set_utc(UTC, true);
    send(&mut rig, &a, 12..13);
    end(&mut rig, &a, 1, 13);
    let rig = finish(rig);
    assert_eq!(starts(&rig), [UTC - 12 * SECOND]);
    assert_eq!(moves(&rig), [(7 * HOUR / SECOND - 12) as f64]);
}

#[test]
fn drift_and_leap_seconds_move_nothing_until_they_add_up() {
    let mut rig = Rig::new();
    let a = begin(&mut rig, 1);
    // The clock gains a millisecond each second, and a leap second comes.
    for n in 0..100 {
        rig.clock.set_utc(rig.clock.utc() + SECOND / 1_000, true);
        if n == 50 {
            rig.clock.set_utc(rig.clock.utc() + SECOND, true);
        }
        send(&mut rig, &a, n..n + 1);
    }
    assert_eq!((moves(&rig).len(), starts(&rig)), (0, vec![UTC]));
    rig.clock.set_utc(rig.clock.utc() + SECOND, true);
    send(&mut rig, &a, 100..101);
    assert_eq!(moves(&rig), [2.1]);
    assert_eq!(starts(&rig), [UTC + 2_100_000]);
}

#[test]
fn a_clock_that_is_not_believed_any_more_moves_nothing() {
    let mut rig = Rig::new();
    let a = begin(&mut rig, 1);
    send(&mut rig, &a, 0..12);
    rig.clock.set_utc(0, false);
    send(&mut rig, &a, 12..30);
    assert_eq!((moves(&rig).len(), starts(&rig)), (0, vec![UTC]));
}

#[test]
fn a_clock_set_by_hand_that_nobody_vouches_for_is_followed_without_a_word() {
    let mut rig = booted(0, false);
    let a = begin(&mut rig, 1);
    send(&mut rig, &a, 0..12);
    rig.clock.set_utc(UTC, false);
    send(&mut rig, &a, 12..13);
    assert_eq!((moves(&rig).len(), starts(&rig)), (0, vec![UTC - 12 * SECOND]));
}

#[test]
fn a_clock_that_jumps_to_and_fro_does_not_fill_the_outbox() {
    let mut rig = Rig::new();
    let a = begin(&mut rig, 1);
    for n in 0..120 {
        let step = if n % 2 == 0 { HOUR } else { -HOUR };
        rig.clock.set_utc(rig.clock.utc() + step, true);
        send(&mut rig, &a, n..n + 1);
    }
    assert!((1..=12).contains(&moves(&rig).len()), "{:?}", moves(&rig));
    let rig = finish(rig);
    assert_eq!(tape(rig.dir.path(), &rig.disk, &stream("a")), expected(0..120));
}

#[test]
fn a_boot_clock_that_leaps_leaves_a_gap_and_no_confusion() {
    let mut rig = Rig::new();
    let a = begin(&mut rig, 1);
    send(&mut rig, &a, 0..4);
    // The box was suspended: both clocks go on. The publisher's connection is gone, and it comes back.
    rig.clock.advance(5 * HOUR);
    end(&mut rig, &a, 1, 4);
    let b = begin(&mut rig, 2);
    send(&mut rig, &b, 0..4);
    end(&mut rig, &b, 2, 4);
    let rig = finish(rig);
    assert_eq!(starts(&rig), [UTC, UTC + 4 * SECOND + 5 * HOUR]);
    assert!(rows(&rig).iter().all(|row| row.duration == 4 * SECOND));
    assert_eq!((moves(&rig).len(), b.zero - a.zero), (0, 4 * SECOND + 5 * HOUR));
}

#[test]
fn starts_that_each_count_as_a_boot_are_each_dated_by_their_own_clock() {
    // A kernel that does not name its boot: the same CLOCK_BOOTTIME goes on under another id.
    let mut rig = booted(0, false);
    let a = begin(&mut rig, 1);
    send(&mut rig, &a, 0..4);
    let boot = rig.clock.boot();
    rig.clock.reboot(boot);
    let mut rig = restart(rig);
    let b = begin(&mut rig, 2);
    assert!(b.zero > a.zero + 4 * SECOND, "tape time went back");
    rig.clock.set_utc(UTC, true);
    send(&mut rig, &b, 0..4);
    end(&mut rig, &b, 2, 4);
    let rig = finish(rig);
    // The first start's clock was never right, and the second start does not know how wrong it was.
    assert_eq!(starts(&rig), [0, UTC]);
    // The second start's recovery dates the first start's recording by that start's clock.
    let closed = outbox(&rig)
        .into_iter()
        .find(|(kind, ..)| kind == "recording.closed");
    let (_, body, at) = closed.unwrap();
    assert_eq!((time(&body["start"]), time(&body["end"])), (0, 4 * SECOND));
    assert_eq!(at, UTC);
}

#[test]
fn a_clock_set_while_the_service_is_down_dates_the_boot_at_the_next_start() {
    let mut rig = booted(0, false);
    let a = begin(&mut rig, 1);
    send(&mut rig, &a, 0..4);
    rig.clock.set_utc(UTC, true);
    let mut rig = restart(rig);
    assert_eq!(starts(&rig), [UTC - 4 * SECOND]);
    rig.clock.set_utc(UTC + HOUR, true);
    rig = restart(rig);
    assert_eq!(starts(&rig), [UTC - 4 * SECOND + HOUR]);
    assert_eq!(moves(&rig).len(), 2);
    let closed = outbox(&rig)
        .into_iter()
        .find(|(kind, ..)| kind == "recording.closed");
    assert_eq!(time(&closed.unwrap().1["start"]), UTC - 4 * SECOND + HOUR);
}

#[test]
fn a_boot_that_was_never_synchronised_is_listed_by_its_own_dates() {
    let mut rig = booted(0, false);
    let a = begin(&mut rig, 1);
    send(&mut rig, &a, 0..4);
    end(&mut rig, &a, 1, 4);
    rig.clock.reboot(SECOND);
    rig.clock.set_utc(UTC, true);
    let mut rig = restart(rig);
    let b = begin(&mut rig, 2);
    send(&mut rig, &b, 0..4);
    end(&mut rig, &b, 2, 4);
    let from = |from| {
        let filter = Filter {
            from: Some(from),
            ..Filter::default()
        };
        let rows = rig.library().recordings(&filter).unwrap();
        rows.iter().map(|row| row.start).collect::<Vec<_>>()
    };
    assert_eq!(from(UTC - 2 * HOUR), [UTC]);
    assert_eq!(from(0), [0, UTC]);
    // Tape time still has the right order.
    assert!(b.zero > a.zero);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test deletes the journal as a user would"
)]
fn a_rebuilt_journal_believes_the_file_that_was_written_after_the_clock_was_set() {
    let mut rig = booted(0, false);
    let a = begin(&mut rig, 1);
    send(&mut rig, &a, 0..5);
    rig.clock.set_utc(UTC, true);
    send(&mut rig, &a, 5..12);
    rig.handle(vec![a.close(recording(1), 12), a.end()]);
    let rig = finish(rig);
    let before = rows(&rig);
    rig.clock.reboot(SECOND);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(rig.dir.path().join(format!("journal.db{suffix}")));
    }
    let rig = restart(rig);
    assert_eq!(rig.report.0.adopted, 3, "{}", rig.report);
    // The purpose of a recording is the exception: the files do not contain it.
    let words = |rows: Vec<RecordingRow>| -> Vec<RecordingRow> {
        let spec = RecordingSpec::built_in();
        rows.into_iter()
            .map(|row| RecordingRow {
                spec: spec.clone(),
                ..row
            })
            .collect()
    };
    assert_eq!(words(rows(&rig)), words(before));
}

#[test]
fn a_journal_that_refuses_the_new_date_gets_it_later() {
    let mut rig = booted(0, false);
    let a = begin(&mut rig, 1);
    send(&mut rig, &a, 0..3);
    let other = rusqlite::Connection::open(rig.dir.path().join("journal.db")).unwrap();
    let refuse = "CREATE TRIGGER a_test_refuses BEFORE UPDATE ON boots BEGIN SELECT raise(ABORT, 'no'); END";
    other.execute_batch(refuse).unwrap();
    rig.clock.set_utc(UTC, true);
    rig.pass(SECOND);
    send(&mut rig, &a, 3..4);
    assert_eq!((starts(&rig), moves(&rig).len()), (vec![0], 0));
    other.execute_batch("DROP TRIGGER a_test_refuses").unwrap();
    // A segment ends here: its rows and the date are one commit, and the date comes first.
    send(&mut rig, &a, 4..5);
    assert_eq!(starts(&rig), [UTC - 3 * SECOND]);
    end(&mut rig, &a, 1, 5);
    let rig = finish(rig);
    assert_eq!(moves(&rig).len(), 1);
    let closed = outbox(&rig)
        .into_iter()
        .find(|(kind, ..)| kind == "recording.closed");
    assert_eq!(time(&closed.unwrap().1["start"]), UTC - 3 * SECOND);
}

#[test]
fn the_newest_tape_of_a_believed_clock_is_known_in_1970() {
    let mut rig = booted(UTC, true);
    let a = begin(&mut rig, 1);
    send(&mut rig, &a, 0..4);
    end(&mut rig, &a, 1, 4);
    let right = rows(&rig)[0].clone();
    rig.clock.set_utc(60 * SECOND, false);
    rig.clock.reboot(SECOND);
    let mut rig = restart(rig);
    let a = begin(&mut rig, 2);
    send(&mut rig, &a, 0..6);
    end(&mut rig, &a, 2, 6);
    assert_eq!(rows(&rig).len(), 2);
    let dated = |name| rig.library().dated_until(&stream(name)).unwrap();
    assert_eq!(dated("a"), Some(right.start + right.duration));
    assert_eq!(dated("b"), None);
}

#[test]
fn an_idle_box_notices_that_its_clock_was_set() {
    let dir = tempdir();
    let disk = CrashDisk::default();
    let clock = Arc::new(TestClock::new(5 * SECOND));
    clock.set_utc(0, false);
    let (store, opened) = Store::open(settings(dir.path()), Arc::new(disk.clone()), clock.clone()).unwrap();
    let a = Publisher {
        publish: crate::media::PublishId::new(1),
        stream: stream("a"),
        zero: opened.tape_base + clock.boot(),
    };
    let started = crate::store::Command::PublishStarted {
        tell: Some(Box::default()),
        publish: a.publish,
        stream: a.stream.clone(),
        tape_zero: a.zero,
        boot_zero: clock.boot(),
        about: Default::default(),
    };
    for command in [
        started,
        a.record(recording(1), 0),
        a.append(0),
        a.close(recording(1), 1),
        a.end(),
    ] {
        store.submit(command).unwrap();
    }
    let library = || Library::with_disk(dir.path(), Arc::new(disk.clone())).unwrap();
    let deadline = RealDeadline::new();
    while !library().find("last").is_ok_and(|row| row.segments == 1) {
        deadline.check("the recording");
    }
    // Nobody publishes any more. The service asks the thread for a sign of life now and then.
    clock.advance(60 * SECOND);
    clock.set_utc(UTC, true);
    while library().find("last").unwrap().start < UTC - HOUR {
        store.heartbeat();
        deadline.check("the clock to be noticed");
    }
    assert_eq!(library().find("last").unwrap().start, UTC - 60 * SECOND);
    store.shutdown().unwrap();
}

/// A deadline for work that another thread does in its own time.
struct RealDeadline(Micros);

impl RealDeadline {
    fn new() -> Self {
        Self(crate::store::RealClock.boot() + 60 * SECOND)
    }

    fn check(&self, what: &str) {
        assert!(crate::store::RealClock.boot() < self.0, "waited for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
