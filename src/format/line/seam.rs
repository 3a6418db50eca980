//! Where the next publish, or the next range of a joined view, comes to lie on the line.
//!
//! Within a boot the tape line is exact: a break is as long as it was. The tape line of another boot begins
//! anywhere behind that of the boot before, so there the gap is the one between the publishes' UTC times, if
//! that can be true. A box whose clock was not set yet says that it began before it ended; then, and when the
//! gap would be more than a day, what follows follows at once, as the ranges of a joined view do.

use crate::format::ViewSegment;
use crate::format::index::SampleIndex;
use crate::media::{Micros, TrackKind, rescale};

use super::TrackLine;

/// The longest gap that is believed of a clock that was set or kept while the box was off.
const LONGEST_GAP: Micros = 24 * 3_600 * 1_000_000;

/// How a segment follows the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seam {
    /// It goes on with the same publish.
    None,
    /// Another publish of the same boot, so much later.
    Later(Micros),
    /// Another publish, so much later if the clocks can be believed.
    Perhaps(Micros),
    /// Another range.
    Spliced,
}

/// True when a segment does not go on from the one before.
pub(super) fn breaks(before: &ViewSegment, after: &ViewSegment) -> bool {
    seam(before, after) != Seam::None
}

/// Line time of the media time zero of `after`, when that of `before` is `zero`. `least` is the earliest at which
/// nothing of it overlaps with what is on the line.
pub(super) fn place(
    before: &ViewSegment,
    after: &ViewSegment,
    zero: Micros,
    least: impl FnOnce() -> Option<Micros>,
) -> Micros {
    let (later, most) = match seam(before, after) {
        Seam::None => return zero,
        Seam::Later(later) => (Some(later), Micros::MAX),
        Seam::Perhaps(later) => (Some(later), LONGEST_GAP),
        Seam::Spliced => (None, 0),
    };
    let later = later.map(|later| zero.saturating_add(later));
    match (later, least()) {
        (Some(later), Some(least)) if later >= least && later.saturating_sub(least) <= most => later,
        (_, Some(least)) => least,
        (later, None) => later.unwrap_or(zero),
    }
}

fn seam(before: &ViewSegment, after: &ViewSegment) -> Seam {
    if before.range != after.range {
        return Seam::Spliced;
    }
    if before.publish_zero == after.publish_zero {
        return Seam::None;
    }
    let on_tape = after.publish_zero.saturating_sub(before.publish_zero);
    let by_clock = after.publish_zero_utc.saturating_sub(before.publish_zero_utc);
    match on_tape == by_clock {
        true => Seam::Later(on_tape),
        false => Seam::Perhaps(by_clock),
    }
}

/// When the samples of one track begin or end, in microseconds, by their decode and by their presentation times.
#[derive(Clone, Copy, Debug)]
struct Edge {
    dts: Micros,
    pts: Micros,
}

/// Line time of the media time zero of `segment` from which on its samples lie behind all that is on the line, to
/// the millisecond: sound may end half a millisecond later. Nothing where either has no sample.
pub(super) fn least(
    line: [Option<&TrackLine>; 2],
    segment: &ViewSegment,
    index: &SampleIndex,
) -> Option<Micros> {
    let ends = line.map(|track| track.map(end));
    let begins = [TrackKind::Video, TrackKind::Audio].map(|kind| begin(segment, kind, index));
    let last = ends.iter().flatten().map(|edge| edge.dts).max()?;
    let first = begins.iter().flatten().map(|edge| edge.dts).min()?;
    let least = ends.iter().zip(&begins).filter_map(|pair| match pair {
        (Some(end), Some(begin)) => {
            let (dts, pts) = (
                end.dts.saturating_sub(begin.dts),
                end.pts.saturating_sub(begin.pts),
            );
            Some(dts.max(pts))
        }
        (Some(end), None) => Some(end.dts.saturating_sub(first)),
        (None, Some(begin)) => Some(last.saturating_sub(begin.dts)),
        (None, None) => None,
    });
    let least = least.max()?;
    Some(least.saturating_add(500).div_euclid(1_000).saturating_mul(1_000))
}

fn end(track: &TrackLine) -> Edge {
    let (dts, pts) = track.end();
    let time = |ticks| rescale(ticks, track.timescale, 1_000_000);
    Edge {
        dts: time(dts),
        pts: time(pts),
    }
}

fn begin(segment: &ViewSegment, kind: TrackKind, index: &SampleIndex) -> Option<Edge> {
    let timescale = segment.tracks.timescale(kind)?;
    let base = match kind {
        TrackKind::Video => segment.base.video,
        TrackKind::Audio => segment.base.audio,
    };
    let time = |ticks| rescale(ticks, timescale, 1_000_000);
    let samples = || index.runs(kind).flat_map(|run| run.placed());
    let dts = |placed: crate::format::index::Placed| base.saturating_add_unsigned(placed.dts);
    let shown = samples().map(|placed| dts(placed).saturating_add(i64::from(placed.sample.cts)));
    Some(Edge {
        dts: time(samples().next().map(dts)?),
        pts: time(shown.min()?),
    })
}

#[cfg(test)]
mod tests;
