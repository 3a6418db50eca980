//! Which millisecond of the line is zero in the files.

use crate::format::index::RunFacts;
use crate::format::line::{Line, Placement, Stretch};
use crate::media::{gcd, rescale};

/// Decides which millisecond of the line becomes zero.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct Origin {
    first_ms: Option<i64>,
    /// A millisecond that is a multiple of 1000 / `grid` is a whole tick at every rate.
    grid: u32,
}

impl Default for Origin {
    fn default() -> Self {
        Self {
            first_ms: None,
            grid: 1_000,
        }
    }
}

impl Origin {
    pub(super) fn of(line: &Line) -> Self {
        let mut origin = Self::default();
        for track in [line.video.as_ref(), line.audio.as_ref()].into_iter().flatten() {
            origin.time(track.first_dts.min(track.first_pts), track.timescale);
        }
        let rates = |stretch: &Stretch| [stretch.video.placement.own, stretch.audio.placement.own];
        line.stretches
            .iter()
            .flat_map(rates)
            .for_each(|rate| origin.rate(rate));
        origin
    }

    /// Takes note of a run of the tape, so that none of its samples is before zero.
    pub(in crate::format) fn see(&mut self, run: &RunFacts, placement: Placement) {
        if run.is_empty() {
            return;
        }
        // The first run of a track gives the line its ticks.
        let first = placement.place(run.first_dts);
        self.time(first.saturating_add(run.shown.min(0)), placement.line);
        self.rate(placement.own);
    }

    fn time(&mut self, ticks: i64, timescale: u32) {
        let ms = rescale(ticks, timescale, 1_000);
        self.first_ms = Some(self.first_ms.map_or(ms, |first| first.min(ms)));
    }

    fn rate(&mut self, rate: u32) {
        if rate > 0 {
            self.grid = gcd(self.grid, rate);
        }
    }

    pub(super) fn ms(&self) -> i64 {
        let step = i64::from(1_000 / self.grid.max(1)).max(1);
        let first = self.first_ms.unwrap_or(0);
        first.div_euclid(step).saturating_mul(step)
    }
}
