//! How long the last sample of a fragment lasts: until the next one of its track, which is in another fragment.
//!
//! The tape had to guess the duration, because it was written before the next sample came. Players that put fragments together
//! (Media Source Extensions) let a track end where its last sample ends, and wait there. They accept a sample that lasts for
//! minutes: a picture stands, sound is silent, and the next sample comes at its time.

use std::borrow::Cow;
use std::num::NonZeroU32;

use crate::format::fmp4;
use crate::format::index::{FragmentIndex, Placed, RunFacts, Sample};
use crate::format::line::{Line, Placement, Tape};
use crate::format::{FileError, TapeSource};
use crate::media::{TrackKind, rescale};

/// The longest time that a sample is held in a file whose beginning is sent before its end is known.
const LONGEST_MS: i64 = 10_000;

/// A track that ends this much before the other is held until then. A frame or two do not matter.
const LEAST_MS: i64 = 500;

/// The ticks that times of fragments are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Ticks {
    /// Ticks of the tape: the decoder configuration of a chunk gives their timescale.
    Tape,
    /// Ticks of the line: the file has one timescale for each track.
    Line,
}

impl Ticks {
    /// The placement that leads to these ticks.
    pub(in crate::format) fn of(self, placement: Placement) -> Placement {
        match self {
            Ticks::Tape => Placement {
                line: placement.own,
                ..placement
            },
            Ticks::Line => placement,
        }
    }
}

/// How far ahead the next sample may be so that the last sample of a fragment lasts until it.
#[derive(Debug)]
pub(in crate::format) struct Reach {
    longest_ms: i64,
    /// The end of the reach of each fragment. Fragments that are missing here have no end.
    ends: Vec<End>,
    pub(super) ticks: Ticks,
}

/// Where a fragment's reach ends.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct End {
    /// The first fragment out of reach.
    pub(in crate::format) part: usize,
    /// A sample without a successor is held until this time, in milliseconds on the line.
    pub(in crate::format) held_ms: Option<i64>,
}

/// Durations of the last samples of a fragment, in the ticks of the file. Nothing where they are as on the tape.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::format) struct Lasts {
    video: Option<NonZeroU32>,
    audio: Option<NonZeroU32>,
}

impl End {
    /// A reach without end: every later sample is within reach.
    pub(in crate::format) const NONE: Self = Self {
        part: usize::MAX,
        held_ms: None,
    };
}

impl Reach {
    /// The reach in a file that is sent while it grows.
    pub(in crate::format) fn in_a_file() -> Self {
        Self {
            longest_ms: LONGEST_MS,
            ends: Vec::new(),
            ticks: Ticks::Line,
        }
    }

    /// The reach in chunks. `ends` says where it ends for each fragment.
    pub(in crate::format) fn in_chunks(ends: Vec<End>) -> Self {
        Self {
            longest_ms: i64::MAX,
            ends,
            ticks: Ticks::Tape,
        }
    }

    fn end(&self, part: usize) -> End {
        self.ends.get(part).copied().unwrap_or(End::NONE)
    }
}

impl Lasts {
    fn of(&self, kind: TrackKind) -> Option<u32> {
        let lasts = match kind {
            TrackKind::Video => self.video,
            TrackKind::Audio => self.audio,
        };
        lasts.map(NonZeroU32::get)
    }

    fn of_mut(&mut self, kind: TrackKind) -> &mut Option<NonZeroU32> {
        match kind {
            TrackKind::Video => &mut self.video,
            TrackKind::Audio => &mut self.audio,
        }
    }

    /// A fragment's samples of a track, if it has some, in the ticks that `placement` leads to.
    pub(in crate::format) fn samples<'a>(
        &self,
        fragment: &'a FragmentIndex,
        kind: TrackKind,
        placement: Placement,
    ) -> Option<Cow<'a, [Sample]>> {
        let run = fragment.run(kind);
        let mut samples = if placement.own == placement.line {
            Cow::Borrowed(run.samples.as_slice())
        } else {
            run.placed().map(|placed| placement.sample(&placed)).collect()
        };
        let lasts = samples.last()?.duration;
        if let Some(duration) = self.of(kind).filter(|duration| *duration != lasts)
            && let Some(last) = samples.to_mut().last_mut()
        {
            last.duration = duration;
        }
        Some(samples)
    }

    /// The numbers that a mark of the file depends on.
    pub(in crate::format) fn numbers(&self) -> [u64; 2] {
        [self.video, self.audio].map(|last| last.map_or(u64::MAX, |last| last.get().into()))
    }
}

