//! The tape of a recording, added up: how long it is, its bytes, and where it stops. The journal keeps it in the recording's row,
//! in the transaction that changes the tape, so that a list does not read the segments of each recording.
//!
//! What can be relied on: the tally of a recording is the same, however its segments came and went. A row keeps it as a JSON list
//! of numbers. Times are tape times: UTC comes from the publish of each run.
//!
//! ```text
//! [segments, length, bytes, last segment, publish, from, to, publish, from, to, …]
//! ```
//!
//! In the tally of a composition, a run of 0, 0, 0 is between the runs of two ranges.

use super::short::GAP;
use crate::media::Micros;

/// A smaller difference comes from rounding ticks to microseconds.
const ROUNDING: Micros = 1_000;

/// A segment belongs to a recording that is not exact when they share this much tape, or half of the segment if that is less. A
/// smaller share comes from two tracks that end or begin a frame apart, and nobody asked for it.
pub(super) const SHARED: Micros = 250_000;

/// Most runs that a row keeps. Of a recording with more, the segments are read.
const MOST_RUNS: usize = 10_000;

/// Which tape a recording has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// It is the tape from start to end, wherever segments begin.
    pub(super) exact: bool,
    pub(super) start: Micros,
    /// The tape time from which it is shown.
    pub(super) from: Micros,
    /// The tape time at which it ends; `Micros::MAX` while it grows.
    pub(super) limit: Micros,
}

/// The tape of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// The row of the segment.
    pub(super) segment: i64,
    /// The row of its publish.
    pub(super) publish: i64,
    pub(super) start: Micros,
    pub(super) end: Micros,
    pub(super) bytes: u64,
}

/// What a recording has of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    segment: i64,
    publish: i64,
    pub(super) from: Micros,
    pub(super) to: Micros,
    bytes: u64,
}

/// Tape of one publish without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The row of the publish.
    pub(super) publish: i64,
    pub(super) from: Micros,
    pub(super) to: Micros,
}

impl Run {
    /// No tape: here one range of a composition ends, and the next begins.
    pub(super) const BORDER: Run = Run {
        publish: 0,
        from: 0,
        to: 0,
    };
}

/// The tape of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) segments: u64,
    /// Without gaps. No moment is counted twice.
    pub(super) length: Micros,
    pub(super) bytes: u64,
    /// The row of the last segment.
    pub(super) last: i64,
    pub(super) runs: Vec<Run>,
}

impl Bounds {
    /// The recording's part of a segment, if it has one.
    pub(super) fn part(&self, of: &Extent) -> Option<Part> {
        let whole = of.end.saturating_sub(of.start).max(1);
        let (mut from, mut to, mut bytes) = (of.start, of.end, of.bytes);
        if self.exact {
            from = from.max(self.from);
            to = to.min(self.limit);
            let part = to.saturating_sub(from).max(0);
            // The recording begins with the next segment, of another publish: no sample of this one is in it.
            if part < whole.min(ROUNDING) {
                return None;
            }
            bytes = share(bytes, part, whole);
        } else {
            let shared = to.min(self.limit).saturating_sub(from.max(self.start));
            if shared <= SHARED.min(to.saturating_sub(from) / 2) {
                return None;
            }
        }
        Some(Part {
            segment: of.segment,
            publish: of.publish,
            from,
            to,
            bytes,
        })
    }
}

/// The part's share of so many bytes. A part that is only rounding between two time lines counts as the whole.
fn share(bytes: u64, part: Micros, whole: Micros) -> u64 {
    if whole.saturating_sub(part) < ROUNDING {
        return bytes;
    }
    let wide = u128::from(bytes) * u128::from(part.unsigned_abs()) / u128::from(whole.unsigned_abs().max(1));
    u64::try_from(wide).unwrap_or(bytes).min(bytes)
}

impl Part {
    /// How much it adds behind tape that ends there. The sound of a segment may end after the picture of the next began.
    fn adds(&self, behind: Option<Micros>) -> Micros {
        let from = behind.map_or(self.from, |end| end.max(self.from));
        self.to.saturating_sub(from).max(0)
    }

    fn goes_on(&self, run: &Run) -> bool {
        run.publish == self.publish && self.from.saturating_sub(run.to) <= GAP
    }
}

impl Tally {
    /// The tape time at which the tape ends.
    pub(super) fn end(&self) -> Option<Micros> {
        self.runs.last().map(|run| run.to)
    }

