//! One of each event, and more of the events that may leave a field out.

use crate::event::{
    AskedBy, DeviceStarted, Event, Evicted, ExpiredBy, JobEnded, JobFile, JobSteps, JournalSetAside,
    PublishAbout, PublishOutcome, Recorded, RecordedBy, RecordingClosed, RecordingDelivered,
    RecordingReviewed, Recovered, StillDelivered, TapeSetAside, TaskMissed, rfc3339,
};
use crate::format::Format;
use crate::model::{About, Facts, JobKind, JobState, Label, Origin, Reason, ReviewStatus};

const STREAM: &str = "live/cam1";
const RECORDING: &str = "019e7041-d8ea-7000-8000-0000000000aa";
const PUBLISH: &str = "019e7041-d8ea-7000-8000-0000000000bb";

/// All sample events.
pub(super) fn events() -> Vec<Event> {
    let mut events = device();
    events.extend(publishes());
    events.extend(recordings());
    events.extend(tasks());
    events.extend(jobs());
    events.extend(files());
    events.extend(trouble());
    events.extend(storage());
    events.extend(delivery());
    events
}

fn time() -> String {
    rfc3339(1_780_000_000_250_001)
}

fn device() -> Vec<Event> {
    let started = DeviceStarted {
        version: "0.1.0".into(),
        boot_id: "0f".repeat(16),
        recovered: recovered(),
    };
    vec![
        Event::DeviceStarted(started),
        Event::DeviceStarted(DeviceStarted::default()),
        Event::DeviceStopping {},
        Event::ClockSynced { moved_s: -1.5 },
    ]
}

fn recovered() -> Recovered {
    Recovered {
        sealed: 1,
        journal_set_aside: Some(JournalSetAside {
            path: "lost+found/journal".into(),
            reason: "malformed".into(),
        }),
        tape_set_aside: Some(TapeSetAside {
            path: "tape-set-aside-1".into(),
            reason: "malformed".into(),
        }),
        files: vec!["a.mp4: nobody can read it".into()],
        ..Recovered::default()
    }
}

fn publishes() -> Vec<Event> {
    let publisher = PublishAbout {
        peer: Some("192.0.2.7".into()),
        domain: Some("push.example.com".into()),
        encoder: Some("obs".into()),
        param: Some("record=mp4".into()),
    };
    let outcome = PublishOutcome {
        duration_s: Some(63.25),
        bytes: Some(9_000_000),
        width: Some(1920),
        height: Some(1080),
        about: publisher.clone(),
    };
    let by = RecordedBy {
        origin: "rule".into(),
        template: "lesson".into(),
        formats: vec!["hls".into()],
        rule: Some("stream 'live/*'".into()),
        task: Some("t7".into()),
    };
    let recorded = Recorded {
        now: true,
        text: "recorded as hls".into(),
        why_not: Some("never".into()),
        by: vec![by],
    };
    let started = |about, recorded| Event::PublishStarted {
        stream: STREAM.into(),
        publish: PUBLISH.into(),
        recorded,
        about,
    };
    let ended = |outcome| Event::PublishEnded {
        stream: STREAM.into(),
        publish: PUBLISH.into(),
        reason: "unpublished".into(),
        outcome,
    };
    vec![
        started(publisher, recorded),
        started(PublishAbout::default(), Recorded::default()),
        ended(outcome),
        ended(PublishOutcome::default()),
    ]
}

fn about() -> About {
    About {
        template: "hourly".into(),
        origin: Origin::Task,
        formats: vec![Format::Mp4, Format::Hls],
        session: "s1".into(),
        number: 1,
        name: Some("goal".into()),
        task: Some("t7".into()),
        domain: Some("push.example.com".into()),
        encrypted: true,
    }
}

