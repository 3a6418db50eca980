//! Jobs: what a command makes is delivered behind its answer, over pauses and restarts, and told once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::broker::Broker;
use crate::support::bucket::Bucket;
use crate::support::delivered::{MP4, all_delivered, as_exported, files, push, rows, sync_to};
use crate::support::fleet::{ROOT, ask, events, managed, managed_at, status};
use crate::support::proxy::{Link, Proxy};
use crate::support::worker::{Worker, decoder};
use crate::support::{Service, home, wait_for, wait_until};

/// The events of the ends of jobs.
fn ended(broker: &Broker) -> Vec<Value> {
    let all = events(broker).into_values();
    all.filter(|event| event["type"] == "job.ended").collect()
}

#[test]
fn an_export_from_afar_waits_goes_on_over_a_kill_and_is_told_once() {
    let (home, target, broker) = (home(), home(), Broker::start());
    let more = format!("[sync]\nurl = \"file://{}\"\n", target.path().display());
    let service = Service::start_with(home.path(), &managed(&broker, &more));
    status(&broker, "up");
    push(&service, "live/a", 8, 0);
    let data = service.data();
    wait_until("it to be delivered", || all_delivered(&data, 1));
    let source = rows(&data)[0]["id"].clone();
    assert_eq!(ask(&broker, "sync.pause", &json!({}), "p")["ok"], true);

    let body = json!({"id": "goal", "recording": source, "from_s": 2, "to_s": -2, "formats": ["mp4", "flv"], "title": "Goal"});
    let begun = ask(&broker, "export.create", &body, "a");
    let length = begun["result"]["duration_s"].as_f64();
    assert!(
        length.is_some_and(|length| (3.9..4.1).contains(&length)),
        "{begun}"
    );
    // A repeated request makes no other.
    assert_eq!(ask(&broker, "export.create", &body, "b"), begun);
    let job = begun["result"]["job"].as_str().unwrap().to_owned();
    let other = json!({"recording": source, "speed": 2});
    let other = ask(&broker, "export.create", &other, "c")["result"]["job"].clone();

    let waits = ask(&broker, "job.get", &json!({ "job": job }), "d");
    let of = |name: &str| waits["result"][name].clone();
    assert_eq!(
        (of("state"), of("reason"), of("progress")["percent"].clone()),
        (
            json!("delivering"),
            json!("delivery is paused: sync.resume"),
            json!(0)
        ),
        "{waits}"
    );
    // It is published, too, while it goes on.
    let topic = format!("{ROOT}/job/{job}");
    let told = wait_for("the job to be told of", || {
        let messages = broker.messages();
        messages
            .iter()
            .find(|message| message.topic == topic)
            .map(|message| message.json())
    });
    assert_eq!(
        (&told["job"], &told["state"]),
        (&json!(job), &json!("delivering"))
    );

    let cancelled = ask(&broker, "job.cancel", &json!({ "job": other }), "e");
    assert_eq!(cancelled["result"]["state"], "cancelled", "{cancelled}");
    let again = ask(&broker, "job.cancel", &json!({ "job": other }), "f");
    assert_eq!(again["result"]["state"], "cancelled", "{again}");
    assert_eq!(rows(&data).len(), 2);

    service.kill();
    let service = Service::start_with(home.path(), &managed(&broker, &more));
    wait_until("the box to be back", || {
        ask(&broker, "sync.resume", &json!({}), "g")["ok"] == true
    });
    wait_until("both to be over", || ended(&broker).len() == 2);
    let ended = ended(&broker);
    let states: Vec<&Value> = ended.iter().map(|event| &event["data"]["state"]).collect();
    assert_eq!(states, ["cancelled", "done"]);
    let done = &ended[1]["data"];
    let formats: Vec<&Value> = done["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| &file["format"])
        .collect();
    assert_eq!(
        (&done["job"], formats),
        (&json!(job), vec![&json!("flv"), &json!("mp4")]),
        "{done}"
    );
    let delivered = files(target.path());
    assert_eq!(
        delivered.keys().filter(|name| name.contains(&job)).count(),
        2,
        "{:?}",
        delivered.keys()
    );

    let list = ask(&broker, "job.list", &json!({}), "h");
    let jobs = list["result"]["jobs"].as_array().unwrap();
    let states: Vec<&Value> = jobs.iter().map(|job| &job["state"]).collect();
    assert_eq!(states, ["cancelled", "done"], "{list}");
    let over = ask(&broker, "job.cancel", &json!({ "job": job }), "i");
    assert_eq!(over["error"]["code"], "conflict", "{over}");
    service.stop();
}

/// How far a job was each time that it was told of: states, and per cents.
fn progress(broker: &Broker, job: &str) -> Vec<(String, i64)> {
    let topic = format!("{ROOT}/job/{job}");
    let messages = broker.messages().into_iter();
    let told = messages.filter(|message| message.topic == topic);
    told.map(|message| {
        let job = message.json();
        let percent = job["progress"]["percent"].as_i64().unwrap_or(-1);
        (job["state"].as_str().unwrap().to_owned(), percent)
    })
    .collect()
}

#[test]
fn jobs_compositions_and_the_log_come_through_links_that_are_far_slow_and_break() {
    let (home, objects, broker) = (home(), home(), Broker::start());
    let bucket = Bucket::start(objects.path());
    let store = Proxy::start(bucket.address(), Link::Slow(200_000));
    let far = Proxy::start(broker.address(), Link::Far(Duration::from_millis(150)));
    let sync = sync_to(&bucket, "").replace(&bucket.endpoint(), &store.endpoint());
    let config = managed_at(&format!("mqtt://{}", far.address()), &(sync + MP4));
    let service = Service::start_with(home.path(), &config);
    status(&broker, "up");
    let data = service.data();
    for stream in ["live/a", "live/b"] {
        push(&service, stream, 18, 3_000);
    }
    wait_until("both to be delivered", || all_delivered(&data, 2));
    let sources: Vec<Value> = rows(&data).iter().map(|row| row["id"].clone()).collect();
    let ended = |job: &Value| {
        let all = ended(&broker).into_iter();
        all.filter(|event| event["data"]["job"] == *job)
            .collect::<Vec<_>>()
    };

    // Slow: it is told how far it is, which never goes back.
    let ranges: Vec<Value> = sources.iter().map(|id| json!({"recording": id})).collect();
    let slow = ask(&broker, "export.create", &json!({"ranges": ranges}), "slow");
    let slow = slow["result"]["job"].clone();
    wait_until("it to be told", || ended(&slow).len() == 1);
    assert_eq!(ended(&slow)[0]["data"]["state"], "done");
    let told = progress(&broker, slow.as_str().unwrap());
    let percents: Vec<i64> = told.iter().map(|(_, percent)| *percent).collect();
    assert!(percents.is_sorted(), "{told:?}");
    // A file of one part counts when the store has confirmed it. Until then it is told that it goes on, soon after it began.
    assert!(told.len() > 1, "{told:?}");

    // It breaks again and again, and the way to the broker does, too: one job waits, and says why, and one is cancelled.
    store.set(Link::Breaks(300_000));
    // A broker sends a request again that it has no confirmation of: its id makes it one.
    let one = |id: &Value, request: &str| json!({"recording": id, "formats": ["mp4"], "id": request});
    let waits = ask(&broker, "export.create", &one(&sources[0], "waits"), "waits");
    let waits = waits["result"]["job"].clone();
    let other = ask(&broker, "export.create", &one(&sources[1], "other"), "other");
    let other = other["result"]["job"].clone();
    broker.cut();
    let get = json!({ "job": waits });
    let mut place = 0;
    wait_until("it to say why it waits", || {
        place += 1;
        let job = ask(&broker, "job.get", &get, &format!("get-{place}"));
        assert_eq!(job["result"]["state"], "delivering", "{job}");
        let reason = job["result"]["reason"].as_str().unwrap_or_default();
        reason.contains("not reached")
    });
    let cancelled = ask(&broker, "job.cancel", &json!({ "job": other }), "cancel");
    assert_eq!(cancelled["result"]["state"], "cancelled", "{cancelled}");

    // Nothing passes, and commands that need no store work as ever.
    store.set(Link::Dead);
    let compose = json!({"ranges": sources.iter().map(|id| json!({"recording": id})).collect::<Vec<_>>(), "id": "both"});
    let made = ask(&broker, "recording.compose", &compose, "compose");
    assert_eq!(
        ask(&broker, "recording.compose", &compose, "again")["result"],
        made["result"]
    );
    let mut numbers: Vec<u64> = Vec::new();
    let mut after = None;
    for page in 0.. {
        let body = match &after {
            Some(after) => json!({"limit": 3, "after": after}),
            None => json!({"limit": 3, "level": "debug"}),
        };
        let tail = ask(&broker, "log.tail", &body, &format!("log-{page}"))["result"].clone();
        let lines = tail["lines"].as_array().unwrap();
        numbers.extend(lines.iter().map(|line| line["number"].as_u64().unwrap()));
        after = Some(tail["next"].clone());
        if lines.len() < 3 || page == 20 {
            break;
        }
    }
    assert!(
        !numbers.is_empty() && numbers.windows(2).all(|pair| pair[0] < pair[1]),
        "each line once: {numbers:?}"
    );

    store.set(Link::Good);
    ask(&broker, "sync.retry", &json!({}), "retry");
    wait_until("it to be told", || ended(&waits).len() == 1);
    wait_until("all to be delivered", || all_delivered(&data, 5));
    let state = |job: &Value| {
        ended(job)
            .iter()
            .map(|event| event["data"]["state"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (state(&waits), state(&other), state(&slow)),
        (vec![json!("done")], vec![json!("cancelled")], vec![json!("done")])
    );
    as_exported(&data, &bucket);
}

#[test]
fn pictures_wait_for_a_worker_go_on_over_a_kill_and_are_told_of_once() {
    let (home, target, broker) = (home(), home(), Broker::start());
    let socket = home.path().join("media.sock");
    let more = format!(
        "[sync]\nurl = \"file://{}\"\n[media]\nsocket = {socket:?}\n",
        target.path().display()
    );
    let service = Service::start_with(home.path(), &managed(&broker, &more));
    status(&broker, "up");
    push(&service, "live/a", 8, 0);
    let data = service.data();
    wait_until("it to be delivered", || all_delivered(&data, 1));
    let source = rows(&data)[0]["id"].clone();
    let pictures = |target: &std::path::Path| {
        let all = files(target).into_keys();
        all.filter(|name| name.ends_with(".jpg")).collect::<Vec<_>>()
    };
    let told = |kind: &str| -> Vec<Value> {
        let all = events(&broker).into_values();
        all.filter(|event| event["type"] == kind).collect()
    };

    let wrong = json!({"recording": source, "count": 2, "key": "{StreamID}"});
    let wrong = ask(&broker, "still.create", &wrong, "w");
    assert_eq!(wrong["error"]["field"], "key", "{wrong}");
    let body = json!({"id": "stills", "recording": source, "count": 6});
    let begun = ask(&broker, "still.create", &body, "a");
    assert_eq!(begun["result"]["pictures"], 6, "{begun}");
    assert_eq!(ask(&broker, "still.create", &body, "b"), begun);
    let job = begun["result"]["job"].clone();
    let cancelled = ask(
        &broker,
        "still.create",
        &json!({"recording": source, "every_s": 2}),
        "c",
    );
    let cancelled = ask(
        &broker,
        "job.cancel",
        &json!({"job": cancelled["result"]["job"]}),
        "d",
    );
    assert_eq!(cancelled["result"]["state"], "cancelled", "{cancelled}");
    let waits = wait_for("the job to say why it waits", || {
        let waits = ask(&broker, "job.get", &json!({ "job": job }), "e")["result"].clone();
        waits["reason"].is_string().then_some(waits)
    });
    assert_eq!(waits["state"], "waiting", "{waits}");
    let reason = waits["reason"].as_str().unwrap();
    assert!(
        reason.contains("media worker") || reason.contains("of memory"),
        "{reason}"
    );

    let worker = Worker::start(&socket, &decoder(home.path(), b"picture"));
    wait_until("a picture to be delivered", || {
        !pictures(target.path()).is_empty()
    });
    service.kill();
    let service = Service::start_with(home.path(), &managed(&broker, &more));
    wait_until("both jobs to be told of", || told("job.ended").len() == 2);
    drop(worker);
    let names = pictures(target.path());
    assert_eq!(names.len(), 6, "{names:?}");
    let stills = told("still.delivered");
    let mut numbers: Vec<u64> = stills
        .iter()
        .filter_map(|still| still["data"]["number"].as_u64())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    for still in &stills {
        let data = &still["data"];
        assert_eq!(
            (&data["width"], &data["height"], &data["job"]),
            (&json!(32), &json!(18), &job)
        );
        assert!(names.iter().any(|name| data["key"] == name.as_str()), "{data}");
    }
    let done = told("job.ended")
        .into_iter()
        .find(|ended| ended["data"]["job"] == job);
    let done = done.unwrap()["data"].clone();
    assert_eq!(
        (
            &done["state"],
            &done["kind"],
            &done["steps"]["made"],
            &done["steps"]["given_up"]
        ),
        (&json!("done"), &json!("stills"), &json!(6), &json!(0)),
        "{done}"
    );
    // The recording is as it was.
    assert_eq!(rows(&data).len(), 1);
    service.stop();
}
