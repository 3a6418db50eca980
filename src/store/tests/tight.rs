//! A file system that takes no more although it shows space: the media that is given up, and the media that stays.

use rusqlite::ffi;

use super::rig::{Publisher, Rig, check_invariants, expected, stream, tape};
use super::space::{SEGMENT, events, id, kept, record, started};
use crate::store::{Change, Command, Disk as _, OnFull, paths};

/// Checks that all sent media is recorded, whatever the file system refuses: `limit` sets when it does.
fn goes_on_where_the_file_system_takes_no_more(limit: impl FnOnce(&Rig)) {
    let (mut rig, a) = started(|settings| settings.quota = None);
    record(&mut rig, &a, 0..4);
    limit(&rig);
    record(&mut rig, &a, 4..12);
    assert_eq!(rig.writer.progress().failed, None);
    assert_eq!(rig.writer.progress().bytes_lost, 0);
    assert!(events(&rig, "storage.failed").is_empty());
    let kept = kept(&rig);
    assert!(kept.ends_with(&[10, 11]) && !kept.contains(&0), "{kept:?}");
    let evicted = events(&rig, "media.evicted_undelivered");
    assert!(evicted.len() >= 8, "each loss is told: {evicted:?}");
    rig.handle(vec![a.end()]);
    rig.writer.close().unwrap();
    let tape = tape(rig.dir.path(), &rig.disk, &stream("a"));
    assert!(
        expected(0..48).ends_with(&tape),
        "what is left is the newest, without a gap"
    );
}

#[test]
fn a_quota_of_the_file_system_gives_up_the_oldest_and_loses_nothing() {
    goes_on_where_the_file_system_takes_no_more(|rig| {
        let used: usize = rig.disk.files().values().map(Vec::len).sum();
        rig.disk.hidden_quota(Some(used as u64 + 3_000));
    });
}

#[test]
fn a_quota_that_is_used_up_within_a_fragment_loses_nothing_either() {
    for more in [0, 1, 500, 5_000, 9_000] {
        goes_on_where_the_file_system_takes_no_more(|rig| {
            let used: usize = rig.disk.files().values().map(Vec::len).sum();
            rig.disk.hidden_quota(Some(used as u64 + more));
        });
    }
}

#[test]
fn a_file_system_without_inodes_gives_up_the_oldest_and_loses_nothing() {
    goes_on_where_the_file_system_takes_no_more(|rig| rig.disk.no_more_inodes());
}

#[test]
fn a_stream_that_is_new_where_there_are_no_inodes_gets_its_folder() {
    let (mut rig, a) = started(|settings| settings.quota = None);
    record(&mut rig, &a, 0..4);
    rig.disk.no_more_inodes();
    let (b, start) = rig.publish(2, "b");
    rig.handle(vec![start, b.record(id(90), 0), b.append(0), b.append(1)]);
    rig.pass(1_000_000);
    assert_eq!(
        (rig.writer.progress().bytes_lost, &rig.writer.progress().failed),
        (0, &None)
    );
}

/// Two streams record, each with an open segment, and the file system has no space for another byte.
fn two_on_a_file_system_that_is_full() -> (Rig, [Publisher; 2]) {
    let (mut rig, a) = started(|settings| settings.quota = None);
    record(&mut rig, &a, 0..4);
    let (b, start) = rig.publish(2, "b");
    rig.handle(vec![start, b.record(id(90), 0), a.record(id(91), 16)]);
    rig.handle(vec![a.append(16), b.append(0)]);
    let used: usize = rig.disk.files().values().map(Vec::len).sum();
    rig.disk.hidden_quota(Some(used as u64));
    (rig, [a, b])
}

/// A fragment that does not fit into any room that was allocated ahead.
fn large(second: i64) -> crate::media::Fragment {
    let mut fragment = crate::store::testing::fragment(second, false);
    for frame in &mut fragment.video {
        frame.payload = bytes::Bytes::from(vec![0x5a; 4 * SEGMENT as usize / 25]);
    }
    fragment
}

