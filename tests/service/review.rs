//! Reviews: what is blocked is on no path, not delivered, and gone from the store of objects; and comes back when it is passed.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::bucket::{Bucket, Verdict, error};
use crate::support::delivered::{HEAVY, MP4, all_delivered, as_exported, events, push, rows, sync_to};
use crate::support::http::{Reply, ask, get};
use crate::support::service::data_dir;
use crate::support::{Service, edgereel_of, home, record_sample, typed, wait_until};

const STAFF: &str = "7d1f0c5ae29b4f63886b0e4f9a2c51d7";
const GUEST: &str = "8e1f0c5ae29b4f63886b0e4f9a2c51d8";

fn sections(more: &str) -> String {
    format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\n\
         [[viewer]]\nname = \"staff\"\nkey = \"{STAFF}\"\nmay = [\"watch\", \"download\", \"operate\", \"moderate\"]\n\
         [[viewer]]\nname = \"guest\"\nkey = \"{GUEST}\"\nmay = [\"watch\", \"download\", \"operate\"]\n{more}"
    )
}

fn seen(door: SocketAddr, key: &str, path: &str) -> Reply {
    get(door, path, &[("Authorization", &format!("Bearer {key}"))])
}

fn command(door: SocketAddr, key: &str, name: &str, arguments: &Value) -> Reply {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let body = arguments.to_string();
    ask(
        door,
        "POST",
        &format!("/api/v1/{name}"),
        &headers,
        body.as_bytes(),
    )
}

