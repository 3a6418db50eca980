//! How much strangers may write into the log.

use std::time::Duration;

use tokio::time::Instant;

/// So many lines are written…
const LINES: u32 = 10;
/// … in so long a time; the rest are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Lines about connections that never published.
#[derive(Debug)]
pub(super) struct Notices {
    began: Instant,
    written: u32,
    left_out: u64,
}

impl Notices {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            written: 0,
            left_out: 0,
        }
    }

    /// Whether a line may be written now; if so, how many were left out since the last one.
    pub(super) fn may_write(&mut self, now: Instant) -> Option<u64> {
        if now.saturating_duration_since(self.began) >= WINDOW {
            self.began = now;
            self.written = 0;
        }
        if self.written >= LINES {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_ten_lines_and_a_number() {
        let start = Instant::now();
        let mut notices = Notices::new(start);
        let written = (0..1000).filter(|_| notices.may_write(start).is_some()).count();
        assert_eq!(written, 10);
        assert_eq!(notices.may_write(start + WINDOW), Some(990));
        assert_eq!(notices.may_write(start + WINDOW), Some(0));
    }
}
