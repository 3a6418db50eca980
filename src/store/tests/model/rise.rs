//! The ways in which the store comes back, and the invariants after that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::action::{Boot, Setup};
use super::events::Events;
use super::ledger::Ledger;
use crate::format::index::{FragmentIndex, SampleIndex};
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Fault, Image, Survives};
use crate::store::journal::Journal;
use crate::store::recover::recover;
use crate::store::tests::moment::JournalFiles;
use crate::store::tests::rig::{assert_same, check_invariants, state};
use crate::store::{Clock as _, OnFull, paths};

/// The disk, the journal and the promises at a moment at which the power may go.
#[derive(Clone)]
pub(super) struct Snapshot {
    pub(super) image: Image,
    pub(super) journal: JournalFiles,
    pub(super) ledger: Ledger,
}

/// The way in which the store comes back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Crash {
        survives: Survives,
        boot: Boot,
        again: Option<(u8, Survives)>,
        fault: Option<Fault>,
    },
    Kill,
}

/// Recovers the state of a moment, and checks every invariant.
pub(super) fn rise(
    dir: &Path,
    snapshot: &Snapshot,
    way: Way,
    clock: &TestClock,
    ledger: &mut Ledger,
    setup: Setup,
) -> CrashDisk {
    snapshot.journal.write(dir);
    refuse(dir, false);
    let mut disk;
    match way {
        Way::Kill => {
            disk = CrashDisk::default();
            *disk.image() = snapshot.image.clone();
            clock.advance(2_000_000);
        }
        Way::Crash {
            survives,
            boot,
            again,
            fault,
        } => {
            disk = CrashDisk::after_crash(&snapshot.image, survives);
            let utc = clock.utc();
            clock.reboot(1_000_000);
            match boot {
                Boot::Right => clock.set_utc(utc + 60_000_000, clock.synced()),
                Boot::Ancient => clock.set_utc(60_000_000, false),
            }
            disk.limit(u64::MAX / 2);
            if let Some((after, survives)) = again {
                disk = interrupted(dir, &disk, clock, usize::from(after), survives);
            }
            if let Some(fault) = fault {
                disk.fail_next(fault);
                let _ = recover(dir, &disk, clock, &mut Journal::open(dir).unwrap());
                disk.mend();
            }
        }
    }
    disk.limit(u64::MAX / 2);
    recover(dir, &disk, clock, &mut Journal::open(dir).unwrap()).unwrap();
    check_invariants(dir, &disk);
    let first = tapes(dir, &disk);
    let second = recover(dir, &disk, clock, &mut Journal::open(dir).unwrap()).unwrap();
    assert!(second.is_clean(), "the second recovery found {second}");
    assert_same("recovered twice", &first, &tapes(dir, &disk));
    // A segment that recovery calls sealed stays sealed, also if the power goes right after it.
    let after = CrashDisk::after_crash(&disk.image(), Survives::Nothing);
    if matches!(way, Way::Kill | Way::Crash { fault: Some(_), .. }) {
        // A name may come back that was removed before the kill, or moved by the start that failed. One more start handles it
        // again.
        let journal = JournalFiles::read(dir);
        recover(dir, &after, clock, &mut Journal::open(dir).unwrap()).unwrap();
        assert_same("power cut after a kill", &first, &tapes(dir, &after));
        journal.write(dir);
    } else {
        assert_same("power cut after recovery", &first, &tapes(dir, &after));
    }
    ledger.compare(dir, &disk);
    ledger.check_titles(dir);
    ledger.check_deleted(dir, &disk);
    if setup.on_full == OnFull::Stop {
        let events = Events::read(&Journal::open_read(dir).unwrap());
        assert_eq!(events.count("media.evicted_undelivered"), 0);
    }
    disk
}

/// The rows, and the files of sealed segments as far as they are tape. Bytes behind the tape do not count: the cut that removes
/// them may not be synced. Fragments that were deleted within a segment do not count either, as long as a row says that they are to
/// be written over.
fn tapes(dir: &Path, disk: &CrashDisk) -> (String, BTreeMap<PathBuf, Vec<u8>>) {
    let (rows, mut files) = state(dir, disk);
    let journal = Journal::open_read(dir).unwrap();
    let segments = journal.segments().unwrap().into_iter();
    let given_up = [false, true].map(|wipe| journal.given_up(wipe).unwrap());
    let given_up = given_up.into_iter().flatten();
    let tape = segments.map(|row| (row.stream, row.sequence, row.bytes));
    for (name, sequence, bytes) in tape.chain(given_up.map(|row| (row.stream, row.sequence, 0))) {
        if let Some(file) = files.get_mut(&paths::segment(dir, &name, sequence)) {
            file.truncate(bytes as usize);
        }
    }
    // Nobody reads such fragments, and the next start writes over them again: the kill may have come before the sync of the zeros.
    for blank in journal.blanks().unwrap() {
        let path = paths::segment(dir, &blank.blocks.stream, blank.blocks.sequence);
        let index = journal.index(blank.blocks.id).unwrap().unwrap();
        let index = SampleIndex::decode(&index).unwrap();
        if let Some(file) = files.get_mut(&path) {
            let kept =
                |fragment: &FragmentIndex| file[fragment.offset as usize..fragment.end() as usize].to_vec();
            *file = index.fragments.iter().flat_map(kept).collect();
        }
    }
    (rows, files)
}

/// The power goes again during recovery.
fn interrupted(
    dir: &Path,
    disk: &CrashDisk,
    clock: &TestClock,
    after: usize,
    survives: Survives,
) -> CrashDisk {
    type Caught = (usize, Option<(Image, JournalFiles)>);
    let caught: Arc<Mutex<Caught>> = Arc::new(Mutex::new((after, None)));
    let (seen, from) = (caught.clone(), dir.to_owned());
    disk.observe(move |image| {
        let mut seen = seen.lock().unwrap();
        if seen.0 == 0 && seen.1.is_none() {
            seen.1 = Some((image.clone(), JournalFiles::read(&from)));
        }
        seen.0 = seen.0.saturating_sub(1);
    });
    recover(dir, disk, clock, &mut Journal::open(dir).unwrap()).unwrap();
    let caught = caught.lock().unwrap().1.take();
    match caught {
        Some((image, journal)) => {
            journal.write(dir);
            CrashDisk::after_crash(&image, survives)
        }
        None => CrashDisk::after_crash(&disk.image(), survives),
    }
}

/// Has the journal refuse all changes of segments, or accept them again.
pub(super) fn refuse(dir: &Path, refuses: bool) {
    let journal = rusqlite::Connection::open(dir.join("journal.db")).unwrap();
    let sql = if refuses {
        "CREATE TRIGGER IF NOT EXISTS a_test_refuses BEFORE UPDATE ON segments BEGIN SELECT raise(ABORT, 'no'); END"
    } else {
        "DROP TRIGGER IF EXISTS a_test_refuses"
    };
    journal.execute_batch(sql).unwrap();
}
