//! What the link carries, as far as it shows while viewers wait for something.
//!
//! Whatever is handed to the system is out of hand: it holds some megabytes of a connection, and sends them whether
//! something more urgent comes or not. A chunk that viewers wait for shares a slow link with them. So while there are such
//! chunks, files are handed over no faster than the link carries, and hardly any of a file is with the system when a chunk comes.

/// A link that carries more needs no care, bytes a second: what the system holds is gone within a second or so.
const FAST: u64 = 4 << 20;
/// The least that is believed, bytes a second.
const SLOWEST: u64 = 4 << 10;
/// Less says how long the store takes to answer, and nothing of the link.
const SMALL: u64 = 4 << 10;
/// A smaller transfer says nothing about the speed of the link.
const LARGE: u64 = 16 << 10;
/// What goes in less time says that the link is not slow, and not how fast it is. Microseconds.
const SHORT: u64 = 250_000;
/// Where something is under way all the time, the link is looked at this often. Microseconds.
const LONG: u64 = 10_000_000;
/// Viewers are there for so long after something was sent for them: as long as three chunks of 10 s. Microseconds.
const LATELY: u64 = 30_000_000;

/// What became of bytes for which viewers waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The store took so many.
    Arrived(u64),
    /// The store answered and did not take them: it may not have read them either.
    Refused,
    /// There was no answer.
    Failed,
}

/// What files find on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Free,
    /// Microseconds.
    FreeAt(u64),
    /// The link is in use until a transfer ends.
    Taken,
}

/// The link, as seen from what viewers wait for. Times are microseconds.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Bodies for which viewers wait and of which the system does not have all yet.
    going: u32,
    /// Requests for which viewers wait and which are not answered yet.
    under_way: u32,
    /// When a slow link has carried what of them was begun.
    busy_until: u64,
    /// Since when there was one all the time, and the bytes that arrived since; nothing, where some of them did not.
    began: u64,
    arrived: Option<u64>,
    /// When the last transfer ended, microseconds.
    ended: Option<u64>,
    /// What the store takes to answer, without the bytes.
    latency: Option<u64>,
    /// What was carried the last two times, bytes a second; of a link that is not slow nothing.
    rates: [Option<u64>; 2],
}

impl Link {
    /// So many bytes for which viewers wait begin to go.
    pub(super) fn begin(&mut self, bytes: u64, now: u64) {
        if self.under_way == 0 {
            (self.began, self.arrived) = (now, Some(0));
        }
        self.going = self.going.saturating_add(1);
        self.under_way = self.under_way.saturating_add(1);
        if let Some(rate) = self.carried() {
            let takes = bytes.saturating_mul(1_000_000) / rate;
            self.busy_until = self.busy_until.max(now).saturating_add(takes);
        }
    }

    /// The system has all of one of them.
    pub(super) fn handed_over(&mut self) {
        self.going = self.going.saturating_sub(1);
    }

    /// One is not under way any more.
    pub(super) fn end(&mut self, sent: Sent, now: u64) {
        self.under_way = self.under_way.saturating_sub(1);
        self.ended = Some(now);
        match sent {
            Sent::Arrived(bytes) => {
                self.arrived = self.arrived.map(|arrived| arrived.saturating_add(bytes));
            }
            // How long it took says nothing of the link.
            Sent::Refused => self.arrived = None,
            // What a link carries that just failed is not known.
            Sent::Failed => (self.arrived, self.rates) = (None, [None; 2]),
        }
        let took = now.saturating_sub(self.began);
        if self.under_way == 0 || took >= LONG {
            if let Some(arrived) = self.arrived {
                self.learn(arrived, took);
            }
            (self.began, self.arrived) = (now, Some(0));
        }
        if self.under_way == 0 || self.carried().is_none() {
            self.busy_until = now;
        }
    }

    /// Whether the rest has to wait for something on its way. A fast link is free once the system has it, also where the store
    /// takes its time to answer.
    pub(super) fn way(&self, now: u64) -> Way {
        match self.going {
            0 if now >= self.busy_until => Way::Free,
            0 => Way::FreeAt(self.busy_until),
            _ => Way::Taken,
        }
    }

    /// How fast the rest may be handed over, if that has to be said: bytes a second.
    pub(super) fn rate_of_the_rest(&self, now: u64) -> Option<u64> {
        let lately = self.ended.is_some_and(|ended| now < ended.saturating_add(LATELY));
        self.carried().filter(|_| lately || self.under_way > 0)
    }

    /// What a slow link carries. One that was fast once of two times was held up the other time.
    fn carried(&self) -> Option<u64> {
        let both = self.rates[0].zip(self.rates[1]);
        both.map(|(one, other)| one.max(other).max(SLOWEST))
    }

