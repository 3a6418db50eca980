//! Distinguishes a live publisher from one that sends a file faster than real time.

use crate::media::Micros;

/// A publisher whose media is this far ahead of the clock is not live. An encoder's first burst, its buffers and the network's
/// hiccups stay below. A file that is sent unpaced exceeds it within a read or two.
const TOO_FAR: Micros = 2_000_000;
/// The lead of a publish shrinks by this part of the time that passes: an encoder's clock may be off by some thousandths, and
/// that must not add up over days.
const WEAR: Micros = 50;
/// After a silence the media may be this far behind, and catch up without counting as ahead.
const BEHIND: Micros = 60_000_000;

/// How far a publish's media is ahead of the clock.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    by: Micros,
    media: Option<Micros>,
    boot: Micros,
}

impl Ahead {
    /// Notes that media reaches media time `media` at CLOCK_BOOTTIME `boot`.
    pub(super) fn reach(&mut self, media: Micros, boot: Micros) {
        let before = self.media.unwrap_or(media);
        let gained = media.saturating_sub(before).max(0);
        let passed = match self.media {
            Some(_) => boot.saturating_sub(self.boot).max(0),
            None => 0,
        };
        let by = self.by.saturating_add(gained).saturating_sub(passed);
        let worn = if by > 0 { (by - passed / WEAR).max(0) } else { by };
        self.by = worn.max(-BEHIND);
        self.media = Some(before.max(media));
        self.boot = boot;
    }

    /// True for a publisher that loses nothing when its connection is not read for a while.
    pub(super) fn is_ahead(&self) -> bool {
        self.by > TOO_FAR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    /// A publish whose media goes at `per_mille` of the clock's pace, in steps of a second.
    fn run(ahead: &mut Ahead, seconds: i64, per_mille: i64) {
        for _ in 0..seconds {
            let media = ahead.media.unwrap_or(0) + SECOND * per_mille / 1000;
            ahead.reach(media, ahead.boot + SECOND);
        }
    }

    fn started() -> Ahead {
        let mut ahead = Ahead::default();
        ahead.reach(0, 7 * SECOND);
        ahead
    }

    #[test]
    fn a_file_sent_unpaced_is_known_after_two_seconds_of_it() {
        let mut ahead = started();
        ahead.reach(2 * SECOND, ahead.boot + 1_000);
        assert!(!ahead.is_ahead());
        ahead.reach(3 * SECOND, ahead.boot + 1_000);
        assert!(ahead.is_ahead());
        // The publisher was held up for longer than it was ahead: it counts as live until it hurries again.
        ahead.reach(3 * SECOND, ahead.boot + 9 * SECOND);
        assert!(!ahead.is_ahead());
    }

    #[test]
    fn an_encoder_whose_clock_is_fast_stays_live_for_days() {
        let mut ahead = started();
        run(&mut ahead, 3 * 86_400, 1_005);
        assert!(!ahead.is_ahead(), "{ahead:?}");
        run(&mut ahead, 200, 1_100);
        assert!(ahead.is_ahead(), "{ahead:?}");
    }

    #[test]
    fn what_catches_up_after_a_silence_is_live() {
        let mut ahead = started();
        run(&mut ahead, 100, 1_000);
        // The network is gone for 30 s, then all media of that time comes at once.
        ahead.reach(ahead.media.unwrap() + 40_000, ahead.boot + 30 * SECOND);
        ahead.reach(ahead.media.unwrap() + 30 * SECOND, ahead.boot + 100_000);
        assert!(!ahead.is_ahead(), "{ahead:?}");
    }

    #[test]
    fn a_first_burst_and_a_suspended_box_are_live() {
        let mut ahead = started();
        ahead.reach(1_900_000, ahead.boot + 5_000);
        assert!(!ahead.is_ahead());
        run(&mut ahead, 10, 1_000);
        ahead.reach(ahead.media.unwrap(), ahead.boot + 10 * 3_600 * SECOND);
        run(&mut ahead, 10, 1_000);
        assert!(!ahead.is_ahead());
        assert!(ahead.by >= -BEHIND);
    }
}
