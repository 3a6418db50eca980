use proptest::prelude::*;

use super::*;
use crate::format::index::checked::tests::made;
use crate::media::TrackKind;

/// A minute of 30 pictures a second in whole milliseconds, with B-frames, and of AAC at 48 kHz.
pub(in crate::format) fn minute() -> SampleIndex {
    let mut index = SampleIndex::default();
    let mut noise = 1_u32;
    let mut next = |below: u32| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 8) % below
    };
    let (mut offset, mut audio_dts) = (1_200, 0);
    for second in 0..60_u64 {
        let video: Vec<_> = (0..30_u64)
            .map(|frame| Sample {
                size: if frame == 0 {
                    90_000 + next(30_000)
                } else {
                    4_000 + next(20_000)
                },
                duration: if frame % 3 == 2 { 34 } else { 33 },
                cts: [33, 133, 67, 0, 33][frame as usize % 5],
                key: frame == 0,
            })
            .collect();
        let audio: Vec<_> = (0..47 - u64::from(second % 8 == 0))
            .map(|_| Sample {
                size: 330 + next(90),
                duration: 1024,
                cts: 0,
                key: true,
            })
            .collect();
        let mut fragment = FragmentIndex {
            offset,
            len: 0,
            video: Run {
                first_dts: second * 1000,
                data_offset: offset + 900,
                samples: video,
            },
            audio: Run {
                first_dts: audio_dts,
                data_offset: 0,
                samples: audio,
            },
        };
        fragment.audio.data_offset = fragment.video.data_offset + fragment.video.bytes();
        fragment.len = 900 + fragment.video.bytes() + fragment.audio.bytes();
        audio_dts = fragment.audio.end_dts();
        offset = fragment.end();
        index.fragments.push(fragment);
    }
    index
}

#[test]
fn a_minute_takes_few_bytes() {
    let index = minute();
    let blob = index.encode();
    let samples = index.sample_count(TrackKind::Video) + index.sample_count(TrackKind::Audio);
    assert_eq!(SampleIndex::decode(&blob).unwrap(), index);
    assert!(blob.len() < 10_000, "{} bytes for {samples} samples", blob.len());
}

#[test]
fn nothing_is_an_index_too() {
    let nothing = SampleIndex::default();
    assert_eq!(nothing.encode().len(), 7);
    assert_eq!(SampleIndex::decode(&nothing.encode()), Ok(nothing));
}

#[test]
fn the_layout_stays() {
    let mut index = minute();
    index.fragments.truncate(2);
    for fragment in &mut index.fragments {
        fragment.video.samples.truncate(4);
        fragment.audio.samples.truncate(3);
    }
    let hex: String = index.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    insta::assert_snapshot!(hex);
}

#[test]
fn another_version_is_named() {
    let mut blob = minute().encode();
    blob[0] = 9;
    assert_eq!(SampleIndex::decode(&blob), Err(IndexError::Version(9)));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut index = minute();
    index.fragments.truncate(1);
    let blob = index.encode();
    for bit in 0..blob.len() * 8 {
        let mut bent = blob.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(SampleIndex::decode(&bent).is_err(), "bit {bit}");
    }
}

#[test]
fn a_promise_of_many_samples_takes_no_memory() {
    let mut body = Vec::new();
    put_unsigned(&mut body, u64::MAX);
    assert_eq!(
        SampleIndex::decode(&made(VERSION, &body)),
        Err(IndexError::Malformed("samples"))
    );
    let mut body = Vec::new();
    put_unsigned(&mut body, MAX_SAMPLES as u64);
    put_unsigned(&mut body, u64::MAX);
    assert_eq!(SampleIndex::decode(&made(VERSION, &body)), Err(IndexError::Short));
}

fn any_sample() -> impl Strategy<Value = Sample> {
    (any::<u32>(), any::<u32>(), any::<i32>(), any::<bool>()).prop_map(|(size, duration, cts, key)| Sample {
        size,
        duration,
        cts,
        key,
    })
}

fn usual_sample() -> impl Strategy<Value = Sample> {
    (0..9_000_u32, 33..35_u32, -10..100_i32, any::<bool>()).prop_map(|(size, duration, cts, key)| Sample {
        size,
        duration,
        cts,
        key,
    })
}

fn any_run() -> impl Strategy<Value = Run> {
    let samples = prop_oneof![
        prop::collection::vec(any_sample(), 0..20),
        prop::collection::vec(usual_sample(), 0..70),
        (usual_sample(), 0..20_usize).prop_map(|(sample, count)| vec![sample; count]),
    ];
    (any::<u64>(), any::<u64>(), samples).prop_map(|(first_dts, data_offset, samples)| Run {
        first_dts,
        data_offset,
        samples,
    })
}

fn any_index() -> impl Strategy<Value = SampleIndex> {
    let fragment = (any::<u64>(), any::<u64>(), any_run(), any_run());
    let fragment = fragment.prop_map(|(offset, len, video, audio)| FragmentIndex {
        offset,
        len,
        video,
        audio,
    });
    prop::collection::vec(fragment, 0..6).prop_map(|fragments| SampleIndex { fragments })
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(index in any_index()) {
        prop_assert_eq!(SampleIndex::decode(&index.encode()), Ok(index));
    }

    #[test]
    fn no_body_breaks_the_decoder(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = SampleIndex::decode(&made(VERSION, &body));
    }

    #[test]
    fn a_bent_body_breaks_nothing(index in any_index(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let blob = index.encode();
        let mut body = checked::body(VERSION, &blob).unwrap().to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = SampleIndex::decode(&made(VERSION, &body));
    }
}
