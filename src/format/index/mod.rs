//! Where each sample of a segment is.
//!
//! The index is built while the segment is written, and kept in the journal when the segment is sealed. Without a journal, a
//! scan of the file finds it again. Times are those of the segment's own file: its first sample is at zero.

use crate::media::TrackKind;

mod blob;
pub(in crate::format) mod checked;
mod column;
mod facts;
mod list;

pub use blob::IndexError;
pub use facts::FragmentList;
pub(in crate::format) use facts::{FragmentFacts, Pace, RunFacts};

/// The most samples of one segment, both tracks together. A segment ends before it would have more. Neither a scan nor a reader
/// of the journal's blob goes further, so that a hostile one cannot take memory without end.
pub const MAX_SAMPLES: usize = 1 << 20;

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Size in bytes.
    pub size: u32,
    /// Ticks until the next sample of the track, as its `trun` says.
    pub duration: u32,
    /// Presentation less decode time, in ticks.
    pub cts: i32,
    /// True when decoding can begin here.
    pub key: bool,
}

/// The consecutive samples of one track in one fragment. `Default` when the track has none there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// DTS of the first sample: the track's `tfdt`.
    pub first_dts: u64,
    /// Where the first sample's bytes stand in the file. The others follow without a gap.
    pub data_offset: u64,
    /// The samples in decode order.
    pub samples: Vec<Sample>,
}

impl Run {
    /// Bytes of all samples.
    pub fn bytes(&self) -> u64 {
        self.samples.iter().map(|sample| u64::from(sample.size)).sum()
    }

    /// Sum of the samples' durations.
    pub fn duration(&self) -> u64 {
        self.samples.iter().map(|sample| u64::from(sample.duration)).sum()
    }

    /// DTS at which the last sample ends. The next run may begin elsewhere, at its own `first_dts`.
    pub fn end_dts(&self) -> u64 {
        self.first_dts.saturating_add(self.duration())
    }

    /// True for an open GOP: decoding can begin at the first sample, and leading pictures behind it need pictures before it.
    pub fn leads(&self) -> bool {
        let Some((first, others)) = self.samples.split_first().filter(|(first, _)| first.key) else {
            return false;
        };
        // Times behind the DTS of the first sample. Leading pictures follow their keyframe at once; the next keyframe has its own.
        let mut since = i64::from(first.duration);
        for sample in others.iter().take_while(|sample| !sample.key) {
            if since + i64::from(sample.cts) < i64::from(first.cts) {
                return true;
            }
            since += i64::from(sample.duration);
        }
        false
    }

    /// Each sample with its DTS and the offset of its bytes in the file.
    pub fn placed(&self) -> impl Iterator<Item = Placed> + '_ {
        let mut dts = self.first_dts;
        let mut offset = self.data_offset;
        self.samples.iter().map(move |&sample| {
            let placed = Placed { dts, offset, sample };
            dts = dts.saturating_add(u64::from(sample.duration));
            offset = offset.saturating_add(u64::from(sample.size));
            placed
        })
    }
}

/// A sample and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Decode time, in ticks of the segment's own time line.
    pub dts: u64,
    /// Where the sample's bytes stand in the file.
    pub offset: u64,
    /// The sample.
    pub sample: Sample,
}

/// One fragment: checksum box, `moof`, `mdat`. Its media is video first, then audio, without a gap between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FragmentIndex {
    /// Where the fragment's checksum box begins in the file.
    pub offset: u64,
    /// Bytes from there to the end of the fragment's `mdat`.
    pub len: u64,
    /// The run of the picture.
    pub video: Run,
    /// The run of the sound.
    pub audio: Run,
}

impl FragmentIndex {
    /// The samples of one track.
    pub fn run(&self, kind: TrackKind) -> &Run {
        match kind {
            TrackKind::Video => &self.video,
            TrackKind::Audio => &self.audio,
        }
    }

    /// Where the fragment ends and the next one begins.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// Every sample of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleIndex {
    /// The fragments, in file order.
    pub fragments: Vec<FragmentIndex>,
}

impl SampleIndex {
    /// The runs of one track that have samples, in order.
    pub fn runs(&self, kind: TrackKind) -> impl DoubleEndedIterator<Item = &Run> {
        let runs = self.fragments.iter().map(move |fragment| fragment.run(kind));
        runs.filter(|run| !run.samples.is_empty())
    }

    /// Number of samples of one track.
    pub fn sample_count(&self, kind: TrackKind) -> usize {
        self.runs(kind).map(|run| run.samples.len()).sum()
    }

    /// Bytes of one track's samples.
    pub fn bytes(&self, kind: TrackKind) -> u64 {
        self.runs(kind).map(Run::bytes).sum()
    }

    /// DTS at which one track ends, 0 when it has no sample.
    pub fn end_dts(&self, kind: TrackKind) -> u64 {
        self.runs(kind).next_back().map_or(0, Run::end_dts)
    }

    /// DTS of the first sample of a track after fragment `after`. The last sample of that fragment lasts until then.
    pub fn next_dts(&self, kind: TrackKind, after: usize) -> Option<u64> {
        let later = self.fragments.get(after.checked_add(1)?..)?;
        let mut runs = later.iter().map(|fragment| fragment.run(kind));
        runs.find(|run| !run.samples.is_empty()).map(|run| run.first_dts)
    }

    /// Where the last fragment ends, 0 when there is none. The index covers the file up to there.
    pub fn end(&self) -> u64 {
        self.fragments.last().map_or(0, FragmentIndex::end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first_dts: u64, sizes: &[u32]) -> Run {
        let sample = |&size| Sample {
            size,
            duration: 10,
            cts: 0,
            key: true,
        };
        Run {
            first_dts,
            data_offset: 100,
            samples: sizes.iter().map(sample).collect(),
        }
    }

    #[test]
    fn tracks_are_followed_across_fragments_that_lack_them() {
        let fragment = |video, audio| FragmentIndex {
            offset: 50,
            len: 70,
            video,
            audio,
        };
        let index = SampleIndex {
            fragments: vec![
                fragment(run(0, &[1, 2]), run(5, &[7])),
                fragment(run(20, &[3]), Run::default()),
                fragment(Run::default(), run(33, &[8, 9])),
            ],
        };
        assert_eq!(index.sample_count(TrackKind::Video), 3);
        assert_eq!(index.bytes(TrackKind::Audio), 24);
        assert_eq!(index.end_dts(TrackKind::Video), 30);
        assert_eq!(index.end_dts(TrackKind::Audio), 53);
        assert_eq!(index.next_dts(TrackKind::Audio, 0), Some(33));
        assert_eq!(index.next_dts(TrackKind::Video, 1), None);
        assert_eq!(index.end(), 120);
        let placed: Vec<_> = run(4, &[1, 2, 3]).placed().map(|p| (p.dts, p.offset)).collect();
        assert_eq!(placed, [(4, 100), (14, 101), (24, 103)]);
    }
}
