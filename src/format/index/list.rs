//! The list of fragments as the journal keeps it: ten to thirty bytes for each fragment.

use bytes::BufMut;

use super::checked::{self, Reader, put_signed, put_unsigned};
use super::facts::{FragmentFacts, FragmentList, Pace, RunFacts, RunShape};

/// The layout's version.
const VERSION: u8 = 1;

/// No fragment takes fewer bytes.
const LEAST: usize = 3;

/// No segment has more fragments.
const MOST: usize = 1 << 18;

/// How many numbers a run has behind the number of its samples.
const NUMBERS: usize = 14;

impl FragmentList {
    /// The list in few bytes.
    ///
    /// ```text
    /// bytes
    ///   1  version = 1
    ///   4  CRC-32C of all that follows, big-endian
    ///   u  pictures of the pace
    ///   u  their time, in parts of a second of which there are 705,600,000
    ///   u  fragments; for each:
    ///      s  offset, less that of the fragment before
    ///      run of video, run of audio:
    ///         u  samples; where there are any:
    ///         2  mask: which numbers follow (bit 0 is the first one), low byte first
    ///            s  each number, less what is expected
    ///
    /// number              expected
    ///  0  first DTS       where the track's run before ends
    ///  1  shape           that of the track's run before
    ///  2  data offset     video: as far behind the offset as before; audio: the end of the video
    ///  3  bytes           those of the run before
    ///  4  first size      that of the run before
    ///  5  first cts       that of the run before
    ///  6  shortest        that of the run before
    ///  7  longest         the shortest
    ///  8  known           the shortest, for each sample but one
    ///  9  last duration   the shortest
    /// 10  last cts        the first cts
    /// 11  shown           the first cts
    /// 12  known ends      known and the first cts
    /// 13  ends            known, the last duration and the last cts
    /// ```
    ///
    /// `u` and `s` are numbers as in [the sample index](super::SampleIndex::encode). A number that is as expected is left out.
    pub fn encode(&self) -> Vec<u8> {
        checked::encoded(VERSION, 16 + self.fragments.len() * 32, |out| {
            put_unsigned(out, self.pace.pictures);
            put_unsigned(out, self.pace.time);
            put_unsigned(out, self.fragments.len() as u64);
            let mut before = FragmentFacts::default();
            for fragment in &self.fragments {
                put_signed(out, fragment.offset.wrapping_sub(before.offset).cast_signed());
                let beside = Beside::of(&before, fragment.offset);
                put_run(out, fragment.video, &before.video, beside.video);
                put_run(out, fragment.audio, &before.audio, beside.audio(&fragment.video));
                before = before.followed_by(fragment);
            }
        })
    }

    /// Reads an encoded list back. Takes no more memory than some hundred times the blob's own length. `None` for bytes that are
    /// no list of this version.
    pub fn decode(blob: &[u8]) -> Option<Self> {
        let body = checked::body(VERSION, blob).ok()?;
        let mut from = Reader::new(body);
        let pace = Pace {
            pictures: from.unsigned().ok()?,
            time: from.unsigned().ok()?,
        };
        let count = usize::try_from(from.unsigned().ok()?).ok()?;
        if count > MOST.min(body.len() / LEAST) {
            return None;
        }
        let mut fragments = Vec::with_capacity(count);
        let mut before = FragmentFacts::default();
        for _ in 0..count {
            let offset = before.offset.wrapping_add_signed(from.signed().ok()?);
            let beside = Beside::of(&before, offset);
            let video = run(&mut from, &before.video, beside.video)?;
            let audio = run(&mut from, &before.audio, beside.audio(&video))?;
            let fragment = FragmentFacts { offset, video, audio };
            before = before.followed_by(&fragment);
            fragments.push(fragment);
        }
        from.is_empty().then_some(Self { fragments, pace })
    }
}

impl FragmentFacts {
    /// What the numbers of the next fragment are relative to.
    fn followed_by(self, next: &Self) -> Self {
        let last = |before: RunFacts, next: RunFacts| if next.is_empty() { before } else { next };
        Self {
            offset: next.offset,
            video: last(self.video, next.video),
            audio: last(self.audio, next.audio),
        }
    }
}

