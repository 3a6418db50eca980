//! Adds samples to a track of the line.

use super::{Summary, Tail, TrackLine};
use crate::format::index::Sample;
use crate::format::line::walk::Spot;

/// The samples of a segment so far.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) last: Option<Spot>,
    /// From the sample before the last one to it.
    pub(super) duration: Option<u64>,
    pub(super) cts: Option<i32>,
}

impl TrackLine {
    /// A track whose first sample is this one.
    pub(super) fn beginning(timescale: u32, spot: &Spot) -> Self {
        let pts = spot.dts.saturating_add(i64::from(spot.cts));
        Self {
            timescale,
            configs: Vec::new(),
            samples: 0,
            bytes: 0,
            chunks: 0,
            keys: 0,
            first_dts: spot.dts,
            end_dts: spot.dts,
            first_pts: pts,
            end_pts: pts,
            min_cts: spot.cts,
            max_cts: spot.cts,
            longest: 0,
            tail: None,
        }
    }

    /// Takes note of a sample. `last` is the one before it in this segment.
    pub(super) fn see(&mut self, spot: &Spot, last: Option<&Spot>) {
        let pts = spot.dts.saturating_add(i64::from(spot.cts));
        if let Some(last) = last {
            let duration = spot.dts.saturating_sub(last.dts).unsigned_abs();
            self.longest = self.longest.max(duration);
            let last_end = last
                .dts
                .saturating_add_unsigned(duration)
                .saturating_add(i64::from(last.cts));
            self.end_pts = self.end_pts.max(last_end);
        }
        self.first_pts = self.first_pts.min(pts);
        self.min_cts = self.min_cts.min(spot.cts);
        self.max_cts = self.max_cts.max(spot.cts);
        self.bytes = self.bytes.saturating_add(u64::from(spot.size));
    }

    /// Takes note of the samples of a steady run whose first one is the last that was seen. This is what
    /// [`see`](Self::see) does for each of them, in a fraction of the time. Returns the decode time of the last one.
    pub(super) fn see_others(
        &mut self,
        samples: &[Sample],
        seen: &mut Seen,
        summary: &mut Summary,
    ) -> Option<i64> {
        let spot = seen.last?;
        let (mut dts, mut duration, mut cts) = (spot.dts, seen.duration.unwrap_or(u64::MAX), spot.cts);
        let (mut first_pts, mut end_pts) = (self.first_pts, self.end_pts);
        let (mut longest, mut bytes, mut keys) = (self.longest, 0_u64, 0_u32);
        for (last, sample) in samples.iter().zip(samples.iter().skip(1)) {
            let lasts = u64::from(last.duration);
            summary.duration_runs += u32::from(lasts != duration);
            summary.cts_runs += u32::from(sample.cts != cts);
            (duration, cts) = (lasts, sample.cts);
            longest = longest.max(lasts);
            dts += i64::from(last.duration);
            end_pts = end_pts.max(dts + i64::from(last.cts));
            first_pts = first_pts.min(dts + i64::from(cts));
            self.min_cts = self.min_cts.min(cts);
            self.max_cts = self.max_cts.max(cts);
            bytes += u64::from(sample.size);
            keys += u32::from(sample.key);
        }
        (self.first_pts, self.end_pts, self.longest) = (first_pts, end_pts, longest);
        self.bytes = self.bytes.saturating_add(bytes);
        summary.keys += keys;
        let last = samples.last()?;
        *seen = Seen {
            last: Some(Spot {
                dts,
                duration: last.duration.into(),
                cts,
                key: last.key,
                size: last.size,
                ..spot
            }),
            duration: Some(duration),
            cts: Some(cts),
        };
        Some(dts)
    }

    /// Decode and presentation time at which the samples seen so far end.
    pub(in crate::format::line) fn end(&self) -> (i64, i64) {
        let Some(Tail { spot, .. }) = self.tail else {
            return (self.end_dts, self.end_pts);
        };
        let dts = spot.dts.saturating_add_unsigned(spot.duration);
        (dts, self.end_pts.max(dts.saturating_add(i64::from(spot.cts))))
    }

    /// Multiplies the timescale by `times`, and the times with it. Returns false if an offset becomes too large.
    pub(super) fn multiply(&mut self, times: u32) -> bool {
        let (Some(min_cts), Some(max_cts)) =
            (multiplied(self.min_cts, times), multiplied(self.max_cts, times))
        else {
            return false;
        };
        self.timescale = self.timescale.saturating_mul(times);
        (self.min_cts, self.max_cts) = (min_cts, max_cts);
        for ticks in [
            &mut self.first_dts,
            &mut self.end_dts,
            &mut self.first_pts,
            &mut self.end_pts,
        ] {
            *ticks = ticks.saturating_mul(times.into());
        }
        self.longest = self.longest.saturating_mul(times.into());
        if let Some(tail) = &mut self.tail {
            tail.spot.dts = tail.spot.dts.saturating_mul(times.into());
            tail.spot.duration = tail.spot.duration.saturating_mul(times.into());
            tail.spot.cts = multiplied(tail.spot.cts, times).unwrap_or(tail.spot.cts);
            tail.before = tail.before.map(|before| before.saturating_mul(times.into()));
        }
        true
    }
}

/// An offset in a timescale that is `times` times as large.
fn multiplied(ticks: i32, times: u32) -> Option<i32> {
    i32::try_from(times).ok()?.checked_mul(ticks)
}
