//! Recordings that are made of ranges of others, by command.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Box, a_box, asked};
use crate::api::{Caller, Scope};
use crate::config::{Pattern, StreamSet};
use crate::media::{PublishId, RecordingId, StreamName};
use crate::model::{Encrypt, Rights};
use crate::store::{Command, RecordingSpec, testing};

pub(super) const ZERO: i64 = 1_000_000_000_000;
pub(super) const SECOND: i64 = 1_000_000;

pub(super) fn id(n: u8) -> RecordingId {
    RecordingId::from_bytes([n; 16])
}

/// A recording of six seconds of a stream; open ones have no end.
pub(super) async fn record(the_box: &Box, stream: &str, n: u8, open: bool) {
    record_by(the_box, (stream, n), open, testing_spec()).await;
}

pub(super) async fn record_by(the_box: &Box, of: (&str, u8), open: bool, spec: Arc<RecordingSpec>) {
    record_at(the_box, of, (open, 0), spec).await;
}

/// The same so long after the start of the box. On the tape, no two recordings are at the same time.
pub(super) async fn record_at(
    the_box: &Box,
    (stream, n): (&str, u8),
    (open, boot_zero): (bool, i64),
    spec: Arc<RecordingSpec>,
) {
    let publish = PublishId::from_bytes([n; 16]);
    let zero = ZERO + i64::from(n) * 60 * SECOND;
    let mut commands = vec![
        Command::PublishStarted {
            tell: None,
            publish,
            stream: StreamName::new("live", stream).unwrap(),
            tape_zero: zero,
            boot_zero,
            about: Default::default(),
        },
        Command::RecordingStarted {
            recording: id(n),
            publish,
            start: zero,
            spec,
        },
    ];
    commands.extend((0..6).map(|second| Command::Append {
        publish,
        fragment: testing::fragment(second, second % 2 == 0),
    }));
    if !open {
        commands.extend([
            Command::RecordingClosed {
                recording: id(n),
                end: zero + 6 * SECOND,
                reason: "stopped".to_owned(),
            },
            Command::PublishEnded {
                publish,
                reason: "unpublished".to_owned(),
                outcome: Default::default(),
            },
        ]);
    }
    for command in commands {
        the_box.api.recorder.submit(command).await.unwrap();
    }
    the_box.api.recorder.flush().await.unwrap();
}

pub(super) fn testing_spec() -> Arc<RecordingSpec> {
    RecordingSpec::built_in().into()
}

pub(super) async fn two(the_box: &Box) {
    record(the_box, "a", 1, false).await;
    record(the_box, "b", 2, false).await;
}

#[tokio::test]
async fn ranges_become_a_recording_with_their_notes_and_a_source_that_is_deleted_names_it() {
    let the_box = a_box();
    two(&the_box).await;
    let notes = json!({"recording": id(1).to_string(), "notes": [{"at_s": 2, "text": "two"}]});
    assert_eq!(the_box.ask("recording.set", &notes).await["ok"], true);
    let ranges = json!([
        {"recording": id(2).to_string(), "from_s": -2, "note": "end of b"},
        {"recording": id(1).to_string(), "from_s": 1, "to_s": 3},
    ]);
    let body = json!({"id": "once", "ranges": ranges, "title": "Best", "name": "best", "formats": ["mp4"]});
    let made = the_box.ask("recording.compose", &body).await;
    assert_eq!(
        (&made["ok"], &made["result"]["duration_s"]),
        (&json!(true), &json!(4.0)),
        "{made}"
    );
    // The same request makes nothing else.
    assert_eq!(
        the_box.ask("recording.compose", &body).await["result"],
        made["result"]
    );
    let new = made["result"]["recording"].clone();
    let got = the_box.ask("recording.get", &json!({"recording": new})).await["result"].clone();
    assert_eq!(
        (&got["origin"], &got["title"], &got["other_streams"]),
        (&json!("composition"), &json!("Best"), &json!(["live/a"]))
    );
    assert_eq!(got["ranges"][0]["recording"], json!(id(2).to_string()), "{got}");
    let wanted = json!([{"at_s": 0.0, "text": "end of b"}, {"at_s": 3.0, "text": "two"}]);
    assert_eq!((&got["notes"], &got["formats"]), (&wanted, &json!(["mp4"])));
    let deleted = the_box
        .ask("recording.delete", &json!({"recording": id(1).to_string()}))
        .await;
    assert_eq!(deleted["result"]["needed_by"], json!([new]), "{deleted}");
    // Two seconds, and the keyframe that they are decoded with.
    assert!(deleted["result"]["left_s"].as_f64().unwrap() >= 2.0);
    let list = the_box
        .ask("recording.search", &json!({"origin": "composition"}))
        .await;
    assert_eq!(
        list["result"]["recordings"].as_array().unwrap().len(),
        1,
        "{list}"
    );
    the_box.done().await;
}

