//! The files in `docs/` describe what the code writes, and the code writes what they describe.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use super::{document, messages, samples};
use crate::api::described::{self, assert_kept, schema, to_yaml};
use crate::api::{Answer, Code, Failure};
use crate::doors::mqtt::{Status, StatusState, StreamState};
use crate::event::{Dialect, Event, Posted, Recorded, Sender, rfc3339};
use crate::model::About;
use crate::model::reply::{
    self, ClockHealth, Health, LeftOutTrack, LinkHealth, OutboxHealth, ProcessHealth, ReviewHealth,
    StorageHealth, Stream, StreamHealth, SyncHealth, Track,
};

const TIME: i64 = 1_780_000_000_250_001;
const HEAD: &str =
    "# Made of the code: see src/doors/mqtt/asyncapi. EDGEREEL_BLESS=1 cargo test --lib asyncapi\n";

/// Each topic with its schema, one in a line.
fn schemas() -> &'static BTreeMap<String, Value> {
    static MADE: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    MADE.get_or_init(make_schemas)
}

fn make_schemas() -> BTreeMap<String, Value> {
    let standalone = |message: messages::Message| {
        let mut schema = message.payload;
        schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
        (message.topic, schema)
    };
    messages::all().into_iter().map(standalone).collect()
}

fn validator(schema: &Value) -> Validator {
    let options = jsonschema::options().with_draft(Draft::Draft7);
    options.should_validate_formats(true).build(schema).unwrap()
}

#[track_caller]
fn assert_fits(topic: &str, message: &Value) {
    let schema = &schemas()[topic];
    let wrong: Vec<String> = validator(schema)
        .iter_errors(message)
        .map(|error| error.to_string())
        .collect();
    assert!(wrong.is_empty(), "{topic}: {message}: {wrong:#?}");
}

#[track_caller]
fn assert_refused(topic: &str, message: &Value) {
    assert!(
        !validator(&schemas()[topic]).is_valid(message),
        "{topic}: {message}"
    );
}

fn rendered(dialect: Dialect, event: &Event, key: Option<&str>, dropped: u64) -> Vec<(String, Value)> {
    let posted = Posted {
        sequence: 42,
        id: "019e7041-d8ea-7000-8000-000000000001".into(),
        kind: event.kind().into(),
        time: TIME,
        body: event.body(),
    };
    let sender = Sender {
        source: "edgereel/box-17".into(),
        device: "box-17".into(),
        domain: "box-17".into(),
        key: key.map(|key| key.as_bytes().to_vec()),
        played_at: None,
    };
    let level = match dialect {
        Dialect::CloudEvents => "event",
        other => other.as_str(),
    };
    let messages = dialect.render(&posted, &sender, TIME, dropped).into_iter();
    let read = |body: &str| serde_json::from_str(body).unwrap();
    messages
        .map(|message| (format!("{level}/{}", message.name), read(&message.body)))
        .collect()
}

#[test]
fn the_document_is_what_the_code_says() {
    let made = to_yaml(&document::document(&messages::all()));
    assert_kept("asyncapi.yaml", &format!("{HEAD}{made}"), "asyncapi");
}

#[test]
fn the_schemas_are_what_the_code_says() {
    let lines = schemas().iter();
    let lines = lines.map(|(topic, schema)| format!("{}: {schema}", Value::from(topic.as_str())));
    let lines: Vec<String> = lines.collect();
    assert_kept(
        "schemas.json",
        &format!("{{\n{}\n}}\n", lines.join(",\n")),
        "asyncapi",
    );
}

#[test]
fn every_message_has_a_name_of_its_own() {
    let all = messages::all();
    let names: BTreeSet<String> = all.iter().map(messages::Message::name).collect();
    assert_eq!((names.len(), schemas().len()), (all.len(), all.len()));
}

