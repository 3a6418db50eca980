//! What the storage thread counts for metrics: the gaps of a tape by their causes, and how long syncs take.

use std::collections::BTreeMap;

use crate::media::Micros;

/// Why media is missing from a tape: the kind of a gap's reason. Metrics count gaps by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GapCause {
    /// The storage device did not accept the media in time.
    Stalled,
    /// A file or the journal could not be written.
    Failed,
    /// There was no space, and nothing may be evicted.
    Full,
    /// No keyframe came from which the tape could go on.
    NoKeyframe,
    /// The media could not be written as a fragment.
    Media,
}

impl GapCause {
    /// All causes.
    pub const ALL: [GapCause; 5] = [
        GapCause::Stalled,
        GapCause::Failed,
        GapCause::Full,
        GapCause::NoKeyframe,
        GapCause::Media,
    ];

    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            GapCause::Stalled => "stalled",
            GapCause::Failed => "failed",
            GapCause::Full => "full",
            GapCause::NoKeyframe => "no_keyframe",
            GapCause::Media => "media",
        }
    }
}

/// Numbers of gaps, by their causes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GapCounts(BTreeMap<GapCause, u64>);

impl GapCounts {
    /// Counts a gap.
    pub fn count(&mut self, cause: GapCause) {
        *self.0.entry(cause).or_default() += 1;
    }

    /// Adds the gaps by which `now` is more than `before`. Where a count is lower than before, it began again from zero.
    pub fn add_growth(&mut self, before: &GapCounts, now: &GapCounts) {
        for cause in GapCause::ALL {
            let (before, now) = (before.of(cause), now.of(cause));
            let grown = now.checked_sub(before).unwrap_or(now);
            if grown > 0 {
                *self.0.entry(cause).or_default() += grown;
            }
        }
    }

    /// The number of gaps with this cause.
    pub fn of(&self, cause: GapCause) -> u64 {
        self.0.get(&cause).copied().unwrap_or(0)
    }

    /// The number of all gaps.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// How long the syncs of the tape's files took, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncTimes {
    within: [u64; SyncTimes::BOUNDS.len()],
    /// The number of syncs.
    pub count: u64,
    /// The time that all of them took together.
    pub sum: Micros,
}

impl SyncTimes {
    /// The times by which syncs are counted.
    pub const BOUNDS: [Micros; 7] = [10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000];

    /// Counts a sync that took so long.
    pub fn note(&mut self, took: Micros) {
        let took = took.max(0);
        for (bound, count) in Self::BOUNDS.iter().zip(&mut self.within) {
            *count += u64::from(took <= *bound);
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// For each bound the number of syncs that took no longer.
    pub fn within(&self) -> impl Iterator<Item = (Micros, u64)> + use<> {
        Self::BOUNDS.into_iter().zip(self.within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_that_were_forgotten_and_came_again_are_not_counted_backwards() {
        let counts = |stalled: usize, full: usize| {
            let mut counts = GapCounts::default();
            (0..stalled).for_each(|_| counts.count(GapCause::Stalled));
            (0..full).for_each(|_| counts.count(GapCause::Full));
            counts
        };
        let mut seen = GapCounts::default();
        seen.add_growth(&counts(0, 0), &counts(2, 1));
        seen.add_growth(&counts(2, 1), &counts(3, 1));
        assert_eq!(seen, counts(3, 1));
        // The store forgot the stream, and counts it from zero.
        seen.add_growth(&counts(3, 1), &counts(1, 0));
        assert_eq!(seen, counts(4, 1));
        assert_eq!((seen.total(), seen.of(GapCause::Media)), (5, 0));
    }

    #[test]
    fn a_sync_counts_in_every_bound_that_it_kept() {
        let mut times = SyncTimes::default();
        for took in [0, 10_000, 10_001, 2_000_000, 20_000_000, -5] {
            times.note(took);
        }
        let within: Vec<u64> = times.within().map(|(_, count)| count).collect();
        assert_eq!(within, [3, 4, 4, 4, 4, 5, 5]);
        assert_eq!((times.count, times.sum), (6, 22_020_001));
    }
}
