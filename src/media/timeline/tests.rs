//! Publishers of all kinds, without a clock.

mod back;
mod breaks;
mod sample;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::media::parse_aac;

const MS: Micros = 1_000;

fn aac(rate_index: u8) -> AudioConfig {
    let bits = 2u16 << 11 | u16::from(rate_index) << 7 | 2 << 3;
    parse_aac(Bytes::copy_from_slice(&bits.to_be_bytes())).unwrap()
}

fn aac_44() -> AudioConfig {
    aac(4)
}

/// A publisher whose frames arrive at given times.
struct Bench {
    timeline: Timeline,
    audio: AudioConfig,
    arrival: Micros,
    exceptions: Vec<Exception>,
}

impl Bench {
    fn new() -> Self {
        Self::with(aac_44())
    }

    fn with(audio: AudioConfig) -> Self {
        Self {
            timeline: Timeline::new(),
            audio,
            arrival: 1_000_000_000,
            exceptions: Vec::new(),
        }
    }

    fn send(&mut self, kind: TrackKind, timestamp_ms: u32, cts_ms: i32) -> Frame {
        let incoming = Incoming {
            kind,
            timestamp_ms,
            cts_ms,
            key: true,
            payload: Bytes::new(),
        };
        let (frame, exception) = self.timeline.place(incoming, Some(&self.audio), self.arrival);
        self.exceptions.extend(exception);
        frame
    }

    fn video(&mut self, timestamp_ms: u32) -> i64 {
        self.send(TrackKind::Video, timestamp_ms, 0).dts
    }

    fn audio(&mut self, timestamp_ms: u32) -> i64 {
        self.send(TrackKind::Audio, timestamp_ms, 0).dts
    }

    /// Places audio, in milliseconds.
    fn audio_ms(&mut self, timestamp_ms: u32) -> i64 {
        let dts = self.audio(timestamp_ms);
        dts * 1_000 / i64::from(self.audio.sample_rate)
    }

    fn wait(&mut self, ms: i64) {
        self.arrival += ms * MS;
    }

    fn expect(&self, exceptions: &[Exception]) {
        assert_eq!(self.exceptions, exceptions);
    }
}

fn aac_ms(frame: i64, rate: u32) -> u32 {
    u32::try_from(frame * 1024 * 1000 / i64::from(rate)).unwrap()
}

#[test]
fn the_first_frame_is_zero_and_the_other_track_may_begin_before_it() {
    let mut bench = Bench::new();
    assert_eq!(bench.video(5_000), 0);
    assert_eq!(bench.audio_ms(4_900), -100);
    assert_eq!(bench.video(5_040), 40);
    bench.expect(&[]);
}

#[test]
fn audio_that_begins_seconds_before_video_stays_in_sync() {
    let mut bench = Bench::new();
    for frame in 0..87 {
        bench.audio(aac_ms(frame, 44_100));
    }
    assert_eq!(bench.video(2_000), 2_000);
    assert_eq!(bench.audio(aac_ms(87, 44_100)), 87 * 1024);
    bench.expect(&[]);
}

#[test]
fn timestamps_below_zero_count_up_to_it() {
    let mut bench = Bench::new();
    let first = 0u32.wrapping_sub(80);
    let placed: Vec<_> = (0..4u32)
        .map(|n| bench.video(first.wrapping_add(n * 40)))
        .collect();
    assert_eq!(placed, [0, 40, 80, 120]);
    bench.expect(&[]);
}

#[test]
fn both_tracks_pass_the_end_of_32_bits() {
    let mut bench = Bench::new();
    let start = u32::MAX - 1_000;
    for n in 0..100u32 {
        assert_eq!(bench.video(start.wrapping_add(n * 40)), i64::from(n) * 40);
        let audio = bench.audio_ms(start.wrapping_add(n * 40 + 10));
        assert!((audio - i64::from(n * 40)).abs() < 100);
        bench.wait(40);
    }
    bench.expect(&[]);
}

