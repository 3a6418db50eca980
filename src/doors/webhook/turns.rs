//! Whose turn it is: which of the recordings that wait for an answer is asked about next.
//!
//! Recordings are taken in rounds, from the oldest to the newest, a page of the journal after the other. One that failed comes again
//! in a later round, so it keeps no other from its turn.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::media::RecordingId;

/// What is to be done now.
#[derive(Debug, PartialEq)]
pub(super) enum Turn {
    Ask(RecordingId),
    /// The page behind the cursor is to be read.
    ReadOn,
    /// Nothing is due before this time, if it is known.
    Wait(Option<Instant>),
}

#[derive(Default)]
pub(super) struct Turns {
    /// The cursor: the place of the recording that was looked at last. 0: a round begins.
    after: i64,
    /// Somebody had a turn in this round.
    asked: bool,
    /// Recordings of this round that failed before.
    seen: HashSet<RecordingId>,
    /// Recordings without a usable answer: when each is due again, and why.
    failed: BTreeMap<RecordingId, (Instant, String)>,
}

impl Turns {
    /// The cursor.
    pub(super) fn after(&self) -> i64 {
        self.after
    }

    /// Whose turn it is. `page` is what waits behind the cursor, with the place of each in order, and `is_last` says that no more is
    /// behind it. With `tries`, the service was away: one that failed is asked about, where no other is due.
    pub(super) fn next(
        &mut self,
        page: &[(i64, RecordingId)],
        is_last: bool,
        (now, tries): (Instant, bool),
    ) -> Turn {
        for (place, id) in page {
            self.after = *place;
            let due = self.failed.get(id).map(|(due, _)| *due);
            if due.is_some() {
                self.seen.insert(*id);
            }
            if due.is_none_or(|due| due <= now) {
                self.asked = true;
                return Turn::Ask(*id);
            }
        }
        if !is_last {
            return Turn::ReadOn;
        }
        let seen = std::mem::take(&mut self.seen);
        self.after = 0;
        if std::mem::take(&mut self.asked) {
            return Turn::ReadOn;
        }
        // Nobody had a turn, so all were looked at: the others are settled.
        self.failed.retain(|id, _| seen.contains(id));
        let first = self.failed.iter().min_by_key(|(_, (due, _))| *due);
        match first {
            Some((id, _)) if tries => Turn::Ask(*id),
            first => Turn::Wait(first.map(|(_, (due, _))| *due)),
        }
    }

    /// The recording is due again after this time.
    pub(super) fn failed(&mut self, id: RecordingId, after: Duration, reason: String) {
        self.failed.insert(id, (Instant::now() + after, reason));
    }

    pub(super) fn settled(&mut self, id: RecordingId) {
        self.failed.remove(&id);
    }

    /// True where one failed for this reason.
    pub(super) fn is_known(&self, reason: &str) -> bool {
        self.failed.values().any(|(_, known)| known == reason)
    }

    /// When the newest one that failed is due again, and why.
    pub(super) fn fault(&self) -> Option<&(Instant, String)> {
        self.failed.values().next_back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(60);

    fn id(n: i64) -> RecordingId {
        RecordingId::from_bytes([u8::try_from(n).unwrap(); 16])
    }

    /// Asks about what waits, in pages of two, until nothing is due; `answers` says of which the service answers.
    fn round(
        turns: &mut Turns,
        waiting: &mut Vec<i64>,
        tries: bool,
        answers: impl Fn(i64) -> bool,
    ) -> Vec<i64> {
        let mut asked = Vec::new();
        for _ in 0..100 {
            let behind = waiting.iter().filter(|n| **n > turns.after());
            let page: Vec<_> = behind.take(2).map(|n| (*n, id(*n))).collect();
            match turns.next(&page, page.len() < 2, (Instant::now(), tries)) {
                Turn::Ask(of) => {
                    let n = (1..100).find(|n| id(*n) == of).unwrap();
                    asked.push(n);
                    if answers(n) {
                        waiting.retain(|other| *other != n);
                        turns.settled(of);
                    } else {
                        turns.failed(of, EVERY, "why".to_owned());
                        if tries {
                            return asked;
                        }
                    }
                }
                Turn::ReadOn => {}
                Turn::Wait(_) => return asked,
            }
        }
        panic!("it does not end: {asked:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_keeps_nobody_from_a_turn_and_comes_again() {
        let (mut turns, mut waiting) = (Turns::default(), (1..=7).collect());
        let odd = |n: i64| n % 2 == 0;
        assert_eq!(round(&mut turns, &mut waiting, false, odd), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(round(&mut turns, &mut waiting, false, odd), [] as [i64; 0]);
        // Newer ones are asked about at once, however many older ones failed.
        waiting.extend([8, 9]);
        assert_eq!(round(&mut turns, &mut waiting, false, odd), [8, 9]);
        tokio::time::advance(EVERY).await;
        waiting.retain(|n| *n != 3);
        assert_eq!(round(&mut turns, &mut waiting, false, |_| true), [1, 5, 7, 9]);
        assert!(
            turns.next(&[], true, (Instant::now(), false)) == Turn::Wait(None) && turns.fault().is_none()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_away_is_tried_with_another_recording_each_time() {
        let (mut turns, mut waiting) = (Turns::default(), (1..=3).collect());
        let mut tried = Vec::new();
        for _ in 0..7 {
            tried.extend(round(&mut turns, &mut waiting, true, |_| false));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(tried, [1, 2, 3, 1, 2, 3, 1]);
        // One alone is tried, too.
        let (mut turns, mut waiting) = (Turns::default(), vec![4]);
        for _ in 0..3 {
            assert_eq!(round(&mut turns, &mut waiting, true, |_| false), [4]);
        }
    }
}
