//! What is held back from viewers: intervals of tape.
//!
//! A recording that is blocked, or is to be reviewed, holds its tape back. The journal keeps these intervals (the table
//! `reviewed`), also of recordings that were removed, as long as there is tape in them. The writer publishes them behind each
//! commit that may change them, so readers of this process ask memory alone.
//!
//! | interval | what it holds back |
//! |---|---|
//! | blocked | everything: the stream itself, and every recording that has some of it |
//! | to be reviewed, where nobody passed a recording of the same tape | its recording and the stream itself |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use crate::media::{Micros, RecordingId, StreamName};
use crate::model::ReviewStatus;
use crate::store::TapeSpan;

/// Intervals that share no more than this touch: sound goes a moment beyond the pictures beside it.
const TOUCH: Micros = 100_000;

/// The end of an interval that grows, in tape time.
const OPEN: Micros = 1 << 54;

/// What is held back now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Blocked tape.
    blocked: Ranges,
    /// Tape of which the stream itself is held back.
    closed: Ranges,
    /// Recordings that are blocked or to be reviewed.
    recordings: BTreeSet<RecordingId>,
}

/// A recording that was reviewed, or is to be: its id, its tape, and what the review says.
pub(super) type ReviewedTape = (RecordingId, TapeSpan, ReviewStatus);

/// Intervals of each stream, in order, of which none touch.
type Ranges = BTreeMap<StreamName, Vec<(Micros, Micros)>>;

/// What is held back, for readers of this process. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct HeldNow(Arc<watch::Sender<Arc<Held>>>);

impl Default for HeldNow {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Arc::default())))
    }
}

impl HeldNow {
    /// Says what is held back from now on. Nobody is told of what is the same.
    pub(super) fn publish(&self, held: Held) {
        self.0.send_if_modified(|now| {
            let is_new = **now != held;
            if is_new {
                *now = Arc::new(held);
            }
            is_new
        });
    }

    /// What is held back, now and at each change.
    pub(super) fn watch(&self) -> watch::Receiver<Arc<Held>> {
        self.0.subscribe()
    }
}

impl Held {
    /// What these intervals of reviewed recordings hold back.
    pub(super) fn of(reviewed: impl IntoIterator<Item = ReviewedTape>) -> Self {
        let [mut blocked, mut waiting, mut passed] = [Ranges::new(), Ranges::new(), Ranges::new()];
        let mut recordings = BTreeSet::new();
        for (id, range, status) in reviewed {
            if status.holds_back() {
                recordings.insert(id);
            }
            let ranges = match status {
                ReviewStatus::Block => &mut blocked,
                ReviewStatus::Review => &mut waiting,
                ReviewStatus::Pass => &mut passed,
            };
            let of_stream: &mut Vec<_> = ranges.entry(range.stream).or_default();
            of_stream.push((range.from, range.to));
        }
        for ranges in [&mut blocked, &mut waiting, &mut passed] {
            ranges.values_mut().for_each(join);
        }
        let mut closed = blocked.clone();
        for (stream, waiting) in waiting {
            let passed = passed.get(&stream).map_or(&[][..], Vec::as_slice);
            let left = without(&waiting, passed);
            let of_stream = closed.entry(stream).or_default();
            of_stream.extend(left);
            join(of_stream);
        }
        closed.retain(|_, ranges| !ranges.is_empty());
        Self {
            blocked,
            closed,
            recordings,
        }
    }

    /// True where nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.recordings.is_empty()
    }

    /// True for a recording that viewers do not get: it is held back itself, or some of its tape is blocked.
    pub fn has(&self, recording: RecordingId, ranges: &[TapeSpan]) -> bool {
        self.recordings.contains(&recording) || ranges.iter().any(|range| self.is_blocked(range))
    }

    /// True where some tape of a stream is not to be had of the stream itself.
    pub fn closes_some(&self, stream: &StreamName) -> bool {
        self.closed.contains_key(stream)
    }

    /// True where what is recorded of a stream now is held back.
    pub fn is_growing(&self, stream: &StreamName) -> bool {
        let last = self.closed.get(stream).and_then(|ranges| ranges.last());
        last.is_some_and(|(_, to)| *to >= OPEN)
    }

    /// True for a range of which some is blocked.
    pub fn is_blocked(&self, range: &TapeSpan) -> bool {
        shares(&self.blocked, range)
    }

    /// True for a range of which some is not to be had of the stream itself: it is blocked, or it is to be reviewed.
    pub fn is_closed(&self, range: &TapeSpan) -> bool {
        shares(&self.closed, range)
    }
}

/// True where a range shares more than a moment with one of these, or all of itself.
fn shares(ranges: &Ranges, range: &TapeSpan) -> bool {
    let of_stream = ranges.get(&range.stream).map_or(&[][..], Vec::as_slice);
    let first = of_stream.partition_point(|(_, to)| *to <= range.from);
    let behind = of_stream.get(first..).unwrap_or_default();
    let near = behind.iter().take_while(|(from, _)| *from <= range.to);
    let length = range.to.saturating_sub(range.from);
    near.into_iter().any(|(from, to)| {
        let shared = range
            .to
            .max(range.from.saturating_add(1))
            .min(*to)
            .saturating_sub(range.from.max(*from));
        shared > TOUCH.min(length / 2).min(to.saturating_sub(*from) / 2)
    })
}

