//! When a push that failed is tried again.

use std::time::Duration;

/// A connection that lasted this long was a good one: the next failure is the first.
const GOOD: Duration = Duration::from_secs(30);

/// Why a push ended that should have gone on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server cannot be reached, or was lost, or is too slow: 1 s to a minute.
    Lost,
    /// The server refuses the stream: 30 s to 10 minutes. Who asks often is locked out at many servers.
    Refused,
}

/// The failures since media was sent for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Retry {
    lost: u32,
    refused: u32,
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Then {
    /// The time until the next attempt.
    pub(super) wait: Duration,
    /// True for a failure that was not there before: somebody should know of it.
    pub(super) is_new: bool,
}

impl Retry {
    /// What follows a failure. `lasted` says how long media was sent before; `chance` is any number: it chooses a wait between half of
    /// the full wait and all of it, so that boxes whose server was away do not come back at one moment.
    pub(super) fn after(&mut self, failure: Failure, lasted: Duration, chance: u64) -> Then {
        if lasted >= GOOD {
            *self = Self::default();
        }
        let (times, first_ms, most_ms) = match failure {
            Failure::Lost => (&mut self.lost, 1_000, 60_000),
            Failure::Refused => (&mut self.refused, 30_000, 600_000),
        };
        let whole_ms = u64::min(first_ms << (*times).min(16), most_ms);
        let half_ms = whole_ms / 2;
        let is_new = *times == 0;
        *times = times.saturating_add(1);
        Then {
            wait: Duration::from_millis(half_ms + half_ms * (chance % 1_024) / 1_023),
            is_new,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_a_server_that_refuses_is_asked_seldom() {
        let mut retry = Retry::default();
        let mut after = |failure, lasted_s| {
            let then = retry.after(failure, Duration::from_secs(lasted_s), 1_023);
            (then.wait.as_secs(), then.is_new)
        };
        let lost: Vec<(u64, bool)> = (0..8).map(|_| after(Failure::Lost, 0)).collect();
        let waits = [1, 2, 4, 8, 16, 32, 60, 60];
        assert_eq!(lost, waits.map(|wait| (wait, wait == 1)));
        let refused: Vec<(u64, bool)> = (0..6).map(|_| after(Failure::Refused, 0)).collect();
        assert_eq!(
            refused,
            [30, 60, 120, 240, 480, 600].map(|wait| (wait, wait == 30))
        );
        assert_eq!(after(Failure::Lost, 29), (60, false), "both fail in turn");
        assert_eq!(after(Failure::Lost, 30), (1, true), "it was sent for a while");
        let least = Retry::default().after(Failure::Lost, Duration::ZERO, 0);
        assert_eq!(least.wait.as_millis(), 500);
    }
}
