//! The sample clip, as a publisher would send it.

use super::*;
use crate::media::parse_avc;

const SAMPLE: &[u8] = include_bytes!("../../../../assets/sample.flv");

/// Type, timestamp and body of every tag of an FLV file.
fn tags(flv: &'static [u8]) -> Vec<(u8, u32, &'static [u8])> {
    let mut tags = Vec::new();
    let mut rest = &flv[13..];
    while let Some((&[kind, l2, l1, l0, t2, t1, t0, t3, ..], _)) = rest.split_first_chunk::<11>() {
        let length = u32::from_be_bytes([0, l2, l1, l0]) as usize;
        tags.push((kind, u32::from_be_bytes([t3, t2, t1, t0]), &rest[11..11 + length]));
        rest = &rest[11 + length + 4..];
    }
    tags
}

#[test]
fn the_sample_says_what_it_is() {
    let video = tags(SAMPLE).into_iter().find(|(kind, ..)| *kind == 9).unwrap().2;
    let audio = tags(SAMPLE).into_iter().find(|(kind, ..)| *kind == 8).unwrap().2;
    let video = parse_avc(Bytes::from_static(&video[5..])).unwrap();
    let audio = parse_aac(Bytes::from_static(&audio[2..])).unwrap();
    assert_eq!(format!("{video:?}, {audio:?}"), "h264 320x180, aac 44100 Hz 2 ch");
    assert_eq!(video.codec_string(), "avc1.4d400c");
}

/// The clip is played over and over. Its timestamps either go on or begin again at 0.
#[test]
fn the_sample_loops() {
    for begins_again in [false, true] {
        let mut bench = Bench::new();
        let (mut pictures, mut sounds) = (0, 0);
        for turn in 0..10u32 {
            for (kind, timestamp, body) in tags(SAMPLE) {
                let at = timestamp + if begins_again { 0 } else { turn * 20_000 };
                match (kind, body) {
                    (9, [_, 1, c2, c1, c0, ..]) => {
                        let cts = i32::from_be_bytes([*c2, *c1, *c0, 0]) >> 8;
                        let frame = bench.send(TrackKind::Video, at, cts);
                        assert_eq!((frame.dts, frame.cts), (pictures * 40, cts));
                        pictures += 1;
                    }
                    (8, [_, 1, ..]) => {
                        let dts = bench.audio(at);
                        // The sound begins 17 ms after the picture. Each turn adds a seam of 7.6 ms, and the clock stays within
                        // 60 ms.
                        let expected = 17 * 441 / 10 + sounds * 1024;
                        assert!((0..90 * 441 / 10).contains(&(dts - expected)), "turn {turn}");
                        sounds += 1;
                    }
                    _ => {}
                }
            }
        }
        assert_eq!((pictures, sounds), (5_000, 8_610));
        let jumps = if begins_again { 9 } else { 0 };
        assert_eq!(bench.exceptions.len(), jumps);
        assert_eq!(bench.timeline.repaired(), 0);
    }
}
