//! Jobs: what a command makes is delivered behind its answer, over pauses and restarts, and told once.

use serde_json::{Value, json};

use crate::support::broker::Broker;
use crate::support::delivered::{all_delivered, files, push, rows};
use crate::support::fleet::{ROOT, ask, events, managed, status};
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
