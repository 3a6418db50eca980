//! A time lapse: keyframes alone, one after the other, without sound. Nothing is decoded: each keyframe is a picture of its own,
//! and gets another time.
//!
//! What can be relied on: the keyframes come in the order of the view, as many times faster as asked for, and at most so many a second
//! as asked for; those in between are left out. Gaps are closed. The result is a view like any other, so any format of pictures can
//! have it. The times of a segment are those of its tape, divided; so the same segment may be in a view more than once.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::index::{FragmentIndex, Run, Sample, SampleIndex};
use super::{FileError, JoinSource, Kept, TrackBase, View, ViewSegment};
use crate::media::{Micros, SegmentId, TrackKind, Tracks};

/// Ticks of a second in a time lapse.
const TIMESCALE: u32 = 90_000;

/// Most pictures of a time lapse: more would take too much memory.
const MOST: usize = 200_000;

/// How fast, and how many pictures a second at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "Numbers")]
pub struct Lapse {
    /// How many times faster.
    speed: u32,
    /// The most pictures of a second.
    fps: u32,
}

/// The same, as it is written.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Numbers {
    speed: u32,
    fps: u32,
}

/// Why there is no such time lapse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLapse {
    /// The speed is out of bounds.
    #[error("the speed of a time lapse is a number from 2 to 3600")]
    Speed,
    /// The number of pictures is out of bounds.
    #[error("a time lapse has at most 1 to 60 pictures a second")]
    Fps,
}

impl TryFrom<Numbers> for Lapse {
    type Error = NoLapse;

    fn try_from(of: Numbers) -> Result<Self, NoLapse> {
        Self::new(of.speed, of.fps)
    }
}

impl Lapse {
    /// The speeds that there are.
    pub const SPEEDS: RangeInclusive<u32> = 2..=3_600;
    /// How many pictures a second may be the most.
    pub const FPS: RangeInclusive<u32> = 1..=60;
    /// The most pictures of a second, unless said otherwise.
    pub const USUAL_FPS: u32 = 30;

    /// A time lapse that is so many times faster, with at most so many pictures a second.
    pub fn new(speed: u32, fps: u32) -> Result<Self, NoLapse> {
        match (Self::SPEEDS.contains(&speed), Self::FPS.contains(&fps)) {
            (true, true) => Ok(Self { speed, fps }),
            (false, _) => Err(NoLapse::Speed),
            (true, false) => Err(NoLapse::Fps),
        }
    }

    /// How many times faster it is.
    pub fn speed(self) -> u32 {
        self.speed
    }

    /// The most pictures of a second.
    pub fn fps(self) -> u32 {
        self.fps
    }

    /// The moment of the time lapse at a moment of playing what it is made of; a length likewise.
    pub fn faster(self, played: Micros) -> Micros {
        played / Micros::from(self.speed.max(1))
    }

    /// Ticks of the time lapse in these microseconds of the tape.
    fn ticks(self, micros: Micros) -> i64 {
        let wide = i128::from(micros) * i128::from(TIMESCALE) / (1_000_000 * i128::from(self.speed.max(1)));
        i64::try_from(wide).unwrap_or(i64::MAX)
    }
}

fn refused(reason: &str) -> FileError {
    FileError::Unsupported {
        format: "a time lapse",
        reason: reason.to_owned(),
    }
}

impl<S: JoinSource> View<S> {
    /// The keyframes of the view, faster.
    pub fn lapse(self, lapse: Lapse) -> Result<View<S>, FileError> {
        self.lapse_of(lapse, MOST)
    }

