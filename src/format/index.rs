//! Where each sample of a segment is.
//!
//! Built while the segment is written, kept in the journal when it is sealed, found again by scanning the
//! file when there is no journal. Times are those of the segment's own file: its first sample is at zero.

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Bytes.
    pub size: u32,
    /// Ticks until the next sample of the track, as its `trun` says.
    pub duration: u32,
    /// Presentation less decode time, ticks.
    pub cts: i32,
    /// Decoding can begin here.
    pub key: bool,
}

/// The consecutive samples of one track in one fragment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// DTS of the first sample: the track's `tfdt`.
    pub first_dts: u64,
    /// Where the first sample's bytes stand in the file; the others follow without a gap.
    pub data_offset: u64,
    /// The samples in decode order.
    pub samples: Vec<Sample>,
}

impl Run {
    /// Bytes of all samples.
    pub fn bytes(&self) -> u64 {
        self.samples.iter().map(|sample| u64::from(sample.size)).sum()
    }
}

/// One fragment: checksum box, `moof`, `mdat`. Its media is video first, then audio, without a gap between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FragmentIndex {
    /// Where its checksum box begins in the file.
    pub offset: u64,
    /// Bytes from there to the end of its `mdat`.
    pub len: u64,
    /// The picture.
    pub video: Run,
    /// The sound.
    pub audio: Run,
}

/// Every sample of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleIndex {
    /// The fragments, in file order.
    pub fragments: Vec<FragmentIndex>,
}
