//! Events as they are made, and what becomes of them.

mod aliyun;
mod tencent;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::{Event, PublishAbout, PublishOutcome, RecordingClosed, RecordingDelivered, rfc3339};
use crate::format::{Format, Lapse};
use crate::model::{About, Form};

/// 2026-05-28T20:26:40Z, and when it is sent.
const TIME: i64 = 1_780_000_000_250_001;
const NOW: i64 = 1_780_000_000_900_000;
const ID: &str = "019e7041-d8ea-7000-8000-000000000001";
const RECORDING: &str = "019e7041-d8ea-7000-8000-0000000000aa";
const PUBLISH: &str = "019e7041-d8ea-7000-8000-0000000000bb";

fn posted(event: &Event) -> Posted {
    Posted {
        sequence: 42,
        id: ID.into(),
        kind: event.kind().into(),
        time: TIME,
        body: event.body(),
    }
}

fn sender(key: Option<&str>) -> Sender {
    Sender {
        source: "edgereel/box-17".into(),
        device: "box-17".into(),
        domain: "box-17".into(),
        key: key.map(|key| key.as_bytes().to_vec()),
        played_at: None,
    }
}

/// Names and bodies of what an event is, unsigned.
fn told(dialect: Dialect, event: &Event) -> Vec<(String, Value)> {
    let messages = dialect.render(&posted(event), &sender(None), NOW, 0);
    let read = |message: Message| (message.name, serde_json::from_str(&message.body).unwrap());
    messages.into_iter().map(read).collect()
}

