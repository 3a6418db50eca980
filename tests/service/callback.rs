//! Web services that receive events: in which dialect, how often, and what happens to events that they do not accept.

use std::path::Path;

use crate::support::broker::Broker;
use crate::support::contract;
use crate::support::delivered::{MP4, push};
use crate::support::fleet::{events, managed};
use crate::support::webhook::{HANG_UP, Webhook};
use crate::support::{Service, edgereel, home, wait_until};
use md5::{Digest as _, Md5};
use serde_json::Value;

/// `[[callback]]` with these lines.
fn callback(webhook: &Webhook, path: &str, more: &str) -> String {
    format!("\n[[callback]]\nurl = \"{}\"\n{more}\n", webhook.url(path))
}

/// `[sync]` to a folder, and one MP4 of each recording.
fn delivered_to(folder: &Path) -> String {
    format!("\n[sync]\nurl = \"file://{}\"\n{MP4}", folder.display())
}

/// The answer of the service's own socket.
fn ask(home: &Path, command: &str) -> Value {
    use std::io::{BufRead as _, Write as _};
    let mut socket = std::os::unix::net::UnixStream::connect(home.join("control.sock")).unwrap();
    writeln!(socket, "{{\"command\":\"{command}\"}}").unwrap();
    let mut line = String::new();
    std::io::BufReader::new(socket).read_line(&mut line).unwrap();
    let answer: Value = serde_json::from_str(&line).unwrap();
    contract::check_answer(command, &answer);
    answer["result"].clone()
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn events_are_told_as_cloudevents_and_signed() {
    let (home, webhook) = (home(), Webhook::start());
    let more = callback(
        &webhook,
        "/events?token=s3cret-token",
        "key = \"s3cret-key\"\nevents = [\"recording.*\"]",
    );
    let service = Service::start_with(home.path(), &more);
    push(&service, "live/cam", 2, 0);
    wait_until("both to be told", || webhook.calls().len() == 2);
    for (call, kind) in webhook
        .calls()
        .iter()
        .zip(["recording.started", "recording.closed"])
    {
        assert_eq!(
            (call.method.as_str(), call.path.as_str()),
            ("POST", "/events?token=s3cret-token")
        );
        contract::check("x", &format!("x/event/{kind}"), call.body.as_bytes());
        assert_eq!(
            call.headers["content-type"],
            "application/cloudevents+json; charset=utf-8"
        );
        assert_eq!(
            (&call.json()["type"], &call.json()["specversion"]),
            (&kind.into(), &"1.0".into())
        );
        let signature = edgereel::event::dialect::hmac_sha256_hex(b"s3cret-key", call.body.as_bytes());
        assert_eq!(
            call.headers["x-edgereel-signature"],
            format!("sha256={signature}")
        );
    }
    let status = ask(home.path(), "callback.status");
    assert_eq!(
        (
            &status["callbacks"][0]["waiting"],
            &status["callbacks"][0]["given_up"]
        ),
        (&0.into(), &0.into())
    );
    assert!(!status.to_string().contains("s3cret") && !service.log().contains("s3cret"));
    service.stop();
    // The next run does not send an event again that was accepted.
    let service = Service::start_with(home.path(), &more);
    push(&service, "live/cam", 2, 0);
    wait_until("what is new to be told", || webhook.calls().len() == 4);
}

#[test]
fn a_file_is_told_of_as_tencent_does() {
    let (home, out, webhook) = (home(), crate::support::home(), Webhook::start());
    let more = callback(&webhook, "/tc", "dialect = \"tencent\"\nkey = \"tckey\"");
    let service = Service::start_with(home.path(), &(more + &delivered_to(out.path())));
    push(&service, "live/cam", 3, 0);
    let of = |kind: u64| {
        let calls = webhook.calls().into_iter().map(|call| call.json());
        calls
            .filter(|body| body["event_type"] == kind)
            .collect::<Vec<_>>()
    };
    wait_until("the file to be told of", || !of(100).is_empty());
    wait_until("the end to be told of", || !of(0).is_empty());
    let file = &of(100)[0];
    assert_eq!(
        (&file["appname"], &file["stream_id"], &file["file_format"]),
        (&"live".into(), &"cam".into(), &"mp4".into())
    );
    let size = std::fs::metadata(
        file["video_url"]
            .as_str()
            .unwrap()
            .strip_prefix("file://")
            .unwrap(),
    )
    .unwrap()
    .len();
    assert_eq!(file["file_size"], size);
    for body in webhook.calls().iter().map(|call| call.json()) {
        let topic = format!("x/tencent/{}", body["event_type"]);
        contract::check("x", &topic, body.to_string().as_bytes());
        assert_eq!(body["sign"], md5(&format!("tckey{}", body["t"])), "{body}");
    }
    assert_eq!((of(1).len(), of(0).len()), (1, 1));
    let states: Vec<Value> = of(332).iter().map(|body| body["record_event"].clone()).collect();
    assert_eq!(states, ["record_start_succeeded", "record_ended"]);
}

#[test]
fn a_publish_and_a_file_are_told_of_as_aliyun_does() {
    let (home, out, webhook) = (home(), crate::support::home(), Webhook::start());
    let more = callback(&webhook, "/al?a=b", "dialect = \"aliyun\"\nkey = \"alkey\"");
    let service = Service::start_with(home.path(), &(more + &delivered_to(out.path())));
    push(&service, "live/cam", 3, 0);
    wait_until("all to be told", || webhook.calls().len() >= 4);
    let calls = webhook.calls();
    let begun = calls.iter().find(|call| call.method == "GET").unwrap();
    assert!(
        begun.path.starts_with("/al?a=b&") && begun.path.contains("action=publish&"),
        "{}",
        begun.path
    );
    for call in &calls {
        let timestamp = &call.headers["ali-live-timestamp"];
        assert_eq!(
            call.headers["ali-live-signature"],
            md5(&format!("127.0.0.1|{timestamp}|alkey"))
        );
    }
    let file = calls
        .iter()
        .filter(|call| call.method == "POST")
        .map(|call| call.json());
    let file = file.into_iter().find(|body| body.get("uri").is_some()).unwrap();
    assert!(file["uri"].as_str().unwrap().ends_with(".mp4"), "{file}");
}

#[test]
fn what_is_not_taken_is_told_again_and_then_kept_until_somebody_asks() {
    let (home, webhook) = (home(), Webhook::start());
    let more = callback(
        &webhook,
        "/",
        "tries = 3\nevery = \"1s\"\ntimeout = \"1s\"\nevents = [\"recording.closed\"]",
    );
    // The service refuses events in one way after the other.
    let mut ways = [Some(500), Some(302), None].into_iter();
    webhook.answer(move |call| {
        if call.json()["data"]["stream"] == "live/poison" {
            ways.next().unwrap()
        } else {
            Some(204)
        }
    });
    let service = Service::start_with(home.path(), &more);
    push(&service, "live/poison", 2, 0);
    push(&service, "live/good", 2, 0);
    let of = |stream: &str| {
        let calls = webhook.calls().into_iter();
        calls
            .filter(|call| call.json()["data"]["stream"] == stream)
            .count()
    };
    // Other callbacks do not wait for this one.
    wait_until("the other to be told", || of("live/good") == 1);
    let given_up = || ask(home.path(), "callback.status")["callbacks"][0]["given_up"] == 1;
    wait_until("it to be given up", given_up);
    assert_eq!(of("live/poison"), 3);
    service.kill();
    let _service = Service::start_with(home.path(), &more);
    assert!(given_up());
    webhook.answer(|_| Some(200));
    let done = edgereel(&[
        "callback",
        "retry",
        "--socket",
        home.path().join("control.sock").to_str().unwrap(),
    ]);
    done.ok();
    wait_until("it to be told", || of("live/poison") == 4);
    wait_until("nothing to be left", || {
        ask(home.path(), "callback.status")["callbacks"][0]["given_up"] == 0
    });
    let ids: Vec<Value> = webhook
        .calls()
        .iter()
        .map(|call| call.json()["id"].clone())
        .collect();
    assert_eq!(ids.iter().filter(|id| **id == ids[0]).count(), 4);
}

#[test]
fn a_service_that_closes_kept_connections_hears_all_in_order_at_once() {
    let (home, webhook) = (home(), Webhook::start());
    // Node and gunicorn do this to an idle connection: the second call on it gets no answer.
    webhook.answer(|call| match call.place {
        0 => Some(200),
        _ => Some(HANG_UP),
    });
    // The second call must not come from a later try.
    let service = Service::start_with(home.path(), &callback(&webhook, "/", "every = \"1h\""));
    push(&service, "live/one", 2, 0);
    push(&service, "live/two", 2, 0);
    let taken = || -> Vec<Value> {
        let calls = webhook.calls().into_iter().filter(|call| call.place == 0);
        calls.map(|call| call.json()).collect()
    };
    wait_until("the last recording to be told of", || {
        let closed = |body: &Value| body["type"].as_str().unwrap().ends_with("recording.closed");
        taken().iter().filter(|body| closed(body)).count() == 2
    });
    assert!(webhook.calls().iter().any(|call| call.place > 0), "none was kept");
    let numbers: Vec<u64> = taken()
        .iter()
        .map(|body| body["sequence"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(numbers.is_sorted_by(|one, next| one + 1 == *next), "{numbers:?}");
    let status = ask(home.path(), "callback.status");
    assert_eq!(status["callbacks"][0]["waiting"], 0, "{status}");
}

#[test]
fn a_service_that_hangs_up_each_time_is_not_asked_again_at_once() {
    let (home, webhook) = (home(), Webhook::start());
    webhook.answer(|_| Some(HANG_UP));
    let more = callback(&webhook, "/", "every = \"1h\"\nevents = [\"recording.closed\"]");
    let service = Service::start_with(home.path(), &more);
    push(&service, "live/one", 2, 0);
    wait_until("it to be left for later", || {
        ask(home.path(), "callback.status")["callbacks"][0]["waiting"] == 1
    });
    assert_eq!(webhook.calls().len(), 1);
}

#[test]
fn the_broker_and_a_service_each_hear_everything_though_one_is_away() {
    let (home, webhook, mut broker) = (home(), Webhook::start(), Broker::start());
    broker.stop();
    let more = managed(
        &broker,
        "dialects = [\"cloudevents\", \"tencent\"]\nsign_key = \"tckey\"",
    ) + &callback(&webhook, "/", "");
    let service = Service::start_with(home.path(), &more);
    for number in 0..3 {
        push(&service, &format!("live/cam{number}"), 2, 0);
    }
    wait_until("the service to hear all", || webhook.calls().len() == 13);
    assert!(broker.messages().is_empty());
    broker.resume();
    wait_until("the broker to hear all", || events(&broker).len() == 13);
    wait_until("nothing to wait any more", || {
        ask(home.path(), "device.stats")["outbox"]["events"] == 0
    });
    let messages = broker.messages();
    let begun: Vec<Value> = messages
        .iter()
        .filter(|message| message.topic == "edgereel/box-17/tencent/1")
        .map(|message| message.json())
        .collect();
    assert_eq!(begun.len(), 3);
    assert!(
        begun
            .iter()
            .all(|body| body["sign"] == md5(&format!("tckey{}", body["t"])))
    );
}
