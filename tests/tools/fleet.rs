//! A real broker, and the usual clients that people use with it.

use std::path::Path;

use serde_json::Value;

use crate::mosquitto::Mosquitto;
use crate::programs::MD5SUM;
use crate::support::contract;
use crate::support::delivered::{MP4, push};
use crate::support::fleet::managed_at;
use crate::support::{Service, home, wait_for, wait_until};

const ROOT: &str = "edgereel/box-17";

#[test]
fn a_real_broker_carries_everything_and_people_read_it() {
    let (home, place, store) = (home(), home(), home());
    let broker = Mosquitto::start(place.path());
    let listening = broker.listen();
    let more = managed_at(
        &broker.url(),
        "dialects = [\"cloudevents\", \"tencent\"]\nsign_key = \"tckey\"",
    ) + &format!("\n[sync]\nurl = \"file://{}\"\n{MP4}", store.path().display());
    let service = Service::start_with(home.path(), &more);
    push(&service, "live/cam", 3, 0);
    let count = |name: &str| {
        listening
            .heard()
            .iter()
            .filter(|(topic, _)| topic.ends_with(name))
            .count()
    };
    wait_until("it to be delivered", || count("event/recording.delivered") == 1);
    // The same request twice makes one task. Its one answer is sent twice.
    let task = "{\"id\":\"order-1\",\"stream\":\"live/cam\",\"duration\":\"1h\"}";
    for _ in 0..2 {
        broker.publish(&[
            "-q",
            "1",
            "-t",
            &format!("{ROOT}/request/task.create"),
            "-m",
            task,
        ]);
    }
    wait_until("both to be answered", || count("response/task.create") == 2);
    let answers: Vec<String> = listening
        .heard()
        .into_iter()
        .filter(|(topic, _)| topic.ends_with("response/task.create"))
        .map(|(_, text)| text)
        .collect();
    assert_eq!(answers[0], answers[1]);
    // A retained request is not carried out, not at the next connection either.
    broker.publish(&["-r", "-t", &format!("{ROOT}/request/device.info"), "-m", "{}"]);
    wait_until("it to be refused", || count("response/device.info") == 1);
    // A shell checks the signature.
    wait_until("the file to be told of", || count("tencent/100") == 1);
    let (_, text) = listening
        .heard()
        .into_iter()
        .find(|(topic, _)| topic.ends_with("tencent/100"))
        .unwrap();
    let body: Value = serde_json::from_str(&text).unwrap();
    let signed = format!("tckey{}", body["t"]);
    std::fs::write(place.path().join("signed"), signed).unwrap();
    let sum = MD5SUM.run([place.path().join("signed")]).ok();
    assert!(
        sum.text().starts_with(body["sign"].as_str().unwrap()),
        "{}",
        sum.text()
    );
    service.kill();
    let last = || {
        let heard = listening.heard();
        heard
            .into_iter()
            .rfind(|(topic, _)| topic.ends_with("/status"))
            .map(|(_, text)| text)
    };
    wait_until("the last will to be spoken", || {
        last().is_some_and(|text| text.contains("\"down\""))
    });
    for (topic, text) in listening
        .heard()
        .iter()
        .filter(|(topic, _)| !topic.contains("/request/"))
    {
        contract::check(ROOT, topic, text.as_bytes());
    }
}

