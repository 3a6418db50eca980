//! Batches that the storage thread finds after the card held it up: many commands at once, in the order given.

use super::rig::{Rig, check_invariants, expected, stream, tape};
use crate::media::RecordingId;
use crate::store::crash::{CrashDisk, Survives};
use crate::store::library::Filter;

#[test]
fn a_publisher_that_comes_back_while_the_card_stands_still_loses_nothing() {
    let mut rig = Rig::new();
    let (a, started) = rig.publish(1, "a");
    let first = RecordingId::new(1);
    rig.handle(vec![started, a.record(first, 0), a.append(0)]);
    rig.pass(1_000_000);

    // One batch has the first publish's end, and the second publish from its beginning to its end.
    rig.clock.advance(2_000_000);
    let (b, again) = rig.publish(2, "a");
    let second = RecordingId::new(2);
    rig.handle(vec![
        a.append(1),
        a.close(first, 2),
        a.end(),
        again,
        b.record(second, 0),
        b.append(0),
        b.append(1),
        b.close(second, 2),
        b.end(),
    ]);
    rig.writer.close().unwrap();
    assert_eq!(rig.writer.progress().bytes_lost, 0);

    let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
    check_invariants(rig.dir.path(), &disk);
    let both = [expected(0..2), expected(0..2)].concat();
    assert_eq!(tape(rig.dir.path(), &disk, &stream("a")), both);
    let rows = rig.library().recordings(&Filter::default()).unwrap();
    let mut lengths: Vec<_> = rows.iter().map(|row| (row.id, row.duration)).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [(first, 2_000_000), (second, 2_000_000)]);
}

#[test]
fn a_recording_that_ends_while_a_segment_turns_is_closed_behind_its_beginning() {
    let mut rig = Rig::new();
    let (a, started) = rig.publish(1, "a");
    let (first, second) = (RecordingId::new(1), RecordingId::new(2));
    // Each keyframe here begins a segment: later commands of this stream wait for that.
    rig.handle(vec![
        started,
        a.record(first, 0),
        a.append(0),
        a.append(1),
        a.record(second, 2),
        a.append(2),
        a.append(3),
        a.close(second, 4),
        a.append(4),
        a.append(5),
        a.close(first, 6),
        a.end(),
    ]);
    rig.writer.close().unwrap();
    let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
    check_invariants(rig.dir.path(), &disk);
    let rows = rig.library().recordings(&Filter::default()).unwrap();
    let mut lengths: Vec<_> = rows.iter().map(|row| (row.id, row.duration)).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [(first, 6_000_000), (second, 2_000_000)]);
}
