//! A token bucket: it gets bytes and the time, and returns waits.

/// The longest burst: an eighth of a second. A longer one would disturb other users of the link.
const BURST: u64 = 8;

#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// Bytes a second; `None` is without a limit.
    rate: Option<u64>,
    /// Bytes that may be taken now; a negative number is a debt.
    left: i64,
    /// The time of `left`, in microseconds.
    at: u64,
}

impl Bucket {
    pub(super) fn new(rate: Option<u64>) -> Self {
        Self {
            rate,
            ..Self::default()
        }
    }

    pub(super) fn rate(&self) -> Option<u64> {
        self.rate
    }

    /// Sets another rate from now on. The debt is cancelled, because it was made at the former rate.
    pub(super) fn set(&mut self, rate: Option<u64>, now: u64) {
        self.fill(now);
        self.rate = rate;
        self.left = self.left.max(0);
        self.fill(now);
    }

    /// Microseconds to wait before bytes may be taken; `None` if they may be taken now.
    pub(super) fn wait(&mut self, now: u64) -> Option<u64> {
        self.fill(now);
        let rate = self.rate.filter(|_| self.left < 0)?;
        let owed = u128::from(self.left.unsigned_abs()) * 1_000_000;
        let wait = owed.div_ceil(u128::from(rate.max(1)));
        Some(u64::try_from(wait).unwrap_or(u64::MAX).max(1))
    }

    /// Takes bytes. A taker may take more than there are, and leave a debt. The next taker waits for that debt, so a taker of
    /// many bytes is not overtaken for ever.
    pub(super) fn take(&mut self, bytes: u64) {
        if self.rate.is_some() {
            self.left = self.left.saturating_sub_unsigned(bytes);
        }
    }

    fn fill(&mut self, now: u64) {
        let passed = u128::from(now.saturating_sub(self.at));
        let Some(rate) = self.rate else {
            self.at = now;
            return;
        };
        let earned = passed * u128::from(rate) / 1_000_000;
        if earned == 0 {
            return;
        }
        self.at = now;
        let most = i64::try_from(rate / BURST).unwrap_or(i64::MAX);
        let earned = i64::try_from(earned).unwrap_or(i64::MAX);
        self.left = self.left.saturating_add(earned).min(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_saved_up_for_more_than_a_burst() {
        let mut bucket = Bucket::new(Some(8_000));
        assert_eq!(bucket.wait(3_600_000_000), None);
        bucket.take(8_000);
        // The bucket had 1,000 bytes, so the debt is 7,000.
        assert_eq!(bucket.wait(3_600_000_000), Some(875_000));
        assert_eq!(bucket.wait(3_600_875_000), None);
    }
}