/// Puts intervals in order, and joins those that touch.
fn join(ranges: &mut Vec<(Micros, Micros)>) {
    ranges.sort_unstable();
    let mut joined: Vec<(Micros, Micros)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges.drain(..).filter(|(from, to)| from < to) {
        match joined.last_mut() {
            Some(last) if from <= last.1.saturating_add(TOUCH) => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    *ranges = joined;
}

/// What is left of intervals without others. Both are in order, and do not touch.
fn without(ranges: &[(Micros, Micros)], others: &[(Micros, Micros)]) -> Vec<(Micros, Micros)> {
    let mut left = Vec::new();
    for &(mut from, to) in ranges {
        let first = others.partition_point(|other| other.1 <= from);
        let behind = others.get(first..).unwrap_or_default();
        for other in behind.iter().take_while(|other| other.0 < to) {
            if other.0 > from {
                left.push((from, other.0));
            }
            from = from.max(other.1);
        }
        if from < to {
            left.push((from, to));
        }
    }
    left
}

#[cfg(test)]
impl Held {
    /// What a block of a range holds back, for tests of other rooms.
    pub(crate) fn by_a_block_of(range: TapeSpan) -> Self {
        Self::of([(RecordingId::from_bytes([1; 16]), range, ReviewStatus::Block)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Micros = 1_000_000;

    fn range(stream: &str, from: Micros, to: Micros) -> TapeSpan {
        TapeSpan {
            stream: stream.parse().unwrap(),
            from: from * S,
            to: to * S,
        }
    }

    fn of<const N: usize>(reviewed: [(TapeSpan, ReviewStatus); N]) -> Held {
        let numbered = reviewed.into_iter().zip(1..);
        Held::of(numbered.map(|((range, status), n)| (id(n), range, status)))
    }

    fn id(n: u8) -> RecordingId {
        RecordingId::from_bytes([n; 16])
    }

    #[test]
    fn blocked_tape_is_held_back_and_what_is_reviewed_until_somebody_passed_it() {
        use ReviewStatus::{Block, Pass, Review};
        let held = of([
            (range("live/a", 10, 20), Review),
            (range("live/a", 20, 30), Review),
            (range("live/a", 15, 25), Pass),
            (range("live/a", 18, 22), Block),
            (range("live/b", 0, 5), Pass),
        ]);
        let a = |from, to| range("live/a", from, to);
        // A recording that is to be reviewed is held back, whatever was passed of its tape.
        let has = [1, 2, 3, 4, 5].map(|n| held.has(id(n), &[]));
        assert_eq!(has, [true, true, false, true, false]);
        assert!(held.has(id(9), &[range("live/a", 17, 30)]) && !held.has(id(9), &[range("live/a", 22, 30)]));
        for (of, closed, blocked) in [
            (a(0, 10), false, false),
            (a(0, 11), true, false),
            (a(15, 18), false, false),
            (a(16, 19), true, true),
            (a(22, 25), false, false),
            (a(22, 26), true, false),
            (a(26, 30), true, false),
            (a(30, 90), false, false),
            (a(0, 90), true, true),
            (a(19, 19), true, true),
            (a(30, 30), false, false),
            (range("live/b", 0, 90), false, false),
            (range("live/c", 0, 90), false, false),
        ] {
            assert_eq!(
                (held.is_closed(&of), held.is_blocked(&of)),
                (closed, blocked),
                "{of:?}"
            );
        }
        assert_eq!(
            [a(0, 0), range("live/b", 0, 0)].map(|of| held.closes_some(&of.stream)),
            [true, false]
        );
        assert!(Held::default().is_empty() && !held.is_empty());
        let grows = TapeSpan {
            to: OPEN,
            ..range("live/b", 40, 0)
        };
        let (a_stream, b_stream) = (a(0, 0).stream, range("live/b", 0, 0).stream);
        let grows = of([(grows, Review)]);
        assert!(grows.is_growing(&b_stream) && !grows.is_growing(&a_stream));

        assert!(of([(range("live/b", 0, 5), Pass)]).is_empty());
    }

    #[test]
    fn what_only_touches_is_not_held_back_and_a_short_part_of_it_is() {
        let held = of([(range("live/a", 10, 20), ReviewStatus::Block)]);
        let of = |from, to| TapeSpan {
            from,
            to,
            ..range("live/a", 0, 0)
        };
        assert!(!held.is_blocked(&of(20 * S - 50_000, 30 * S)));
        assert!(held.is_blocked(&of(20 * S - 200_000, 30 * S)));
        assert!(held.is_blocked(&of(15 * S, 15 * S + 1_000)));
        assert!(!held.is_blocked(&of(9 * S, 10 * S + 50_000)));
    }

    #[test]
    fn what_is_left_of_intervals_is_what_a_look_at_each_moment_says() {
        let mut chance = 9_u64;
        let mut draw = |most: u64| {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            i64::try_from(chance % most).unwrap()
        };
        for _ in 0..500 {
            let mut some = |count| -> Vec<(Micros, Micros)> {
                let mut ranges: Vec<_> = (0..count)
                    .map(|_| {
                        let from = draw(60);
                        (from * S, (from + draw(9)) * S)
                    })
                    .collect();
                join(&mut ranges);
                ranges
            };
            let (all, others) = (some(6), some(5));
            let left = without(&all, &others);
            for at in 0..70 {
                let at = at * S + S / 2;
                let has =
                    |ranges: &[(Micros, Micros)]| ranges.iter().any(|(from, to)| (*from..*to).contains(&at));
                assert_eq!(has(&left), has(&all) && !has(&others), "{all:?} {others:?}");
            }
        }
    }
}