    /// The same, with at most so many pictures.
    fn lapse_of(self, lapse: Lapse, most: usize) -> Result<View<S>, FileError> {
        if self.is_in_step() {
            return Err(refused(
                "it has several recordings beside each other: make a time lapse of one of them",
            ));
        }
        let pictures = self.only(TrackKind::Video);
        if pictures.segments.is_empty() {
            return Err(refused("there is no picture, only sound"));
        }
        let mut indexes: HashMap<SegmentId, Arc<SampleIndex>> = HashMap::new();
        let mut segments: Vec<ViewSegment> = Vec::with_capacity(pictures.segments.len());
        let (mut at, mut count) = (0_i64, 0_usize);
        for segment in &pictures.segments {
            let shown = pictures.index(segment)?;
            let mut offsets = shown.runs(TrackKind::Video).flat_map(Run::placed);
            let Some(first) = offsets.next().map(|placed| placed.offset) else {
                continue;
            };
            let last = offsets.last().map_or(first, |placed| placed.offset);
            let fast = match indexes.get(&segment.id) {
                Some(fast) => fast.clone(),
                None => {
                    let whole = pictures.source.index(segment.id)?;
                    let fast = Arc::new(faster(&whole, segment, lapse));
                    indexes.insert(segment.id, fast.clone());
                    fast
                }
            };
            // Pictures before the shown part are there to decode it.
            let is_shown = |offset: u64| {
                let mut placed = shown.runs(TrackKind::Video).flat_map(Run::placed);
                let found = placed.find(|placed| placed.offset == offset);
                found.is_some_and(|placed| {
                    let shown = segment.shown(&placed);
                    shown >= segment.kept.shown_from && shown < segment.kept.shown_to
                })
            };
            let within = fast
                .fragments
                .iter()
                .filter(|of| (first..=last).contains(&of.offset));
            let within: Vec<&FragmentIndex> = within.filter(|of| is_shown(of.offset)).collect();
            // A range that is asked for twice is played twice.
            count = count.saturating_add(within.len());
            if count > most {
                return Err(refused(
                    "it would have more than 200,000 pictures: take a higher speed, or a part of it",
                ));
            }
            let (Some(begin), Some(end)) = (within.first(), within.last()) else {
                continue;
            };
            let base = at.saturating_sub_unsigned(begin.video.first_dts);
            segments.push(ViewSegment {
                tracks: timed(&segment.tracks),
                base: TrackBase {
                    video: base,
                    audio: 0,
                },
                publish_zero: 0,
                end: None,
                kept: Kept {
                    after: (begin.offset, Micros::MIN),
                    until: (end.offset.saturating_add(1), Micros::MIN),
                    ..Kept::default()
                },
                range: 0,
                filled: None,
                in_step: None,
                ..segment.clone()
            });
            at = base.saturating_add_unsigned(end.video.end_dts());
        }
        if segments.is_empty() {
            return Err(refused("there is no keyframe in it"));
        }
        Ok(View {
            segments: segments.into(),
            source: pictures.source.with_indexes(indexes),
        })
    }
}

/// The keyframes of a segment, each as a fragment of its own, with times that are so many times faster.
fn faster(whole: &SampleIndex, segment: &ViewSegment, lapse: Lapse) -> SampleIndex {
    let apart = i64::from(TIMESCALE / lapse.fps.max(1));
    let since = |dts: u64| {
        let ticks = i64::try_from(dts).unwrap_or(i64::MAX);
        lapse.ticks(segment.tracks.micros(TrackKind::Video, ticks))
    };
    let mut kept: Vec<(i64, u64, u32)> = Vec::new();
    let placed = whole.runs(TrackKind::Video).flat_map(Run::placed);
    for key in placed.filter(|placed| placed.sample.key) {
        let time = since(key.dts);
        if kept
            .last()
            .is_none_or(|(before, ..)| time.saturating_sub(*before) >= apart)
        {
            kept.push((time, key.offset, key.sample.size));
        }
    }
    let ends = since(whole.end_dts(TrackKind::Video));
    let nexts = kept.iter().skip(1).map(|(time, ..)| *time).chain([ends]);
    let fragments = kept
        .iter()
        .zip(nexts)
        .map(|((time, offset, size), next)| FragmentIndex {
            offset: *offset,
            len: u64::from(*size),
            video: Run {
                first_dts: time.max(&0).unsigned_abs(),
                data_offset: *offset,
                samples: vec![Sample {
                    duration: u32::try_from(next.saturating_sub(*time).max(1)).unwrap_or(u32::MAX),
                    size: *size,
                    cts: 0,
                    key: true,
                }],
            },
            audio: Run::default(),
        });
    SampleIndex {
        fragments: fragments.collect(),
    }
}