#[tokio::test]
async fn a_recording_is_cut_and_split_and_stays() {
    let the_box = a_box();
    record(&the_box, "a", 1, false).await;
    let one = id(1).to_string();
    let cut = json!({"recording": one, "ranges": [{"to_s": 1}, {"from_s": -1.5}]});
    let cut = the_box.ask("recording.cut", &cut).await;
    assert_eq!(cut["result"]["duration_s"], 2.5, "{cut}");
    let split = the_box
        .ask("recording.split", &json!({"recording": one, "at_s": [2, -1]}))
        .await;
    let parts = split["result"]["parts"].as_array().unwrap().clone();
    let lengths: Vec<&Value> = parts.iter().map(|part| &part["duration_s"]).collect();
    assert_eq!(lengths, [2.0, 3.0, 1.0], "{split}");
    // A part of a part, and a composition of both.
    let of = json!({"ranges": [{"recording": cut["result"]["recording"]}, {"recording": parts[1]["recording"], "from_s": 1}]});
    assert_eq!(
        the_box.ask("recording.compose", &of).await["result"]["duration_s"],
        4.5
    );
    let list = the_box.ask("recording.list", &json!({})).await;
    assert_eq!(list["result"]["recordings"].as_array().unwrap().len(), 6);
    the_box.done().await;
}

#[tokio::test]
async fn what_cannot_be_composed_is_refused_with_what_and_where_and_makes_nothing() {
    let the_box = a_box();
    two(&the_box).await;
    record(&the_box, "c", 3, true).await;
    let of = |n: u8| json!({"recording": id(n).to_string()});
    let part = |from: f64, to: f64| json!({"recording": id(1).to_string(), "from_s": from, "to_s": to});
    for (range, code, says) in [
        (of(3), "conflict", "is open; stop it first"),
        (of(9), "not_found", "no recording"),
        (part(6.0, 7.0), "bad_request", "from_s is 6 s, and recording"),
        (part(-6.1, 1.0), "bad_request", "plays 6 s"),
        (part(0.0, 7.1), "bad_request", "to_s is 7.1 s"),
        (
            part(3.0, 3.0),
            "bad_request",
            "is empty: it would be from 3 s to 3 s",
        ),
        (part(4.0, -3.0), "bad_request", "from 4 s to 3 s"),
    ] {
        let body = json!({"ranges": [of(1), range]});
        let (found, field, message) = the_box.refused("recording.compose", &body).await;
        assert_eq!((found.as_str(), field.as_str()), (code, "ranges"), "{message}");
        assert!(
            message.starts_with("range 2: ") && message.contains(says),
            "{message}"
        );
    }
    for (body, code, field) in [
        (
            json!({"ranges": [of(1)], "template": "none"}),
            "not_found",
            "template",
        ),
        (
            json!({"ranges": [of(1)], "formats": []}),
            "bad_request",
            "formats",
        ),
        (
            json!({"ranges": [of(1)], "category": "none"}),
            "not_found",
            "category",
        ),
        (
            json!({"ranges": [of(1)], "title": "a\nb"}),
            "bad_request",
            "title",
        ),
    ] {
        let (found, about, message) = the_box.refused("recording.compose", &body).await;
        assert_eq!((found.as_str(), about.as_str()), (code, field), "{message}");
    }
    for at_s in [json!([7]), json!([3, 2])] {
        let body = json!({"recording": id(1).to_string(), "at_s": at_s});
        let (code, field, message) = the_box.refused("recording.split", &body).await;
        assert_eq!(
            (code.as_str(), field.as_str()),
            ("bad_request", "at_s"),
            "{message}"
        );
    }
    let list = the_box.ask("recording.list", &json!({})).await;
    assert_eq!(list["result"]["recordings"].as_array().unwrap().len(), 3);
    the_box.done().await;
}

