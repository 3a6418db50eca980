//! What happens at a break, in every format.

use super::*;
use crate::format::View;
use crate::format::adts::Adts;
use crate::format::hls::Hls;
use crate::format::mp4::Mp4;
use crate::format::testing::{self, Reel, SOME_DAY, Take, Timed, all, from_mp4, rendered, two_segments};
use crate::media::rescale;

/// Two publishes of 4.5 s each. The second one's media begins at half a second: it is what came after a cut, and its
/// times begin anew. `tape` and `utc` say how much later than that of the first its zero is.
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

/// Every rendition has the frames of `takes` in order, those of the second publish `later_ms` later.
#[track_caller]
fn assert_rendered(view: &View<Reel>, takes: &[Take], later_ms: f64) {
    for (format, tracks) in rendered(view) {
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
fn a_break_is_as_long_as_it_was_on_the_tape() {
    let (view, takes) = back_after(12_345_678, 12_345_678);
    assert_rendered(&view, &takes, 12_345.0);
    // Also one of hours, and of days: it was a connection that was broken, not the box.
    let (view, takes) = back_after(40_000_000_000, 40_000_000_000);
    assert_rendered(&view, &takes, 40_000_000.0);
    let (view, _) = back_after(200_000_000_000, 200_000_000_000);
    assert_eq!(line_zeros(&view)[2], 200_000_000);
}

#[test]
fn after_a_restart_the_gap_is_that_of_the_clock() {
    let (view, takes) = back_after(4_600_000, 3_600_000_000);
    assert_rendered(&view, &takes, 3_600_000.0);
    let (view, takes) = back_after(999_000_000, 5_000_000);
    assert_rendered(&view, &takes, 5_000.0);
}

#[test]
fn sound_alone_keeps_the_gap_and_closes_it_where_it_has_no_times() {
    let (view, takes) = back_after(60_000_000, 10_000_000);
    let shots = takes.iter().flat_map(|take| &take.shots);
    let sound: Vec<_> = shots.filter(|shot| shot.kind == TrackKind::Audio).collect();
    let m4a = all(&mut Mp4::open_audio(view.clone()).unwrap());
    let [_, found] = from_mp4(&m4a);
    assert_eq!(found.len(), sound.len());
    let steps: Vec<f64> = found.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    // Of the second publish's first sound, 20 ms after its zero, to the last of the first one's.
    let last = sound[found.len() / 2 - 1].dts as f64 / 44.1;
    let (seam, frame) = (10_020.0 - last, 1_024.0 / 44.1);
    let wanted = |number: usize| {
        if number == found.len() / 2 - 1 {
            seam
        } else {
            frame
        }
    };
    for (number, step) in steps.iter().enumerate() {
        assert!((step - wanted(number)).abs() < 0.6, "{number}: {step}");
    }
    let adts = all(&mut Adts::open(view).unwrap());
    assert_eq!(
        adts.len(),
        sound.iter().map(|shot| shot.payload.len() + 7).sum::<usize>()
    );
}

#[test]
fn a_gap_that_cannot_be_true_is_closed() {
    // The sound ends at 4.5107 s, and the first sound of the second publish is at 20 ms.
    let closed = 4_518.0 - 18.0 + 33.0;
    // A clock that was not set says 1970, and one that was set for the first time says half a century later.
    for utc in [-SOME_DAY, SOME_DAY, 86_500_000_000, 1_000_000] {
        let (view, takes) = back_after(60_000_000, utc);
        let zero = line_zeros(&view)[2] as f64;
        assert!((zero - closed).abs() < 40.0, "{zero}");
        assert_rendered(&view, &takes, zero);
    }
}

#[test]
fn publishes_that_overlap_by_a_little_do_not_go_back() {
    let (view, takes) = back_after(4_490_000, 4_490_000);
    let zero = line_zeros(&view)[2];
    assert!((4_500..4_560).contains(&zero), "{zero}");
    assert_rendered(&view, &takes, zero as f64);
}

#[test]
fn every_publish_begins_with_its_own_date_and_a_discontinuity_if_it_did_not_follow_at_once() {
    // The other one is closed, as its clock cannot be believed: players go on without noticing.
    for (tape, utc, apart) in [(12_345_678, 12_345_678, 1), (60_000_000, -SOME_DAY / 2, 0)] {
        let (view, _) = back_after(tape, utc);
        let hls = Hls::open(view, 1_000).unwrap();
        let text = String::from_utf8(hls.playlist().to_vec()).unwrap();
        assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), apart, "{text}");
        let after = text.split("#EXT-X-PROGRAM-DATE-TIME:").nth(2).unwrap();
        // The first picture is shown 33 ms after its publish began.
        let began = jiff::Timestamp::from_microsecond(SOME_DAY + utc + 33_000).unwrap();
        assert!(after.starts_with(&format!("{began:.3}")), "{began}: {after}");
    }
}

/// Where the publish of each segment begins on the line, in milliseconds.
fn line_zeros(view: &View<Reel>) -> Vec<i64> {
    let mut tape = crate::format::line::Tape::new(view.clone());
    let line = crate::format::line::Line::open(&mut tape).unwrap();
    line.stretches.iter().map(|stretch| stretch.zero_ms).collect()
}

#[test]
fn what_is_measured_is_rounded_alike_for_both_tracks() {
    let (view, _) = back_after(60_000_000, -1);
    let zeros = line_zeros(&view);
    assert_eq!((zeros[0], zeros[1], zeros[2]), (0, 0, zeros[3]));
    assert_eq!(rescale(zeros[2], 1_000, 44_100), zeros[2] * 441 / 10);
}
