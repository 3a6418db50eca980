//! What layouts ask of the fragments of a segment, without a sample.
//!
//! Where chunks begin and end, how long their files are and whether the sound goes on is decided by a few numbers of each run.
//! They are known when the segment is sealed. The samples are needed only for the bytes of a file, and where a run is not as
//! runs usually are.

use super::{Placed, Run, Sample, SampleIndex};
use crate::media::{TrackKind, rescale};

/// Parts of a second that make the ticks of nearly every timescale whole.
const FINE: u32 = 705_600_000;

/// The fragments of a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FragmentList {
    pub(in crate::format) fragments: Vec<FragmentFacts>,
    /// The rate at which the segment's pictures come.
    pub(in crate::format) pace: Pace,
}

/// A fragment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::format) struct FragmentFacts {
    /// Where the fragment's checksum box begins in the file.
    pub(in crate::format) offset: u64,
    pub(in crate::format) video: RunFacts,
    pub(in crate::format) audio: RunFacts,
}

/// The samples of one track in one fragment. `Default` when the track has none there. Times are ticks of the segment's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::format) struct RunFacts {
    pub(in crate::format) first_dts: u64,
    /// Where the bytes of the samples stand in the file.
    pub(in crate::format) data_offset: u64,
    pub(in crate::format) samples: u32,
    /// Bytes of all samples.
    pub(in crate::format) bytes: u64,
    /// Bytes of the first sample.
    pub(in crate::format) first_size: u32,
    pub(in crate::format) first_cts: i32,
    /// From the first DTS to the last one.
    pub(in crate::format) known: u64,
    /// The shortest and the longest time from one DTS to the next; zero for a run of one sample.
    pub(in crate::format) shortest: u32,
    pub(in crate::format) longest: u32,
    /// The duration of the last sample, which was guessed.
    pub(in crate::format) last_duration: u32,
    pub(in crate::format) last_cts: i32,
    /// When the earliest sample is presented, less the first DTS.
    pub(in crate::format) shown: i64,
    /// When the samples before the last one are presented to the end, less the first DTS; zero for a run of one sample.
    pub(in crate::format) known_ends: i64,
    /// When all samples are, less the first DTS.
    pub(in crate::format) ends: i64,
    pub(in crate::format) shape: RunShape,
}

/// What the samples of a run have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::format) struct RunShape {
    /// Decoding can begin with the first sample.
    pub(in crate::format) key: bool,
    /// [Leading pictures](Run::leads) follow the first sample.
    pub(in crate::format) leads: bool,
    /// All samples have one size.
    pub(in crate::format) one_size: bool,
    /// Decoding can begin with all samples behind the first one, or with none of them.
    pub(in crate::format) alike: bool,
    /// Decoding can begin with the second sample, or there is none and it can begin with the first.
    pub(in crate::format) rest_key: bool,
    /// Some sample is presented at another time than it is decoded.
    pub(in crate::format) cts: bool,
}

/// The number of pictures, and the time from each to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::format) struct Pace {
    pub(super) pictures: u64,
    /// Sum of these times, in [`FINE`] parts of a second.
    pub(super) time: u64,
}

impl FragmentList {
    /// The facts of an index. `timescale` is that of the picture, if there is one.
    pub fn of(index: &SampleIndex, timescale: Option<u32>) -> Self {
        let mut pace = Pace::default();
        let fragments = index.fragments.iter().map(|fragment| {
            if let Some(timescale) = timescale {
                pace.take(&fragment.video, timescale);
            }
            FragmentFacts {
                offset: fragment.offset,
                video: RunFacts::of(&fragment.video),
                audio: RunFacts::of(&fragment.audio),
            }
        });
        Self {
            fragments: fragments.collect(),
            pace,
        }
    }

    /// The first picture, as far as its time and its place matter, and the run that it begins.
    pub(in crate::format) fn first_picture(&self) -> Option<(Placed, &RunFacts)> {
        let mut runs = self.fragments.iter().map(|fragment| &fragment.video);
        let run = runs.find(|run| !run.is_empty())?;
        Some((run.first(), run))
    }

    /// Where the samples end in the file.
    pub fn end(&self) -> u64 {
        let runs = self.fragments.last().map(|last| [last.video, last.audio]);
        let ends = runs.into_iter().flatten().filter(|run| !run.is_empty());
        let ends = ends.map(|run| run.data_offset.saturating_add(run.bytes));
        ends.max().unwrap_or(0)
    }
}

impl FragmentFacts {
    pub(in crate::format) fn is_empty(&self) -> bool {
        self.video.is_empty() && self.audio.is_empty()
    }

