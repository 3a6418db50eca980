//! `moof`: the samples of a fragment. It is made from an index alone, without the media.
//!
//! Bytes of boxes are bytes of flash. A value that is the same for every sample of a run stands once, in `tfhd`. Only values
//! that differ stand for each sample, in `trun`.

use bytes::BufMut;

use super::boxes::{BOX_HEADER, boxed, full};
use super::{AUDIO_TRACK, VIDEO_TRACK};
use crate::format::index::{RunFacts, Sample};

/// The samples of one track in one `moof`.
#[derive(Clone, Copy, Debug)]
pub struct TrackRun<'a> {
    /// DTS of the first sample on the track's time line, for `tfdt`.
    pub tfdt: u64,
    /// The samples, in decode order.
    pub samples: &'a [Sample],
}

/// A `moof` (ISO/IEC 14496-12 §8.8.4) for an `mdat` that follows it at once. The `mdat` holds the video samples, then the audio
/// samples. A run without samples is left out.
pub fn moof(sequence: u32, video: Option<TrackRun<'_>>, audio: Option<TrackRun<'_>>) -> Vec<u8> {
    let len = moof_len(video.map(|run| run.samples), audio.map(|run| run.samples));
    let media = len.saturating_add(BOX_HEADER);
    let video_bytes = video.map_or(0, |run| {
        run.samples.iter().map(|sample| u64::from(sample.size)).sum()
    });
    let mut out = Vec::with_capacity(media);
    boxed(&mut out, b"moof", |out| {
        full(out, b"mfhd", 0, 0, |out| out.put_u32(sequence));
        if let Some(run) = video {
            put_traf(out, VIDEO_TRACK, run, media as u64);
        }
        if let Some(run) = audio {
            put_traf(out, AUDIO_TRACK, run, (media as u64).saturating_add(video_bytes));
        }
    });
    debug_assert_eq!(out.len(), len);
    out
}

/// Exact length of the [`moof`] of these samples, whatever its sequence number and `tfdt`s.
pub fn moof_len(video: Option<&[Sample]>, audio: Option<&[Sample]>) -> usize {
    let shapes = [video, audio].map(|samples| {
        let samples = samples?;
        Some((Shape::of(samples)?, samples.len()))
    });
    len_of(shapes)
}

/// The same by the facts of runs, the last sample of each of which lasts so many ticks. Nothing for a run that is not there.
pub(in crate::format) fn moof_len_of(runs: [Option<(&RunFacts, u32)>; 2]) -> usize {
    len_of(runs.map(|run| {
        let (facts, lasts) = run.filter(|(facts, _)| !facts.is_empty())?;
        Some((Shape::of_facts(facts, lasts), facts.samples as usize))
    }))
}

fn len_of(shapes: [Option<(Shape, usize)>; 2]) -> usize {
    let mfhd = 16;
    let trafs = shapes.iter().flatten();
    BOX_HEADER
        + mfhd
        + trafs
            .map(|(shape, samples)| shape.traf_len(*samples))
            .sum::<usize>()
}

fn put_traf(out: &mut Vec<u8>, track: u32, run: TrackRun<'_>, data_offset: u64) {
    let Some(shape) = Shape::of(run.samples) else {
        return;
    };
    boxed(out, b"traf", |out| {
        full(out, b"tfhd", 0, shape.tfhd_flags(), |out| {
            out.put_u32(track);
            for constant in [shape.duration, shape.size, shape.flags].into_iter().flatten() {
                out.put_u32(constant);
            }
        });
        full(out, b"tfdt", 1, 0, |out| out.put_u64(run.tfdt));
        full(out, b"trun", 1, shape.trun_flags(), |out| {
            out.put_u32(fitted!(run.samples.len(), "the samples of a trun"));
            out.put_i32(fitted!(data_offset, "the data offset of a trun"));
            if let Some(flags) = shape.first_flags {
                out.put_u32(flags);
            }
            for sample in run.samples {
                if shape.duration.is_none() {
                    out.put_u32(sample.duration);
                }
                if shape.size.is_none() {
                    out.put_u32(sample.size);
                }
                if shape.flags.is_none() {
                    out.put_u32(sample_flags(sample.key));
                }
                if shape.cts {
                    out.put_i32(sample.cts);
                }
            }
        });
    });
}