    fn learn(&mut self, arrived: u64, took: u64) {
        if arrived == 0 {
            return;
        }
        if arrived < SMALL {
            // The least that it takes, which may grow slowly: now and then an answer waits behind something else.
            let grown = self.latency.map(|latency| latency + latency / 16 + 1_000);
            self.latency = Some(grown.map_or(took, |grown| grown.min(took)));
            return;
        }
        if arrived < LARGE {
            return;
        }
        // Not more than half of the time is laid to the store: a wrong guess must not make a slow link fast.
        let latency = self.latency.unwrap_or(0).min(took / 2);
        let took = took - latency;
        let rate = arrived.saturating_mul(1_000_000) / took.max(1);
        let slow = took >= SHORT && rate < FAST;
        self.rates = [self.rates[1], slow.then_some(rate)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    /// So many bytes that took so many milliseconds, each second second.
    fn goes(link: &mut Link, now: &mut u64, bytes: u64, millis: u64) {
        link.begin(bytes, *now);
        link.handed_over();
        link.end(Sent::Arrived(bytes), *now + millis * 1_000);
        *now += 2 * SECOND;
    }

    #[test]
    fn files_take_what_a_slow_link_carries_while_viewers_are_there() {
        let (mut link, mut now) = (Link::default(), 0);
        assert_eq!(link.rate_of_the_rest(now), None);
        goes(&mut link, &mut now, 500_000, 1_000);
        // Once is no habit.
        assert_eq!(link.rate_of_the_rest(now), None);
        goes(&mut link, &mut now, 500_000, 2_000);
        assert_eq!(link.rate_of_the_rest(now), Some(500_000));
        goes(&mut link, &mut now, 500_000, 2_000);
        assert_eq!(link.rate_of_the_rest(now), Some(250_000));
        assert_eq!(link.rate_of_the_rest(now + 27 * SECOND), Some(250_000));
        // Nobody watches any more: all of the link is for files.
        assert_eq!(link.rate_of_the_rest(now + 30 * SECOND), None);
    }

    #[test]
    fn a_store_that_is_far_away_is_not_taken_for_a_slow_link() {
        let (mut link, mut now) = (Link::default(), 0);
        for _ in 0..10 {
            goes(&mut link, &mut now, 600_000, 460);
            goes(&mut link, &mut now, 500, 400);
        }
        assert_eq!(link.rate_of_the_rest(now), None);
        // It is slow and far away.
        for _ in 0..2 {
            goes(&mut link, &mut now, 600_000, 2_400);
            goes(&mut link, &mut now, 500, 400);
        }
        assert_eq!(link.rate_of_the_rest(now), Some(300_000));
    }

    #[test]
    fn chunks_of_several_streams_are_seen_together() {
        let (mut link, mut now) = (Link::default(), 0);
        for _ in 0..2 {
            link.begin(100_000, now);
            link.begin(300_000, now + SECOND);
            link.handed_over();
            assert_eq!(link.way(now + SECOND), Way::Taken);
            link.handed_over();
            link.end(Sent::Arrived(100_000), now + 2 * SECOND);
            link.end(Sent::Arrived(300_000), now + 4 * SECOND);
            now += 5 * SECOND;
        }
        assert_eq!(link.way(now), Way::Free);
        assert_eq!(link.rate_of_the_rest(now), Some(100_000));
        // A link that failed is not known.
        link.begin(1, now);
        link.end(Sent::Failed, now + SECOND);
        assert_eq!(link.rate_of_the_rest(now + SECOND), None);
    }

    #[test]
    fn what_the_store_refuses_says_nothing_of_the_link() {
        let (mut link, mut now) = (Link::default(), 0);
        for _ in 0..2 {
            goes(&mut link, &mut now, 500_000, 2_000);
        }
        // Every second one is answered with 503 at once, unread.
        for _ in 0..10 {
            link.begin(500_000, now);
            link.handed_over();
            link.end(Sent::Refused, now + 5_000);
            now += SECOND;
            assert_eq!(link.way(now), Way::Free);
            assert_eq!(link.rate_of_the_rest(now), Some(250_000));
            goes(&mut link, &mut now, 500_000, 2_000);
        }
        // One that arrives while another fails is not a slow one.
        link.begin(500_000, now);
        link.begin(500_000, now);
        link.end(Sent::Failed, now + 5 * SECOND);
        link.end(Sent::Arrived(500_000), now + 6 * SECOND);
        assert_eq!(link.rates, [None; 2]);
    }

    #[test]
    fn a_link_that_is_never_idle_is_looked_at_all_the_same() {
        let (mut link, mut now) = (Link::default(), 0);
        for _ in 0..2 {
            goes(&mut link, &mut now, 200_000, 2_000);
        }
        assert_eq!(link.rate_of_the_rest(now), Some(100_000));
        // Behind: one begins before the other has ended, over a link that is fast by now.
        link.begin(1_000_000, now);
        for _ in 0..100 {
            link.begin(1_000_000, now);
            link.handed_over();
            now += SECOND / 5;
            link.end(Sent::Arrived(1_000_000), now);
        }
        link.handed_over();
        assert_eq!(link.rate_of_the_rest(now), None);
        assert_eq!(link.way(now), Way::Free);
    }

    #[test]
    fn files_wait_for_what_a_slow_link_still_carries_and_not_for_a_slow_answer() {
        let (mut link, mut now) = (Link::default(), 0);
        // Of a link that is not known to be slow nobody waits for the answer.
        link.begin(1_000_000, now);
        assert_eq!(link.way(now), Way::Taken);
        link.handed_over();
        assert_eq!(link.way(now), Way::Free);
        link.end(Sent::Arrived(1_000_000), now + SECOND / 10);
        for _ in 0..2 {
            goes(&mut link, &mut now, 500_000, 1_000);
        }
        // Two seconds of a slow link, and of its store's answer nothing.
        link.begin(1_000_000, now);
        link.handed_over();
        assert_eq!(link.way(now), Way::FreeAt(now + 2 * SECOND));
        assert_eq!(link.way(now + 2 * SECOND), Way::Free);
        // It was quicker than expected.
        link.begin(1_000_000, now + 3 * SECOND);
        link.handed_over();
        link.end(Sent::Arrived(1_000_000), now + 4 * SECOND);
        link.end(Sent::Arrived(1_000_000), now + 4 * SECOND);
        assert_eq!(link.way(now + 4 * SECOND), Way::Free);
    }
}