#[test]
fn every_kind_of_event_is_described_and_no_other() {
    let described: BTreeSet<String> = described::kinds().into_iter().map(|kind| kind.kind).collect();
    let sampled: BTreeSet<String> = samples::events()
        .iter()
        .map(|event| event.kind().to_owned())
        .collect();
    assert_eq!(described, sampled);
}

#[test]
fn events_are_what_is_said_of_them() {
    for event in samples::events() {
        for dropped in [0, 7, u64::MAX] {
            for (topic, message) in rendered(Dialect::CloudEvents, &event, None, dropped) {
                assert_fits(&topic, &message);
            }
        }
    }
}

#[test]
fn a_field_that_nobody_described_is_refused() {
    for event in samples::events() {
        let (topic, message) = rendered(Dialect::CloudEvents, &event, None, 0).remove(0);
        for place in ["", "/data"] {
            let mut more = message.clone();
            more.pointer_mut(place).unwrap()["surprise"] = 1.into();
            assert_refused(&topic, &more);
        }
        for (field, other) in [
            ("type", json!("other")),
            ("sequence", json!("0x7")),
            ("time", json!("now")),
        ] {
            let mut wrong = message.clone();
            wrong[field] = other;
            assert_refused(&topic, &wrong);
        }
    }
    let mut deep = rendered(Dialect::CloudEvents, &samples::events()[0], None, 0)
        .remove(0)
        .1;
    deep["data"]["recovered"]["journal_set_aside"]["surprise"] = 1.into();
    assert_refused("event/device.started", &deep);
}

#[test]
fn callbacks_of_clouds_are_what_is_said_of_them() {
    let mut seen = BTreeSet::new();
    for event in samples::events() {
        for dialect in [Dialect::Tencent, Dialect::Aliyun] {
            for key in [None, Some("key")] {
                for (topic, message) in rendered(dialect, &event, key, 0) {
                    assert_fits(&topic, &message);
                    seen.insert(topic);
                }
            }
        }
    }
    let described = schemas().keys().cloned();
    let described: BTreeSet<String> = described
        .filter(|topic| topic.starts_with("tencent/") || topic.starts_with("aliyun/"))
        .collect();
    assert_eq!(seen, described);
}

