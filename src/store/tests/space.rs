//! Space: quota, floor, retention, and the blocks that a new segment takes over.

use std::path::PathBuf;
use std::sync::Arc;

use super::rig::{Publisher, Rig, check_invariants, expected, stream, tape, tempdir};
use crate::media::RecordingId;
use crate::store::clock::tests::TestClock;
use crate::store::crash::CrashDisk;
use crate::store::journal::Journal;
use crate::store::testing::open_gop;
use crate::store::{Change, Command, Disk as _, Filter, GapCause, OnFull, StoreSettings, paths};

/// A segment of four seconds of test media, in whole blocks.
pub(super) const SEGMENT: u64 = 20_480;

/// Space for about five segments.
pub(super) const QUOTA: u64 = 5 * SEGMENT + SEGMENT / 2;

fn rig(tune: impl FnOnce(&mut StoreSettings)) -> Rig {
    let clock = Arc::new(TestClock::new(5_000_000));
    clock.set_utc(1_790_000_000_000_000, true);
    Rig::with(tempdir(), CrashDisk::default(), clock, |settings| {
        settings.quota = Some(QUOTA);
        tune(settings);
    })
}

/// Makes one recording after the other, of four seconds each; every one is a segment.
pub(super) fn record(rig: &mut Rig, publisher: &Publisher, recordings: std::ops::Range<i64>) {
    for n in recordings {
        let id = id(n);
        rig.handle(vec![publisher.record(id, n * 4)]);
        for second in n * 4..n * 4 + 4 {
            rig.handle(vec![publisher.append(second)]);
            rig.pass(1_000_000);
        }
        rig.handle(vec![publisher.close(id, n * 4 + 4)]);
        rig.pass(1_000_000);
    }
}

pub(super) fn started(tune: impl FnOnce(&mut StoreSettings)) -> (Rig, Publisher) {
    let mut rig = rig(tune);
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start]);
    (rig, a)
}

pub(super) fn id(n: i64) -> RecordingId {
    RecordingId::from_bytes([n as u8; 16])
}

/// The numbers of the existing recordings, oldest first.
pub(super) fn kept(rig: &Rig) -> Vec<i64> {
    let rows = rig.library().recordings(&Filter::default()).unwrap();
    rows.iter().map(|row| i64::from(row.id.to_bytes()[0])).collect()
}

pub(super) fn events(rig: &Rig, kind: &str) -> Vec<serde_json::Value> {
    let journal = Journal::open_read(rig.dir.path()).unwrap();
    let outbox = journal.outbox().unwrap().into_iter();
    outbox
        .filter(|(_, found, _)| found == kind)
        .map(|(_, _, body)| serde_json::from_str(&body).unwrap())
        .collect()
}

fn used(rig: &Rig) -> u64 {
    let tape = paths::tape(rig.dir.path());
    let files = rig.disk.files().into_iter();
    files
        .filter(|(path, _)| path.starts_with(&tape))
        .map(|(_, bytes)| bytes.len() as u64)
        .sum()
}

fn file(rig: &Rig, sequence: u64) -> PathBuf {
    paths::segment(rig.dir.path(), &stream("a"), sequence)
}

fn end(mut rig: Rig, a: &Publisher) -> Rig {
    rig.handle(vec![a.end()]);
    rig.writer.close().unwrap();
    check_invariants(rig.dir.path(), &rig.disk);
    rig
}

#[test]
fn the_oldest_gives_way_and_the_quota_holds() {
    let (mut rig, a) = started(|_| ());
    for n in 0..12 {
        record(&mut rig, &a, n..n + 1);
        assert!(used(&rig) <= QUOTA, "{} bytes after {n}", used(&rig));
    }
    let rig = end(rig, &a);
    let numbers = kept(&rig);
    assert_eq!(numbers.last(), Some(&11));
    assert!(numbers.len() >= 4, "{numbers:?}");
    // The oldest went, each with an event for the loss and one for the recording.
    let lost = events(&rig, "media.evicted_undelivered");
    assert_eq!(lost.len() + numbers.len(), 12);
    assert_eq!(events(&rig, "recording.expired").len(), lost.len());
    assert_eq!(
        tape(rig.dir.path(), &rig.disk, &stream("a")),
        expected(4 * lost.len() as i64..48)
    );
}

