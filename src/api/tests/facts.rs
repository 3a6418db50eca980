//! What people set of recordings, as commands say it.

use serde_json::{Value, json};

use super::{Box, a_box};
use crate::media::{PublishId, RecordingId};
use crate::store::{Command, RecordingSpec, testing};

/// A closed recording of a second.
pub(super) async fn recorded(the_box: &Box) -> String {
    let (publish, recording) = (PublishId::new(1), RecordingId::new(7));
    for command in [
        Command::PublishStarted {
            tell: None,
            publish,
            stream: "live/cam1".parse().unwrap(),
            tape_zero: 1_000_000,
            boot_zero: 0,
            about: Default::default(),
        },
        Command::RecordingStarted {
            recording,
            publish,
            start: 1_000_000,
            spec: RecordingSpec::built_in().into(),
        },
        Command::Append {
            publish,
            fragment: testing::fragment(0, true),
        },
        Command::RecordingClosed {
            recording,
            end: 2_000_000,
            reason: "stopped".to_owned(),
        },
    ] {
        the_box.api.recorder.submit(command).await.unwrap();
    }
    recording.to_string()
}

/// A request with these fields beside the recording.
fn with(recording: &str, fields: Value) -> Value {
    let mut body = json!({ "recording": recording });
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn facts_are_set_shown_and_removed_by_name() {
    let the_box = a_box();
    let id = recorded(&the_box).await;
    the_box
        .ask("category.put", &json!({ "category": "school", "name": "School" }))
        .await;
    let put = json!({ "category": "maths", "name": "Mathematics", "parent": "school" });
    let put = the_box.ask("category.put", &put).await;
    assert_eq!(put["result"]["path"], "School / Mathematics", "{put}");
    let said = json!({
        "title": "Algebra 課", "description": "Groups", "tags": ["b", "a", "b"], "category": "maths",
        "notes": [{"at_s": 7, "text": "proof"}, {"at_s": 0.5, "text": "begin"}], "custom": {"room": {"n": 7.5}},
    });
    let set = the_box.ask("recording.set", &with(&id, said)).await;
    let facts = json!({
        "recording": id, "title": "Algebra 課", "description": "Groups", "tags": ["a", "b"], "category": "maths",
        "notes": [{"at_s": 0.5, "text": "begin"}, {"at_s": 7.0, "text": "proof"}], "custom": {"room": {"n": 7.5}},
    });
    assert_eq!(set["result"], facts, "{set}");
    let one = the_box.ask("recording.get", &with("last", json!({}))).await;
    for field in ["title", "description", "tags", "category", "notes", "custom"] {
        assert_eq!(one["result"][field], facts[field], "{one}");
    }
    let list = the_box.ask("recording.list", &json!({ "tags": ["a"] })).await;
    let row = &list["result"]["recordings"][0];
    assert_eq!(
        (&row["title"], &row["more_notes"]),
        (&json!("Algebra 課"), &json!(2)),
        "{list}"
    );
    assert_eq!(row["notes"], json!([]));
    // An empty value removes, null does, and what is not named stays.
    let rest = json!({ "title": "", "description": null, "tags": [], "notes": null, "custom": {} });
    let set = the_box.ask("recording.set", &with(&id, rest)).await;
    assert_eq!(
        (&set["result"]["category"], &set["result"]["title"]),
        (&json!("maths"), &Value::Null),
        "{set}"
    );
    assert_eq!(
        (&set["result"]["notes"], &set["result"]["custom"]),
        (&json!([]), &Value::Null),
        "{set}"
    );
    let listed = the_box.ask("category.list", &json!({})).await;
    assert_eq!(listed["result"]["categories"][0]["category"], "maths", "{listed}");
    the_box.done().await;
}

#[tokio::test]
async fn what_cannot_be_set_is_refused_by_its_field_and_changes_nothing() {
    let the_box = a_box();
    let id = recorded(&the_box).await;
    let long = "x".repeat(1_000_000 / 16);
    for (field, value) in [
        ("title", json!("x".repeat(65))),
        ("title", json!(long)),
        ("title", json!("\u{1b}]0;x\u{7}")),
        ("title", json!(7)),
        ("title", json!("  ")),
        ("description", json!("x".repeat(513))),
        ("description", json!("\u{202e}")),
        ("tags", json!(vec!["x".repeat(33)])),
        ("tags", json!((0..17).map(|n| n.to_string()).collect::<Vec<_>>())),
        (
            "tags",
            json!((0..5_000).map(|n| n.to_string()).collect::<Vec<_>>()),
        ),
        ("category", json!("a b")),
        ("notes", json!([{ "at_s": -1, "text": "x" }])),
        ("notes", json!({})),
        ("custom", json!([])),
        ("custom", json!({ "x": "x".repeat(2048) })),
        (
            "custom",
            json!({ "x": (0..16).fold(json!(1), |inner, _| json!([inner])) }),
        ),
    ] {
        let body = with(&id, json!({ field: value }));
        let (code, about, message) = the_box.refused("recording.set", &body).await;
        assert_eq!(
            (code.as_str(), about.as_str()),
            ("bad_request", field),
            "{message}"
        );
        assert!(
            message.len() < 400 && !message.chars().any(crate::model::misleads),
            "{message}"
        );
    }
    let (code, about, _) = the_box
        .refused("recording.set", &with(&id, json!({ "category": "none" })))
        .await;
    assert_eq!((code.as_str(), about.as_str()), ("not_found", "category"));
    let (code, ..) = the_box
        .refused("recording.set", &with("none", json!({ "title": "x" })))
        .await;
    assert_eq!(code, "not_found");
    let one = the_box.ask("recording.get", &with(&id, json!({}))).await;
    assert_eq!(
        (&one["result"]["title"], &one["result"]["tags"]),
        (&Value::Null, &json!([])),
        "{one}"
    );
    the_box.done().await;
}

#[tokio::test]
async fn a_category_in_use_says_which_recordings_are_in_it() {
    let the_box = a_box();
    let id = recorded(&the_box).await;
    for body in [
        json!({ "category": "a" }),
        json!({ "category": "b", "parent": "a" }),
    ] {
        the_box.ask("category.put", &body).await;
    }
    let the = &the_box;
    let put = |body: Value| async move { the.refused("category.put", &body).await };
    let (code, about, _) = put(json!({ "category": "a", "parent": "b" })).await;
    assert_eq!((code.as_str(), about.as_str()), ("conflict", "parent"));
    let (code, about, _) = put(json!({ "category": "c", "parent": "none" })).await;
    assert_eq!((code.as_str(), about.as_str()), ("not_found", "parent"));
    for n in 2..16 {
        let parent = if n == 2 {
            "b".to_owned()
        } else {
            format!("d{}", n - 1)
        };
        let one = json!({ "category": format!("d{n}"), "parent": parent });
        assert_eq!(the.ask("category.put", &one).await["ok"], true);
    }
    let (code, about, message) = put(json!({ "category": "d16", "parent": "d15" })).await;
    assert_eq!((code.as_str(), about.as_str()), ("refused", "parent"));
    assert!(message.contains("'d16'"), "{message}");
    for n in (2..16).rev() {
        let one = json!({ "category": format!("d{n}") });
        assert_eq!(the.ask("category.delete", &one).await["ok"], true);
    }
    let (code, about, _) = put(json!({ "category": "c", "name": "x".repeat(65) })).await;
    assert_eq!((code.as_str(), about.as_str()), ("bad_request", "name"));
    the_box
        .ask("recording.set", &with(&id, json!({ "category": "b" })))
        .await;
    let used = the_box.ask("category.delete", &json!({ "category": "b" })).await;
    assert_eq!(
        (&used["error"]["code"], &used["error"]["recordings"]),
        (&json!("conflict"), &json!([id])),
        "{used}"
    );
    let (code, ..) = the_box
        .refused("category.delete", &json!({ "category": "a" }))
        .await;
    assert_eq!(code, "conflict");
    the_box
        .ask("recording.set", &with(&id, json!({ "category": null })))
        .await;
    for category in ["b", "a"] {
        let gone = the_box
            .ask("category.delete", &json!({ "category": category }))
            .await;
        assert_eq!(gone["ok"], true, "{gone}");
    }
    the_box.done().await;
}

#[tokio::test]
async fn the_most_that_can_be_set_fits_in_an_answer() {
    let the_box = a_box();
    let id = recorded(&the_box).await;
    // Each quote is two bytes in JSON.
    let notes: Vec<Value> = (0..100)
        .map(|n| json!({ "at_s": f64::from(n) + 0.123_456, "text": "\"".repeat(128) }))
        .collect();
    let tags: Vec<String> = (0..16_u8)
        .map(|n| char::from(b'a' + n).to_string() + &"🎓".repeat(31))
        .collect();
    let most = json!({
        "title": "🎓".repeat(64), "description": "🎓".repeat(512), "tags": tags, "notes": notes,
        "custom": {"k": "v".repeat(2_040)},
    });
    let set = the_box.ask("recording.set", &with(&id, most)).await;
    assert_eq!(set["result"]["notes"].as_array().unwrap().len(), 100, "{set}");
    let one = the_box.ask("recording.get", &with(&id, json!({}))).await;
    assert_eq!(one["result"]["notes"], set["result"]["notes"]);
    the_box.done().await;
}

#[tokio::test]
async fn the_audit_knows_whose_facts_were_set_however_the_recording_was_named() {
    let the_box = a_box();
    let id: RecordingId = recorded(&the_box).await.parse().unwrap();
    for (command, fields) in [
        ("recording.set", json!({ "title": "x" })),
        ("recording.tag", json!({ "tags": ["a"] })),
    ] {
        let answer = the_box.ask(command, &with("last", fields)).await;
        assert_eq!(answer["ok"], true, "{answer}");
    }
    the_box.api.recorder.flush().await.unwrap();
    let journal = the_box._dir.path().join("store/journal.db");
    let journal = rusqlite::Connection::open(journal).unwrap();
    let sql = "SELECT count(*) FROM audit WHERE recording = ?1 AND command = ?2";
    for command in ["recording.set", "recording.tag"] {
        let about = (id.to_bytes(), command);
        let count: i64 = journal.query_row(sql, about, |row| row.get(0)).unwrap();
        assert_eq!(count, 1, "{command}");
    }
    the_box.done().await;
}
