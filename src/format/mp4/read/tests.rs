//! Our own files come back; broken ones are refused.

use proptest::prelude::*;

use crate::format::mp4::Mp4;
use crate::format::testing::{self, all, expected};
use crate::media::{CodecConfig, TrackKind, rescale};

use super::{Mp4Error, Mp4Reader, Mp4Sample};

fn read(bytes: &[u8]) -> Result<Vec<Mp4Sample>, Mp4Error> {
    Mp4Reader::open(bytes, bytes.len() as u64)?.samples().collect()
}

#[test]
fn what_was_rendered_is_read() {
    for takes in [testing::two_segments(), testing::eventful()] {
        let bytes = all(&mut Mp4::open(testing::view(&takes)).unwrap());
        let reader = Mp4Reader::open(bytes.as_slice(), bytes.len() as u64).unwrap();
        let video = CodecConfig::Video(testing::small_video());
        assert_eq!(reader.configs(TrackKind::Video)[0], video);
        assert_eq!(
            reader.configs(TrackKind::Audio),
            [CodecConfig::Audio(testing::aac())]
        );
        let samples: Vec<Mp4Sample> = reader.samples().map(Result::unwrap).collect();
        assert!(samples.is_sorted_by_key(|sample| sample.dts_ms));
        let shots = expected(&takes);
        let pts_ms = |shot: &testing::Shot| match shot.kind {
            TrackKind::Video => shot.dts + i64::from(shot.cts),
            TrackKind::Audio => rescale(shot.dts, 44_100, 1_000),
        };
        let mut off_by = Vec::new();
        for kind in [TrackKind::Video, TrackKind::Audio] {
            let of = |sample: &Mp4Sample| {
                let from = sample.offset as usize;
                bytes[from..from + sample.size as usize].to_vec()
            };
            let mut samples = samples
                .iter()
                .filter(|sample| sample.kind == kind && !testing::is_silence(&of(sample)));
            for shot in shots.iter().filter(|shot| shot.kind == kind) {
                let sample = samples.next().unwrap();
                let from = sample.offset as usize;
                assert!(bytes[from..from + sample.size as usize] == shot.payload);
                assert_eq!(sample.key, shot.key);
                off_by.push(sample.dts_ms + i64::from(sample.cts_ms) - pts_ms(shot));
            }
        }
        // The difference is one constant for both tracks, but for the rounding of sound to milliseconds.
        let (least, most) = (off_by.iter().min().unwrap(), off_by.iter().max().unwrap());
        assert!(most - least <= 2, "{least} {most}");
    }
}

#[test]
fn what_is_no_mp4_is_said_so() {
    assert!(matches!(read(b""), Err(Mp4Error::NoMoov)));
    assert!(matches!(read(b"FLV\x01 and more of it"), Err(Mp4Error::NoMoov)));
    assert!(matches!(
        read(b"\0\0\0\x08ftyp\0\0\0\x09mdat"),
        Err(Mp4Error::Box { offset: 8 })
    ));
    let fragmented = all(&mut crate::format::Fmp4::open(testing::view(&testing::two_segments())).unwrap());
    assert!(matches!(read(&fragmented), Err(Mp4Error::Fragmented)));
}

#[test]
fn a_file_cut_short_is_refused_at_the_sample() {
    let bytes = all(&mut Mp4::open(testing::view(&testing::two_segments())).unwrap());
    // A `free` box replaces the missing bytes. Then the boxes still fit, and the samples do not.
    let mdat = bytes.windows(4).position(|four| four == b"mdat").unwrap() - 4;
    let mut cut = bytes[..mdat + 5_000].to_vec();
    cut[mdat..mdat + 4].copy_from_slice(&5_000_u32.to_be_bytes());
    let error = read(&cut).unwrap_err();
    assert!(
        error.to_string().contains("beyond the end of the file"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_hostile_index_neither_panics_nor_takes_memory(at in 32_usize..6_000, bytes in prop::collection::vec(any::<u8>(), 1..9)) {
        let mut file = small_file();
        let at = at.min(file.len() - bytes.len());
        file[at..at + bytes.len()].copy_from_slice(&bytes);
        if let Ok(reader) = Mp4Reader::open(file.as_slice(), file.len() as u64) {
            for sample in reader.samples().take(10_000).flatten() {
                prop_assert!(sample.offset + u64::from(sample.size) <= file.len() as u64);
            }
        }
    }
}

fn small_file() -> Vec<u8> {
    let takes = testing::two_segments();
    all(&mut Mp4::open(testing::view(&takes[..1])).unwrap())
}
