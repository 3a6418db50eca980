//! Bounds the log lines about strangers: clients that were never let in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// The most lines that are written…
const LINES: u32 = 10;
/// … in this time. The rest are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// A line about what one address asks for in vain is written once in this time. An encoder tries again every few seconds, for
/// days.
const AGAIN: Duration = Duration::from_secs(600);
/// The most addresses that are remembered for that.
const ADDRESSES: usize = 256;

/// The lines that were written and left out about clients that were never let in.
#[derive(Debug, Default)]
pub struct Notices {
    began: Duration,
    written: u32,
    left_out: u64,
    named: HashMap<(IpAddr, &'static str), Duration>,
}

impl Notices {
    /// Whether a line may be written at `now` about `what`, which this address asked for in vain. `now` is counted from any
    /// moment.
    pub fn may_name(&mut self, address: IpAddr, what: &'static str, now: Duration) -> bool {
        let key = (address.to_canonical(), what);
        let is_over = |since: &Duration| now.saturating_sub(*since) >= AGAIN;
        if self.named.get(&key).is_some_and(|since| !is_over(since)) {
            return false;
        }
        if self.named.len() >= ADDRESSES {
            self.named.retain(|_, since| !is_over(since));
        }
        // Where too many addresses are remembered, only the number of lines is bounded. Another line says how many were left
        // out.
        if !self.takes_line(now) {
            return false;
        }
        if self.named.len() < ADDRESSES {
            self.named.insert(key, now);
        }
        true
    }

    /// Whether a line may be written now. If so, it gives how many lines were left out since the last one.
    pub fn may_write(&mut self, now: Duration) -> Option<u64> {
        self.takes_line(now).then(|| std::mem::take(&mut self.left_out))
    }

    /// Counts a line as written if there may be another one, and else as left out.
    fn takes_line(&mut self, now: Duration) -> bool {
        if now.saturating_sub(self.began) >= WINDOW {
            self.began = now;
            self.written = 0;
        }
        let may = self.written < LINES;
        if may {
            self.written += 1
        } else {
            self.left_out += 1
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_named_once_in_a_while_for_each_thing_it_asks_in_vain() {
        let start = Duration::from_secs(7);
        let mut notices = Notices::default();
        let (camera, player) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert!(notices.may_name(camera, "a stream without a key", start));
        assert!(!notices.may_name(camera, "a stream without a key", start + WINDOW));
        assert!(notices.may_name(camera, "to play", start + WINDOW));
        assert!(notices.may_name(player, "a stream without a key", start + WINDOW));
        assert!(notices.may_name(camera, "a stream without a key", start + AGAIN));
        for n in 0..10_000_u32 {
            let now = start + AGAIN + WINDOW * (n / 10);
            notices.may_name(IpAddr::from(n.to_be_bytes()), "to play", now);
        }
        assert!(notices.named.len() <= ADDRESSES);
    }

    #[test]
    fn a_flood_is_ten_lines_and_a_number() {
        let start = Duration::from_secs(7);
        let mut notices = Notices::default();
        let written = (0..1000).filter(|_| notices.may_write(start).is_some()).count();
        assert_eq!(written, 10);
        // A line that cannot say how many were left out does not take the number away.
        assert!(notices.may_name(IpAddr::from([10, 0, 0, 1]), "to play", start + WINDOW));
        assert_eq!(notices.may_write(start + WINDOW), Some(990));
        assert_eq!(notices.may_write(start + WINDOW), Some(0));
    }
}