fn recordings() -> Vec<Event> {
    let stream = || STREAM.to_owned();
    let recording = || RECORDING.to_owned();
    vec![
        Event::RecordingStarted {
            stream: stream(),
            recording: recording(),
            start: time(),
            url: Some("http://box-17:8080/r/ID/master.m3u8".to_owned()),
            about: about(),
        },
        Event::RecordingStarted {
            stream: stream(),
            recording: recording(),
            start: time(),
            url: None,
            about: About::default(),
        },
        Event::RecordingPaused {
            stream: stream(),
            recording: recording(),
            at: time(),
            reason: "broken".into(),
            about: about(),
        },
        Event::RecordingResumed {
            stream: stream(),
            recording: recording(),
            from: time(),
            at: time(),
            gap_s: 0.0,
            about: about(),
        },
        Event::RecordingReviewed(Box::new(RecordingReviewed {
            stream: stream(),
            recording: recording(),
            status: ReviewStatus::Block,
            reason: Some(Reason::try_from("a face".to_owned()).unwrap()),
            about: about(),
        })),
        Event::RecordingFailed {
            stream: stream(),
            recording: Some(recording()),
            reason: "the storage device is full".into(),
        },
        Event::RecordingFailed {
            stream: stream(),
            recording: None,
            reason: "there is no template 'x'".into(),
        },
        Event::RecordingExpired {
            stream: stream(),
            recording: recording(),
            reason: "kept long enough".into(),
            by: ExpiredBy::Retention,
            asked_by: None,
            left_s: None,
        },
        Event::RecordingExpired {
            stream: stream(),
            recording: recording(),
            reason: "deleted".into(),
            by: ExpiredBy::Request,
            asked_by: Some(AskedBy {
                door: "socket".into(),
                who: "uid 0".into(),
                request: Some("7b1e".into()),
            }),
            left_s: Some(8.0),
        },
    ]
}

fn tasks() -> Vec<Event> {
    let missed = TaskMissed {
        task: "config.lesson".into(),
        stream: STREAM.into(),
        name: Some("lesson".into()),
        start: time(),
        end: time(),
        times: 1,
        detail: "nobody published 'live/cam1'".into(),
        ..TaskMissed::default()
    };
    let unnamed = TaskMissed {
        name: None,
        ..missed.clone()
    };
    [missed, unnamed]
        .into_iter()
        .map(|missed| Event::TaskMissed(Box::new(missed)))
        .collect()
}

fn jobs() -> Vec<Event> {
    let still = StillDelivered {
        stream: STREAM.into(),
        recording: RECORDING.into(),
        job: "01a1fe5e".into(),
        number: 1,
        at: time(),
        time: time(),
        key: "live/cam1/20261120/01a1fe5e-00001.jpg".into(),
        url: "https://bucket.example.com/live/cam1/20261120/01a1fe5e-00001.jpg".into(),
        bytes: 7,
        width: 1_280,
        height: 720,
        domain: Some("push.example.com".into()),
    };
    let undomained = StillDelivered {
        domain: None,
        ..still.clone()
    };
    let done = JobEnded {
        job: "01a1fe5e".into(),
        state: JobState::Done,
        stream: STREAM.into(),
        recording: "01a1fe5e".into(),
        files: vec![JobFile {
            format: "mp4".into(),
            part: 1,
            url: "https://bucket.example.com/best.mp4".into(),
            bytes: 7,
        }],
        ..JobEnded::default()
    };
    let failed = JobEnded {
        state: JobState::Failed,
        files: Vec::new(),
        reason: Some("its recording was deleted or evicted before it was delivered".into()),
        ..done.clone()
    };
    let stills = JobEnded {
        kind: JobKind::Stills,
        steps: Some(JobSteps {
            made: 9,
            given_up: 1,
            total: 10,
        }),
        reason: Some("this picture cannot be decoded: no frame".into()),
        files: Vec::new(),
        ..done.clone()
    };
    let stills_of = [still, undomained].map(|still| Event::StillDelivered(Box::new(still)));
    [done, failed, stills]
        .into_iter()
        .map(|ended| Event::JobEnded(Box::new(ended)))
        .chain(stills_of)
        .collect()
}

fn label() -> Label {
    let facts = serde_json::json!({
        "title": "Algebra", "tags": ["lesson"], "category": "maths", "custom": {"room": 7},
    });
    let facts: Facts = serde_json::from_value(facts).unwrap();
    Label {
        title: facts.title,
        tags: facts.tags,
        category: facts.category,
        custom: facts.custom,
    }
}