    /// Adds the next segment of the tape.
    pub(super) fn add(&mut self, part: &Part) {
        let end = self.end();
        self.length = self.length.saturating_add(part.adds(end));
        self.bytes = self.bytes.saturating_add(part.bytes);
        self.segments += 1;
        self.last = part.segment;
        let to = end.map_or(part.to, |end| end.max(part.to));
        match self.runs.last_mut() {
            Some(run) if part.goes_on(run) => run.to = to,
            _ => self.runs.push(Run {
                publish: part.publish,
                from: part.from,
                to,
            }),
        }
    }

    /// Adds a segment wherever it lies: one that could not be sealed before others followed, because its device failed, and that is
    /// read from its file. A run may have holes of half a second at most, which nobody knows any more: what fills such a hole adds no
    /// length.
    pub(super) fn insert(&mut self, part: &Part) {
        if self.end().is_none_or(|end| end < part.to) {
            return self.add(part);
        }
        let at = self.runs.partition_point(|run| run.from <= part.from);
        let before = at.checked_sub(1).and_then(|before| self.runs.get(before));
        let behind = self.runs.get(at).copied();
        let until = behind.map_or(part.to, |behind| behind.from.min(part.to));
        let own = Part { to: until, ..*part };
        self.length = self
            .length
            .saturating_add(own.adds(before.map(|before| before.to)));
        self.bytes = self.bytes.saturating_add(part.bytes);
        self.segments += 1;
        let mut run = Run {
            publish: part.publish,
            from: part.from,
            to: part.to,
        };
        let follows =
            |run: &Run, next: &Run| run.publish == next.publish && next.from.saturating_sub(run.to) <= GAP;
        if let Some(behind) = behind.filter(|behind| follows(&run, behind)) {
            run.to = behind.to.max(run.to);
            self.runs.remove(at);
        }
        match at.checked_sub(1).and_then(|before| self.runs.get_mut(before)) {
            Some(before) if follows(before, &run) => before.to = before.to.max(run.to),
            _ => self.runs.insert(at, run),
        }
    }

    /// The same tape without a segment between two others, which are the next ones on the tape. `None` where it must be added up
    /// again.
    pub(super) fn without(mut self, part: &Part, [before, behind]: [Option<&Part>; 2]) -> Option<Self> {
        let (Some(first), true) = (before.or(behind), self.segments > 0) else {
            return Some(Self::default());
        };
        let end = before.map(|before| before.to);
        let mut less = part.adds(end);
        if let Some(behind) = behind {
            less += behind.adds(Some(part.to)) - behind.adds(end);
        }
        self.length = self.length.saturating_sub(less);
        self.bytes = self.bytes.checked_sub(part.bytes)?;
        self.segments -= 1;
        if behind.is_none() {
            self.last = first.segment;
        }
        let at = self
            .runs
            .iter()
            .position(|run| run.publish == part.publish && run.from <= part.from && part.to <= run.to)?;
        let run = *self.runs.get(at)?;
        let within =
            |other: &Part| other.publish == run.publish && run.from <= other.from && other.to <= run.to;
        // Segments that begin or end together: the bounds of the run do not say which of them it needs.
        if before.is_some_and(within) != (run.from < part.from)
            || behind.is_some_and(within) != (part.to < run.to)
        {
            return None;
        }
        let left = before
            .filter(|_| run.from < part.from)
            .map(|before| Run { to: before.to, ..run });
        let right = behind.filter(|_| part.to < run.to).map(|behind| Run {
            from: behind.from,
            ..run
        });
        let kept = match (left, right, behind) {
            (Some(left), Some(_), Some(behind)) if behind.goes_on(&left) => vec![run],
            (left, right, _) => left.into_iter().chain(right).collect(),
        };
        let falls_away = kept.is_empty();
        self.runs.splice(at..=at, kept);
        // Two runs that it lay between may be one now.
        (!falls_away || at == 0 || at == self.runs.len()).then_some(self)
    }

    /// The tally as its row has it; empty where there are too many runs.
    pub(super) fn written(&self) -> String {
        if self.runs.len() > MOST_RUNS {
            return String::new();
        }
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut all = vec![number(self.segments), self.length, number(self.bytes), self.last];
        all.extend(self.runs.iter().flat_map(|run| [run.publish, run.from, run.to]));
        serde_json::Value::from(all).to_string()
    }

