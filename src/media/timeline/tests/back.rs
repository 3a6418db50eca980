//! Clocks that are set back, by a little and by a lot.

use super::*;

/// A publisher with a picture every `step_ms` milliseconds, and sound. After about two seconds its clock is set back by `by`.
/// The sound follows `late` frames later, or goes first where that is negative. Returns pictures and sound as they were placed.
fn set_back(bench: &mut Bench, step_ms: i64, by: i64, late: i64) -> (Vec<i64>, Vec<i64>) {
    let (mut pictures, mut sounds) = (Vec::new(), Vec::new());
    let at = 2_000 / step_ms * step_ms;
    let mut sound = 0i64;
    for n in 0..8_000 / step_ms {
        let now = n * step_ms;
        let stamp = |now: i64, since: i64| (1_000_000 + now - if now >= since { by } else { 0 }) as u32;
        pictures.push(bench.video(stamp(now, at)));
        while sound * 1024 * 10 / 441 < now + step_ms {
            sounds.push(bench.audio(stamp(sound * 1024 * 10 / 441, at + late * 23)));
            sound += 1;
        }
        bench.wait(step_ms);
    }
    (pictures, sounds)
}

#[test]
fn a_clock_set_back_by_any_amount_squeezes_nothing_and_keeps_sync() {
    for step in [16, 33, 40, 66, 100, 200] {
        for by in [
            210, 300, 400, 460, 500, 501, 700, 1_000, 2_500, 2_999, 4_000, 60_000,
        ] {
            for late in [-6, -1, 0, 1, 6] {
                let case = format!("{step} ms, back by {by}, sound {late} frames later");
                let mut bench = Bench::new();
                let (pictures, sounds) = set_back(&mut bench, step, by, late);
                let squeezed = pictures
                    .windows(2)
                    .filter(|pair| pair[1] - pair[0] < step / 2)
                    .count();
                assert!(
                    squeezed <= 2 + usize::from(by < 3 * step),
                    "{case}: {squeezed} squeezed"
                );
                let end = *pictures.last().unwrap();
                // A picture or two of a low rate cannot be told from disorder.
                let slack = if by <= 500 && by < 3 * step {
                    by
                } else {
                    step.max(30)
                };
                let lasted = (pictures.len() as i64 - 1) * step;
                assert!((end - lasted).abs() <= slack, "{case}: {end} of {lasted}");
                let sound_end = (sounds.last().unwrap() + 1024) * 10 / 441;
                assert!(
                    (sound_end - end - step).abs() <= 100 + slack,
                    "{case}: {sound_end} and {end}"
                );
                let tight = sounds.windows(2).filter(|pair| pair[1] - pair[0] < 900).count();
                assert!(
                    tight == 0 || slack >= 210,
                    "{case}: {tight} frames of sound are squeezed"
                );
                assert!(
                    bench.exceptions.len() <= 1 + usize::from(slack >= 210),
                    "{case}: {:?}",
                    bench.exceptions
                );
            }
        }
    }
}

/// A looped clip, its sound longer or shorter than its picture, in any order at the seam and at any pace.
#[test]
fn a_clip_in_a_loop_shows_every_picture() {
    for length in [1_000, 2_000, 2_400, 3_000] {
        for more in [-800, -60, 0, 60, 800] {
            for (unpaced, sound_first) in [(false, false), (false, true), (true, false), (true, true)] {
                let case = format!("{length} ms, {more} ms more of sound, {unpaced}, {sound_first}");
                let mut bench = Bench::new();
                let (mut pictures, mut sounds) = (Vec::new(), Vec::new());
                for _turn in 0..6 {
                    for at in (0..length.max(length + more)).step_by(20) {
                        for is_sound in [sound_first, !sound_first] {
                            if is_sound && at < length + more {
                                sounds.push(bench.audio_ms(at as u32));
                            } else if !is_sound && at < length && at % 40 == 0 {
                                pictures.push(bench.video(at as u32));
                            }
                        }
                        bench.wait(if unpaced { 0 } else { 20 });
                    }
                }
                assert!(pictures.windows(2).all(|pair| pair[1] - pair[0] >= 30), "{case}");
                let turns = pictures
                    .chunks((length / 40) as usize)
                    .zip(sounds.chunks(((length + more) / 20) as usize));
                for (pictures, sounds) in turns {
                    // Sound that begins again first by less than half a second cannot be told from disorder, for a frame.
                    let apart = sounds[2] - pictures[1];
                    assert!(apart.abs() <= 130, "{case}: {apart} ms apart");
                }
            }
        }
    }
}