#[tokio::test]
async fn who_may_operate_one_stream_alone_composes_nothing_of_another_and_finds_no_composition_of_both() {
    let the_box = a_box();
    two(&the_box).await;
    let of = |n: u8| json!({"recording": id(n).to_string()});
    let both = json!({"ranges": [of(1), of(2)]});
    let new = the_box.ask("recording.compose", &both).await["result"]["recording"].clone();
    let scoped = |name: &str| {
        let scope = Scope {
            rights: Rights::ALL,
            streams: StreamSet::of([Pattern::try_from("live/a".to_owned()).unwrap()]),
            moderates: StreamSet::All,
        };
        the_box.api.for_caller(Caller::http(name, scope))
    };
    // A caller may change something a few times in a second.
    let (scoped, other) = (scoped("some"), scoped("other"));
    let refused = asked(&scoped, "recording.compose", &both).await;
    assert_eq!(refused["error"]["code"], "not_found", "{refused}");
    for command in [
        "recording.get",
        "recording.delete",
        "recording.set",
        "recording.protect",
    ] {
        let answer = asked(&scoped, command, &json!({"recording": new})).await;
        assert_eq!(answer["error"]["code"], "not_found", "{command}: {answer}");
    }
    for command in ["recording.list", "recording.search"] {
        let list = asked(&scoped, command, &json!({})).await;
        let found = list["result"]["recordings"].as_array().unwrap();
        assert_eq!(
            (found.len(), &found[0]["id"]),
            (1, &json!(id(1).to_string())),
            "{list}"
        );
    }
    let own = asked(&scoped, "recording.compose", &json!({"ranges": [of(1)]})).await;
    assert_eq!(own["ok"], true, "{own}");
    // What the caller may not see is counted.
    let deleted = asked(&other, "recording.delete", &of(1)).await;
    assert_eq!(
        (
            &deleted["result"]["needed_by"],
            &deleted["result"]["needed_by_others"]
        ),
        (&json!([own["result"]["recording"]]), &json!(1)),
        "{deleted}"
    );
    the_box.done().await;
}

