//! Callers who may not do everything: their rights, the streams that they may see, and how often they may change something.

use serde_json::{Value, json};

use super::{Box, a_box, a_box_with, asked};
use crate::api::{Api, Caller, Code, Kind, Reach, Request, Scope, Values, commands};
use crate::config::{Pattern, StreamSet};
use crate::event::Posted;
use crate::media::{Micros, PublishId, RecordingId, StreamName};
use crate::model::{Right, Rights};
use crate::store::{Clock, Command, RealClock, RecordingSpec, testing};

const ZERO: i64 = 1_000_000_000_000;
const SEEN: &str = "live/seen";
const OTHER: &str = "live/other";

fn set(pattern: &str) -> StreamSet {
    StreamSet::of([Pattern::try_from(pattern.to_owned()).unwrap()])
}

fn scope(rights: Rights, streams: StreamSet) -> Scope {
    Scope {
        rights,
        moderates: streams.clone(),
        streams,
    }
}

/// A viewer who may do everything with `live/seen`.
fn viewer(the_box: &Box) -> Api {
    let scope = scope(Rights::ALL, set(SEEN));
    the_box.api.for_caller(Caller::http("viewer", scope))
}

fn without(right: Right) -> Rights {
    Rights::ALL.iter().filter(|other| *other != right).collect()
}

async fn refused(api: &Api, command: &str, body: &Value) -> (String, String) {
    let answer = asked(api, command, body).await;
    assert_eq!(answer["ok"], false, "{command} {body}: {answer}");
    let text = |name: &str| answer["error"][name].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"))
}

/// Twelve closed recordings of a second, in turn of the stream that the viewer may see and of the other.
async fn twelve(the_box: &Box) -> Vec<RecordingId> {
    let mut ids = Vec::new();
    for n in 0..12_i64 {
        let stream: StreamName = if n % 2 == 0 { SEEN } else { OTHER }.parse().unwrap();
        let publish = PublishId::new(n.unsigned_abs() + 1);
        let recording = RecordingId::new((n.unsigned_abs() + 1) << 33);
        let zero = ZERO + n * 10_000_000;
        for command in [
            Command::PublishStarted {
                tell: None,
                publish,
                stream,
                tape_zero: zero,
                boot_zero: n * 10_000_000,
                about: Default::default(),
            },
            Command::RecordingStarted {
                recording,
                publish,
                start: zero,
                spec: RecordingSpec::built_in().into(),
            },
            Command::Append {
                publish,
                fragment: testing::fragment(0, true),
            },
            Command::RecordingClosed {
                recording,
                end: zero + 1_000_000,
                reason: "stopped".to_owned(),
            },
            Command::PublishEnded {
                publish,
                reason: "unpublished".to_owned(),
                outcome: Default::default(),
            },
        ] {
            the_box.api.recorder.submit(command).await.unwrap();
        }
        ids.push(recording);
    }
    ids
}

#[tokio::test]
async fn a_command_without_its_right_is_refused_by_the_name_of_the_right() {
    let the_box = a_box();
    for command in commands() {
        let scope = scope(without(command.right), StreamSet::All);
        let api = the_box.api.for_caller(Caller::http("viewer", scope));
        let (code, message) = refused(&api, command.name, &json!({ "id": "1" })).await;
        assert_eq!(code, "refused", "{}: {message}", command.name);
        let right = format!("needs the right '{}'", command.right);
        assert!(message.contains(&right), "{}: {message}", command.name);
    }
    // Nothing of this is remembered: the same id works for a caller who may.
    let answer = the_box.ask("stream.list", &json!({ "id": "1" })).await;
    assert_eq!(answer["ok"], true, "{answer}");
    the_box.done().await;
}

