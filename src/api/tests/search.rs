//! `recording.search`: what it finds, what it refuses, and for whom.

use serde_json::{Value, json};

use super::facts::recorded;
use super::{a_box, asked};
use crate::api::{Caller, Scope};
use crate::config::{Pattern, StreamSet};
use crate::model::Rights;

#[tokio::test]
async fn a_recording_is_found_by_what_people_set_of_it_and_only_by_who_may_see_it() {
    let the_box = a_box();
    let id = recorded(&the_box).await;
    for (category, parent) in [
        ("school", Value::Null),
        ("maths", json!("school")),
        ("art", Value::Null),
    ] {
        let put = json!({ "category": category, "name": category, "parent": parent });
        the_box.ask("category.put", &put).await;
    }
    let facts = json!({ "recording": id, "title": "Große Übung", "tags": ["a", "b"], "category": "maths" });
    the_box.ask("recording.set", &facts).await;
    let viewer = |stream: &str| {
        let streams = StreamSet::of([Pattern::try_from(stream.to_owned()).unwrap()]);
        let scope = Scope {
            rights: Rights::ALL,
            moderates: streams.clone(),
            streams,
        };
        the_box.api.for_caller(Caller::http("viewer", scope))
    };
    let (own, other) = (viewer("live/cam1"), viewer("live/cam2"));
    let finds = [
        json!({ "text": "GROSSE ÜB" }),
        json!({ "category": "school", "any_tags": ["none", "b"], "tags": ["b", "a"] }),
        json!({ "prefix": "live/cam", "min_length_s": 0.5, "max_length_s": 1.5, "min_bytes": 1, "origin": "rule" }),
        json!({ "sort": "bytes", "descending": true, "state": "closed", "stream": "live/*" }),
    ];
    for body in finds {
        let list = the_box.ask("recording.list", &json!({})).await;
        let found = asked(&own, "recording.search", &body).await;
        assert_eq!(found["result"], list["result"], "{body}: {found}");
        let none = asked(&other, "recording.search", &body).await;
        assert_eq!(none["result"]["recordings"], json!([]), "{body}: {none}");
    }
    for body in [
        json!({ "text": "grosse ub" }),
        json!({ "category": "art" }),
        json!({ "domain": "x" }),
    ] {
        let none = the_box.ask("recording.search", &body).await;
        assert_eq!(
            none["result"],
            json!({ "recordings": [], "next": null }),
            "{body}: {none}"
        );
    }
    the_box.done().await;
}

#[tokio::test]
async fn each_limit_of_a_search_is_refused_by_name() {
    let the_box = a_box();
    let long = |count: usize| "x".repeat(count);
    for (body, code, field) in [
        (json!({ "text": long(65) }), "bad_request", "text"),
        (json!({ "text": "" }), "bad_request", "text"),
        (json!({ "text": "a\u{202E}b" }), "bad_request", "text"),
        (json!({ "prefix": long(256) }), "bad_request", "prefix"),
        (json!({ "domain": long(60_000) }), "bad_request", "domain"),
        (json!({ "template": 1 }), "bad_request", "template"),
        (
            json!({ "tags": vec!["t"; 17].iter().enumerate().map(|(n, t)| format!("{t}{n}")).collect::<Vec<_>>() }),
            "bad_request",
            "tags",
        ),
        (json!({ "any_tags": [long(33)] }), "bad_request", "any_tags"),
        (json!({ "category": "a b" }), "bad_request", "category"),
        (json!({ "category": "none" }), "not_found", "category"),
        (json!({ "min_length_s": -1 }), "bad_request", "min_length_s"),
        (
            json!({ "max_length_s": 315_576_001 }),
            "bad_request",
            "max_length_s",
        ),
        (
            json!({ "min_length_s": 2, "max_length_s": 1 }),
            "bad_request",
            "max_length_s",
        ),
        (json!({ "min_bytes": -1 }), "bad_request", "min_bytes"),
        (
            json!({ "min_bytes": 2, "max_bytes": 1 }),
            "bad_request",
            "max_bytes",
        ),
        (
            json!({ "from": "2026-11-20T08:00:00Z", "to": "2026-11-20T07:00:00Z" }),
            "bad_request",
            "to",
        ),
        (json!({ "state": "lost" }), "bad_request", "state"),
        (json!({ "origin": "magic" }), "bad_request", "origin"),
        (json!({ "sort": "colour" }), "bad_request", "sort"),
        (json!({ "descending": "yes" }), "bad_request", "descending"),
        (json!({ "limit": 101 }), "bad_request", "limit"),
        (json!({ "limit": 0 }), "bad_request", "limit"),
        (json!({ "after": "1.2", "sort": "end" }), "bad_request", "after"),
        (
            json!({ "after": "bytes-1.2", "sort": "bytes" }),
            "bad_request",
            "after",
        ),
        (json!({ "colour": "red" }), "bad_request", "colour"),
    ] {
        let (found, about, message) = the_box.refused("recording.search", &body).await;
        assert_eq!(
            (found.as_str(), about.as_str()),
            (code, field),
            "{body}: {message}"
        );
    }
    for body in [
        json!({ "text": long(64), "prefix": long(255), "domain": long(255), "limit": 100 }),
        json!({ "max_length_s": 315_576_000, "max_bytes": u64::MAX, "min_length_s": 0 }),
        json!({ "text": "'; DROP TABLE recordings; --", "prefix": "%_*?[", "any_tags": ["\"", "\\"] }),
    ] {
        let answer = the_box.ask("recording.search", &body).await;
        assert_eq!(answer["result"]["recordings"], json!([]), "{body}: {answer}");
    }
    the_box.done().await;
}
