//! One field of many samples, packed.

use bytes::BufMut;

use super::checked::{Reader, put_signed};
use super::{IndexError, Sample};

/// A field of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Size,
    Duration,
    Cts,
    Key,
}

impl Column {
    /// The columns in the order in which they stand in the blob, which is also that of their bits in the mask.
    pub(super) const ALL: [Self; 4] = [Self::Size, Self::Duration, Self::Cts, Self::Key];

    /// The field as a number that sorts as the field does.
    #[inline]
    fn value(self, sample: &Sample) -> u32 {
        match self {
            Column::Size => sample.size,
            Column::Duration => sample.duration,
            Column::Cts => sample.cts.cast_unsigned() ^ 1 << 31,
            Column::Key => u32::from(sample.key),
        }
    }

    #[inline]
    fn set(self, sample: &mut Sample, value: u32) {
        match self {
            Column::Size => sample.size = value,
            Column::Duration => sample.duration = value,
            Column::Cts => sample.cts = (value ^ 1 << 31).cast_signed(),
            Column::Key => sample.key = value != 0,
        }
    }

    fn mask(self) -> u8 {
        1 << self as u8
    }

    /// How to write the column of samples that follow `before`. `None` when the column can be left out.
    pub(super) fn plan(self, samples: &[Sample], before: &Sample) -> Option<Plan> {
        let before = self.value(before);
        let (first, others) = samples.split_first()?;
        let first = self.value(first);
        let mut values = others.iter().map(|sample| self.value(sample));
        let start = values.next().unwrap_or(first);
        let (least, most) = values.fold((start, start), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        let constant = first == before && least == before && most == before;
        (!constant).then_some(Plan {
            column: self,
            before,
            first,
            least,
            bits: 32 - (most - least).leading_zeros(),
        })
    }

    /// Reads a column into samples that are all equal to the one before them.
    pub(super) fn read(self, from: &mut Reader<'_>, samples: &mut [Sample]) -> Result<(), IndexError> {
        let Some((head, others)) = samples.split_first_mut() else {
            return Ok(());
        };
        let first = number(self.value(head), from.signed()?)?;
        self.set(head, first);
        if others.is_empty() {
            return Ok(());
        }
        let least = number(first, from.signed()?)?;
        let bits = u32::from(from.byte()?);
        if bits > 32 {
            return Err(IndexError::Malformed("bits"));
        }
        let packed = from.bytes(packed_len(others.len(), bits))?;
        match self {
            // One loop for each field, so that the choice of the field is made outside of it.
            Column::Size => unpack(packed, bits, others, |sample, value| {
                Column::Size.set(sample, least.wrapping_add(value));
            }),
            Column::Duration => unpack(packed, bits, others, |sample, value| {
                Column::Duration.set(sample, least.wrapping_add(value));
            }),
            Column::Cts => unpack(packed, bits, others, |sample, value| {
                Column::Cts.set(sample, least.wrapping_add(value));
            }),
            Column::Key => unpack(packed, bits, others, |sample, value| {
                Column::Key.set(sample, least.wrapping_add(value));
            }),
        }
        Ok(())
    }
}

/// How a column is written.
pub(super) struct Plan {
    column: Column,
    before: u32,
    first: u32,
    least: u32,
    bits: u32,
}

impl Plan {
    /// The column's bit in the mask.
    pub(super) fn mask(&self) -> u8 {
        self.column.mask()
    }

    pub(super) fn put(&self, out: &mut Vec<u8>, samples: &[Sample]) {
        put_signed(out, i64::from(self.first) - i64::from(self.before));
        let others = samples.get(1..).unwrap_or_default();
        if others.is_empty() {
            return;
        }
        put_signed(out, i64::from(self.least) - i64::from(self.first));
        out.put_u8(self.bits as u8);
        let values = others
            .iter()
            .map(|sample| self.column.value(sample).wrapping_sub(self.least));
        pack(out, self.bits, values);
    }
}

/// Which columns a run has.
#[derive(Clone, Copy)]
pub(super) struct Mask(u8);

impl Mask {
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, IndexError> {
        match from.byte()? {
            mask if mask < 16 => Ok(Self(mask)),
            _ => Err(IndexError::Malformed("mask")),
        }
    }

    pub(super) fn has(self, column: Column) -> bool {
        self.0 & column.mask() != 0
    }
}

fn number(base: u32, difference: i64) -> Result<u32, IndexError> {
    let sum = i64::from(base).checked_add(difference);
    sum.and_then(|sum| u32::try_from(sum).ok())
        .ok_or(IndexError::Malformed("value"))
}

fn packed_len(count: usize, bits: u32) -> usize {
    count.saturating_mul(bits as usize).div_ceil(8)
}

/// Writes the low `bits` of each value, at most 32.
fn pack(out: &mut Vec<u8>, bits: u32, values: impl Iterator<Item = u32>) {
    if bits == 0 {
        return;
    }
    let (mut held, mut count) = (0_u64, 0);
    for value in values {
        held |= u64::from(value) << count;
        count += bits;
        if count >= 32 {
            out.put_u32_le(held as u32);
            held >>= 32;
            count -= 32;
        }
    }
    let rest = held.to_le_bytes();
    out.put_slice(rest.get(..count.div_ceil(8) as usize).unwrap_or_default());
}

/// Gives each sample its `bits` of `packed`, which holds enough for all.
#[inline]
fn unpack(packed: &[u8], bits: u32, samples: &mut [Sample], set: impl Fn(&mut Sample, u32)) {
    let mask = (1_u64 << bits) - 1;
    let (mut held, mut count, mut rest) = (0_u64, 0, packed);
    for sample in samples {
        if count < bits {
            let (word, taken) = match rest.split_first_chunk::<4>() {
                Some((word, after)) => {
                    rest = after;
                    (u32::from_le_bytes(*word), 32)
                }
                None => {
                    let taken = rest.len() as u32 * 8;
                    let word = rest
                        .iter()
                        .rev()
                        .fold(0, |word, &byte| word << 8 | u32::from(byte));
                    rest = &[];
                    (word, taken)
                }
            };
            held |= u64::from(word) << count;
            count += taken;
        }
        set(sample, (held & mask) as u32);
        held >>= bits;
        count = count.saturating_sub(bits);
    }
}