#[tokio::test]
async fn who_may_see_some_streams_gives_no_command_about_the_whole_box() {
    let the_box = a_box();
    let whole: Vec<_> = commands().filter(|command| command.reach == Reach::Box).collect();
    assert!(whole.len() > 10);
    for command in whole {
        // Another name for each command, so that nobody has to wait.
        let api = the_box
            .api
            .for_caller(Caller::http(command.name, scope(Rights::ALL, set(SEEN))));
        let (code, message) = refused(&api, command.name, &json!({})).await;
        assert_eq!(code, "refused", "{}: {message}", command.name);
        assert!(message.contains("whole box"), "{}: {message}", command.name);
    }
    let scope = scope(Rights::ALL, StreamSet::All);
    let api = the_box.api.for_caller(Caller::http("manager", scope));
    assert_eq!(asked(&api, "rule.list", &json!({})).await["ok"], true);
    the_box.done().await;
}

#[tokio::test]
async fn a_list_has_whole_pages_of_streams_that_the_caller_may_see() {
    let the_box = a_box();
    let ids = twelve(&the_box).await;
    let own: Vec<String> = ids.iter().step_by(2).map(ToString::to_string).collect();
    let api = viewer(&the_box);
    for with in [
        json!({}),
        json!({ "prefix": "live/" }),
        json!({ "state": "closed" }),
        json!({ "stream": "*" }),
    ] {
        let mut found: Vec<String> = Vec::new();
        let mut body = with.clone();
        body["limit"] = 2.into();
        loop {
            let answer = asked(&api, "recording.list", &body).await;
            let rows = answer["result"]["recordings"].as_array().unwrap().clone();
            found.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            let next = &answer["result"]["next"];
            // A page is full as long as there are more.
            assert!(rows.len() == 2 || next.is_null(), "{with}: {answer}");
            if next.is_null() {
                break;
            }
            body["after"] = next.clone();
        }
        assert_eq!(found, own, "{with}");
    }
    let named = asked(&api, "recording.list", &json!({ "stream": OTHER })).await;
    assert_eq!(named["result"]["recordings"], json!([]));
    for stream in [SEEN, OTHER, SEEN, OTHER] {
        let task = json!({ "stream": stream, "duration": "1h" });
        assert_eq!(the_box.ask("task.create", &task).await["ok"], true);
    }
    let tasks = asked(&api, "task.list", &json!({ "limit": 2 })).await;
    let streams: Vec<&Value> = tasks["result"]["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| &task["stream"])
        .collect();
    assert_eq!(streams, [SEEN, SEEN], "{tasks}");
    the_box.done().await;
}

#[tokio::test]
async fn a_recording_or_a_task_of_another_stream_is_not_found() {
    let the_box = a_box();
    let ids = twelve(&the_box).await;
    let task = json!({ "stream": OTHER, "duration": "1h" });
    let task = the_box.ask("task.create", &task).await["result"]["task"].clone();
    let other = ids[1].to_string();
    for command in commands().filter(|command| command.reach == Reach::Streams) {
        for argument in command.arguments {
            let texts = match argument.values {
                // Of a list, each is answered by itself.
                _ if argument.kind == Kind::Texts => continue,
                Values::Recordings => vec![other.clone(), other[..13].to_owned()],
                Values::Tasks => vec![task.as_str().unwrap().to_owned()],
                _ => continue,
            };
            for text in texts {
                // Another name for each, so that nobody has to wait.
                let name = format!("{} {text}", command.name);
                let api = the_box
                    .api
                    .for_caller(Caller::http(&name, scope(Rights::ALL, set(SEEN))));
                let of = |text: &str| match command.name {
                    "recording.review" => json!({ argument.name: text, "status": "pass" }),
                    "recording.timelapse" => json!({ argument.name: text, "speed": 60 }),
                    _ => json!({ argument.name: text }),
                };
                let body = of(&text);
                let (code, message) = refused(&api, command.name, &body).await;
                assert_eq!(code, "not_found", "{} {body}: {message}", command.name);
                // It is the same answer as to what was never there.
                let nothing = text.replace(|c: char| c.is_ascii_hexdigit(), "e");
                let body = of(&nothing);
                let (code, never) = refused(&api, command.name, &body).await;
                assert_eq!(
                    (code.as_str(), never.replace(&nothing, &text)),
                    ("not_found", message)
                );
            }
        }
    }
    let last = asked(
        &viewer(&the_box),
        "recording.get",
        &json!({ "recording": "last" }),
    )
    .await;
    assert_eq!(last["result"]["id"], json!(ids[10].to_string()));
    let own = asked(
        &viewer(&the_box),
        "recording.tag",
        &json!({ "recording": ids[0].to_string(), "tags": ["a"] }),
    )
    .await;
    assert_eq!(own["ok"], true, "{own}");
    let still = the_box.ask("recording.get", &json!({ "recording": other })).await;
    assert_eq!(still["result"]["state"], "closed");
    the_box.done().await;
}

#[tokio::test]
async fn a_stream_that_the_caller_may_not_see_is_refused_whether_it_is_there_or_not() {
    let the_box = a_box();
    twelve(&the_box).await;
    let mut tried = 0;
    for command in commands().filter(|command| command.reach == Reach::Streams && !command.is_list()) {
        for argument in command
            .arguments
            .iter()
            .filter(|argument| argument.values == Values::Streams)
        {
            for stream in [OTHER, "live/nobody"] {
                let name = format!("{} {stream}", command.name);
                let api = the_box
                    .api
                    .for_caller(Caller::http(&name, scope(Rights::ALL, set(SEEN))));
                let mut body = json!({ argument.name: stream });
                if ["clip.create", "task.create"].contains(&command.name) {
                    body["end"] = json!("2100-01-01T00:00:00Z");
                    body["to"] = body["end"].clone();
                    let other = if command.name == "task.create" {
                        "to"
                    } else {
                        "end"
                    };
                    body.as_object_mut().unwrap().remove(other);
                }
                let (code, message) = refused(&api, command.name, &body).await;
                assert_eq!(code, "refused", "{} {body}: {message}", command.name);
                assert!(
                    message.contains("may not see"),
                    "{} {body}: {message}",
                    command.name
                );
                tried += 1;
            }
        }
    }
    assert!(tried >= 14, "{tried}");
    the_box.done().await;
}

/// A clock on which no time passes.
struct Still(RealClock);

impl Clock for Still {
    fn boot(&self) -> Micros {
        1_000_000
    }

    fn utc(&self) -> Micros {
        1_780_000_000_000_000
    }

    fn synced(&self) -> bool {
        true
    }

    fn boot_id(&self) -> [u8; 16] {
        self.0.boot_id()
    }
}

#[tokio::test]
async fn a_caller_changes_something_five_times_a_second_and_reads_as_often_as_it_likes() {
    let the_box = a_box_with(std::sync::Arc::new(Still(RealClock)));
    let api = viewer(&the_box);
    let kick = json!({ "stream": SEEN });
    for _ in 0..5 {
        assert_eq!(refused(&api, "stream.kick", &kick).await.0, "conflict");
    }
    let (code, message) = refused(&api, "stream.kick", &kick).await;
    assert_eq!(
        (code.as_str(), Code::TooMany.status()),
        ("too_many", 429),
        "{message}"
    );
    for _ in 0..20 {
        assert_eq!(asked(&api, "stream.list", &json!({})).await["ok"], true);
    }
    // Others do not wait: neither another viewer nor the control socket.
    let another = the_box
        .api
        .for_caller(Caller::http("another", scope(Rights::ALL, set(SEEN))));
    assert_eq!(refused(&another, "stream.kick", &kick).await.0, "conflict");
    let socket = the_box.api.for_caller(Caller::socket(0));
    for _ in 0..20 {
        assert_eq!(refused(&socket, "stream.kick", &kick).await.0, "conflict");
    }
    the_box.done().await;
}

#[tokio::test]
async fn the_answer_to_a_request_is_for_the_caller_alone_whatever_ids_others_choose() {
    let the_box = a_box();
    let ids = twelve(&the_box).await;
    let get = json!({ "id": "1", "recording": ids[1].to_string() });
    assert_eq!(the_box.ask("recording.get", &get).await["ok"], true);
    let (code, _) = refused(&viewer(&the_box), "recording.get", &get).await;
    assert_eq!(code, "not_found");
    // The same for what lasts, which the journal remembers.
    let create = |stream: &str| json!({ "id": "2", "stream": stream, "duration": "1h" });
    let socket = the_box.ask("task.create", &create(OTHER)).await;
    let own = asked(&viewer(&the_box), "task.create", &create(SEEN)).await;
    let again = asked(&viewer(&the_box), "task.create", &create(SEEN)).await;
    assert_eq!(
        (&own["id"], &own["result"]["stream"]),
        (&json!("2"), &json!(SEEN)),
        "{own}"
    );
    assert_eq!(own, again);
    assert_ne!(own["result"]["task"], socket["result"]["task"]);
    // The audit has the id as the viewer said it.
    let audit = the_box.ask("audit.list", &json!({ "limit": 1 })).await;
    let entry = &audit["result"]["entries"][0];
    assert_eq!(
        (&entry["door"], &entry["who"], &entry["request"]),
        (&json!("http"), &json!("viewer"), &json!("2")),
        "{audit}"
    );
    the_box.done().await;
}

#[tokio::test]
async fn a_refusal_within_a_bounded_answer_has_its_status() {
    let the_box = a_box();
    let request = Request::default();
    let api = the_box
        .api
        .for_caller(Caller::http("viewer", scope(Rights::NONE, StreamSet::All)));
    let answer = api.ask_within("stream.list", request, 1_000).await;
    assert_eq!(answer.status(), 403);
    the_box.done().await;
}

#[test]
fn an_event_is_shown_to_who_may_see_its_stream_and_of_the_box_to_who_manages_it() {
    let event = |kind: &str, body: &str| Posted {
        sequence: 1,
        id: String::new(),
        kind: kind.to_owned(),
        time: 0,
        body: body.to_owned(),
    };
    let own = event("recording.closed", r#"{"stream":"live/seen","recording":"x"}"#);
    let other = event("recording.closed", r#"{"stream":"live/other"}"#);
    let of_box = event("storage.failed", r#"{"reason":"x","streams":["live/seen"]}"#);
    let refusal = event("auth.refused", r#"{"stream":"live/seen","peer":"192.0.2.7"}"#);
    let watcher = scope([Right::Watch].into_iter().collect(), StreamSet::All);
    let some = scope(Rights::ALL, set(SEEN));
    let all = scope(Rights::ALL, StreamSet::All);
    let nobody = scope([Right::Metrics].into_iter().collect(), StreamSet::All);
    let shown = |scope: &Scope| [&own, &other, &of_box, &refusal].map(|event| scope.shows(event));
    assert_eq!(shown(&watcher), [true, true, false, false]);
    assert_eq!(shown(&some), [true, false, false, false]);
    assert_eq!(shown(&all), [true; 4]);
    assert_eq!(shown(&nobody), [false; 4]);
}

#[test]
fn who_only_watches_does_not_learn_where_publishers_are() {
    let event = |kind: &str| Posted {
        sequence: 1,
        id: "i".to_owned(),
        kind: kind.to_owned(),
        time: 0,
        body: r#"{"encoder":"obs","param":"a=1","peer":"192.0.2.7","stream":"live/cam1"}"#.to_owned(),
    };
    let watches = scope(Rights::from_iter([Right::Watch]), set("live/*"));
    for kind in ["publish.started", "publish.ended"] {
        let told = watches.as_told(event(kind));
        assert_eq!(told.body, r#"{"encoder":"obs","stream":"live/cam1"}"#, "{kind}");
        let operates = scope(Rights::from_iter([Right::Watch, Right::Operate]), set("live/*"));
        assert_eq!(operates.as_told(event(kind)), event(kind));
    }
    assert_eq!(
        watches.as_told(event("recording.started")),
        event("recording.started")
    );
}