/// Waits until the bucket has nothing.
fn nothing_left(bucket: &Bucket) {
    let left = || (bucket.objects().into_keys().collect::<Vec<_>>(), bucket.uploads());
    let nothing = (Vec::new(), Vec::new());
    for _ in 0..2_400 {
        if left() == nothing {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(left(), nothing);
}

/// Reviews a recording by the command line, and gives the answer.
fn review(home: &Path, id: &str, status: &str) -> Value {
    typed(home, &["recording", "review", status, id, "--reason", "a test"])
}

/// The addresses of media of the only recording, its stream and a channel, with the status that a guest gets when nothing is held back.
fn paths(door: SocketAddr, id: &str) -> Vec<String> {
    let playlist = |path: &str| {
        let text = seen(door, STAFF, path);
        assert_eq!(text.status, 200, "{path}: {}", text.text());
        text.text().to_owned()
    };
    let first = |text: &str| {
        text.lines()
            .find(|line| !line.starts_with('#'))
            .unwrap()
            .to_owned()
    };
    let row = command(door, STAFF, "recording.get", &json!({ "recording": id })).json();
    let (start, end) = (row["result"]["start"].clone(), row["result"]["end"].clone());
    let shift = format!(
        "/live/cam1.m3u8?start={}&end={}",
        start.as_str().unwrap(),
        end.as_str().unwrap()
    );
    let (live, channel) = (playlist("/live/cam1.m3u8"), playlist("/channel/c.m3u8"));
    vec![
        format!("/r/{id}/index.m3u8"),
        format!("/r/{id}/master.m3u8"),
        format!("/r/{id}/iframes.m3u8"),
        format!("/r/{id}/{}", first(&playlist(&format!("/r/{id}/index.m3u8")))),
        format!("/r/{id}.mp4"),
        format!("/r/{id}.mp4?download=1"),
        format!("/r/{id}.fmp4"),
        format!("/r/{id}.flv"),
        format!("/r/{id}.m4a"),
        format!("/r/{id}.aac"),
        format!("/r/{id}/frame.mp4"),
        "/live/cam1.m3u8".to_owned(),
        "/live/cam1/master.m3u8".to_owned(),
        format!("/live/{}", first(&live)),
        "/live/cam1/frame.mp4".to_owned(),
        format!("/live/{}", first(&playlist(&shift))),
        shift,
        format!("/channel/{}", first(&channel)),
    ]
}

#[test]
fn what_is_blocked_is_on_no_path_and_only_a_moderator_plays_it() {
    let home = home();
    let service = Service::start_with(home.path(), &sections(""));
    let (door, id) = (service.http(), record_sample(&service, "live/cam1").id);
    let put = json!({ "name": "c", "items": [id], "play": "loop" });
    let put = command(door, STAFF, "channel.put", &put).json();
    assert_eq!(put["ok"], true, "{put}");
    wait_until("the channel to begin", || {
        seen(door, STAFF, "/channel/c.m3u8").status == 200
    });
    let paths = paths(door, &id);
    let all = |door, key: &str, wanted: u16| {
        for path in &paths {
            let got = seen(door, key, path);
            assert_eq!(
                got.status,
                wanted,
                "{path}: {}",
                String::from_utf8_lossy(&got.body)
            );
        }
    };
    all(door, GUEST, 200);
    let refused = command(
        door,
        GUEST,
        "recording.review",
        &json!({ "recording": id, "status": "block" }),
    );
    assert_eq!(refused.status, 403);
    let blocked = review(home.path(), &id, "block");
    assert_eq!(
        (&blocked["status"], &blocked["shares_tape"]),
        (&json!("block"), &json!([]))
    );
    all(door, GUEST, 403);
    all(door, STAFF, 200);
    let listed = |door, key: &str, name: &str, body: Value| command(door, key, name, &body).json();
    for (key, count) in [(GUEST, 0), (STAFF, 1)] {
        for name in ["recording.list", "recording.search"] {
            let list = listed(door, key, name, json!({}));
            assert_eq!(
                list["result"]["recordings"].as_array().unwrap().len(),
                count,
                "{list}"
            );
        }
    }
    let row = listed(door, STAFF, "recording.search", json!({ "review": "block" }));
    assert_eq!(row["result"]["recordings"][0]["review_reason"], "a test", "{row}");
    assert_eq!(
        listed(door, GUEST, "recording.get", json!({ "recording": id }))["error"]["code"],
        "not_found"
    );
    let clip = json!({ "stream": "live/cam1", "before_s": 3_600, "after_s": 0 });
    assert_eq!(
        listed(door, STAFF, "clip.create", clip.clone())["error"]["code"],
        "conflict"
    );
    service.kill();

    let service = Service::start_with(home.path(), &sections(""));
    let door = service.http();
    for path in paths.iter().filter(|path| path.starts_with("/r/")) {
        assert_eq!(seen(door, GUEST, path).status, 403, "{path}");
    }
    review(home.path(), &id, "pass");
    for path in paths.iter().filter(|path| path.starts_with("/r/")) {
        assert_eq!(seen(door, GUEST, path).status, 200, "{path}");
    }
    for (recording, status, reason, code, why) in [
        ("none", "block", "x".to_owned(), "not_found", "no recording"),
        (&id, "blocked", "x".to_owned(), "bad_request", "blocked"),
        (&id, "block", "ü".repeat(65), "bad_request", "130 bytes"),
        (&id, "block", "x".repeat(60_000), "bad_request", "60000 bytes"),
        (&id, "block", "a\u{202e}b".to_owned(), "bad_request", "U+202E"),
    ] {
        let body = json!({ "recording": recording, "status": status, "reason": reason });
        let error = command(door, STAFF, "recording.review", &body).json()["error"].clone();
        let message = error["message"].as_str().unwrap();
        assert!(error["code"] == code && message.contains(why), "{error}");
    }
    edgereel_of(home.path(), &["recording", "review", "block", "none"]).failed(1, &["no recording"]);
}

#[test]
fn a_recording_that_is_reviewed_first_is_delivered_and_seen_when_it_is_passed() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start_near(dir.path());
    let rule = "[[template]]\nname = \"first\"\nreview = \"before\"\nformats = [\"mp4\", \"hls\"]\n[[rule]]\ntemplate = \"first\"\n";
    let config = sections(&(sync_to(&bucket, "when = \"live\"") + rule));
    let service = Service::start_with(home.path(), &config);
    push(&service, "live/cam1", 9, 0);
    wait_until("it to be closed", || {
        rows(&service.data()).iter().all(|row| row["state"] == "closed")
    });
    let row = rows(&service.data()).remove(0);
    let id = row["id"].as_str().unwrap();
    assert_eq!(row["review"], "review");
    let door = service.http();
    assert_eq!(seen(door, GUEST, &format!("/r/{id}.mp4")).status, 403);
    assert_eq!(seen(door, GUEST, "/live/cam1.m3u8").status, 403);
    assert_eq!(seen(door, STAFF, "/live/cam1.m3u8").status, 200);
    assert!(bucket.objects().is_empty() && bucket.uploads().is_empty());
    review(home.path(), id, "pass");
    wait_until("it to be delivered", || all_delivered(&service.data(), 1));
    assert_eq!(seen(door, GUEST, &format!("/r/{id}.mp4")).status, 200);
    as_exported(&service.data(), &bucket);
    let told = events(&service.data(), "recording.reviewed");
    assert_eq!(
        (told.len(), &told[0]["status"], &told[0]["reason"]),
        (1, &json!("pass"), &json!("a test"))
    );
}

#[test]
fn a_block_at_any_step_of_a_delivery_leaves_nothing_and_a_pass_delivers_it() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start_near(dir.path());
    let config = sync_to(&bucket, "when = \"finished\"")
        + "\n[[template]]\nname = \"both\"\nformats = [\"mp4\", \"hls\"]\nresume_window = \"0s\"\n[[rule]]\ntemplate = \"both\"\n";
    let service = Service::start_with(home.path(), "");
    push(&service, "live/cam", 13, 2 * HEAVY);
    service.stop();
    let data = data_dir(home.path());
    let id = rows(&data)[0]["id"].as_str().unwrap().to_owned();
    let mut steps = 0;
    for request in (1_usize..).step_by(4) {
        let (reached, wait) = std::sync::mpsc::channel();
        let mut count = 0;
        bucket.judge(move |_| {
            count += 1;
            if count == request {
                let _ = reached.send(());
            }
            // From this request on, the service gets no answer.
            if count >= request {
                Verdict::Hang
            } else {
                Verdict::Pass
            }
        });
        let service = Service::start_with(home.path(), &config);
        review(home.path(), &id, "pass");
        wait_until("the request, or the end", || {
            wait.try_recv().is_ok() || all_delivered(&data, 1)
        });
        let is_over = all_delivered(&data, 1);
        // It is blocked while the request is on its way, with a power cut behind it or without, or after a power cut.
        let is_cut = steps % 3 != 1;
        if steps % 3 != 0 {
            review(home.path(), &id, "block");
        }
        let service = if is_cut {
            service.kill();
            bucket.behave();
            Service::start_with(home.path(), &config)
        } else {
            bucket.behave();
            service
        };
        if steps % 3 == 0 {
            review(home.path(), &id, "block");
        }
        nothing_left(&bucket);
        service.stop();
        assert!(bucket.objects().is_empty() && bucket.uploads().is_empty());
        steps += 1;
        if is_over {
            break;
        }
    }
    let service = Service::start_with(home.path(), &config);
    review(home.path(), &id, "pass");
    wait_until("it to be delivered again", || all_delivered(&data, 1));
    as_exported(&data, &bucket);
    drop(service);
    assert!(steps > 2, "{steps}");
}