/// Presentation times stand where decode times belong. None is a jump, and every picture is shown at its time.
#[test]
fn pictures_out_of_order_are_no_jumps() {
    // The decoding order of GOPs, in steps.
    let groups: [&[i64]; 4] = [&[2, 1], &[3, 1, 2], &[4, 2, 1, 3], &[8, 4, 2, 1, 3, 6, 5, 7]];
    for step in [16, 33, 40, 100, 200] {
        for group in groups {
            let mut bench = Bench::new();
            let mut wrong = 0;
            bench.send(TrackKind::Video, 0, 0);
            for turn in 0..50 {
                for shown in group {
                    let at = (turn * group.len() as i64 + shown) * step;
                    wrong += i64::from(bench.send(TrackKind::Video, at as u32, 0).pts() != at);
                    bench.wait(step);
                }
            }
            // If pictures are out of order by more than half a second, the first is taken for a jump. No encoder puts them out
            // of order by more than a second.
            // no encoder puts them.
            if group[0] * step > 1_000 {
                continue;
            }
            let long = group[0] * step > 500;
            let exceptions = bench.exceptions.len();
            assert!(
                exceptions <= 2 * usize::from(long) && wrong <= 20 * i64::from(long),
                "{step} {group:?}: {wrong}, {:?}",
                bench.exceptions
            );
        }
    }
}

#[test]
fn one_timestamp_that_is_wrong_moves_nothing_after_it() {
    for wrong in [0, 900_000, 1_003_000] {
        let mut bench = Bench::new();
        for n in 0..200 {
            let at = 1_000_000 + n * 40;
            bench.video(if n == 100 { wrong } else { at });
            bench.audio(at + 10);
            bench.wait(40);
        }
        assert_eq!(bench.video(1_000_000 + 200 * 40), 200 * 40, "{wrong}");
    }
}

#[test]
fn sound_alone_that_overlaps_a_little_is_made_up_and_the_picture_stays() {
    let mut bench = Bench::new();
    for n in 0..500i64 {
        let at = (n * 20) as u32;
        if n % 2 == 0 {
            assert_eq!(bench.video(1_000 + at), i64::from(at));
        }
        let sound = bench.audio_ms(1_000 + at - if n > 200 { 400 } else { 0 });
        if n > 300 {
            let apart = sound - (i64::from(at) - 400);
            assert!(apart.abs() <= 62, "{apart} at {n}");
        }
    }
    bench.expect(&[]);
}

/// One picture in five seconds, with B-frames: offsets of ten seconds and more are right.
#[test]
fn offsets_of_seldom_pictures_are_kept() {
    for (step, offset) in [
        (5_000, 15_000),
        (6_000, 12_000),
        (12_000, 36_000),
        (1_000, 17_000),
    ] {
        let mut bench = Bench::new();
        for n in 0..20u32 {
            let cts = if n == 0 { 2 * step } else { offset };
            let frame = bench.send(TrackKind::Video, n * step as u32, cts);
            assert_eq!(
                frame.pts(),
                i64::from(n) * i64::from(step) + i64::from(cts),
                "{step} at {n}"
            );
            bench.wait(i64::from(step));
        }
        let said = |exception: &Exception| matches!(exception, Exception::CompositionOffset { .. });
        assert!(!bench.exceptions.iter().any(said));
        // Such offsets of pictures that come often are not kept.
        assert_eq!(
            bench
                .send(TrackKind::Video, 20 * step as u32, 17 * step + 10_000)
                .cts,
            0
        );
    }
}
