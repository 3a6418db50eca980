//! Sound that drops out where nothing else does, in every format.

use crate::format::fragmented::tests::samples;
use crate::format::hls::Hls;
use crate::format::mp4::Mp4;
use crate::format::testing::{self, Reel, Take, all, from_hls, is_silence, rendered};
use crate::format::{Fmp4, View};
use crate::media::{Micros, TrackKind, rescale};

/// When each sample of the sound is decoded, silence with it, in MP4, fMP4 and HLS.
fn heard(view: &View<Reel>) -> [(&'static str, Vec<u64>); 3] {
    let mp4 = all(&mut Mp4::open(view.clone()).unwrap());
    let mp4 = crate::format::mp4::tests::found(&mp4, 2);
    let fmp4 = samples(&all(&mut Fmp4::open(view.clone()).unwrap()));
    let hls = Hls::open(view.clone(), 1_000).unwrap();
    let files = (0..hls.count()).filter_map(|number| hls.file(number));
    let chunks = files.filter(|file| file.name().ends_with(".m4s"));
    let hls: Vec<u8> = chunks.flat_map(|mut chunk| all(&mut chunk)).collect();
    let of = |samples: Vec<(u32, u64, Vec<u8>)>| {
        let sound = samples.into_iter().filter(|sample| sample.0 == 2);
        sound.map(|sample| sample.1).collect()
    };
    [
        ("MP4", mp4.iter().map(|sample| sample.0).collect()),
        ("fMP4", of(fmp4)),
        ("HLS", of(samples(&hls))),
    ]
}

/// A player that plays sound end to end is never half a frame away from the times.
#[track_caller]
fn assert_end_to_end(format: &str, times: &[u64]) {
    for (number, time) in (0_i64..).zip(times) {
        let off = i64::try_from(time - times[0]).unwrap() - number * 1_024;
        assert!(off.abs() <= 512, "{format}, {number}: {off}");
    }
}

/// Every frame of the takes is at its time, and all of it is there.
#[track_caller]
fn assert_all_there(view: &View<Reel>, takes: &[Take]) {
    let shots = |kind| {
        let shots = takes.iter().flat_map(|take| &take.shots);
        shots.filter(move |shot| shot.kind == kind).collect::<Vec<_>>()
    };
    for (format, tracks) in rendered(view) {
        let rates = [(TrackKind::Video, 1_000.0), (TrackKind::Audio, 44_100.0)];
        for ((kind, rate), found) in rates.into_iter().zip(&tracks) {
            let wanted = shots(kind);
            assert_eq!(found.len(), wanted.len(), "{format}, {kind:?}");
            for (found, shot) in found.iter().zip(wanted) {
                let should = shot.dts as f64 * 1_000.0 / rate;
                assert!(
                    (found.0 - should).abs() < 1.1,
                    "{format}, {kind:?}: {} for {should}",
                    found.0
                );
                assert!(found.1 == shot.payload, "{format}, {kind:?} at {should}");
            }
        }
    }
}

#[test]
fn what_drops_out_is_silence_in_every_format_and_does_not_add_up() {
    let takes = testing::dropping_out();
    let view = testing::view(&takes);
    assert_all_there(&view, &takes);
    for (format, times) in heard(&view) {
        // As many frames as if none had been lost, but for one.
        assert!((192..=194).contains(&times.len()), "{format}: {}", times.len());
        assert_end_to_end(format, &times);
    }
}

#[test]
fn a_drop_out_over_the_end_of_a_segment_may_be_longer_than_a_fragment() {
    let takes = testing::without_sound(&[(1_800, 3_200)]);
    let view = testing::view(&takes);
    assert_all_there(&view, &takes);
    for (format, times) in heard(&view) {
        assert_end_to_end(format, &times);
    }
}

#[test]
fn where_fragments_are_read_in_order_only_short_drop_outs_are_silence() {
    let takes = [Take {
        shots: testing::shoot(&testing::both(), 0, 9_000, 0)
            .into_iter()
            .filter(|shot| {
                let ms = rescale(shot.dts, 44_100, 1_000);
                shot.kind == TrackKind::Video || !(1_500..7_000).contains(&ms)
            })
            .collect(),
        tracks: testing::both(),
        publish_zero: 0,
    }];
    let view = testing::view(&takes);
    assert_all_there(&view, &takes);
    for (format, times) in heard(&view) {
        match format {
            "MP4" => assert_end_to_end(format, &times),
            _ => assert!(
                times.windows(2).any(|pair| pair[1] - pair[0] > 200_000),
                "{format}"
            ),
        }
    }
}

/// Packets of Opus may be longer than usual: that is no drop-out.
#[test]
fn long_packets_are_no_drop_outs() {
    let opus = testing::opus();
    let tracks = crate::media::Tracks {
        video: None,
        audio: Some(std::sync::Arc::new(opus)),
    };
    let long = |lost: bool| {
        let mut shots = testing::shoot(&tracks, 0, 3_000, 0);
        let mut number = 0;
        shots.retain(|shot| {
            number += 1;
            number % 3 == 1 && !(lost && (48_000..52_000).contains(&shot.dts))
        });
        testing::view(&[Take {
            shots,
            tracks: tracks.clone(),
            publish_zero: 0,
        }])
    };
    let frames = |view: View<Reel>| {
        let file = all(&mut Mp4::open_audio(view).unwrap());
        crate::format::mp4::tests::found(&file, 2).len()
    };
    assert_eq!(frames(long(false)), 50);
    // Two packets of 60 ms are lost, and six silent ones of 20 ms are in their place.
    assert_eq!(frames(long(true)), 54);
}

/// A part that begins in the middle of a drop-out, or ends there.
#[test]
fn a_part_may_begin_and_end_where_sound_is_missing() {
    let view = testing::view(&testing::dropping_out());
    let at = |ms: i64| testing::SOME_DAY + ms * 1_000;
    for (from, to) in [(500, 2_000), (1_000, 3_500), (1_040, 1_480)] {
        let part = view.clone().trim(at(from), at(to)).unwrap();
        let file = all(&mut Mp4::open(part.clone()).unwrap());
        let times: Vec<u64> = crate::format::mp4::tests::found(&file, 2)
            .iter()
            .map(|sample| sample.0)
            .collect();
        assert_end_to_end("MP4", &times);
        let missing: Micros = to - from - times.len() as i64 * 1_024 * 1_000 / 44_100;
        assert!(missing.abs() < 180, "{from} to {to}: {missing}");
        let sound = from_hls(&part)[1].clone();
        assert!(sound.iter().all(|sample| !is_silence(&sample.1)));
    }
}
