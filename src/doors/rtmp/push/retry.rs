//! When a push that failed is tried again.

use std::time::Duration;

use tokio::time::Instant;

/// A connection that lasted this long was a good one: the next failure is the first.
const GOOD: Duration = Duration::from_secs(30);
/// The same of one that ended because the server is too slow. A link that is a little too slow takes its time to show that.
const GOOD_AND_SLOW: Duration = Duration::from_secs(600);
/// Somebody is told of failures of one kind so often at most.
const TELLS: Duration = Duration::from_secs(3_600);

/// Why a push ended that should have gone on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server cannot be reached, or was lost: 1 s to a minute.
    Lost,
    /// The server takes less than is sent: the same.
    Slow,
    /// The server refuses the stream: 30 s to 10 minutes. Who asks often is locked out at many servers.
    Refused,
}

/// The failures since media was sent for a while, and when somebody was told of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Retry {
    lost: Failures,
    refused: Failures,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Failures {
    times: u32,
    told: Option<Instant>,
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Then {
    /// The time until the next attempt.
    pub(super) wait: Duration,
    /// True for a failure that was not there before: somebody should know of it. So at most once an hour, however often it comes and
    /// goes.
    pub(super) is_new: bool,
}

impl Retry {
    /// Counts anew: the channel begins again, or media was sent for a while.
    pub(super) fn begin_anew(&mut self) {
        (self.lost.times, self.refused.times) = (0, 0);
    }

    /// What follows a failure at `now`. `lasted` says how long media was sent before; `chance` is any number: it chooses a wait between half of
    /// the full wait and all of it, so that boxes whose server was away do not come back at one moment.
    pub(super) fn after(&mut self, failure: Failure, lasted: Duration, now: Instant, chance: u64) -> Then {
        let good = match failure {
            Failure::Lost | Failure::Refused => GOOD,
            Failure::Slow => GOOD_AND_SLOW,
        };
        if lasted >= good {
            self.begin_anew();
        }
        let (failures, first_ms, most_ms) = match failure {
            Failure::Lost | Failure::Slow => (&mut self.lost, 1_000, 60_000),
            Failure::Refused => (&mut self.refused, 30_000, 600_000),
        };
        let whole_ms = u64::min(first_ms << failures.times.min(16), most_ms);
        let half_ms = whole_ms / 2;
        let was_told = failures
            .told
            .is_some_and(|told| now.saturating_duration_since(told) < TELLS);
        let is_new = failures.times == 0 && !was_told;
        if is_new {
            failures.told = Some(now);
        }
        failures.times = failures.times.saturating_add(1);
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
        let mut now = Instant::now();
        let mut after = |failure, lasted_s| {
            now += Duration::from_secs(lasted_s);
            let then = retry.after(failure, Duration::from_secs(lasted_s), now, 1_023);
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
        assert_eq!(
            after(Failure::Lost, 30),
            (1, false),
            "it was sent for a while, and told of"
        );
        assert_eq!(after(Failure::Lost, 3_600), (1, true), "an hour later");
        let least = Retry::default().after(Failure::Lost, Duration::ZERO, now, 0);
        assert_eq!(least.wait.as_millis(), 500);
    }

    #[test]
    fn a_link_that_is_too_slow_is_told_of_seldom_and_tried_less_and_less() {
        let (mut retry, mut now) = (Retry::default(), Instant::now());
        let day = now + Duration::from_secs(86_400);
        let (mut told, mut tried) = (0, 0);
        while now < day {
            let lasted = Duration::from_secs(100);
            now += lasted;
            let then = retry.after(Failure::Slow, lasted, now, 1_023);
            (told, tried) = (told + u32::from(then.is_new), tried + 1);
            now += then.wait;
        }
        assert_eq!(told, 1);
        assert!(tried < 600, "{tried}");
        let then = retry.after(Failure::Slow, GOOD_AND_SLOW, now, 1_023);
        assert_eq!((then.wait.as_secs(), then.is_new), (1, true));
    }
}
