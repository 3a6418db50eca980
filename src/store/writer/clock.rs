//! The writer's belief about the clocks of this boot. Pure.

use crate::media::Micros;
use crate::store::clock::is_step;
use crate::store::journal;

/// How often the clock is checked while nothing is recorded. Two steps of the clock are followed at least so far apart: a clock
/// that jumps to and fro must not fill the outbox.
const LOOK: Micros = 10_000_000;
/// A date must have gone uncorrected for this long before it decides something that cannot be undone.
const TRUSTED: Micros = 300_000_000;

/// The date of this boot: UTC is one offset from CLOCK_BOOTTIME for the whole of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct BootClock {
    boot: [u8; 16],
    utc_offset: Micros,
    /// The clock was believed at some time of this boot.
    synced: bool,
    /// CLOCK_BOOTTIME when the boot was last dated anew.
    dated: Micros,
    /// CLOCK_BOOTTIME when the clock was last checked while nothing is recorded.
    looked: Micros,
}

/// The clocks of the machine at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// CLOCK_BOOTTIME.
    pub(super) boot: Micros,
    /// UTC less CLOCK_BOOTTIME.
    pub(super) utc_offset: Micros,
    /// UTC can be believed: the clock is synchronised.
    pub(super) synced: bool,
}

impl BootClock {
    pub(super) fn new(boot: [u8; 16], utc_offset: Micros, synced: bool) -> Self {
        Self {
            boot,
            utc_offset,
            synced,
            dated: Micros::MIN,
            looked: Micros::MIN,
        }
    }

    /// The kernel's id of this boot.
    pub(super) fn boot(&self) -> [u8; 16] {
        self.boot
    }

    /// UTC less CLOCK_BOOTTIME.
    pub(super) fn utc_offset(&self) -> Micros {
        self.utc_offset
    }

    /// The clock was believed at some time of this boot.
    pub(super) fn synced(&self) -> bool {
        self.synced
    }

    /// UTC at a moment of CLOCK_BOOTTIME.
    pub(super) fn utc(&self, boot: Micros) -> Micros {
        boot.saturating_add(self.utc_offset)
    }

    /// True when retention may act on the date. A clock that was stepped a moment ago may be stepped back, so its date is not
    /// trusted yet.
    pub(super) fn is_trusted(&self, boot: Micros) -> bool {
        self.synced && boot.saturating_sub(self.dated) >= TRUSTED
    }

    /// True once in a while, also when nothing is recorded: then the clock is checked.
    pub(super) fn is_look_due(&mut self, boot: Micros) -> bool {
        let due = boot.saturating_sub(self.looked) >= LOOK;
        if due {
            self.looked = boot;
        }
        due
    }

    /// True when a reading with this offset may change the date. Only then the rest of the reading is worth asking for.
    pub(super) fn may_move(&self, utc_offset: Micros) -> bool {
        !self.synced || is_step(self.utc_offset, utc_offset)
    }

    /// Dates the boot anew when the clock is first believed, and when it is stepped: a clock that is set late was wrong from
    /// the start of the boot. Returns by how much all dates move.
    pub(super) fn follow(&mut self, now: Reading) -> Option<Micros> {
        let first = now.synced && !self.synced;
        // A clock that is no longer synchronised cannot correct one that was.
        let stepped = is_step(self.utc_offset, now.utc_offset) && now.synced >= self.synced;
        let follows = stepped && now.boot.saturating_sub(self.dated) >= LOOK;
        if !first && !follows {
            return None;
        }
        let moved = now.utc_offset.saturating_sub(self.utc_offset);
        self.synced |= now.synced;
        self.utc_offset = now.utc_offset;
        self.dated = now.boot;
        Some(moved)
    }

    /// The clocks as the journal stores them.
    pub(super) fn row(&self) -> journal::BootClock {
        journal::BootClock {
            boot: self.boot,
            utc_offset: self.utc_offset,
            synced: self.synced,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Micros = 3_600_000_000;

    fn reading(boot: Micros, utc_offset: Micros, synced: bool) -> Reading {
        Reading {
            boot,
            utc_offset,
            synced,
        }
    }

    #[test]
    fn the_first_synchronisation_dates_the_boot_whatever_the_time() {
        let mut clock = BootClock::new([1; 16], 0, false);
        assert!(
            clock.may_move(0),
            "a clock that was never believed is always asked"
        );
        assert_eq!(clock.follow(reading(1, 0, false)), None);
        assert_eq!(clock.follow(reading(2, 0, true)), Some(0));
        assert!(clock.synced());
        assert!(!clock.may_move(1_000_000), "what NTP corrects is no step");
    }

    #[test]
    fn a_step_is_followed_and_the_next_one_only_after_a_while() {
        let mut clock = BootClock::new([1; 16], 0, true);
        assert!(clock.may_move(HOUR));
        assert_eq!(clock.follow(reading(0, HOUR, true)), Some(HOUR));
        assert_eq!(clock.utc(5), HOUR + 5);
        assert_eq!(clock.follow(reading(LOOK - 1, 0, true)), None);
        assert_eq!(clock.follow(reading(LOOK, 0, true)), Some(-HOUR));
        assert_eq!(clock.row().utc_offset, 0);
    }

    #[test]
    fn a_clock_that_is_not_believed_any_more_moves_nothing() {
        let mut clock = BootClock::new([1; 16], HOUR, true);
        assert_eq!(clock.follow(reading(LOOK, 0, false)), None);
        assert!(clock.synced() && clock.utc_offset() == HOUR);
        // A clock that was never synchronised is followed: there is no better one.
        let mut clock = BootClock::new([1; 16], 0, false);
        assert_eq!(clock.follow(reading(LOOK, HOUR, false)), Some(HOUR));
        assert!(!clock.synced());
    }

    #[test]
    fn a_date_is_trusted_when_it_stood_for_a_while() {
        let mut clock = BootClock::new([1; 16], 0, true);
        assert!(clock.is_trusted(0), "the journal had it before");
        assert!(clock.follow(reading(HOUR, HOUR, true)).is_some());
        assert!(!clock.is_trusted(HOUR + TRUSTED - 1));
        assert!(clock.is_trusted(HOUR + TRUSTED));
        assert!(!BootClock::new([1; 16], 0, false).is_trusted(HOUR));
    }

    #[test]
    fn the_clock_is_looked_at_once_in_a_while() {
        let mut clock = BootClock::new([1; 16], 0, true);
        assert!(clock.is_look_due(5));
        assert!(!clock.is_look_due(4 + LOOK));
        assert!(clock.is_look_due(5 + LOOK));
    }
}
