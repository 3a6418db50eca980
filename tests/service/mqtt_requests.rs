//! Requests to a box over MQTT: each id is carried out once, whatever happens in between, and a forbidden request does nothing.

use std::collections::BTreeSet;

use crate::support::broker::{Behaviour, Broker, Publishing};
use crate::support::delivered::push;
use crate::support::fleet::{ROOT, answers, ask, event, managed, request, status};
use crate::support::{Service, home, wait_for, wait_until};
use serde_json::{Value, json};

#[test]
fn a_request_is_carried_out_once_for_each_id() {
    let (home, broker) = (home(), Broker::start());
    let more = managed(&broker, "");
    let service = Service::start_with(home.path(), &more);
    status(&broker, "up");
    let task = json!({ "id": "one", "stream": "live/cam", "duration": "1h" });
    let first = ask(&broker, "task.create", &task, "a");
    assert_eq!(
        (first["id"].as_str(), first["ok"].as_bool()),
        (Some("one"), Some(true)),
        "{first}"
    );
    assert_eq!(ask(&broker, "task.create", &task, "b"), first);
    // A command that reads also gets its first answer again.
    let list = ask(&broker, "task.list", &json!({ "id": "two" }), "c");
    assert_eq!(list["result"]["tasks"].as_array().unwrap().len(), 1);
    // An id belongs to one command.
    let other = ask(&broker, "task.list", &json!({ "id": "one" }), "d");
    assert_eq!(
        (other["error"]["code"].as_str(), other["error"]["field"].as_str()),
        (Some("conflict"), Some("id"))
    );
    service.kill();
    let service = Service::start_with(home.path(), &more);
    assert_eq!(ask(&broker, "task.create", &task, "e"), first);
    let refused = json!({ "id": "three", "task": "none" });
    let not_found = ask(&broker, "task.stop", &refused, "f");
    assert_eq!(not_found["error"]["code"], "not_found");
    service.kill();
    let _service = Service::start_with(home.path(), &more);
    assert_eq!(ask(&broker, "task.stop", &refused, "g"), not_found);
    let list = ask(&broker, "task.list", &json!({}), "h");
    assert_eq!(list["result"]["tasks"].as_array().unwrap().len(), 1);
}

#[test]
fn a_box_that_dies_over_a_request_carries_it_out_once() {
    let (home, broker) = (home(), Broker::start());
    let more = managed(&broker, "");
    for round in 0..12_u64 {
        let service = Service::start_with(home.path(), &more);
        status(&broker, "up");
        let place = round.to_string();
        let stream = format!("live/cam{round}");
        let task = json!({ "id": place, "stream": stream, "duration": "1h", "name": place });
        request(&broker, "task.create", &task, &place);
        // The kill comes at some time between now and the end of the request. The test cannot wait for any sign.
        std::thread::park_timeout(std::time::Duration::from_micros(round * 700));
        service.kill();
        status(&broker, "down");
        let service = Service::start_with(home.path(), &more);
        wait_until("it to be answered", || !answers(&broker, &place).is_empty());
        let answer = answers(&broker, &place).remove(0);
        assert_eq!(answer["ok"], true, "{answer}");
        let list = ask(&broker, "task.list", &json!({}), &format!("list{round}"));
        let tasks = list["result"]["tasks"].as_array().unwrap().clone();
        let made: Vec<&Value> = tasks
            .iter()
            .filter(|task| task["name"] == place.as_str())
            .collect();
        assert_eq!(
            (made.len(), &made[0]["task"]),
            (1, &answer["result"]["task"]),
            "{list}"
        );
        // All answers to the request are the same.
        assert!(answers(&broker, &place).iter().all(|other| *other == answer));
        service.kill();
    }
}

