//! The remembered state of deliveries, whatever becomes of their recordings.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rig::{Publisher, Rig, tempdir};
use crate::format::Format;
use crate::media::{Micros, RecordingId};
use crate::model::{Keep, Span};
use crate::store::clock::tests::TestClock;
use crate::store::crash::CrashDisk;
use crate::store::journal::Journal;
use crate::store::{
    Change, Command, DeliveryChange, Layout, Piece, RecordingSpec, Rendition, RenditionId, RenditionState,
    Upload, Waiting, WaitingOrder,
};

const SECOND: Micros = 1_000_000;
const UTC: Micros = 1_790_000_000_000_000;

fn rig(delivers: bool) -> Rig {
    let clock = Arc::new(TestClock::new(5 * SECOND));
    clock.set_utc(UTC, true);
    Rig::with(tempdir(), CrashDisk::default(), clock, |settings| {
        settings.delivers = delivers
    })
}

fn id(n: u8) -> RecordingId {
    RecordingId::from_bytes([n; 16])
}

fn rendition(n: u8, key: &str) -> Rendition {
    Rendition {
        key: key.to_owned(),
        store: "s".to_owned(),
        ..Rendition::new(RenditionId {
            recording: id(n),
            format: Format::Mp4,
            part: 1,
        })
    }
}

fn uploading(n: u8, key: &str, upload: Option<&str>) -> Rendition {
    Rendition {
        upload: Some(Upload {
            id: upload.map(str::to_owned),
            layout: Layout::Growing,
        }),
        ..rendition(n, key)
    }
}

fn piece(n: u8, name: &str) -> DeliveryChange {
    let piece = Piece {
        name: name.to_owned(),
        bytes: 5 << 20,
        crc: 7,
        etag: "e".to_owned(),
        mark: "m".to_owned(),
    };
    DeliveryChange::Piece(rendition(n, "").id, piece)
}

/// Makes a closed recording of some seconds.
fn record(rig: &mut Rig, n: u8, keep: Option<u64>) -> Publisher {
    let (a, start) = rig.publish(u64::from(n), "a");
    let mut spec = RecordingSpec::built_in();
    spec.output.keep = keep.map(|seconds| Keep::For(Span::from_secs(seconds)));
    let begin = Command::RecordingStarted {
        recording: id(n),
        publish: a.publish,
        start: a.zero,
        spec: Arc::new(spec),
    };
    rig.handle(vec![start, begin]);
    for second in 0..3 {
        rig.handle(vec![a.append(second)]);
        rig.pass(SECOND);
    }
    rig.handle(vec![a.close(id(n), 3), a.end()]);
    rig.pass(SECOND);
    a
}

fn deliver(rig: &mut Rig, changes: Vec<DeliveryChange>) {
    rig.handle(vec![Command::Change(Change::Deliver(changes))]);
    rig.pass(SECOND);
}

fn told(rig: &Rig, kind: &str) -> usize {
    let outbox = Journal::open_read(rig.dir.path()).unwrap().outbox().unwrap();
    outbox.iter().filter(|(_, found, _)| found == kind).count()
}

