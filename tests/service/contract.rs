//! `docs/schemas.json` refuses wrong messages of MQTT. Other tests compare messages with these schemas, and would be useless if
//! the schemas accepted everything.

use crate::support::contract::{check, verdict};

const ROOT: &str = "edgereel/box-17";
const STATUS: &str =
    r#"{"state":"up","version":"1","boot_id":"0f","pid":1,"time":"2026-05-28T20:26:40.250001Z"}"#;
const STREAM: &str = r#"{"time":"2026-05-28T20:26:40.250001Z","live":true,"stream":"live/a/b","publish":"p","tracks":[],
    "bits_per_second":1,"fps":25.0,"gaps":0,"bytes":1,"recordings":[],"dropped_frames":0,
    "recorded":{"now":false,"text":"not recorded","why_not":"on_demand"}}"#;
const REFUSAL: &str =
    r#"{"id":null,"ok":false,"error":{"code":"not_found","message":"there is no command 'x'"}}"#;

#[test]
fn what_is_said_of_topics_passes() {
    for (topic, payload) in [
        ("status", STATUS),
        ("stream/live/cam1", STREAM),
        ("stream/live/a/b", STREAM),
        ("stream/live/cam1", ""),
        ("response/x", REFUSAL),
        ("response/x/y", REFUSAL),
        ("request/sync.limit", r#"{"id":"1","rate":"2 MiB/s"}"#),
        ("request/sync.status", ""),
    ] {
        check(ROOT, &format!("{ROOT}/{topic}"), payload.as_bytes());
    }
}

#[test]
fn what_is_not_said_of_topics_is_refused_with_the_reason() {
    for (topic, payload, reason) in [
        ("status", "", "not JSON"),
        ("status", &STATUS.replace("pid", "uid"), "'uid' was unexpected"),
        ("status", &STATUS.replace("up", "asleep"), "/state"),
        (
            "status",
            &STATUS.replace("2026-05-28T", "yesterday "),
            "date-time",
        ),
        ("stream/live/cam1", &STREAM.replace("[]", "[7]"), "/tracks/0"),
        ("response/x", &REFUSAL.replace("not_found", "sick"), "oneOf"),
        ("event/tape.torn", "{}", "no such topic"),
        ("status/more", STATUS, "no such topic"),
        (
            "request/sync.limit",
            r#"{"speed":"2 MiB/s"}"#,
            "'speed' was unexpected",
        ),
    ] {
        let wrong = verdict(ROOT, &format!("{ROOT}/{topic}"), payload.as_bytes()).expect_err(topic);
        assert!(wrong.contains(reason), "{topic}: {wrong}");
    }
    assert!(verdict(ROOT, "edgereel/box-170/status", STATUS.as_bytes()).is_err());
}
