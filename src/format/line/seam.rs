//! Where the next publish, or the next range of a joined view, comes to lie on the line.
//!
//! The media behind a break follows at once, and so do the ranges of a joined view: few players wait where sound has a gap.
//! Sound and picture are moved alike. The track that ends last decides. The rest of the other track is filled by
//! [silence](super::Sound), or by a picture that stands.
//!
//! Where [gaps are kept](Gaps::Keep), a break is as long as it was, if there is silence to fill it with. Within a boot the tape
//! line is exact. The tape line of another boot begins anywhere behind that of the boot before. There the gap is the difference
//! of the publishes' UTC times, if that can be true. A box whose clock was not set yet claims that it began before it ended. In
//! that case the gap is closed. A gap of more than a day is closed, too.

use crate::format::index::{Run, SampleIndex};
use crate::format::{Gaps, SourceError, TapeSource, View, ViewSegment};
use crate::media::{AudioConfig, Micros, TrackKind, rescale};

use super::TrackLine;

/// The longest gap that is believed of a clock that was set or kept while the box was off.
const LONGEST_GAP: Micros = 24 * 3_600 * 1_000_000;

/// What ends so much behind the beginning of what follows it ends there: sound may be longer than the pictures beside it.
const ROUNDED: Micros = 100_000;

/// How a segment follows the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seam {
    /// The segment continues the same publish.
    None,
    /// The segment is of another publish of the same boot, so much later.
    Later(Micros),
    /// The segment is of another publish, so much later if the clocks can be believed.
    Perhaps(Micros),
    Spliced,
}

/// True when a segment does not continue the one before.
pub(super) fn breaks(before: &ViewSegment, after: &ViewSegment) -> bool {
    seam(before, after) != Seam::None
}

/// Line time of the media time zero of `after`, when that of `before` is `zero`. `least` is the earliest line time at which
/// nothing of `after` overlaps with the line.
///
/// [`Shown`](super::shown::Shown) places ranges of which some pictures are hidden.
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
    let later = later.filter(|_| after.gaps == Gaps::Keep && [before, after].into_iter().all(can_be_silent));
    let later = later.map(|later| zero.saturating_add(later));
    match (later, least()) {
        (Some(later), Some(least)) if later >= least && later.saturating_sub(least) <= most => later,
        (_, Some(least)) => least,
        (later, None) => later.unwrap_or(zero),
    }
}

/// True when the segment has no sound, or sound of a codec that silence is known of.
fn can_be_silent(segment: &ViewSegment) -> bool {
    let config = segment.tracks.audio.as_deref();
    config.is_none_or(AudioConfig::has_silence)
}

impl<S> View<S> {
    /// Finds the first gap that is to be kept and is closed all the same, because no silence is made of the sound's codec.
    /// Returns that codec as RFC 6381 writes it.
    pub fn closed_gap(&self) -> Option<String> {
        let mut sides = self.kept_gaps().flat_map(|(before, after)| [before, after]);
        let closes = sides.find(|segment| !can_be_silent(segment))?;
        Some(closes.tracks.audio.as_ref()?.codec_string())
    }

    /// Finds the first gap that files cannot keep as long as it was by the clock: the clock went back in it, or it lasted longer than
    /// a day. Returns UTC of what follows it.
    pub fn doubtful_gap(&self) -> Result<Option<Micros>, SourceError>
    where
        S: TapeSource,
    {
        for (before, after) in self.segments.iter().zip(self.segments.iter().skip(1)) {
            let (Seam::Perhaps(_), Some(end)) = (seam(before, after), self.end_of(before)?) else {
                continue;
            };
            let begins = after.utc(after.begins());
            let gap = begins.saturating_sub(before.utc(end));
            if !(-ROUNDED..=LONGEST_GAP).contains(&gap) {
                return Ok(Some(begins));
            }
        }
        Ok(None)
    }

    /// True when gaps are to be kept and there is one.
    pub fn keeps_a_gap(&self) -> bool {
        self.kept_gaps().next().is_some()
    }

