//! The numbers of chunks on the tape, and the chunks of the segment that is open.

use std::sync::Arc;

use super::rig::{Publisher, Rig, check_numbers, numbered, stream, tempdir};
use super::space::{self, SEGMENT};
use crate::format::TapeSource as _;
use crate::media::{ChunkNumbers, ChunkStart, Fragment, Micros, RecordingId, TargetDuration};
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Fault};
use crate::store::journal::{BESIDE, FILE, Journal, SegmentData};
use crate::store::{ChunkAt, Command, Filter, testing};

const SECOND: Micros = 1_000_000;

fn id(n: u8) -> RecordingId {
    RecordingId::from_bytes([n; 16])
}

/// The `n`th second of a publish, with a chunk that has at least this number.
fn second(n: i64, number: u64, breaks: bool) -> Fragment {
    Fragment {
        chunk: Some(ChunkStart {
            number,
            breaks,
            ..ChunkStart::default()
        }),
        ..testing::fragment(n, true)
    }
}

fn rows(rig: &Rig) -> Vec<SegmentData> {
    let journal = Journal::open_read(rig.dir.path()).unwrap();
    journal.segments().unwrap()
}

/// The first number, how many chunks, discontinuities, and skipped numbers of each segment.
fn numbers(rig: &Rig) -> Vec<(u64, u64, u64, u64)> {
    let said = |row: &SegmentData| {
        let numbers = row.numbers.unwrap();
        (
            numbers.chunk,
            row.chunks.unwrap_or(0),
            numbers.discontinuity,
            numbers.skipped,
        )
    };
    rows(rig).iter().map(said).collect()
}

/// Records so many seconds of a publish.
fn publish(rig: &mut Rig, n: u64, seconds: std::ops::Range<i64>) -> Publisher {
    let (a, start) = rig.publish(n, "a");
    rig.handle(vec![start, a.record(id(n as u8), seconds.start)]);
    for second in seconds {
        rig.handle(vec![a.append(second)]);
        rig.pass(SECOND);
    }
    a
}

#[test]
fn numbers_follow_each_other_over_segments_and_publishes() {
    let mut rig = Rig::new();
    let a = publish(&mut rig, 1, 0..9);
    rig.handle(vec![a.close(id(1), 9), a.end()]);
    let a = publish(&mut rig, 2, 0..3);
    rig.handle(vec![a.close(id(2), 3), a.end()]);
    // A keyframe in every other second, and a segment at the first one behind three seconds.
    assert_eq!(
        numbers(&rig),
        [(0, 2, 0, 0), (2, 2, 0, 0), (4, 1, 0, 0), (5, 2, 1, 0)]
    );
    let breaks: Vec<bool> = rows(&rig).iter().map(|row| row.numbers.unwrap().breaks).collect();
    assert_eq!(breaks, [false, false, false, true]);
    check_numbers(rig.dir.path(), &rig.disk);
}

#[test]
fn a_segment_begins_with_a_chunk_only() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start]);
    for n in 0..12 {
        let mut fragment = testing::fragment(n, true);
        fragment.chunk = fragment.chunk.filter(|_| n % 5 == 0);
        rig.handle(vec![a.send(fragment)]);
    }
    rig.handle(vec![a.end()]);
    let starts: Vec<Micros> = rows(&rig)
        .iter()
        .map(|row| (row.start - a.zero) / SECOND)
        .collect();
    assert_eq!(starts, [0, 5, 10]);
}

#[test]
fn numbers_that_were_played_elsewhere_are_told_as_skipped() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start]);
    for n in 0..4 {
        rig.handle(vec![a.send(second(n, 70 + n as u64, n == 0))]);
    }
    // Nobody recorded for a while; the recorder counted on.
    rig.handle(vec![a.record(id(1), 0), a.close(id(1), 4)]);
    for n in 100..103 {
        rig.handle(vec![a.send(second(n, 100 + n as u64, n == 100))]);
    }
    rig.handle(vec![a.end()]);
    assert_eq!(numbers(&rig), [(70, 3, 0, 70), (73, 1, 0, 70), (200, 3, 1, 196)]);
    check_numbers(rig.dir.path(), &rig.disk);
}

#[test]
fn a_number_is_never_lower_than_what_the_tape_had() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start]);
    for (n, number) in [(0, 9), (1, 10), (2, 11), (3, 3), (4, 4)] {
        rig.handle(vec![a.send(second(n, number, false))]);
    }
    rig.handle(vec![a.end()]);
    assert_eq!(numbers(&rig), [(9, 3, 0, 9), (12, 2, 0, 9)]);
}