/// Where the bytes of the runs of a fragment are expected.
struct Beside {
    video: i64,
}

impl Beside {
    fn of(before: &FragmentFacts, offset: u64) -> Self {
        let far = before.video.data_offset.wrapping_sub(before.offset);
        Self {
            video: offset.wrapping_add(far).cast_signed(),
        }
    }

    fn audio(&self, video: &RunFacts) -> i64 {
        if video.is_empty() {
            self.video
        } else {
            video.data_offset.wrapping_add(video.bytes).cast_signed()
        }
    }
}

fn put_run(out: &mut Vec<u8>, mut run: RunFacts, before: &RunFacts, data_offset: i64) {
    put_unsigned(out, run.samples.into());
    if run.is_empty() {
        return;
    }
    let (mut mask, mut numbers) = (0_u16, Vec::with_capacity(3 * NUMBERS));
    let mut bit = 1;
    let put = run.numbers(before, data_offset, |expected, number| {
        if number != expected {
            mask |= bit;
            put_signed(&mut numbers, number.wrapping_sub(expected));
        }
        bit = bit.wrapping_shl(1);
        Some(number)
    });
    if put.is_none() {
        defect!("a number of a run of samples is out of its range");
    }
    out.put_u16_le(mask);
    out.extend_from_slice(&numbers);
}

fn run(from: &mut Reader<'_>, before: &RunFacts, data_offset: i64) -> Option<RunFacts> {
    let mut run = RunFacts {
        samples: u32::try_from(from.unsigned().ok()?).ok()?,
        ..RunFacts::default()
    };
    if run.is_empty() {
        return Some(run);
    }
    let mut mask = u16::from(from.byte().ok()?) | u16::from(from.byte().ok()?) << 8;
    run.numbers(before, data_offset, |expected, _| {
        let differs = mask & 1 == 1;
        mask >>= 1;
        if differs {
            Some(expected.wrapping_add(from.signed().ok()?))
        } else {
            Some(expected)
        }
    })?;
    (mask == 0).then_some(run)
}

impl RunFacts {
    /// Goes over the numbers of a run of at least one sample, in the order of the layout. `next` gets what is expected of a number,
    /// and the number, and gives what it is from then on. `None` where `next` gives none, or one that is out of the range of its
    /// number.
    #[inline]
    fn numbers(
        &mut self,
        before: &Self,
        data_offset: i64,
        mut next: impl FnMut(i64, i64) -> Option<i64>,
    ) -> Option<()> {
        let first_dts = next(before.end_dts().cast_signed(), self.first_dts.cast_signed())?;
        self.first_dts = first_dts.cast_unsigned();
        let shape = next(before.shape.bits().into(), self.shape.bits().into())?;
        self.shape = RunShape::from_bits(u8::try_from(shape).ok()?)?;
        self.data_offset = next(data_offset, self.data_offset.cast_signed())?.cast_unsigned();
        self.bytes = fitting(next(before.bytes.cast_signed(), self.bytes.cast_signed())?)?;
        self.first_size = fitting(next(before.first_size.into(), self.first_size.into())?)?;
        self.first_cts = fitting(next(before.first_cts.into(), self.first_cts.into())?)?;
        let first_cts = i64::from(self.first_cts);

        // The durations of all samples but the last one are known.
        let is_one = self.samples == 1;
        let shortest = if is_one { 0 } else { before.shortest.into() };
        self.shortest = fitting(next(shortest, self.shortest.into())?)?;
        let shortest = i64::from(self.shortest);
        self.longest = fitting(next(shortest, self.longest.into())?)?;
        let known = shortest.wrapping_mul(i64::from(self.samples) - 1);
        self.known = fitting(next(known, self.known.cast_signed())?)?;
        let known = self.known.cast_signed();
        self.last_duration = fitting(next(shortest, self.last_duration.into())?)?;
        self.last_cts = fitting(next(first_cts, self.last_cts.into())?)?;
        self.shown = next(first_cts, self.shown)?;
        let known_ends = if is_one { 0 } else { known.wrapping_add(first_cts) };
        self.known_ends = next(known_ends, self.known_ends)?;
        let ends = known.wrapping_add(self.last_duration.into());
        self.ends = next(ends.wrapping_add(self.last_cts.into()), self.ends)?;
        Some(())
    }
}

