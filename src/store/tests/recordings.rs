//! Recordings that overlap, wait, go on, follow each other and are cut out of the tape.

use std::sync::Arc;

use super::rig::{Publisher, Rig, stream, tempdir};
use crate::event::Lack;
use crate::media::{Micros, PublishId, RecordingId};
use crate::model::Origin;
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Survives};
use crate::store::journal::{Class, Journal};
use crate::store::{
    Change, ClipBounds, Command, Disk as _, Filter, OpenRecording, RecordingRow, RecordingSpec,
    RecordingState, paths,
};

const SECOND: Micros = 1_000_000;
const UTC: Micros = 1_790_000_000_000_000;

fn rig() -> Rig {
    let clock = Arc::new(TestClock::new(5 * SECOND));
    clock.set_utc(UTC, true);
    Rig::with(tempdir(), CrashDisk::default(), clock, |_| ())
}

fn id(n: u8) -> RecordingId {
    RecordingId::from_bytes([n; 16])
}

/// The spec of a recording that waits for its publisher.
fn waits() -> Arc<RecordingSpec> {
    let mut spec = RecordingSpec::built_in();
    (spec.about.session, spec.about.number) = ("s".to_owned(), 3);
    Arc::new(spec)
}

fn begin(a: &Publisher, n: u8, second: i64, spec: Arc<RecordingSpec>) -> Command {
    Command::RecordingStarted {
        recording: id(n),
        publish: a.publish,
        start: a.zero + second * SECOND,
        spec,
    }
}

fn follow(a: &Publisher, n: u8, second: i64, before: u8) -> Vec<Command> {
    let ends = Command::RecordingEnds {
        recording: id(before),
        end: a.zero + second * SECOND,
    };
    vec![ends, begin(a, n, second, waits())]
}

fn pause(a: &Publisher, n: u8, second: i64) -> Command {
    Command::RecordingPaused {
        recording: id(n),
        end: a.zero + second * SECOND,
        reason: "broken".to_owned(),
    }
}

fn resume(a: &Publisher, n: u8) -> Command {
    Command::RecordingResumed {
        recording: id(n),
        publish: a.publish,
        start: a.zero,
    }
}

fn clip(a: &Publisher, n: u8, [from, to]: [Micros; 2]) -> Command {
    let mut spec = RecordingSpec::built_in();
    spec.about.origin = Origin::Clip;
    Command::Clip {
        recording: id(n),
        stream: a.stream.clone(),
        start: a.zero + from,
        end: a.zero + to,
        spec: Arc::new(spec),
    }
}

/// Sends seconds as they pass.
fn send(rig: &mut Rig, a: &Publisher, seconds: std::ops::Range<i64>) {
    for n in seconds {
        rig.handle(vec![a.append(n)]);
        rig.pass(SECOND);
    }
}

/// Ends the process without a clean stop, and starts it again; in another boot with `power`.
fn restart(rig: Rig, power: bool) -> Rig {
    restart_with(rig, power, true)
}

/// The same, with or without a right clock in the new boot.
fn restart_with(rig: Rig, power: bool, synced: bool) -> Rig {
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    let disk = if power {
        let utc = crate::store::Clock::utc(clock.as_ref());
        clock.reboot(SECOND);
        if synced {
            clock.set_utc(utc + 60 * SECOND, true)
        } else {
            clock.set_utc(60 * SECOND, false)
        }
        CrashDisk::after_crash(&disk.image(), Survives::Nothing)
    } else {
        disk
    };
    Rig::on(dir, disk, clock)
}

fn row(rig: &Rig, n: u8) -> RecordingRow {
    rig.library().find(&id(n).to_string()).unwrap()
}

fn journal(rig: &Rig) -> Journal {
    Journal::open_read(rig.dir.path()).unwrap()
}

fn waiting(rig: &Rig) -> Vec<OpenRecording> {
    journal(rig).waiting().unwrap()
}