/// The tracks in the ticks of a time lapse.
fn timed(tracks: &Tracks) -> Tracks {
    let video = tracks.video.as_ref().map(|video| {
        let mut video = video.as_ref().clone();
        video.timescale = TIMESCALE;
        Arc::new(video)
    });
    Tracks { video, audio: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::VirtualFile as _;
    use crate::format::mp4::Mp4;
    use crate::format::mp4::read::Mp4Reader;
    use crate::format::testing::{all, eventful, two_segments, view};

    fn times(speed: u32, fps: u32, takes: &[crate::format::testing::Take]) -> Vec<i64> {
        let fast = view(takes).lapse(Lapse { speed, fps }).unwrap();
        let bytes = all(&mut Mp4::open(fast).unwrap());
        let reader = Mp4Reader::open(bytes.as_slice(), bytes.len() as u64).unwrap();
        let samples: Vec<_> = reader.samples().map(Result::unwrap).collect();
        assert!(
            samples
                .iter()
                .all(|sample| sample.key && sample.kind == TrackKind::Video)
        );
        samples.iter().map(|sample| sample.dts_ms).collect()
    }

    #[test]
    fn keyframes_come_so_many_times_faster_and_no_more_than_asked_for_a_second() {
        // A keyframe each second, ten times faster: ten a second.
        let usual = times(10, 30, &two_segments());
        assert!(usual.len() >= 5, "{usual:?}");
        let steps: Vec<i64> = usual.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| (40..=110).contains(step)), "{usual:?}");
        let fewer = times(10, 5, &two_segments());
        assert!(fewer.len() < usual.len(), "{fewer:?}");
        // Gaps are closed.
        let over = times(10, 30, &eventful());
        assert!(
            over.windows(2)
                .all(|pair| pair[1] > pair[0] && pair[1] - pair[0] <= 260),
            "{over:?}"
        );
    }

    #[test]
    fn what_has_no_picture_is_refused() {
        let sound = view(&two_segments()).only(TrackKind::Audio);
        let error = sound.lapse(Lapse { speed: 60, fps: 30 }).unwrap_err();
        assert!(error.to_string().contains("no picture"), "{error}");
    }

    #[test]
    fn a_range_that_comes_again_counts_again() {
        let once = view(&two_segments());
        let thrice = once.clone().join(vec![once.clone(), once]);
        let lapse = Lapse { speed: 10, fps: 30 };
        let pictures = 3 * times(10, 30, &two_segments()).len();
        assert!(thrice.clone().lapse_of(lapse, pictures).is_ok());
        let error = thrice.lapse_of(lapse, pictures - 1).unwrap_err();
        assert!(error.to_string().contains("200,000 pictures"), "{error}");
    }

    #[test]
    fn a_part_has_the_keyframes_that_are_shown() {
        use crate::format::testing::SOME_DAY;
        let part = view(&two_segments())
            .trim(SOME_DAY + 1_500_000, SOME_DAY + 3_500_000)
            .unwrap();
        let fast = part.lapse(Lapse { speed: 2, fps: 60 }).unwrap();
        let mut file = Mp4::open(fast).unwrap();
        assert!(file.len() > 0);
        let bytes = all(&mut file);
        let reader = Mp4Reader::open(bytes.as_slice(), bytes.len() as u64).unwrap();
        assert_eq!(reader.samples().count(), 2);
    }
}
