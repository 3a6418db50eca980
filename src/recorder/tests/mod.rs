//! The recorder's decisions, driven with virtual time.

mod chunks;
mod counts;
mod ledger;
mod missed;
mod model;
mod orders;
mod rules;
mod scale;
mod sessions;
mod splits;
mod tasks;

use std::sync::Arc;

use bytes::Bytes;

use self::ledger::Machine;

use crate::event::PublishAbout;
use crate::media::{
    CodecConfig, Fragment, Incoming, MediaMessage, Metadata, Oddity, PublishId, StreamName, TrackKind,
    VideoConfig, parse_aac,
};
use crate::recorder::core::{Begun, Core, REMEMBERED, RecorderSettings};
use crate::recorder::live::Moment;
use crate::recorder::notice::Notice;
use crate::recorder::publish::{EndReason, Refusal};
use crate::recorder::push::PushParameters;
use crate::recorder::testing::{tracks, video_config};
use crate::store::{Change, Command};

/// A recorder, the time, and all its commands to the store.
struct Rig {
    core: Core,
    boot: i64,
    commands: Vec<Command>,
}

const SETTINGS: RecorderSettings = RecorderSettings {
    pre_roll: 10_000_000,
    ring_bytes: 1 << 20,
    takeover_after: 5_000_000,
    live_window: 0,
    is_viewed: false,
    has_master_key: false,
};

impl Rig {
    fn new() -> Self {
        Self {
            core: Core::new(SETTINGS, 1_000_000_000),
            boot: 50_000_000,
            commands: Vec::new(),
        }
    }

    fn now(&self) -> Moment {
        Moment {
            boot: self.boot,
            utc: 1_800_000_000_000_000 + self.boot,
        }
    }

    fn publish(&mut self, stream: &str) -> Result<Begun, Refusal> {
        let now = self.now();
        self.core.publish(
            &name(stream),
            &Arc::default(),
            &PushParameters::default(),
            now,
            &mut self.commands,
        )
    }

    fn begin(&mut self, stream: &str) -> PublishId {
        self.publish(stream).unwrap().publish
    }

    fn send(&mut self, stream: &str, publish: PublishId, message: MediaMessage) {
        let now = self.now();
        self.core
            .push(&name(stream), publish, message, now, &mut self.commands);
    }

    fn end(&mut self, stream: &str, publish: PublishId) {
        let now = self.now();
        self.core.end(
            &name(stream),
            publish,
            &EndReason::Unpublished,
            now,
            &mut self.commands,
        );
    }

    fn configure(&mut self, stream: &str, publish: PublishId) {
        self.send(stream, publish, video_header(640));
        self.send(stream, publish, audio_header());
    }

    /// Plays both tracks in real time from `from_ms` to `to_ms`, with a keyframe each `gop_ms`.
    fn play(&mut self, stream: &str, publish: PublishId, from_ms: u32, to_ms: u32, gop_ms: u32) {
        for ms in (from_ms..to_ms).step_by(20) {
            self.boot += 20_000;
            if ms % 40 == 0 {
                self.send(stream, publish, picture(ms, ms % gop_ms == 0));
            }
            self.send(stream, publish, sound(ms));
        }
    }

    fn fragments(&self) -> Vec<&Fragment> {
        self.commands
            .iter()
            .filter_map(|command| match command {
                Command::Append { fragment, .. } => Some(fragment),
                _ => None,
            })
            .collect()
    }

    fn frames(&self) -> (usize, usize) {
        let all = self.fragments();
        (
            all.iter().map(|f| f.video.len()).sum(),
            all.iter().map(|f| f.audio.len()).sum(),
        )
    }

    fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<&str> = self.commands.iter().map(kind).collect();
        kinds.dedup();
        kinds
    }
}

