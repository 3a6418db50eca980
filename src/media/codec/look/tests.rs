use bytes::Bytes;

use super::{Appearance, Colour, LightLevel, Mastering};
use crate::media::{VideoCodec, VideoConfig, parse_av1, parse_avc, parse_hevc};

/// PAL, 720x576 with pixels of 16:11, 25 pictures a second, from x264.
const PAL: &str = "0164001effe100196764001eacd940b4126c1040000003004000000c83c58b658001000468efbcb0fdf8f800";

/// HDR10 from x265: parameter sets and messages, with their types.
const HDR: [(u8, &str); 5] = [
    (32, "40010c01ffff02200000030090000003000003003c959409"),
    (
        33,
        "42010102200000030090000003000003003ca00a080c1f3b6595952930bc05a84880482000000300200000030321",
    ),
    (34, "4401c073c189"),
    (39, "4e01900403e8019080"),
    (39, "4e01891833c286c41d4c0bb884d03e803d13404200989680000003000180"),
];

fn hex(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}

fn hdr() -> Vec<u8> {
    let mut record = hex("01022000000090000000000078f000fcfdfafa00000f");
    record.push(HDR.len() as u8);
    for (kind, unit) in HDR {
        let unit = hex(unit);
        record.extend([0x80 | kind, 0, 1, 0, unit.len() as u8]);
        record.extend(unit);
    }
    record
}

#[test]
fn pixels_that_are_not_square_make_the_picture_wider() {
    let config = parse_avc(hex(PAL).into()).unwrap();
    let look = config.appearance();
    assert_eq!((look.pixel, look.rate), (Some((16, 11)), Some((50, 2))));
    assert_eq!((config.width, config.height), (720, 576));
    assert_eq!(config.display_size(), (1_047, 576));
}

#[test]
fn colours_and_light_of_hdr_are_found_in_sets_and_messages() {
    let config = parse_hevc(hdr().into()).unwrap();
    let look = config.appearance();
    let bt2020_pq = Colour {
        primaries: 9,
        transfer: 16,
        matrix: 9,
        full_range: false,
    };
    assert_eq!(look.colour, Some(bt2020_pq));
    assert_eq!(look.rate, Some((25, 1)));
    let light = LightLevel {
        content: 1_000,
        average: 400,
    };
    assert_eq!(look.light, Some(light));
    let display = Mastering {
        primaries: [[13_250, 34_500], [7_500, 3_000], [34_000, 16_000]],
        white: [15_635, 16_450],
        max_luminance: 10_000_000,
        min_luminance: 1,
    };
    assert_eq!(look.mastering, Some(display));
    assert_eq!(config.display_size(), (config.width.into(), config.height.into()));
}

#[test]
fn metadata_of_av1_is_told_in_the_units_of_mp4() {
    // configOBUs: the sequence header of libaom, then the two kinds of metadata.
    let mut record = hex("81000c000a0b0200000521e7f66017c002");
    record.truncate(4 + 2 + 11);
    let light = [1, 0x03, 0xe8, 0x01, 0x90];
    let mut display = vec![2];
    for point in [0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329] {
        display.extend(((point * 65_536.0) as u16).to_be_bytes());
    }
    display.extend((1_000_u32 << 8).to_be_bytes());
    display.extend((2_u32).to_be_bytes());
    for body in [light.as_slice(), &display] {
        record.extend([0x2a, body.len() as u8]);
        record.extend(body);
    }
    let look = parse_av1(record.into()).unwrap().appearance();
    let light = look.light.unwrap();
    assert_eq!((light.content, light.average), (1_000, 400));
    let display = look.mastering.unwrap();
    let green = display.primaries[0];
    assert!(
        green[0].abs_diff(13_250) < 2 && green[1].abs_diff(34_500) < 2,
        "{display:?}"
    );
    assert_eq!((display.max_luminance, display.min_luminance), (10_000_000, 1));
}

#[test]
fn what_lies_or_is_cut_short_says_nothing_and_harms_nobody() {
    let records = [
        (VideoCodec::Avc, hex(PAL)),
        (VideoCodec::Hevc, hdr()),
        (VideoCodec::Av1, hex("81000c000a0b0200000521e7f66017c002")),
    ];
    for (codec, record) in records {
        let look = |record: &[u8]| -> Appearance {
            let config = VideoConfig {
                codec,
                record: Bytes::copy_from_slice(record),
                width: 720,
                height: 576,
                timescale: crate::media::MILLISECONDS,
                colour_info: crate::media::ColourInfo::default(),
            };
            let (width, height) = config.display_size();
            assert!((720..=65_535).contains(&width) && (576..=65_535).contains(&height));
            config.appearance()
        };
        for len in 0..record.len() {
            look(&record[..len]);
        }
        for bit in 0..record.len() * 8 {
            let mut other = record.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            look(&other);
        }
    }
}