#[test]
fn media_that_is_lost_is_a_discontinuity_and_costs_no_number() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.append(0), a.append(1)]);
    rig.handle(vec![Command::Gap {
        publish: a.publish,
        from: 2 * SECOND,
        to: 4 * SECOND,
        bytes: 100,
        reason: "a test dropped it",
    }]);
    rig.handle(vec![a.append(4), a.append(5), a.end()]);
    assert_eq!(numbers(&rig), [(0, 1, 0, 0), (1, 1, 1, 0)]);
    assert!(rows(&rig)[1].numbers.unwrap().breaks);
    check_numbers(rig.dir.path(), &rig.disk);
}

#[test]
fn a_write_that_fails_costs_no_number() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.append(0), a.append(1)]);
    rig.pass(SECOND);
    rig.disk.fail_next(Fault::Write);
    rig.handle(vec![a.append(2), a.append(3), a.append(4), a.append(5), a.end()]);
    assert_eq!(numbers(&rig), [(0, 1, 0, 0), (1, 1, 1, 0)]);
    check_numbers(rig.dir.path(), &rig.disk);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test loses the journal as a user would"
)]
fn a_kill_and_a_lost_journal_leave_the_numbers_as_they_were() {
    let mut rig = Rig::new();
    let a = publish(&mut rig, 1, 0..9);
    let open = rows(&rig).last().unwrap().numbers.unwrap();
    assert_eq!(open.chunk, 4);
    let before = {
        let Rig {
            dir,
            disk,
            clock,
            writer,
            ..
        } = rig;
        drop(writer);
        rig = Rig::on(dir, disk, clock);
        numbers(&rig)
    };
    assert_eq!(before, [(0, 2, 0, 0), (2, 2, 0, 0), (4, 1, 0, 0)]);
    let media = numbered(rig.dir.path(), &rig.disk);
    assert_eq!(media.len(), 5);

    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    for suffix in [&[""][..], &BESIDE].concat() {
        let _ = std::fs::remove_file(dir.path().join(format!("{FILE}{suffix}")));
    }
    let mut rig = Rig::on(dir, disk, clock);
    assert_eq!(numbers(&rig), before);
    assert_eq!(numbered(rig.dir.path(), &rig.disk), media);
    check_numbers(rig.dir.path(), &rig.disk);
    // The stream goes on behind them.
    let _ = a;
    let a = publish(&mut rig, 2, 0..2);
    rig.handle(vec![a.close(id(2), 2), a.end()]);
    assert_eq!(numbers(&rig).last(), Some(&(5, 1, 1, 0)));
}

#[test]
fn the_last_numbers_outlive_every_segment() {
    let mut rig = Rig::new();
    let a = publish(&mut rig, 1, 0..6);
    rig.handle(vec![a.close(id(1), 6), a.end()]);
    rig.pass(SECOND);
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    rig.pass(11 * SECOND);
    assert_eq!(rows(&rig).len(), 0);
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    let mut rig = Rig::on(dir, disk, clock);
    let a = publish(&mut rig, 2, 0..2);
    rig.handle(vec![a.close(id(2), 2), a.end()]);
    assert_eq!(numbers(&rig), [(3, 1, 1, 0)]);
}

#[test]
fn a_start_knows_the_target_durations_of_recent_streams_and_where_numbers_begin() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start]);
    for n in 0..9 {
        let mut fragment = testing::fragment(n, n % 2 == 0);
        if let Some(chunk) = &mut fragment.chunk {
            chunk.target = TargetDuration::Known(2);
        }
        rig.handle(vec![a.send(fragment)]);
    }
    rig.handle(vec![a.end()]);
    let journal = Journal::open_read(rig.dir.path()).unwrap();
    let end = a.zero + 9 * SECOND;
    assert_eq!(journal.recent_targets(end - 1).unwrap(), [(stream("a"), 2, end)]);
    assert_eq!(journal.recent_targets(end).unwrap(), []);
    // A publish that was too short for a target duration has none, whatever one of the stream had long before.
    let end = {
        let (b, start) = rig.publish(2, "b");
        rig.handle(vec![start, b.append(0), b.append(1), b.end()]);
        b.zero + 2 * SECOND
    };
    let known = journal.recent_targets(end - 1).unwrap();
    assert!(
        known.iter().all(|(known, _, _)| *known != stream("b")),
        "{known:?}"
    );
    let first = journal.first_number().unwrap();
    assert!(first > 1 << 31);
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    let rig = Rig::on(dir, disk, clock);
    let journal = Journal::open_read(rig.dir.path()).unwrap();
    assert_eq!(journal.first_number().unwrap(), 2 * first);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test loses the journal as a user would"
)]
fn numbers_that_were_played_before_a_journal_was_lost_do_not_come_again() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.send(second(0, 5 << 32, true)), a.end()]);
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    std::fs::remove_file(dir.path().join(FILE)).unwrap();
    for suffix in BESIDE {
        let _ = std::fs::remove_file(dir.path().join(format!("{FILE}{suffix}")));
    }
    let rig = Rig::on(dir, disk, clock);
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    let rig = Rig::on(dir, disk, clock);
    let journal = Journal::open_read(rig.dir.path()).unwrap();
    assert!(journal.first_number().unwrap() > 5 << 32);
}

