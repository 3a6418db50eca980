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
        blocked.retain(|_, ranges| !ranges.is_empty());
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

    /// True where some tape is blocked, of whichever stream.
    pub fn blocks_some(&self) -> bool {
        !self.blocked.is_empty()
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

/// The tape of all reviewed recordings, and what it holds back. A change costs what the streams have that it is about.
#[derive(Debug, Default)]
pub(super) struct ReviewedTapes {
    recordings: BTreeMap<RecordingId, (TapeSpan, ReviewStatus)>,
    streams: BTreeMap<StreamName, BTreeSet<RecordingId>>,
    held: Held,
}

/// A recording, with the tape and the review that it has now. None: it has no review, or is forgotten.
pub(super) type ReviewedChange = (RecordingId, Option<(TapeSpan, ReviewStatus)>);

impl ReviewedTapes {
    /// The tape of these, and of no others.
    pub(super) fn of(all: impl IntoIterator<Item = ReviewedTape>) -> Self {
        let mut tapes = Self::default();
        tapes.change(
            all.into_iter()
                .map(|(id, range, status)| (id, Some((range, status)))),
        );
        tapes
    }

    /// What is held back.
    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    /// Takes over what a commit changed. False where nothing was changed.
    pub(super) fn change(&mut self, changes: impl IntoIterator<Item = ReviewedChange>) -> bool {
        let mut touched = BTreeSet::new();
        for (id, now) in changes {
            let before = self.recordings.remove(&id);
            if let Some((range, _)) = before {
                let of_stream = self.streams.get_mut(&range.stream);
                of_stream.map(|of_stream| of_stream.remove(&id));
                touched.insert(range.stream);
            }
            self.held.recordings.remove(&id);
            if let Some((range, status)) = now {
                if status.holds_back() {
                    self.held.recordings.insert(id);
                }
                self.streams.entry(range.stream.clone()).or_default().insert(id);
                touched.insert(range.stream.clone());
                self.recordings.insert(id, (range, status));
            }
        }
        let is_other = !touched.is_empty();
        for stream in touched {
            self.hold(stream);
        }
        is_other
    }

    /// Says anew what is held back of a stream.
    fn hold(&mut self, stream: StreamName) {
        let ids = self.streams.get(&stream);
        let of_stream = ids.into_iter().flatten().filter_map(|id| {
            let (range, status) = self.recordings.get(id)?;
            Some((*id, range.clone(), *status))
        });
        let mut now = Held::of(of_stream);
        if ids.is_none_or(BTreeSet::is_empty) {
            self.streams.remove(&stream);
        }
        for (all, now) in [
            (&mut self.held.blocked, now.blocked.remove(&stream)),
            (&mut self.held.closed, now.closed.remove(&stream)),
        ] {
            match now {
                Some(ranges) => all.insert(stream.clone(), ranges),
                None => all.remove(&stream),
            };
        }
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

    /// The same, beside a recording that is to be reviewed.
    pub(crate) fn by_a_block_beside(waiting: (RecordingId, TapeSpan), blocked: TapeSpan) -> Self {
        Self::of([
            (waiting.0, waiting.1, ReviewStatus::Review),
            (RecordingId::from_bytes([1; 16]), blocked, ReviewStatus::Block),
        ])
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

    proptest::proptest! {
        #[test]
        fn what_is_changed_bit_by_bit_is_what_all_of_it_says(
            changes in proptest::collection::vec((0_u8..9, 0_u8..4, 0_i64..30, 0_i64..9, 0_usize..4), 1..60),
        ) {
            let (mut tapes, mut all) = (ReviewedTapes::default(), BTreeMap::new());
            for (number, stream, from, length, status) in changes {
                let now = ReviewStatus::ALL.get(status).map(|status| {
                    let to = if length == 8 { OPEN / S } else { from + length };
                    (range(&format!("live/{stream}"), from, to), *status)
                });
                let before = match &now {
                    Some(now) => all.insert(id(number), now.clone()),
                    None => all.remove(&id(number)),
                };
                let said = tapes.change([(id(number), now.clone())]);
                assert_eq!(said, before.is_some() || now.is_some());
                let whole = Held::of(all.iter().map(|(id, (range, status))| (*id, range.clone(), *status)));
                assert_eq!(tapes.held(), &whole);
                let again = ReviewedTapes::of(all.iter().map(|(id, (range, status))| (*id, range.clone(), *status)));
                assert_eq!(again.held(), &whole);
                assert_eq!(tapes.streams.values().map(BTreeSet::len).sum::<usize>(), all.len());
            }
        }
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