#[test]
fn a_recording_that_ends_where_the_file_system_takes_no_more_keeps_what_it_has() {
    // One recording ends, and its own stream or another one goes on, in one batch.
    for own in [true, false] {
        let (mut rig, [a, b]) = two_on_a_file_system_that_is_full();
        let goes_on = if own { b.send(large(1)) } else { a.send(large(17)) };
        rig.handle(vec![b.close(id(90), 1), goes_on]);
        rig.pass(1_000_000);
        assert!(!kept(&rig).contains(&0), "the oldest gave way");
        assert_eq!(rig.writer.progress().bytes_lost, 0);
        let closed = events(&rig, "recording.closed").pop().unwrap();
        assert_eq!(closed["recording"], id(90).to_string());
        assert_eq!(closed["duration_s"], 1.0, "{closed}");
        assert!(kept(&rig).contains(&90));
        rig.handle(vec![a.end(), b.end()]);
        rig.writer.close().unwrap();
        check_invariants(rig.dir.path(), &rig.disk);
    }
}

#[test]
fn a_file_system_that_frees_late_costs_no_more_than_another() {
    let kept = [false, true].map(|late| {
        let (mut rig, [a, _]) = two_on_a_file_system_that_is_full();
        if late {
            rig.disk.free_late();
        }
        rig.handle(vec![a.send(large(17))]);
        assert_eq!(rig.writer.progress().bytes_lost, 0);
        kept(&rig)
    });
    assert!(kept[0].len() > 3, "{kept:?}");
    assert_eq!(kept[0], kept[1]);
}

#[test]
fn what_is_protected_where_the_file_system_takes_no_more_does_not_give_way() {
    let (mut rig, [a, _]) = two_on_a_file_system_that_is_full();
    let protect = |n| {
        Command::Change(Change::Protect {
            recording: id(n),
            protected: true,
        })
    };
    rig.handle(vec![protect(0), a.send(large(17))]);
    assert_eq!(kept(&rig)[..2], [0, 2], "the next one gave way");
    assert_eq!(rig.writer.progress().bytes_lost, 0);
}

#[test]
fn what_is_deleted_where_the_file_system_takes_no_more_leaves_nothing() {
    let (mut rig, [a, b]) = two_on_a_file_system_that_is_full();
    rig.handle(vec![b.close(id(90), 1)]);
    let delete = Command::Delete { recording: id(90) };
    rig.handle(vec![delete, a.send(large(17))]);
    rig.pass(1_000_000);
    rig.pass(10_000_000);
    assert!(!kept(&rig).contains(&90));
    let path = paths::segment(rig.dir.path(), &stream("b"), 1);
    assert_eq!(rig.disk.node_of(&path), None, "its footage went with it");
}

#[test]
fn a_journal_that_meets_the_quota_of_the_file_system_goes_on_in_its_reserve() {
    // SQLite reports a full disk as such. It reports a quota as a write that failed, or as a file that cannot be made longer.
    for code in [
        ffi::SQLITE_FULL,
        ffi::SQLITE_IOERR_WRITE,
        ffi::SQLITE_IOERR_SHMSIZE,
    ] {
        let (mut rig, a) = started(|settings| {
            settings.quota = None;
            settings.journal_reserve = SEGMENT;
        });
        record(&mut rig, &a, 0..4);
        let reserve = rig.dir.path().join("reserve");
        assert!(crate::store::disk::is_there(&reserve));
        let used: usize = rig.disk.files().values().map(Vec::len).sum();
        rig.disk.hidden_quota(Some(used as u64));
        rig.writer.book.journal.refuse(&[code]);
        rig.handle(vec![a.record(id(4), 16), a.append(16)]);
        assert!(rig.writer.book.journal.owes_reserve(), "{code}");
        record(&mut rig, &a, 5..9);
        let progress = rig.writer.progress();
        assert_eq!((progress.bytes_lost, &progress.failed), (0, &None), "{code}");
        assert!(events(&rig, "storage.failed").is_empty());
        assert!(kept(&rig).ends_with(&[6, 7, 8]), "{:?}", kept(&rig));
        rig.pass(10_000_000);
        assert!(crate::store::disk::is_there(&reserve), "it is held again");
    }
}