#[test]
fn segments_of_an_earlier_release_have_no_numbers_and_the_next_one_has() {
    let mut rig = Rig::new();
    let a = publish(&mut rig, 1, 0..6);
    rig.handle(vec![a.close(id(1), 6), a.end()]);
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    // The columns as the step of the schema makes them.
    let journal = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    journal
        .execute_batch(
            "UPDATE segments SET chunk = NULL, chunks = NULL, discontinuity = NULL, breaks = NULL, skipped = NULL,
                target_s = NULL, complete = NULL;
             UPDATE streams SET next_chunk = 0, discontinuity = 0, skipped = 0, target_s = 0;",
        )
        .unwrap();
    drop(journal);
    let mut rig = Rig::on(dir, disk, clock);
    assert!(rows(&rig).iter().all(|row| row.numbers.is_none()));
    assert!(
        rig.library()
            .last_listed(&stream("a"), 5, None)
            .unwrap()
            .is_empty()
    );
    assert_eq!(at(&rig, 0), Err("never"));
    let a = publish(&mut rig, 2, 0..2);
    rig.handle(vec![a.close(id(2), 2), a.end()]);
    let numbered = rows(&rig).pop().unwrap().numbers.unwrap();
    assert_eq!((numbered.chunk, numbered.breaks), (0, false));
    assert_eq!(at(&rig, 0), Ok(0));
    assert_eq!(rig.library().verify(&mut |_, _| {}).unwrap(), []);
}

/// What is known of a chunk: the number of its segment's first chunk, if it is sealed.
fn at(rig: &Rig, number: u64) -> Result<u64, &'static str> {
    match rig.library().chunk_at(&stream("a"), number).unwrap() {
        ChunkAt::Sealed(segment, source) => {
            let listed = segment.list(&source.index(segment.segment.id).unwrap());
            assert!(listed.iter().any(|chunk| chunk.number == number));
            Ok(segment.numbers.chunk)
        }
        ChunkAt::Open => Err("open"),
        ChunkAt::Gone => Err("gone"),
        ChunkAt::Never => Err("never"),
    }
}

#[test]
fn a_chunk_that_was_evicted_and_one_that_never_was_are_told_apart() {
    let (mut rig, a) = space::started(|_| ());
    space::record(&mut rig, &a, 0..9);
    rig.handle(vec![a.append(36)]);
    rig.pass(SECOND);
    let first = rows(&rig).first().unwrap().numbers.unwrap().chunk;
    assert!(first > 0, "the quota is {} bytes", 5 * SEGMENT);
    assert_eq!(at(&rig, first), Ok(first));
    assert_eq!(at(&rig, first + 1), Ok(first));
    assert_eq!(at(&rig, first - 1), Err("gone"));
    assert_eq!(at(&rig, 0), Err("gone"));
    assert_eq!(at(&rig, 18), Err("open"));
    rig.handle(vec![a.end()]);
    assert_eq!(at(&rig, 18), Ok(18));
    assert_eq!(at(&rig, 19), Err("never"));
    assert!(matches!(
        rig.library().chunk_at(&stream("b"), 0).unwrap(),
        ChunkAt::Never
    ));
}

#[test]
fn a_number_that_was_skipped_never_was_on_the_tape() {
    let mut rig = Rig::new();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start]);
    for (n, number) in [(0, 5), (1, 6), (2, 7), (3, 20), (4, 21)] {
        rig.handle(vec![a.send(second(n, number, false))]);
    }
    rig.handle(vec![a.end()]);
    assert_eq!(
        [4, 5, 8, 19, 20].map(|n| at(&rig, n)),
        [Err("gone"), Ok(5), Err("never"), Err("never"), Ok(20)]
    );
}