#[test]
fn a_real_broker_is_spoken_to_in_mqtt_3_1_1() {
    let (home, place) = (home(), home());
    let broker = Mosquitto::start(place.path());
    let listening = broker.listen();
    listening.hears(&broker);
    let service = Service::start_with(home.path(), &managed_at(&broker.url(), "version = \"3.1.1\""));
    push(&service, "live/cam", 2, 0);
    let told = |wanted: &str| {
        let heard = listening.heard().into_iter();
        heard
            .filter(|(topic, _)| topic.ends_with(wanted))
            .map(|(_, text)| text)
            .next_back()
    };
    wait_until("the file to be told of", || {
        told("event/recording.closed").is_some()
    });
    let topic = format!("{ROOT}/request/recording.list");
    broker.publish_as("mqttv311", &["-q", "1", "-t", &topic, "-m", "{\"id\":\"r1\"}"]);
    let answer = wait_for("the answer", || told("response/recording.list"));
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        (
            &answer["id"],
            &answer["ok"],
            answer["result"]["recordings"][0]["stream"].as_str()
        ),
        (&"r1".into(), &true.into(), Some("live/cam"))
    );
    service.kill();
    wait_until("the last will to be spoken", || {
        told("/status").is_some_and(|text| text.contains("\"down\""))
    });
    for (topic, text) in listening
        .heard()
        .iter()
        .filter(|(topic, _)| topic.starts_with(ROOT) && !topic.contains("/request/"))
    {
        contract::check(ROOT, topic, text.as_bytes());
    }
}

#[test]
fn a_real_broker_is_killed_with_and_without_its_memory_and_events_come_in_order_to_the_last() {
    let (home, place) = (home(), home());
    let mut broker = Mosquitto::start(place.path());
    let service = Service::start_with(home.path(), &managed_at(&broker.url(), ""));
    for round in 0..4 {
        let _listening = broker.listen();
        std::thread::scope(|scope| {
            for number in 0..2 {
                let (service, stream) = (&service, format!("live/cam{round}{number}"));
                scope.spawn(move || push(service, &stream, 2, 0));
            }
            broker.kill();
        });
        if round % 2 == 1 {
            broker.forget();
        }
        broker.resume();
    }
    let listening = broker.listen();
    listening.hears(&broker);
    push(&service, "live/last", 2, 0);
    // Nine publishes with four events each, and the start. Events that the broker had accepted and lost with its memory are
    // gone, and their numbers are missing. Events that it never confirmed come again.
    let sequence = |event: &Value| event["sequence"].as_str().unwrap().parse::<u64>().unwrap();
    let heard = wait_for("the last event to be told", || {
        let events = listening.events("box-17");
        events.iter().any(|event| sequence(event) == 37).then_some(events)
    });
    let mut known: Vec<(u64, &Value)> = Vec::new();
    for event in &heard {
        let (number, id) = (sequence(event), &event["id"]);
        match known.iter().find(|(known, _)| *known == number) {
            Some((_, first)) => assert_eq!(*first, id),
            None => {
                assert!(
                    known.last().is_none_or(|(last, _)| *last < number),
                    "{number} in {known:?}"
                );
                known.push((number, id));
            }
        }
    }
    wait_until("nothing to wait any more", || service_outbox(home.path()) == 0);
}

/// The events that the service has not sent yet.
fn service_outbox(home: &Path) -> u64 {
    use std::io::{BufRead as _, Write as _};
    let mut socket = std::os::unix::net::UnixStream::connect(home.join("control.sock")).unwrap();
    writeln!(socket, "{{\"command\":\"device.stats\"}}").unwrap();
    let mut line = String::new();
    std::io::BufReader::new(socket).read_line(&mut line).unwrap();
    let answer: Value = serde_json::from_str(&line).unwrap();
    answer["result"]["outbox"]["events"].as_u64().unwrap()
}

#[test]
fn two_boxes_with_one_name_are_told_of_by_a_real_broker() {
    let (one, other, place) = (home(), home(), home());
    let broker = Mosquitto::start(place.path());
    let listening = broker.listen();
    let first = Service::start_with(one.path(), &managed_at(&broker.url(), ""));
    wait_until("it to be there", || {
        listening
            .heard()
            .iter()
            .any(|(topic, _)| topic.ends_with("/status"))
    });
    let _second = Service::start_with(other.path(), &managed_at(&broker.url(), ""));
    first.wait_for_log(|log| log.contains("another box").then_some(()));
}