/// True where every object has a tag that says this.
fn all_say(bucket: &Bucket, status: &str) -> bool {
    let tag = format!("<Key>edgereel-review</Key><Value>{status}</Value>");
    let says = |key: &String| bucket.tags(key).is_some_and(|tags| tags.contains(&tag));
    bucket.objects().keys().all(says)
}

#[test]
fn what_was_delivered_is_tagged_whatever_kills_the_service() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start(dir.path());
    let config = sync_to(&bucket, "on_block = \"tag\"\nlifecycle = \"tag\"")
        + "\n[[template]]\nname = \"both\"\nformats = [\"mp4\", \"hls\"]\nresume_window = \"0s\"\nstorage_time = \"30d\"\n\
           [[rule]]\ntemplate = \"both\"\n";
    let mut service = Service::start_with(home.path(), &config);
    push(&service, "live/cam", 13, 0);
    let data = data_dir(home.path());
    wait_until("it to be delivered", || all_delivered(&data, 1));
    let id = rows(&data)[0]["id"].as_str().unwrap().to_owned();
    // The service is killed at the first, the fourth and the last object that it tags.
    let most = bucket.objects().len();
    for (request, status) in [(1, "block"), (4, "pass"), (most, "block")] {
        let (reached, wait) = std::sync::mpsc::channel();
        let mut count = 0;
        bucket.judge(move |asked| {
            count += usize::from(asked.query.contains("tagging"));
            if count < request {
                return Verdict::Pass;
            }
            let _ = reached.send(());
            Verdict::Hang
        });
        review(home.path(), &id, status);
        wait_until("the request", || wait.try_recv().is_ok());
        assert!(!all_say(&bucket, status));
        service.kill();
        bucket.behave();
        service = Service::start_with(home.path(), &config);
        wait_until("all to be tagged", || all_say(&bucket, status));
    }
    // What a rule of the bucket goes by stays, and so do the files.
    for key in bucket.objects().keys().filter(|key| !key.contains(".m4s")) {
        let days = bucket.tags(key).unwrap().contains("edgereel-days");
        let is_told = key.ends_with("index.m3u8") || (key.ends_with(".mp4") && !key.ends_with("init.mp4"));
        assert_eq!(days, is_told, "{key}");
    }
    assert_eq!(rows(&data)[0]["state"], "delivered");
    as_exported(&data, &bucket);
}