#[test]
fn the_row_of_a_recording_says_all_that_its_events_say_of_it() {
    let fields = |schema: Value| -> BTreeSet<String> {
        schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    let (about, row) = (
        fields(schema::of::<About>()),
        fields(schema::of::<reply::Recording>()),
    );
    let missing: Vec<&String> = about.difference(&row).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn answers_are_what_is_said_of_them() {
    let id = Some("1".to_owned());
    let bare = Failure::new(Code::NotFound, "there is no command 'x'");
    let full = Failure {
        field: Some("stream".to_owned()),
        recordings: vec!["019e".to_owned()],
        ..Failure::new(Code::Conflict, "it is recorded")
    };
    let results = [Ok(json!({})), Ok(json!({ "streams": [] })), Err(bare), Err(full)];
    for result in results {
        for id in [None, id.clone()] {
            let answer: Value = serde_json::from_str(
                &Answer {
                    id,
                    result: result.clone(),
                }
                .to_json(),
            )
            .unwrap();
            assert_fits("response/#", &answer);
        }
    }
    for wrong in [
        json!({ "id": null, "ok": true, "error": { "code": "internal", "message": "" } }),
        json!({ "id": null, "ok": false, "error": { "code": "sick", "message": "" } }),
        json!({ "id": null, "ok": true, "result": {}, "more": 1 }),
        json!({ "ok": true, "result": {} }),
    ] {
        assert_refused("response/#", &wrong);
    }
}

#[test]
fn requests_have_the_arguments_of_their_command() {
    assert_fits("request/sync.limit", &json!({ "id": "1", "rate": "2 MiB/s" }));
    assert_fits("request/sync.limit", &json!({}));
    assert_fits(
        "request/recording.start",
        &json!({ "stream": "live/cam1", "pre_roll_s": 2.5 }),
    );
    assert_fits(
        "request/task.create",
        &json!({ "stream": "live/cam1", "end": "2026-11-20T08:00:00+08:00" }),
    );
    for (command, wrong) in [
        ("sync.limit", json!({ "speed": "2 MiB/s" })),
        ("sync.limit", json!({ "rate": 2 })),
        ("sync.limit", json!({ "id": 1 })),
        ("sync.limit", json!({ "id": "1".repeat(129) })),
        ("recording.start", json!({ "template": "hourly" })),
        ("recording.list", json!({ "limit": -1 })),
    ] {
        assert_refused(&format!("request/{command}"), &wrong);
    }
}

#[test]
fn the_state_of_the_box_is_what_is_said_of_it() {
    let time = rfc3339(TIME);
    for state in [StatusState::Up, StatusState::Down, StatusState::Stopped] {
        let status = Status {
            state,
            version: "0.1.0".into(),
            boot_id: "0f".repeat(16),
            pid: 1,
            time: time.clone(),
        };
        assert_fits("status", &json!(status));
    }
    let mut health = health(&time);
    assert_fits("health", &json!(health));
    health.sync = None;
    health.mqtt = None;
    assert_fits("health", &json!(health));
    let mut more = json!(health);
    more["storage"]["surprise"] = 1.into();
    assert_refused("health", &more);
}

fn health(time: &str) -> Health {
    Health {
        review: Some(ReviewHealth::default()),
        time: time.to_owned(),
        uptime_s: 1,
        process: ProcessHealth {
            cpu_s: 0.5,
            rss: 1,
            failures: 0,
            defects: 0,
        },
        streams: StreamHealth {
            live: 1,
            recording: 1,
            bits_per_second: 1,
            gaps: 0,
        },
        storage: StorageHealth {
            state: "full",
            reason: Some("storage.quota".into()),
            used: 1,
            left: 0,
            written: 1,
            lost: 0,
            oldest: Some(time.to_owned()),
        },
        sync: Some(SyncHealth {
            state: "offline",
            reason: Some("no answer".into()),
            waiting: 1,
            waiting_bytes: 1,
            lag_s: Some(1),
            set_aside: 0,
            rate: 0,
            sent_bytes: 1,
        }),
        clock: ClockHealth { synced: true },
        outbox: OutboxHealth::default(),
        mqtt: Some(LinkHealth::default()),
    }
}

#[test]
fn streams_are_what_is_said_of_them() {
    let track = Track {
        kind: "video",
        codec: "h264",
        width: Some(1920),
        height: Some(1080),
        sample_rate: None,
        channels: None,
    };
    let state = StreamState {
        time: rfc3339(TIME),
        live: true,
        row: Stream {
            stream: "live/cam1".into(),
            publish: "p".into(),
            peer: Some("192.0.2.7".into()),
            domain: None,
            encoder: None,
            tracks: vec![track],
            bits_per_second: 1,
            fps: 25.0,
            gop_s: Some(2.0),
            gaps: 0,
            dropped_frames: 0,
            notes: vec!["odd".into()],
            bytes: 1,
            left_out: vec![LeftOutTrack {
                kind: "audio",
                codec: "Speex".into(),
            }],
            recorded: Recorded::default(),
            recordings: vec!["r".into()],
            url: Some("http://box-17:8080/live/cam1/master.m3u8".into()),
        },
    };
    assert_fits("stream/#", &json!(state));
    for place in ["", "/tracks/0", "/left_out/0"] {
        let mut more = json!(state);
        more.pointer_mut(place).unwrap()["surprise"] = 1.into();
        assert_refused("stream/#", &more);
    }
}

#[test]
fn the_kinds_that_may_be_asked_for_are_those_that_there_are() {
    let mut kinds: Vec<&str> = super::samples::events().iter().map(Event::kind).collect();
    kinds.dedup();
    kinds.sort_unstable();
    let mut known = crate::event::KINDS.to_vec();
    known.sort_unstable();
    assert_eq!(kinds, known);
}