#[test]
fn composition_offsets_are_kept_even_below_zero() {
    let mut bench = Bench::new();
    for (n, cts) in [80, 120, -40, 0].into_iter().enumerate() {
        let frame = bench.send(TrackKind::Video, n as u32 * 40, cts);
        assert_eq!((frame.dts, frame.cts), (n as i64 * 40, cts));
    }
    bench.expect(&[]);
}

#[test]
fn an_absurd_composition_offset_is_reported_once() {
    let mut bench = Bench::new();
    for n in 0..3 {
        assert_eq!(bench.send(TrackKind::Video, n * 40, i32::MIN).cts, 0);
    }
    bench.expect(&[Exception::CompositionOffset { ms: i32::MIN }]);
}

#[test]
fn a_repeated_timestamp_moves_the_dts_and_not_the_picture() {
    let mut bench = Bench::new();
    bench.video(0);
    bench.video(40);
    let again = bench.send(TrackKind::Video, 40, 20);
    assert_eq!((again.dts, again.pts()), (41, 60));
    let back = bench.send(TrackKind::Video, 30, 0);
    assert_eq!((back.dts, back.pts()), (42, 30));
    assert_eq!(bench.video(80), 80);
    assert_eq!(bench.timeline.repaired(), 2);
    bench.expect(&[]);
}

#[test]
fn two_hours_of_audio_are_gapless_at_every_rate() {
    for (rate_index, rate) in [(4, 44_100), (3, 48_000), (7, 22_050)] {
        let mut bench = Bench::with(aac(rate_index));
        let frames = 7_200 * i64::from(rate) / 1024;
        for n in 0..frames {
            assert_eq!(bench.audio(aac_ms(n, rate)), n * 1024);
        }
        bench.expect(&[]);
    }
}

#[test]
fn jitter_of_audio_timestamps_leaves_it_gapless() {
    let mut bench = Bench::new();
    for n in 0..20_000 {
        let jitter = (n * 7_919) % 50;
        assert_eq!(bench.audio(aac_ms(n, 44_100) + jitter as u32), n * 1024);
    }
}

#[test]
fn slow_drift_is_followed_without_a_jump() {
    for ppm in [-100i64, 100, 400] {
        let mut bench = Bench::new();
        let mut last = -1024;
        for n in 0..310_000 {
            let ideal = i64::from(aac_ms(n, 44_100));
            let said = ideal + ideal * ppm / 1_000_000;
            let dts = bench.audio(said as u32);
            let error = dts - said * 441 / 10;
            assert!(error.abs() <= 60 * 441 / 10, "{ppm} ppm: {error} at {n}");
            assert!((dts - last - 1024).abs() <= 2, "{ppm} ppm: step at {n}");
            last = dts;
        }
    }
}

#[test]
fn a_gap_in_the_sound_stays_a_gap() {
    let mut bench = Bench::new();
    assert_eq!(bench.audio(0), 0);
    assert_eq!(bench.audio(523), 523 * 441 / 10);
    assert_eq!(bench.audio(546), 523 * 441 / 10 + 1024);
    bench.expect(&[]);
}

#[test]
fn overlapping_sound_is_made_up_frame_by_frame() {
    let mut bench = Bench::new();
    for n in 0..50 {
        bench.audio(aac_ms(n, 44_100));
    }
    let mut last = 49 * 1024;
    let mut error = i64::MAX;
    for n in 50..120 {
        let said = aac_ms(n, 44_100) - 500;
        let dts = bench.audio(said);
        assert!((512..=1024).contains(&(dts - last)));
        last = dts;
        error = dts - i64::from(said) * 441 / 10;
    }
    assert!(error <= 61 * 441 / 10, "{error}");
    bench.expect(&[]);
}

#[test]
fn another_sample_rate_goes_on_at_the_same_time() {
    let mut bench = Bench::new();
    for n in 0..100 {
        bench.audio(aac_ms(n, 44_100));
    }
    bench.audio = aac(3);
    let dts = bench.audio(aac_ms(100, 44_100));
    assert_eq!(dts, 102_400 * 480 / 441 + 1);
    assert_eq!(bench.audio(aac_ms(101, 44_100)), dts + 1024);
}

