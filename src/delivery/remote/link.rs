//! Measures what the link carries, as far as transfers that viewers wait for show it.
//!
//! Bytes that were handed to the system cannot be held back: the system buffers some megabytes of a connection, and sends them
//! even if a more urgent body comes. A chunk that viewers wait for shares a slow link with these bytes. So while there are such
//! chunks, files are handed over no faster than the link carries. Then the system holds hardly any bytes of a file when a chunk
//! comes.

/// Bytes a second of a link that needs no care: what the system holds is sent within a second or so.
const FAST: u64 = 4 << 20;
/// The lowest rate that is believed, bytes a second.
const SLOWEST: u64 = 4 << 10;
/// A transfer of fewer bytes shows how long the store takes to answer, and nothing of the link.
const SMALL: u64 = 4 << 10;
/// A smaller transfer says nothing about the speed of the link.
const LARGE: u64 = 16 << 10;
/// A transfer that takes less time shows that the link is not slow, and not how fast it is. Microseconds.
const SHORT: u64 = 250_000;
/// While transfers follow each other without a pause, the link is measured this often. Microseconds.
const LONG: u64 = 10_000_000;
/// Viewers are assumed to be there for this long after a transfer for them: as long as three chunks of 10 s. Microseconds.
const LATELY: u64 = 30_000_000;

/// The outcome of a transfer that viewers waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The store took so many bytes.
    Arrived(u64),
    /// The store answered and did not take the bytes: it may not have read them either.
    Refused,
    /// There was no answer.
    Failed,
}

/// The state of the link for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Free,
    /// The link is in use until this time, in microseconds.
    FreeAt(u64),
    /// The link is in use until a transfer ends.
    Taken,
}

/// The link, as the transfers that viewers wait for show it. Times are microseconds.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Bodies that viewers wait for, and of which the system does not have all bytes yet.
    going: u32,
    /// Requests that viewers wait for, and that are not answered yet.
    under_way: u32,
    /// The time at which a slow link has carried the bytes of the requests that were begun.
    busy_until: u64,
    /// The beginning of the present run of such requests without a pause, and the bytes that arrived since; `None` where some
    /// did not arrive.
    began: u64,
    arrived: Option<u64>,
    /// When the last transfer ended, microseconds.
    ended: Option<u64>,
    /// The time that the store takes to answer, without the bytes.
    latency: Option<u64>,
    /// The last two measured rates, bytes a second; `None` for a link that is not slow.
    rates: [Option<u64>; 2],
}

impl Link {
    /// A transfer of so many bytes begins that viewers wait for.
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

    /// The system has all bytes of one such body.
    pub(super) fn handed_over(&mut self) {
        self.going = self.going.saturating_sub(1);
    }

    /// One such request has ended.
    pub(super) fn end(&mut self, sent: Sent, now: u64) {
        self.under_way = self.under_way.saturating_sub(1);
        self.ended = Some(now);
        match sent {
            Sent::Arrived(bytes) => {
                self.arrived = self.arrived.map(|arrived| arrived.saturating_add(bytes));
            }
            // The time of a refused request says nothing of the link.
            Sent::Refused => self.arrived = None,
            // The rate of a link that just failed is not known.
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

    /// Whether files have to wait for a body that is being sent. A fast link is free once the system has the body, even if the
    /// store takes its time to answer.
    pub(super) fn way(&self, now: u64) -> Way {
        match self.going {
            0 if now >= self.busy_until => Way::Free,
            0 => Way::FreeAt(self.busy_until),
            _ => Way::Taken,
        }
    }

    /// The limit for handing over files, if there is one: bytes a second.
    pub(super) fn rate_of_the_rest(&self, now: u64) -> Option<u64> {
        let lately = self.ended.is_some_and(|ended| now < ended.saturating_add(LATELY));
        self.carried().filter(|_| lately || self.under_way > 0)
    }

    /// The rate of a slow link. If one of two measurements was fast, the other one was held up.
    fn carried(&self) -> Option<u64> {
        let both = self.rates[0].zip(self.rates[1]);
        both.map(|(one, other)| one.max(other).max(SLOWEST))
    }

    fn learn(&mut self, arrived: u64, took: u64) {
        if arrived == 0 {
            return;
        }
        if arrived < SMALL {
            // The smallest time is kept, and may grow slowly: now and then an answer waits behind other bytes.
            let grown = self.latency.map(|latency| latency + latency / 16 + 1_000);
            self.latency = Some(grown.map_or(took, |grown| grown.min(took)));
            return;
        }
        if arrived < LARGE {
            return;
        }
        // At most half of the time is attributed to the store: a wrong guess must not make a slow link fast.
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

    /// Each second a transfer of so many bytes takes so many milliseconds.
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
        // One measurement is not enough.
        assert_eq!(link.rate_of_the_rest(now), None);
        goes(&mut link, &mut now, 500_000, 2_000);
        assert_eq!(link.rate_of_the_rest(now), Some(500_000));
        goes(&mut link, &mut now, 500_000, 2_000);
        assert_eq!(link.rate_of_the_rest(now), Some(250_000));
        assert_eq!(link.rate_of_the_rest(now + 27 * SECOND), Some(250_000));
        // No viewer watches any more: files have the whole link.
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
        // The link is slow and the store is far away.
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
        // The rate of a link that failed is not known.
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
        // Every second request is answered with 503 at once, unread.
        for _ in 0..10 {
            link.begin(500_000, now);
            link.handed_over();
            link.end(Sent::Refused, now + 5_000);
            now += SECOND;
            assert_eq!(link.way(now), Way::Free);
            assert_eq!(link.rate_of_the_rest(now), Some(250_000));
            goes(&mut link, &mut now, 500_000, 2_000);
        }
        // A transfer that arrives while another fails does not make the link slow.
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
        // The transfer is behind: one request begins before the other has ended, over a link that is fast by now.
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
        // On a link that is not known to be slow, files do not wait for the answer.
        link.begin(1_000_000, now);
        assert_eq!(link.way(now), Way::Taken);
        link.handed_over();
        assert_eq!(link.way(now), Way::Free);
        link.end(Sent::Arrived(1_000_000), now + SECOND / 10);
        for _ in 0..2 {
            goes(&mut link, &mut now, 500_000, 1_000);
        }
        // Files wait for the two seconds that the bytes take on the slow link, and not for the store's answer.
        link.begin(1_000_000, now);
        link.handed_over();
        assert_eq!(link.way(now), Way::FreeAt(now + 2 * SECOND));
        assert_eq!(link.way(now + 2 * SECOND), Way::Free);
        // The link was quicker than expected.
        link.begin(1_000_000, now + 3 * SECOND);
        link.handed_over();
        link.end(Sent::Arrived(1_000_000), now + 4 * SECOND);
        link.end(Sent::Arrived(1_000_000), now + 4 * SECOND);
        assert_eq!(link.way(now + 4 * SECOND), Way::Free);
    }
}
