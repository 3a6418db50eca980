//! Measures whether a client keeps to its bit rate.

use std::time::Duration;

use super::Reason;
use crate::config::BitRate;

/// How far a client may get ahead of its rate. This covers what an encoder held back while the network was away, and the peaks
/// of a changing picture.
const AHEAD: Duration = Duration::from_secs(10);

/// A bucket that leaks at the allowed rate. In any span of time a client may send what its rate makes of that span and ten
/// seconds more. A client at twice its rate is ended after ten seconds, one at a little more than its rate after minutes.
#[derive(Debug)]
pub struct Meter {
    rate: BitRate,
    /// What is in the bucket, in bytes times nanoseconds, so that nothing is lost to rounding.
    level: u128,
    at: Duration,
}

impl Meter {
    /// A meter for a client that has sent nothing up to `now`, counted from any moment.
    pub fn new(rate: BitRate, now: Duration) -> Self {
        Self {
            rate,
            level: 0,
            at: now,
        }
    }

    /// Counts `bytes` that came at `now`. The error says that the client sends more than its bit rate allows.
    pub fn heard(&mut self, bytes: usize, now: Duration) -> Result<(), Reason> {
        let rate = u128::from(self.rate.bytes());
        let leaked = now.saturating_sub(self.at).as_nanos().saturating_mul(rate);
        let came = u128::try_from(bytes)
            .unwrap_or(u128::MAX)
            .saturating_mul(1_000_000_000);
        self.at = self.at.max(now);
        self.level = self.level.saturating_sub(leaked).saturating_add(came);
        if self.level > AHEAD.as_nanos().saturating_mul(rate) {
            Err(Reason::TooFast(self.rate))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a steady sender is cut off, if within ten minutes. The meter is asked every 80 ms.
    fn cut_off(percent: u64) -> Option<u64> {
        let rate = BitRate::new(8_000_000);
        let mut meter = Meter::new(rate, Duration::from_secs(5));
        let bytes = usize::try_from(rate.bytes() * percent / 100 * 80 / 1000).unwrap();
        (1..7_500)
            .map(|tick| Duration::from_secs(5) + Duration::from_millis(80) * tick)
            .find(|now| meter.heard(bytes, *now).is_err())
            .map(|now| now.as_secs() - 5)
    }

    #[test]
    fn a_publish_within_its_rate_goes_on_and_one_above_is_ended() {
        assert_eq!(cut_off(100), None);
        assert_eq!(cut_off(99), None);
        assert_eq!(cut_off(200), Some(10));
        assert_eq!(cut_off(110), Some(99));
        assert_eq!(cut_off(10_000), Some(0));
    }

    #[test]
    fn a_burst_is_borne_and_the_next_has_to_wait() {
        let mut meter = Meter::new(BitRate::new(8_000_000), Duration::ZERO);
        assert_eq!(meter.heard(10_000_000, Duration::ZERO), Ok(()));
        assert_eq!(meter.heard(2_000_000, Duration::from_secs(2)), Ok(()));
        assert!(meter.heard(1, Duration::from_secs(2)).is_err());
        // A clock that goes back leaks nothing.
        assert!(meter.heard(0, Duration::ZERO).is_err());
        assert_eq!(
            meter.heard(usize::MAX, Duration::from_secs(3)),
            Err(Reason::TooFast(BitRate::new(8_000_000)))
        );
    }
}