fn events(rig: &Rig, kind: &str) -> Vec<serde_json::Value> {
    let rows = journal(rig).outbox().unwrap().into_iter();
    rows.filter(|(_, found, _)| found == kind)
        .map(|(_, _, body)| serde_json::from_str(&body).unwrap())
        .collect()
}

fn time(value: &serde_json::Value) -> Micros {
    let time: jiff::Timestamp = value.as_str().unwrap().parse().unwrap();
    time.as_microsecond()
}

fn publishes(rig: &Rig) -> i64 {
    let db = rusqlite::Connection::open(rig.dir.path().join("journal.db")).unwrap();
    db.query_row("SELECT count(*) FROM publishes", [], |row| row.get(0))
        .unwrap()
}

/// A recording of four seconds waits, and goes on with four more seconds in another boot.
fn over_two_boots(synced: bool) -> (Rig, Publisher, Publisher) {
    let mut rig = rig();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, begin(&a, 1, 0, waits())]);
    send(&mut rig, &a, 0..4);
    rig.pass(SECOND);
    let mut rig = restart_with(rig, true, synced);
    let (b, start) = rig.publish(2, "a");
    rig.handle(vec![start, resume(&b, 1)]);
    send(&mut rig, &b, 0..4);
    (rig, a, b)
}

#[test]
fn a_recording_over_two_boots_is_dated_by_its_first_and_its_last_segment() {
    let (mut rig, _, b) = over_two_boots(false);
    rig.handle(vec![b.close(id(1), 4), b.end()]);
    rig.pass(SECOND);
    let (row, told) = (row(&rig, 1), &events(&rig, "recording.closed")[0]);
    assert_eq!((row.state, row.duration), (RecordingState::Closed, 8 * SECOND));
    assert_eq!([row.start, row.end], [time(&told["start"]), time(&told["end"])]);
    assert!(row.start >= UTC && row.end < UTC, "{row:?}");
    assert_eq!(told["duration_s"], 8.0);
}

#[test]
fn a_clock_set_late_moves_only_what_was_in_its_boot() {
    let (mut rig, _, b) = over_two_boots(false);
    let paused = time(&events(&rig, "recording.paused")[0]["at"]);
    assert!(paused >= UTC, "told by the clock of the boot before");
    rig.handle(vec![
        b.close(id(1), 4),
        b.end(),
        clip(&b, 9, [SECOND, 3 * SECOND]),
    ]);
    rig.pass(SECOND);
    let by = 1_000 * 3_600 * SECOND + (UTC - 60 * SECOND);
    let before =
        ["recording.resumed", "recording.closed", "clip.ready"].map(|kind| events(&rig, kind)[0].clone());
    rig.clock
        .set_utc(crate::store::Clock::utc(rig.clock.as_ref()) + by, true);
    rig.pass(11 * SECOND);
    let after =
        ["recording.resumed", "recording.closed", "clip.ready"].map(|kind| events(&rig, kind)[0].clone());
    let moved = |n: usize, field: &str| time(&after[n][field]) - time(&before[n][field]);
    assert_eq!(moved(0, "at"), by);
    assert_eq!((moved(1, "start"), moved(1, "end")), (0, by));
    assert_eq!((moved(2, "start"), moved(2, "end")), (by, by));
    assert_eq!(time(&events(&rig, "recording.paused")[0]["at"]), paused);
    // The length of the gap in between is known now.
    let gap = (time(&after[0]["at"]) - paused) as f64 / 1e6;
    assert!(
        (after[0]["gap_s"].as_f64().unwrap() - gap).abs() < 0.001,
        "{after:?}"
    );
    let row = row(&rig, 1);
    assert_eq!(
        [row.start, row.end],
        [time(&after[1]["start"]), time(&after[1]["end"])]
    );
}

