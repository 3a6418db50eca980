//! The store through its public handle, on the real disk.

use std::sync::Arc;
use std::time::Duration;

use super::rig::{expected, settings, stream, tempdir};
use crate::format::TapeSource;
use crate::media::{Micros, PublishId, RecordingId};
use crate::store::testing::fragment;
use crate::store::{
    Clock, Command, Disk as _, Filter, Library, Opened, RealClock, RealDisk, RecordingState, Refused, Store,
    StoreError, StoreSettings,
};

fn open(settings: StoreSettings) -> (Store, Opened) {
    Store::open(settings, Arc::new(RealDisk), Arc::new(RealClock)).unwrap()
}

fn begin(store: &Store, id: u64, zero: Micros) -> (PublishId, RecordingId) {
    let (publish, recording) = (PublishId::new(id), RecordingId::new(id));
    let started = Command::PublishStarted {
        tell: Some(Box::default()),
        publish,
        stream: stream("cam1"),
        tape_zero: zero,
        boot_zero: RealClock.boot(),
        about: Default::default(),
    };
    store.submit(started).unwrap();
    let recorded = Command::RecordingStarted {
        recording,
        publish,
        start: zero,
        spec: crate::store::testing::spec(),
    };
    store.submit(recorded).unwrap();
    (publish, recording)
}

fn append(store: &Store, publish: PublishId, n: i64) -> Result<(), Refused> {
    store.submit(Command::Append {
        publish,
        fragment: fragment(n, n % 2 == 0),
    })
}

/// All media of a recording, read in the way of renditions.
fn read(library: &Library, recording: RecordingId) -> Vec<u8> {
    let view = library.view(recording).unwrap();
    let mut out = Vec::new();
    for segment in &view.segments {
        for fragment in &view.source.index(segment.id).unwrap().fragments {
            let len = fragment.video.bytes() + fragment.audio.bytes();
            let mut bytes = vec![0; len as usize];
            view.source
                .read_exact_at(segment.id, fragment.end() - len, &mut bytes)
                .unwrap();
            out.extend(bytes);
        }
    }
    out
}

#[test]
fn what_was_submitted_is_there_after_a_shutdown() {
    let dir = tempdir();
    let (store, opened) = open(settings(dir.path()));
    assert!(opened.report.is_clean(), "{}", opened.report);
    let zero = opened.tape_base + RealClock.boot();
    let (publish, recording) = begin(&store, 1, zero);
    for n in 0..9 {
        append(&store, publish, n).unwrap();
    }
    store.shutdown().unwrap();
    store.shutdown().unwrap();
    assert_eq!(append(&store, publish, 9), Err(Refused::Stopped));
    assert_eq!(store.backlog_bytes(), 0);
    assert!(store.progress().borrow().segments_sealed >= 2);

    let library = Library::open(dir.path()).unwrap();
    assert_eq!(read(&library, recording), expected(0..9));
    let row = library.find("last").unwrap();
    assert_eq!(
        (row.id, row.state, row.duration),
        (recording, RecordingState::Closed, 9_000_000)
    );
    assert_eq!(library.verify(&mut |_, _| {}).unwrap(), []);

    let (store, opened) = open(settings(dir.path()));
    assert!(opened.report.is_clean(), "{}", opened.report);
    assert!(
        opened.tape_base + RealClock.boot() > zero + 9_000_000,
        "tape time went back"
    );
    drop(store);
}

#[test]
fn a_stop_does_not_wait_for_a_store_that_is_away() {
    let dir = tempdir();
    let (tape, elsewhere) = (dir.path().join("tape"), dir.path().join("elsewhere"));
    let (store, _) = open(settings(&tape));
    let mut progress = store.progress();
    RealDisk.rename(&tape, &elsewhere).unwrap();
    // A file lies in the place of the directory: a directory that is only missing would be made again.
    RealDisk.create(&tape).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let sealed = runtime.block_on(async {
        let patience = Duration::from_secs(60);
        let away = progress.wait_for(|now| now.failed.is_some());
        tokio::time::timeout(patience, away).await.unwrap().unwrap();
        tokio::time::timeout(patience, store.seal()).await.unwrap()
    });
    assert!(matches!(sealed, Err(StoreError::Unfinished { .. })), "{sealed:?}");
    assert!(matches!(store.shutdown(), Err(StoreError::Unfinished { .. })));
}