fn kind(command: &Command) -> &'static str {
    match command {
        Command::PublishStarted { .. } => "publish started",
        Command::RecordingStarted { .. } => "recording started",
        Command::Append { .. } => "append",
        Command::Gap { .. } => "gap",
        Command::RecordingPaused { .. } => "recording paused",
        Command::RecordingResumed { .. } => "recording resumed",
        Command::RecordingEnds { .. } => "recording ends",
        Command::RecordingClosed { .. } => "recording closed",
        Command::Clip { .. } => "clip",
        Command::Change(Change::Keep { .. }) => "keep",
        Command::Fence { .. } => "fence",
        Command::Seal { .. } => "seal",
        Command::PublishEnded { .. } => "publish ended",
        Command::Change(Change::Protect { .. }) => "protect",
        Command::Change(Change::Channel { .. }) => "channel",
        Command::Change(Change::Delivered { .. }) => "delivered",
        Command::Change(Change::Deliver(_)) => "deliver",
        Command::Change(Change::Outbox(_)) => "outbox",
        Command::Change(Change::Remember(_)) => "remember",
        Command::Change(Change::Job(_)) => "job",
        Command::Change(Change::Fingerprint(_)) => "fingerprint",
        Command::Change(Change::Audit(_)) => "audit",
        Command::Compose { .. } => "compose",
        Command::Facts(_) => "facts",
        Command::Adopt => "adopt",
        Command::Delete { .. } => "delete",
        Command::Report { .. } => "report",
        Command::DeleteBeside { .. } => "delete beside",
    }
}

fn name(stream: &str) -> StreamName {
    stream.parse().unwrap()
}

fn video_header(width: u16) -> MediaMessage {
    config(CodecConfig::Video(VideoConfig {
        ..video_config(width)
    }))
}

fn audio_header() -> MediaMessage {
    config(CodecConfig::Audio((*tracks().audio.unwrap()).clone()))
}

fn config(config: CodecConfig) -> MediaMessage {
    MediaMessage::Config {
        config,
        timestamp_ms: 0,
    }
}

fn picture(timestamp_ms: u32, key: bool) -> MediaMessage {
    incoming(TrackKind::Video, timestamp_ms, key, 1000)
}

fn sound(timestamp_ms: u32) -> MediaMessage {
    incoming(TrackKind::Audio, timestamp_ms, true, 100)
}

fn incoming(kind: TrackKind, timestamp_ms: u32, key: bool, size: usize) -> MediaMessage {
    let payload = Bytes::from(vec![0; size]);
    MediaMessage::Frame(Incoming {
        kind,
        timestamp_ms,
        cts_ms: 0,
        key,
        payload,
    })
}

#[test]
fn pictures_without_a_keyframe_are_counted_and_told_of_once() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    let mut told = Vec::new();
    for n in 0..300 {
        rig.boot += 40_000;
        let now = rig.now();
        let picture = picture(n * 40, n == 299);
        told.extend(
            rig.core
                .push(&name("live/a"), publish, picture, now, &mut rig.commands),
        );
    }
    let early = || {
        MediaMessage::Oddity(Oddity::BeforeConfig {
            kind: TrackKind::Audio,
        })
    };
    for _ in 0..2 {
        let now = rig.now();
        told.extend(
            rig.core
                .push(&name("live/a"), publish, early(), now, &mut rig.commands),
        );
    }
    let oddities = [
        Oddity::NoKeyframe { pictures: 100 },
        Oddity::BeforeConfig {
            kind: TrackKind::Audio,
        },
    ];
    assert_eq!(told, oddities.clone().map(Notice::Media));
    let status = rig.core.status(rig.now()).remove(0);
    assert_eq!(
        (status.dropped_frames, &status.oddities[..]),
        (301, &oddities[..])
    );
}

/// AAC Main has no silence: a user who asked for gaps to be kept is told once that they are closed.
#[test]
fn a_coding_without_silence_is_told_of_where_gaps_are_to_be_kept() {
    let told = |gaps: &str| {
        let template = format!("name = \"default\"\nformats = [\"mp4\"]\n{gaps}");
        let mut rig = Rig::new();
        rig.core
            .rulebook
            .put_template(toml::from_str(&template).unwrap())
            .unwrap();
        let publish = rig.begin("live/a");
        rig.configure("live/a", publish);
        let main = parse_aac(Bytes::from_static(&[0x0A, 0x10])).unwrap();
        let mut told = Vec::new();
        let messages = [
            config(CodecConfig::Audio(main)),
            picture(0, true),
            sound(10),
            sound(30),
        ];
        for message in messages {
            let now = rig.now();
            told.extend(
                rig.core
                    .push(&name("live/a"), publish, message, now, &mut rig.commands),
            );
        }
        told
    };
    let codec = "mp4a.40.1".to_owned();
    assert_eq!(
        told("gaps = \"keep\""),
        [Notice::Media(Oddity::GapsClosed { codec })]
    );
    assert_eq!(told(""), []);
}

