use serde_json::{Value, json};

use super::*;

#[test]
fn tencent_hears_of_a_file() {
    let (name, body) = the_one(Dialect::Tencent, &delivered("rule", "mp4"));
    assert_eq!(name, "100");
    let expected = json!({
        "event_type": 100,
        "appid": 0,
        "app": "push.example.com",
        "appname": "live/room1",
        "stream_id": "cam1",
        "channel_id": "cam1",
        "file_id": "019e7041-d8ea-7000-8000-0000000000aa-mp4-1",
        "record_file_id": "019e7041-d8ea-7000-8000-0000000000aa",
        "record_temp_id": "hourly",
        "file_format": "mp4",
        "stream_param": "",
        "video_url": "https://store.example.com/a/b.mp4",
        "file_size": 15_000_000,
        "start_time": 1_779_999_940,
        "start_time_usec": 650_001,
        "end_time": 1_780_000_000,
        "end_time_usec": 250_001,
        "duration": 60,
        "media_start_time": 0,
        "record_bps": 2_013,
        "callback_ext": r#"{"resolution":"1920x1080","session_id":"s1","video_codec":"h264"}"#,
    });
    assert_eq!(body, expected);
}

#[test]
fn tencent_hears_what_people_set_in_the_text_that_is_for_that() {
    let mut event = delivered("rule", "mp4");
    if let Event::RecordingDelivered(delivered) = &mut event {
        delivered.label.custom = serde_json::from_str(r#"{"room":7,"a \"b\"":[null]}"#).unwrap();
    }
    let (_, body) = the_one(Dialect::Tencent, &event);
    let said: Value = serde_json::from_str(body["callback_ext"].as_str().unwrap()).unwrap();
    assert_eq!(said["custom"], json!({"room": 7, "a \"b\"": [null]}));
}

#[test]
fn tencent_hears_of_a_tasks_file_with_the_task_and_without_the_push() {
    let (_, body) = the_one(Dialect::Tencent, &delivered("task", "fmp4"));
    assert_eq!(body["task_id"], "t7");
    assert_eq!(body.get("stream_param"), None);
    assert_eq!(body["file_format"], "mp4");
    assert_eq!(body["file_id"], "019e7041-d8ea-7000-8000-0000000000aa-fmp4-1");
}

#[test]
fn tencent_hears_of_both_ends_of_a_push() {
    let (name, body) = the_one(Dialect::Tencent, &started());
    assert_eq!(name, "1");
    let expected = json!({
        "event_type": 1,
        "appid": 0,
        "app": "push.example.com",
        "appname": "live",
        "stream_id": "cam1",
        "channel_id": "cam1",
        "event_time": 1_780_000_000,
        "sequence": "019e7041-d8ea-7000-8000-0000000000bb",
        "node": "box-17",
        "user_ip": "192.0.2.7",
        "stream_param": "record=mp4&x=1",
        "errcode": 0,
        "errmsg": "ok",
        "width": 0,
        "height": 0,
    });
    assert_eq!(body, expected);

    let (name, body) = the_one(Dialect::Tencent, &ended("unpublished"));
    assert_eq!(name, "0");
    let expected = json!({
        "event_type": 0,
        "appid": 0,
        "app": "push.example.com",
        "appname": "live",
        "stream_id": "cam1",
        "channel_id": "cam1",
        "event_time": 1_780_000_000,
        "sequence": "019e7041-d8ea-7000-8000-0000000000bb",
        "node": "box-17",
        "user_ip": "192.0.2.7",
        "stream_param": "record=mp4&x=1",
        "push_duration": "63250",
        "errcode": 1,
        "errmsg": "unpublished",
        "width": 1920,
        "height": 1080,
    });
    assert_eq!(body, expected);
    let (_, body) = the_one(Dialect::Tencent, &ended("broken: reset by peer"));
    assert_eq!(body["errcode"], 12);
}

#[test]
fn tencent_hears_of_a_recordings_state_for_each_format() {
    let all = told(Dialect::Tencent, &Event::RecordingClosed(closed("rule")));
    let expected = |seq: &str, format: u32| {
        let detail = format!(r#"{{"file_format":{format},"record_bps":2000,"start_model":1}}"#);
        let body = json!({
            "event_type": 332,
            "appid": 0,
            "domain": "push.example.com",
            "appname": "live",
            "stream_id": "cam1",
            "session_id": "s1",
            "seq": seq,
            "event_time": 1_780_000_000,
            "record_event": "record_ended",
            "record_detail": detail,
        });
        ("332".to_owned(), body)
    };
    assert_eq!(all, [expected("420", 3), expected("421", 2)]);
}

#[test]
fn tencent_has_a_word_for_each_state() {
    let (stream, recording) = ("live/cam1".to_owned(), RECORDING.to_owned());
    let failed = |recording: Option<&str>| Event::RecordingFailed {
        stream: "live/cam1".into(),
        recording: recording.map(str::to_owned),
        reason: "why".into(),
    };
    let events = [
        (
            Event::RecordingStarted {
                stream: stream.clone(),
                recording: recording.clone(),
                start: rfc3339(TIME),
                url: None,
                about: about("task"),
            },
            "record_start_succeeded",
            r#"{"file_format":3,"record_bps":0,"start_model":5}"#,
        ),
        (
            Event::RecordingPaused {
                stream: stream.clone(),
                recording: recording.clone(),
                at: rfc3339(TIME),
                reason: "broken".into(),
                about: about("push"),
            },
            "record_paused",
            r#"{"file_format":3,"record_bps":0,"start_model":1}"#,
        ),
        (
            Event::RecordingResumed {
                stream,
                recording,
                from: rfc3339(TIME),
                at: rfc3339(TIME),
                gap_s: 0.0,
                about: about("manual"),
            },
            "record_resumed",
            r#"{"file_format":3,"record_bps":0,"start_model":5}"#,
        ),
        (failed(None), "record_start_failed", r#"{"record_bps":0}"#),
        (failed(Some("r")), "record_error", r#"{"record_bps":0}"#),
    ];
    for (event, word, detail) in events {
        let all = told(Dialect::Tencent, &event);
        let (name, body) = &all[0];
        assert_eq!(name, "332");
        assert_eq!(body["record_event"], word);
        assert_eq!(body["record_detail"], detail, "{word}");
        let task = body.get("task_id").and_then(Value::as_str);
        assert_eq!(task, (word == "record_start_succeeded").then_some("t7"));
    }
}

#[test]
fn tencent_hears_of_what_is_wrong() {
    let event = Event::StreamException {
        stream: "live/cam1".into(),
        what: "resolution".into(),
        detail: "640x480 became 320x240".into(),
    };
    let (name, body) = the_one(Dialect::Tencent, &event);
    assert_eq!(name, "341");
    let expected = json!({
        "event_type": 341,
        "appid": 0,
        "stream_id": "cam1",
        "session_id": "",
        "file_format": "",
        "timestamp": 1_780_000_000,
        "exception_level": "warning",
        "exception": { "type": -100, "occurs": 1, "desc": "640x480 became 320x240" },
    });
    assert_eq!(body, expected);

    let gap = Event::StreamGap {
        stream: "live/cam1".into(),
        from: "a".into(),
        to: "b".into(),
        reason: "the storage device stalls".into(),
    };
    let (_, body) = the_one(Dialect::Tencent, &gap);
    assert_eq!(body["exception_level"], "error");
    assert_eq!(body["exception"]["desc"], "a to b: the storage device stalls");
}

#[test]
fn tencent_messages_are_signed_for_ten_minutes() {
    let messages = Dialect::Tencent.render(&posted(&started()), &sender(Some("s3cret")), NOW, 0);
    let body: Value = serde_json::from_str(&messages[0].body).unwrap();
    assert_eq!(body["t"], 1_780_000_600);
    // printf s3cret1780000600 | md5sum
    assert_eq!(body["sign"], "f94b31815183d1ff9643e9e26a7a73a8");
    let (_, unsigned) = the_one(Dialect::Tencent, &started());
    assert_eq!((unsigned.get("t"), unsigned.get("sign")), (None, None));
}
