//! Requests as doors bring them, to a recorder on a real store. Nothing publishes to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

mod composing;
mod deleting;
mod exporting;
mod facts;
mod mixing;
mod reviewing;
mod scope;
mod search;
mod sessions;
mod timeline;

use super::*;
use crate::model::{Encrypt, Right};
use crate::recorder::RecorderSettings;
use crate::store::{
    Change, RealClock, RealDisk, RecordingRow, RecordingSpec, RecordingState, Store, StoreSettings,
};

/// A recording of a publish without media.
pub(crate) fn closed_row() -> RecordingRow {
    RecordingRow {
        id: RecordingId::new(1),
        stream: "live/cam1".parse().unwrap(),
        state: RecordingState::Closed,
        protected: false,
        shown: false,
        paused: false,
        ending: false,
        spec: RecordingSpec::built_in(),
        facts: Default::default(),
        review: None,
        tape: Vec::new(),
        start: 0,
        begins_later: false,
        lost: 0,
        end: 0,
        duration: 0,
        bytes: 0,
        segments: 1,
        tracks: Vec::new(),
        gaps: Vec::new(),
        short: None,
        renditions: Vec::new(),
        composed: false,
        form: Default::default(),
        also: Vec::new(),
        chosen: None,
    }
}

struct Box {
    api: Api,
    store: Store,
    _dir: tempfile::TempDir,
}

fn a_box() -> Box {
    a_box_with(Arc::new(RealClock))
}

fn a_box_with(clock: Arc<dyn Clock>) -> Box {
    let dir = tempfile::tempdir().unwrap();
    let settings = StoreSettings::new(dir.path().join("store"), "test");
    let (store, opened) = Store::open(settings, Arc::new(RealDisk), clock.clone()).unwrap();
    let settings = RecorderSettings {
        pre_roll: 10_000_000,
        ring_bytes: 32 << 20,
        takeover_after: 5_000_000,
        live_window: 0,
        is_viewed: false,
        has_master_key: false,
    };
    let recorder = Recorder::new(settings, store.clone(), clock.clone(), opened.tape_base);
    let api = Api::new(
        recorder,
        store.clone(),
        Reader::new(dir.path().join("store"), 3),
        clock,
    );
    Box {
        api,
        store,
        _dir: dir,
    }
}

impl Box {
    async fn ask(&self, command: &str, body: &Value) -> Value {
        asked(&self.api, command, body).await
    }

    async fn refused(&self, command: &str, body: &Value) -> (String, String, String) {
        let answer = self.ask(command, body).await;
        let error = &answer["error"];
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer["ok"], false, "{command} {body}: {answer}");
        (text("code"), text("field"), text("message"))
    }

    async fn done(self) {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.shutdown())
            .await
            .unwrap()
            .unwrap();
    }
}