#[test]
fn what_a_file_system_showed_is_tried_again_after_a_while() {
    let (mut rig, a) = started(|settings| settings.quota = None);
    record(&mut rig, &a, 0..4);
    let used: usize = rig.disk.files().values().map(Vec::len).sum();
    rig.disk.hidden_quota(Some(used as u64));
    record(&mut rig, &a, 4..8);
    let few = kept(&rig).len();
    rig.disk.hidden_quota(None);
    rig.pass(601_000_000);
    record(&mut rig, &a, 160..168);
    assert!(kept(&rig).len() >= few + 6, "{:?}", kept(&rig));
}

#[test]
fn where_nothing_may_go_a_quota_of_the_file_system_is_told_of() {
    let (mut rig, a) = started(|settings| {
        settings.quota = None;
        settings.on_full = OnFull::Stop;
    });
    record(&mut rig, &a, 0..4);
    let used: usize = rig.disk.files().values().map(Vec::len).sum();
    rig.disk.hidden_quota(Some(used as u64));
    record(&mut rig, &a, 4..6);
    assert_eq!(kept(&rig)[..4], [0, 1, 2, 3]);
    assert!(rig.writer.progress().failed.is_some() || rig.writer.progress().full.is_some());
}

#[test]
fn a_quota_of_the_file_system_is_held_to_where_little_space_is_free_too() {
    for quota in [true, false] {
        let (mut rig, a) = started(|settings| {
            settings.quota = None;
            settings.min_free = Some(SEGMENT);
        });
        record(&mut rig, &a, 0..4);
        rig.handle(vec![a.record(id(4), 16), a.append(16)]);
        let used: usize = rig.disk.files().values().map(Vec::len).sum();
        let used = used as u64;
        // The floor is free, and what the next write wants is not.
        rig.disk.limit(used + if quota { SEGMENT } else { 0 });
        rig.disk.hidden_quota(quota.then_some(used));
        rig.handle(vec![a.send(large(17))]);
        assert_eq!(rig.writer.holds_to_a_limit(), quota);
    }
}

/// Another program takes the last byte while a segment is written, and gives the space back later.
#[test]
fn a_disk_that_another_program_filled_is_recorded_on_as_soon_as_it_has_space() {
    for on_full in [OnFull::Stop, OnFull::OverwriteOldest] {
        let (mut rig, a) = started(|settings| {
            settings.quota = None;
            settings.min_free = Some(SEGMENT);
            settings.on_full = on_full;
        });
        rig.disk.limit(100 * SEGMENT);
        record(&mut rig, &a, 0..4);
        rig.handle(vec![a.record(id(4), 16), a.append(16)]);
        let free = rig.disk.space(rig.dir.path()).unwrap().free;
        let other = rig.dir.path().join("other");
        rig.disk.put(&other, &vec![0; usize::try_from(free).unwrap()]);
        for second in 17..20 {
            rig.handle(vec![a.send(large(second))]);
            rig.pass(1_000_000);
        }
        rig.handle(vec![a.close(id(4), 20)]);
        rig.disk.unlink(&other).unwrap();
        record(&mut rig, &a, 5..25);
        let progress = rig.writer.progress();
        assert_eq!((&progress.failed, &progress.full), (&None, &None), "{on_full:?}");
        let new: Vec<i64> = (5..25).collect();
        assert!(kept(&rig).ends_with(&new), "{on_full:?}: {:?}", kept(&rig));
        rig.handle(vec![a.end()]);
        rig.writer.close().unwrap();
        check_invariants(rig.dir.path(), &rig.disk);
    }
}
