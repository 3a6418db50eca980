//! What happens at a break, in every format.

use super::*;
use crate::format::adts::Adts;
use crate::format::hls::Hls;
use crate::format::mp4::Mp4;
use crate::format::testing::{self, Reel, SOME_DAY, Take, Timed, all, line_zeros, rendered, two_segments};
use crate::format::{Fmp4, Gaps, View};
use crate::media::rescale;

/// Two publishes of 4.5 s each. The media of the second one begins at half a second, because it follows a cut, and its times
/// begin anew. `tape` and `utc` say how much later than the zero of the first its zero is.
fn back_after(tape: Micros, utc: Micros) -> (View<Reel>, Vec<Take>) {
    let mut takes = two_segments();
    let again = two_segments().into_iter().map(|take| Take {
        publish_zero: tape,
        ..take
    });
    takes.extend(again);
    let mut view = testing::view(&takes);
    for segment in view.segments.iter_mut().skip(2) {
        segment.publish_zero_utc = SOME_DAY + utc;
    }
    (view, takes)
}

/// The same two publishes, with the gap between them kept.
fn kept_after(tape: Micros, utc: Micros) -> (View<Reel>, Vec<Take>) {
    let (view, takes) = back_after(tape, utc);
    (view.gaps(Gaps::Keep), takes)
}

/// Asserts that every format has the frames of `takes` in order, with those of the second publish `later_ms` later. HLS closes
/// gaps.
#[track_caller]
fn assert_rendered(view: &View<Reel>, takes: &[Take], later_ms: f64) {
    let closed = line_zeros(&view.clone().gaps(Gaps::Close))[2] as f64;
    for (format, tracks) in rendered(view) {
        let later_ms = if format == "HLS" { closed } else { later_ms };
        let rates = [(TrackKind::Video, 1_000.0), (TrackKind::Audio, 44_100.0)];
        for ((kind, rate), found) in rates.into_iter().zip(&tracks) {
            let wanted: Timed = takes
                .iter()
                .enumerate()
                .flat_map(|(number, take)| {
                    let zero = if number < 2 { 0.0 } else { later_ms };
                    let shots = take.shots.iter().filter(move |shot| shot.kind == kind);
                    shots.map(move |shot| (zero + shot.dts as f64 * 1_000.0 / rate, shot.payload.clone()))
                })
                .collect();
            assert_eq!(found.len(), wanted.len(), "{format}");
            for (found, wanted) in found.iter().zip(&wanted) {
                let (at, should) = (found.0, wanted.0);
                assert!((at - should).abs() < 1.1, "{format}, {kind:?}: {at} for {should}");
                assert!(found.1 == wanted.1, "{format}, {kind:?} at {at}: other bytes");
            }
            assert!(
                found.is_sorted_by(|a, b| a.0 < b.0),
                "{format}, {kind:?}: times go back"
            );
        }
    }
}

#[test]
fn a_break_is_closed() {
    for later in [4_600_000, 12_345_678, 200_000_000_000] {
        let (view, takes) = back_after(later, later);
        let zero = line_zeros(&view)[2];
        // The last picture is shown until 4.6 s, and the first one 33 ms after its publish began.
        assert!((4_500..4_600).contains(&zero), "{zero}");
        assert_rendered(&view, &takes, zero as f64);
    }
}

#[test]
fn a_break_that_is_kept_is_as_long_as_it_was_on_the_tape() {
    let (view, takes) = kept_after(12_345_678, 12_345_678);
    assert_rendered(&view, &takes, 12_345.0);
    // A gap of hours is kept, too: the connection was broken, not the box.
    let (view, takes) = kept_after(4_000_000_000, 4_000_000_000);
    assert_rendered(&view, &takes, 4_000_000.0);
    let (view, _) = kept_after(200_000_000_000, 200_000_000_000);
    assert_eq!(line_zeros(&view)[2], 200_000_000);
}

#[test]
fn after_a_restart_the_gap_is_that_of_the_clock() {
    let (view, takes) = kept_after(4_600_000, 3_600_000_000);
    assert_rendered(&view, &takes, 3_600_000.0);
    let (view, takes) = kept_after(999_000_000, 5_000_000);
    assert_rendered(&view, &takes, 5_000.0);
}