/// A number in its own type.
fn fitting<Number: TryFrom<i64>>(number: i64) -> Option<Number> {
    number.try_into().ok()
}

impl RunShape {
    fn bits(self) -> u8 {
        let all = [
            self.key,
            self.leads,
            self.one_size,
            self.alike,
            self.rest_key,
            self.cts,
        ];
        all.into_iter().rev().fold(0, |bits, is| bits << 1 | u8::from(is))
    }

    fn from_bits(bits: u8) -> Option<Self> {
        let is = |bit: u8| bits >> bit & 1 == 1;
        (bits < 64).then(|| Self {
            key: is(0),
            leads: is(1),
            one_size: is(2),
            alike: is(3),
            rest_key: is(4),
            cts: is(5),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::index::checked::tests::{any_bit, made, spoilt};
    use crate::format::index::{FragmentIndex, Run, Sample, SampleIndex};

    fn run() -> impl Strategy<Value = Run> {
        let sample = (1_u32..90_000, 0_u32..5_000, -300_i32..300, any::<bool>());
        let sample = sample.prop_map(|(size, duration, cts, key)| Sample {
            size,
            duration,
            cts,
            key,
        });
        let usual = Just(Sample {
            size: 700,
            duration: 40,
            cts: 0,
            key: true,
        });
        let samples = prop::collection::vec(prop_oneof![3 => usual, 1 => sample], 0..9);
        (0..1_u64 << 40, 0..1_u64 << 33, samples).prop_map(|(first_dts, data_offset, samples)| {
            if samples.is_empty() {
                return Run::default();
            }
            Run {
                first_dts,
                data_offset,
                samples,
            }
        })
    }

    fn list() -> impl Strategy<Value = FragmentList> {
        let fragment = (0..1_u64 << 33, run(), run());
        let fragment = fragment.prop_map(|(offset, video, audio)| FragmentIndex {
            offset,
            len: 1_000,
            video,
            audio,
        });
        prop::collection::vec(fragment, 0..20)
            .prop_map(|fragments| FragmentList::of(&SampleIndex { fragments }, Some(1_000)))
    }

    proptest! {
        #[test]
        fn a_list_comes_back_as_it_was(list in list()) {
            prop_assert_eq!(FragmentList::decode(&list.encode()), Some(list));
        }

        #[test]
        fn other_bytes_are_no_list(list in list(), bit in any_bit(), rest in prop::collection::vec(any::<u8>(), 0..60)) {
            for other in spoilt(&list.encode(), bit) {
                prop_assert_eq!(FragmentList::decode(&other), None);
            }
            if let Some(list) = FragmentList::decode(&made(VERSION, &rest)) {
                prop_assert!(list.fragments.len() <= rest.len());
            }
        }
    }

    #[test]
    fn a_camera_takes_few_bytes() {
        let run = |first_dts: u64, samples: u64, duration: u32, key: bool| Run {
            first_dts,
            data_offset: 900 + first_dts,
            samples: (0..samples)
                .map(|number| Sample {
                    size: 4_000 + number as u32 * 7 % 13,
                    duration,
                    cts: 0,
                    key: key || number == 0,
                })
                .collect(),
        };
        let fragment = |second: u64| FragmentIndex {
            offset: second * 500_000,
            len: 500_000,
            video: run(second * 1_000, 25, 40, false),
            audio: run(second * 48_000, 47, 1_024, true),
        };
        let fragments = (0..60).map(fragment).collect();
        let blob = FragmentList::of(&SampleIndex { fragments }, Some(1_000)).encode();
        assert!(blob.len() < 60 * 24, "{}", blob.len());
    }
}