    fn kept_gaps(&self) -> impl Iterator<Item = (&ViewSegment, &ViewSegment)> {
        let pairs = self.segments.iter().zip(self.segments.iter().skip(1));
        pairs.filter(|(before, after)| {
            after.gaps == Gaps::Keep && !matches!(seam(before, after), Seam::None | Seam::Spliced)
        })
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
    if on_tape == by_clock {
        Seam::Later(on_tape)
    } else {
        Seam::Perhaps(by_clock)
    }
}

/// When the samples of one track begin or end, in microseconds, by their decode times and by their presentation times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) dts: Micros,
    pub(super) pts: Micros,
}

/// The line time of the media time zero of `segment` from which on its samples lie behind all that is on the line. It is exact
/// to the millisecond: sound may end half a millisecond later. Nothing where either side has no sample.
///
/// The segment's first fragment alone decides, so that nothing moves when the segment grows. A track that is not in this
/// fragment begins no earlier than the other one.
pub(super) fn least(
    line: [Option<&TrackLine>; 2],
    hidden_ms: i64,
    segment: &ViewSegment,
    index: &SampleIndex,
) -> Option<Micros> {
    let mut ends = line.map(|track| track.map(end));
    if let [Some(picture), _] = &mut ends {
        let hidden = hidden_ms.saturating_mul(1_000);
        picture.dts = picture.dts.saturating_sub(hidden);
        picture.pts = picture.pts.saturating_sub(hidden);
    }
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

pub(super) fn end(track: &TrackLine) -> Edge {
    let (dts, pts) = track.end();
    let time = |ticks| rescale(ticks, track.timescale, 1_000_000);
    Edge {
        dts: time(dts),
        pts: time(pts),
    }
}

/// Decode time of the segment's first sample, of either track, after its publish's zero.
pub(super) fn begins(segment: &ViewSegment, index: &SampleIndex) -> Option<Micros> {
    let begins = [TrackKind::Video, TrackKind::Audio].map(|kind| begin(segment, kind, index));
    begins.iter().flatten().map(|edge| edge.dts).min()
}

/// Decode time of the segment's first sound, in ticks after its publish's zero. Any fragment may hold that sound.
pub(super) fn sound_begins(segment: &ViewSegment, index: &SampleIndex) -> Option<i64> {
    let first = index.runs(TrackKind::Audio).next()?.first_dts;
    Some(segment.base.audio.saturating_add_unsigned(first))
}

/// Decode time of the segment's first sound, in ticks after its publish's zero, if the first fragment has sound.
pub(super) fn sound_at_once(segment: &ViewSegment, index: &SampleIndex) -> Option<i64> {
    let run = first_run(TrackKind::Audio, index);
    (!run.samples.is_empty()).then(|| segment.base.audio.saturating_add_unsigned(run.first_dts))
}

fn first_run(kind: TrackKind, index: &SampleIndex) -> &Run {
    const NONE: &Run = &Run {
        first_dts: 0,
        data_offset: 0,
        samples: Vec::new(),
    };
    let mut fragments = index.fragments.iter();
    fragments
        .find(|fragment| !fragment.video.samples.is_empty() || !fragment.audio.samples.is_empty())
        .map_or(NONE, |fragment| fragment.run(kind))
}

pub(super) fn begin(segment: &ViewSegment, kind: TrackKind, index: &SampleIndex) -> Option<Edge> {
    let timescale = segment.tracks.timescale(kind)?;
    let base = match kind {
        TrackKind::Video => segment.base.video,
        TrackKind::Audio => segment.base.audio,
    };
    let time = |ticks| rescale(ticks, timescale, 1_000_000);
    let samples = || first_run(kind, index).placed();
    let dts = |placed: crate::format::index::Placed| base.saturating_add_unsigned(placed.dts);
    let shown = samples().map(|placed| dts(placed).saturating_add(i64::from(placed.sample.cts)));
    Some(Edge {
        dts: time(samples().next().map(dts)?),
        pts: time(shown.min()?),
    })
}

#[cfg(test)]
mod tests;
