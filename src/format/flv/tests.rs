//! The reader finds in the file what was on tape.

use std::sync::Arc;

use proptest::prelude::*;

use crate::format::testing::{self, Shot, Take, all, assert_same_in_pieces, expected};
use crate::media::{ColourInfo, TrackKind, Tracks, VideoCodec, VideoConfig, rescale};

use super::read::{FlvReader, FlvTag};
use super::{Flv, tag};

fn tags(bytes: &[u8]) -> Vec<FlvTag> {
    FlvReader::new(bytes).unwrap().map(Result::unwrap).collect()
}

fn assert_carries(takes: &[Take], bytes: &[u8]) {
    let shots = expected(takes);
    let ms = |shot: &Shot| match shot.kind {
        TrackKind::Video => shot.dts,
        TrackKind::Audio => (rescale(shot.dts, 44_100, 1_000_000) + 500).div_euclid(1_000),
    };
    let zero = shots.iter().map(ms).min().unwrap();
    for (kind, number) in [(TrackKind::Video, tag::VIDEO), (TrackKind::Audio, tag::AUDIO)] {
        let wanted = shots.iter().filter(|shot| shot.kind == kind);
        let found = tags(bytes);
        let sounds = |tag: &FlvTag| !testing::is_silence(&tag.body[2..]);
        let mut found = found
            .iter()
            .filter(|tag| tag.kind == number && tag.body[1] == 1 && sounds(tag));
        for shot in wanted {
            let tag = found.next().unwrap();
            assert_eq!(i64::from(tag.timestamp_ms), ms(shot) - zero);
            let header = if kind == TrackKind::Video { 5 } else { 2 };
            assert!(tag.body[header..] == shot.payload[..]);
            if kind == TrackKind::Video {
                assert_eq!(tag.body[0], if shot.key { 0x17 } else { 0x27 });
                assert_eq!(i32::from(tag.body[4]), shot.cts);
            }
        }
        assert_eq!(found.next(), None);
    }
}

#[test]
fn every_sample_is_in_a_tag_at_its_time() {
    for takes in [testing::two_segments(), testing::eventful()] {
        let bytes = all(&mut Flv::open(testing::view(&takes)).unwrap());
        assert_carries(&takes, &bytes);
    }
}

#[test]
fn a_new_configuration_brings_a_new_sequence_header() {
    let bytes = all(&mut Flv::open(testing::view(&testing::eventful())).unwrap());
    let found = tags(&bytes);
    let headers: Vec<_> = found
        .iter()
        .filter(|tag| tag.kind == tag::VIDEO && tag.body[1] == 0)
        .collect();
    assert_eq!(headers.len(), 2);
    assert_eq!(headers[0].body[5..], testing::small_video().record[..]);
    assert_eq!(headers[1].body[5..], testing::other_video().record[..]);
    assert_eq!(
        found
            .iter()
            .filter(|tag| tag.kind == tag::AUDIO && tag.body[1] == 0)
            .count(),
        1
    );
}

#[test]
fn the_keyframe_index_points_at_keyframes() {
    for takes in [testing::two_segments(), testing::eventful()] {
        let bytes = all(&mut Flv::open(testing::view(&takes)).unwrap());
        let found = tags(&bytes);
        let script = &found[0].body;
        let number = |at: usize| f64::from_be_bytes(script[at + 1..at + 9].try_into().unwrap());
        let list = |name: &str| {
            let at = script
                .windows(name.len())
                .position(|text| text == name.as_bytes())
                .unwrap();
            let at = at + name.len() + 1;
            let count = u32::from_be_bytes(script[at..at + 4].try_into().unwrap());
            (0..count as usize)
                .map(|n| number(at + 4 + n * 9))
                .collect::<Vec<f64>>()
        };
        let (times, positions) = (list("times"), list("filepositions"));
        let keys: Vec<&FlvTag> = found
            .iter()
            .filter(|tag| tag.kind == tag::VIDEO && tag.body[..2] == [0x17, 1])
            .collect();
        assert_eq!(times.len(), keys.len());
        for ((time, position), key) in times.iter().zip(&positions).zip(keys) {
            assert_eq!((*time * 1_000.0).round() as u32, key.timestamp_ms);
            assert_eq!(*position as u64, key.offset);
        }
        let at = script.windows(8).position(|text| text == b"filesize").unwrap();
        assert_eq!(number(at + 8) as usize, bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_way_of_reading_gives_the_same_bytes(lengths in prop::collection::vec(1_usize..70_000, 1..8)) {
        let view = testing::view(&testing::eventful());
        let whole = all(&mut Flv::open(view.clone()).unwrap());
        assert_same_in_pieces(&mut Flv::open(view).unwrap(), &whole, &lengths);
    }
}

#[test]
fn what_a_publisher_said_of_colours_goes_on_behind_the_sequence_header() {
    let hevc = |said: ColourInfo| VideoConfig {
        codec: VideoCodec::Hevc,
        colour_info: said,
        ..testing::small_video()
    };
    let take = |config: VideoConfig, from| {
        let tracks = Tracks {
            video: Some(Arc::new(config)),
            audio: None,
        };
        Take {
            shots: testing::shoot(&tracks, from, from + 3_000, from),
            tracks,
            publish_zero: 0,
        }
    };
    let takes = [
        take(hevc(testing::hdr10()), 0),
        take(hevc(ColourInfo::default()), 3_000),
    ];
    let bytes = all(&mut Flv::open(testing::view(&takes)).unwrap());
    let bodies: Vec<_> = tags(&bytes).into_iter().map(|tag| tag.body).collect();
    let metadata = |body: &&[u8]| body.starts_with(b"\xD4hvc1\x02\0\x09colorInfo");
    let places = |wanted: &dyn Fn(&&[u8]) -> bool| -> Vec<usize> {
        let found = bodies.iter().enumerate().filter(|(_, body)| wanted(&&body[..]));
        found.map(|(at, _)| at).collect()
    };
    let said = places(&metadata);
    let headers = places(&|body: &&[u8]| body.starts_with(b"\x90hvc1"));
    assert_eq!(said.len(), 2);
    assert_eq!(said, [headers[0] + 1, headers[1] + 1]);
    assert_eq!(bodies[said[1]].last(), Some(&6), "taken back");
    // The old form of H.264 has no colour description.
    let mut avc = testing::small_video();
    avc.colour_info = testing::hdr10();
    let bytes = all(&mut Flv::open(testing::view(&[take(avc, 0)])).unwrap());
    assert!(tags(&bytes).iter().all(|tag| tag.body[0] & 0x80 == 0));
}
