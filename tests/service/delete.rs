//! Deletion as a person meets it: the question, and the report of what is left.

use std::path::Path;

use serde_json::{Value, json};

use crate::control::{CAM, Line, ON_DEMAND, closed, live};
use crate::support::broker::Broker;
use crate::support::bucket::Bucket;
use crate::support::delivered::{rows, sync_to};
use crate::support::feed::{Feed, Plan};
use crate::support::fleet::{ask, managed, status};
use crate::support::{
    Done, Service, edgereel_of, home, publish_file, recordings, sample_path, typed, wait_for, wait_until,
};
use crate::terminal::at_a_terminal;

fn delete(home: &Path, more: &[&str]) -> Done {
    edgereel_of(home, &[&["recording", "delete"], more].concat())
}

#[test]
fn who_deletes_is_asked_at_a_terminal_and_hears_that_it_waits() {
    let home = home();
    let home = home.path();
    let service = Service::start(home);
    let data = service.data();
    let feed = live(&service, CAM);
    wait_until("a recording of the rule", || !recordings(&data).is_empty());
    let started = typed(home, &["recording", "start", CAM]);
    let id = started["recordings"][0].as_str().unwrap();
    let is_there = || recordings(&data).iter().any(|row| row.id == id);
    wait_until("another one", is_there);
    // No further keyframe comes with which the segment would end.
    feed.hold();
    typed(home, &["recording", "stop", CAM]);
    closed(home, id);

    let config = home.join("edgereel.toml");
    let words = ["recording", "delete", id, "--config", config.to_str().unwrap()];
    for typed in ["n\n", "\n", ""] {
        let (code, seen) = at_a_terminal(&[], &words, typed);
        assert_eq!(code, Some(1), "{typed:?}: {seen}");
        assert!(
            seen.contains("Remove recording ") && seen.contains("live/cam1"),
            "{seen}"
        );
        assert!(seen.contains(" for good? [y/N] "), "{seen}");
        assert!(
            seen.contains("nothing was removed") && is_there(),
            "{typed:?}: {seen}"
        );
    }
    // The segment in which the recording ends is still being written for the rule.
    let (code, seen) = at_a_terminal(&[], &words, "y\n");
    assert_eq!(code, Some(0), "{seen}");
    assert!(
        seen.contains("its footage is removed within minutes, also after a power cut"),
        "{seen}"
    );
    let again = typed(home, &["recording", "delete", id, "--yes"]);
    assert_eq!(again["waits"], true, "{again}");
    assert!(again.get("left_s").is_none(), "{again}");
    feed.over();
    wait_until("it to be gone", || !is_there());
    service.stop();
}

type Door<'a> = &'a mut dyn FnMut(&str, Value) -> Value;

/// Each way of giving the command.
#[test]
fn what_was_just_stopped_can_be_deleted() {
    let (home, broker) = (home(), Broker::start());
    let home = home.path();
    let service = Service::start_with(home, &format!("{ON_DEMAND}{}", managed(&broker, "")));
    status(&broker, "up");
    let data = service.data();
    let _feed = live(&service, CAM);
    let mut line = Line::open(&service);
    let mut socket = |command: &str, mut request: Value| {
        request["command"] = command.into();
        line.ask(&request)
    };
    let mut places = 0..;
    let mut mqtt = |command: &str, request: Value| {
        let place = places.next().unwrap_or(0);
        ask(&broker, command, &request, &format!("at{place}"))
    };
    let mut typed = |command: &str, request: Value| {
        let words: Vec<&str> = command.split('.').collect();
        let which = request["recording"]
            .as_str()
            .or(request["stream"].as_str())
            .unwrap();
        let yes: &[&str] = if words[1] == "delete" { &["--yes"] } else { &[] };
        json!({ "ok": true, "result": typed(home, &[&words[..], &[which], yes].concat()) })
    };
    for door in [&mut typed as Door<'_>, &mut socket, &mut mqtt] {
        let started = door("recording.start", json!({ "stream": CAM }));
        let id = &started["result"]["recordings"][0];
        let begun = || {
            recordings(&data)
                .iter()
                .any(|row| id == row.id.as_str() && row.bytes > 0)
        };
        wait_until("something of it to be on the tape", begun);
        let stopped = door("recording.stop", json!({ "stream": CAM }));
        assert_eq!(stopped["result"]["recordings"][0], *id, "{stopped}");
        let deleted = door("recording.delete", json!({ "recording": id }));
        assert_eq!(deleted["ok"], true, "{deleted}");
        assert_eq!(deleted["result"]["left_s"], 0.0, "{deleted}");
        assert!(recordings(&data).is_empty(), "{:?}", recordings(&data));
    }
    service.stop();
}

