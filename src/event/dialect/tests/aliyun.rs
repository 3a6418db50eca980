use serde_json::json;

use super::*;

#[test]
fn aliyun_hears_of_states_and_files() {
    let event = Event::RecordingStarted {
        stream: "live/cam1".into(),
        recording: RECORDING.into(),
        start: rfc3339(TIME),
        url: None,
        about: about("rule"),
    };
    let (name, body) = the_one(Dialect::Aliyun, &event);
    assert_eq!(name, "record_started");
    let expected = json!({
        "domain": "push.example.com", "app": "live", "stream": "cam1", "event": "record_started",
    });
    assert_eq!(body, expected);

    let (name, body) = the_one(Dialect::Aliyun, &delivered("rule", "mp4"));
    assert_eq!(name, "record_file");
    let expected = json!({
        "domain": "push.example.com",
        "app": "live/room1",
        "stream": "cam1",
        "uri": "a/b.mp4",
        "duration": 59.6,
        "start_time": 1_779_999_940,
        "stop_time": 1_780_000_000,
    });
    assert_eq!(body, expected);
}

#[test]
fn aliyun_hears_of_pushes_in_a_query() {
    let query = |event: &Event| {
        let messages = Dialect::Aliyun.render(&posted(event), &sender(None), NOW, 0);
        (messages[0].name.clone(), ingest_query(&messages[0]))
    };
    assert_eq!(
        query(&started()),
        (
            "publish".to_owned(),
            Some(
                "action=publish&ip=192.0.2.7&id=cam1&app=push.example.com&appname=live&time=1780000000\
                 &usrargs=record%3Dmp4%26x%3D1"
                    .to_owned()
            )
        )
    );
    let unknown = Event::PublishEnded {
        stream: "live/Türe 1".into(),
        publish: PUBLISH.into(),
        reason: "unclean shutdown".into(),
        outcome: PublishOutcome::default(),
    };
    assert_eq!(
        query(&unknown),
        (
            "publish_done".to_owned(),
            Some(
                "action=publish_done&ip=&id=T%C3%BCre%201&app=box-17&appname=live&time=1780000000&usrargs="
                    .to_owned()
            )
        )
    );
    assert_eq!(query(&delivered("rule", "mp4")).1, None);
}

#[test]
fn aliyun_requests_are_signed() {
    // printf 'example.com|1519375990|yourkey' | md5sum
    let expected = (
        "1519375990".to_owned(),
        "cab2cd62e3507569759293bcbd15e8ae".to_owned(),
    );
    assert_eq!(
        aliyun_headers("example.com", 1_519_375_990_999_999, b"yourkey"),
        expected
    );
}
