//! Sound that drops out where the picture goes on, in every format.

use crate::format::adts::Adts;
use crate::format::flv::read::FlvReader;
use crate::format::flv::{Flv, tag};
use crate::format::fragmented::tests::samples;
use crate::format::hls::Hls;
use crate::format::mp4::Mp4;
use crate::format::testing::{self, Reel, Take, all, from_hls, is_silence, rendered};
use crate::format::{Fmp4, View};
use crate::media::{Micros, TrackKind, rescale};

/// When each sample of the sound is decoded, silence included, in MP4, fMP4, HLS and FLV.
fn heard(view: &View<Reel>) -> [(&'static str, Vec<u64>); 4] {
    let mp4 = all(&mut Mp4::open(view.clone()).unwrap());
    let mp4 = crate::format::mp4::tests::found(&mp4, 2);
    let of = |samples: Vec<(u32, u64, Vec<u8>)>| {
        let sound = samples.into_iter().filter(|sample| sample.0 == 2);
        sound.map(|sample| sample.1).collect()
    };
    let flv = all(&mut Flv::open(view.clone()).unwrap());
    let tags = FlvReader::new(&flv[..]).unwrap().map(Result::unwrap);
    let sound = tags.filter(|tag| tag.kind == tag::AUDIO && tag.body[1] == 1);
    let ticks = sound.map(|tag| rescale(tag.timestamp_ms.into(), 1_000, 44_100).unsigned_abs());
    [
        ("MP4", mp4.iter().map(|sample| sample.0).collect()),
        ("fMP4", of(samples(&all(&mut Fmp4::open(view.clone()).unwrap())))),
        ("HLS", of(samples(&in_chunks(view)))),
        ("FLV", ticks.collect()),
    ]
}

/// The bytes of all chunks of HLS.
fn in_chunks(view: &View<Reel>) -> Vec<u8> {
    let hls = Hls::open(view.clone(), 1_000).unwrap();
    let files = (0..hls.count()).filter_map(|number| hls.file(number));
    let chunks = files.filter(|file| file.name().ends_with(".m4s"));
    chunks.flat_map(|mut chunk| all(&mut chunk)).collect()
}

/// Asserts that a player that plays sound end to end is never half a frame away from the times.
#[track_caller]
fn assert_end_to_end(format: &str, times: &[u64]) {
    for (number, time) in (0_i64..).zip(times) {
        let off = i64::try_from(time - times[0]).unwrap() - number * 1_024;
        // FLV's times are in milliseconds.
        assert!(off.abs() <= 512 + 45, "{format}, {number}: {off}");
    }
}

/// Asserts that every frame of the takes is there, and is at its time.
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
        // There are as many frames as if none had been lost, but for one.
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

/// Nine seconds in one segment. The sound lacks what comes in `gone`, and both tracks lack what comes in `pause`.
fn nine_seconds(gone: std::ops::Range<i64>, pause: std::ops::Range<i64>) -> Vec<Take> {
    let mut shots = testing::shoot(&testing::both(), 0, 9_000, 0);
    shots.retain(|shot| {
        let (ms, is_sound) = match shot.kind {
            TrackKind::Video => (shot.dts, false),
            TrackKind::Audio => (rescale(shot.dts, 44_100, 1_000), true),
        };
        !(pause.contains(&ms) || is_sound && gone.contains(&ms))
    });
    vec![Take {
        shots,
        tracks: testing::both(),
        publish_zero: 0,
    }]
}

/// Asserts that silence stands beside its pictures in files whose fragments are read one after the other.
#[track_caller]
fn assert_beside(samples: &[(u32, u64, Vec<u8>)]) {
    let mut picture_ms = 0;
    for (track, dts, bytes) in samples {
        match track {
            1 => picture_ms = *dts,
            _ if is_silence(bytes) => {
                let ms = dts * 1_000 / 44_100;
                assert!(ms.abs_diff(picture_ms) < 2_500, "{ms} behind {picture_ms}");
            }
            _ => (),
        }
    }
}

#[test]
fn a_long_drop_out_is_silence_beside_its_pictures_in_every_format() {
    let takes = nine_seconds(1_500..7_000, 0..0);
    let view = testing::view(&takes);
    assert_all_there(&view, &takes);
    for (format, times) in heard(&view) {
        assert!((386..=389).contains(&times.len()), "{format}: {}", times.len());
        assert_end_to_end(format, &times);
    }
    assert_beside(&samples(&all(&mut Fmp4::open(view.clone()).unwrap())));
    assert_beside(&samples(&in_chunks(&view)));
    // ADTS has a header for each frame.
    let adts = all(&mut Adts::open(view).unwrap());
    let headers = adts.windows(3).filter(|bytes| *bytes == [0xFF, 0xF1, 0x50]);
    assert!((386..=389).contains(&headers.count()));
}

/// The sound goes and does not come back. Silence goes on with the pictures, and the next segment continues from there.
#[test]
fn sound_that_does_not_come_back_is_silence_to_the_end() {
    let takes = testing::without_sound(&[(1_000, 3_600)]);
    let gone = testing::without_sound(&[(1_000, 9_000)]);
    for (takes, least) in [(takes, 192), (gone, 172)] {
        let view = testing::view(&takes);
        assert_all_there(&view, &takes);
        for (format, times) in heard(&view).into_iter().filter(|(format, _)| *format != "MP4") {
            assert!(times.len() >= least, "{format}: {}", times.len());
            assert_end_to_end(format, &times);
        }
    }
}

/// Neither picture nor sound comes for a while. A file plays on in silence. HLS has no chunk without a picture.
#[test]
fn a_pause_is_silence_but_in_chunks() {
    let takes = nine_seconds(0..0, 2_100..7_000);
    let view = testing::view(&takes);
    assert_all_there(&view, &takes);
    for (format, times) in heard(&view) {
        match format {
            "HLS" => assert!(times.windows(2).any(|pair| pair[1] - pair[0] > 200_000)),
            _ => assert_end_to_end(format, &times),
        }
    }
}

/// Sound that comes later than ever before was taken for missing. Sound that has silence in its place already is left out.
#[test]
fn sound_that_comes_much_later_than_before_does_not_overlap_with_silence() {
    let takes = nine_seconds(0..0, 0..0);
    let view = testing::view_as_it_came(&takes, 0, |kind, ms| match kind {
        TrackKind::Audio if ms >= 3_000 => ms + 2_500,
        _ => ms,
    });
    for (format, times) in heard(&view) {
        assert!((386..=389).contains(&times.len()), "{format}: {}", times.len());
        assert_end_to_end(format, &times);
    }
    // Where the sound has always come so late, no silence is made.
    let view = testing::view_as_it_came(&takes, 0, |kind, ms| match kind {
        TrackKind::Audio => ms + 2_500,
        TrackKind::Video => ms,
    });
    let found = samples(&in_chunks(&view));
    assert!(found.iter().all(|sample| !is_silence(&sample.2)));
}

/// Packets of Opus may be longer than usual. A long packet is no drop-out.
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

/// A part may begin or end in the middle of a drop-out.
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
