//! The index as the journal keeps it: about two bytes for each sample.

use bytes::BufMut;

use super::checked::{self, Reader, put_signed, put_unsigned};
use super::column::{Column, Mask};
use super::{FragmentIndex, MAX_SAMPLES, Run, Sample, SampleIndex};

/// The layout's version.
const VERSION: u8 = 1;

/// Why bytes are no index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// The bytes end before the index does.
    #[error("the sample index is cut short")]
    Short,
    /// Another version wrote the bytes.
    #[error("the sample index has version {0}, which this version does not read")]
    Version(u8),
    /// The checksum does not match the bytes.
    #[error("the sample index's checksum is wrong")]
    Checksum,
    /// The checksum is right, but no index has such values.
    #[error("the sample index is not usable: {0}")]
    Malformed(&'static str),
}

impl SampleIndex {
    /// The index in few bytes.
    ///
    /// ```text
    /// bytes
    ///   1  version = 1
    ///   4  CRC-32C of all that follows, big-endian
    ///   u  samples of both tracks
    ///   u  fragments; for each:
    ///      s  offset, less the end of the fragment before
    ///      u  len
    ///      run of video, run of audio:
    ///         u  samples
    ///         s  first DTS, less the end of the track's run before
    ///         1  mask: which of size, duration, cts and key follow (bits 0 to 3)
    ///            each: a column
    ///      s  data offset of the video, less what the bytes of both runs before the fragment's end give
    ///      s  data offset of the audio, less the end of the video
    ///
    /// column of n values:
    ///   s  first value, less the last of the track's run before
    ///   s  least of the others, less the first value         \ when n > 1
    ///   1  bits of each of the others                        /
    ///      the others less the least, packed low bits first, filled up to a byte
    /// ```
    ///
    /// `u` is a number in groups of seven bits, low ones first. `s` is the same for a signed number, in zigzag. A column is
    /// left out when every value equals the last of the run before: the durations of AAC, the keys of audio, the cts without
    /// B-frames. The first value of a column stands apart: a keyframe is so much larger than the rest that all would need its
    /// bits. Data offsets come last, because they follow from the sizes.
    pub fn encode(&self) -> Vec<u8> {
        let samples: usize = self
            .fragments
            .iter()
            .map(|fragment| fragment.video.samples.len() + fragment.audio.samples.len())
            .sum();
        checked::encoded(VERSION, samples * 2 + self.fragments.len() * 32, |out| {
            put_unsigned(out, samples as u64);
            put_unsigned(out, self.fragments.len() as u64);
            let (mut video, mut audio, mut end) = (Track::default(), Track::default(), 0_u64);
            for fragment in &self.fragments {
                put_difference(out, fragment.offset, end);
                put_unsigned(out, fragment.len);
                end = fragment.offset.wrapping_add(fragment.len);
                video.put_run(out, &fragment.video);
                audio.put_run(out, &fragment.audio);
                let (video_at, audio_at) = expected_offsets(end, &fragment.video, &fragment.audio);
                put_difference(out, fragment.video.data_offset, video_at);
                put_difference(out, fragment.audio.data_offset, audio_at);
            }
        })
    }

    /// Reads an encoded index back. Takes no more memory than [`MAX_SAMPLES`] samples and a few times the blob's own length,
    /// whatever the blob claims.
    pub fn decode(blob: &[u8]) -> Result<Self, IndexError> {
        let mut from = Reader::new(checked::body(VERSION, blob)?);
        let samples = from.unsigned()?;
        let mut left = usize::try_from(samples).map_err(|_| IndexError::Malformed("samples"))?;
        if left > MAX_SAMPLES {
            return Err(IndexError::Malformed("samples"));
        }
        let (mut video, mut audio, mut end) = (Track::default(), Track::default(), 0_u64);
        let mut fragments = Vec::new();
        for _ in 0..from.unsigned()? {
            let offset = end.wrapping_add_signed(from.signed()?);
            let len = from.unsigned()?;
            end = offset.wrapping_add(len);
            let mut fragment = FragmentIndex {
                offset,
                len,
                video: video.run(&mut from, &mut left)?,
                audio: audio.run(&mut from, &mut left)?,
            };
            let (video_at, audio_at) = expected_offsets(end, &fragment.video, &fragment.audio);
            fragment.video.data_offset = video_at.wrapping_add_signed(from.signed()?);
            fragment.audio.data_offset = audio_at.wrapping_add_signed(from.signed()?);
            fragments.push(fragment);
        }
        if left > 0 || !from.is_empty() {
            return Err(IndexError::Malformed("length"));
        }
        Ok(Self { fragments })
    }
}

fn put_difference(out: &mut Vec<u8>, value: u64, expected: u64) {
    put_signed(out, value.wrapping_sub(expected).cast_signed());
}

/// Where the runs' bytes stand in a fragment as the writer leaves it: at its end. 0 for a run without samples.
fn expected_offsets(end: u64, video: &Run, audio: &Run) -> (u64, u64) {
    let present = |run: &Run, at: u64| if run.samples.is_empty() { 0 } else { at };
    let audio_at = end.wrapping_sub(audio.bytes());
    let video_at = audio_at.wrapping_sub(video.bytes());
    (present(video, video_at), present(audio, audio_at))
}

/// The values that the next run of a track is relative to.
#[derive(Default)]
struct Track {
    end_dts: u64,
    last: Option<Sample>,
}

impl Track {
    fn put_run(&mut self, out: &mut Vec<u8>, run: &Run) {
        put_unsigned(out, run.samples.len() as u64);
        put_difference(out, run.first_dts, self.expected_dts(run.samples.is_empty()));
        let Some(&last) = run.samples.last() else {
            return;
        };
        let before = self.before();
        let columns = Column::ALL.map(|column| column.plan(&run.samples, &before));
        let mask = columns.iter().flatten().fold(0, |mask, plan| mask | plan.mask());
        out.put_u8(mask);
        for plan in columns.iter().flatten() {
            plan.put(out, &run.samples);
        }
        self.advance(run, last);
    }

    fn run(&mut self, from: &mut Reader<'_>, left: &mut usize) -> Result<Run, IndexError> {
        let count = usize::try_from(from.unsigned()?).map_err(|_| IndexError::Malformed("samples"))?;
        *left = left.checked_sub(count).ok_or(IndexError::Malformed("samples"))?;
        let expected = self.expected_dts(count == 0);
        let mut run = Run {
            first_dts: expected.wrapping_add_signed(from.signed()?),
            data_offset: 0,
            samples: vec![self.before(); count],
        };
        if count > 0 {
            let mask = Mask::read(from)?;
            for column in Column::ALL.into_iter().filter(|&column| mask.has(column)) {
                column.read(from, &mut run.samples)?;
            }
        }
        if let Some(&last) = run.samples.last() {
            self.advance(&run, last);
        }
        Ok(run)
    }

    fn expected_dts(&self, empty: bool) -> u64 {
        if empty { 0 } else { self.end_dts }
    }

    fn before(&self) -> Sample {
        self.last.unwrap_or(Sample {
            size: 0,
            duration: 0,
            cts: 0,
            key: true,
        })
    }

    fn advance(&mut self, run: &Run, last: Sample) {
        self.end_dts = run.first_dts.wrapping_add(run.duration());
        self.last = Some(last);
    }
}

#[cfg(test)]
mod tests;
