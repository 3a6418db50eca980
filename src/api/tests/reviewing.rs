//! What callers who may not moderate get of what is held back.

use serde_json::{Value, json};

use super::composing::{ZERO, id, two};
use super::{Box, a_box, asked};
use crate::api::{Api, Caller, KeysAt, Scope};
use crate::config::{Pattern, StreamSet};
use crate::model::{Encrypt, Rights};

fn set(pattern: &str) -> StreamSet {
    StreamSet::of([Pattern::try_from(pattern.to_owned()).unwrap()])
}

fn caller(the_box: &Box, who: &str, streams: StreamSet, moderates: StreamSet) -> Api {
    let scope = Scope {
        rights: Rights::ALL,
        streams,
        moderates,
    };
    the_box.api.for_caller(Caller::http(who, scope))
}

/// Two recordings, and one that is put together of both.
async fn composed(the_box: &Box) -> String {
    two(the_box).await;
    let ranges = json!([{"recording": id(1).to_string()}, {"recording": id(2).to_string()}]);
    let made = the_box
        .ask("recording.compose", &json!({ "ranges": ranges }))
        .await;
    made["result"]["recording"].as_str().unwrap().to_owned()
}

async fn review(api: &Api, recording: &str, status: &str) -> Value {
    asked(
        api,
        "recording.review",
        &json!({"recording": recording, "status": status}),
    )
    .await
}

#[tokio::test]
async fn a_composition_is_shown_to_those_alone_who_moderate_all_of_its_streams() {
    let the_box = a_box();
    let made = composed(&the_box).await;
    assert_eq!(review(&the_box.api, &made, "review").await["ok"], true);
    for (moderates, sees) in [("live/a", false), ("live/b", false), ("live/*", true)] {
        let caller = caller(&the_box, "viewer", StreamSet::All, set(moderates));
        let got = asked(&caller, "recording.get", &json!({ "recording": made })).await;
        assert_eq!(got["ok"], sees, "{moderates}: {got}");
    }
    the_box.done().await;
}

#[tokio::test]
async fn each_recording_of_a_list_is_reviewed_and_what_is_refused_is_named() {
    let the_box = a_box();
    composed(&the_box).await;
    let reviewed = async |api: &Api, names: &[&str]| {
        let body = json!({ "recordings": names, "status": "block", "reason": "why" });
        asked(api, "recording.review", &body).await
    };
    let [one, two] = [1, 2].map(|n| id(n).to_string());
    let long = "x".repeat(1_000_000);
    let names = [
        one.as_str(),
        "nothing",
        "",
        "01",
        &long[..10_000],
        "🎬",
        &two,
        &one,
    ];
    let answer = reviewed(&the_box.api, &names).await;
    let reviews = answer["result"]["reviews"].as_array().unwrap();
    let oks: Vec<bool> = reviews.iter().map(|of| of["ok"].as_bool().unwrap()).collect();
    assert_eq!(
        oks,
        [true, false, false, false, false, false, true, true],
        "{answer}"
    );
    for (name, review) in names.iter().zip(reviews) {
        assert_eq!(review["recording"], name.chars().take(64).collect::<String>());
        assert_eq!(review["ok"], review["error"].is_null());
        assert_eq!(review["ok"], !review["result"].is_null());
    }
    assert_eq!(reviews[1]["error"]["code"], "not_found");
    let audited = async || {
        let list = asked(&the_box.api, "audit.list", &json!({ "limit": 1 })).await;
        let entry = &list["result"]["entries"][0];
        (entry["outcome"].clone(), entry["object"]["refused"].clone())
    };
    let (outcome, refused) = audited().await;
    let named: Vec<_> = refused.as_array().unwrap().iter().map(Value::as_str).collect();
    assert_eq!((outcome, named.len()), (json!("ok"), 5));
    assert_eq!(named[..3], [Some("nothing"), Some(""), Some("01")]);
    reviewed(&the_box.api, &["nothing", "01"]).await;
    assert_eq!(audited().await, (json!("not_found"), json!(["nothing", "01"])));
    reviewed(&the_box.api, &[&two]).await;
    assert_eq!(audited().await, (json!("ok"), Value::Null));
    assert_eq!(reviews[6]["result"]["recording"], two.as_str());
    assert_eq!(reviews[6]["result"]["reason"], "why");
    let held = the_box.api.held();
    assert!(held.has(id(1), &[]) && held.has(id(2), &[]));
    // Others than the caller sees are as if they were not there.
    let some = caller(&the_box, "some", set("live/b"), StreamSet::All);
    let answer = reviewed(&some, &[&one, &two]).await;
    let oks = [0, 1].map(|n| answer["result"]["reviews"][n]["ok"].clone());
    assert_eq!(oks, [json!(false), json!(true)], "{answer}");
    // Twenty are taken; what is no list of one to twenty is refused whole.
    let twenty = reviewed(&the_box.api, &[one.as_str(); 20]).await;
    assert_eq!(twenty["result"]["reviews"].as_array().unwrap().len(), 20);
    for (body, field) in [
        (json!({ "recordings": vec!["last"; 21] }), "recordings"),
        (json!({ "recordings": [] }), "recordings"),
        (json!({ "recordings": [1] }), "recordings"),
        (json!({ "recordings": "last" }), "recordings"),
        (
            json!({ "recordings": ["last"], "recording": "last" }),
            "recordings",
        ),
        (json!({}), "recording"),
    ] {
        let mut body = body;
        body["status"] = json!("pass");
        let refused = asked(&the_box.api, "recording.review", &body).await;
        assert_eq!(refused["error"]["code"], "bad_request", "{refused}");
        assert_eq!(refused["error"]["field"], field, "{refused}");
    }
    assert!(the_box.api.held().has(id(1), &[]));
    the_box.done().await;
}

