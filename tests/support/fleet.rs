//! A box as the operators of a fleet see it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::broker::{Broker, Message, Publishing};
use super::contract;
use super::wait::{wait_for, wait_until};

/// The beginning of all topics of the box under test.
pub(crate) const ROOT: &str = "edgereel/box-17";

/// The client id of the box at the broker.
const CLIENT: &str = "edgereel-box-17";

/// `[device]` and `[mqtt]` for a broker; `more` are lines of the latter.
pub(crate) fn managed(broker: &Broker, more: &str) -> String {
    managed_at(&broker.url(), more)
}

/// The same, for a broker at an address.
pub(crate) fn managed_at(url: &str, more: &str) -> String {
    format!(
        "\n[device]\nid = \"box-17\"\n[mqtt]\nurl = \"{url}\"\nkeep_alive = \"5s\"\nhealth = \"1s\"\n{more}\n"
    )
}

/// All events that the box has sent so far, repeats included.
pub(crate) fn told(broker: &Broker) -> Vec<Value> {
    let of_events = |message: &Message| message.topic.starts_with(&format!("{ROOT}/event/"));
    let messages = broker.messages();
    judge(broker, &messages);
    messages
        .iter()
        .filter(|message| of_events(message))
        .map(Message::json)
        .collect()
}

/// Fails unless every message of the box fits the published schemas. Messages that were judged before are not judged again.
fn judge(broker: &Broker, messages: &[Message]) {
    let judged = broker.judged.swap(messages.len(), Ordering::Relaxed);
    let own = |message: &&Message| message.client == CLIENT && message.topic.starts_with(ROOT);
    for message in messages.iter().skip(judged).filter(own) {
        contract::check(ROOT, &message.topic, &message.payload);
    }
}

/// The events of the box, each once, by their numbers. A repeat must be the same as the first. No event may come for the first
/// time after one with a higher number.
pub(crate) fn events(broker: &Broker) -> BTreeMap<u64, Value> {
    let mut events = BTreeMap::new();
    for event in told(broker) {
        let sequence = event["sequence"].as_str().unwrap().parse::<u64>().unwrap();
        match events.get(&sequence) {
            Some(known) => assert_eq!(*known, event),
            None => {
                let last = events.last_key_value().map_or(0, |(last, _)| *last);
                assert!(sequence > last, "{sequence} came after {last}");
                events.insert(sequence, event);
            }
        }
    }
    events
}

/// The kinds of the events so far, in order.
pub(crate) fn kinds(broker: &Broker) -> Vec<String> {
    let kind = |event: Value| event["type"].as_str().unwrap().to_owned();
    events(broker).into_values().map(kind).collect()
}

/// Waits until an event of this kind was sent, and returns the first.
#[track_caller]
pub(crate) fn event(broker: &Broker, kind: &str) -> Value {
    wait_for(&format!("{kind} to be told"), || {
        events(broker).into_values().find(|event| event["type"] == kind)
    })
}

/// The retained messages below the box's root.
pub(crate) fn retained(broker: &Broker, topic: &str) -> Option<Value> {
    judge(broker, &broker.messages());
    let kept = broker.retained();
    let text = kept.get(&format!("{ROOT}/{topic}"))?;
    (!text.is_empty()).then(|| serde_json::from_slice(text).unwrap())
}

/// Waits until the box publishes that it is in this state.
#[track_caller]
pub(crate) fn status(broker: &Broker, state: &str) -> Value {
    wait_for(&format!("the box to be {state}"), || {
        retained(broker, "status").filter(|status| status["state"] == state)
    })
}

/// Publishes a request; the answer goes to `<root>/response/reply-<place>`.
pub(crate) fn request(broker: &Broker, command: &str, body: &Value, place: &str) {
    let options = Publishing {
        qos: 1,
        response_topic: Some(reply_topic(place)),
        correlation: Some(place.as_bytes().to_vec()),
        ..Publishing::default()
    };
    broker.publish(
        &format!("{ROOT}/request/{command}"),
        body.to_string().as_bytes(),
        options,
    );
}

fn reply_topic(place: &str) -> String {
    format!("{ROOT}/response/reply-{place}")
}

/// The answers to requests of this place so far.
pub(crate) fn answers(broker: &Broker, place: &str) -> Vec<Value> {
    let messages = broker.messages();
    let here = messages
        .iter()
        .filter(|message| message.topic == reply_topic(place));
    here.map(|message| {
        assert_eq!(message.correlation.as_deref(), Some(place.as_bytes()));
        contract::check(ROOT, &format!("{ROOT}/response/x"), &message.payload);
        message.json()
    })
    .collect()
}

/// Sends a request, and waits for the answer.
#[track_caller]
pub(crate) fn ask(broker: &Broker, command: &str, body: &Value, place: &str) -> Value {
    request(broker, command, body, place);
    wait_until(&format!("{command} to be answered"), || {
        !answers(broker, place).is_empty()
    });
    let answer = answers(broker, place).remove(0);
    contract::check_answer(command, &answer);
    answer
}