    /// Reads a tally of a row; `None` where the row has none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let all: Vec<i64> = serde_json::from_str(text).ok()?;
        let [segments, length, bytes, last, runs @ ..] = all.as_slice() else {
            return None;
        };
        let run = |run: &[i64]| match *run {
            [publish, from, to] if from <= to => Some(Run { publish, from, to }),
            _ => None,
        };
        Some(Self {
            segments: u64::try_from(*segments).ok()?,
            length: *length,
            bytes: u64::try_from(*bytes).ok()?,
            last: *last,
            runs: runs.chunks(3).map(run).collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tallied(bounds: &Bounds, tape: &[Extent]) -> Tally {
        let mut tally = Tally::default();
        for part in tape.iter().filter_map(|segment| bounds.part(segment)) {
            tally.add(&part);
        }
        tally
    }

    /// A tape of segments, some behind a gap and some of another publish; each ends a little behind the beginning of the next.
    fn tape() -> impl Strategy<Value = Vec<Extent>> {
        let step = (1..5_i64, 1..60_000_000_i64, 0..30_000_i64, 0..1_000_000_u64);
        proptest::collection::vec(step, 1..12).prop_map(|steps| {
            let (mut tape, mut publish, mut at) = (Vec::new(), 1, 1_000_000);
            for (segment, (kind, length, more, bytes)) in (1..).zip(steps) {
                match kind {
                    1 => at += 700_000,
                    2 => publish += 1,
                    _ => {}
                }
                tape.push(Extent {
                    segment,
                    publish,
                    start: at,
                    end: at + length + more,
                    bytes,
                });
                at += length;
            }
            tape.sort_by_key(|segment| segment.end);
            tape
        })
    }

    proptest! {
        #[test]
        fn it_is_the_same_however_segments_came_and_went(
            tape in tape(),
            exact in any::<bool>(),
            interval in (0..400_000_000_i64, 0..400_000_000_i64),
            goes in proptest::collection::vec(any::<proptest::sample::Index>(), 1..6),
        ) {
            let bounds = Bounds {
                exact,
                start: interval.0,
                from: interval.0 + interval.1 % 3_000,
                limit: interval.0 + interval.1,
            };
            let (mut tape, mut tally) = (tape.clone(), tallied(&bounds, &tape));
            for index in goes {
                if tape.is_empty() {
                    break;
                }
                let gone = tape.remove(index.index(tape.len()));
                let Some(part) = bounds.part(&gone) else { continue };
                let place = tape.partition_point(|segment| (segment.end, segment.segment) < (gone.end, gone.segment));
                let before = tape[..place].last().and_then(|segment| bounds.part(segment));
                let behind = tape[place..].first().and_then(|segment| bounds.part(segment));
                let known = tallied(&bounds, &tape);
                tally = tally.without(&part, [before.as_ref(), behind.as_ref()]).unwrap_or_else(|| known.clone());
                prop_assert_eq!(&tally, &known);
                prop_assert_eq!(Tally::read(&tally.written()), Some(known));
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_the_same_where_a_segment_is_known_after_those_behind_it(
            tape in tape(),
            late in any::<proptest::sample::Index>(),
        ) {
            // No segment lies within another one.
            prop_assume!(tape.is_sorted_by_key(|segment| segment.start));
            let bounds = Bounds { exact: true, start: 0, from: 0, limit: Micros::MAX };
            let known = tallied(&bounds, &tape);
            let mut others = tape.clone();
            let late = others.remove(late.index(tape.len()));
            let mut tally = tallied(&bounds, &others);
            if let Some(part) = bounds.part(&late) {
                tally.insert(&part);
            }
            let gaps = |tally: &Tally| tally.runs.iter().map(|run| (run.publish, run.from)).collect::<Vec<_>>();
            prop_assert_eq!(gaps(&tally), gaps(&known));
            prop_assert_eq!((tally.segments, tally.bytes, tally.end()), (known.segments, known.bytes, known.end()));
            prop_assert!((0..=GAP).contains(&(known.length - tally.length)), "{} of {}", tally.length, known.length);
        }
    }

    #[test]
    fn what_is_no_tally_is_not_read() {
        for text in [
            "",
            "[]",
            "[1,2,3]",
            "[1,2,3,4,5]",
            "[-1,2,3,4]",
            "[1,2,3,4,5,7,6]",
            "{}",
            "[1,2,3,4,5,6,\"7\"]",
        ] {
            assert_eq!(Tally::read(text), None, "{text}");
        }
        let many = Tally {
            runs: vec![
                Run {
                    publish: 1,
                    from: 2,
                    to: 3
                };
                MOST_RUNS + 1
            ],
            ..Tally::default()
        };
        assert_eq!(many.written(), "");
    }
}
