//! How a store comes up: its journal is opened, or set aside and made again, and what the last run left is repaired.
//!
//! What it promises: media that can be read is never deleted, a crash at any point of it is repaired by the next start,
//! and doing it twice does no more than doing it once.
//!
//! | module | what it is |
//! |---|---|
//! | `aside` | a journal that cannot be gone on with, moved out of the way |
//! | `repair` | every file against its row |
//! | `adopt`, `salvage` | files without a row, and what they hold behind a damaged place |
//! | `gone` | what was deleted on request, and must not come back |
//! | `strays` | what belongs nowhere, and `lost+found` |

mod adopt;
mod aside;
mod gone;
mod repair;
mod salvage;
mod strays;

use std::path::Path;

use super::clock::Clock;
use super::disk::Disk;
use super::error::Unusable;
use super::journal::Journal;
use super::{RecoveryReport, StoreError};

pub(super) use self::aside::{Aside, condemn, folders};
#[cfg(test)]
pub(super) use self::repair::recover;
pub(super) use self::repair::{Live, Occasion, recover_as};
pub(super) use self::strays::stray_name;

/// Opens the journal of a storage directory and recovers. Afterwards no segment, recording or publish is open.
///
/// A journal that is damaged, or a later release's, is set aside and a new one made from the files of the tape. An error
/// of the file system, or of another process that holds the journal, sets nothing aside: it is returned.
pub(super) fn start(
    dir: &Path,
    disk: &dyn Disk,
    clock: &dyn Clock,
    occasion: Occasion<'_>,
) -> Result<(Journal, RecoveryReport), StoreError> {
    let mut aside = Aside::pending(dir)?;
    let mut first = true;
    if aside.is_none() && aside::is_emptied(dir, disk) {
        first = false;
        aside = Some(Aside::begin(dir, &Unusable::Damaged("it is empty".to_owned()))?);
    }
    loop {
        if let Some(aside) = &aside {
            aside.carry_out(dir)?;
        }
        match attempt(dir, disk, clock, occasion, aside.as_ref()) {
            Ok((journal, report)) => {
                if let Some(aside) = aside {
                    aside.told(dir)?;
                }
                return Ok((journal, report));
            }
            Err(error) => match error.journal_unusable().filter(|_| first) {
                // Once a start: a journal that was made a moment ago and is damaged is not helped by a third.
                Some(why) => {
                    first = false;
                    if let Some(before) = aside.take() {
                        before.told(dir)?;
                    }
                    aside = Some(Aside::begin(dir, &why)?);
                }
                None => return Err(error),
            },
        }
    }
}

fn attempt(
    dir: &Path,
    disk: &dyn Disk,
    clock: &dyn Clock,
    occasion: Occasion<'_>,
    aside: Option<&Aside>,
) -> Result<(Journal, RecoveryReport), StoreError> {
    let mut journal = Journal::open(dir)?;
    let set_aside = aside.map(|aside| aside.event(dir));
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
}
