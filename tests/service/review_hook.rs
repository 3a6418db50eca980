//! `review.hook`: a service is asked about what a template holds back, sees frames of it, and its answer holds.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::delivered::{events, publish, push, rows, send};
use crate::support::http::get;
use crate::support::programme::Programme;
use crate::support::proxy::{Link, Proxy};
use crate::support::webhook::{Call, HANG_UP, Webhook};
use crate::support::{Service, home, typed, wait_until};

const STAFF: &str = "7d1f0c5ae29b4f63886b0e4f9a2c51d7";

/// A box that holds recordings of `live/*` back, and asks this address.
fn sections(url: &str) -> String {
    format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\ntoken_key = \"5b1f0c5ae29b4f63886b0e4f9a2c51d75b1f0c5ae29b4f63886b0e4f9a2c51d7\"\n\
         [[viewer]]\nname = \"staff\"\nkey = \"{STAFF}\"\nmay = [\"watch\", \"moderate\"]\n\
         [review]\nhook = \"{url}\"\nkey = \"s3cret-of-the-hook\"\nevery = \"1s\"\ntimeout = \"2s\"\n\
         [[template]]\nname = \"held\"\nformats = [\"hls\"]\nreview = \"before\"\nresume_window = \"0s\"\n[[rule]]\ntemplate = \"held\"\n"
    )
}

/// What the reviews of all recordings say, the oldest first.
fn reviews(service: &Service) -> Vec<Value> {
    let rows = rows(&service.data());
    rows.iter().map(|row| row["review"].clone()).collect()
}

fn say(client: &TcpStream, status: &str, body: &str) {
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = (&*client).write_all(text.as_bytes());
}

/// The paths of the frames that a question names.
fn frames(call: &Call) -> Vec<String> {
    let body = call.json();
    let frames = body["frames"].as_array().unwrap().iter();
    let path = |frame: &Value| {
        let url = frame["url"].as_str().unwrap();
        let rest = url.split_once("://").unwrap().1;
        rest[rest.find('/').unwrap()..].to_owned()
    };
    frames.map(path).collect()
}

fn health(home: &Path) -> Value {
    typed(home, &["device", "stats"])["review"].clone()
}

#[test]
fn a_service_sees_frames_of_a_recording_and_nothing_else_and_its_answer_holds() {
    let (home, webhook) = (home(), Webhook::start());
    let service = Service::start_with(home.path(), &sections(&webhook.url("/review?token=s3cret-token")));
    let door = service.http();
    let seen: Arc<Mutex<Vec<(String, u16)>>> = Arc::default();
    let out = seen.clone();
    webhook.take_over(move |call, client| {
        let paths = frames(call);
        let of = |path: &String| (path.clone(), get(door, path, &[]).status);
        let mut got: Vec<_> = paths.iter().map(of).collect();
        // The same token for other things.
        let id = call.json()["recording"].as_str().unwrap().to_owned();
        let token = paths[0].split('/').nth(2).unwrap();
        let others = [
            format!("/r/{id}/index.m3u8"),
            format!("/r/{id}/master.m3u8"),
            format!("/r/{id}.mp4"),
            "/r/01a1fe5e-3196-7000-8000-000000000000/frame.mp4".to_owned(),
            "/live/cam/frame.mp4".to_owned(),
            "/live/cam.m3u8".to_owned(),
            "/api/v1/recording.list".to_owned(),
            "/api/v1/events".to_owned(),
            "/metrics".to_owned(),
        ];
        got.extend(others.iter().map(|path| of(&format!("/t/{token}{path}"))));
        out.lock().unwrap().extend(got);
        say(
            client,
            "200 OK",
            "{\"status\":\"block\",\"reason\":\"a face\",\"score\":0.9}",
        );
        true
    });
    push(&service, "live/cam", 13, 0);
    wait_until("it to be blocked", || reviews(&service) == [json!("block")]);
    let row = rows(&service.data())[0].clone();
    assert_eq!(row["review_reason"], "a face");
    let call = webhook.calls()[0].clone();
    let body = call.json();
    assert_eq!(
        (
            &body["action"],
            &body["recording"],
            &body["stream"],
            &body["template"]
        ),
        (&json!("review"), &row["id"], &json!("live/cam"), &json!("held"))
    );
    assert_eq!((&body["start"], &body["end"]), (&row["start"], &row["end"]));
    let signature = edgereel::event::dialect::hmac_sha256_hex(b"s3cret-of-the-hook", call.body.as_bytes());
    assert_eq!(
        call.headers["x-edgereel-signature"],
        format!("sha256={signature}")
    );
    let paths = frames(&call);
    assert_eq!(paths.len(), 10);
    let seen = seen.lock().unwrap().clone();
    for (number, (path, status)) in seen.iter().enumerate() {
        let wanted = number < paths.len();
        assert_eq!(*status == 200, wanted, "{path}: {status}");
    }
    // It is blocked now, and nobody is asked again.
    assert_eq!(get(door, &paths[0], &[]).status, 403);
    let reviewed = events(&service.data(), "recording.reviewed");
    assert_eq!((reviewed.len(), &reviewed[0]["status"]), (1, &json!("block")));
    let audit = typed(home.path(), &["audit", "list"]);
    let entry = &audit["entries"][0];
    assert_eq!(
        (&entry["command"], &entry["who"], &entry["outcome"]),
        (&json!("recording.review"), &json!("review.hook"), &json!("ok"))
    );
    assert_eq!(health(home.path()), json!({ "waiting": 0 }));
    let token = paths[0].split('/').nth(2).unwrap();
    let log = service.log();
    for secret in [token, "s3cret"] {
        assert!(!log.contains(secret) && !audit.to_string().contains(secret));
    }
    let data = service.data();
    service.stop();
    for entry in std::fs::read_dir(&data).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        let found = bytes.windows(token.len()).any(|some| some == token.as_bytes());
        assert!(!found, "{}", entry.path().display());
    }
    let _service = Service::start_with(home.path(), &sections(&webhook.url("/review")));
    wait_until("a look", || health(home.path())["waiting"] == 0);
    assert_eq!(webhook.calls().len(), 1);
}

