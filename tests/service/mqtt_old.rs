//! A broker that speaks only MQTT 3.1.1: the log names it, and the service speaks to it.

use crate::support::broker::{Behaviour, Broker, Old, Publishing};
use crate::support::delivered::push;
use crate::support::fleet::{ROOT, event, events, kinds, managed, managed_at, retained, status};
use crate::support::proxy::{Link, Proxy};
use crate::support::{Service, edgereel, home, wait_for, wait_until};
use serde_json::{Value, json};

fn old_broker(how: Old) -> Broker {
    let broker = Broker::start();
    behave(&broker, Some(how));
    broker
}

fn behave(broker: &Broker, old: Option<Old>) {
    broker.behave(Behaviour {
        old,
        ..Behaviour::default()
    });
}

/// The answer to a request with this id, on the topic where answers of the command go.
#[track_caller]
fn asked(broker: &Broker, command: &str, body: &Value) -> Value {
    let options = Publishing {
        qos: 1,
        ..Publishing::default()
    };
    let topic = format!("{ROOT}/request/{command}");
    broker.publish(&topic, body.to_string().as_bytes(), options);
    wait_for("an answer", || {
        let messages = broker.messages();
        let mut answers = messages.iter().filter(|message| {
            message.topic == format!("{ROOT}/response/{command}") && message.json()["id"] == body["id"]
        });
        answers.next().map(|message| message.json())
    })
}

#[test]
fn a_broker_of_mqtt_3_1_1_is_named_in_the_log_and_spoken_to() {
    for how in [Old::Refuses, Old::Closes] {
        let (home, broker) = (home(), old_broker(how));
        let service = Service::start_with(home.path(), &managed(&broker, ""));
        status(&broker, "up");
        let log = service.wait_for_log(|log| log.contains("by MQTT 3.1.1").then(|| log.to_owned()));
        assert!(
            log.contains(&format!("answers go to {ROOT}/response/COMMAND")),
            "{log}"
        );
        let version = || retained(&broker, "health").map(|health| health["mqtt"]["version"].clone());
        wait_until("the version in health", || version() == Some(json!("3.1.1")));
        push(&service, "live/cam", 2, 0);
        let id = event(&broker, "recording.closed")["data"]["recording"].clone();
        let answer = asked(&broker, "recording.get", &json!({ "id": "a1", "recording": id }));
        assert_eq!(
            (&answer["ok"], &answer["result"]["id"]),
            (&json!(true), &id),
            "{answer}"
        );
        // The box carries each id out once, as with MQTT 5.
        let task = json!({ "id": "t1", "stream": "live/cam", "duration": "1h" });
        assert_eq!(
            asked(&broker, "task.create", &task),
            asked(&broker, "task.create", &task)
        );
        let url = broker.url();
        let ctl = |arguments: &[&str]| {
            let mut all = vec!["ctl", "--broker", &url, "--device", "box-17"];
            all.extend(arguments);
            edgereel(&all).ok().text()
        };
        assert!(ctl(&["recording.list"]).contains("live/cam"));
        assert!(ctl(&["device.info"]).contains("box-17"));
        service.stop();
        status(&broker, "stopped");
        assert_eq!(kinds(&broker).last().map(String::as_str), Some("device.stopping"));
    }
}

#[test]
fn a_broker_that_changes_its_version_loses_no_event() {
    let (home, broker) = (home(), Broker::start());
    let service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    push(&service, "live/cam0", 2, 0);
    event(&broker, "recording.closed");
    assert!(!service.log().contains("3.1.1"));
    // Another broker takes its place, and then one that speaks both versions.
    for (round, old) in [(1, Some(Old::Closes)), (2, None)] {
        behave(&broker, old);
        broker.cut();
        push(&service, &format!("live/cam{round}"), 2, 0);
        wait_until("what happened to be told", || {
            let closed = kinds(&broker)
                .into_iter()
                .filter(|kind| kind == "recording.closed");
            closed.count() > round
        });
    }
    service.log_with(&["by MQTT 3.1.1", "the connection broke"]);
    let events = events(&broker);
    let whole: Vec<u64> = (1..=events.len() as u64).collect();
    assert_eq!(events.into_keys().collect::<Vec<_>>(), whole);
}