#[test]
fn tape_that_is_there_already_is_a_part_from_the_first_moment_on() {
    let mut rig = rig();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, begin(&a, 1, 0, super::super::testing::spec())]);
    send(&mut rig, &a, 0..8);
    // The recording begins in the past, within sealed tape. The other recording, which has that tape, too, is deleted.
    rig.handle(vec![begin(&a, 2, 1, waits()), a.close(id(1), 8)]);
    assert_eq!(journal(&rig).candidates_of(Class::Nobodys, 9).unwrap(), []);
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    rig.pass(SECOND);
    send(&mut rig, &a, 8..12);
    rig.handle(vec![a.close(id(2), 12), a.end()]);
    rig.pass(SECOND);
    let row = row(&rig, 2);
    assert_eq!((row.duration, row.gaps.len()), (11 * SECOND, 0), "{row:?}");
    assert!(rig.library().find(&id(1).to_string()).is_err());
}

#[test]
fn what_was_split_off_ends_there_though_nobody_said_so_before_the_crash() {
    for power in [false, true] {
        let mut rig = rig();
        let (a, start) = rig.publish(1, "a");
        rig.handle(vec![start, begin(&a, 1, 0, waits())]);
        send(&mut rig, &a, 0..4);
        rig.handle(follow(&a, 2, 4, 1));
        send(&mut rig, &a, 4..8);
        assert_eq!(row(&rig, 1).duration, 4 * SECOND, "also before it is closed");
        let rig = restart(rig, power);
        assert_eq!(
            (rig.report.0.recordings_closed, rig.report.0.recordings_paused),
            (1, 1)
        );
        let open: Vec<RecordingId> = waiting(&rig).iter().map(|open| open.recording).collect();
        assert_eq!(open, [id(2)], "one of the two is waited for");
        let (first, second) = (row(&rig, 1), row(&rig, 2));
        assert_eq!(
            (first.state, first.paused, first.duration),
            (RecordingState::Closed, false, 4 * SECOND)
        );
        assert_eq!(
            (second.state, second.paused, second.duration),
            (RecordingState::Open, true, 4 * SECOND)
        );
        assert_eq!(first.end, second.start);
    }
}

#[test]
fn the_end_of_the_service_closes_what_was_split_off_and_pauses_the_rest() {
    let mut rig = rig();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, begin(&a, 1, 0, waits())]);
    send(&mut rig, &a, 0..4);
    rig.handle(follow(&a, 2, 4, 1));
    send(&mut rig, &a, 4..8);
    rig.writer.close().unwrap();
    let states = [1, 2].map(|n| (row(&rig, n).state, row(&rig, n).paused, row(&rig, n).duration));
    assert_eq!(states[0], (RecordingState::Closed, false, 4 * SECOND));
    assert_eq!(states[1], (RecordingState::Open, true, 4 * SECOND));
    let rig = restart(rig, false);
    assert!(rig.report.is_clean(), "{}", rig.report);
}

#[test]
fn what_waits_says_what_it_has_and_since_when() {
    let mut rig = rig();
    let (a, start) = rig.publish(1, "a");
    // Another recording has the same tape from the middle of a second on, with all of the segments.
    rig.handle(vec![start, begin(&a, 1, 0, waits()), begin(&a, 2, 2, waits())]);
    send(&mut rig, &a, 0..8);
    let utc = row(&rig, 1).start;
    let rig = restart(rig, true);
    let all = waiting(&rig);
    assert_eq!(all.len(), 2);
    for (open, from) in all.iter().zip([0, 2]) {
        assert_eq!(
            (open.start, open.end),
            (a.zero + from * SECOND, a.zero + 8 * SECOND)
        );
        assert_eq!((open.paused_utc, open.clock_synced), (utc + 8 * SECOND, true));
        assert_eq!(open.bytes, row(&rig, if from == 0 { 1 } else { 2 }).bytes);
        assert_eq!(
            (open.spec.about.session.as_str(), open.spec.about.number),
            ("s", 3)
        );
    }
    assert!(all[1].bytes < all[0].bytes);
    // A publisher that comes and goes without media does not renew the age of the recording.
    let mut rig = rig;
    let (b, start) = rig.publish(2, "a");
    rig.handle(vec![start, resume(&b, 1)]);
    rig.pass(SECOND);
    let again = restart(rig, true);
    let open = waiting(&again).into_iter().find(|open| open.recording == id(1));
    let open = open.unwrap();
    assert_eq!(
        (open.end, open.paused_utc),
        (a.zero + 8 * SECOND, utc + 8 * SECOND)
    );
}