#[test]
fn what_is_written_down_is_read_again_and_told_once_when_it_is_delivered() {
    let mut rig = rig(true);
    record(&mut rig, 1, None);
    let on_its_way = uploading(1, "a/1.mp4", Some("u"));
    deliver(
        &mut rig,
        vec![
            DeliveryChange::Put(on_its_way.clone()),
            piece(1, "2"),
            piece(1, "3"),
            piece(1, "2"),
        ],
    );
    let library = rig.library();
    assert_eq!(
        library.renditions(id(1)).unwrap(),
        std::slice::from_ref(&on_its_way)
    );
    assert_eq!(library.pieces(on_its_way.id).unwrap().len(), 2);
    let done = Rendition {
        state: RenditionState::Delivered,
        upload: None,
        bytes: 11 << 20,
        crc: Some(u32::MAX),
        etag: "e-3".to_owned(),
        delivered: Some(UTC),
        ..on_its_way
    };
    for _ in 0..2 {
        deliver(&mut rig, vec![DeliveryChange::Put(done.clone())]);
    }
    assert_eq!(library.renditions(id(1)).unwrap(), std::slice::from_ref(&done));
    assert_eq!(library.pieces(done.id).unwrap(), []);
    assert_eq!(told(&rig, "recording.delivered"), 1);
    let outbox = Journal::open_read(rig.dir.path()).unwrap().outbox().unwrap();
    let codecs = r#""video_codec":"h264","width":320,"height":240,"audio_codec":"aac""#;
    assert!(
        outbox.iter().any(|(_, _, body)| body.contains(codecs)),
        "{outbox:?}"
    );
    let waits = || {
        library
            .to_deliver(WaitingOrder::NewestFirst, true, 9)
            .unwrap()
            .len()
    };
    assert_eq!(waits(), 1);
    rig.handle(vec![Command::Change(Change::Delivered { recording: id(1) })]);
    rig.pass(SECOND);
    assert_eq!((waits(), library.backlog().unwrap().recordings), (0, 0));
}

#[test]
fn what_was_on_its_way_when_its_recording_went_is_given_up_there_too() {
    let mut rig = rig(true);
    for n in 1..4 {
        record(&mut rig, n, None);
    }
    let delivered = Rendition {
        state: RenditionState::Delivered,
        ..rendition(3, "a/3.mp4")
    };
    let changes = vec![
        DeliveryChange::Put(uploading(1, "a/1.mp4", Some("u"))),
        piece(1, "2"),
        DeliveryChange::Put(uploading(2, "a/2.mp4", None)),
        DeliveryChange::Put(delivered),
    ];
    deliver(&mut rig, changes);
    for n in 1..4 {
        rig.handle(vec![Command::Delete { recording: id(n) }]);
        rig.pass(SECOND);
    }
    let library = rig.library();
    let mut abandoned = library.abandoned(9).unwrap();
    abandoned.sort();
    let row = |key: &str, upload: &str| ("s".to_owned(), key.to_owned(), upload.to_owned());
    assert_eq!(abandoned, [row("a/1.mp4", "u"), row("a/2.mp4", "")]);
    assert_eq!(library.pieces(rendition(1, "").id).unwrap(), []);
    // An upload that is just being begun for a deleted recording is given up, too.
    deliver(
        &mut rig,
        vec![DeliveryChange::Put(uploading(1, "a/1.mp4", Some("late")))],
    );
    assert!(library.abandoned(9).unwrap().contains(&row("a/1.mp4", "late")));
    assert_eq!(library.renditions(id(1)).unwrap(), []);
    let late = DeliveryChange::Abandoned {
        key: "a/1.mp4".to_owned(),
        upload: "late".to_owned(),
    };
    deliver(&mut rig, vec![late]);
    let gone = DeliveryChange::Abandoned {
        key: "a/1.mp4".to_owned(),
        upload: "u".to_owned(),
    };
    deliver(&mut rig, vec![gone]);
    assert_eq!(library.abandoned(9).unwrap(), [row("a/2.mp4", "")]);
    // An object in the store keeps its key, also when this box no longer has the recording.
    assert!(library.key_is_taken("a/3.mp4", rendition(9, "").id).unwrap());
    assert!(!library.key_is_taken("a/1.mp4", rendition(9, "").id).unwrap());
}