#[test]
fn a_new_segment_takes_over_the_blocks_of_an_evicted_one() {
    let (mut rig, a) = started(|_| ());
    record(&mut rig, &a, 0..5);
    let before = rig.disk.node_of(&file(&rig, 1)).unwrap();
    record(&mut rig, &a, 5..6);
    assert_eq!(rig.disk.node_of(&file(&rig, 1)), None);
    assert_eq!(
        rig.disk.node_of(&file(&rig, 6)),
        Some(before),
        "the same file under another name"
    );
    end(rig, &a);
}

#[test]
fn what_somebody_reads_is_not_written_over() {
    let (mut rig, a) = started(|_| ());
    record(&mut rig, &a, 0..5);
    let (path, before) = (file(&rig, 1), rig.disk.node_of(&file(&rig, 1)));
    rig.disk.hold(&path, true);
    record(&mut rig, &a, 5..7);
    assert_ne!(rig.disk.node_of(&file(&rig, 6)), before);
    assert_eq!(
        rig.disk.node_of(&path),
        None,
        "its name is gone, its reader goes on"
    );
    end(rig, &a);
}

#[test]
fn a_reader_that_comes_too_late_is_told() {
    use crate::format::TapeSource as _;
    let (mut rig, a) = started(|_| ());
    record(&mut rig, &a, 0..5);
    let library = rig.library();
    let oldest = library.recordings(&Filter::default()).unwrap().remove(0);
    let view = library.view(oldest.id).unwrap();
    // Without the reader's knowledge the file becomes another segment's, and a file of its old name is made.
    record(&mut rig, &a, 5..6);
    let bytes = rig.disk.files()[&file(&rig, 6)].clone();
    rig.disk.put(&file(&rig, 1), &bytes);
    let error = view
        .source
        .read_exact_at(view.segments[0].id, 2_000, &mut [0; 10])
        .unwrap_err();
    assert!(error.to_string().contains("newer media"), "{error}");
}

#[test]
fn the_order_is_expired_then_delivered_then_the_rest() {
    let (mut rig, a) = started(|_| ());
    record(&mut rig, &a, 0..5);
    rig.handle(vec![Command::Change(Change::Delivered { recording: id(3) })]);
    // The only delivered recording goes before older ones that were not delivered.
    record(&mut rig, &a, 5..6);
    let ids = kept(&rig);
    assert!(events(&rig, "media.evicted_undelivered").is_empty(), "{ids:?}");
    assert_eq!(ids, [0, 1, 2, 4, 5]);
    end(rig, &a);
}

#[test]
fn the_reach_of_the_tape_is_told_by_stream_and_follows_eviction() {
    let (mut rig, a) = started(|_| ());
    let reach = |rig: &Rig, most| {
        let (found, more) = rig.library().tape_reach(most).unwrap();
        let found = found
            .into_iter()
            .map(|of| (of.stream.to_string(), of.from, of.to));
        (found.collect::<Vec<_>>(), more)
    };
    assert_eq!(reach(&rig, 9), (vec![], false), "nothing is sealed yet");
    record(&mut rig, &a, 0..2);
    let (first, _) = reach(&rig, 9);
    assert_eq!(first.len(), 1);
    let (b, start) = rig.publish(2, "b");
    rig.handle(vec![start]);
    record(&mut rig, &b, 10..11);
    record(&mut rig, &a, 2..9);
    let (now, more) = reach(&rig, 9);
    let names: Vec<&str> = now.iter().map(|(stream, ..)| stream.as_str()).collect();
    assert!(
        !more && names.first() == first.first().map(|one| one.0.as_str()).as_ref(),
        "{names:?}"
    );
    assert!(
        now[0].1 > first[0].1 && now[0].2 > first[0].2,
        "{now:?} after {first:?}"
    );
    if names.len() == 2 {
        assert_eq!(reach(&rig, 1), (now[..1].to_vec(), true));
    }
    assert_eq!(reach(&rig, 0).0, []);
    end(rig, &a);
}