fn the_one(dialect: Dialect, event: &Event) -> (String, Value) {
    let mut all = told(dialect, event);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn about(origin: &str) -> About {
    About {
        template: "hourly".into(),
        origin: serde_json::from_value(origin.into()).unwrap(),
        formats: vec![Format::Mp4, Format::Hls],
        session: "s1".into(),
        number: 1,
        task: (origin == "task").then(|| "t7".to_owned()),
        domain: Some("push.example.com".into()),
        ..About::default()
    }
}

fn publisher() -> PublishAbout {
    PublishAbout {
        peer: Some("192.0.2.7".into()),
        domain: Some("push.example.com".into()),
        encoder: Some("obs".into()),
        param: Some("record=mp4&x=1".into()),
    }
}

fn started() -> Event {
    Event::PublishStarted {
        recorded: Default::default(),
        stream: "live/cam1".into(),
        publish: PUBLISH.into(),
        about: publisher(),
    }
}

fn ended(reason: &str) -> Event {
    Event::PublishEnded {
        stream: "live/cam1".into(),
        publish: PUBLISH.into(),
        reason: reason.into(),
        outcome: PublishOutcome {
            duration_s: Some(63.25),
            bytes: Some(9_000_000),
            width: Some(1920),
            height: Some(1080),
            about: publisher(),
        },
    }
}

fn closed(origin: &str) -> Box<RecordingClosed> {
    Box::new(RecordingClosed {
        stream: "live/cam1".into(),
        recording: RECORDING.into(),
        start: rfc3339(TIME - 60_000_000),
        end: rfc3339(TIME),
        duration_s: 60.0,
        bytes: 15_000_000,
        reason: "closed".into(),
        short: None,
        url: None,
        mp4_url: None,
        form: None,
        label: Default::default(),
        about: about(origin),
    })
}

fn delivered(origin: &str, format: &str) -> Event {
    Event::RecordingDelivered(Box::new(RecordingDelivered {
        stream: "live/room1/cam1".into(),
        recording: RECORDING.into(),
        format: format.into(),
        part: 1,
        url: "https://store.example.com/a/b.mp4".into(),
        master_url: None,
        key: "a/b.mp4".into(),
        bytes: 15_000_000,
        checksum: None,
        etag: "e".into(),
        start: rfc3339(TIME - 59_600_000),
        end: rfc3339(TIME),
        duration_s: 59.6,
        video_codec: Some("h264".into()),
        width: Some(1920),
        height: Some(1080),
        audio_codec: Some("aac".into()),
        label: Default::default(),
        about: about(origin),
    }))
}

#[test]
fn a_cloud_event_is_the_event_to_the_letter() {
    let event = Event::StorageLow { left: 1, used: 2 };
    let messages = Dialect::CloudEvents.render(&posted(&event), &sender(Some("k")), NOW, 0);
    let body = r#"{"specversion":"1.0","id":"019e7041-d8ea-7000-8000-000000000001","source":"edgereel/box-17","type":"storage.low","time":"2026-05-28T20:26:40.250001Z","datacontenttype":"application/json","sequence":"42","data":{"left":1,"used":2}}"#;
    let expected = Message {
        name: "storage.low".into(),
        body: body.into(),
    };
    assert_eq!(messages, [expected]);
}

#[test]
fn a_cloud_event_says_how_many_were_lost_before_it() {
    let lost = |dropped| {
        let messages = Dialect::CloudEvents.render(&posted(&started()), &sender(None), NOW, dropped);
        serde_json::from_str::<Value>(&messages[0].body).unwrap()["dropped"].clone()
    };
    assert_eq!((lost(0), lost(7)), (Value::Null, json!(7)));
    assert_eq!(lost(u64::MAX), json!(2_147_483_647));
}

#[test]
fn a_cloud_event_without_a_readable_body_has_no_data() {
    let bad = Posted {
        body: "{".into(),
        ..posted(&started())
    };
    let messages = Dialect::CloudEvents.render(&bad, &sender(None), NOW, 0);
    let event: Value = serde_json::from_str(&messages[0].body).unwrap();
    assert_eq!(event["type"], "publish.started");
    assert_eq!(event.get("data"), None);
}

#[test]
fn webhooks_are_signed() {
    // printf '' | openssl dgst -sha256 -hmac ''
    assert_eq!(
        hmac_sha256_hex(b"", b""),
        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
    );
    // RFC 4231, test case 6: a key that is longer than a block.
    assert_eq!(
        hmac_sha256_hex(
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First"
        ),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
}

#[test]
fn clouds_have_no_word_for_much_that_happens() {
    for event in [
        Event::DeviceStopping {},
        Event::StorageLow { left: 1, used: 2 },
        Event::ClipReady(closed("clip")),
    ] {
        assert_eq!(told(Dialect::Tencent, &event), [], "{event:?}");
        assert_eq!(told(Dialect::Aliyun, &event), [], "{event:?}");
    }
    let closed = Event::RecordingClosed(closed("rule"));
    assert_eq!(told(Dialect::Aliyun, &closed), []);
}

/// Where nothing is delivered, files are on the box. A recording without media is nowhere.
#[test]
fn what_is_delivered_nowhere_plays_on_the_box() {
    let here = Sender {
        played_at: Some("https://video.example.com/box-17".into()),
        ..sender(None)
    };
    let told = |dialect: Dialect, event: &Event| -> Vec<(String, Value)> {
        let messages = dialect.render(&posted(event), &here, NOW, 0);
        let read = |message: Message| (message.name, serde_json::from_str(&message.body).unwrap());
        messages.into_iter().map(read).collect()
    };
    let base = format!("https://video.example.com/box-17/r/{RECORDING}");
    let (master, playlist, mp4) = (
        json!(format!("{base}/master.m3u8")),
        json!(format!("{base}/index.m3u8")),
        json!(format!("{base}.mp4")),
    );
    for event in [
        Event::RecordingClosed(closed("rule")),
        Event::ClipReady(closed("clip")),
    ] {
        let (_, body) = told(Dialect::CloudEvents, &event).remove(0);
        assert_eq!((&body["data"]["url"], &body["data"]["mp4_url"]), (&master, &mp4));
        // The rest is as it was.
        let mut data = body["data"].clone();
        data.as_object_mut()
            .unwrap()
            .retain(|name, _| !name.ends_with("url"));
        assert_eq!(data, serde_json::from_str::<Value>(&event.body()).unwrap());

        let files = told(Dialect::Tencent, &event)
            .into_iter()
            .filter(|(name, _)| name == "100");
        let files: Vec<(Value, Value)> = files
            .map(|(_, mut body)| (body["file_format"].take(), body["video_url"].take()))
            .collect();
        assert_eq!(
            files,
            [(json!("mp4"), mp4.clone()), (json!("hls"), playlist.clone())]
        );
        let uris: Vec<(String, Value)> = told(Dialect::Aliyun, &event)
            .into_iter()
            .map(|(name, mut body)| (name, body["uri"].take()))
            .collect();
        let file = |uri: &Value| ("record_file".to_owned(), uri.clone());
        assert_eq!(uris, [file(&mp4), file(&playlist)]);
    }
    let mut encrypted = closed("rule");
    encrypted.about.encrypted = true;
    let encrypted = Event::RecordingClosed(encrypted);
    let files = told(Dialect::Aliyun, &encrypted).into_iter();
    let files: Vec<Value> = files.map(|(_, mut body)| body["uri"].take()).collect();
    assert_eq!(files, [playlist], "no address that is refused");
    let mut film = closed("composition");
    film.form = Some(Form::Lapse(Lapse::new(60, 30).unwrap()));
    let (_, body) = told(Dialect::CloudEvents, &Event::RecordingClosed(film)).remove(0);
    assert_eq!(
        (&body["data"]["url"], &body["data"]["mp4_url"]),
        (&Value::Null, &mp4)
    );
    let nothing = RecordingClosed {
        bytes: 0,
        ..*closed("rule")
    };
    let nothing = Event::RecordingClosed(Box::new(nothing));
    assert_eq!(told(Dialect::CloudEvents, &nothing)[0].1["data"].get("url"), None);
    assert!(
        told(Dialect::Tencent, &nothing)
            .iter()
            .all(|(name, _)| name != "100")
    );
    assert_eq!(told(Dialect::Aliyun, &nothing), []);
}

#[test]
fn dialects_have_names() {
    for dialect in Dialect::ALL {
        let read: Dialect = serde_json::from_value(dialect.as_str().into()).unwrap();
        assert_eq!(read, dialect);
    }
}

fn kinds() -> impl Strategy<Value = String> {
    let known = [
        "recording.delivered",
        "publish.started",
        "publish.ended",
        "recording.started",
        "recording.failed",
        "recording.paused",
        "recording.resumed",
        "recording.closed",
        "stream.exception",
        "stream.gap",
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        any::<String>()
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(|time| rfc3339(time).into()),
        prop::sample::select(&["mp4", "hls", "task", "live/", "/", "a/b", "timestamp"][..])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 16, 12, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn bodies() -> impl Strategy<Value = String> {
    let names = [
        "stream",
        "publish",
        "recording",
        "formats",
        "format",
        "part",
        "start",
        "end",
        "duration_s",
        "bytes",
        "origin",
        "task",
        "template",
        "session",
        "domain",
        "peer",
        "param",
        "reason",
        "what",
        "detail",
        "from",
        "to",
        "key",
        "url",
        "width",
        "height",
        "video_codec",
    ];
    let object = prop::collection::btree_map(prop::sample::select(names.to_vec()), values(), 0..20);
    prop_oneof![
        4 => object.prop_map(|fields| json!(fields).to_string()),
        1 => values().prop_map(|value| value.to_string()),
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn whatever_is_posted_becomes_json(
        kind in kinds(),
        body in bodies(),
        id in any::<String>(),
        (sequence, time, now, dropped) in any::<(u64, i64, i64, u64)>(),
        key in any::<Option<Vec<u8>>>(),
        is_played in any::<bool>(),
    ) {
        let posted = Posted { sequence, id, kind, time, body };
        let played_at = is_played.then(|| "https://video.example.com".to_owned());
        let sender = Sender { key, played_at, ..sender(None) };
        for dialect in Dialect::ALL {
            let messages = dialect.render(&posted, &sender, now, dropped);
            prop_assert!(messages.len() <= 18);
            prop_assert!(dialect != Dialect::CloudEvents || messages.len() == 1);
            for message in messages {
                prop_assert!(serde_json::from_str::<Value>(&message.body).unwrap().is_object());
                let _ = ingest_query(&message);
            }
        }
    }
}