#[test]
fn a_publish_is_one_recording_from_first_to_last_frame() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 4000, 2000);
    rig.end("live/a", publish);
    assert_eq!(
        rig.kinds(),
        [
            "publish started",
            "recording started",
            "append",
            "recording closed",
            "publish ended"
        ]
    );
    assert_eq!(rig.frames(), (100, 200));
    let (mut start, mut end) = (0, 0);
    for command in &rig.commands {
        match command {
            Command::RecordingStarted { start: at, .. } => start = *at,
            Command::RecordingClosed { end: at, .. } => end = *at,
            _ => {}
        }
    }
    assert_eq!(start, 1_050_000_000);
    assert!((end - start - 4_000_000).abs() < 50_000, "{}", end - start);
}

#[test]
fn a_push_under_a_second_leaves_nothing() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 900, 300);
    rig.end("live/a", publish);
    assert_eq!(rig.kinds(), Vec::<&str>::new());
}

#[test]
fn what_waits_for_a_second_to_pass_is_bounded() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    for n in 0..50 {
        // The media has a hundred megabits and more, and its clock stands still.
        rig.send("live/a", publish, incoming(TrackKind::Video, n, n == 0, 500_000));
        let kept: usize = rig
            .fragments()
            .iter()
            .map(|fragment| fragment.payload_bytes())
            .sum();
        assert!((n as usize + 1) * 500_000 - kept <= 3 << 20);
    }
}

#[test]
fn what_cannot_be_decoded_is_left_out() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.send("live/a", publish, picture(0, true));
    rig.configure("live/a", publish);
    rig.send("live/a", publish, picture(40, false));
    rig.play("live/a", publish, 2000, 4000, 2000);
    rig.end("live/a", publish);
    assert_eq!(rig.frames().0, 50);
    assert!(rig.fragments().first().unwrap().starts_with_key());
}

#[test]
fn a_second_publisher_waits_until_the_first_is_silent() {
    let mut rig = Rig::new();
    let first = rig.begin("live/a");
    rig.configure("live/a", first);
    rig.play("live/a", first, 0, 2000, 2000);
    rig.boot += 4_000_000;
    let refusal = rig.publish("live/a").unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "stream 'live/a' already has a publisher, heard 4000 ms ago; it gives way after 5000 ms of silence"
    );
    rig.boot += 1_000_000;
    let second = rig.publish("live/a").unwrap();
    assert_eq!(second.replaced, Some(first));
    assert_eq!(rig.kinds().last(), Some(&"publish ended"));
    // The first publisher comes back to life, and its media is ignored.
    let before = rig.commands.len();
    rig.play("live/a", first, 2000, 5000, 1000);
    rig.end("live/a", first);
    assert_eq!(rig.commands.len(), before);
}

#[test]
fn a_publish_tells_who_it_is_and_what_came_of_it() {
    let mut rig = Rig::new();
    let about = Arc::new(PublishAbout {
        peer: Some("192.0.2.7".to_owned()),
        ..PublishAbout::default()
    });
    let (stream, asked, now) = (name("live/a"), PushParameters::default(), rig.now());
    let begun = rig
        .core
        .publish(&stream, &about, &asked, now, &mut rig.commands)
        .unwrap();
    rig.configure("live/a", begun.publish);
    rig.play("live/a", begun.publish, 0, 4000, 2000);
    rig.end("live/a", begun.publish);
    let started = rig.commands.iter().find_map(|command| match command {
        Command::PublishStarted { about, .. } => Some(about.clone()),
        _ => None,
    });
    let outcome = rig.commands.iter().find_map(|command| match command {
        Command::PublishEnded { outcome, .. } => Some(outcome.clone()),
        _ => None,
    });
    let outcome = outcome.unwrap();
    assert_eq!((started.unwrap(), &outcome.about), (about.clone(), &*about));
    let bytes: usize = rig
        .fragments()
        .iter()
        .map(|fragment| fragment.payload_bytes())
        .sum();
    assert_eq!(outcome.bytes, Some(bytes as u64));
    assert_eq!((outcome.width, outcome.height), (Some(640), Some(360)));
    let duration = outcome.duration_s.unwrap();
    assert!((3.95..4.05).contains(&duration), "{duration}");
}