#[test]
fn what_is_protected_stays() {
    let (mut rig, a) = started(|_| ());
    record(&mut rig, &a, 0..2);
    let protect = |protected| {
        Command::Change(Change::Protect {
            recording: id(0),
            protected,
        })
    };
    rig.handle(vec![protect(true)]);
    record(&mut rig, &a, 2..9);
    assert_eq!(kept(&rig)[0], 0);
    assert!(rig.library().recordings(&Filter::default()).unwrap()[0].protected);
    rig.handle(vec![protect(false)]);
    record(&mut rig, &a, 9..10);
    assert_ne!(kept(&rig)[0], 0);
    end(rig, &a);
}

#[test]
fn what_a_channel_shows_stays_until_no_channel_shows_it_and_can_be_deleted() {
    let (mut rig, a) = started(|_| ());
    record(&mut rig, &a, 0..3);
    let channel = |shown: &[i64]| {
        Command::Change(Change::Channel {
            name: "evening".to_owned(),
            body: (!shown.is_empty()).then(|| "{}".to_owned()),
            shown: shown.iter().map(|n| id(*n)).collect(),
            tell: Vec::new(),
        })
    };
    let protect = |n, protected| {
        Command::Change(Change::Protect {
            recording: id(n),
            protected,
        })
    };
    rig.handle(vec![
        channel(&[0, 1, 2]),
        protect(1, true),
        protect(2, true),
        protect(2, false),
    ]);
    let library = rig.library();
    let rows = library.recordings(&Filter::default()).unwrap();
    let protected: Vec<bool> = rows.iter().map(|row| row.protected).collect();
    assert_eq!(
        protected,
        [false, true, false],
        "only what somebody protected is said to be"
    );
    let (one, both) = (
        library.held_space(&[id(0)]).unwrap(),
        library.held_space(&[id(0), id(1)]).unwrap(),
    );
    assert!(
        one.shown > 0 && one.in_all == both.shown && both.shown == both.in_all,
        "{one:?} {both:?}"
    );
    assert_eq!(library.gone_of(&[id(0), id(99)]).unwrap(), [id(99)]);
    let counted = |most| {
        library
            .kept_space(most)
            .unwrap()
            .map(|kept| (kept.recordings, kept.bytes, kept.more))
    };
    let bytes = |n: i64| library.recording(id(n)).unwrap().unwrap().bytes;
    assert_eq!(
        counted(9),
        [(1, bytes(1), false), (3, bytes(0) + bytes(1) + bytes(2), false)]
    );
    assert_eq!(counted(2)[1], (2, bytes(0) + bytes(1), true));
    drop(library);
    record(&mut rig, &a, 3..9);
    assert_eq!(kept(&rig)[..3], [0, 1, 2]);
    rig.handle(vec![Command::Delete { recording: id(2) }]);
    rig.pass(1_000_000);
    assert_eq!(kept(&rig)[..2], [0, 1]);
    assert!(!kept(&rig).contains(&2), "who deletes it may");
    rig.handle(vec![channel(&[])]);
    record(&mut rig, &a, 9..12);
    assert_eq!(
        kept(&rig)[0],
        1,
        "the protection of somebody holds without the channel"
    );
    end(rig, &a);
}

#[test]
fn what_a_recording_that_stays_is_decoded_with_stays() {
    let (mut rig, a) = started(|_| ());
    let record = |rig: &mut Rig, recordings: std::ops::Range<i64>| {
        for n in recordings {
            rig.handle(vec![a.record(id(n), n * 4)]);
            for second in n * 4..n * 4 + 4 {
                rig.handle(vec![a.send(open_gop(second, second % 2 == 0))]);
                rig.pass(1_000_000);
            }
            rig.handle(vec![a.close(id(n), n * 4 + 4)]);
            rig.pass(1_000_000);
        }
    };
    record(&mut rig, 0..3);
    let protect = |protected| {
        Command::Change(Change::Protect {
            recording: id(2),
            protected,
        })
    };
    rig.handle(vec![protect(true)]);
    record(&mut rig, 3..9);
    // The oldest goes. The recording before the protected one stays, because it has the GOP for decoding the protected one's
    // beginning.
    assert_eq!(kept(&rig)[..2], [1, 2]);
    rig.handle(vec![protect(false)]);
    record(&mut rig, 9..11);
    assert!(kept(&rig)[0] > 2, "{:?}", kept(&rig));
    end(rig, &a);
}

