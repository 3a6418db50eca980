//! The recorder over a real store.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::format::TapeSource as _;
use crate::media::{CodecConfig, Incoming, TrackKind};
use crate::recorder::testing::video_config;
use crate::store::{Filter, Library, OnFull, RealClock, RealDisk, StoreSettings};

fn picture(n: u32) -> MediaMessage {
    MediaMessage::Frame(Incoming {
        kind: TrackKind::Video,
        timestamp_ms: n * 40,
        cts_ms: 0,
        key: n.is_multiple_of(25),
        payload: Bytes::from(vec![7; 10_000]),
    })
}

/// A recorder on a real store that has room while less than `queue_soft` bytes wait.
fn recorder(dir: &std::path::Path, queue_soft: usize) -> (Recorder, Store) {
    let mut settings = StoreSettings::new(dir.join("store"), "test");
    settings.queue_soft = queue_soft;
    let clock = Arc::new(RealClock);
    let (store, opened) = Store::open(settings, Arc::new(RealDisk), clock.clone()).unwrap();
    let settings = RecorderSettings {
        pre_roll: 10_000_000,
        ring_bytes: 32 << 20,
        takeover_after: 5_000_000,
        live_window: 0,
        is_viewed: false,
        has_master_key: false,
    };
    let recorder = Recorder::new(settings, store.clone(), clock, opened.tape_base);
    (recorder, store)
}

fn begin(recorder: &Recorder) -> Publishing {
    let request = PublishRequest {
        stream: "live/a".parse().unwrap(),
        query: String::new(),
        param: String::new(),
        domain: None,
        peer: ([127, 0, 0, 1], 1).into(),
        encoder: String::new(),
    };
    let mut publishing = recorder.publish(request).unwrap();
    let config = CodecConfig::Video(video_config(640));
    publishing.push(MediaMessage::Config {
        config,
        timestamp_ms: 0,
    });
    publishing
}

/// The clocks of a box that a test suspends.
#[derive(Default)]
struct Sleepy(std::sync::atomic::AtomicI64);

impl Clock for Sleepy {
    fn boot(&self) -> Micros {
        1_000_000 + self.0.load(Ordering::Relaxed)
    }
    fn utc(&self) -> Micros {
        1_780_000_000_000_000 + self.boot()
    }
    fn synced(&self) -> bool {
        true
    }
    fn boot_id(&self) -> [u8; 16] {
        [1; 16]
    }
}

#[tokio::test]
async fn an_encoder_that_slept_with_the_box_has_to_connect_anew() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Sleepy::default());
    let settings = StoreSettings::new(dir.path().join("store"), "test");
    let (store, opened) = Store::open(settings, Arc::new(RealDisk), clock.clone()).unwrap();
    let settings = RecorderSettings {
        pre_roll: 10_000_000,
        ring_bytes: 32 << 20,
        takeover_after: 5_000_000,
        live_window: 0,
        is_viewed: false,
        has_master_key: false,
    };
    let recorder = Recorder::new(settings, store.clone(), clock.clone(), opened.tape_base);
    let hours = 5 * 3_600 * 1_000_000;
    for (turn, sleep) in [(0, hours), (1, 0)] {
        let mut publishing = begin(&recorder);
        (0..100).for_each(|n| publishing.push(picture(n)));
        clock.0.fetch_add(sleep, Ordering::Relaxed);
        (100..200).for_each(|n| publishing.push(picture(n)));
        if turn == 0 {
            let why = publishing.ended().await.to_string();
            assert!(why.contains("the box was suspended"), "{why}");
        }
        publishing.end(EndReason::Unpublished);
    }
    tokio::task::spawn_blocking(move || store.shutdown())
        .await
        .unwrap()
        .unwrap();
    let library = Library::open(&dir.path().join("store")).unwrap();
    let rows = library.recordings(&Filter::default()).unwrap();
    let seconds: Vec<i64> = rows.iter().map(|row| row.duration / 1_000_000).collect();
    assert_eq!((seconds, rows[1].start - rows[0].start), (vec![4, 8], hours));
}

#[tokio::test]
async fn a_live_publisher_is_read_whatever_the_card_does_and_one_unpaced_is_not() {
    let dir = tempfile::tempdir().unwrap();
    // The store never has room.
    let (recorder, _store) = recorder(dir.path(), 0);
    let mut publishing = begin(&recorder);
    for n in 0..50 {
        publishing.push(picture(n));
        publishing.ready().await;
    }
    for n in 50..1000 {
        publishing.push(picture(n));
    }
    let held_up = tokio::time::timeout(Duration::from_millis(1), publishing.ready()).await;
    assert!(held_up.is_err(), "forty seconds came in no time");
}

#[tokio::test]
async fn a_publisher_faster_than_time_waits_for_the_card_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (recorder, store) = recorder(dir.path(), 1);
    let mut publishing = begin(&recorder);
    for n in 0..500 {
        publishing.push(picture(n));
        publishing.ready().await;
        // Twenty seconds come at once: from the third second on, the publisher waits until nothing waits to be written.
        assert!(n < 100 || !n.is_multiple_of(25) || store.has_room());
    }
    publishing.end(EndReason::Unpublished);
    tokio::task::spawn_blocking(move || store.shutdown())
        .await
        .unwrap()
        .unwrap();

    let library = Library::open(&dir.path().join("store")).unwrap();
    let recordings = library.recordings(&Filter::default()).unwrap();
    let view = library.view(recordings.first().unwrap().id).unwrap();
    let pictures: usize = view
        .segments
        .iter()
        .map(|segment| {
            view.source
                .index(segment.id)
                .unwrap()
                .sample_count(TrackKind::Video)
        })
        .sum();
    assert_eq!((recordings.len(), pictures), (1, 500));
}

#[tokio::test]
async fn while_the_store_is_full_nobody_new_is_let_in_and_who_is_there_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = StoreSettings::new(dir.path().join("store"), "test");
    // The store has no space for any media.
    (settings.quota, settings.on_full) = (Some(1), OnFull::Stop);
    let clock = Arc::new(RealClock);
    let (store, opened) = Store::open(settings, Arc::new(RealDisk), clock.clone()).unwrap();
    let settings = RecorderSettings {
        pre_roll: 10_000_000,
        ring_bytes: 32 << 20,
        takeover_after: 5_000_000,
        live_window: 0,
        is_viewed: false,
        has_master_key: false,
    };
    let recorder = Recorder::new(settings, store.clone(), clock, opened.tape_base);
    // The lack of space shows when there is media to write.
    let mut first = begin(&recorder);
    (0..100).for_each(|n| first.push(picture(n)));
    let mut progress = store.progress();
    let full = progress.wait_for(|progress| progress.full.is_some());
    tokio::time::timeout(Duration::from_secs(60), full)
        .await
        .unwrap()
        .unwrap();
    let request = PublishRequest {
        stream: "live/b".parse().unwrap(),
        query: String::new(),
        param: String::new(),
        domain: None,
        peer: ([127, 0, 0, 1], 1).into(),
        encoder: String::new(),
    };
    match recorder.publish(request) {
        Err(Refusal::Unavailable { reason, .. }) => {
            assert!(reason.contains("storage.quota"), "{reason}");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was let in"),
    }
    (100..200).for_each(|n| first.push(picture(n)));
    let on_air: Vec<String> = recorder
        .status()
        .iter()
        .map(|status| status.stream.to_string())
        .collect();
    assert_eq!(on_air, ["live/a"]);
    first.end(EndReason::Unpublished);
    let _ = tokio::task::spawn_blocking(move || store.shutdown())
        .await
        .unwrap();
}