#[test]
fn the_tape_never_goes_back_even_behind_a_publisher_faster_than_time() {
    let mut rig = Rig::new();
    let fast = rig.begin("live/a");
    rig.configure("live/a", fast);
    for ms in (0..600_000).step_by(1000) {
        rig.send("live/a", fast, picture(ms, true));
    }
    rig.end("live/a", fast);
    let next = rig.begin("live/a");
    rig.configure("live/a", next);
    rig.play("live/a", next, 0, 2000, 1000);
    let zeros: Vec<i64> = rig
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::PublishStarted { tape_zero, .. } => Some(*tape_zero),
            _ => None,
        })
        .collect();
    assert_eq!(zeros.len(), 2);
    assert!(zeros[1] - zeros[0] >= 599_000_000, "{zeros:?}");
}

#[test]
fn a_publisher_that_comes_back_after_the_box_slept_goes_on_at_the_right_time() {
    let mut rig = Rig::new();
    let hours = 5 * 3_600 * 1_000_000;
    let first = rig.begin("live/a");
    rig.configure("live/a", first);
    rig.play("live/a", first, 0, 4000, 2000);
    // The box was suspended: CLOCK_BOOTTIME leaps. The old connection is silent, and the publisher makes a new one.
    rig.boot += hours;
    let second = rig.publish("live/a").unwrap();
    assert_eq!(second.replaced, Some(first));
    rig.configure("live/a", second.publish);
    rig.play("live/a", second.publish, 0, 4000, 2000);
    rig.end("live/a", second.publish);
    let zeros: Vec<i64> = rig
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::PublishStarted { tape_zero, .. } => Some(*tape_zero),
            _ => None,
        })
        .collect();
    assert_eq!(zeros[1] - zeros[0], 4_000_000 + hours);
    assert_eq!(rig.frames(), (200, 400));
}

#[test]
fn a_publish_that_slept_with_the_box_is_over() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 4000, 2000);
    let now = |rig: &Rig| rig.core.overslept(&name("live/a"), publish, rig.now());
    rig.boot += 60_000_000;
    assert_eq!(now(&rig), None, "the network may be gone for a while");
    rig.boot += 5 * 3_600 * 1_000_000;
    let reason = now(&rig).unwrap().to_string();
    assert_eq!(reason, "broken: nothing came for 18060 s: the box was suspended");
}

#[test]
fn sound_before_the_picture_stays_before_it() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.send("live/a", publish, audio_header());
    for ms in (0..2000).step_by(20) {
        rig.boot += 20_000;
        rig.send("live/a", publish, sound(ms));
    }
    rig.send("live/a", publish, video_header(640));
    rig.play("live/a", publish, 2000, 4000, 2000);
    rig.end("live/a", publish);
    assert_eq!(rig.frames(), (50, 200));
    let first_picture = rig
        .fragments()
        .iter()
        .find_map(|f| f.video.first().map(|v| v.dts));
    assert_eq!(first_picture, Some(2000));
    // The segment with a picture begins at the picture's keyframe, and has both tracks.
    let with_video = rig
        .fragments()
        .into_iter()
        .find(|f| f.tracks.video.is_some())
        .unwrap()
        .clone();
    assert!(with_video.starts_with_key() && with_video.tracks.audio.is_some());
}

#[test]
fn sound_that_begins_late_waits_for_a_keyframe() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.send("live/a", publish, video_header(640));
    for ms in (0..3000).step_by(40) {
        rig.boot += 40_000;
        rig.send("live/a", publish, picture(ms, ms % 2000 == 0));
    }
    rig.send("live/a", publish, audio_header());
    rig.play("live/a", publish, 3400, 6000, 2000);
    rig.end("live/a", publish);
    let changes: Vec<bool> = rig
        .fragments()
        .windows(2)
        .filter(|pair| pair[0].tracks != pair[1].tracks)
        .map(|pair| pair[1].starts_with_key())
        .collect();
    assert_eq!(changes, [true]);
    assert_eq!(rig.frames(), (75 + 65, 130));
}

#[test]
fn a_track_that_was_announced_is_waited_for() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    let announced = Metadata {
        has_video: true,
        has_audio: true,
        ..Metadata::default()
    };
    rig.send("live/a", publish, MediaMessage::Metadata(announced));
    rig.send("live/a", publish, video_header(640));
    for ms in (0..1500).step_by(40) {
        rig.send("live/a", publish, picture(ms, ms == 0));
    }
    assert_eq!(rig.commands.len(), 0);
    rig.send("live/a", publish, audio_header());
    rig.play("live/a", publish, 1520, 4000, 2000);
    rig.end("live/a", publish);
    assert!(rig.fragments().iter().all(|f| f.tracks == tracks()));
}