#[test]
fn with_all_protected_nothing_is_recorded_and_then_it_is_again() {
    let (mut rig, a) = started(|_| ());
    record(&mut rig, &a, 0..5);
    let protect = |n, protected| {
        Command::Change(Change::Protect {
            recording: id(n),
            protected,
        })
    };
    rig.handle((0..5).map(|n| protect(n, true)).collect());
    record(&mut rig, &a, 5..7);
    let full = rig.writer.progress().full.clone().unwrap();
    assert!(
        full.contains("storage.quota") && full.contains("protected"),
        "{full}"
    );
    assert_eq!(events(&rig, "storage.full").len(), 1);
    rig.handle(vec![protect(2, false)]);
    record(&mut rig, &a, 7..9);
    assert_eq!(rig.writer.progress().full, None);
    assert_eq!(events(&rig, "storage.recovered").len(), 1);
    assert_eq!(kept(&rig), [0, 1, 3, 4, 8]);
    end(rig, &a);
}

#[test]
fn when_full_it_stops_and_goes_on_when_there_is_room() {
    let (mut rig, a) = started(|settings| settings.on_full = OnFull::Stop);
    record(&mut rig, &a, 0..7);
    assert_eq!(kept(&rig), [0, 1, 2, 3, 4], "nothing was given up");
    assert!(rig.writer.progress().full.as_ref().unwrap().contains("stop"));
    assert!(rig.writer.progress().bytes_lost > 0);
    assert!(used(&rig) <= QUOTA);
    let (low, full) = (events(&rig, "storage.low"), events(&rig, "storage.full"));
    assert_eq!((low.len(), full.len()), (1, 1));
    // One recording was delivered meanwhile: its space is taken, and no other's.
    rig.handle(vec![Command::Change(Change::Delivered { recording: id(3) })]);
    record(&mut rig, &a, 7..8);
    assert_eq!(rig.writer.progress().full, None);
    assert_eq!(events(&rig, "storage.recovered").len(), 1);
    record(&mut rig, &a, 8..9);
    assert_eq!(kept(&rig), [0, 1, 2, 4, 7]);
    assert_eq!(events(&rig, "storage.full").len(), 2);
    assert!(events(&rig, "media.evicted_undelivered").is_empty());
    end(rig, &a);
}

#[test]
fn a_full_card_leaves_its_floor_and_goes_on() {
    let (mut rig, a) = started(|settings| {
        settings.quota = None;
        settings.min_free = Some(2 * SEGMENT);
    });
    rig.disk.limit(7 * SEGMENT);
    for n in 0..10 {
        record(&mut rig, &a, n..n + 1);
        let free = rig.disk.space(rig.dir.path()).unwrap().free;
        assert!(free + 8_192 >= 2 * SEGMENT, "{free} bytes free after {n}");
    }
    // Another program fills the card: tape is given up.
    rig.disk
        .put(&rig.dir.path().join("other"), &vec![0; 2 * SEGMENT as usize]);
    rig.pass(10_000_000);
    assert!(rig.disk.space(rig.dir.path()).unwrap().free >= 2 * SEGMENT);
    record(&mut rig, &a, 10..12);
    assert_eq!(kept(&rig).last(), Some(&11));
    assert_eq!(events(&rig, "storage.failed").len(), 0);
    end(rig, &a);
}

#[test]
fn a_reserve_that_was_used_is_held_again_and_not_at_the_cost_of_the_floor() {
    let (mut rig, a) = started(|settings| {
        settings.quota = None;
        settings.min_free = Some(2 * SEGMENT);
        settings.journal_reserve = SEGMENT;
    });
    rig.disk.limit(8 * SEGMENT);
    record(&mut rig, &a, 0..10);
    let reserve = rig.dir.path().join("reserve");
    assert!(crate::store::disk::is_there(&reserve));
    assert!(rig.writer.book.journal.release_reserve());
    rig.pass(10_000_000);
    assert!(crate::store::disk::is_there(&reserve));
    // The card of this test does not know the reserve: its space is free, beside the floor.
    let free = rig.disk.space(rig.dir.path()).unwrap().free;
    assert!(free >= 3 * SEGMENT, "{free} bytes were free when it was taken");
    record(&mut rig, &a, 10..12);
    assert_eq!(kept(&rig).last(), Some(&11));
    end(rig, &a);
}