/// A fragment where decoding can begin at the first sample of the leading track.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct Entry {
    pub(in crate::format) part: usize,
    /// When the first sample is presented, in ticks of the track on the line.
    pub(in crate::format) pts: i64,
    /// Bytes of the first sample.
    pub(in crate::format) size: u32,
    /// True when pictures behind the first one are shown before it, and need pictures before it.
    pub(in crate::format) leads: bool,
}

/// What is known of every fragment once the next fragments are there: the bytes of its `moof`, and how long its last samples
/// last.
#[derive(Clone, Debug, Default)]
pub(in crate::format) struct Known {
    pub(in crate::format) moofs: Vec<u32>,
    pub(in crate::format) lasts: Vec<Lasts>,
    /// Fragments where decoding can begin, in order.
    pub(in crate::format) entries: Vec<Entry>,
    /// Number of fragments that stay as they are when the tape grows.
    pub(in crate::format) settled: usize,
    /// The track that the entries belong to.
    leading: Option<TrackKind>,
    /// The picture's ticks a second on the line.
    scale: Option<u32>,
}

/// The longest time that a track may be recorded later than the other.
const LAG_MS: i64 = 4_000;

/// The next sample of a track, for a pass that goes backwards.
#[derive(Clone, Copy, Debug)]
struct Next {
    part: usize,
    dts: i64,
}

impl Known {
    /// What is known of the first `parts` fragments.
    pub(in crate::format) fn first(&self, parts: usize) -> Self {
        let parts = parts.min(self.moofs.len()).min(self.lasts.len());
        let of_them = self.entries.partition_point(|entry| entry.part < parts);
        Self {
            moofs: self.moofs.get(..parts).unwrap_or_default().to_vec(),
            lasts: self.lasts.get(..parts).unwrap_or_default().to_vec(),
            entries: self.entries.get(..of_them).unwrap_or_default().to_vec(),
            settled: 0,
            leading: self.leading,
            scale: self.scale,
        }
    }

    /// Counts the times of entries in ticks of another timescale.
    fn count_in(&mut self, scale: Option<u32>) {
        if let (Some(from), Some(to)) = (self.scale, scale) {
            for entry in &mut self.entries {
                entry.pts = rescale(entry.pts, from, to);
            }
        }
    }

    /// About how many bytes of memory this takes up.
    pub(in crate::format) fn weight(&self) -> usize {
        size_of_val(self.moofs.as_slice())
            + size_of_val(self.lasts.as_slice())
            + size_of_val(self.entries.as_slice())
    }

    /// What is known of the first `parts` fragments at most: only of those that stay as they are.
    pub(in crate::format) fn settled(&self, parts: usize) -> Self {
        self.first(parts.min(self.settled))
    }
}

