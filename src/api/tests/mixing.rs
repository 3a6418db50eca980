//! Recordings that play beside each other, by command.

use serde_json::{Value, json};

use super::composing::{SECOND, id, record, record_at, testing_spec, two};
use super::{Box, a_box, asked};
use crate::api::{Caller, Scope};
use crate::config::{Pattern, StreamSet};
use crate::model::Rights;

fn of(n: u8) -> Value {
    json!({"recording": id(n).to_string()})
}

fn both() -> Value {
    json!({"recordings": [of(1), of(2)]})
}

async fn listed(the_box: &Box) -> usize {
    let list = the_box.ask("recording.list", &json!({})).await;
    list["result"]["recordings"].as_array().unwrap().len()
}

#[tokio::test]
async fn recordings_become_one_in_step_with_their_notes_at_their_moments() {
    let the_box = a_box();
    record(&the_box, "a", 1, false).await;
    record_at(&the_box, ("b", 2), (false, 4 * SECOND), testing_spec()).await;
    for (n, at, text) in [(1, 5.0, "five"), (2, 0.5, "half"), (2, 5.0, "late")] {
        let before = the_box.ask("recording.get", &of(n)).await["result"]["notes"].clone();
        let mut notes = before.as_array().cloned().unwrap_or_default();
        notes.push(json!({"at_s": at, "text": text}));
        let set = json!({"recording": id(n).to_string(), "notes": notes});
        assert_eq!(the_box.ask("recording.set", &set).await["ok"], true);
    }
    // The last second of the other recording, and its note, are left out.
    let sides = json!([of(1), {"recording": id(2).to_string(), "to_s": 5}]);
    let body = json!({"id": "once", "recordings": sides, "title": "Both"});
    let made = the_box.ask("recording.mix", &body).await;
    // The first one lasts six seconds, and the other one begins behind the fourth.
    assert_eq!(made["result"]["duration_s"], 9.0, "{made}");
    assert_eq!(
        the_box.ask("recording.mix", &body).await["result"],
        made["result"]
    );
    let new = json!({"recording": made["result"]["recording"]});
    let got = the_box.ask("recording.get", &new).await["result"].clone();
    assert_eq!(
        (
            &got["origin"],
            &got["formats"],
            &got["other_streams"],
            &got["title"]
        ),
        (
            &json!("composition"),
            &json!(["mp4"]),
            &json!(["live/b"]),
            &json!("Both")
        ),
        "{got}"
    );
    let notes = json!([{"at_s": 4.5, "text": "half"}, {"at_s": 5.0, "text": "five"}]);
    assert_eq!(got["notes"], notes, "{got}");
    assert_eq!(got["ranges"].as_array().unwrap().len(), 2, "{got}");
    let tracks = got["tracks"].as_array().unwrap();
    assert_eq!(tracks.len(), 4, "{got}");
    let found = the_box
        .ask("recording.search", &json!({"min_length_s": 8, "text": "both"}))
        .await;
    assert_eq!(
        found["result"]["recordings"].as_array().unwrap().len(),
        1,
        "{found}"
    );
    // Nothing is made of it, and a source names it.
    for (command, body) in [
        (
            "recording.cut",
            json!({"recording": new["recording"], "ranges": [{"to_s": 1}]}),
        ),
        ("recording.compose", json!({"ranges": [of(1), new]})),
        ("recording.mix", json!({"recordings": [new, of(1)]})),
        (
            "recording.split",
            json!({"recording": new["recording"], "at_s": [1]}),
        ),
        ("channel.put", json!({"name": "c", "items": [new["recording"]]})),
    ] {
        let answer = the_box.ask(command, &body).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(answer["error"]["code"], "conflict", "{command}: {answer}");
        assert!(message.contains("beside each other"), "{command}: {message}");
    }
    let deleted = the_box.ask("recording.delete", &of(1)).await;
    assert_eq!(
        deleted["result"]["needed_by"],
        json!([new["recording"]]),
        "{deleted}"
    );
    the_box.done().await;
}