#[test]
fn a_full_card_with_nothing_to_give_up_is_survived() {
    let (mut rig, a) = started(|settings| {
        settings.quota = None;
        settings.on_full = OnFull::Stop;
    });
    rig.disk.limit(3 * SEGMENT + SEGMENT / 2);
    record(&mut rig, &a, 0..6);
    assert!(rig.writer.progress().full.is_some());
    assert_eq!(kept(&rig), [0, 1, 2]);
    rig.disk.limit(20 * SEGMENT);
    record(&mut rig, &a, 6..9);
    let progress = rig.writer.progress();
    assert_eq!(progress.full, None);
    assert_eq!(progress.streams[&stream("a")].gaps.of(GapCause::Full), 1);
    assert_eq!(kept(&rig).last(), Some(&8));
    end(rig, &a);
}

#[test]
fn what_was_kept_long_enough_goes_by_itself_and_its_blocks_are_used() {
    let hour = 3_600_000_000;
    let (mut rig, a) = started(|settings| settings.keep = Some(hour));
    record(&mut rig, &a, 0..2);
    let before = rig.disk.node_of(&file(&rig, 1)).unwrap();
    rig.pass(hour / 2);
    record(&mut rig, &a, 60..61);
    rig.pass(hour / 2);
    rig.pass(10_000_000);
    assert_eq!(kept(&rig), [60]);
    assert_eq!(events(&rig, "recording.expired").len(), 2);
    assert!(
        events(&rig, "media.evicted_undelivered").is_empty(),
        "nobody wanted it any more"
    );
    record(&mut rig, &a, 61..63);
    let taken = [4, 5].map(|sequence| rig.disk.node_of(&file(&rig, sequence)).unwrap());
    assert!(taken.contains(&before));
    end(rig, &a);
}

#[test]
fn nothing_expires_by_a_clock_that_nobody_set() {
    let clock = Arc::new(TestClock::new(5_000_000));
    clock.set_utc(4_000_000_000_000_000, false);
    let mut rig = Rig::with(tempdir(), CrashDisk::default(), clock, |settings| {
        settings.keep = Some(1_000_000);
    });
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start]);
    record(&mut rig, &a, 0..2);
    rig.pass(60_000_000);
    rig.pass(60_000_000);
    assert_eq!(kept(&rig), [0, 1]);
}

#[test]
fn what_is_deleted_on_request_is_gone_for_good() {
    let (mut rig, a) = started(|_| ());
    record(&mut rig, &a, 0..3);
    let (path, other) = (file(&rig, 2), file(&rig, 1));
    let removed = Arc::new(std::sync::Mutex::new(None));
    let seen = removed.clone();
    let watched = path.clone();
    rig.disk.observe(move |image| {
        if let Some(bytes) = image.bytes(&watched) {
            *seen.lock().unwrap() = Some(bytes);
        }
    });
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    rig.pass(1_000_000);
    rig.pass(10_000_000);
    assert_eq!(kept(&rig), [0, 2]);
    assert!(rig.disk.node_of(&path).is_none() && rig.disk.node_of(&other).is_some());
    let last = removed.lock().unwrap().take().unwrap();
    assert!(
        last.iter().all(|byte| *byte == 0),
        "the blocks were emptied before the name went"
    );
    assert_eq!(events(&rig, "recording.expired")[0]["reason"], "deleted");
    end(rig, &a);
}

#[test]
fn what_two_recordings_share_is_deleted_with_the_second() {
    let (mut rig, a) = started(|_| ());
    rig.handle(vec![a.record(id(8), 0)]);
    record(&mut rig, &a, 0..1);
    rig.handle(vec![a.close(id(8), 4)]);
    rig.pass(1_000_000);
    rig.handle(vec![Command::Delete { recording: id(0) }]);
    rig.pass(10_000_000);
    assert!(rig.disk.node_of(&file(&rig, 1)).is_some());
    rig.handle(vec![Command::Delete { recording: id(8) }]);
    rig.pass(10_000_000);
    assert!(rig.disk.node_of(&file(&rig, 1)).is_none());
    end(rig, &a);
}