/// sample_flags (ISO/IEC 14496-12 §8.8.3.1): a keyframe depends on no other sample. The other samples do, and are no sync
/// samples.
fn sample_flags(key: bool) -> u32 {
    if key { 0x0200_0000 } else { 0x0101_0000 }
}

/// The values that a run's samples have in common. They decide which value is written where.
///
/// | | the same for all | else |
/// |---|---|---|
/// | duration, size | `tfhd` default | `trun`, each |
/// | flags | `tfhd` default, with the first sample's own in `trun` when only it differs | `trun`, each |
/// | cts | left out when 0 for all | `trun`, each |
struct Shape {
    duration: Option<u32>,
    size: Option<u32>,
    flags: Option<u32>,
    first_flags: Option<u32>,
    cts: bool,
}

impl Shape {
    /// The shape of a run. `None` for a run without samples.
    fn of(samples: &[Sample]) -> Option<Self> {
        let (first, rest) = samples.split_first()?;
        let all = |same: fn(&Sample, &Sample) -> bool| rest.iter().all(|sample| same(first, sample));
        let rest_key = rest.first().map_or(first.key, |second| second.key);
        let rest_alike = rest.iter().all(|sample| sample.key == rest_key);
        Some(Self {
            duration: all(|a, b| a.duration == b.duration).then_some(first.duration),
            size: all(|a, b| a.size == b.size).then_some(first.size),
            flags: rest_alike.then(|| sample_flags(rest_key)),
            first_flags: (rest_alike && rest_key != first.key).then(|| sample_flags(first.key)),
            cts: samples.iter().any(|sample| sample.cts != 0),
        })
    }

    /// The shape of a run that has samples, the last of which lasts so many ticks.
    fn of_facts(facts: &RunFacts, lasts: u32) -> Self {
        let common = &facts.shape;
        let is_steady = facts.samples == 1 || facts.shortest == facts.longest && facts.longest == lasts;
        Self {
            duration: is_steady.then_some(lasts),
            size: common.one_size.then_some(facts.first_size),
            flags: common.alike.then(|| sample_flags(common.rest_key)),
            first_flags: (common.alike && common.rest_key != common.key).then(|| sample_flags(common.key)),
            cts: common.cts,
        }
    }

    fn traf_len(&self, samples: usize) -> usize {
        let tfhd = 16 + 4 * self.tfhd_flags().count_ones() as usize - 4;
        let tfdt = 20;
        let trun = 20 + if self.first_flags.is_some() { 4 } else { 0 } + samples * self.sample_bytes();
        BOX_HEADER + tfhd + tfdt + trun
    }

    /// The flags of `tfhd`: default-base-is-moof, and the defaults that are given (ISO/IEC 14496-12 §8.8.7).
    fn tfhd_flags(&self) -> u32 {
        let given = |given: bool, flag: u32| if given { flag } else { 0 };
        0x02_0000
            | given(self.duration.is_some(), 0x08)
            | given(self.size.is_some(), 0x10)
            | given(self.flags.is_some(), 0x20)
    }

    /// The flags of `trun`: data-offset, and the fields that are given (ISO/IEC 14496-12 §8.8.8).
    fn trun_flags(&self) -> u32 {
        let given = |given: bool, flag: u32| if given { flag } else { 0 };
        0x01 | given(self.first_flags.is_some(), 0x04)
            | given(self.duration.is_none(), 0x100)
            | given(self.size.is_none(), 0x200)
            | given(self.flags.is_none(), 0x400)
            | given(self.cts, 0x800)
    }

    fn sample_bytes(&self) -> usize {
        4 * (self.trun_flags() & 0xF00).count_ones() as usize
    }
}