fn files() -> Vec<Event> {
    let closed = || RecordingClosed {
        stream: STREAM.into(),
        recording: RECORDING.into(),
        start: time(),
        end: time(),
        duration_s: 60.0,
        bytes: 15_000_000,
        reason: "closed".into(),
        short: None,
        url: Some("http://box-17:8080/r/ID/master.m3u8".to_owned()),
        mp4_url: Some("http://box-17:8080/r/ID.mp4".to_owned()),
        form: crate::format::Lapse::new(60, 30)
            .ok()
            .map(crate::model::Form::Lapse),
        label: label(),
        about: about(),
    };
    let bare = RecordingDelivered {
        stream: STREAM.into(),
        recording: RECORDING.into(),
        format: "hls".into(),
        part: 1,
        url: "file:///a/b.m3u8".into(),
        key: "a/b.m3u8".into(),
        bytes: 15_000_000,
        etag: "e".into(),
        start: time(),
        end: time(),
        duration_s: 59.6,
        ..RecordingDelivered::default()
    };
    let full = RecordingDelivered {
        checksum: Some("crc32c:00000000".into()),
        master_url: Some("file:///a/master.m3u8".into()),
        video_codec: Some("h264".into()),
        width: Some(1920),
        height: Some(1080),
        audio_codec: Some("aac".into()),
        label: label(),
        about: about(),
        ..bare.clone()
    };
    let evicted = Evicted {
        stream: STREAM.into(),
        from: time(),
        to: time(),
        bytes: 1,
        recordings: vec![RECORDING.into()],
    };
    vec![
        Event::ClipReady(Box::new(closed())),
        Event::RecordingClosed(Box::new(closed())),
        Event::RecordingDelivered(Box::new(full)),
        Event::RecordingDelivered(Box::new(bare)),
        Event::MediaEvictedUndelivered(evicted),
    ]
}

fn trouble() -> Vec<Event> {
    vec![
        Event::ChannelException {
            channel: "evening".into(),
            stream: STREAM.into(),
            recording: RECORDING.into(),
            at: time(),
            reason: "recording is not on the box any more".into(),
        },
        Event::ChannelPushFailed {
            channel: "evening".into(),
            push: 1,
            url: "rtmps://live.example.com:443/app/***".into(),
            refused: true,
            reason: "the server refused to take the stream".into(),
        },
        Event::StreamGap {
            stream: STREAM.into(),
            from: time(),
            to: time(),
            reason: "the card".into(),
        },
        Event::StreamException {
            stream: STREAM.into(),
            what: "resolution".into(),
            detail: "1280x720, then 1920x1080".into(),
        },
        Event::AuthRefused {
            stream: Some(STREAM.into()),
            peer: Some("192.0.2.7".into()),
            reason: "the key is wrong".into(),
            count: 1,
        },
        Event::AuthRefused {
            stream: None,
            peer: None,
            reason: "too many".into(),
            count: 12,
        },
    ]
}

fn storage() -> Vec<Event> {
    vec![
        Event::StorageFailed {
            reason: "journal.db: I/O error".into(),
            streams: vec![STREAM.into()],
        },
        Event::StorageRecovered {},
        Event::StorageMoved {},
        Event::StorageAdopted {},
        Event::StorageLow { left: 1, used: 2 },
        Event::StorageFull {
            reason: "storage.quota".into(),
            used: 2,
        },
        Event::StorageRepaired {
            recovered: Recovered::default(),
            changes: vec!["a row was removed".into()],
        },
    ]
}

fn delivery() -> Vec<Event> {
    let store = || "s3://bucket".to_owned();
    vec![
        Event::SyncOnline { store: store() },
        Event::SyncOffline {
            store: store(),
            reason: "no answer".into(),
        },
        Event::SyncError {
            recording: RECORDING.into(),
            format: "mp4".into(),
            key: Some("a/b.mp4".into()),
            reason: "refused".into(),
        },
        Event::SyncError {
            recording: RECORDING.into(),
            format: "mp4".into(),
            key: None,
            reason: "refused".into(),
        },
    ]
}