#[test]
fn what_cannot_be_asked_is_refused_and_nothing_else_happens() {
    let (home, broker) = (home(), Broker::start());
    let service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    let code = |command: &str, payload: &[u8], options: Publishing| {
        let before = broker.messages().len();
        broker.publish(&format!("{ROOT}/request/{command}"), payload, options);
        wait_for("it to be refused", || {
            let messages = broker.messages();
            let mut new = messages.iter().skip(before);
            let answer = new.find(|message| message.topic.starts_with(&format!("{ROOT}/response/")))?;
            assert_eq!(answer.json()["ok"], false, "{}", answer.text());
            Some(answer.json()["error"]["code"].as_str()?.to_owned())
        })
    };
    let plain = Publishing::default;
    assert_eq!(
        code("task.list", b"{\"id\":\"a\",\"limt\":1}", plain()),
        "bad_request"
    );
    assert_eq!(code("task.list", b"[1", plain()), "bad_request");
    assert_eq!(code("task.list", &vec![b' '; 65 << 10], plain()), "bad_request");
    assert_eq!(code("task.lst", b"{}", plain()), "not_found");
    assert_eq!(code("a/b+c", b"{}", plain()), "not_found");
    let retained = Publishing {
        retain: true,
        ..plain()
    };
    assert_eq!(code("task.list", b"{}", retained), "refused");
    // A client that may send requests to the box cannot publish with the box's rights: not to itself, not to another box,
    // nowhere else.
    let others = ["edgereel/box-18/request/recording.delete", "backend/commands"];
    for topic in [&format!("{ROOT}/request/task.list")[..], others[0], others[1]] {
        let elsewhere = Publishing {
            response_topic: Some(topic.to_owned()),
            ..plain()
        };
        assert_eq!(code("task.list", b"{}", elsewhere), "bad_request");
        service
            .log_with(&["a request over MQTT was refused: this box does not answer to that response topic"]);
    }
    let published = broker.messages();
    assert!(
        !published
            .iter()
            .any(|message| others.contains(&message.topic.as_str()))
    );
    // A retained request is not carried out by the next connection.
    let count = broker.messages().len();
    broker.cut();
    wait_until("it to be back", || broker.connects() >= 2);
    status(&broker, "up");
    assert_eq!(ask(&broker, "help", &json!({}), "x")["ok"], true);
    let after = broker.messages().split_off(count);
    assert!(
        !after
            .iter()
            .any(|message| message.topic == format!("{ROOT}/response/task.list"))
    );
}

#[test]
fn a_flood_of_requests_is_bounded_and_what_is_turned_away_is_told() {
    let (home, broker) = (home(), Broker::start());
    let _service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    let body = json!({ "about": "help" }).to_string();
    for _ in 0..2_000 {
        let options = Publishing {
            response_topic: Some(format!("{ROOT}/response/flood")),
            ..Publishing::default()
        };
        broker.publish(&format!("{ROOT}/request/help"), body.as_bytes(), options);
    }
    assert_eq!(ask(&broker, "help", &json!({ "id": "1" }), "x")["ok"], true);
    let messages = broker.messages();
    let flood: Vec<Value> = messages
        .iter()
        .filter(|message| message.topic == format!("{ROOT}/response/flood"))
        .map(|message| message.json())
        .collect();
    let turned_away = flood
        .iter()
        .filter(|answer| answer["error"]["code"] == "unavailable")
        .count();
    assert!(
        turned_away > 0 && flood.len() > turned_away,
        "{turned_away} of {}",
        flood.len()
    );
    let stats = ask(&broker, "device.stats", &json!({}), "y");
    assert!(
        stats["result"]["mqtt"]["refused"].as_u64().unwrap() >= turned_away as u64,
        "{stats}"
    );
}

