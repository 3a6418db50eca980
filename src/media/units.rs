//! The NAL units of a sample, each behind its length (ISO/IEC 14496-15 §5.3.4.2 and §8.3.4.2), and the faulty forms that
//! encoders send.

use bytes::Bytes;

use super::codec::hevc_head;

/// How the units of a sample are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Each unit has bytes and stands behind its length.
    Sound,
    /// Some units have no bytes: decoders stumble over them.
    EmptyUnits,
    /// The last unit is longer than the rest of the sample.
    Cut,
    /// The units stand behind start codes (ISO/IEC 14496-10 annex B).
    StartCodes,
}

/// The units of a sample, one after the other.
pub(super) struct Units<'a> {
    rest: &'a [u8],
    length_size: usize,
}

/// The error of a unit that is longer than the rest of the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CutShort;

impl<'a> Units<'a> {
    /// Begins at the first unit. `length_size` is 1, 2 or 4 bytes.
    pub(super) fn new(sample: &'a [u8], length_size: u8) -> Self {
        Self {
            rest: sample,
            length_size: length_size.into(),
        }
    }
}

impl<'a> Iterator for Units<'a> {
    type Item = Result<&'a [u8], CutShort>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let unit = self
            .rest
            .split_at_checked(self.length_size)
            .and_then(|(length, rest)| {
                let length = length
                    .iter()
                    .fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
                rest.split_at_checked(length)
            });
        match unit {
            Some((unit, rest)) => {
                self.rest = rest;
                Some(Ok(unit))
            }
            None => {
                self.rest = &[];
                Some(Err(CutShort))
            }
        }
    }
}

/// True for bytes that begin with a start code.
pub(super) fn is_annex_b(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0, 0, 1]) || bytes.starts_with(&[0, 0, 0, 1])
}

/// The sample in its correct form: whole units with bytes, each behind its length. `None` where the sample cannot be repaired.
pub fn repaired(sample: &[u8], length_size: u8) -> Option<Bytes> {
    let mut out = Vec::with_capacity(sample.len().saturating_add(64));
    if is_annex_b(sample) && Units::new(sample, length_size).any(|unit| unit.is_err()) {
        split_start_codes(sample, |unit| put(&mut out, unit, length_size))?;
    } else {
        for unit in Units::new(sample, length_size).flatten() {
            if is_annex_b(unit) {
                split_start_codes(unit, |unit| put(&mut out, unit, length_size))?
            } else {
                put(&mut out, unit, length_size)?
            }
        }
    }
    Some(out.into())
}

/// Makes an `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15 §5.3.3.1) from the parameter sets in a picture, or in bytes that
/// stand in place of a record: units behind start codes, or behind lengths of four bytes. The record announces lengths of four
/// bytes.
pub fn avc_record(sample: &[u8]) -> Option<Bytes> {
    const LENGTH_SIZE: u8 = 4;
    let sample = if is_annex_b(sample) {
        repaired(sample, LENGTH_SIZE)?
    } else {
        Bytes::copy_from_slice(sample)
    };
    let (mut sps, mut pps) = (Vec::new(), Vec::new());
    for unit in Units::new(&sample, LENGTH_SIZE).map_while(Result::ok) {
        let sets: &mut Vec<&[u8]> = match unit.first().map(|header| header & 0x1f) {
            Some(7) => &mut sps,
            Some(8) => &mut pps,
            _ => continue,
        };
        if !sets.contains(&unit) && sets.len() < 31 {
            sets.push(unit);
        }
    }
    let &[_, profile, compatibility, level, ..] = *sps.first().filter(|_| !pps.is_empty())? else {
        return None;
    };
    let mut record = vec![1, profile, compatibility, level, 0xFC | (LENGTH_SIZE - 1)];
    for (mark, sets) in [(0xE0, sps), (0, pps)] {
        record.push(mark | u8::try_from(sets.len()).ok()?);
        for set in sets {
            record.extend_from_slice(&u16::try_from(set.len()).ok()?.to_be_bytes());
            record.extend_from_slice(set);
        }
    }
    Some(record.into())
}

/// Makes an `HEVCDecoderConfigurationRecord` (ISO/IEC 14496-15 §8.3.3.1) in the same way, from all three kinds of parameter
/// sets.
pub fn hevc_record(sample: &[u8]) -> Option<Bytes> {
    const LENGTH_SIZE: u8 = 4;
    /// Video, sequence and picture parameter sets, ISO/IEC 23008-2 table 7-1.
    const KINDS: [u8; 3] = [32, 33, 34];
    /// No encoder sends more sets of a kind.
    const MOST: usize = 16;
    let sample = if is_annex_b(sample) {
        repaired(sample, LENGTH_SIZE)?
    } else {
        Bytes::copy_from_slice(sample)
    };
    let mut found = KINDS.map(|kind| (kind, Vec::new()));
    for unit in Units::new(&sample, LENGTH_SIZE).map_while(Result::ok) {
        let kind = unit.first().map(|header| header >> 1 & 0x3f);
        let sets = found.iter_mut().find(|(known, _)| Some(*known) == kind);
        if let Some((_, sets)) = sets.filter(|(_, sets)| !sets.contains(&unit) && sets.len() < MOST) {
            sets.push(unit);
        }
    }
    let [(_, video), (_, sequence), (_, picture)] = &found;
    let sps = sequence
        .first()
        .filter(|_| !video.is_empty() && !picture.is_empty())?;
    let mut record = hevc_head(sps)?;
    record.push(3);
    for (kind, sets) in &found {
        // The array has all sets of its kind: none is only in the pictures.
        record.push(0x80 | kind);
        record.extend_from_slice(&u16::try_from(sets.len()).ok()?.to_be_bytes());
        for set in sets {
            record.extend_from_slice(&u16::try_from(set.len()).ok()?.to_be_bytes());
            record.extend_from_slice(set);
        }
    }
    Some(record.into())
}

