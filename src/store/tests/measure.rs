//! Figures, on request: `cargo test --release --lib store::tests::measure -- --ignored --nocapture`.

use std::sync::Arc;

use bytes::Bytes;
use nix::sys::resource::{UsageWho, getrusage};

use super::rig::stream;
use crate::media::{ChunkStart, Fragment, Frame, PublishId, RecordingId, SegmentId, TrackKind};
use crate::store::journal::{Journal, NewSegment, Op, Sealed, Tell};
use crate::store::testing::tracks;
use crate::store::{Clock, Command, RealClock, RealDisk, Store, StoreSettings, paths};

/// One second at `bits` a second: 25 pictures, 47 packets of sound.
fn second(n: i64, bits: usize) -> Fragment {
    let picture = Bytes::from(vec![n as u8; bits / 8 / 25]);
    let sound = Bytes::from(vec![7; 340]);
    let frame = |kind, dts, key, payload: &Bytes| Frame {
        kind,
        dts,
        cts: 0,
        key,
        payload: payload.clone(),
    };
    Fragment {
        tracks: tracks(),
        chunk: (n % 2 == 0).then(ChunkStart::default),
        video: (0..25)
            .map(|i| {
                frame(
                    TrackKind::Video,
                    n * 1000 + i * 40,
                    i == 0 && n % 2 == 0,
                    &picture,
                )
            })
            .collect(),
        audio: (0..47)
            .map(|i| frame(TrackKind::Audio, (n * 47 + i) * 1024, true, &sound))
            .collect(),
        next_video_dts: Some((n + 1) * 1000),
        next_audio_dts: Some((n + 1) * 47 * 1024),
    }
}

fn cpu() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn open(dir: &std::path::Path) -> (Store, crate::store::Opened) {
    Store::open(
        StoreSettings::new(dir, "box"),
        Arc::new(RealDisk),
        Arc::new(RealClock),
    )
    .unwrap()
}

#[test]
#[ignore = "takes a minute; prints CPU of 4 × 4 Mbit/s"]
fn four_streams_of_4_mbit() {
    let dir = tempfile::tempdir_in(std::env::var("MEASURE_DIR").unwrap_or("/tmp".into())).unwrap();
    let (store, opened) = open(dir.path());
    let publishes: Vec<PublishId> = (0..4).map(|_| PublishId::new(1)).collect();
    for (n, publish) in publishes.iter().enumerate() {
        let boot_zero = RealClock.boot();
        let tape_zero = opened.tape_base + boot_zero;
        let started = Command::PublishStarted {
            tell: Some(Box::default()),
            publish: *publish,
            stream: stream(&format!("cam{n}")),
            tape_zero,
            boot_zero,
            about: Default::default(),
        };
        store.submit(started).unwrap();
        let recorded = Command::RecordingStarted {
            recording: RecordingId::new(1),
            publish: *publish,
            start: tape_zero,
            spec: crate::store::testing::spec(),
        };
        store.submit(recorded).unwrap();
    }
    let seconds: i64 = std::env::var("MEASURE_SECONDS").map_or(60, |text| text.parse().unwrap());
    let media: Vec<Fragment> = (0..seconds).map(|n| second(n, 4_000_000)).collect();
    let before = cpu();
    for fragment in media {
        for publish in &publishes {
            let fragment = fragment.clone();
            store
                .submit(Command::Append {
                    publish: *publish,
                    fragment,
                })
                .unwrap();
            std::thread::sleep(std::time::Duration::from_millis(250));
        }
    }
    let progress = store.progress().borrow().clone();
    store.shutdown().unwrap();
    println!(
        "{seconds} s of 4 × 4 Mbit/s: {:.3} s CPU, {progress:?}",
        cpu() - before
    );
}

#[test]
#[ignore = "prints the time to open 10,000 segments"]
fn start_with_10_000_segments() {
    let dir = tempfile::tempdir_in(std::env::var("MEASURE_DIR").unwrap_or("/tmp".into())).unwrap();
    drop(open(dir.path()));
    let cam = stream("cam");
    for path in [paths::tape(dir.path()), paths::stream(dir.path(), &cam)] {
        crate::store::Disk::create_dir(&RealDisk, &path).unwrap();
    }
    let publish = PublishId::new(1);
    let mut ops = vec![Op::StartPublish {
        id: publish,
        stream: cam.clone(),
        boot: RealClock.boot_id(),
        tape_zero: 0,
        boot_zero: 0,
        about: Default::default(),
        tell: Tell::Aloud(Box::default()),
    }];
    for sequence in 1..=10_000 {
        let id = SegmentId::new(1);
        crate::store::Disk::create(&RealDisk, &paths::segment(dir.path(), &cam, sequence)).unwrap();
        ops.push(Op::OpenSegment(NewSegment {
            chunks: None,
            id,
            publish,
            sequence,
            base: Default::default(),
            start: sequence as i64 * 60_000_000,
            space: 0,
            tracks: tracks(),
        }));
        ops.push(Op::SealSegment(Sealed {
            chunks: 1,
            lost: 0,
            target_s: None,
            id,
            end: (sequence as i64 + 1) * 60_000_000,
            bytes: 0,
            space: 0,
            crc: Some(0),
            samples: vec![3; 9_000],
            list: Vec::new(),
            fragments: Vec::new(),
        }));
    }
    Journal::open(dir.path()).unwrap().commit(&ops, 0).unwrap();
    let begin = RealClock.boot();
    let (store, opened) = open(dir.path());
    println!(
        "10,000 segments: open in {} ms, {}",
        (RealClock.boot() - begin) / 1000,
        opened.report
    );
    store.shutdown().unwrap();
}