#[test]
fn what_is_larger_than_the_broker_takes_is_cut_shorter_or_counted() {
    let (home, broker) = (home(), Broker::start());
    broker.behave(Behaviour {
        max_packet: Some(5_000),
        receive_max: Some(2),
        ..Behaviour::default()
    });
    let _service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    for number in 0..30 {
        let (stream, name) = (format!("live/cam{number}"), format!("{number:0>100}"));
        let task = json!({ "stream": stream, "duration": "1h", "name": name });
        assert_eq!(
            ask(&broker, "task.create", &task, &number.to_string())["ok"],
            true
        );
    }
    let (mut names, mut after) = (BTreeSet::new(), Value::Null);
    for page in 0.. {
        let list = ask(
            &broker,
            "task.list",
            &json!({ "after": after, "limit": 100 }),
            &format!("page{page}"),
        );
        assert!(list.to_string().len() <= 3_000);
        let tasks = list["result"]["tasks"].as_array().unwrap();
        names.extend(tasks.iter().map(|task| task["name"].as_str().unwrap().to_owned()));
        after = list["result"]["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(names.len(), 30);
    let config = ask(&broker, "help", &json!({}), "help");
    assert_eq!(config["error"]["code"], "refused", "{config}");
    assert_eq!(broker.connects(), 1);
}

#[test]
fn who_had_what_changed_over_mqtt_is_known_by_where_the_answer_went() {
    let (home, broker) = (home(), Broker::start());
    let service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    push(&service, "live/cam", 2, 0);
    let closed = event(&broker, "recording.closed")["data"]["recording"].clone();
    let delete = json!({ "id": "d1", "recording": closed });
    assert_eq!(ask(&broker, "recording.delete", &delete, "me")["ok"], true);
    // Each id is carried out once: a repeat is no new command.
    assert_eq!(ask(&broker, "recording.delete", &delete, "me")["ok"], true);
    let who = format!("who reads {ROOT}/response/reply-me");
    let gone = event(&broker, "recording.expired")["data"].clone();
    assert_eq!(gone["by"], "request");
    assert_eq!(
        gone["asked_by"],
        json!({ "door": "mqtt", "who": who, "request": "d1" })
    );
    let list = ask(&broker, "audit.list", &json!({}), "list");
    let entries = list["result"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{list}");
    assert_eq!(
        (
            &entries[0]["command"],
            &entries[0]["door"],
            &entries[0]["who"],
            &entries[0]["request"]
        ),
        (
            &json!("recording.delete"),
            &json!("mqtt"),
            &json!(who),
            &json!("d1")
        )
    );
}

#[test]
fn a_box_is_told_to_read_its_configuration_again_and_to_log_more() {
    let (home, broker) = (home(), Broker::start());
    let service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    let info = ask(&broker, "device.info", &json!({}), "a");
    assert_eq!(info["result"]["device"], "box-17");
    let hash = info["result"]["config_hash"].clone();
    let path = home.path().join("edgereel.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\n[ring]\npre_roll = \"7s\"\n")).unwrap();
    let reloaded = ask(&broker, "config.reload", &json!({}), "b");
    assert_ne!(reloaded["result"]["config_hash"], hash, "{reloaded}");
    std::fs::write(&path, format!("{text}\n[rign]\n")).unwrap();
    let refused = ask(&broker, "config.reload", &json!({}), "c");
    assert_eq!(refused["error"]["code"], "refused");
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("did you mean 'ring'?")
    );
    assert_eq!(
        ask(&broker, "log.level", &json!({ "level": "debug" }), "d")["ok"],
        true
    );
    let wrong = ask(&broker, "log.level", &json!({ "level": "loud" }), "e");
    assert_eq!(wrong["error"]["field"], "level");
    // A changed configuration of the connection makes a new connection.
    std::fs::write(&path, text.replace("health = \"1s\"", "health = \"2s\"")).unwrap();
    request(&broker, "config.reload", &json!({}), "f");
    wait_until("it to be back", || broker.connects() == 2);
    status(&broker, "up");
    assert_eq!(ask(&broker, "help", &json!({}), "g")["ok"], true);
    drop(service);
}