#[test]
fn a_new_picture_size_begins_at_its_own_keyframe() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 2000, 2000);
    rig.send("live/a", publish, video_header(1280));
    rig.send("live/a", publish, picture(2000, false));
    rig.play("live/a", publish, 4000, 6000, 2000);
    rig.end("live/a", publish);
    let widths: Vec<u16> = rig
        .fragments()
        .iter()
        .map(|f| f.tracks.video.as_ref().unwrap().width)
        .collect();
    assert!(widths.is_sorted() && widths.first() == Some(&640) && widths.last() == Some(&1280));
    let first_new = rig
        .fragments()
        .into_iter()
        .find(|f| f.tracks.video.as_ref().unwrap().width == 1280);
    assert!(first_new.unwrap().starts_with_key());
    assert_eq!(rig.frames().0, 100);
}

#[test]
fn a_repeated_configuration_changes_nothing() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    for from in [0, 1000, 2000] {
        rig.configure("live/a", publish);
        rig.play("live/a", publish, from, from + 1000, 1000);
    }
    rig.end("live/a", publish);
    let all = rig.fragments();
    assert!(all.windows(2).all(|pair| pair[0].tracks == pair[1].tracks));
    assert_eq!(rig.frames(), (75, 150));
}

#[test]
fn the_rings_share_one_budget() {
    let mut rig = Rig::new();
    let streams = ["live/a", "live/b", "live/c"];
    let ids: Vec<PublishId> = streams.iter().map(|stream| rig.begin(stream)).collect();
    for (stream, id) in streams.iter().zip(&ids) {
        rig.configure(stream, *id);
    }
    for ms in (0..20_000).step_by(100) {
        rig.boot += 100_000;
        for (stream, id) in streams.iter().zip(&ids) {
            rig.send(
                stream,
                *id,
                incoming(TrackKind::Video, ms, ms % 1000 == 0, 10_000),
            );
            assert!(rig.core.ring_bytes() <= SETTINGS.ring_bytes);
        }
    }
    let status = rig.core.status(rig.now());
    assert_eq!(status.len(), 3);
    assert!(
        status.iter().all(|stream| stream.ring_bytes > 100_000),
        "{status:?}"
    );
    assert_eq!(
        status.iter().map(|stream| stream.ring_bytes).sum::<usize>(),
        rig.core.ring_bytes()
    );
}

/// The publishers fill as much memory as they can: a keyframe of 9 MiB each, or frames of a byte without end.
#[test]
fn what_waits_in_all_publishes_is_bounded_and_costs_the_small_ones_nothing() {
    let mut rig = Rig::new();
    let good = rig.begin("live/good");
    rig.configure("live/good", good);
    let mut greedy = Vec::new();
    for n in 0..60 {
        let stream = format!("live/{n}");
        let publish = rig.begin(&stream);
        rig.configure(&stream, publish);
        greedy.push((stream, publish));
    }
    let bound = |rig: &Rig| {
        let (in_hand, rings) = rig.core.memory();
        assert!(
            in_hand <= 8 << 20 && rings <= SETTINGS.ring_bytes,
            "{in_hand} {rings}"
        );
    };
    let of_good = |rig: &mut Rig| {
        let of = |command: &Command| matches!(command, Command::Append { publish, .. } if *publish == good);
        rig.commands.drain(..).filter(of).count()
    };
    let mut fragments = 0;
    for ms in (0..2_000_u32).step_by(40) {
        rig.boot += 40_000;
        rig.send(
            "live/good",
            good,
            incoming(TrackKind::Video, ms, ms % 1_000 == 0, 500),
        );
        for (n, (stream, publish)) in greedy.iter().enumerate() {
            match n % 2 {
                0 if ms < 80 => rig.send(stream, *publish, incoming(TrackKind::Video, ms, true, 9 << 20)),
                0 => {}
                _ => {
                    for _ in 0..50 {
                        rig.send(stream, *publish, incoming(TrackKind::Video, 0, ms == 0, 1));
                    }
                }
            }
            bound(&rig);
        }
        fragments += of_good(&mut rig);
    }
    rig.end("live/good", good);
    fragments += of_good(&mut rig);
    for (stream, publish) in greedy {
        rig.end(&stream, publish);
    }
    assert_eq!(rig.core.memory().0, 0);
    // The fragments have a second each: the small publish was not hurried.
    assert_eq!(fragments, 2);
}