#[test]
fn one_batch_may_begin_it_let_it_wait_and_go_on() {
    let mut rig = rig();
    let (a, start_a) = rig.publish(1, "a");
    rig.clock.advance(10 * SECOND);
    let (b, start_b) = rig.publish(2, "a");
    let mut batch = vec![start_a, begin(&a, 1, 0, waits())];
    batch.extend((0..4).map(|n| a.append(n)));
    batch.extend([pause(&a, 1, 4), a.end(), start_b, resume(&b, 1)]);
    batch.extend((0..4).map(|n| b.append(n)));
    rig.handle(batch);
    rig.pass(SECOND);
    // The recording keeps the spec that it began with: the end of the service lets it wait.
    rig.writer.close().unwrap();
    let open = waiting(&rig);
    assert_eq!(open.len(), 1);
    assert_eq!(
        (open[0].spec.about.session.as_str(), open[0].start),
        ("s", a.zero)
    );
    let row = row(&rig, 1);
    assert_eq!((row.duration, row.gaps.len()), (8 * SECOND, 1));
    assert_eq!(events(&rig, "recording.resumed")[0]["gap_s"], 6.0);
}

#[test]
fn what_waits_is_closed_where_it_ended_though_nobody_publishes() {
    let mut rig = rig();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, begin(&a, 1, 0, waits())]);
    send(&mut rig, &a, 0..4);
    rig.handle(vec![pause(&a, 1, 4), a.end()]);
    let mut rig = restart(rig, true);
    assert!(events(&rig, "recording.closed").is_empty());
    rig.handle(vec![Command::RecordingClosed {
        recording: id(1),
        end: waiting(&rig)[0].end,
        reason: "nobody came back".to_owned(),
    }]);
    let row = row(&rig, 1);
    assert_eq!(
        (row.state, row.paused, row.duration),
        (RecordingState::Closed, false, 4 * SECOND)
    );
    let told = &events(&rig, "recording.closed")[0];
    assert_eq!(
        (&told["reason"], &told["number"]),
        (&"nobody came back".into(), &3.into())
    );
    assert_eq!(
        (events(&rig, "recording.paused").len(), waiting(&rig).len()),
        (1, 0)
    );
}

#[test]
fn a_pause_is_durable_before_it_is_told() {
    let mut rig = rig();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, begin(&a, 1, 0, waits()), begin(&a, 2, 0, waits())]);
    send(&mut rig, &a, 0..3);
    // Its publish goes on for the other recording: no segment ends here.
    rig.handle(vec![a.append(3), pause(&a, 1, 4)]);
    assert_eq!(events(&rig, "recording.paused").len(), 1);
    let rig = restart(rig, true);
    assert_eq!(row(&rig, 1).duration, 4 * SECOND);
    assert_eq!(
        events(&rig, "recording.paused").len(),
        2,
        "the other waits since the crash"
    );
}

