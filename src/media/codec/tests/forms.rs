//! One configuration in several forms, and others that only look like one.

use bytes::Bytes;

use super::records::{AV1, AVC, HEVC};
use super::*;

/// A record of H.264 out of parameter sets.
fn avc_record(lengths: u8, sps: &[&[u8]], pps: &[&[u8]], extension: &[u8]) -> VideoConfig {
    let mut record = vec![1, 100, 0, 22, 0xFC | lengths];
    for (mark, sets) in [(0xE0, sps), (0, pps)] {
        record.push(mark | sets.len() as u8);
        for set in sets {
            record.extend((set.len() as u16).to_be_bytes());
            record.extend_from_slice(set);
        }
    }
    record.extend_from_slice(extension);
    parse_avc(record.into()).unwrap()
}

#[test]
fn h264_in_another_form_is_the_same() {
    let whole = hex(AVC[4].1);
    let sps = &whole[8..8 + 26];
    let pps = &whole[8 + 26 + 3..8 + 26 + 3 + 7];
    let one = parse_avc(whole.clone()).unwrap();
    let padded = [sps, &[0, 0]].concat();
    let other = b"\x68\x9F".as_slice();
    for (same, config) in [
        (true, avc_record(3, &[sps], &[pps], &[])),
        (
            true,
            avc_record(3, &[sps, sps], &[pps, pps], &[0xFD, 0xF8, 0xF8, 0]),
        ),
        (true, avc_record(3, &[&padded], &[pps], &[])),
        (false, avc_record(1, &[sps], &[pps], &[])),
        (false, avc_record(3, &[sps], &[pps, other], &[])),
        (false, avc_record(3, &[sps], &[other], &[])),
    ] {
        assert_eq!(config == one, same, "{:?}", config.record);
    }
    let both = [pps, other];
    let turned = [other, pps];
    assert_eq!(
        avc_record(3, &[sps], &both, &[]),
        avc_record(3, &[sps], &turned, &[])
    );
    assert_ne!(one, parse_avc(hex(AVC[0].1)).unwrap());
}

#[test]
fn hevc_and_av1_in_another_form_are_the_same() {
    let record = hex(HEVC[0].1);
    let one = parse_hevc(record.clone()).unwrap();
    // The arrays in reverse order, without the flag that says they are complete.
    let (head, mut rest) = record.split_at(23);
    let mut arrays = Vec::new();
    while let [_, _, count, high, low, ..] = rest {
        assert_eq!(*count, 1);
        let (array, after) = rest.split_at(5 + usize::from(u16::from_be_bytes([*high, *low])));
        arrays.push([&[array[0] & 0x3F][..], &array[1..]].concat());
        rest = after;
    }
    arrays.reverse();
    let mut turned = [head, &arrays.concat()].concat();
    assert_eq!(one, parse_hevc(turned.clone().into()).unwrap());
    *turned.last_mut().unwrap() ^= 0x40;
    assert_ne!(one, parse_hevc(turned.into()).unwrap());

    let record = hex(AV1[0].1);
    let one = parse_av1(record.clone()).unwrap();
    let padded = [&record[..], &[0x7A, 1, 0]].concat();
    assert_eq!(one, parse_av1(padded.into()).unwrap());
    assert_ne!(one, parse_av1(hex(AV1[1].1)).unwrap());
}

#[test]
fn sound_in_another_form_is_the_same() {
    let aac = |record: &str| parse_aac(hex(record)).unwrap();
    for same in ["1210", "12100000", "121056e500", "121056e50000"] {
        assert_eq!(aac(same), aac("1210"), "{same}");
    }
    // Records with SBR, with other channels, with another object type.
    for other in ["121056e598", "1208", "0a10"] {
        assert_ne!(aac(other), aac("1210"), "{other}");
    }
    assert_eq!(aac("121056e598"), aac("121056e59800"));

    let opus = |head: &'static [u8]| parse_opus(Bytes::from_static(head)).unwrap();
    let one = opus(&[1, 2, 0x38, 1, 0x80, 0xBB, 0, 0, 0, 0, 0]);
    assert_eq!(one, opus(&[1, 2, 0x38, 1, 0, 0, 0, 0, 0, 0, 0]));
    assert_ne!(one, opus(&[1, 2, 0x39, 1, 0x80, 0xBB, 0, 0, 0, 0, 0]));
}