#[test]
fn a_store_that_knows_no_tags_is_named_and_one_that_takes_them_for_objects_keeps_none() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start_near(dir.path());
    let error = "<Error><Code>NotImplemented</Code><Message>no tags here</Message></Error>";
    bucket.judge_all(move |asked| {
        if asked.query.contains("tagging") {
            Verdict::Say(501, error.to_owned())
        } else {
            Verdict::Pass
        }
    });
    let config = sync_to(&bucket, "on_block = \"tag\"") + MP4;
    let service = Service::start_with(home.path(), &config);
    push(&service, "live/cam", 2, 0);
    let data = data_dir(home.path());
    wait_until("it to be delivered", || all_delivered(&data, 1));
    let id = rows(&data)[0]["id"].as_str().unwrap().to_owned();
    let check = typed(home.path(), &["sync", "check"]);
    let step = |check: &Value| {
        let steps = check["steps"].as_array().unwrap().iter();
        steps.clone().find(|step| step["step"] == "tag").unwrap().clone()
    };
    assert_eq!((&check["ok"], &step(&check)["ok"]), (&json!(true), &json!(false)));
    review(home.path(), &id, "block");
    let status = || typed(home.path(), &["sync", "status"]);
    wait_until("the refusal to be shown", || status()["failed"] != json!([]));
    let failed = status()["failed"][0].clone();
    let reason = failed["reason"].as_str().unwrap();
    assert!(
        reason.contains("501") && reason.contains("no tags here"),
        "{failed}"
    );
    assert_eq!(events(&data, "sync.error").len(), 1);
    assert_eq!(bucket.objects().len(), 1);
    // A gateway takes the tag for an object.
    let root = dir.path().to_owned();
    bucket.judge(move |asked| {
        if !asked.query.contains("tagging") {
            return Verdict::Pass;
        }
        std::fs::write(root.join(asked.path.trim_start_matches('/')), "<Tagging/>").unwrap();
        Verdict::SayAs(200, vec![("etag", "\"another\"".to_owned())], String::new())
    });
    typed(home.path(), &["sync", "retry"]);
    nothing_left(&bucket);
    assert_eq!(events(&data, "sync.error").len(), 2);
    review(home.path(), &id, "pass");
    wait_until("it to be delivered again", || all_delivered(&data, 1));
    as_exported(&data, &bucket);
    // From now on this store gets no tags.
    review(home.path(), &id, "block");
    wait_until("it to be refused", || status()["failed"] != json!([]));
    as_exported(&data, &bucket);
}