#[test]
fn a_clip_of_nothing_is_told_and_leaves_nothing() {
    let mut rig = rig();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, begin(&a, 1, 0, waits())]);
    send(&mut rig, &a, 0..4);
    let (done, mut answer) = tokio::sync::oneshot::channel();
    let nowhere = PublishId::new(7);
    let b = Publisher {
        publish: nowhere,
        stream: stream("b"),
        zero: 0,
    };
    rig.handle(vec![
        clip(&a, 8, [-9 * SECOND, -SECOND]),
        clip(&a, 9, [50 * SECOND, 60 * SECOND]),
        clip(&b, 10, [0, SECOND]),
        Command::Fence { done },
    ]);
    assert_eq!(answer.try_recv().unwrap(), Ok(()));
    let failed = events(&rig, "recording.failed");
    let told: Vec<&str> = failed
        .iter()
        .map(|body| body["recording"].as_str().unwrap())
        .collect();
    assert_eq!(told, [8, 9, 10].map(|n| id(n).to_string()));
    assert_eq!(rig.library().recordings(&Filter::default()).unwrap().len(), 1);
    assert!(events(&rig, "clip.ready").is_empty());
}

/// The bounds of a clip of these seconds of UTC.
fn cut(rig: &Rig, a: &Publisher, zero: Micros, [from, to]: [Micros; 2]) -> ClipBounds {
    let (from, to) = (zero + from * SECOND, zero + to * SECOND);
    rig.library().clip_bounds(&a.stream, from, to).unwrap().unwrap()
}

fn make(rig: &mut Rig, a: &Publisher, n: u8, found: ClipBounds) {
    let mut spec = RecordingSpec::built_in();
    (spec.about.origin, spec.asked) = (Origin::Clip, Some(found.asked));
    rig.handle(vec![Command::Clip {
        recording: id(n),
        stream: a.stream.clone(),
        start: found.start,
        end: found.end,
        spec: Arc::new(spec),
    }]);
    rig.pass(SECOND);
}

/// The missing parts of a recording by its row and its event: seconds and reasons.
fn lacks(rig: &Rig, n: u8) -> Vec<(f64, Lack)> {
    let row = row(rig, n);
    let told = events(rig, "clip.ready");
    let told = told
        .iter()
        .find(|body| body["recording"] == id(n).to_string())
        .unwrap();
    assert_eq!(told["short"], serde_json::json!(row.short), "{row:?}");
    assert_eq!([row.start, row.end], [time(&told["start"]), time(&told["end"])]);
    assert_eq!(told["duration_s"].as_f64().unwrap(), row.duration as f64 / 1e6);
    let missing = row.short.map(|short| short.missing).unwrap_or_default();
    missing.iter().map(|part| (part.missing_s, part.reason)).collect()
}

