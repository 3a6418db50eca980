//! Distinguishes a live publisher from one that sends a file faster than real time.

use crate::media::Micros;

/// A publisher whose media is this far ahead of the clock is not live. An encoder's first burst, its buffers and
/// the network's hiccups stay below; a file that is sent flat out is there within a read or two.
const AHEAD: Micros = 2_000_000;
/// A lead wears off by this part of the time that passes: an encoder's clock may be off by some thousandths, and
/// days of that must not add up to a lead.
const WEAR: Micros = 50;
/// After a silence the media may be this far behind, and catch up without counting as ahead.
const BEHIND: Micros = 60_000_000;

/// How far a publish's media is ahead of the clock.
#[derive(Debug, Default)]
pub(super) struct Lead {
    ahead: Micros,
    media: Option<Micros>,
    boot: Micros,
}

impl Lead {
    /// Media reaches up to media time `media`, at CLOCK_BOOTTIME `boot`.
    pub(super) fn reach(&mut self, media: Micros, boot: Micros) {
        let before = self.media.unwrap_or(media);
        let gained = media.saturating_sub(before).max(0);
        let passed = match self.media {
            Some(_) => boot.saturating_sub(self.boot).max(0),
            None => 0,
        };
        let ahead = self.ahead.saturating_add(gained).saturating_sub(passed);
        let worn = if ahead > 0 {
            (ahead - passed / WEAR).max(0)
        } else {
            ahead
        };
        self.ahead = worn.max(-BEHIND);
        self.media = Some(before.max(media));
        self.boot = boot;
    }

    /// True for a publisher that loses nothing when it is not read for a while.
    pub(super) fn is_flat_out(&self) -> bool {
        self.ahead > AHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    /// A publish whose media goes at `per_mille` of the clock's pace, in steps of a second.
    fn run(lead: &mut Lead, seconds: i64, per_mille: i64) {
        for _ in 0..seconds {
            let media = lead.media.unwrap_or(0) + SECOND * per_mille / 1000;
            lead.reach(media, lead.boot + SECOND);
        }
    }

    fn started() -> Lead {
        let mut lead = Lead::default();
        lead.reach(0, 7 * SECOND);
        lead
    }

    #[test]
    fn a_file_sent_flat_out_is_known_after_two_seconds_of_it() {
        let mut lead = started();
        lead.reach(2 * SECOND, lead.boot + 1_000);
        assert!(!lead.is_flat_out());
        lead.reach(3 * SECOND, lead.boot + 1_000);
        assert!(lead.is_flat_out());
        // It was held up for longer than it was ahead: it is as good as live until it hurries again.
        lead.reach(3 * SECOND, lead.boot + 9 * SECOND);
        assert!(!lead.is_flat_out());
    }

    #[test]
    fn an_encoder_whose_clock_is_fast_stays_live_for_days() {
        let mut lead = started();
        run(&mut lead, 3 * 86_400, 1_005);
        assert!(!lead.is_flat_out(), "{lead:?}");
        run(&mut lead, 200, 1_100);
        assert!(lead.is_flat_out(), "{lead:?}");
    }

    #[test]
    fn what_catches_up_after_a_silence_is_live() {
        let mut lead = started();
        run(&mut lead, 100, 1_000);
        // The network is gone for 30 s, then all of it comes at once.
        lead.reach(lead.media.unwrap() + 40_000, lead.boot + 30 * SECOND);
        lead.reach(lead.media.unwrap() + 30 * SECOND, lead.boot + 100_000);
        assert!(!lead.is_flat_out(), "{lead:?}");
    }

    #[test]
    fn a_first_burst_and_a_suspended_box_are_live() {
        let mut lead = started();
        lead.reach(1_900_000, lead.boot + 5_000);
        assert!(!lead.is_flat_out());
        run(&mut lead, 10, 1_000);
        lead.reach(lead.media.unwrap(), lead.boot + 10 * 3_600 * SECOND);
        run(&mut lead, 10, 1_000);
        assert!(!lead.is_flat_out());
        assert!(lead.ahead >= -BEHIND);
    }
}
