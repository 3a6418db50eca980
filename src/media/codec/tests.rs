//! Real records, as ffmpeg's encoders write them, and the treatment of damaged ones.

mod forms;
mod records;

use bytes::Bytes;
use proptest::prelude::*;

use self::records::{AAC, AV1, AVC, HEVC, Video};
use super::*;

fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.chars().filter_map(|c| Some(c.to_digit(16)? as u8)).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn video_records_of_real_encoders() {
    type Parse = fn(Bytes) -> Result<VideoConfig, CodecError>;
    let all: [(&[Video], Parse); 3] = [(AVC, parse_avc), (HEVC, parse_hevc), (AV1, parse_av1)];
    for (records, parse) in all {
        for (name, record, size, codecs) in records {
            let config = parse(hex(record)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((config.width, config.height), *size, "{name}");
            assert_eq!(config.codec_string(), *codecs, "{name}");
            assert_eq!(config.record, hex(record), "{name}");
            let lengths = (config.codec != VideoCodec::Av1).then_some(4);
            assert_eq!(config.nal_length_size(), lengths, "{name}");
        }
    }
}

/// The parameter sets alone give the decoder configuration of HEVC.
#[test]
fn hevc_records_are_made_of_parameter_sets() {
    for (name, record, size, codecs) in HEVC {
        let record = hex(record);
        for start_codes in [false, true] {
            let mut sample = Vec::new();
            super::hevc::each_set(&record, |_, set| {
                let length = if start_codes { 1 } else { set.len() as u32 };
                sample.extend_from_slice(&length.to_be_bytes());
                sample.extend_from_slice(set);
            })
            .unwrap();
            let made = parse_hevc(crate::media::hevc_record(&sample).unwrap()).unwrap();
            assert_eq!((made.width, made.height), *size, "{name}");
            assert_eq!(made.codec_string(), *codecs, "{name}");
            assert_eq!(made.nal_length_size(), Some(4), "{name}");
            assert_eq!(made.record[..19], record[..19], "{name}");
            // The result is the same as the encoder's own record.
            assert_eq!(made, parse_hevc(record.clone()).unwrap(), "{name}");
        }
    }
    assert_eq!(crate::media::hevc_record(b"\0\0\0\x02\x40\x01"), None);
    assert_eq!(crate::media::hevc_record(b""), None);
}

#[test]
fn aac_records() {
    for (name, record, expected, codecs) in AAC {
        let config = parse_aac(hex(record)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let got = (config.sample_rate, config.channels, config.frame_samples);
        assert_eq!(got, *expected, "{name}");
        assert_eq!(config.codec_string(), *codecs, "{name}");
    }
}

#[test]
fn aac_records_that_say_nothing_usable() {
    for (name, record) in [
        ("empty, as some encoders send first", ""),
        ("reserved frequency", "1690"),
        ("reserved channel configuration", "1240"),
        ("no object type", "0210"),
        ("program configuration missing", "1200"),
    ] {
        assert!(parse_aac(hex(record)).is_err(), "{name}");
    }
}

#[test]
fn mp3_headers() {
    for (header, expected) in [
        ("fffb9064", (44_100, 2, 1152)),
        ("fff340c4", (22_050, 1, 576)),
        ("ffe318c4", (8_000, 1, 576)),
    ] {
        let config = parse_mp3(&hex(header)).unwrap();
        assert_eq!(
            (config.sample_rate, config.channels, config.frame_samples),
            expected
        );
        assert_eq!(config.codec_string(), "mp4a.40.34");
    }
    for bad in [
        "fffb90", "00fb9064", "fffd9064", "fffbf064", "fffb9c64", "ffeb9064",
    ] {
        assert!(parse_mp3(&hex(bad)).is_err(), "{bad}");
    }
}

#[test]
fn opus_heads() {
    let head = "4f707573486561640102380180bb0000000000";
    let config = parse_opus(hex(head)).unwrap();
    assert_eq!(config.record, hex("0102380180bb0000000000"));
    assert_eq!(
        (config.sample_rate, config.channels, config.codec_string()),
        (48_000, 2, "opus".to_owned())
    );
    assert_eq!(parse_opus(config.record.clone()).unwrap(), config);

    let surround = parse_opus(hex("4f707573486561640106380180bb00000000010402000401020305")).unwrap();
    assert_eq!((surround.channels, surround.record.len()), (6, 19));
}

#[test]
fn opus_packets_say_how_long_they_last() {
    let toc = |configuration: u8, code: u8| configuration << 3 | code;
    for (packet, samples) in [
        (vec![toc(0, 0)], 480),
        (vec![toc(3, 0)], 2880),
        (vec![toc(13, 1)], 1920),
        (vec![toc(16, 0)], 120),
        (vec![toc(31, 0)], 960),
        (vec![toc(31, 2)], 1920),
        (vec![toc(31, 3), 0x83], 2880),
        (vec![toc(31, 3), 0x87], 0),
        (vec![toc(31, 3), 0x80], 0),
        (vec![toc(31, 3)], 0),
        (vec![], 0),
    ] {
        assert_eq!(opus_packet_samples(&packet), samples, "{packet:02x?}");
    }
}

/// A writer for what [`bits::Bits`] reads.
#[derive(Default)]
struct Writer(Vec<bool>);

impl Writer {
    fn put(mut self, count: u32, value: u32) -> Self {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    fn ue(self, value: u32) -> Self {
        let length = (value + 1).ilog2();
        self.put(length, 0).put(length + 1, value + 1)
    }

    /// Returns the bytes, with a stop bit at the end, as parameter sets and OBUs have it.
    fn bytes(self) -> Vec<u8> {
        let to_byte =
            |bits: &[bool]| (0..8).fold(0, |byte, at| byte << 1 | u8::from(bits.get(at) == Some(&true)));
        self.put(1, 1).0.chunks(8).map(to_byte).collect()
    }
}

fn avc_record(sps: Writer) -> Bytes {
    let sps = sps.bytes();
    let mut record = vec![1, 100, 0, 40, 0xff, 0xe1, 0, sps.len() as u8];
    record.extend(sps);
    record.push(0);
    record.into()
}

/// A high-profile parameter set with scaling lists and pictures ordered by type 1.
fn sps(width_in_mbs: u32, height_in_mbs: u32, crop_right: u32) -> Writer {
    let mut sps = Writer::default().put(8, 0x67).put(24, 0x64_00_28).ue(0);
    sps = sps.ue(1).ue(0).ue(0).put(1, 0).put(1, 1);
    for list in 0..8 {
        sps = match list {
            0 => sps.put(1, 1).ue(16), // delta -8: the default list, ended at once
            7 => (0..64).fold(sps.put(1, 1), |sps, _| sps.ue(1)),
            _ => sps.put(1, 0),
        };
    }
    sps = sps.ue(0).ue(1).put(1, 0).ue(1).ue(2).ue(3).ue(4).ue(5).ue(6);
    sps = sps.ue(4).put(1, 0).ue(width_in_mbs - 1).ue(height_in_mbs - 1);
    sps.put(3, 0b111).ue(0).ue(crop_right).ue(0).ue(0)
}

#[test]
fn scaling_lists_and_picture_order_are_passed_over() {
    let config = parse_avc(avc_record(sps(80, 45, 3))).unwrap();
    assert_eq!((config.width, config.height), (1274, 720));
}

#[test]
fn profiles_of_sub_layers_are_passed_over() {
    // Ones stand where the profiles are. They escape nothing, and a reader that took them for sizes would be wrong.
    let ones = |sps: Writer, count| (0..count).fold(sps, |sps, _| sps.put(1, 1));
    let mut sps = Writer::default().put(16, 0x4201).put(4, 0).put(3, 2).put(1, 1);
    sps = ones(sps, 88 + 8).put(4, 0b11_01).put(12, 0);
    sps = ones(sps, 88 + 8 + 8);
    sps = sps.ue(0).ue(2).ue(1920).ue(1088).put(1, 1);
    let sps = sps.ue(0).ue(1).ue(0).ue(8).bytes();

    let mut record = hex(HEVC[0].1).slice(..22).to_vec();
    record.extend([1, 33, 0, 1, 0, sps.len() as u8]);
    record.extend(sps);
    let config = parse_hevc(record.into()).unwrap();
    assert_eq!((config.width, config.height), (1918, 1080));
}

#[test]
fn timing_and_operating_points_are_passed_over() {
    let mut header = Writer::default().put(5, 0);
    header = header.put(1, 1).put(32, 1).put(32, 25).put(1, 1).ue(5); // timing_info
    header = header.put(1, 1).put(5, 9).put(32, 1).put(5, 7).put(5, 7); // decoder_model_info
    header = header.put(1, 1).put(5, 1);
    header = header.put(12, 1).put(5, 8).put(1, 1); // the first has a tier, a model and a delay
    header = header.put(1, 1).put(20, 0xf_ffff).put(1, 1).put(1, 1).put(4, 15);
    header = header.put(12, 1).put(5, 5).put(1, 0).put(1, 0); // the second none of them
    let header = header.put(4, 10).put(4, 9).put(11, 1279).put(10, 719).bytes();

    // The header follows a temporal delimiter, with an extension and without a size.
    let mut record = vec![0x81, 0, 0, 0, 0x12, 0, 0x0c, 0];
    record.extend(header);
    let config = parse_av1(record.into()).unwrap();
    assert_eq!((config.width, config.height), (1280, 720));
}

#[test]
fn a_program_configuration_is_counted() {
    let mut record = Writer::default().put(5, 2).put(4, 3).put(4, 0);
    record = record.put(1, 0).put(1, 1).put(14, 0x3fff).put(1, 0); // coreCoderDelay
    record = record
        .put(4, 0)
        .put(2, 1)
        .put(4, 3)
        .put(4, 2)
        .put(4, 0)
        .put(4, 1)
        .put(2, 1);
    record = record
        .put(3, 0)
        .put(4, 0)
        .put(1, 1)
        .put(4, 9)
        .put(1, 0)
        .put(1, 1)
        .put(3, 7); // mixdowns
    for is_pair in [0, 1, 1] {
        record = record.put(1, is_pair).put(4, 0);
    }
    let config = parse_aac(record.bytes().into()).unwrap();
    assert_eq!((config.channels, config.frame_samples), (6, 1024));
}

#[test]
fn a_picture_without_a_usable_size_is_refused() {
    for sps in [sps(80, 45, 640), sps(80, 45, 70_000), sps(4096, 45, 0)] {
        assert!(matches!(
            parse_avc(avc_record(sps)),
            Err(CodecError::Invalid { .. })
        ));
    }
}

#[test]
fn a_record_without_parameter_sets_is_refused() {
    let no_sps = hex("0142c00bffe000");
    assert_eq!(
        parse_avc(no_sps).unwrap_err().to_string(),
        "H.264 configuration is not usable: no sequence parameter set"
    );
    let mut no_arrays = hex(HEVC[0].1).slice(..22).to_vec();
    no_arrays.push(0);
    assert!(matches!(
        parse_hevc(no_arrays.into()),
        Err(CodecError::Invalid { .. })
    ));
    assert!(matches!(
        parse_av1(hex("81010c00")),
        Err(CodecError::Invalid { .. })
    ));
}

/// Calls every parser, whatever the bytes are. The test only needs them to return.
fn parse_all(record: &Bytes) {
    let video = [
        parse_avc(record.clone()),
        parse_hevc(record.clone()),
        parse_av1(record.clone()),
    ];
    for config in video.into_iter().flatten() {
        assert!(config.width > 0 && config.height > 0);
        config.codec_string();
    }
    let audio = [
        parse_aac(record.clone()),
        parse_mp3(record),
        parse_opus(record.clone()),
    ];
    for config in audio.into_iter().flatten() {
        assert!(config.sample_rate >= 1_000 && config.frame_samples > 0);
        assert!((1..=8).contains(&config.channels));
        config.codec_string();
    }
    opus_packet_samples(record);
}

fn every_record() -> Vec<Bytes> {
    let video = [AVC, HEVC, AV1]
        .concat()
        .into_iter()
        .map(|(_, record, ..)| record);
    let audio = AAC.iter().map(|(_, record, ..)| *record);
    let opus = "4f707573486561640106380180bb00000000010402000401020305";
    video.chain(audio).chain([opus]).map(hex).collect()
}

#[test]
fn records_cut_short_anywhere() {
    for record in every_record() {
        for length in 0..record.len() {
            parse_all(&record.slice(..length));
        }
    }
    // The fields before the picture's size have to be there.
    for (_, record, ..) in AVC {
        let record = hex(record);
        let parameter_sets = 8 + usize::from(record[7]);
        for length in 0..parameter_sets {
            assert!(parse_avc(record.slice(..length)).is_err());
        }
    }
    for (_, record, ..) in HEVC {
        let record = hex(record);
        for length in 0..record.len() {
            assert!(parse_hevc(record.slice(..length)).is_err());
        }
    }
}

proptest! {
    #[test]
    fn garbage_is_refused_or_read_but_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        parse_all(&bytes.into());
    }

    #[test]
    fn damaged_records_never_panic(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let records = every_record();
        let mut record = which.get(&records).to_vec();
        for (at, byte) in damage {
            let at = at.index(record.len());
            record[at] = byte;
        }
        parse_all(&record.into());
    }
}
