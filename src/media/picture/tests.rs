use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn config(codec: VideoCodec) -> VideoConfig {
    let mut record = vec![0; 30];
    record[4] = 3;
    record[21] = 3;
    VideoConfig {
        codec,
        record: Bytes::from(record),
        width: 320,
        height: 180,
        timescale: crate::media::MILLISECONDS,
        colour_info: crate::media::ColourInfo::default(),
    }
}

fn sample(units: &[&[u8]]) -> Vec<u8> {
    let with_length = |unit: &&[u8]| [&(unit.len() as u32).to_be_bytes()[..], unit].concat();
    units.iter().flat_map(with_length).collect()
}

fn avc(units: &[&[u8]]) -> RandomAccess {
    config(VideoCodec::Avc).random_access(&sample(units))
}

fn hevc(units: &[&[u8]]) -> RandomAccess {
    config(VideoCodec::Hevc).random_access(&sample(units))
}

const AUD: &[u8] = &[9, 0xF0];
/// Slices of type 7 (I), 5 (P) and 6 (B), the first of their pictures.
const I: &[u8] = &[0x61, 0x88, 0x80, 1];
const P: &[u8] = &[0x41, 0x9A, 1, 1];
const B: &[u8] = &[0x01, 0x9E, 1, 1];

#[test]
fn h264_pictures_say_what_they_are() {
    assert_eq!(
        avc(&[AUD, &[0x67, 1], &[0x68, 1], &[0x65, 0x88, 1]]),
        RandomAccess::Closed
    );
    assert_eq!(avc(&[AUD, I, I]), RandomAccess::Intra);
    for inter in [&[P][..], &[B], &[I, P], &[AUD, P, I]] {
        assert_eq!(avc(inter), RandomAccess::Dependent, "{inter:?}");
    }
    // An IDR picture whose second field is a P one.
    assert_eq!(avc(&[&[0x65, 0x88], P]), RandomAccess::Closed);
    assert_eq!(avc(&[AUD, &[6, 5, 1, 9, 0x80]]), RandomAccess::Dependent);
    assert_eq!(avc(&[&[0x41]]), RandomAccess::Dependent);
}

#[test]
fn a_recovery_point_is_found_behind_other_messages() {
    // recovery_frame_cnt 0 and 24, in messages of their own and behind one with emulation prevention in it.
    let at_once: &[u8] = &[6, 6, 1, 0xC4, 0x80];
    let gradual: &[u8] = &[6, 6, 2, 0x0C, 0xA0, 0x80];
    let behind: &[u8] = &[6, 1, 4, 0, 0, 3, 1, 7, 6, 1, 0xC4, 0x80];
    assert_eq!(avc(&[at_once, I]), RandomAccess::Open);
    assert_eq!(avc(&[behind, I]), RandomAccess::Open);
    assert_eq!(avc(&[gradual, P]), RandomAccess::Gradual);
    assert_eq!(avc(&[gradual, &[0x65, 0x88]]), RandomAccess::Closed);
    let after = |units: &[&[u8]]| config(VideoCodec::Avc).recovers_after(&sample(units));
    assert_eq!(after(&[gradual, P]), Some(24));
    assert_eq!(after(&[at_once, I]), None);
    assert_eq!(after(&[gradual, &[0x65, 0x88]]), None);
    // The beginning of a picture is enough.
    let mut head = sample(&[gradual, P]);
    head.truncate(head.len() - 1);
    assert_eq!(config(VideoCodec::Avc).recovers_after(&head), Some(24));
    let long = [&[6, 5, 0xFF, 2][..], &[7; 257], &[6, 1, 0xC4, 0x80]].concat();
    assert_eq!(avc(&[&long, I]), RandomAccess::Open);
    assert_eq!(avc(&[&[6, 0xFF, 0xFF], P]), RandomAccess::Dependent);
}

#[test]
fn hevc_pictures_say_what_they_are() {
    let unit = |kind: u8| [kind << 1, 1, 0x80];
    for closed in 16..=20 {
        assert_eq!(hevc(&[&unit(32), &unit(closed)]), RandomAccess::Closed);
    }
    assert_eq!(hevc(&[&unit(21)]), RandomAccess::Open);
    for other in [0, 1, 8, 9] {
        assert_eq!(hevc(&[&unit(35), &unit(other)]), RandomAccess::Dependent);
    }
    let gradual: &[u8] = &[39 << 1, 1, 6, 2, 0x0C, 0xA0, 0x80];
    assert_eq!(hevc(&[gradual, &unit(1)]), RandomAccess::Gradual);
}

#[test]
fn av1_pictures_say_what_they_are() {
    let av1 = |sample: &[u8]| config(VideoCodec::Av1).random_access(sample);
    // A sequence header, then a frame: shown key, inter, hidden key, shown intra only.
    for (first, access) in [
        (0b0001_0000, RandomAccess::Closed),
        (0b0011_0000, RandomAccess::Dependent),
        (0b0000_0000, RandomAccess::Dependent),
        (0b0101_0000, RandomAccess::Intra),
        (0b1000_0000, RandomAccess::Dependent),
    ] {
        assert_eq!(
            av1(&[0x12, 0, 0x0A, 1, 9, 0x32, 2, first, 7]),
            access,
            "{first:08b}"
        );
    }
    assert_eq!(av1(&[0x12, 0]), RandomAccess::Unknown);
    assert_eq!(av1(&[0x32, 0x80]), RandomAccess::Unknown);
}

#[test]
fn the_layout_is_what_it_is() {
    let look = |bytes: &[u8]| config(VideoCodec::Avc).look(bytes);
    assert_eq!(look(&sample(&[AUD, P])).layout, Layout::Sound);
    assert_eq!(look(&sample(&[AUD, b"", P])).layout, Layout::EmptyUnits);
    let cut = [&sample(&[&[0x65, 0x88]])[..], b"\0\0\x10\0\x65"].concat();
    assert_eq!(
        (look(&cut).layout, look(&cut).access),
        (Layout::Cut, RandomAccess::Closed)
    );
    let garbage = look(b"inter");
    assert_eq!(
        (garbage.layout, garbage.access),
        (Layout::Cut, RandomAccess::Unknown)
    );
    assert_eq!(
        look(b"\0\0\0\x01\x09\xF0\0\0\0\x01\x65\x88").layout,
        Layout::StartCodes
    );
    assert_eq!(look(&sample(&[b"\0\0\0\x01\x65\x88"])).layout, Layout::StartCodes);
}

proptest! {
    /// Whatever the bytes are, there is no panic. A repaired sample is sound, or stays one that cannot be read.
    #[test]
    fn whatever_comes_is_looked_at(
        bytes in prop::collection::vec(prop_oneof![3 => 0u8..8, 1 => any::<u8>()], 0..200),
        codec in prop_oneof![Just(VideoCodec::Avc), Just(VideoCodec::Hevc), Just(VideoCodec::Av1)],
    ) {
        let config = config(codec);
        config.look(&bytes);
        if let Some(repaired) = crate::media::repaired(&bytes, 4) {
            let layout = look_at_units(codec, &repaired, 4).layout;
            prop_assert!(matches!(layout, Layout::Sound | Layout::StartCodes), "{:?}", layout);
        }
    }
}