/// Goes over the fragments once, from the last one to the first that is not `known`.
pub(in crate::format) fn durations<S: TapeSource>(
    line: &Line,
    tape: &mut Tape<S>,
    reach: &Reach,
    mut before: Known,
) -> Result<Known, FileError> {
    let mut known = Known {
        settled: line.parts.len().saturating_sub(1),
        ..Known::default()
    };
    let leading = match line.video {
        Some(_) => TrackKind::Video,
        None => TrackKind::Audio,
    };
    let scale = line.video.as_ref().map(|track| track.timescale);
    let leads_otherwise = before.leading.is_some_and(|before| before != leading);
    let counts_otherwise = before.scale.is_some() && before.scale != scale;
    match reach.ticks {
        // The picture came later, or goes on in another timescale.
        Ticks::Line if leads_otherwise || counts_otherwise => before = Known::default(),
        Ticks::Tape if leads_otherwise => before.entries.clear(),
        Ticks::Tape if counts_otherwise => before.count_in(scale),
        Ticks::Line | Ticks::Tape => (),
    }
    let begin = before.moofs.len();
    let mut next: [Option<Next>; 2] = [None; 2];
    for (segment, stretch) in line.stretches.iter().enumerate().rev() {
        if stretch.first_part.saturating_add(stretch.parts) <= begin {
            break;
        }
        // Of samples whose times are rounded, the facts do not say whether they last equally long.
        let is_rounded = |kind| {
            let placement = reach.ticks.of(stretch.track(kind).placement);
            placement.own != placement.line
        };
        let index = if [TrackKind::Video, TrackKind::Audio].into_iter().any(is_rounded) {
            Some(tape.index(segment)?)
        } else {
            None
        };
        let list = tape.fragments(segment)?;
        let skipped = begin.saturating_sub(stretch.first_part);
        for (at, fragment) in list.fragments.iter().enumerate().skip(skipped).rev() {
            let part = stretch.first_part.saturating_add(at);
            let mut lasts = Lasts::default();
            for (kind, next) in [TrackKind::Video, TrackKind::Audio].into_iter().zip(&mut next) {
                let run = fragment.run(kind);
                if run.is_empty() {
                    continue;
                }
                let placement = stretch.track(kind).placement;
                let last = last_of(run);
                let last = Last {
                    dts: placement.place(last.dts),
                    sample: match kind {
                        TrackKind::Video => placement.sample(&last),
                        TrackKind::Audio => last.sample,
                    },
                    scale: placement.line,
                };
                let ticks = last.ticks(*next, reach, part);
                let file = reach.ticks.of(placement).line;
                let ticks = ticks.map(|ticks| rescale(ticks, placement.line, file));
                let ticks = ticks.and_then(|ticks| u32::try_from(ticks).ok());
                *lasts.of_mut(kind) = ticks.and_then(NonZeroU32::new);
                if next.is_none() && last.may_be_followed(line, reach) {
                    known.settled = known.settled.min(part);
                }
                *next = Some(Next {
                    part,
                    dts: placement.place(run.first_dts),
                });
            }
            let run = fragment.run(leading);
            if run.shape.key {
                known.entries.push(Entry {
                    part,
                    pts: stretch.track(leading).placement.shown(&run.first()),
                    size: run.first_size,
                    leads: run.shape.leads,
                });
            }
            let len = match index.as_ref().and_then(|index| index.fragments.get(at)) {
                Some(fragment) => {
                    let samples =
                        |kind| lasts.samples(fragment, kind, reach.ticks.of(stretch.track(kind).placement));
                    let (video, audio) = (samples(TrackKind::Video), samples(TrackKind::Audio));
                    fmp4::moof_len(video.as_deref(), audio.as_deref())
                }
                None => fmp4::moof_len_of([TrackKind::Video, TrackKind::Audio].map(|kind| {
                    let run = fragment.run(kind);
                    Some((run, lasts.of(kind).unwrap_or(run.last_duration)))
                })),
            };
            known.moofs.push(fitted!(len, "the length of a moof"));
            known.lasts.push(lasts);
        }
    }
    before.entries.extend(known.entries.into_iter().rev());
    before.moofs.extend(known.moofs.into_iter().rev());
    before.lasts.extend(known.lasts.into_iter().rev());
    Ok(Known {
        moofs: before.moofs,
        lasts: before.lasts,
        entries: before.entries,
        settled: known.settled,
        leading: Some(leading),
        scale,
    })
}

/// The last sample of a run, as far as its time matters.
fn last_of(run: &RunFacts) -> Placed {
    Placed {
        dts: run.last_dts(),
        offset: run.data_offset,
        sample: Sample {
            size: 0,
            duration: run.last_duration,
            cts: run.last_cts,
            key: false,
        },
    }
}

/// The last sample of a run, on the line.
struct Last {
    dts: i64,
    sample: Sample,
    /// Ticks a second of the track on the line.
    scale: u32,
}

impl Last {
    /// How long the sample lasts in ticks, if that can be known.
    fn ticks(&self, next: Option<Next>, reach: &Reach, part: usize) -> Option<i64> {
        let end = reach.end(part);
        if let Some(next) = next.filter(|next| next.part < end.part) {
            let ticks = next.dts.saturating_sub(self.dts);
            let longest = rescale(reach.longest_ms, 1_000, self.scale);
            return Some(ticks).filter(|ticks| (1..=longest).contains(ticks));
        }
        let held = end.held_ms?;
        let shown = self.dts.saturating_add(i64::from(self.sample.cts));
        let ticks = rescale(held, 1_000, self.scale).saturating_sub(shown);
        let least = rescale(LEAST_MS, 1_000, self.scale).saturating_add(self.sample.duration.into());
        Some(ticks).filter(|ticks| *ticks > least)
    }

    /// True while a next sample could still come soon enough to decide how long this one lasts.
    fn may_be_followed(&self, line: &Line, reach: &Reach) -> bool {
        let tracks = [line.video.as_ref(), line.audio.as_ref()].into_iter().flatten();
        let ends = tracks.map(|track| rescale(track.end_dts, track.timescale, 1_000));
        let since = ends
            .max()
            .map(|end| end.saturating_sub(rescale(self.dts, self.scale, 1_000)));
        since.is_some_and(|since| since <= reach.longest_ms.saturating_add(LAG_MS))
    }
}