#[tokio::test]
async fn what_cannot_be_in_step_is_refused_with_what_and_where_and_makes_nothing() {
    let the_box = a_box();
    two(&the_box).await;
    record(&the_box, "c", 3, true).await;
    record_at(&the_box, ("d", 4), (false, 60 * SECOND), testing_spec()).await;
    let cut = json!({"recording": id(2).to_string(), "ranges": [{"to_s": 1}, {"from_s": -1.5}]});
    let cut = the_box.ask("recording.cut", &cut).await["result"]["recording"].clone();
    let block = json!({"recording": cut, "status": "block"});
    for (side, code, says) in [
        (of(3), "conflict", "is open; stop it first"),
        (of(9), "not_found", "no recording"),
        (of(1), "bad_request", "as recording 1 is"),
        (of(4), "conflict", "no moment in common"),
        (
            json!({"recording": id(2).to_string(), "from_s": 6}),
            "bad_request",
            "from_s is 6 s",
        ),
        (
            json!({"recording": cut}),
            "conflict",
            "several ranges, which do not play by the clock",
        ),
    ] {
        let body = json!({"recordings": [of(1), side]});
        let (found, field, message) = the_box.refused("recording.mix", &body).await;
        assert_eq!(
            (found.as_str(), field.as_str()),
            (code, "recordings"),
            "{message}"
        );
        assert!(
            message.starts_with("recording 2: ") && message.contains(says),
            "{message}"
        );
    }
    let lesson = json!({"name": "lesson", "formats": ["hls"], "hls": {"encrypt": "aes-128"}});
    the_box.api.hls_keys().set(&[b"master".to_vec()], None);
    assert_eq!(the_box.ask("template.put", &lesson).await["ok"], true);
    for (more, code, field) in [
        (json!({"formats": ["hls"]}), "conflict", "formats"),
        (json!({"template": "none"}), "not_found", "template"),
        (json!({"template": "lesson"}), "conflict", "recordings"),
        (json!({"recordings": [of(1)]}), "bad_request", "recordings"),
    ] {
        let mut body = both();
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let (found, about, message) = the_box.refused("recording.mix", &body).await;
        assert_eq!((found.as_str(), about.as_str()), (code, field), "{message}");
    }
    // What is held back is not taken by who may not moderate it.
    let before = listed(&the_box).await;
    assert_eq!(the_box.ask("recording.review", &block).await["ok"], true);
    let held = json!({"recordings": [of(1), {"recording": cut}]});
    let (code, _, message) = the_box.refused("recording.mix", &held).await;
    assert_eq!(code, "conflict", "{message}");
    let pass = json!({"recording": cut, "status": "pass"});
    assert_eq!(the_box.ask("recording.review", &pass).await["ok"], true);
    // What a rule encrypts is HLS alone, also where it was recorded before.
    let rule = json!({"stream": "live/b", "template": "lesson"});
    assert_eq!(the_box.ask("rule.put", &rule).await["ok"], true);
    let (code, field, message) = the_box.refused("recording.mix", &both()).await;
    assert_eq!(
        (code.as_str(), field.as_str()),
        ("conflict", "recordings"),
        "{message}"
    );
    assert!(
        message.starts_with("recording 2: ") && message.contains("encrypted"),
        "{message}"
    );
    assert_eq!(listed(&the_box).await, before);
    the_box.done().await;
}

#[tokio::test]
async fn who_may_operate_one_stream_alone_puts_nothing_of_another_beside_it() {
    let the_box = a_box();
    two(&the_box).await;
    let scope = Scope {
        rights: Rights::ALL,
        streams: StreamSet::of([Pattern::try_from("live/a".to_owned()).unwrap()]),
        moderates: StreamSet::All,
    };
    let some = the_box.api.for_caller(Caller::http("some", scope));
    let refused = asked(&some, "recording.mix", &both()).await;
    assert_eq!(refused["error"]["code"], "not_found", "{refused}");
    let made = the_box.ask("recording.mix", &both()).await["result"]["recording"].clone();
    let got = asked(&some, "recording.get", &json!({"recording": made})).await;
    assert_eq!(got["error"]["code"], "not_found", "{got}");
    the_box.done().await;
}