#[test]
fn a_service_sees_no_frame_of_tape_that_another_recording_blocks() {
    let (home, webhook) = (home(), Webhook::start());
    webhook.answer(|_| Some(202));
    let service = Service::start_with(home.path(), &sections(&webhook.url("/")));
    let (mut client, programme, mut next) = (
        publish(&service, "live/cam"),
        Programme::marked("live/cam", 0, 0),
        0,
    );
    let mut until = |seconds| send(&mut client, &programme, &mut next, seconds);
    until(6);
    let begun = typed(home.path(), &["recording", "start", "live/cam"]);
    let blocked = begun["recordings"][0].as_str().unwrap().to_owned();
    until(12);
    typed(home.path(), &["recording", "stop", &blocked]);
    until(20);
    client.unpublish("cam").unwrap();
    let of_rule = |call: &Call| call.json()["recording"] != json!(blocked);
    wait_until("the question", || webhook.calls().iter().any(of_rule));
    let call = webhook.calls().into_iter().find(of_rule).unwrap();
    let row = typed(home.path(), &["recording", "get", &blocked]);
    let micros = |time: &str| time.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let [from, to] = ["start", "end"].map(|name| micros(row[name].as_str().unwrap()));
    // The pictures, by the times that they are of; one at a border may belong to either side.
    let mut pictures: Vec<_> = Vec::new();
    for path in frames(&call) {
        let got = get(service.http(), &path, &[]);
        assert_eq!(got.status, 200, "{path}");
        let at = micros(got.header("x-edgereel-time").unwrap());
        if [from, to].iter().all(|border| (at - border).abs() > 200_000) {
            pictures.push((path, (from..to).contains(&at)));
        }
    }
    let count = |inside: bool| pictures.iter().filter(|(_, is)| *is == inside).count();
    assert!(count(true) > 0 && count(false) > 0, "{from} {to}: {pictures:?}");
    typed(home.path(), &["recording", "review", "block", &blocked]);
    for (path, is_blocked) in &pictures {
        let status = get(service.http(), path, &[]).status;
        assert_eq!(
            status,
            if *is_blocked { 403 } else { 200 },
            "{path}, {from} {to}: {pictures:?}"
        );
    }
}

