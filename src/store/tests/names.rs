//! A publisher that may use any name records a little under very many names.

use super::rig::{Rig, check_invariants, expected, stream, tape};
use crate::store::crash::{CrashDisk, Survives};
use crate::store::journal::Journal;

/// Most streams without a publish that are kept in memory.
const REMEMBERED: usize = 1_000;

#[test]
fn streams_that_nobody_writes_are_forgotten_and_their_tape_goes_on() {
    let mut rig = Rig::new();
    let (on_air, started) = rig.publish(1, "on-air");
    rig.handle(vec![started, on_air.append(0)]);
    rig.pass(1_000_000);
    let mut most = 0;
    for at_once in 0..=REMEMBERED / 20 {
        let names = (at_once * 20)..(at_once * 20 + 20);
        let publishes = names.flat_map(|n| {
            let (a, started) = rig.publish(10 + n as u64, &n.to_string());
            [started, a.append(0), a.end()]
        });
        let publishes = publishes.collect();
        rig.handle(publishes);
        let known = &rig.writer.progress().streams;
        most = most.max(known.len());
        let is = &known[&stream("on-air")];
        assert!(is.is_open() && is.durable_until.is_some(), "{is:?}");
    }
    assert!(most <= REMEMBERED + 1, "{most} are remembered");
    let left = rig.writer.progress().streams.len();
    assert!(left < 30, "none was forgotten: {left}");

    // The journal still knows the streams that memory has forgotten.
    let (again, started) = rig.publish(5_000, "0");
    rig.handle(vec![started, again.append(0), again.end()]);
    rig.handle(vec![on_air.append(1), on_air.end()]);
    rig.writer.close().unwrap();
    assert_eq!(rig.writer.progress().bytes_lost, 0);
    let disk = CrashDisk::after_crash(&rig.disk.image(), Survives::Nothing);
    check_invariants(rig.dir.path(), &disk);
    let rows = Journal::open_read(rig.dir.path()).unwrap().segments().unwrap();
    let mut of_first: Vec<u64> = rows
        .iter()
        .filter(|row| row.stream == stream("0"))
        .map(|row| row.sequence)
        .collect();
    of_first.sort_unstable();
    assert_eq!(of_first, [1, 2]);
    let tape = |name: &str| tape(rig.dir.path(), &disk, &stream(name));
    assert!(tape("0") == [expected(0..1), expected(0..1)].concat());
    assert!(tape("on-air") == expected(0..2));
}
