//! The start of a store: it opens the journal, or sets it aside and makes it again, and repairs what the last run left.
//!
//! Its promises: media that can be read is never deleted; the next start repairs a crash at any point of recovery; recovering
//! twice does no more than recovering once.
//!
//! | module | what it is |
//! |---|---|
//! | `aside` | sets aside a journal that cannot be used |
//! | `repair` | compares every file with its row |
//! | `adopt`, `salvage` | files without a row, and their media behind a damaged place |
//! | `gone` | media that was deleted on request must not come back |
//! | `described` | what people set of recordings, out of the files beside the tape |
//! | `pace` | the progress of recovery, for the log and for the service manager |
//! | `sane` | the ranges of the numbers in a file |
//! | `strays` | files in a wrong place, and `lost+found` |

mod adopt;
mod aside;
mod described;
mod gone;
mod pace;
mod repair;
mod salvage;
mod sane;
mod strays;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::clock::Clock;
use super::disk::Disk;
use super::error::Unusable;
use super::journal::Journal;
use super::{RecoveryReport, StoreError, paths};

pub(super) use self::aside::{Aside, folders, note_damage};
pub(in crate::store) use self::gone::is_blank;
pub use self::pace::looked_at;
#[cfg(test)]
pub(super) use self::repair::recover;
pub(super) use self::repair::{Live, Occasion, SetAside, recover_as};
pub(super) use self::strays::stray_name;

/// Opens the journal of a storage directory and recovers. Afterwards no segment, recording or publish is open.
///
/// A journal that is damaged, or a later release's, is set aside, and a new one is made from the files of the tape. If the new
/// one cannot be used either, the files are the reason: the tape is set aside, too, and an empty one is begun. An error of the
/// file system, or of another process that holds the journal, sets nothing aside: it is returned.
pub(super) fn start(
    dir: &Path,
    disk: &dyn Disk,
    clock: &dyn Clock,
    occasion: Occasion<'_>,
) -> Result<(Journal, RecoveryReport), StoreError> {
    let mut aside = Aside::pending(dir)?;
    // True when this start made the journal that is tried.
    let mut made = false;
    if aside.is_none() && aside::is_emptied(dir, disk) {
        made = true;
        aside = Some(Aside::begin(dir, &Unusable::Damaged("it is empty".to_owned()))?);
    }
    loop {
        if let Some(aside) = &aside {
            aside.carry_out(dir, disk)?;
        }
        let error = match attempt(dir, disk, clock, occasion, aside.as_ref()) {
            Ok((journal, report)) => {
                if let Some(aside) = aside {
                    aside.told(dir)?;
                }
                return Ok((journal, report));
            }
            Err(error) => error,
        };
        let Some(why) = error.journal_unusable() else {
            return Err(error);
        };
        aside = match aside {
            // A journal that a start made and did not finish is no second reason.
            Some(before) if !made && before.left_nothing(dir) => {
                aside::forget_journal(dir)?;
                Some(before)
            }
            before if !made => {
                if let Some(before) = before {
                    before.told(dir)?;
                }
                Some(Aside::begin(dir, &why)?)
            }
            Some(before) if !before.has_tape() && disk.is_there(&paths::tape(dir)) => {
                Some(before.without_tape(dir, disk, &why.to_string())?)
            }
            _ => return Err(error),
        };
        made = true;
    }
}

/// Opens and recovers once. A panic in it is a defect that a file on the card causes. It is judged as damage, because a box
/// must record.
fn attempt(
    dir: &Path,
    disk: &dyn Disk,
    clock: &dyn Clock,
    occasion: Occasion<'_>,
    aside: Option<&Aside>,
) -> Result<(Journal, RecoveryReport), StoreError> {
    let recovery = AssertUnwindSafe(|| {
        let mut journal = Journal::open(dir)?;
        let set_aside = SetAside {
            journal: aside.map(|aside| aside.event(dir)),
            tape: aside.and_then(|aside| aside.tape_event(dir)),
        };
        #[cfg(test)]
        tests::may_fail(dir);
        let recovered = journal
            .check()
            .and_then(|()| recover_as(dir, disk, clock, &mut journal, occasion, set_aside));
        match recovered {
            Ok(report) => Ok((journal, report)),
            Err(error) => {
                journal.leave();
                Err(error)
            }
        }
    });
    catch_unwind(recovery).unwrap_or_else(|_| {
        Err(StoreError::JournalDamaged {
            path: paths::journal(dir),
            reason: "recovery with this journal failed, which is a defect of edgereel".to_owned(),
        })
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;
    use std::path::Path;

    thread_local! {
        static FAILS: Cell<u32> = const { Cell::new(0) };
    }

    /// Has so many recoveries of this thread fail while there is a tape, like a defect that a file on it causes.
    pub(in crate::store) fn fail(times: u32) {
        FAILS.set(times);
    }

    pub(super) fn may_fail(_dir: &Path) {
        let left = FAILS.get();
        if left > 0 {
            FAILS.set(left - 1);
            panic!("a test asked for it");
        }
    }
}