#[test]
fn a_recording_that_never_ends_loses_its_beginning_only() {
    let (mut rig, a) = started(|_| ());
    rig.handle(vec![a.record(id(0), 0)]);
    for second in 0..60 {
        rig.handle(vec![a.append(second)]);
        rig.pass(1_000_000);
        assert!(used(&rig) <= QUOTA);
    }
    rig.handle(vec![a.close(id(0), 60)]);
    assert_eq!(kept(&rig), [0]);
    let row = rig.library().recordings(&Filter::default()).unwrap().remove(0);
    assert!(row.duration >= 12_000_000 && row.gaps.is_empty());
    let rig = end(rig, &a);
    let tape = tape(rig.dir.path(), &rig.disk, &stream("a"));
    assert!(expected(0..60).ends_with(&tape));
}

#[test]
fn spare_blocks_are_known_after_a_restart() {
    let (mut rig, a) = started(|settings| settings.keep = Some(60_000_000));
    record(&mut rig, &a, 0..2);
    rig.pass(120_000_000);
    rig.pass(10_000_000);
    let rig = end(rig, &a);
    let spare = rig.disk.node_of(&file(&rig, 1)).unwrap();
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    let mut rig = Rig::on(dir, disk, clock);
    assert!(rig.report.is_clean(), "{}", rig.report);
    let (a, start) = rig.publish(2, "a");
    rig.handle(vec![start]);
    record(&mut rig, &a, 3..4);
    let now = rig.disk.node_of(&file(&rig, 3)).unwrap();
    assert_eq!(now, spare);
    end(rig, &a);
}

#[test]
fn a_clock_that_was_just_set_expires_nothing_yet() {
    let clock = Arc::new(TestClock::new(5_000_000));
    clock.set_utc(10_000_000, false);
    let mut rig = Rig::with(tempdir(), CrashDisk::default(), clock.clone(), |settings| {
        settings.keep = Some(3_600_000_000);
    });
    let (a, start) = rig.publish(1, "a");
    rig.handle(vec![start]);
    record(&mut rig, &a, 0..2);
    // 1970 becomes 2026: the recordings are seconds old, not 56 years.
    clock.set_utc(1_790_000_000_000_000, true);
    rig.pass(10_000_000);
    rig.pass(10_000_000);
    assert_eq!(kept(&rig), [0, 1]);
    // A wrong step by ten years is corrected a minute later.
    clock.set_utc(2_100_000_000_000_000, true);
    rig.pass(60_000_000);
    clock.set_utc(1_790_000_100_000_000, true);
    (0..40).for_each(|_| rig.pass(10_000_000));
    assert_eq!(kept(&rig), [0, 1]);
    (0..6).for_each(|_| rig.pass(600_000_000));
    assert_eq!(
        events(&rig, "recording.expired").len(),
        2,
        "and then an hour is over"
    );
}

#[test]
fn what_belongs_to_no_recording_goes_before_what_does() {
    let (mut rig, a) = started(|settings| settings.on_full = OnFull::Stop);
    record(&mut rig, &a, 0..4);
    // Media that no recording has is on the tape as well.
    for second in 16..24 {
        rig.handle(vec![a.append(second)]);
        rig.pass(1_000_000);
    }
    record(&mut rig, &a, 6..7);
    assert_eq!(kept(&rig), [0, 1, 2, 3, 6]);
    assert_eq!(rig.writer.progress().full, None);
    end(rig, &a);
}
#[test]
fn what_the_next_recording_has_not_is_deleted_too() {
    let (mut rig, a) = started(|_| ());
    rig.handle(vec![a.record(id(0), 0)]);
    for second in 0..4 {
        rig.handle(vec![a.append(second)]);
        rig.pass(1_000_000);
    }
    // The segment is still open, and belongs to the first recording alone: the recording is deleted when the segment has ended.
    rig.handle(vec![a.close(id(0), 4), a.record(id(1), 4)]);
    rig.handle(vec![Command::Delete { recording: id(0) }]);
    rig.handle(vec![a.append(4)]);
    rig.pass(1_000_000);
    rig.pass(10_000_000);
    assert_eq!(kept(&rig), [1]);
    assert_eq!(rig.disk.node_of(&file(&rig, 1)), None);
    end(rig, &a);
}