/// An answer takes 300 ms. A message that was sent before an answer came must neither be sent twice nor get lost.
#[test]
fn a_broker_of_mqtt_3_1_1_that_is_far_away_hears_all_in_order_and_is_answered_once() {
    let (home, broker) = (home(), old_broker(Old::Refuses));
    let far = Proxy::start(broker.address(), Link::Far(std::time::Duration::from_millis(150)));
    let url = format!("mqtt://{}", far.address());
    let service = Service::start_with(home.path(), &managed_at(&url, ""));
    status(&broker, "up");
    let task = json!({ "id": "t1", "stream": "live/cam", "duration": "1h" });
    let mut answers = Vec::new();
    for round in 0..3 {
        push(&service, &format!("live/cam{round}"), 2, 0);
        answers.push(asked(&broker, "task.create", &task));
        // The broker goes away while messages are on their way.
        broker.cut();
    }
    wait_until("what happened to be told", || {
        let kinds = kinds(&broker);
        kinds.iter().filter(|kind| *kind == "recording.closed").count() == 3
    });
    assert!(
        answers
            .iter()
            .all(|answer| answer["ok"] == true && *answer == answers[0]),
        "{answers:?}"
    );
    let answer = asked(&broker, "task.list", &json!({ "id": "l1" }));
    assert_eq!(
        answer["result"]["tasks"].as_array().map(Vec::len),
        Some(1),
        "{answer}"
    );
    service.log_with(&["by MQTT 3.1.1", "the connection broke"]);
    let events = events(&broker);
    let whole: Vec<u64> = (1..=events.len() as u64).collect();
    assert_eq!(events.into_keys().collect::<Vec<_>>(), whole);
}

#[test]
fn the_version_can_be_said_and_one_that_the_broker_does_not_speak_is_named() {
    let (home, broker) = (home(), Broker::start());
    let service = Service::start_with(home.path(), &managed(&broker, "version = \"3.1.1\""));
    status(&broker, "up");
    assert!(service.log().contains("by MQTT 3.1.1"));
    // A client may ask in MQTT 5: the box does not see the response topic, and answers on the usual topic.
    let ctl = [
        "ctl",
        "--broker",
        &broker.url(),
        "--device",
        "box-17",
        "device.info",
    ];
    assert!(edgereel(&ctl).ok().text().contains("box-17"));
    drop(service);
    let (home, broker) = (crate::support::home(), old_broker(Old::Refuses));
    let service = Service::start_with(home.path(), &managed(&broker, "version = \"5\""));
    service.wait_for_log(|log| {
        log.contains("mqtt.version = \"auto\" speaks that, too")
            .then_some(())
    });
    push(&service, "live/cam", 2, 0);
    service.wait_for_log(|log| log.contains("publish ended by the encoder").then_some(()));
}

#[test]
fn a_request_that_is_far_too_large_does_not_come_for_ever_with_mqtt_3_1_1() {
    let (home, broker) = (home(), old_broker(Old::Refuses));
    let service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    let options = Publishing {
        qos: 1,
        ..Publishing::default()
    };
    broker.publish(&format!("{ROOT}/request/help"), &vec![b' '; 2 << 20], options);
    service.wait_for_log(|log| log.contains("is thrown away").then_some(()));
    wait_until("it to be back", || broker.connects() >= 2);
    status(&broker, "up");
    let answer = asked(&broker, "help", &json!({ "id": "h", "about": "help" }));
    assert_eq!(answer["ok"], true);
    assert!(retained(&broker, "status").is_some());
}
