//! The samples of one track of one segment, each with its place.

use std::iter;

use crate::format::index::{Placed, Run, Sample, SampleIndex};
use crate::media::{TrackKind, rescale};

use super::{Summary, run};

/// A sample and where it is, on the line and on tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct Spot {
    /// Index of the fragment in the segment.
    pub(in crate::format) fragment: usize,
    /// Decode time on the line, in ticks of the track; never less than that of the sample before.
    pub(in crate::format) dts: i64,
    /// Ticks until the next sample of the track, which may be in a later segment.
    pub(in crate::format) duration: u64,
    /// Presentation less decode time.
    pub(in crate::format) cts: i32,
    /// True when decoding can begin here.
    pub(in crate::format) key: bool,
    /// Where the sample stands in the segment's file.
    pub(in crate::format) offset: u64,
    pub(in crate::format) size: u32,
}

/// Where a segment's ticks lie on the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::format) struct Placement {
    /// The line's tick of the segment's zero, in the segment's own timescale.
    pub(in crate::format) zero: i64,
    /// The segment's own timescale for the track.
    pub(in crate::format) own: u32,
    /// The timescale of the track on the line.
    pub(in crate::format) line: u32,
}

impl Placement {
    /// A segment's tick on the line, in the timescale of the line.
    pub(in crate::format) fn place(&self, ticks: u64) -> i64 {
        self.to_line(self.place_own(ticks))
    }

    fn to_line(self, own: i64) -> i64 {
        if self.own == self.line {
            own
        } else {
            rescale(own, self.own, self.line)
        }
    }

    /// When a sample is presented on the line, in the timescale of the line.
    pub(in crate::format) fn shown(&self, placed: &Placed) -> i64 {
        let own = self.place_own(placed.dts);
        self.to_line(own.saturating_add(placed.sample.cts.into()))
    }

    /// A sample in the timescale of the line. Its ends are rounded if necessary, not its duration, so that rounding errors do
    /// not add up.
    pub(in crate::format) fn sample(&self, placed: &Placed) -> Sample {
        if self.own == self.line {
            return placed.sample;
        }
        let begins = self.place(placed.dts);
        let ends = self.place(placed.dts.saturating_add(placed.sample.duration.into()));
        let shown = self.shown(placed);
        Sample {
            duration: u32::try_from(ends.saturating_sub(begins)).unwrap_or(u32::MAX),
            cts: i32::try_from(shown.saturating_sub(begins)).unwrap_or(0),
            ..placed.sample
        }
    }

    /// A segment's tick on the line, in the timescale of the segment.
    pub(in crate::format) fn place_own(&self, ticks: u64) -> i64 {
        self.zero.saturating_add_unsigned(ticks)
    }
}

/// The samples of `kind`, with the durations that the following decode times give them.
pub(in crate::format) fn walk<'a>(
    index: &'a SampleIndex,
    kind: TrackKind,
    summary: &Summary,
) -> impl Iterator<Item = Spot> + 'a {
    let next = summary.next_dts;
    let mut spots = spots(index, kind, summary.placement, summary.previous_dts).peekable();
    iter::from_fn(move || {
        let mut spot = spots.next()?;
        if let Some(next) = spots.peek().map(|spot| spot.dts).or(next) {
            spot.duration = next.saturating_sub(spot.dts).unsigned_abs();
        }
        Some(spot)
    })
}

/// The samples of `kind` with the durations of their `trun`. `previous` is the decode time of the sample before the segment.
/// Where publishers or a break make times overlap, time stands still but never goes back.
fn spots(
    index: &SampleIndex,
    kind: TrackKind,
    placement: Placement,
    previous: Option<i64>,
) -> impl Iterator<Item = Spot> + '_ {
    let mut floor = previous.unwrap_or(i64::MIN);
    let runs = index
        .fragments
        .iter()
        .map(move |entry| run(entry, kind))
        .enumerate();
    runs.flat_map(move |(fragment, run)| spots_of(run, (fragment, kind), placement))
        .map(move |mut spot| {
            floor = floor.max(spot.dts);
            spot.dts = floor;
            spot
        })
}

/// The samples of a run, as their own times say.
pub(super) fn spots_of(
    run: &Run,
    (fragment, kind): (usize, TrackKind),
    placement: Placement,
) -> impl Iterator<Item = Spot> + '_ {
    run.placed().map(move |placed| {
        let sample = match kind {
            TrackKind::Video => placement.sample(&placed),
            // The following sample says how long sound lasts.
            TrackKind::Audio => placed.sample,
        };
        Spot {
            fragment,
            dts: placement.place(placed.dts),
            duration: u64::from(sample.duration),
            cts: sample.cts,
            key: sample.key,
            offset: placed.offset,
            size: sample.size,
        }
    })
}
