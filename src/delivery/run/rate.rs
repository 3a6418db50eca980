//! How fast deliveries are sent just now.

use std::collections::VecDeque;

use crate::media::Micros;

const SECOND: Micros = 1_000_000;

/// The rate is measured over this time.
const WINDOW: Micros = 10 * SECOND;

/// What was sent at which time, one entry a second, over [`WINDOW`].
#[derive(Default)]
pub(super) struct Rate {
    sent: VecDeque<(Micros, u64)>,
}

impl Rate {
    /// Notes that `sent` bytes were sent until `now`, a time since the boot.
    pub(super) fn measure(&mut self, now: Micros, sent: u64) {
        let last = self.sent.back().map_or(Micros::MIN, |(at, _)| *at);
        if now.saturating_sub(last) >= SECOND {
            self.sent.push_back((now, sent));
        }
        let is_old = |at: Micros| now.saturating_sub(at) > WINDOW;
        while self.sent.len() > 1 && self.sent.front().is_some_and(|(at, _)| is_old(*at)) {
            self.sent.pop_front();
        }
    }

    /// Bytes a second, where `sent` bytes were sent until `now`.
    pub(super) fn per_second(&self, now: Micros, sent: u64) -> u64 {
        let Some((since, before)) = self.sent.front() else {
            return 0;
        };
        let micros = now.saturating_sub(*since).max(SECOND).unsigned_abs();
        sent.saturating_sub(*before).saturating_mul(1_000) / (micros / 1_000).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_ten_seconds() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(0, 0), 0);
        for second in 0..30 {
            let sent = if second < 15 { 0 } else { (second - 14) * 1_000 };
            rate.measure(second * SECOND, sent.unsigned_abs());
        }
        assert_eq!(rate.per_second(29 * SECOND, 15_000), 1_000);
        assert!(rate.sent.len() <= 11);
    }
}