/// A file that is sent in one request has no upload that could be given up meanwhile.
#[test]
fn what_arrives_after_its_recording_was_deleted_is_to_go_there_too() {
    let mut rig = rig(true);
    record(&mut rig, 1, None);
    deliver(&mut rig, vec![DeliveryChange::Put(rendition(1, "a/1.mp4"))]);
    rig.handle(vec![Command::Delete { recording: id(1) }]);
    rig.pass(SECOND);
    let library = rig.library();
    assert_eq!(library.to_remove(i64::MIN, 9).unwrap(), []);
    let arrived = |n: u8, key: &str| {
        DeliveryChange::Put(Rendition {
            state: RenditionState::Delivered,
            inits: 1,
            chunks: 4,
            ..rendition(n, key)
        })
    };
    deliver(&mut rig, vec![arrived(1, "a/1.mp4")]);
    let to_go = library.to_remove(i64::MIN, 9).unwrap();
    assert_eq!(to_go.len(), 1);
    let first = &to_go[0];
    assert_eq!(first.state, RenditionState::Removing);
    assert_eq!((first.key.as_str(), first.inits, first.chunks), ("a/1.mp4", 1, 4));
    assert_eq!(told(&rig, "recording.delivered"), 0);
    deliver(&mut rig, vec![DeliveryChange::Forget(first.id)]);
    assert_eq!(library.renditions(id(1)).unwrap(), []);
    // Nobody asked for this recording to be deleted: it was given up for space.
    deliver(&mut rig, vec![arrived(2, "a/2.mp4")]);
    assert_eq!(library.to_remove(i64::MIN, 9).unwrap(), []);
}

#[test]
fn an_upload_that_begins_again_leaves_the_old_one_to_be_given_up() {
    let mut rig = rig(true);
    record(&mut rig, 1, None);
    let on_its_way = uploading(1, "a/1.mp4", Some("u"));
    deliver(
        &mut rig,
        vec![DeliveryChange::Put(on_its_way.clone()), piece(1, "2")],
    );
    deliver(&mut rig, vec![DeliveryChange::Restart(on_its_way.id)]);
    let library = rig.library();
    assert_eq!(library.abandoned(9).unwrap().len(), 1);
    assert_eq!(library.pieces(on_its_way.id).unwrap(), []);
    let known = &library.renditions(id(1)).unwrap()[0];
    assert_eq!((known.upload.clone(), known.key.as_str()), (None, "a/1.mp4"));
}

#[test]
fn what_is_not_delivered_outlives_its_time() {
    for (delivers, left) in [(false, 0), (true, 1)] {
        let mut rig = rig(delivers);
        record(&mut rig, 1, Some(5));
        rig.pass(60 * SECOND);
        rig.pass(60 * SECOND);
        let library = rig.library();
        let count = || library.recordings(&Default::default()).unwrap().len();
        assert_eq!(count(), left, "delivers: {delivers}");
        rig.handle(vec![Command::Change(Change::Delivered { recording: id(1) })]);
        rig.pass(60 * SECOND);
        rig.pass(60 * SECOND);
        assert_eq!(count(), 0);
    }
}

#[test]
fn what_was_set_aside_does_not_wait_until_everything_is_tried_again() {
    let mut rig = rig(true);
    for n in 1..3 {
        record(&mut rig, n, None);
    }
    let aside = Rendition {
        state: RenditionState::Failed,
        error: Some("403".to_owned()),
        ..rendition(1, "a/1.mp4")
    };
    deliver(
        &mut rig,
        vec![DeliveryChange::Put(aside), DeliveryChange::Failed(id(1), true)],
    );
    let library = rig.library();
    let waits = |order| {
        let found = library.to_deliver(order, true, 9).unwrap();
        found.into_iter().map(|waits| waits.recording).collect::<Vec<_>>()
    };
    assert_eq!(waits(WaitingOrder::NewestFirst), [id(2)]);
    assert_eq!(library.set_aside(9).unwrap()[0].error.as_deref(), Some("403"));
    let backlog = library.backlog().unwrap();
    assert_eq!((backlog.recordings, backlog.aside), (2, 1));
    assert!(backlog.bytes > 0);
    deliver(&mut rig, vec![DeliveryChange::RetryAll]);
    assert_eq!(waits(WaitingOrder::NewestFirst), [id(2), id(1)]);
    assert_eq!(waits(WaitingOrder::OldestFirst), [id(1), id(2)]);
    assert_eq!(library.set_aside(9).unwrap(), []);
}