#[test]
fn a_recording_stays_held_back_whatever_a_service_does_until_it_says_something() {
    let (home, webhook, other) = (home(), Webhook::start(), Webhook::start());
    let elsewhere = other.url("/");
    let number = Arc::new(Mutex::new(0));
    let sent = Arc::new(Mutex::new(0_u64));
    let flood = sent.clone();
    webhook.answer(|_| Some(HANG_UP));
    webhook.take_over(move |_, client| {
        let mut number = number.lock().unwrap();
        *number += 1;
        match *number {
            1 => return false,
            2 => say(client, "503 Busy", "{\"status\":\"pass\"}"),
            3 => {
                let text =
                    format!("HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n");
                let _ = (&*client).write_all(text.as_bytes());
            }
            4 => say(client, "200 OK", "<html>log in</html>"),
            5 => say(client, "200 OK", "{\"status\":\"maybe\"}"),
            6 => {
                let _ = (&*client).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
                let piece = vec![b' '; 64 << 10];
                while (&*client).write_all(&piece).is_ok() {
                    *flood.lock().unwrap() += 64 << 10;
                }
            }
            // It says nothing, and then half an answer.
            7 => std::thread::sleep(Duration::from_secs(3)),
            8 => {
                let _ = (&*client).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"status\":");
                std::thread::sleep(Duration::from_secs(3));
            }
            9 => say(client, "200 OK", ""),
            _ => say(client, "200 OK", "{\"status\":\"pass\"}"),
        }
        true
    });
    let service = Service::start_with(home.path(), &sections(&webhook.url("/")));
    push(&service, "live/cam", 3, 0);
    let mut said: Vec<String> = Vec::new();
    wait_until("it to be passed", || {
        let error = health(home.path())["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if !error.is_empty() && said.last() != Some(&error) {
            said.push(error);
            assert_eq!(reviews(&service), [json!("review")]);
        }
        reviews(&service) == [json!("pass")]
    });
    let has = |word: &str| said.iter().any(|error| error.contains(word));
    for word in [
        "503",
        "302",
        "no review",
        "maybe",
        "more than 4096",
        "no answer within 2 s",
        "without a review",
    ] {
        assert!(has(word), "{word}: {said:?}");
    }
    assert_eq!(webhook.calls().len(), 10);
    assert_eq!(other.calls().len(), 0);
    assert!(*sent.lock().unwrap() < 64 << 20);
    assert_eq!(health(home.path()), json!({ "waiting": 0 }));
    let log = service.log();
    assert!(log.contains("stays held back") && log.contains("answers again"));
}

#[test]
fn a_service_is_asked_until_it_answered_over_kills_and_slow_links() {
    let (home, webhook) = (home(), Webhook::start());
    webhook.answer(|_| None);
    let link = Proxy::start(webhook.address(), Link::Far(Duration::from_millis(300)));
    let config = sections(&format!("http://{}/", link.address()));
    let service = Service::start_with(home.path(), &config);
    push(&service, "live/a", 2, 0);
    wait_until("the first question", || webhook.calls().len() == 1);
    service.kill();
    // It is asked again, with a token of its own, and will say more later.
    webhook.answer(|_| Some(202));
    let service = Service::start_with(home.path(), &config);
    let answered = || {
        wait_until("the hook to have answered", || {
            health(home.path()) == json!({ "waiting": 0 })
        })
    };
    wait_until("the second question", || webhook.calls().len() == 2);
    answered();
    let calls = webhook.calls();
    assert_eq!(calls[0].json()["recording"], calls[1].json()["recording"]);
    assert_ne!(frames(&calls[0]), frames(&calls[1]));
    assert_eq!(reviews(&service), [json!("review")]);
    service.kill();
    let service = Service::start_with(home.path(), &config);
    // The link is slow, and the next recording is deleted while it is asked about.
    link.set(Link::Slow(3_000));
    webhook.answer(|_| None);
    push(&service, "live/b", 2, 0);
    wait_until("the third question", || webhook.calls().len() == 3);
    let third = webhook.calls()[2].json();
    assert_eq!(third["stream"], "live/b");
    let id = third["recording"].as_str().unwrap().to_owned();
    typed(home.path(), &["recording", "delete", &id, "--yes"]);
    answered();
    webhook.take_over(|_, client| {
        say(
            client,
            "200 OK",
            "{\"status\":\"review\",\"reason\":\"look at it\"}",
        );
        true
    });
    push(&service, "live/c", 2, 0);
    wait_until("the answer", || {
        let rows = rows(&service.data());
        rows.iter().any(|row| row["review_reason"] == "look at it")
    });
    answered();
    // What was to be said later is said by a command.
    let first = calls[0].json()["recording"].as_str().unwrap().to_owned();
    typed(home.path(), &["recording", "review", "pass", &first]);
    assert_eq!(reviews(&service), [json!("pass"), json!("review")]);
    // The link is dead: it is said, and a reload of the configuration asks elsewhere.
    link.set(Link::Dead);
    push(&service, "live/d", 2, 0);
    wait_until("the fault to be said", || {
        health(home.path())["error"].is_string()
    });
    let status = typed(home.path(), &["callback", "status"]);
    let row = &status["callbacks"][0];
    assert_eq!(
        (&row["name"], &row["waiting"]),
        (&json!("review.hook"), &json!(1))
    );
    assert!(row["error"].is_string() && row["next"].is_string(), "{row}");
    service.kill();
    let service = Service::start_with(home.path(), &sections(&webhook.url("/")));
    answered();
    assert_eq!(
        reviews(&service),
        [json!("pass"), json!("review"), json!("review")]
    );
}