#[test]
fn what_is_deleted_while_room_is_needed_is_not_taken_over() {
    let (mut rig, a) = started(|_| ());
    record(&mut rig, &a, 0..5);
    let deleted = rig.disk.node_of(&file(&rig, 1)).unwrap();
    // The oldest recording is deleted in the batch that needs its blocks.
    let delete = Command::Delete { recording: id(0) };
    rig.handle(vec![a.record(id(5), 20), delete, a.append(20)]);
    rig.pass(1_000_000);
    rig.pass(10_000_000);
    let taken = rig
        .disk
        .files()
        .into_keys()
        .any(|path| rig.disk.node_of(&path) == Some(deleted));
    assert!(!taken, "its blocks were emptied, not handed on");
    assert!(rig.disk.held(deleted).unwrap().iter().all(|byte| *byte == 0));
    end(rig, &a);
}

#[test]
fn what_was_deleted_makes_room_once() {
    let (mut rig, a) = started(|_| ());
    record(&mut rig, &a, 0..3);
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    // No other command comes for a while.
    for _ in 0..5 {
        rig.pass(11_000_000);
        assert_eq!(rig.writer.used(), used(&rig));
    }
    end(rig, &a);
}

#[test]
fn what_was_given_up_does_not_come_back_after_a_kill_and_a_power_cut() {
    let (mut rig, a) = started(|settings| settings.keep = Some(60_000_000));
    record(&mut rig, &a, 0..2);
    rig.pass(120_000_000);
    rig.pass(10_000_000);
    let rig = end(rig, &a);
    let before = kept(&rig);
    // A spare file is removed, and the process dies before that is synced. After a start, the power goes.
    rig.disk.unlink(&file(&rig, 1)).unwrap();
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    let rig = Rig::on(dir, disk, clock.clone());
    let Rig {
        dir, disk, writer, ..
    } = rig;
    drop(writer);
    let disk = CrashDisk::after_crash(&disk.image(), crate::store::crash::Survives::Nothing);
    let rig = Rig::on(dir, disk, clock);
    assert_eq!((kept(&rig), rig.report.0.adopted), (before, 0), "{}", rig.report);
}

#[test]
fn room_that_was_never_written_is_not_lost_and_found() {
    let rig = rig(|_| ());
    let Rig {
        dir,
        disk,
        clock,
        writer,
        ..
    } = rig;
    drop(writer);
    disk.put(&paths::segment(dir.path(), &stream("a"), 1), &[0; 20_480]);
    let tape = paths::tape(dir.path());
    disk.create_dir(&tape).unwrap();
    disk.create_dir(&paths::stream(dir.path(), &stream("a"))).unwrap();
    let rig = Rig::on(dir, disk, clock);
    assert_eq!(
        (rig.report.0.empty, rig.report.0.lost_found),
        (1, 0),
        "{}",
        rig.report
    );
}

#[test]
fn a_floor_that_no_card_has_does_not_cost_the_tape() {
    let (mut rig, a) = started(|settings| {
        settings.quota = None;
        settings.min_free = Some(u64::MAX);
    });
    rig.disk.limit(u64::from(u32::MAX));
    record(&mut rig, &a, 0..3);
    assert_eq!(kept(&rig), [0, 1, 2]);
    end(rig, &a);
}

#[test]
fn what_is_protected_as_a_segment_begins_does_not_give_way_to_it() {
    let (mut rig, a) = started(|_| ());
    record(&mut rig, &a, 0..5);
    let protect = Command::Change(Change::Protect {
        recording: id(0),
        protected: true,
    });
    rig.handle(vec![protect, a.record(id(5), 20), a.append(20)]);
    assert_eq!(kept(&rig)[..2], [0, 2]);
}