/// Appends a unit behind its length. Appends nothing for a unit without bytes.
fn put(out: &mut Vec<u8>, unit: &[u8], length_size: u8) -> Option<()> {
    if unit.is_empty() {
        return Some(());
    }
    let length = u32::try_from(unit.len()).ok()?.to_be_bytes();
    let (unused, length) = length.split_at_checked(4usize.checked_sub(length_size.into())?)?;
    if unused.iter().any(|byte| *byte != 0) {
        return None;
    }
    out.extend_from_slice(length);
    out.extend_from_slice(unit);
    Some(())
}

/// The units between start codes, without the zeros behind them.
fn split_start_codes(bytes: &[u8], mut take: impl FnMut(&[u8]) -> Option<()>) -> Option<()> {
    let mut rest = bytes;
    loop {
        let next = start_code(rest);
        let (unit, after) = rest.split_at_checked(next.unwrap_or(rest.len()))?;
        let end = unit
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        take(unit.get(..end)?)?;
        match next {
            Some(_) => rest = after.get(3..)?,
            None => return Some(()),
        }
    }
}

/// Where the next `00 00 01` begins.
fn start_code(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(&[first, second, third]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<3>()) {
        match (first, second, third) {
            (0, 0, 1) => return Some(at),
            // No start code can begin at one of these three bytes.
            (_, _, 2..) => at += 3,
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(sample: &[u8], length_size: u8) -> Vec<Result<&[u8], CutShort>> {
        Units::new(sample, length_size).collect()
    }

    #[test]
    fn units_come_out_and_one_that_is_cut_is_the_last() {
        assert_eq!(
            units(b"\0\0\0\x02ab\0\0\0\0\0\0\0\x01c", 4),
            [Ok(&b"ab"[..]), Ok(b""), Ok(b"c")]
        );
        assert_eq!(units(b"\0\x01a\0\x05b", 2), [Ok(&b"a"[..]), Err(CutShort)]);
        assert_eq!(units(b"\x01a\x02", 1), [Ok(&b"a"[..]), Err(CutShort)]);
        assert_eq!(units(b"\xFF\xFF\xFF\xFF", 4), [Err(CutShort)]);
        assert_eq!(units(b"", 4), []);
    }

    #[test]
    fn empty_and_cut_units_are_left_out() {
        let sample = b"\0\0\0\0\0\0\0\x02\x65a\0\0\0\0\0\0\x10\0\x65";
        assert_eq!(repaired(sample, 4).unwrap(), b"\0\0\0\x02\x65a"[..]);
        assert_eq!(repaired(b"\0\0\0\0", 4).unwrap(), b""[..]);
    }

    #[test]
    fn start_codes_become_lengths() {
        let sample = b"\0\0\0\x01\x09\xF0\0\0\0\x01\x67abc\0\0\x01\x65\0\0\x03\0d\0\0";
        let wanted = b"\0\0\0\x02\x09\xF0\0\0\0\x04\x67abc\0\0\0\x06\x65\0\0\x03\0d";
        assert_eq!(repaired(sample, 4).unwrap(), wanted[..]);
        // The sample has both: a length, and start codes behind it.
        let both = b"\0\0\0\x0A\0\0\0\x01\x67a\0\0\x01\x65\0\0\0\x02\x41b";
        assert_eq!(
            repaired(both, 4).unwrap(),
            b"\0\0\0\x02\x67a\0\0\0\x01\x65\0\0\0\x02\x41b"[..]
        );
        // The length field has no room for such a unit.
        let long = [&[0, 0, 1, 0x65][..], &[7; 300]].concat();
        assert_eq!(repaired(&long, 1), None);
        assert_eq!(repaired(&long, 2).unwrap().len(), 2 + 301);
    }

    #[test]
    fn a_record_is_made_of_parameter_sets() {
        let record = b"\x01\x42\xC0\x1E\xFF\xE1\0\x05\x67\x42\xC0\x1E\x01\x01\0\x02\x68\x01";
        let sets = b"\0\0\0\x01\x67\x42\xC0\x1E\x01\0\0\x01\x68\x01\0\0\x01\x68\x01\0\0\x01\x65\x88";
        assert_eq!(avc_record(sets).unwrap(), record[..]);
        let sets = b"\0\0\0\x05\x67\x42\xC0\x1E\x01\0\0\0\x02\x68\x01\0\0\0\x09\x65";
        assert_eq!(avc_record(sets).unwrap(), record[..]);
        for none in [
            &b""[..],
            b"\0\0\0\x02\x68\x01",
            b"\0\0\0\x05\x67\x42\xC0\x1E\x01",
            b"\0\0\0\x01\x67\0\0\0\x01\x68",
        ] {
            assert_eq!(avc_record(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_length_that_looks_like_a_start_code_is_a_length() {
        let sample = [&b"\0\0\x01\x03\x65"[..], &[9; 258]].concat();
        assert_eq!(repaired(&sample, 4).unwrap(), sample);
    }
}