#[test]
fn opus_packets_bring_their_own_length() {
    let mut bench = Bench::with(
        crate::media::parse_opus(Bytes::from_static(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0])).unwrap(),
    );
    let mut send = |timestamp_ms, toc: u8| {
        let incoming = Incoming {
            kind: TrackKind::Audio,
            timestamp_ms,
            cts_ms: 0,
            key: true,
            payload: vec![toc].into(),
        };
        bench.timeline.place(incoming, Some(&bench.audio), 0).0.dts
    };
    // 20 ms, 10 ms, 2.5 ms, then one that says nothing.
    let placed = [
        send(0, 31 << 3),
        send(20, 30 << 3),
        send(30, 28 << 3),
        send(32, 0xff),
        send(52, 0),
    ];
    assert_eq!(placed, [0, 960, 1440, 1560, 2520]);
}

#[test]
fn audio_without_a_configuration_still_increases() {
    let mut timeline = Timeline::new();
    let mut last = i64::MIN;
    for timestamp_ms in [0, 0, 0, 5, 3, 3_000, 100, 200] {
        let incoming = Incoming {
            kind: TrackKind::Audio,
            timestamp_ms,
            cts_ms: 0,
            key: true,
            payload: Bytes::new(),
        };
        let dts = timeline.place(incoming, None, 0).0.dts;
        assert!(dts > last);
        last = dts;
    }
}

/// A step of a timestamp: mostly a frame, else a jump, a little back, or near the thresholds.
fn a_step() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0u32..100,
        1 => any::<u32>(),
        1 => 4_294_960_000..=u32::MAX,
        1 => 3_000u32..20_000,
    ]
}

proptest! {
    /// DTS increases, whatever the timestamps and arrivals do, and whenever the sound changes.
    #[test]
    fn dts_increases_in_every_case(
        frames in prop::collection::vec((any::<bool>(), a_step(), any::<i32>(), 0i64..20_000_000), 1..300),
        change in 0usize..300,
    ) {
        let mut bench = Bench::new();
        let (mut video, mut audio, mut at) = (None, None, 0u32);
        for (n, (is_video, step, cts, wait)) in frames.into_iter().enumerate() {
            at = at.wrapping_add(step);
            bench.arrival += wait;
            if n == change {
                bench.audio = aac(3);
                audio = audio.map(|last| last * 480 / 441);
            }
            let (kind, last) = if is_video { (TrackKind::Video, &mut video) } else { (TrackKind::Audio, &mut audio) };
            let dts = bench.send(kind, at, cts).dts;
            prop_assert!(last.is_none_or(|last| dts > last));
            *last = Some(dts);
        }
    }

    /// Without jumps, both tracks stay where their timestamps say: video exactly, sound within tolerance.
    #[test]
    fn sync_is_bounded(
        start in any::<u32>(),
        offset in -2_000i64..2_000,
        jitter in prop::collection::vec(0i64..40, 500),
        rate_index in 3u8..9,
        ppm in -300i64..300,
        unpaced in any::<bool>(),
    ) {
        let mut bench = Bench::with(aac(rate_index));
        let rate = i64::from(bench.audio.sample_rate);
        let first_video = bench.video(start);
        prop_assert_eq!(first_video, 0);
        let (mut video, mut sound) = (1, 0);
        for jitter in jitter.iter().cycle().take(3_000) {
            let sound_ms = offset + sound * 1_024 * (1_000_000 + ppm) / (rate * 1_000);
            if video * 40 <= sound_ms {
                prop_assert_eq!(bench.video(start.wrapping_add(video as u32 * 40)), video * 40);
                video += 1;
            } else {
                let said = sound_ms + jitter;
                let dts = bench.audio(start.wrapping_add(said as u32));
                let error_ms = dts * 1_000 / rate - said;
                prop_assert!((-62..=102).contains(&error_ms), "{} ms off", error_ms);
                sound += 1;
            }
            bench.wait(if unpaced { 0 } else { 15 });
        }
        prop_assert!(bench.exceptions.is_empty());
    }
}