#[tokio::test]
async fn a_time_lapse_is_a_recording_of_its_own_with_the_notes_of_its_source() {
    let the_box = a_box();
    two(&the_box).await;
    let one = id(1).to_string();
    let notes = json!({"recording": one, "notes": [{"at_s": 4, "text": "four"}]});
    assert_eq!(the_box.ask("recording.set", &notes).await["ok"], true);
    let body = json!({"id": "once", "recording": one, "speed": 2, "from_s": 2, "title": "Fast"});
    let made = the_box.ask("recording.timelapse", &body).await;
    assert_eq!(made["result"]["duration_s"], 2.0, "{made}");
    assert_eq!(
        the_box.ask("recording.timelapse", &body).await["result"],
        made["result"]
    );
    let film = made["result"]["recording"].clone();
    let got = the_box.ask("recording.get", &json!({"recording": film})).await["result"].clone();
    assert_eq!(
        (&got["form"], &got["formats"], &got["title"]),
        (
            &json!({"lapse": {"speed": 2, "fps": 30}}),
            &json!(["mp4"]),
            &json!("Fast")
        )
    );
    assert_eq!(
        (&got["notes"], &got["url"]),
        (&json!([{"at_s": 1.0, "text": "four"}]), &Value::Null)
    );
    // What it is made of may go. It goes into no other recording, and no channel shows it.
    let deleted = the_box.ask("recording.delete", &json!({"recording": one})).await;
    assert_eq!(deleted["result"]["needed_by"], json!([film]), "{deleted}");
    for (command, body, says) in [
        (
            "recording.timelapse",
            json!({"recording": film, "speed": 2}),
            "is a time lapse, and has no ranges",
        ),
        (
            "recording.cut",
            json!({"recording": film, "ranges": [{}]}),
            "is a time lapse, and has no ranges",
        ),
        (
            "channel.put",
            json!({"name": "again", "items": [film]}),
            "is a time lapse, which is an MP4 alone",
        ),
    ] {
        let (code, _, message) = the_box.refused(command, &body).await;
        assert_eq!(code, "conflict", "{command}: {message}");
        assert!(message.contains(says), "{command}: {message}");
    }
    the_box.done().await;
}

#[tokio::test]
async fn what_no_time_lapse_can_be_made_of_is_refused_with_the_field_and_makes_nothing() {
    let the_box = a_box();
    record(&the_box, "a", 1, false).await;
    record(&the_box, "a", 3, true).await;
    let mut sound = RecordingSpec::built_in();
    sound.output.media = crate::model::Media::Audio;
    record_by(&the_box, ("b", 2), false, sound.into()).await;
    let mut closed = RecordingSpec::built_in();
    closed.output.encrypt = Some(Encrypt::default());
    record_by(&the_box, ("c", 4), false, closed.into()).await;
    for (n, more, code, field, says) in [
        (1, json!({}), "bad_request", "speed", "speed"),
        (1, json!({"speed": 1}), "bad_request", "speed", "from 2 to 3600"),
        (
            1,
            json!({"speed": 3601}),
            "bad_request",
            "speed",
            "from 2 to 3600",
        ),
        (
            1,
            json!({"speed": 1_000_000_000_000_u64}),
            "bad_request",
            "speed",
            "",
        ),
        (1, json!({"speed": 2, "fps": 0}), "bad_request", "fps", "1 to 60"),
        (1, json!({"speed": 2, "fps": 61}), "bad_request", "fps", "1 to 60"),
        (
            1,
            json!({"speed": 2, "formats": ["hls"]}),
            "conflict",
            "formats",
            "cannot be had as hls",
        ),
        (
            1,
            json!({"speed": 2, "from_s": 7}),
            "bad_request",
            "recording",
            "from_s is 7 s",
        ),
        (
            1,
            json!({"speed": 2, "from_s": 3, "to_s": 3}),
            "bad_request",
            "recording",
            "is empty",
        ),
        (
            2,
            json!({"speed": 2}),
            "conflict",
            "recording",
            "there is no picture",
        ),
        (3, json!({"speed": 2}), "conflict", "recording", "stop it first"),
        (
            4,
            json!({"speed": 2}),
            "conflict",
            "recording",
            "give it away in clear",
        ),
        (9, json!({"speed": 2}), "not_found", "recording", "no recording"),
    ] {
        let mut body = more;
        body["recording"] = json!(id(n).to_string());
        let (found, about, message) = the_box.refused("recording.timelapse", &body).await;
        assert_eq!(
            (found.as_str(), about.as_str()),
            (code, field),
            "{body}: {message}"
        );
        assert!(message.contains(says), "{body}: {message}");
    }
    let list = the_box.ask("recording.list", &json!({})).await;
    assert_eq!(list["result"]["recordings"].as_array().unwrap().len(), 4);
    the_box.done().await;
}
