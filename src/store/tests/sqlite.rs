//! SQLite held to the contract: its files after a power cut in the middle of a commit or a checkpoint.
//!
//! After each commit of a run the database and its WAL are kept. Between two commits SQLite has written frames that it has not
//! synced yet, or pages of a checkpoint. The tests make the files that a power cut may leave of those. The store must come up
//! in the state after the one commit or the other: no acknowledged change is gone, and none is there in part.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::crashes::{Moment, recover_from, script};
use super::moment::JournalFiles;
use super::rig::{Acked, Rig, tempdir};
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Survives};
use crate::store::journal::{Journal, Op};

/// Bytes of a WAL before its first frame, and of a frame with its page.
const HEAD: usize = 32;
const FRAME: usize = 24 + 4096;
const SECTOR: usize = 512;

/// A run of two streams, with the files after each commit. A small limit makes checkpoints come often.
struct Run {
    dir: tempfile::TempDir,
    moments: Vec<Moment>,
    /// All rows after each commit.
    states: Vec<String>,
}

impl Run {
    fn new(checkpoint_pages: u32) -> Self {
        let (dir, disk, acked) = (tempdir(), CrashDisk::default(), Acked::default());
        let mut journal = Journal::open(dir.path()).unwrap();
        let moments: Arc<Mutex<Vec<Moment>>> = Arc::default();
        let look = {
            let (out, disk, dir) = (moments.clone(), disk.clone(), dir.path().to_owned());
            let acked = acked.clone();
            move || {
                out.lock().unwrap().push(Moment {
                    image: disk.image().clone(),
                    journal: Arc::new(JournalFiles::read(&dir)),
                    acked: acked.lock().unwrap().clone(),
                });
            }
        };
        look();
        journal.observe(checkpoint_pages, look);
        let mut rig = Rig::with_journal(dir, disk, Arc::new(TestClock::new(5_000_000)), journal, |_| ());
        rig.acked = acked;
        script(&mut rig);
        let Rig { dir, writer, .. } = rig;
        drop(writer);
        let moments = std::mem::take(&mut *moments.lock().unwrap());
        assert!(moments.len() > 8, "{}", moments.len());
        let states = moments
            .iter()
            .map(|moment| comes_up_as(dir.path(), &moment.journal));
        let states = states.collect();
        Self { dir, moments, states }
    }

    /// Checks that the files come up in the state after commit `at`, or after one of the given ones.
    fn is_one_of(&self, files: &JournalFiles, at: &[usize], what: &str) -> usize {
        let state = comes_up_as(self.dir.path(), files);
        let found = at.iter().find(|at| self.states[**at] == state);
        *found.unwrap_or_else(|| panic!("{what}: neither of the states after {at:?}"))
    }

    /// Checks that a recovery from these files keeps all promises about the tape.
    fn recovers(&self, files: JournalFiles, after: usize, seed: u64) {
        let moment = Moment {
            journal: Arc::new(files),
            ..self.moments[after].clone()
        };
        recover_from(&moment, Survives::Some(seed), self.dir.path(), false);
        recover_from(&moment, Survives::Nothing, self.dir.path(), false);
    }
}

/// Every row that a start finds.
fn comes_up_as(dir: &Path, files: &JournalFiles) -> String {
    files.write(dir);
    let journal = Journal::open(dir).unwrap();
    journal.check_all().unwrap();
    let dump = journal.dump();
    // The directory is made anew each time, so the writes of a normal close are of no use.
    journal.leave();
    dump
}

/// The frames of `new` that differ from `old`: the first, and the one past the last.
fn frames(old: &[u8], new: &[u8]) -> std::ops::Range<usize> {
    let count = new.len().saturating_sub(HEAD) / FRAME;
    let differs = |n: &usize| {
        let range = HEAD + n * FRAME..HEAD + (n + 1) * FRAME;
        old.get(range.clone()) != new.get(range)
    };
    let first = (0..count).find(differs).unwrap_or(count);
    let last = (0..count).rfind(differs).map_or(first, |last| last + 1);
    first..last
}

/// `old` with the sectors of `new` that `keep` keeps.
fn mixed(old: &[u8], new: &[u8], mut keep: impl FnMut(usize) -> bool) -> Vec<u8> {
    let mut out = old.to_vec();
    for (n, sector) in new.chunks(SECTOR).enumerate() {
        let at = n * SECTOR;
        if old.get(at..at + sector.len()) != Some(sector) && keep(n) {
            // Bytes before it that were not written read as zeros.
            out.resize(out.len().max(at + sector.len()), 0);
            out[at..at + sector.len()].copy_from_slice(sector);
        }
    }
    out
}

/// A yes or no for each number; another seed gives other answers.
fn coin(seed: usize) -> impl FnMut(usize) -> bool {
    let mut state = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33).is_multiple_of(2)
    }
}