/// Sound that is laid end to end is never half a frame away from where its times say that it is.
#[test]
fn sound_is_laid_end_to_end_over_breaks() {
    let mut takes = Vec::new();
    for number in 0..40 {
        // The sound begins sometimes before and sometimes after the picture, and ends anywhere.
        let tracks = testing::both();
        let mut shots = testing::shoot(&tracks, 0, 900 + number * 7, number * 97 % 1_500);
        let sounds = 900 - number * 19 % 300;
        shots.retain(|shot| shot.kind == TrackKind::Video || shot.dts < sounds * 44);
        takes.push(Take {
            tracks,
            shots,
            publish_zero: number * 10_000_000,
        });
    }
    for gaps in [Gaps::Close, Gaps::Keep] {
        let view = testing::view(&takes).gaps(gaps);
        let files = [
            all(&mut Mp4::open(view.clone()).unwrap()),
            all(&mut Mp4::open_audio(view.clone()).unwrap()),
        ];
        let heard = files.iter().zip([2, 2]).map(|(file, track)| {
            let found = crate::format::mp4::tests::found(file, track);
            found.iter().map(|sample| sample.0).collect::<Vec<_>>()
        });
        let frames = crate::format::fragmented::tests::samples(&all(&mut Fmp4::open(view).unwrap()));
        let frames = frames.iter().filter(|frame| frame.0 == 2).map(|frame| frame.1);
        for times in heard.chain([frames.collect()]) {
            assert!(times.len() > 1_000);
            for (number, time) in (0_i64..).zip(&times) {
                let off = i64::try_from(*time - times[0]).unwrap() - number * 1_024;
                // A millisecond is 44 ticks.
                assert!(off.abs() <= 512 + 90, "{gaps:?}, {number}: {off}");
            }
        }
    }
}

#[test]
fn silence_fills_the_gap_of_sound_alone() {
    let (view, takes) = kept_after(60_000_000, 10_000_000);
    let shots = takes.iter().flat_map(|take| &take.shots);
    let sound = shots.filter(|shot| shot.kind == TrackKind::Audio);
    let bytes: usize = sound.map(|shot| shot.payload.len() + 7).sum();
    let m4a = all(&mut Mp4::open_audio(view.clone()).unwrap());
    // The silence lasts from 4.5 s, where the sound ends, to 10 s.
    let silent = crate::format::mp4::tests::found(&m4a, 2)
        .iter()
        .filter(|sample| testing::is_silence(&sample.3))
        .count();
    assert!((236..=239).contains(&silent), "{silent}");
    let adts = all(&mut Adts::open(view).unwrap());
    assert_eq!(adts.len(), bytes + silent * 13);
}

#[test]
fn a_gap_that_cannot_be_true_is_closed() {
    // The sound ends at 4.5107 s, and the first sound of the second publish is at 20 ms.
    let closed = 4_518.0 - 18.0 + 33.0;
    // A clock that was not set says 1970. A clock that was set for the first time says half a century later.
    for utc in [-SOME_DAY, SOME_DAY, 86_500_000_000, 1_000_000] {
        let (view, takes) = kept_after(60_000_000, utc);
        let zero = line_zeros(&view)[2] as f64;
        assert!((zero - closed).abs() < 40.0, "{zero}");
        assert_rendered(&view, &takes, zero);
    }
}

#[test]
fn publishes_that_overlap_by_a_little_do_not_go_back() {
    let (view, takes) = kept_after(4_490_000, 4_490_000);
    let zero = line_zeros(&view)[2];
    assert!((4_500..4_560).contains(&zero), "{zero}");
    assert_rendered(&view, &takes, zero as f64);
}

#[test]
fn every_publish_begins_with_its_own_date_and_goes_on() {
    for (tape, utc) in [(12_345_678, 12_345_678), (60_000_000, -SOME_DAY / 2)] {
        let (view, _) = back_after(tape, utc);
        let hls = Hls::open(view, 1_000).unwrap();
        let text = String::from_utf8(hls.playlist().to_vec()).unwrap();
        assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 0, "{text}");
        let after = text.split("#EXT-X-PROGRAM-DATE-TIME:").nth(2).unwrap();
        // The first picture is shown 33 ms after its publish began.
        let began = jiff::Timestamp::from_microsecond(SOME_DAY + utc + 33_000).unwrap();
        assert!(after.starts_with(&format!("{began:.3}")), "{began}: {after}");
    }
}

#[test]
fn what_is_measured_is_rounded_alike_for_both_tracks() {
    let (view, _) = back_after(60_000_000, -1);
    let zeros = line_zeros(&view);
    assert_eq!((zeros[0], zeros[1], zeros[2]), (0, 0, zeros[3]));
    assert_eq!(rescale(zeros[2], 1_000, 44_100), zeros[2] * 441 / 10);
}

/// No silence is made of AAC Main. A gap that is kept as times alone would part sound and picture in most players.
#[test]
fn a_gap_that_no_silence_can_fill_is_closed() {
    let (mut view, _) = kept_after(12_345_678, 12_345_678);
    assert_eq!(line_zeros(&view)[2], 12_345);
    let main = testing::aac_main();
    assert!(!main.has_silence());
    assert_eq!(view.closed_gap(), None);
    for segment in &mut view.segments {
        segment.tracks.audio = Some(std::sync::Arc::new(crate::media::AudioConfig {
            sample_rate: 44_100,
            ..main.clone()
        }));
    }
    assert_eq!(view.closed_gap().as_deref(), Some("mp4a.40.1"));
    assert_eq!(view.clone().gaps(Gaps::Close).closed_gap(), None);
    let zero = line_zeros(&view)[2];
    assert!((4_500..4_600).contains(&zero), "{zero}");
}