#[test]
fn a_second_service_is_refused_by_name() {
    let dir = tempdir();
    let (store, _) = open(settings(dir.path()));
    let second = Store::open(settings(dir.path()), Arc::new(RealDisk), Arc::new(RealClock));
    let error = second.err().unwrap();
    assert!(matches!(error, StoreError::Locked { .. }));
    assert!(
        error
            .to_string()
            .contains(&dir.path().join("lock").display().to_string())
    );
    store.shutdown().unwrap();
    open(settings(dir.path()));
}

#[test]
fn others_read_while_it_writes() {
    let dir = tempdir();
    let (store, opened) = open(settings(dir.path()));
    let mut progress = store.progress();
    let zero = opened.tape_base + RealClock.boot();
    let (publish, recording) = begin(&store, 1, zero);
    for n in 0..3 {
        append(&store, publish, n).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let whole = Some(zero + 3_000_000);
        let ticked =
            progress.wait_for(|now| now.streams.values().any(|stream| stream.durable_until >= whole));
        tokio::time::timeout(Duration::from_secs(20), ticked)
            .await
            .unwrap()
            .unwrap();
    });
    let now = store.progress().borrow().clone();
    assert_eq!((now.bytes_written, now.failed), (now.bytes_durable, None));
    let library = Library::open(dir.path()).unwrap();
    let rows = library.recordings(&Filter::default()).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].state, rows[0].duration, rows[0].bytes),
        (RecordingState::Open, 3_000_000, now.bytes_durable)
    );
    assert_eq!(read(&library, recording), expected(0..3));
    store.shutdown().unwrap();
}

#[test]
fn the_queue_says_when_there_is_room_and_the_thread_that_it_lives() {
    let dir = tempdir();
    let mut settings = settings(dir.path());
    settings.queue_soft = 1;
    let (store, opened) = open(settings);
    let (publish, _) = begin(&store, 1, opened.tape_base + RealClock.boot());
    for n in 0..100 {
        append(&store, publish, n).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), store.room())
            .await
            .unwrap();
    });
    let before = store.heartbeat();
    while store.heartbeat() == before {
        std::thread::yield_now();
    }
    store.shutdown().unwrap();
    // After the end no caller waits any more.
    runtime.block_on(store.room());
}

#[test]
fn a_journal_of_a_newer_release_is_refused_by_readers_and_set_aside_by_the_service() {
    let dir = tempdir();
    drop(open(settings(dir.path())));
    let path = dir.path().join("journal.db");
    rusqlite::Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    assert!(matches!(
        Library::open(dir.path()).err().unwrap(),
        StoreError::JournalNewer { found: 99, .. }
    ));
    let (store, opened) = Store::open(settings(dir.path()), Arc::new(RealDisk), Arc::new(RealClock)).unwrap();
    let aside = opened.report.0.journal_set_aside.unwrap();
    assert!(aside.path.ends_with("journal-newer-1"), "{}", aside.path);
    store.shutdown().unwrap();
    Library::open(dir.path()).unwrap();
}

#[tokio::test]
async fn the_end_of_a_segment_is_told_of_at_once() {
    let dir = tempdir();
    let mut settings = settings(dir.path());
    // No tick comes meanwhile.
    settings.durability = Duration::from_secs(3_600);
    let (store, opened) = open(settings);
    let (publish, _) = begin(&store, 1, opened.tape_base);
    append(&store, publish, 0).unwrap();
    let mut progress = store.progress();
    store
        .submit(Command::PublishEnded {
            publish,
            reason: "unpublished".to_owned(),
            outcome: Default::default(),
        })
        .unwrap();
    let sealed = progress.wait_for(|progress| progress.segments_sealed > 0);
    tokio::time::timeout(Duration::from_secs(5), sealed)
        .await
        .unwrap()
        .unwrap();
    store.shutdown().unwrap();
}