async fn asked(api: &Api, command: &str, body: &Value) -> Value {
    let answer = api.call(command, body.to_string().as_bytes()).await;
    serde_json::from_str(&answer.to_json()).unwrap()
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_with_the_argument_and_what_would_be_right() {
    let the_box = a_box();
    for (command, body, code, field, words) in [
        (
            "recording.strat",
            json!({}),
            "not_found",
            "command",
            "did you mean 'recording.start'",
        ),
        ("fly", json!({}), "not_found", "command", "'help' lists them"),
        ("recording.start", json!({}), "bad_request", "stream", "missing"),
        (
            "recording.start",
            json!({"strem": "live/a"}),
            "bad_request",
            "strem",
            "did you mean 'stream'",
        ),
        (
            "recording.start",
            json!({"stream": 7}),
            "bad_request",
            "stream",
            "invalid type",
        ),
        (
            "recording.start",
            json!({"stream": "nothing"}),
            "bad_request",
            "stream",
            "live/cam1",
        ),
        (
            "recording.start",
            json!({"stream": "a/b", "pre_roll_s": -1}),
            "bad_request",
            "pre_roll_s",
            "31 days",
        ),
        (
            "recording.start",
            json!({"stream": "a/b", "name": "a\nb"}),
            "bad_request",
            "name",
            "control",
        ),
        (
            "recording.start",
            json!({"stream": "a/b", "id": 7}),
            "bad_request",
            "id",
            "a text",
        ),
        ("recording.stop", json!({}), "bad_request", "stream", "needed"),
        (
            "recording.stop",
            json!({"stream": "a/b", "recording": "c"}),
            "bad_request",
            "recording",
            "not both",
        ),
        (
            "recording.list",
            json!({"limit": 101}),
            "bad_request",
            "limit",
            "1 to 100",
        ),
        (
            "recording.list",
            json!({"limit": 0}),
            "bad_request",
            "limit",
            "1 to 100",
        ),
        (
            "recording.list",
            json!({"after": "x"}),
            "bad_request",
            "after",
            "'next'",
        ),
        (
            "recording.list",
            json!({"state": "lost"}),
            "bad_request",
            "state",
            "is none of",
        ),
        (
            "recording.list",
            json!({"from": "yesterday"}),
            "bad_request",
            "from",
            "2026-11-20T08:00:00Z",
        ),
        (
            "recording.get",
            json!({"recording": "0199"}),
            "not_found",
            "recording",
            "no recording '0199'",
        ),
        (
            "recording.delete",
            json!({"recording": ""}),
            "not_found",
            "recording",
            "no recording",
        ),
        (
            "task.create",
            json!({"stream": "a/b"}),
            "bad_request",
            "end",
            "one of them",
        ),
        (
            "task.create",
            json!({"stream": "a/b", "duration": "1 parsec"}),
            "bad_request",
            "duration",
            "length of time",
        ),
        (
            "task.create",
            json!({"stream": "a/b", "duration": "25h"}),
            "bad_request",
            "",
            "at most 24h",
        ),
        (
            "task.create",
            json!({"stream": "a/b", "end": "2001-01-01T00:00:00Z"}),
            "bad_request",
            "",
            "not in the past",
        ),
        ("task.stop", json!({"task": "x"}), "not_found", "", "no task 'x'"),
        (
            "clip.create",
            json!({"stream": "a/b"}),
            "bad_request",
            "to",
            "needed",
        ),
        (
            "clip.create",
            json!({"stream": "a/b", "from": "2001-01-01T00:00:00Z"}),
            "bad_request",
            "to",
            "'to' is needed with 'from'",
        ),
        (
            "task.create",
            json!({"stream": "a/\u{202E}b", "duration": "1s"}),
            "bad_request",
            "stream",
            "U+202E",
        ),
        (
            "clip.create",
            json!({"stream": "a/b", "after_s": 1, "to": "2001-01-01T00:00:00Z"}),
            "bad_request",
            "before_s",
            "not both",
        ),
        (
            "clip.create",
            json!({"stream": "a/b", "after_s": 1, "formats": []}),
            "bad_request",
            "formats",
            "at least one",
        ),
        (
            "clip.create",
            json!({"stream": "a/b", "after_s": 1, "formats": ["avi"]}),
            "bad_request",
            "formats",
            "is none of",
        ),
        (
            "clip.create",
            json!({"stream": "a/b", "after_s": 1}),
            "conflict",
            "",
            "nobody publishes",
        ),
        (
            "rule.put",
            json!({"template": "lesson"}),
            "not_found",
            "",
            "no template 'lesson'",
        ),
        (
            "rule.put",
            json!({"record": "sometimes"}),
            "bad_request",
            "record",
            "is none of",
        ),
        (
            "rule.delete",
            json!({"app": "live"}),
            "not_found",
            "",
            "no command put a rule",
        ),
        (
            "template.put",
            json!({"name": "a b", "formats": ["mp4"]}),
            "bad_request",
            "",
            "1 to 64",
        ),
        (
            "template.put",
            json!({"name": "a", "mp4": {"splt": "off"}}),
            "bad_request",
            "splt",
            "did you mean 'split'",
        ),
        (
            "template.delete",
            json!({"name": "default"}),
            "refused",
            "",
            "configuration",
        ),
        (
            "stream.kick",
            json!({"stream": "live/a"}),
            "conflict",
            "",
            "nobody publishes",
        ),
    ] {
        let (got, about, message) = the_box.refused(command, &body).await;
        assert_eq!(
            (got.as_str(), about.as_str()),
            (code, field),
            "{command} {body}: {message}"
        );
        assert!(message.contains(words), "{command} {body}: {message}");
    }
    the_box.done().await;
}

#[tokio::test]
async fn what_is_no_object_is_refused_and_nothing_at_all_is_no_argument() {
    let the_box = a_box();
    let long = vec![b' '; MAX_REQUEST + 1];
    for body in [&b"[]"[..], b"7", b"{", b"\xff\xfe", b"{} {}", b"null", &long] {
        let answer = the_box.api.call("stream.list", body).await;
        let failure = answer.result.unwrap_err();
        assert_eq!(failure.code, Code::BadRequest, "{}", failure.message);
    }
    let deep = "[".repeat(60_000);
    let answer = the_box.api.call("stream.list", deep.as_bytes()).await;
    assert_eq!(answer.result.unwrap_err().code, Code::BadRequest);
    for body in [&b""[..], b" \n", b"{}", b"{\"id\":null}"] {
        let answer = the_box.api.call("stream.list", body).await;
        assert_eq!(answer.result, Ok(json!({"streams": [], "next": null})));
    }
    the_box.done().await;
}

#[tokio::test]
async fn an_answer_repeats_the_id() {
    let the_box = a_box();
    for (command, ok) in [("stream.list", true), ("recording.start", false), ("fly", false)] {
        let answer = the_box.ask(command, &json!({"id": "q-1"})).await;
        assert_eq!(
            (&answer["id"], &answer["ok"]),
            (&json!("q-1"), &json!(ok)),
            "{answer}"
        );
    }
    the_box.done().await;
}

#[tokio::test]
async fn help_tells_every_command_and_each_of_its_arguments() {
    let the_box = a_box();
    let all = the_box.ask("help", &json!({})).await;
    let listed = all["result"]["commands"].as_array().unwrap().len();
    assert_eq!(listed, commands().count());
    for command in commands() {
        let one = the_box.ask("help", &json!({"about": command.name})).await;
        assert_eq!(one["result"]["command"], command.name);
        // Every argument that help lists is known: it is refused for its value, never as unknown.
        for argument in command.arguments {
            let body = json!({ argument.name: [[]] });
            let (code, field, message) = the_box.refused(command.name, &body).await;
            assert_eq!(code, "bad_request", "{} {body}: {message}", command.name);
            assert!(
                !message.contains("unknown argument"),
                "{} {body}: {message}",
                command.name
            );
            assert_eq!(field, argument.name, "{}: {message}", command.name);
        }
        let (_, _, message) = the_box.refused(command.name, &json!({"x-y-z": 1})).await;
        for argument in command.arguments {
            assert!(message.contains(argument.name), "{}: {message}", command.name);
        }
    }
    the_box.done().await;
}

#[test]
fn what_changes_nothing_needs_another_right_than_what_changes_something() {
    for command in commands() {
        let (name, right) = (command.name, command.right);
        match command.effect {
            // Lists of streams are for everybody who may watch them. The state of the box is for those who manage it.
            Effect::Reads => {
                let expected = match command.reach {
                    Reach::Streams => Right::Watch,
                    Reach::Box => Right::Operate,
                };
                assert_eq!(right, expected, "{name}");
            }
            Effect::Acts | Effect::Changes | Effect::Ends => {
                let changing = [Right::Operate, Right::Moderate, Right::Keys];
                assert!(changing.contains(&right), "{name}");
            }
        }
        // Only footage is for good, and who begins recordings may not remove any.
        assert!(!command.is_for_good() || right == Right::Moderate, "{name}");
    }
}

#[test]
fn each_code_has_a_word_and_a_status_of_its_own() {
    let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let statuses: BTreeSet<u16> = Code::ALL.iter().map(|code| code.status()).collect();
    assert_eq!((words.len(), statuses.len()), (Code::ALL.len(), Code::ALL.len()));
    for code in Code::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
    let expected = [400, 401, 404, 409, 403, 410, 416, 429, 503, 500];
    assert_eq!(Code::ALL.map(Code::status), expected);
    let of = |result| Answer { id: None, result }.status();
    assert_eq!(of(Ok(json!({}))), 200);
    assert_eq!(of(Err(Failure::new(Code::Gone, "it was evicted"))), 410);
}

#[test]
fn an_answer_that_is_too_long_says_so_instead() {
    let answer = Answer {
        id: Some("7".to_owned()),
        result: Ok(json!("x".repeat(MAX_ANSWER))),
    };
    let text = answer.to_json();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(
        text.len() < 1_000 && value["error"]["code"] == "refused" && value["id"] == "7",
        "{text}"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(json!("live/a")),
        Just(json!("2026-11-20T08:00:00Z")),
        Just(json!("30min")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z_]{1,12}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_request() -> impl Strategy<Value = (&'static Command, Value)> {
    let all: Vec<&'static Command> = commands().collect();
    prop::sample::select(all).prop_flat_map(|command| {
        let names: Vec<&str> = command.arguments.iter().map(|argument| argument.name).collect();
        let names = if names.is_empty() { vec!["id"] } else { names };
        let fields = prop::collection::vec((prop::sample::select(names), any_json()), 0..5);
        fields.prop_map(move |fields| {
            let object = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
            (command, Value::Object(object.collect()))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Request::parse(&bytes);
    }

    #[test]
    fn every_answer_is_bounded_json(requests in prop::collection::vec(any_request(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let the_box = a_box();
            for (command, body) in requests {
                let answer = the_box.api.call(command.name, body.to_string().as_bytes()).await.to_json();
                assert!(answer.len() <= MAX_ANSWER);
                let answer: Value = serde_json::from_str(&answer).unwrap();
                let internal = answer["error"]["code"] == "internal";
                assert!(!internal, "{} {body}: {answer}", command.name);
            }
            the_box.done().await;
        });
    }
}

#[tokio::test]
async fn an_id_is_answered_once_and_the_same_again() {
    let a_box = a_box();
    let task = json!({ "id": "1", "stream": "live/cam", "duration": "1h" });
    let first = a_box.ask("task.create", &task).await;
    assert_eq!(
        (&first["ok"], &first["id"]),
        (&true.into(), &"1".into()),
        "{first}"
    );
    assert_eq!(a_box.ask("task.create", &task).await, first);
    // Another request with the same id.
    let changed = json!({ "id": "1", "stream": "live/other", "duration": "2h" });
    assert_eq!(a_box.ask("task.create", &changed).await, first);
    let (code, field, _) = a_box.refused("task.list", &json!({ "id": "1" })).await;
    assert_eq!((code.as_str(), field.as_str()), ("conflict", "id"));
    let list = a_box.ask("task.list", &json!({})).await;
    assert_eq!(list["result"]["tasks"].as_array().unwrap().len(), 1);
    // After a restart, requests come again in any order. The request with a lasting effect was first.
    let restarted = Api {
        memory: Memory::default(),
        ..a_box.api.clone()
    };
    let list = json!({ "id": "1" }).to_string();
    assert!(restarted.call("task.list", list.as_bytes()).await.result.is_err());
    let again = restarted
        .call("task.create", changed.to_string().as_bytes())
        .await;
    assert_eq!(again.result.unwrap(), first["result"]);
    // Requests without an id are all different.
    let task = json!({ "stream": "live/cam", "duration": "1h" });
    let (one, other) = (
        a_box.ask("task.create", &task).await,
        a_box.ask("task.create", &task).await,
    );
    assert_ne!(one["result"]["task"], other["result"]["task"]);
    a_box.done().await;
}

#[tokio::test]
async fn many_at_once_with_one_id_are_one() {
    let a_box = a_box();
    let task = json!({ "id": "1", "stream": "live/cam", "duration": "1h" }).to_string();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (api, task) = (a_box.api.clone(), task.clone());
        asking.spawn(async move { api.call("task.create", task.as_bytes()).await });
    }
    let answers = asking.join_all().await;
    assert!(
        answers
            .iter()
            .all(|answer| *answer == answers[0] && answer.result.is_ok()),
        "{answers:?}"
    );
    a_box.done().await;
}

#[tokio::test]
async fn a_request_that_was_begun_before_is_carried_out_again_and_finds_what_it_made() {
    let a_box = a_box();
    let ask = |id: &str| json!({ "id": id, "stream": "live/cam", "duration": "1h" });
    let first = a_box.ask("task.create", &ask("1")).await;
    // The state of a restart between the effect and the answer: the journal has the begin of the request.
    let begun = a_box.store.clone();
    let known = a_box
        .api
        .read(|library| library.remembered("1"))
        .await
        .unwrap()
        .unwrap();
    assert!(known.answer.is_some());
    let again = Api {
        memory: Memory::default(),
        ..a_box.api.clone()
    };
    let other = crate::store::Remembered {
        id: "2".to_owned(),
        command: "task.create".to_owned(),
        begun: known.begun,
        answer: None,
    };
    begun
        .submit(crate::store::Command::Change(Change::Remember(other)))
        .unwrap();
    a_box.api.recorder.flush().await.unwrap();
    let body = ask("2").to_string();
    let made = again.call("task.create", body.as_bytes()).await;
    assert!(made.result.is_ok(), "{made:?}");
    // The same once more, as if the answer had not been written either.
    let ticket = Ticket::new("2", known.begun, true);
    let twice = Api {
        ticket: Some(ticket),
        ..again.clone()
    };
    let arguments = json!({ "stream": "live/cam", "duration": "1h" });
    let command = table::command("task.create").unwrap();
    let value = command
        .run(&twice, arguments.as_object().unwrap().clone())
        .await
        .unwrap();
    assert_eq!(value, made.result.unwrap());
    assert_ne!(value["task"], first["result"]["task"]);
    // The task that the request ended stays ended.
    let stop = json!({ "id": "3", "task": value["task"] });
    let other = crate::store::Remembered {
        id: "3".to_owned(),
        command: "task.delete".to_owned(),
        begun: known.begun,
        answer: None,
    };
    a_box.ask("task.delete", &json!({ "task": value["task"] })).await;
    begun
        .submit(crate::store::Command::Change(Change::Remember(other)))
        .unwrap();
    a_box.api.recorder.flush().await.unwrap();
    assert_eq!(a_box.ask("task.delete", &stop).await["result"]["already"], true);
    drop(begun);
    a_box.done().await;
}

#[tokio::test]
async fn tags_are_few_and_short() {
    let a_box = a_box();
    let many: Vec<String> = (0..17).map(|n| n.to_string()).collect();
    for tags in [json!(many), json!(["x".repeat(33)]), json!([""]), json!(["a\nb"])] {
        let body = json!({ "recording": "none", "tags": tags });
        let (code, field, _) = a_box.refused("recording.tag", &body).await;
        assert_eq!((code.as_str(), field.as_str()), ("bad_request", "tags"));
    }
    let (code, ..) = a_box
        .refused("recording.tag", &json!({ "recording": "none", "tags": ["a"] }))
        .await;
    assert_eq!(code, "not_found");
    a_box.done().await;
}

#[tokio::test]
async fn a_box_tells_how_it_is_and_not_more_than_it_knows() {
    let a_box = a_box();
    let stats = a_box.ask("device.stats", &json!({})).await;
    let result = &stats["result"];
    assert_eq!(
        (&result["streams"]["live"], &result["storage"]["state"]),
        (&0.into(), &"ok".into())
    );
    assert!(result["process"]["rss"].as_u64().unwrap() > 1 << 20, "{stats}");
    assert!(result.get("mqtt").is_none() && result.get("sync").is_none());
    let store = a_box.ask("store.status", &json!({})).await;
    let (result, space) = (&store["result"], &store["result"]["space"]);
    assert_eq!(
        (&result["own"], &result["streams"]),
        (&true.into(), &json!([])),
        "{store}"
    );
    let nothing = json!({"recordings": 0, "bytes": 0, "more": false});
    assert_eq!((&space["protected"], &space["in_channels"]), (&nothing, &nothing));
    assert!(space["total"].as_u64() > space["free"].as_u64(), "{store}");
    assert_eq!(
        (&space["quota"], &space["undelivered"]),
        (&Value::Null, &Value::Null)
    );
    // No service runs in this test.
    let (code, ..) = a_box.refused("device.info", &json!({})).await;
    assert_eq!(code, "unavailable");
    a_box.done().await;
}

#[tokio::test]
async fn what_encrypts_without_a_key_is_told_of_and_what_a_rule_closed_has_no_address_in_clear() {
    let the_box = a_box();
    let api = &the_box.api;
    let template = json!({"name": "lesson", "formats": ["hls"], "hls": {"encrypt": "aes-128"}});
    api.hls_keys().set(&[b"master".to_vec()], None);
    assert_eq!(the_box.ask("template.put", &template).await["ok"], true);
    assert_eq!(api.unready(false), None);
    assert!(api.unready(true).unwrap().contains("encryption.key_url"));
    let row = closed_row();
    let shown = || api.as_closed(&row, recording_row(&row, Some("http://box-17:8080")));
    assert!(shown().mp4_url.is_some() && !shown().about.encrypted);
    let rule = json!({"stream": "live/*", "template": "lesson"});
    assert_eq!(the_box.ask("rule.put", &rule).await["ok"], true);
    assert!(shown().mp4_url.is_none() && shown().about.encrypted && shown().url.is_some());
    // The audit says which key somebody had.
    let id = api
        .hls_keys()
        .encryption(row.id, Encrypt::default(), KeysAt::Door);
    let id = id.unwrap().key_id(0).to_string();
    assert_eq!(
        the_box.ask("recording.keys", &json!({"key": id})).await["ok"],
        true
    );
    let audit = the_box.ask("audit.list", &json!({})).await;
    let object = audit.to_string();
    assert!(object.contains(&format!("\"key\":\"{id}\"")), "{audit}");
    // A restart finds the template, and no master key.
    api.hls_keys().set(&[], None);
    let told = api.unready(false).unwrap();
    assert!(
        told.contains("'lesson'") && told.contains("encryption.master_key_file"),
        "{told}"
    );
    the_box.done().await;
}
