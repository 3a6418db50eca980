//! Decides whether edgereel trusts the time before it removes objects by their date. A removal cannot be undone.

use crate::media::{CLOCK_SET, Micros};
use crate::store::is_step;

const SECOND: Micros = 1_000_000;

/// A date is trusted when the clock was not stepped for this long; the tape is kept by the same rule.
pub(super) const TRUSTED_AFTER: Micros = 300 * SECOND;

/// Most that the store's clock may differ from this box's.
const APART: Micros = 86_400 * SECOND;

/// The readings of this box's clock.
#[derive(Debug)]
pub(super) struct Dates {
    /// UTC less CLOCK_BOOTTIME.
    offset: Option<Micros>,
    stepped: Micros,
}

/// The store's clock, compared with this box's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    /// The clocks agree within a day.
    Agrees,
    /// This box's clock or the store's is wrong: they differ by so many seconds.
    Differs(i64),
    /// The answer has no date.
    Silent,
}

impl Dates {
    pub(super) fn new() -> Self {
        Self {
            offset: None,
            stepped: Micros::MIN,
        }
    }

    /// UTC, when the clock is synchronised and was not stepped within [`TRUSTED_AFTER`].
    pub(super) fn trusted(&mut self, boot: Micros, offset: Micros, synced: bool) -> Option<Micros> {
        if self.offset.is_some_and(|before| is_step(before, offset)) {
            self.stepped = boot;
        }
        self.offset = Some(offset);
        let trusted = synced && boot.saturating_sub(self.stepped) >= TRUSTED_AFTER;
        trusted.then(|| boot.saturating_add(offset))
    }
}

/// Compares the clocks. `ahead`: seconds that the store's clock is ahead of this box's.
pub(super) fn agreement(ahead: Option<i64>) -> Agreement {
    match ahead {
        None => Agreement::Silent,
        Some(ahead) if ahead.saturating_abs() > APART / SECOND => Agreement::Differs(ahead),
        Some(_) => Agreement::Agrees,
    }
}

/// The time to date a delivery by: the store's time where this box's clock is certainly wrong.
pub(super) fn dated(utc: Micros, ahead: Option<i64>) -> Micros {
    match agreement(ahead) {
        Agreement::Differs(ahead) => utc.saturating_add(ahead.saturating_mul(SECOND)),
        Agreement::Agrees | Agreement::Silent => utc,
    }
}

/// True of a time that only a clock can tell that was never set.
pub(super) fn was_never_set(utc: Micros) -> bool {
    utc < CLOCK_SET
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEARS: Micros = 10 * 365 * 86_400 * SECOND;

    #[test]
    fn a_step_is_believed_when_it_stays() {
        let (mut dates, utc) = (Dates::new(), 1_780_000_000 * SECOND);
        // The reading at the start dates the box, as it does for the tape.
        assert_eq!(dates.trusted(SECOND, utc, true), Some(utc + SECOND));
        assert_eq!(dates.trusted(2 * SECOND, utc, false), None);
        // The clock is ten years ahead for 16 s.
        for boot in 10..26 {
            assert_eq!(dates.trusted(boot * SECOND, utc + YEARS, true), None);
        }
        assert_eq!(dates.trusted(26 * SECOND, utc, true), None);
        assert_eq!(dates.trusted(325 * SECOND, utc, true), None);
        assert_eq!(dates.trusted(326 * SECOND, utc, true), Some(utc + 326 * SECOND));
        // A clock that is corrected bit by bit was not stepped.
        assert!(dates.trusted(330 * SECOND, utc + SECOND, true).is_some());
        assert!(dates.trusted(335 * SECOND, utc + 2 * SECOND, true).is_some());
    }

    #[test]
    fn the_store_has_a_say() {
        assert_eq!(agreement(None), Agreement::Silent);
        assert_eq!(agreement(Some(-86_400)), Agreement::Agrees);
        assert_eq!(agreement(Some(86_401)), Agreement::Differs(86_401));
        assert_eq!(agreement(Some(i64::MIN)), Agreement::Differs(i64::MIN));
        let utc = 1_780_000_000 * SECOND;
        assert_eq!(dated(utc + YEARS, Some(-YEARS / SECOND)), utc);
        assert_eq!(dated(utc, Some(3_600)), utc);
        assert_eq!(dated(utc, None), utc);
        assert!(was_never_set(0) && !was_never_set(utc));
    }
}
