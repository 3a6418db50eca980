//! The time to wait before the next attempt.

use crate::media::Micros;

const SECOND: Micros = 1_000_000;

/// Waits that double up to a maximum, with jitter: a thousand boxes whose store was away do not come back at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    first: Micros,
    most: Micros,
}

impl Backoff {
    /// For a store that cannot be reached, or is too busy: 1 s to a minute.
    pub(super) const STORE: Backoff = Backoff {
        first: SECOND,
        most: 60 * SECOND,
    };
    /// For a store in whose place another server answers, usually with a login page: 1 to 8 s. A request costs the box little,
    /// and nothing else tells when the network is back.
    pub(super) const PORTAL: Backoff = Backoff {
        first: SECOND,
        most: 8 * SECOND,
    };
    /// For an object that the store refuses: 2 s to an hour.
    pub(super) const OBJECT: Backoff = Backoff {
        first: 2 * SECOND,
        most: 3_600 * SECOND,
    };

    /// The wait after so many failures in a row, 1 or more. `chance` is any number: it chooses a wait between half of the full
    /// wait and all of it.
    pub(super) fn after(self, failures: u32, chance: u64) -> Micros {
        let doubled = failures.saturating_sub(1).min(30);
        let whole = self.first.saturating_mul(1 << doubled).min(self.most);
        let half = whole / 2;
        let part = i64::try_from(chance % 1_024).unwrap_or(0);
        half + half * part / 1_023
    }
}

/// The schedule of work that is done again and again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Periodic {
    next: Micros,
    every: Micros,
}

impl Periodic {
    pub(super) fn new(first: Micros, every: Micros) -> Self {
        Self { next: first, every }
    }

    /// True once when the work is due.
    pub(super) fn is_due(&mut self, now: Micros) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now.saturating_add(self.every);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_periodic_is_due_once_for_each_time() {
        let mut day = Periodic::new(100, 1_000);
        let due: Vec<Micros> = (0..3_000).filter(|now| day.is_due(*now)).collect();
        assert_eq!(due, [100, 1_100, 2_100]);
    }

    #[test]
    fn waits_double_and_have_an_end() {
        for (failures, whole) in [(1, 1), (2, 2), (3, 4), (7, 60), (400, 60)] {
            let (least, most) = (
                Backoff::STORE.after(failures, 0),
                Backoff::STORE.after(failures, 1_023),
            );
            assert_eq!((least, most), (whole * SECOND / 2, whole * SECOND), "{failures}");
        }
        assert_eq!(Backoff::PORTAL.after(30, 1_023), 8 * SECOND);
        let waits: std::collections::BTreeSet<_> =
            (0..500).map(|chance| Backoff::OBJECT.after(4, chance)).collect();
        assert!(waits.len() > 400);
    }
}