/// The first checkpoint is far away: the WAL only grows.
#[test]
fn the_wal_is_cut_at_every_frame() {
    let run = Run::new(1_000_000);
    let mut cuts = 0;
    for after in 1..run.moments.len() {
        let (old, new) = (&run.moments[after - 1].journal, &run.moments[after].journal);
        assert!(new.wal.starts_with(&old.wal) && old.db == new.db);
        let frames = frames(&old.wal, &new.wal);
        for n in frames.clone() {
            for within in [0, 1, 24, 512, 2000, FRAME - 1] {
                let mut files = (**new).clone();
                files.wal.truncate(HEAD + n * FRAME + within);
                let what = format!("commit {after}, frame {n} + {within}");
                // The commit is not acknowledged and not whole: it has no effect.
                run.is_one_of(&files, &[after - 1], &what);
                cuts += 1;
                if cuts % 7 == 0 {
                    run.recovers(files, after, cuts);
                }
            }
        }
        // The commit is whole, and not acknowledged: it is there.
        run.is_one_of(new, &[after], &format!("commit {after}, whole"));
    }
    assert!(cuts > 300, "{cuts}");
}

#[test]
fn any_sectors_of_a_commit_that_was_not_synced_may_be_lost() {
    let run = Run::new(1_000_000);
    let mut whole = 0;
    for after in 1..run.moments.len() {
        let (old, new) = (&run.moments[after - 1].journal, &run.moments[after].journal);
        let frames = frames(&old.wal, &new.wal);
        let first = (HEAD + frames.start * FRAME).min(old.wal.len());
        for seed in 0..12 {
            let mut files = (**new).clone();
            let what = format!("commit {after}, seed {seed}");
            match seed % 4 {
                // The blocks were never written: they read as zeros, or as their former content.
                0 => files.wal = mixed(&old.wal, &new.wal, coin(after * 100 + seed)),
                1 => {
                    let at = first + (new.wal.len() - first) * seed / 13;
                    files.wal[at..].fill(0);
                }
                2 => {
                    let at = first + (new.wal.len() - first) * seed / 13;
                    let mut byte = coin(seed);
                    files.wal[at..]
                        .iter_mut()
                        .for_each(|at| *at = if byte(0) { 0x5a } else { 0xa5 });
                }
                // The length was not known to be durable either.
                _ => {
                    files.wal = mixed(&old.wal, &new.wal, coin(after * 100 + seed));
                    let len = files.wal.len();
                    files.wal.truncate(len - (len - old.wal.len()) / 3);
                }
            }
            let found = run.is_one_of(&files, &[after - 1, after], &what);
            whole += usize::from(found == after);
            if seed % 5 == 0 {
                run.recovers(files, after, seed as u64);
            }
        }
    }
    assert!(whole < run.moments.len(), "{whole} whole: nothing was lost");
}

/// While a checkpoint writes pages into the database, the WAL has them all; after it, the WAL begins anew over the old
/// frames.
#[test]
fn the_power_goes_within_a_checkpoint_and_after_it() {
    let mut checkpoints = 0;
    let mut restarts = 0;
    for pages in [1, 4, 20] {
        let run = Run::new(pages);
        for after in 1..run.moments.len() {
            let (old, new) = (&run.moments[after - 1].journal, &run.moments[after].journal);
            let restarted = old.wal.get(..HEAD) != new.wal.get(..HEAD);
            for seed in 0..8 {
                let what = format!("{pages} pages, commit {after}, seed {seed}");
                if old.db != new.db {
                    // In the checkpoint after the commit, the WAL is whole and synced, and the database has any of the new
                    // sectors.
                    checkpoints += 1;
                    let db = match seed {
                        0 => old.db.clone(),
                        _ => mixed(&old.db, &new.db, coin(after * 100 + seed)),
                    };
                    let wal = new.wal.clone();
                    let files = JournalFiles { db, wal };
                    run.is_one_of(&files, &[after], &what);
                    if seed % 4 == 1 {
                        run.recovers(files, after, seed as u64);
                    }
                }
                // Before that, in the commit, the WAL has any sectors of the frames, over old frames where the WAL began anew.
                // The database is as the checkpoint before left it, and synced.
                restarts += usize::from(restarted);
                let files = JournalFiles {
                    db: old.db.clone(),
                    wal: mixed(&old.wal, &new.wal, coin(after * 1000 + seed)),
                };
                run.is_one_of(&files, &[after - 1, after], &what);
                if seed % 4 == 2 {
                    run.recovers(files, after, seed as u64);
                }
            }
        }
    }
    assert!(checkpoints > 100 && restarts > 100, "{checkpoints}, {restarts}");
}

/// The comparison of states is not blind: one more op gives another state.
#[test]
fn a_state_is_all_rows() {
    let run = Run::new(1_000_000);
    let mut states = run.states.clone();
    states.sort_unstable();
    states.dedup();
    assert_eq!(states.len(), run.states.len());
    let last = &run.moments.last().unwrap().journal;
    last.write(run.dir.path());
    let mut journal = Journal::open(run.dir.path()).unwrap();
    let before = journal.dump();
    let event = crate::event::Event::StorageRecovered {};
    journal.commit(&[Op::Report { event }], 0).unwrap();
    assert_ne!(journal.dump(), before);
}
