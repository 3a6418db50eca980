//! When a sample is sent: in time, at once, or not over this connection.

use std::time::Duration;

use crate::media::Micros;

/// Samples are sent up to so much before their time, together: fewer and larger packets.
const AHEAD_US: Micros = 40_000;
/// A server that is so much behind is too slow.
pub(super) const MOST_LAG: Duration = Duration::from_secs(10);
/// [`MOST_LAG`] in microseconds.
const MOST_LAG_US: Micros = 10_000_000;
/// A sample that was sent is due by then, or so much later. Where it is due later still, the clock was set back.
const MOST_EARLY_US: Micros = 30_000_000;

/// What becomes of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is sent now.
    Now,
    /// It is sent when it is due.
    Wait,
    /// It is not of this moment: the clock was set, or the box or its storage device stood still.
    Elsewhere,
    /// The server took too long for what was sent before.
    Slow,
}

/// What is known of the time of the samples of a connection.
#[derive(Debug, Default)]
pub(super) struct Timing {
    /// UTC at which the last sample was due.
    last_due: Option<Micros>,
    /// How late the first sample was sent, in microseconds: a GOP at most.
    burst_us: Micros,
    /// How long the server took since samples were last in time, in microseconds.
    taken_us: Micros,
}

impl Timing {
    /// Begins with a sample.
    pub(super) fn enters(&mut self, due: Micros, now: Micros) {
        *self = Self {
            burst_us: now.saturating_sub(due).max(0),
            ..Self::default()
        };
    }

    /// Counts time for which the server was waited for.
    pub(super) fn took(&mut self, time: Duration) {
        let more_us = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        self.taken_us = self.taken_us.saturating_add(more_us);
    }

    /// What becomes of the next sample.
    pub(super) fn turn(&mut self, due: Micros, now: Micros) -> Turn {
        if self
            .last_due
            .is_some_and(|last| is_set_back(0, last.saturating_sub(now)))
        {
            return Turn::Elsewhere;
        }
        self.last_due = Some(due);
        let late_us = now.saturating_sub(due);
        if late_us <= self.burst_us {
            self.taken_us = 0;
        }
        if late_us > self.burst_us.saturating_add(MOST_LAG_US) {
            let is_slow = self.taken_us > MOST_LAG_US / 2;
            return if is_slow { Turn::Slow } else { Turn::Elsewhere };
        }
        if late_us < -AHEAD_US {
            Turn::Wait
        } else {
            Turn::Now
        }
    }
}

/// True where the clock was set back: a moment that was to come in `whole_us` is still to come in `left_us`.
pub(super) fn is_set_back(whole_us: Micros, left_us: Micros) -> bool {
    left_us > whole_us.max(0).saturating_add(MOST_EARLY_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Micros = 1_000_000;

    #[test]
    fn a_sample_waits_for_its_time_and_never_for_a_clock_that_was_set_back() {
        let mut timing = Timing::default();
        timing.enters(100 * S, 102 * S);
        assert_eq!(timing.turn(100 * S, 102 * S), Turn::Now, "the first GOP at once");
        assert_eq!(timing.turn(102 * S, 102 * S), Turn::Now);
        assert_eq!(timing.turn(102 * S + AHEAD_US, 102 * S), Turn::Now);
        assert_eq!(timing.turn(103 * S, 102 * S), Turn::Wait);
        // Two pictures may be a minute apart.
        assert_eq!(timing.turn(163 * S, 103 * S), Turn::Wait);
        // The clock is set back by an hour between two samples, and by a second.
        assert_eq!(timing.turn(164 * S, 163 * S - 3_600 * S), Turn::Elsewhere);
        assert_eq!(timing.turn(164 * S, 162 * S), Turn::Wait);
        assert!(!is_set_back(60 * S, 61 * S) && is_set_back(60 * S, 3_600 * S));
        assert!(!is_set_back(-S, 0) && is_set_back(-S, 31 * S));
    }

    #[test]
    fn a_server_is_slow_by_the_time_that_it_takes_and_not_by_the_clock() {
        let behind = |took: Duration| {
            let mut timing = Timing::default();
            timing.enters(100 * S, 100 * S);
            assert_eq!(timing.turn(100 * S, 100 * S), Turn::Now);
            timing.took(took);
            timing.turn(101 * S, 111 * S + 1)
        };
        assert_eq!(behind(Duration::from_secs(10)), Turn::Slow);
        // The clock was set forward, the box was suspended, or the storage device stood still.
        assert_eq!(behind(Duration::from_millis(20)), Turn::Elsewhere);
        // What it took before samples were in time again does not count.
        let mut timing = Timing::default();
        timing.enters(100 * S, 100 * S);
        timing.took(Duration::from_secs(9));
        assert_eq!(timing.turn(101 * S, 110 * S), Turn::Now);
        assert_eq!(timing.turn(111 * S, 111 * S), Turn::Now);
        assert_eq!(timing.turn(112 * S, 3_600 * S), Turn::Elsewhere);
    }
}