/// The recording is delivered while it is recorded, and its last chunks are on their way when it is deleted.
#[test]
fn what_was_just_stopped_is_deleted_with_what_was_delivered_of_it() {
    let (home, dir) = (home(), crate::support::home());
    let (home, bucket) = (home.path(), Bucket::start(dir.path()));
    let template = "[[template]]\nname = \"live\"\nformats = [\"hls\", \"mp4\"]\nresume_window = \"0s\"\n\
                    [[rule]]\nrecord = \"on-demand\"\ntemplate = \"live\"\n";
    let service = Service::start_with(home, &(sync_to(&bucket, "when = \"live\"") + template));
    let plan = Plan {
        stream: CAM,
        speed: 4.0,
        length: None,
        weight: 0,
    };
    let feed = Feed::start(service.address(), plan, 0);
    wait_until("the stream to be on the air", || feed.taken() > 500);
    let start = || {
        let started = typed(home, &["recording", "start", CAM]);
        started["recordings"][0].as_str().unwrap().to_owned()
    };
    let there = |id: &str| {
        let of = |key: &String| key.contains(id);
        bucket.objects().keys().filter(|key| of(key)).count()
    };
    let id = start();
    wait_until("some of it to be delivered", || there(&id) > 2);
    typed(home, &["recording", "stop", CAM]);
    let deleted = typed(home, &["recording", "delete", &id, "--remote", "true", "--yes"]);
    assert_eq!(deleted["left_s"], 0.0, "{deleted}");
    wait_until("it to be gone there", || there(&id) == 0);

    // Another recording is delivered after it: everything that was on its way has arrived by then.
    let next = start();
    wait_until("some of the next to be delivered", || there(&next) > 2);
    typed(home, &["recording", "stop", CAM]);
    wait_until("the next to be delivered", || {
        rows(&service.data())
            .iter()
            .all(|row| row["state"] == "delivered")
    });
    assert_eq!(there(&id), 0, "{:?}", bucket.objects().keys());
    assert_eq!(bucket.uploads(), []);
    feed.over();
    service.stop();
}

#[test]
fn what_was_delivered_and_what_will_not_be_is_said() {
    let home = home();
    let home = home.path();
    let store = home.join("store");
    std::fs::create_dir(&store).unwrap();
    let service = Service::start_with(home, &format!("\n[sync]\nurl = \"file://{}\"\n", store.display()));
    let data = service.data();
    let push = || publish_file(&sample_path(), &service.url(CAM));
    let in_state = |state: &str| {
        let state = state.to_owned();
        wait_for("a recording", || {
            recordings(&data).into_iter().find(|row| row.state == state)
        })
        .id
    };
    push();
    let id = in_state("delivered");
    let said = delete(home, &[&id, "--yes"]).ok();
    assert!(
        said.stderr
            .contains("2 of its files stay where they were delivered to; '--remote true'"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("not delivered"), "{}", said.stderr);
    assert!(store.join("live").is_dir());

    // The folder to which the next recording would be delivered is gone.
    std::fs::rename(&store, home.join("elsewhere")).unwrap();
    push();
    let id = in_state("closed");
    let waits = || {
        let row = typed(home, &["recording", "get", &id]);
        let waiting = row["renditions"].as_array().map_or(0, Vec::len);
        waiting == 2
    };
    wait_until("its files to wait", waits);
    let answer = typed(home, &["recording", "delete", &id, "--yes"]);
    assert_eq!(answer["given_up"], 2, "{answer}");
    assert!(answer.get("still_delivered").is_none(), "{answer}");
    service.stop();
}
