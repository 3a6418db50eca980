//! The NAL units of a sample, each behind its length (ISO/IEC 14496-15 §5.3.4.2 and §8.3.4.2), and what encoders make of
//! that form.

use bytes::Bytes;

use super::codec::hevc_head;

/// How the units of a sample are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As they are to be.
    Sound,
    /// Some have no bytes: decoders stumble over them.
    EmptyUnits,
    /// The last one is longer than what is left of the sample.
    Cut,
    /// They stand behind start codes (ISO/IEC 14496-10 annex B).
    StartCodes,
}

/// The units of a sample, one after the other.
pub(super) struct Units<'a> {
    rest: &'a [u8],
    length_size: usize,
}

/// A unit that is longer than what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CutShort;

impl<'a> Units<'a> {
    /// `length_size` is 1, 2 or 4.
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

/// True for what begins with a start code.
pub(super) fn is_annex_b(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0, 0, 1]) || bytes.starts_with(&[0, 0, 0, 1])
}

/// The sample as it is to be: units that have bytes, whole, each behind its length. `None` where that cannot be made of it.
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

/// An `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15 §5.3.3.1) out of the parameter sets in a picture, or in what stands in
/// place of a record: units behind start codes, or behind lengths of four bytes. Lengths of four bytes are announced.
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

/// The same of HEVC: an `HEVCDecoderConfigurationRecord` (ISO/IEC 14496-15 §8.3.3.1) out of all three kinds of parameter sets.
pub fn hevc_record(sample: &[u8]) -> Option<Bytes> {
    const LENGTH_SIZE: u8 = 4;
    /// Video, sequence and picture parameter sets, ISO/IEC 23008-2 table 7-1.
    const KINDS: [u8; 3] = [32, 33, 34];
    /// More of a kind than any encoder sends.
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
        // None of them is in the pictures only.
        record.push(0x80 | kind);
        record.extend_from_slice(&u16::try_from(sets.len()).ok()?.to_be_bytes());
        for set in sets {
            record.extend_from_slice(&u16::try_from(set.len()).ok()?.to_be_bytes());
            record.extend_from_slice(set);
        }
    }
    Some(record.into())
}

/// Appends a unit behind its length; nothing of one without bytes.
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
            // No code can begin at one of these three.
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
        // Both: a length, and start codes behind it.
        let both = b"\0\0\0\x0A\0\0\0\x01\x67a\0\0\x01\x65\0\0\0\x02\x41b";
        assert_eq!(
            repaired(both, 4).unwrap(),
            b"\0\0\0\x02\x67a\0\0\0\x01\x65\0\0\0\x02\x41b"[..]
        );
        // A length that has no room for a unit.
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