#[test]
fn a_segment_of_which_a_part_was_deleted_is_not_played() {
    let mut rig = Rig::with(
        tempdir(),
        CrashDisk::default(),
        Arc::new(TestClock::new(5_000_000)),
        |settings| settings.segment_duration = std::time::Duration::from_secs(20),
    );
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.record(id(1), 0)]);
    for n in 0..12 {
        rig.handle(vec![a.append(n)]);
    }
    rig.handle(vec![
        a.close(id(1), 12),
        Command::Clip {
            recording: id(2),
            stream: stream("a"),
            start: a.zero + 4 * SECOND,
            end: a.zero + 6 * SECOND,
            spec: testing::spec(),
        },
        a.end(),
    ]);
    rig.pass(SECOND);
    assert_eq!(at(&rig, 2), Ok(0));
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    rig.pass(11 * SECOND);
    assert_eq!(at(&rig, 2), Err("gone"));
    assert!(
        rig.library()
            .last_listed(&stream("a"), 3, None)
            .unwrap()
            .is_empty()
    );
    let b = publish(&mut rig, 3, 0..2);
    rig.handle(vec![b.close(id(3), 2), b.end()]);
    assert_eq!(numbers(&rig).last(), Some(&(6, 1, 1, 0)));
}

#[test]
fn the_open_segment_is_known_as_far_as_it_is_durable() {
    let mut rig = Rig::new();
    let tapes = rig.writer.open_tapes();
    let known = || tapes.of(&stream("a"));
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![
        start,
        a.record(id(1), 0),
        a.append(0),
        a.append(1),
        a.append(2),
    ]);
    assert!(known().is_none(), "nothing is durable");
    rig.pass(SECOND);
    let tape = known().unwrap();
    assert_eq!(tape.numbers, ChunkNumbers::default());
    assert_eq!(tape.index().fragments.len(), 3);
    assert_eq!((tape.sequence, tape.segment.publish_zero), (1, a.zero));
    // The second chunk may still get media.
    let chunks: Vec<u64> = tape.chunks().iter().map(|chunk| chunk.number).collect();
    assert_eq!(chunks, [0]);
    rig.handle(vec![a.append(3)]);
    assert_eq!(known().unwrap().index().fragments.len(), 3);
    let source = rig.library().open_source(&tape);
    let fragment = &tape.index().fragments[1];
    let mut bytes = vec![0; 8];
    source
        .read_exact_at(tape.segment.id, fragment.offset, &mut bytes)
        .unwrap();
    assert_eq!(bytes[4..8], *b"uuid");
    source
        .read_exact_at(tape.segment.id, tape.index().end() - 4, &mut bytes)
        .unwrap_err();
    rig.pass(SECOND);
    assert_eq!(known().unwrap().index().fragments.len(), 4);
    // The next segment begins: the one before is sealed in the journal.
    rig.handle(vec![a.append(4)]);
    assert!(known().is_none());
    assert_eq!(at(&rig, 1), Ok(0));
    rig.pass(SECOND);
    assert_eq!(known().unwrap().numbers.chunk, 2);
    rig.handle(vec![a.close(id(1), 5), a.end()]);
    assert!(known().is_none());
}

#[test]
fn a_recording_that_goes_on_for_minutes_is_told_from_one_that_ends() {
    let mut rig = Rig::new();
    let a = publish(&mut rig, 1, 0..300);
    let start = rig.library().recordings(&Filter::default()).unwrap()[0].start;
    let goes_on = |rig: &Rig, at_s: [i64; 4]| {
        at_s.map(|at| rig.library().goes_on(&stream("a"), start + at * SECOND).unwrap())
    };
    assert_eq!(goes_on(&rig, [-1, 100, 299, 10_000]), [false, true, true, true]);
    rig.handle(vec![a.close(id(1), 300), a.end()]);
    // Sound may outlast the last picture that a playlist counts.
    assert_eq!(goes_on(&rig, [-1, 100, 297, 400]), [false, true, false, false]);
}

#[test]
fn what_a_sync_did_not_make_durable_is_not_played() {
    let mut rig = Rig::new();
    let tapes = rig.writer.open_tapes();
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start, a.append(0), a.append(1)]);
    rig.pass(SECOND);
    rig.handle(vec![a.append(2)]);
    rig.disk.fail_next(Fault::Sync);
    rig.pass(SECOND);
    assert!(
        tapes.of(&stream("a")).is_none(),
        "it is sealed where it is durable"
    );
    assert_eq!(numbers(&rig), [(0, 1, 0, 0)]);
    rig.handle(vec![a.append(3), a.append(4), a.end()]);
    assert_eq!(numbers(&rig), [(0, 1, 0, 0), (1, 1, 1, 0)]);
}