    pub(in crate::format) fn run(&self, kind: TrackKind) -> &RunFacts {
        match kind {
            TrackKind::Video => &self.video,
            TrackKind::Audio => &self.audio,
        }
    }
}

impl RunFacts {
    pub(in crate::format) fn of(run: &Run) -> Self {
        let (Some(first), Some((last, others))) = (run.samples.first(), run.samples.split_last()) else {
            return Self::default();
        };
        let (mut known, mut bytes) = (0_u64, 0_u64);
        let (mut shortest, mut longest) = (u32::MAX, 0);
        let (mut shown, mut ends) = (i64::MAX, i64::MIN);
        for sample in others {
            let at = i64::try_from(known).unwrap_or(i64::MAX);
            let at = at.saturating_add(sample.cts.into());
            shown = shown.min(at);
            ends = ends.max(at.saturating_add(sample.duration.into()));
            known += u64::from(sample.duration);
            bytes += u64::from(sample.size);
            shortest = shortest.min(sample.duration);
            longest = longest.max(sample.duration);
        }
        let at = i64::try_from(known).unwrap_or(i64::MAX);
        let at = at.saturating_add(last.cts.into());
        let is_one = others.is_empty();
        let rest = run.samples.get(1..).unwrap_or_default();
        let rest_key = rest.first().unwrap_or(first).key;
        Self {
            first_dts: run.first_dts,
            data_offset: run.data_offset,
            samples: u32::try_from(run.samples.len()).unwrap_or(u32::MAX),
            bytes: bytes + u64::from(last.size),
            first_size: first.size,
            first_cts: first.cts,
            known,
            shortest: if is_one { 0 } else { shortest },
            longest,
            last_duration: last.duration,
            last_cts: last.cts,
            shown: shown.min(at),
            known_ends: if is_one { 0 } else { ends },
            ends: ends.max(at.saturating_add(last.duration.into())),
            shape: RunShape {
                key: first.key,
                leads: run.leads(),
                one_size: rest.iter().all(|sample| sample.size == first.size),
                alike: rest.iter().all(|sample| sample.key == rest_key),
                rest_key,
                cts: run.samples.iter().any(|sample| sample.cts != 0),
            },
        }
    }

    pub(in crate::format) fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// The first sample. Its duration is only right where all are equal.
    pub(in crate::format) fn first(&self) -> Placed {
        Placed {
            dts: self.first_dts,
            offset: self.data_offset,
            sample: Sample {
                size: self.first_size,
                duration: self.shortest,
                cts: self.first_cts,
                key: self.shape.key,
            },
        }
    }

    /// DTS of the last sample.
    pub(in crate::format) fn last_dts(&self) -> u64 {
        self.first_dts.saturating_add(self.known)
    }

    /// DTS at which the last sample ends.
    pub(in crate::format) fn end_dts(&self) -> u64 {
        self.last_dts().saturating_add(self.last_duration.into())
    }
}

impl Pace {
    /// So many pictures in so many microseconds.
    pub(in crate::format) fn new(pictures: u64, time_us: u64) -> Self {
        let time = u128::from(time_us) * u128::from(FINE) / 1_000_000;
        Self {
            pictures,
            time: u64::try_from(time).unwrap_or(u64::MAX),
        }
    }

    /// Counts the pictures of both.
    pub(in crate::format) fn add(&mut self, other: Self) {
        self.pictures = self.pictures.saturating_add(other.pictures);
        self.time = self.time.saturating_add(other.time);
    }

    /// Pictures a second. Nothing where no two pictures follow each other.
    pub(in crate::format) fn per_second(self) -> Option<f64> {
        let known = self.pictures > 0 && self.time > 0;
        known.then(|| self.pictures as f64 * f64::from(FINE) / self.time as f64)
    }

    /// True when there are too few pictures to tell a rate.
    pub(in crate::format) fn is_short(self) -> bool {
        self.time < u64::from(FINE)
    }

    /// Counts the pictures of a run. The duration of its last picture was a guess, so it does not count. Nor does a picture
    /// that lasts longer than a second: nothing came in that time.
    fn take(&mut self, run: &Run, scale: u32) {
        let others = run.samples.split_last().map_or(&[][..], |(_, others)| others);
        // Most pictures last as long as the one before.
        let (mut known, mut time) = (0, 0);
        for duration in others.iter().map(|sample| sample.duration) {
            if duration <= scale {
                if duration != known {
                    time = rescale(duration.into(), scale, FINE).unsigned_abs();
                    known = duration;
                }
                self.pictures += 1;
                self.time = self.time.saturating_add(time);
            }
        }
    }
}
