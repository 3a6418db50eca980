//! The power goes at every operation of a full store: two streams record, and space is made in every way.

use std::sync::{Arc, Mutex};

use super::action::{Action, Boot, Setup};
use super::events::Events;
use super::rise::{Snapshot, Way, rise};
use super::world::World;
use crate::media::RecordingId;
use crate::store::clock::tests::TestClock;
use crate::store::crash::{Fault, Survives};
use crate::store::journal::Journal;
use crate::store::tests::moment::stride;
use crate::store::{Change, Command, OnFull, paths};

/// Room for five segments and a half.
const SETUP: Setup = Setup {
    quota: Some(11),
    on_full: OnFull::OverwriteOldest,
    keep: Some(45),
    synced: true,
};

/// Records four seconds on each of the streams; each recording is a segment.
fn record(world: &mut World, streams: &[usize]) -> Vec<RecordingId> {
    let ids: Vec<RecordingId> = streams.iter().map(|n| world.record(*n)).collect();
    let write = Action::Write {
        streams: streams.iter().map(|n| 1 << n).sum(),
        size: 0,
        ticks: true,
    };
    (0..4).for_each(|_| world.run(&write));
    ids.iter().for_each(|id| world.close_recording(*id));
    world.flush();
    ids
}

/// Fills the store, and makes space in every way there is.
fn script(world: &mut World) {
    let ids = record(world, &[0, 1]);
    world.command(Command::Change(Change::Protect {
        recording: ids[0],
        protected: true,
    }));
    let delivered = record(world, &[0]);
    world.command(Command::Change(Change::Delivered {
        recording: delivered[0],
    }));
    let deleted = record(world, &[1]);
    record(world, &[0]);
    // A reader has the oldest candidate open: its file is unlinked, and not taken over.
    let path = {
        let rig = world.rig();
        let oldest = Journal::open_read(rig.dir.path()).unwrap();
        let class = crate::store::journal::Class::Delivered;
        let oldest = oldest.candidates_of(class, 1).unwrap().remove(0);
        paths::segment(rig.dir.path(), &oldest.stream, oldest.sequence)
    };
    world.rig().disk.hold(&path, true);
    let node = world.rig().disk.node_of(&path).unwrap();
    record(world, &[0, 1]);
    let disk = &world.rig().disk;
    assert_eq!(disk.node_of(&path), None, "what was read made way");
    assert!(
        disk.files().keys().all(|path| disk.node_of(path) != Some(node)),
        "nobody took it over"
    );
    world.command(Command::Delete {
        recording: deleted[0],
    });
    world.flush();
    world.pass(1_000_000);
    (0..3).for_each(|_| drop(record(world, &[0, 1])));
    world.pass(30_000_000);
    world.pass(10_000_000);
    record(world, &[0]);
}

#[test]
fn the_power_goes_at_every_operation_of_a_full_store() {
    let mut world = World::new(SETUP);
    let moments: Arc<Mutex<Vec<Snapshot>>> = Arc::default();
    let out = moments.clone();
    world.on_every_moment(move |moment| {
        let mut out = out.lock().unwrap();
        let same = |last: &Snapshot| last.image.ops == moment.image.ops && last.journal == moment.journal;
        if !out.last().is_some_and(same) {
            out.push(moment);
        }
    });
    script(&mut world);
    let journal = Journal::open_read(world.rig().dir.path()).unwrap();
    let events = Events::read(&journal);
    for reason in ["kept long enough", "its space was needed", "deleted"] {
        assert!(
            events.reasons().any(|found| found == reason),
            "nothing was {reason}"
        );
    }
    assert!(events.count("media.evicted_undelivered") > 0);
    assert!(journal.recordings().unwrap().iter().any(|row| row.protected));
    drop(journal);

    let dir = world.end();
    let moments = std::mem::take(&mut *moments.lock().unwrap());
    assert!(moments.len() > 100, "only {} moments", moments.len());
    let renamed = |moment: &&Snapshot| moment.image.moves() > 0;
    assert!(
        moments.iter().filter(renamed).count() > 3,
        "few files were taken over"
    );
    for (n, moment) in moments.iter().enumerate().step_by(stride()) {
        let seed = n as u64;
        let others = [
            Survives::Everything,
            Survives::Some(seed),
            Survives::Zeros(seed),
            Survives::Stale(seed),
            Survives::Some(!seed),
        ];
        let survives = others[n % others.len()];
        let crash = |survives, again, fault| Way::Crash {
            survives,
            boot: Boot::Right,
            again,
            fault,
        };
        // Now and then the power goes again during this recovery, or the card fails in it.
        let again = (n % 3 == 0).then_some(((n / 3 % 12) as u8, Survives::Some(seed)));
        let fault = (n % 4 == 0).then_some([Fault::Unlink, Fault::SyncDir, Fault::Sync][n / 4 % 3]);
        let mut ways = vec![
            crash(Survives::Nothing, None, None),
            crash(survives, None, None),
            crash(survives, again, fault),
        ];
        if n % 3 == 1 {
            ways.push(Way::Kill);
        }
        for way in ways {
            let clock = TestClock::new(200_000_000);
            clock.set_utc(1_790_000_200_000_000, true);
            rise(dir.path(), moment, way, &clock, &mut moment.ledger.clone(), SETUP);
        }
    }
}
