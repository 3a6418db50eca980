//! Jumps, gaps, bursts, and patterns that only look like one.

use super::*;

#[test]
fn a_jump_of_two_hours_goes_on_and_stragglers_keep_their_place() {
    for by in [7_200_000i64, -5_000, -3_600_000] {
        let mut bench = Bench::new();
        let start = 4_000_000i64;
        let send = |bench: &mut Bench, n: i64, video_by: i64, audio_by: i64| {
            let at = start + n * 40;
            assert_eq!(bench.video((at + video_by) as u32), n * 40, "jump {by}");
            for part in [5, 25] {
                let audio = bench.audio_ms((at + part + audio_by) as u32);
                assert!(
                    (audio - n * 40 - part).abs() <= 61,
                    "jump {by}: audio {audio} at {n}"
                );
            }
            bench.wait(40);
        };
        for n in 0..250 {
            send(&mut bench, n, 0, 0);
        }
        // The video jumps first; the sound follows some frames later.
        for n in 250..260 {
            send(&mut bench, n, by, 0);
        }
        for n in 260..5_000 {
            send(&mut bench, n, by, by);
        }
        bench.expect(&[Exception::Jump { by_ms: by }]);
    }
}

#[test]
fn tracks_on_unrelated_clocks_both_go_on() {
    let mut bench = Bench::new();
    for n in 0..10_000u32 {
        assert_eq!(bench.video(n * 40), i64::from(n) * 40);
        let audio = bench.audio_ms(3_000_000 + n * 40);
        assert!((audio - i64::from(n) * 40).abs() <= 61);
        bench.wait(40);
    }
    bench.expect(&[Exception::Jump { by_ms: 3_000_000 }]);
}

#[test]
fn an_encoder_that_starts_again_at_zero_goes_on_after_the_time_it_took() {
    let mut bench = Bench::new();
    for n in 0..1_000u32 {
        bench.video(n * 40);
        bench.wait(40);
    }
    bench.wait(6_000 - 40);
    assert_eq!(bench.video(0), 999 * 40 + 6_000);
    bench.wait(40);
    assert_eq!(bench.video(40), 999 * 40 + 6_040);
    bench.expect(&[Exception::Jump {
        by_ms: -(999 * 40 + 6_000),
    }]);
}

#[test]
fn a_silence_that_really_lasted_is_a_gap() {
    let mut bench = Bench::new();
    bench.video(0);
    bench.audio(0);
    bench.wait(59_500);
    assert_eq!(bench.video(60_000), 60_000);
    assert_eq!(bench.audio_ms(60_010), 60_010);
    bench.expect(&[Exception::Gap { ms: 60_000 }]);
}

#[test]
fn pushed_unpaced_nothing_is_a_jump() {
    let mut bench = Bench::new();
    // A file muxed in long bursts: nine seconds of one track, then nine of the other. No time passes.
    for burst in 0..100u32 {
        for n in 0..225 {
            let at = burst * 9_000 + n * 40;
            assert_eq!(bench.video(at), i64::from(at));
        }
        for n in 0..450 {
            let at = burst * 9_000 + n * 20;
            assert!((bench.audio_ms(at) - i64::from(at)).abs() <= 61);
        }
    }
    bench.expect(&[]);
}

#[test]
fn a_file_looped_unpaced_goes_on() {
    let mut bench = Bench::new();
    for n in 0..2_000i64 {
        assert_eq!(bench.video((n % 500 * 40) as u32), n * 40);
        let audio = bench.audio_ms((n % 500 * 40) as u32);
        assert!((audio - n * 40).abs() <= 61);
    }
    assert_eq!(bench.exceptions, vec![Exception::Jump { by_ms: -20_000 }; 3]);
}

#[test]
fn a_track_silent_for_long_does_not_come_back_where_it_was() {
    let mut bench = Bench::new();
    bench.audio(0);
    for n in 0..1_500u32 {
        bench.video(n * 40);
        bench.wait(40);
    }
    // The sound begins at 0 again, and so does the picture.
    let audio = bench.audio_ms(1_000);
    assert!((audio - 60_000).abs() <= 100, "{audio}");
    assert!((bench.video(1_010) - 60_000).abs() <= 100);
    assert_eq!(bench.exceptions.len(), 1);
}

#[test]
fn an_uneven_low_frame_rate_is_not_a_jump() {
    let mut bench = Bench::new();
    for at in [0, 8_000, 16_000, 28_000, 36_000, 50_000] {
        assert_eq!(bench.video(at), i64::from(at));
    }
    bench.expect(&[]);
}

#[test]
fn very_low_frame_rates_are_not_jumps() {
    for unpaced in [false, true] {
        let mut bench = Bench::new();
        for n in 0..100u32 {
            assert_eq!(bench.video(n * 8_000), i64::from(n) * 8_000);
            bench.wait(if unpaced { 0 } else { 8_000 });
        }
        bench.expect(&[]);
    }
    // The rate is slower than the threshold. It causes two gaps, and then the rate is known.
    let mut bench = Bench::new();
    for n in 0..100u32 {
        assert_eq!(bench.video(n * 15_000), i64::from(n) * 15_000);
        bench.wait(15_000);
    }
    bench.expect(&[Exception::Gap { ms: 15_000 }, Exception::Gap { ms: 15_000 }]);
}

/// A jump in milliseconds, from just beyond the thresholds to hours.
fn a_jump() -> impl Strategy<Value = i64> {
    prop_oneof![
        -20_000i64..-3_200,
        -3_200i64..-600,
        10_200i64..20_000,
        -9_000_000i64..-20_000,
        20_000i64..9_000_000,
    ]
}

proptest! {
    /// However often the publisher's clock is set, and whichever track follows later, the tape goes on at the same rate, and
    /// sound and picture stay together.
    #[test]
    fn jumps_keep_sync(
        start in any::<u32>(),
        jumps in prop::collection::vec((30i64..400, a_jump(), 0i64..20, any::<bool>()), 1..12),
        unpaced in any::<bool>(),
    ) {
        // Within seconds, a jump that nearly undoes the one before cannot be told from a late frame.
        prop_assume!(jumps.windows(2).all(|pair| (pair[0].1 + pair[1].1).abs() > 1_000));
        let mut bench = Bench::new();
        let (mut n, mut by) = (0i64, 0i64);
        let count = jumps.len();
        bench.video(start);
        for (frames, jump, late, is_video_first) in [(50, 0, 0, true)].into_iter().chain(jumps) {
            for frame in 0..frames + late {
                let follower = if frame < late { by } else { by + jump };
                let (video_by, audio_by) = if is_video_first { (by + jump, follower) } else { (follower, by + jump) };
                n += 1;
                let stamp = |ms: i64| start.wrapping_add(ms as u32);
                let dts = bench.video(stamp(n * 40 + video_by));
                let audio = bench.audio_ms(stamp(n * 40 + 20 + audio_by));
                prop_assert!((dts - n * 40).abs() <= 21 * count as i64, "video {} at {}", dts, n * 40);
                prop_assert!((audio - dts - 20).abs() <= 62 + 21, "audio {} at {}", audio, dts);
                bench.wait(if unpaced { 0 } else { 40 });
            }
            by += jump;
        }
    }
}