#[test]
fn the_rings_give_way_to_what_waits_for_the_card() {
    let mut rig = Rig::new();
    let publish = rig.begin("live/a");
    rig.configure("live/a", publish);
    rig.play("live/a", publish, 0, 8000, 500);
    let before = rig.core.ring_bytes();
    let backlog = SETTINGS.ring_bytes - before / 2;
    rig.core.make_room(backlog);
    let after = rig.core.ring_bytes();
    assert!(after <= before / 2 && after > 0, "{after} of {before}");
    // This holds as long as the card does not move, and no media that was handed over is lost for it.
    rig.play("live/a", publish, 8000, 10_000, 500);
    assert!(rig.core.ring_bytes() + backlog <= SETTINGS.ring_bytes);
    rig.core.make_room(usize::MAX);
    assert_eq!(rig.core.ring_bytes(), 0);
    rig.core.make_room(0);
    rig.play("live/a", publish, 10_000, 12_000, 500);
    rig.end("live/a", publish);
    assert!(rig.core.ring_bytes() > 0);
    assert_eq!(rig.frames(), (300, 600));
}

#[test]
fn names_that_never_sent_anything_are_forgotten() {
    let mut rig = Rig::new();
    for n in 0..100 {
        let stream = format!("live/{n}");
        let publish = rig.begin(&stream);
        rig.end(&stream, publish);
    }
    assert_eq!(rig.core.known(), 0);
}

/// A publisher that may use any name sends a little under very many names.
#[test]
fn names_that_sent_a_little_are_not_remembered_for_ever() {
    let mut rig = Rig::new();
    let settings = RecorderSettings {
        ring_bytes: 64 << 20,
        ..SETTINGS
    };
    rig.core = Core::new(settings, 1_000_000_000);
    let tick = |rig: &mut Rig| {
        let now = rig.now();
        rig.core.tick(now, &mut rig.commands);
    };
    let mut most = 0;
    for n in 0..20_000 {
        let stream = format!("live/{n}");
        let publish = rig.begin(&stream);
        rig.configure(&stream, publish);
        rig.play(&stream, publish, 0, 40, 40);
        rig.end(&stream, publish);
        if n % 100 == 0 {
            most = most.max(rig.core.known());
            tick(&mut rig);
            assert_eq!(rig.core.memory().0, 0);
        }
    }
    tick(&mut rig);
    assert!(most > REMEMBERED, "nothing was to be forgotten: {most}");
    assert!(
        most <= REMEMBERED + 100 && rig.core.known() <= REMEMBERED,
        "{most}"
    );
    // Media that was dropped counts no more.
    rig.core.make_room(usize::MAX);
    assert_eq!((rig.core.ring_bytes(), rig.core.memory().1), (0, 0));
    tick(&mut rig);
    assert_eq!(rig.core.known(), 0);
}

/// Publishers are a minute ahead of real time, under more names than are remembered: each goes on behind its own tape.
#[test]
fn the_tape_of_a_name_that_was_forgotten_does_not_go_back() {
    let template = "name = \"default\"\nresume_window = \"0s\"";
    let mut machine = Machine::with(&[template], Vec::new());
    let push = |machine: &mut Machine, n: usize| {
        let stream = format!("live/{n}");
        machine.begin(&stream);
        (0..30).for_each(|n| machine.send(&stream, picture(n * 2_000, true)));
        machine.end(&stream, &EndReason::Unpublished);
        machine.tape[&name(&stream)]
            .iter()
            .map(|sample| sample.at)
            .collect::<Vec<_>>()
    };
    let all = 0..REMEMBERED + 200;
    for n in all.clone() {
        push(&mut machine, n);
        if n % 100 == 0 {
            machine.wait(1);
        }
    }
    machine.wait(1);
    assert_eq!(machine.core.known(), REMEMBERED);
    for n in all.step_by(40) {
        let tape = push(&mut machine, n);
        assert!(tape.len() >= 58, "{n}: {tape:?}");
        assert!(tape.is_sorted_by(|a, b| a < b), "{n}: {tape:?}");
    }
}