#[test]
fn a_tag_that_fails_delays_no_removal_is_named_and_goes_on_where_it_was() {
    let (home, dir) = (home(), crate::support::home());
    let bucket = Bucket::start_near(dir.path());
    let config = sync_to(&bucket, "on_block = \"tag\"")
        + "\n[[template]]\nname = \"hls\"\nformats = [\"hls\"]\nresume_window = \"0s\"\n[[rule]]\ntemplate = \"hls\"\n";
    let service = Service::start_with(home.path(), &config);
    for stream in ["live/blocked", "live/deleted", "live/other"] {
        push(&service, stream, 13, 0);
    }
    let data = data_dir(home.path());
    wait_until("all to be delivered", || all_delivered(&data, 3));
    let id = |stream: &str| {
        let rows = rows(&data);
        let row = rows.iter().find(|row| row["stream"] == stream).unwrap();
        row["id"].as_str().unwrap().to_owned()
    };
    let (blocked, deleted, other) = (id("live/blocked"), id("live/deleted"), id("live/other"));
    // Three objects get their tag, and the fourth none.
    let mut count = 0;
    let (reached, wait) = std::sync::mpsc::channel();
    bucket.judge(move |asked| {
        count += usize::from(asked.query.contains("tagging"));
        if count <= 3 || !asked.query.contains("tagging") {
            return Verdict::Pass;
        }
        let _ = reached.send(());
        Verdict::Say(503, error("ServiceUnavailable", "come back later"))
    });
    review(home.path(), &blocked, "block");
    wait_until("the failure", || wait.try_recv().is_ok());
    edgereel_of(
        home.path(),
        &["recording", "delete", &deleted, "--remote", "true", "--yes"],
    )
    .ok();
    wait_until("the removal", || {
        bucket.objects().keys().all(|key| !key.contains("live/deleted"))
    });
    let status = || typed(home.path(), &["sync", "status"]);
    let mut turn = false;
    wait_until("the failure to be shown", || {
        // The box looks at once for what it is to tag, and not in 10 s.
        turn = !turn;
        review(home.path(), &other, if turn { "review" } else { "pass" });
        status()["failed"] != json!([])
    });
    let failed = status()["failed"][0].clone();
    let reason = failed["reason"].as_str().unwrap();
    assert!(
        failed["recording"] == blocked && reason.contains("come back later"),
        "{failed}"
    );
    bucket.behave();
    wait_until("the rest of the tags", || status()["failed"] == json!([]));
    let asked = bucket.asked();
    for key in bucket.objects().keys().filter(|key| key.contains("live/blocked")) {
        assert!(bucket.tags(key).unwrap().contains("block"), "{key}");
    }
    let mut tagged: Vec<_> = asked
        .iter()
        .filter(|asked| asked.query.contains("tagging"))
        .map(|asked| &asked.path)
        .collect();
    tagged.dedup();
    let all = tagged.len();
    tagged.sort();
    tagged.dedup();
    assert!(
        all == tagged.len() && all > 4,
        "an object was tagged twice: {tagged:?}"
    );
}

#[test]
fn what_is_blocked_has_no_still_in_a_composition_and_no_key_of_its_stream() {
    let home = home();
    let encrypted = "[encryption]\nmaster_key = \"5b1f0c5ae29b4f63886b0e4f9a2c51d75b1f0c5ae29b4f63886b0e4f9a2c51d7\"\n\
        [[template]]\nname = \"lesson\"\nformats = [\"hls\"]\nhls = { encrypt = \"aes-128\" }\n\
        [[rule]]\nstream = \"live/c\"\ntemplate = \"lesson\"\n[[rule]]\n";
    let service = Service::start_with(home.path(), &sections(encrypted));
    let door = service.http();
    for stream in ["live/a", "live/b", "live/c"] {
        push(&service, stream, 13, 0);
    }
    let closed = || {
        rows(&service.data())
            .into_iter()
            .filter(|row| row["state"] == "closed")
            .collect::<Vec<_>>()
    };
    wait_until("all to be closed", || closed().len() == 3);
    let id = |stream: &str| {
        let rows = closed();
        let row = rows.iter().find(|row| row["stream"] == stream).unwrap();
        row["id"].as_str().unwrap().to_owned()
    };
    let ranges = json!([{ "recording": id("live/a") }, { "recording": id("live/b") }]);
    let made = command(door, STAFF, "recording.compose", &json!({ "ranges": ranges })).json();
    let still = format!("/r/{}/frame.mp4", made["result"]["recording"].as_str().unwrap());
    let live = seen(door, STAFF, "/live/c.m3u8");
    let text = live.text();
    let key = text
        .split("URI=\"")
        .find_map(|rest| rest.split_once("/key\""))
        .unwrap_or_else(|| panic!("{text}"));
    let key = format!("/live/{}/key", key.0);
    for path in [&still, &key] {
        assert_eq!(seen(door, GUEST, path).status, 200, "{path}");
    }
    // The last picture of the composition is of the second stream.
    for stream in ["live/b", "live/c"] {
        review(home.path(), &id(stream), "block");
    }
    for path in [&still, &key] {
        let guest = seen(door, GUEST, path);
        assert_eq!(
            guest.status,
            403,
            "{path}: {}",
            String::from_utf8_lossy(&guest.body)
        );
        assert_eq!(seen(door, STAFF, path).status, 200, "{path}");
    }
}