#[tokio::test]
async fn who_reviews_hears_of_those_recordings_alone_that_it_may_see() {
    let the_box = a_box();
    let made = composed(&the_box).await;
    let one = id(1).to_string();
    for (streams, named) in [(set("live/a"), 0), (set("live/*"), 1), (StreamSet::All, 1)] {
        let caller = caller(&the_box, "viewer", streams, StreamSet::All);
        let answer = review(&caller, &one, "block").await;
        let shares = answer["result"]["shares_tape"].as_array().unwrap();
        assert_eq!(shares.len(), named, "{answer}");
        assert!(shares.iter().all(|other| other["recording"] == made.as_str()));
    }
    the_box.done().await;
}

#[tokio::test]
async fn the_keys_of_what_is_held_back_are_for_those_who_moderate() {
    let the_box = a_box();
    let made = composed(&the_box).await;
    let keys = the_box.api.hls_keys();
    keys.set(&[b"master".to_vec()], None);
    let key = |recording| {
        let encryption = keys.encryption(recording, Encrypt::default(), KeysAt::Door);
        encryption.unwrap().key_id(0).to_string()
    };
    let template = json!({"name": "lesson", "formats": ["hls"], "hls": {"encrypt": "aes-128"}});
    the_box.ask("template.put", &template).await;
    the_box
        .ask("rule.put", &json!({"stream": "live/*", "template": "lesson"}))
        .await;
    let whole = made.parse().unwrap();
    let questions = [
        json!({ "recording": made }),
        json!({ "key": key(whole) }),
        json!({ "recording": id(2).to_string() }),
        json!({ "key": key(id(2)) }),
    ];
    // A caller may ask five questions a second.
    let all = async |who: &str, streams: StreamSet, moderates: &str, wanted: bool| {
        let caller = caller(&the_box, who, streams, set(moderates));
        for question in &questions {
            let got = asked(&caller, "recording.keys", question).await;
            assert_eq!(got["ok"], wanted, "{question}: {got}");
        }
    };
    all("a", StreamSet::All, "live/a", true).await;
    all("b", set("live/*"), "live/a", true).await;
    review(&the_box.api, &id(2).to_string(), "block").await;
    all("c", StreamSet::All, "live/a", false).await;
    all("d", set("live/*"), "live/a", false).await;
    all("e", set("live/*"), "live/*", true).await;
    the_box.done().await;
}

#[tokio::test]
async fn a_clip_of_blocked_tape_is_refused_by_its_tape_time() {
    let the_box = a_box();
    composed(&the_box).await;
    review(&the_box.api, &id(1).to_string(), "block").await;
    let stream = "live/a".parse().unwrap();
    let start = ZERO + 60_000_000;
    let refused = |from, to| the_box.api.expect_open(&stream, Some((from, to))).is_err();
    assert!(refused(start + 1_000_000, start + 2_000_000));
    assert!(!refused(start + 7_000_000, start + 8_000_000));
    the_box.done().await;
}