#[test]
fn a_clip_is_what_was_asked_for_and_says_what_it_lacks() {
    let mut rig = rig();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, begin(&a, 1, 0, waits())]);
    send(&mut rig, &a, 0..8);
    rig.handle(vec![pause(&a, 1, 8), a.end()]);
    rig.pass(7 * SECOND);
    let (b, start) = rig.publish(2, "a");
    rig.handle(vec![start, resume(&b, 1)]);
    send(&mut rig, &b, 0..8);
    let zero = row(&rig, 1).start;
    let gone = (b.zero - a.zero) / SECOND - 8;
    // The clip lies between keyframes, and within one publish.
    let found = cut(&rig, &a, zero, [2, 5]);
    make(&mut rig, &a, 9, found);
    assert_eq!(lacks(&rig, 9), []);
    assert_eq!(
        [row(&rig, 9).start, row(&rig, 9).end],
        [zero + 2 * SECOND, zero + 5 * SECOND]
    );
    // The clip goes over the break.
    let to = 8 + gone + 4;
    let found = cut(&rig, &a, zero, [2, to]);
    make(&mut rig, &a, 10, found);
    assert_eq!(lacks(&rig, 10), [(gone as f64, Lack::Gap)]);
    // The clip begins within the break, or before there was any tape.
    let found = cut(&rig, &a, zero, [10, to]);
    make(&mut rig, &a, 11, found);
    assert_eq!(lacks(&rig, 11), [((gone - 2) as f64, Lack::Publish)]);
    let found = cut(&rig, &a, zero, [-3, 4]);
    make(&mut rig, &a, 12, found);
    assert_eq!(lacks(&rig, 12), [(3.0, Lack::Publish)]);
    // The clip ends behind the tape, or within the break.
    let found = cut(&rig, &a, zero, [5, 11]);
    make(&mut rig, &a, 13, found);
    assert_eq!(lacks(&rig, 13), [(3.0, Lack::Publish)]);
    assert!(
        rig.library()
            .clip_bounds(&a.stream, zero - 9 * SECOND, zero - SECOND)
            .unwrap()
            .is_none()
    );
    assert!(
        rig.library()
            .clip_bounds(&a.stream, zero + 9 * SECOND, zero + 10 * SECOND)
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_clip_within_a_segment_has_its_own_bounds_and_a_segment_of_two_goes_with_the_second() {
    let mut rig = rig();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, begin(&a, 1, 0, super::super::testing::spec())]);
    send(&mut rig, &a, 0..4);
    rig.handle(vec![clip(&a, 9, [SECOND, 2_400_000]), a.close(id(1), 4), a.end()]);
    rig.pass(SECOND);
    let (whole, part) = (row(&rig, 1), row(&rig, 9));
    assert_eq!((part.start, part.duration), (whole.start + SECOND, 1_400_000));
    assert!(part.bytes < whole.bytes / 2);
    assert_eq!(events(&rig, "clip.ready").len(), 1);
    assert_eq!(
        events(&rig, "recording.started").len(),
        1,
        "a clip is told of once"
    );
    // The whole segment stays for the clip. With the clip it goes, and is emptied.
    let file = paths::segment(rig.dir.path(), &a.stream, 1);
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    rig.pass(30 * SECOND);
    assert!(rig.disk.is_there(&file));
    assert_eq!(row(&rig, 9).duration, 1_400_000);
    rig.handle(vec![Command::Delete { recording: id(9) }]);
    rig.pass(30 * SECOND);
    assert!(!rig.disk.is_there(&file));
}

#[test]
fn a_clip_that_is_deleted_at_once_takes_its_footage_along() {
    let mut rig = rig();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start]);
    send(&mut rig, &a, 0..2);
    rig.handle(vec![
        clip(&a, 9, [0, 2 * SECOND]),
        Command::Delete { recording: id(9) },
    ]);
    rig.handle(vec![a.end()]);
    rig.pass(30 * SECOND);
    assert!(!rig.disk.is_there(&paths::segment(rig.dir.path(), &a.stream, 1)));
}

#[test]
fn a_recording_over_several_publishes_goes_whole_and_leaves_no_row() {
    let mut rig = rig();
    let mut last = None;
    for n in 1..5 {
        let (a, start) = rig.publish(n, "a");
        rig.handle(vec![start]);
        rig.handle(vec![if n == 1 {
            begin(&a, 1, 0, waits())
        } else {
            resume(&a, 1)
        }]);
        send(&mut rig, &a, 0..2);
        rig.handle(vec![pause(&a, 1, 2), a.end()]);
        rig.pass(SECOND);
        last = Some(a);
    }
    let a = last.unwrap();
    rig.handle(vec![a.close(id(1), 2)]);
    let row = row(&rig, 1);
    assert_eq!((row.segments, row.duration, row.gaps.len()), (4, 8 * SECOND, 3));
    assert_eq!(publishes(&rig), 4);
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    rig.pass(30 * SECOND);
    assert!(
        rig.disk
            .files()
            .keys()
            .all(|path| !path.starts_with(paths::tape(rig.dir.path())))
    );
    // The rows of removed segments go with the next commit.
    rig.handle(vec![Command::Change(Change::Keep {
        namespace: "test",
        id: "1".to_owned(),
        body: None,
        tell: Vec::new(),
    })]);
    assert_eq!(publishes(&rig), 0);
}