#[test]
fn what_is_to_go_from_the_store_is_known_and_is_not_delivered_again() {
    let mut rig = rig(true);
    record(&mut rig, 1, None);
    let delivered = Rendition {
        state: RenditionState::Delivered,
        remove_at: Some(UTC + 3_600 * SECOND),
        ..rendition(1, "a/1.mp4")
    };
    deliver(&mut rig, vec![DeliveryChange::Put(delivered.clone())]);
    let library = rig.library();
    assert_eq!(library.to_remove(UTC, 9).unwrap(), []);
    assert_eq!(library.to_remove(UTC + 3_600 * SECOND, 9).unwrap().len(), 1);
    deliver(
        &mut rig,
        vec![
            DeliveryChange::Remove(id(1)),
            DeliveryChange::Put(delivered.clone()),
        ],
    );
    let known = &library.to_remove(i64::MIN, 9).unwrap()[0];
    assert_eq!(known.state, RenditionState::Removing);
    // A removal that the store refused is not asked for until it is due again.
    let refused = DeliveryChange::NotRemoved(delivered.id, "AccessDenied".to_owned());
    deliver(&mut rig, vec![refused]);
    assert_eq!(library.to_remove(i64::MIN, 9).unwrap(), []);
    deliver(&mut rig, vec![DeliveryChange::RetryRemovals]);
    assert_eq!(library.to_remove(i64::MIN, 9).unwrap().len(), 1);
    deliver(&mut rig, vec![DeliveryChange::Forget(delivered.id)]);
    assert_eq!(library.renditions(id(1)).unwrap(), []);
    assert_eq!(told(&rig, "recording.delivered"), 1);
}

#[test]
fn what_waits_is_counted_by_format_with_the_end_of_the_oldest() {
    let mut rig = rig(true);
    assert_eq!(rig.library().waiting().unwrap(), Waiting::default());
    for n in 1..=3 {
        record(&mut rig, n, None);
    }
    let oldest_end = rig.library().recording(id(1)).unwrap().map(|row| row.end);
    let counts = |hls, mp4| Waiting {
        formats: BTreeMap::from([(Format::Hls, hls), (Format::Mp4, mp4)]),
        oldest_end,
    };
    assert_eq!(rig.library().waiting().unwrap(), counts(3, 3));
    let put = |n, state| {
        let row = rendition(n, &format!("{n}.mp4"));
        DeliveryChange::Put(Rendition { state, ..row })
    };
    // One is delivered, one failed, and one has its first part delivered and another on its way.
    let mut second = rendition(3, "3-2.mp4");
    second.id.part = 2;
    deliver(
        &mut rig,
        vec![
            put(1, RenditionState::Delivered),
            put(2, RenditionState::Failed),
            put(3, RenditionState::Delivered),
            DeliveryChange::Put(second),
        ],
    );
    assert_eq!(rig.library().waiting().unwrap(), counts(3, 1));
    // A recording with a failed delivery waits for somebody, and is not in the queue.
    let row = |n| rig.library().recording(id(n)).unwrap().unwrap();
    let queue = |most| {
        let found = rig.library().waiting_of_formats(most).unwrap().into_iter();
        found
            .map(|of| (of.format, of.files, of.bytes))
            .collect::<Vec<_>>()
    };
    let all = row(1).bytes + row(2).bytes + row(3).bytes;
    assert_eq!(queue(9), [(Format::Hls, 3, all), (Format::Mp4, 1, row(3).bytes)]);
    assert_eq!(
        queue(1),
        [(Format::Hls, 1, row(1).bytes)],
        "the one that has waited longest"
    );
    assert_eq!(queue(0), []);
    let now = rig.library().recording_counts().unwrap();
    assert_eq!((now.open, now.closed, now.delivered), (0, 3, 0));
    rig.handle(vec![Command::Change(Change::Delivered { recording: id(1) })]);
    rig.pass(SECOND);
    let waiting = rig.library().waiting().unwrap();
    assert_eq!(waiting.formats, counts(2, 1).formats);
    assert!(waiting.oldest_end > oldest_end, "{waiting:?}");
    let now = rig.library().recording_counts().unwrap();
    assert_eq!((now.open, now.closed, now.delivered), (0, 2, 1));
}