#[test]
fn the_publishes_of_a_recording_stay_as_long_as_it_needs_them() {
    let clock = Arc::new(TestClock::new(5 * SECOND));
    clock.set_utc(UTC, true);
    // The store has space for about three segments: the first publish's tape is given up.
    let mut rig = Rig::with(tempdir(), CrashDisk::default(), clock, |settings| {
        settings.quota = Some(70_000);
    });
    for n in 1..9 {
        let (a, start) = rig.publish(n, "a");
        rig.handle(vec![
            start,
            if n == 1 {
                begin(&a, 1, 0, waits())
            } else {
                resume(&a, 1)
            },
        ]);
        send(&mut rig, &a, 0..4);
        rig.handle(vec![pause(&a, 1, 4), a.end()]);
        rig.pass(SECOND);
        assert_eq!(row(&rig, 1).id, id(1));
    }
    let lost = events(&rig, "media.evicted_undelivered");
    assert!(!lost.is_empty());
    assert!(lost.iter().all(|body| body["recordings"][0] == id(1).to_string()));
    assert!(publishes(&rig) < 8, "those in the middle go");
    let end = waiting(&rig)[0].end;
    rig.handle(vec![Command::RecordingClosed {
        recording: id(1),
        end,
        reason: "over".to_owned(),
    }]);
    let (row, told) = (row(&rig, 1), &events(&rig, "recording.closed")[0]);
    assert_eq!([row.start, row.end], [time(&told["start"]), time(&told["end"])]);
    assert_eq!(row.bytes, told["bytes"].as_u64().unwrap());
}

#[test]
fn time_to_keep_counts_from_the_end_of_the_last_boot() {
    let (mut rig, _, b) = over_two_boots(true);
    rig.handle(vec![b.close(id(1), 4), b.end()]);
    rig.pass(SECOND);
    let end = row(&rig, 1).end;
    let db = rusqlite::Connection::open(rig.dir.path().join("journal.db")).unwrap();
    db.execute("UPDATE recordings SET keep = 10000000", []).unwrap();
    assert_eq!(journal(&rig).due(end + 10 * SECOND - 1, false).unwrap(), []);
    assert_eq!(journal(&rig).due(end + 10 * SECOND, false).unwrap(), [id(1)]);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test removes the journal as a user would"
)]
fn a_live_recording_is_as_exact_as_before_when_the_journal_is_made_again() {
    let mut rig = rig();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, begin(&a, 1, 0, waits())]);
    send(&mut rig, &a, 0..4);
    rig.handle(vec![begin(&a, 2, 1, waits())]);
    send(&mut rig, &a, 4..6);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(rig.dir.path().join(format!("journal.db{suffix}")));
    }
    rig.pass(11 * SECOND);
    assert!(rig.writer.away().is_some());
    rig.writer.expect_store().unwrap();
    rig.writer.come_back().unwrap();
    send(&mut rig, &a, 6..8);
    rig.handle(vec![a.close(id(2), 8), a.close(id(1), 8), a.end()]);
    rig.pass(SECOND);
    let row = row(&rig, 2);
    assert_eq!((row.spec.about.number, row.duration), (3, 7 * SECOND), "{row:?}");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test removes the journal as a user would"
)]
fn what_waited_when_the_journal_was_lost_is_gone_on_with_all_the_same() {
    let mut rig = rig();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, begin(&a, 1, 0, waits())]);
    send(&mut rig, &a, 0..4);
    rig.handle(vec![pause(&a, 1, 4), a.end()]);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(rig.dir.path().join(format!("journal.db{suffix}")));
    }
    rig.pass(11 * SECOND);
    assert!(rig.writer.away().is_some());
    rig.writer.expect_store().unwrap();
    rig.writer.come_back().unwrap();
    let (b, start) = rig.publish(2, "a");
    rig.handle(vec![start, resume(&b, 1)]);
    send(&mut rig, &b, 0..4);
    rig.handle(vec![b.close(id(1), 4), b.end()]);
    rig.pass(SECOND);
    let row = row(&rig, 1);
    assert_eq!(
        (row.state, row.duration, row.gaps.len()),
        (RecordingState::Closed, 8 * SECOND, 1)
    );
}
