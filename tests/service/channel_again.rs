//! Channels that templates make by themselves, and channels that are refused, over MQTT.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::broker::Broker;
use crate::support::delivered::{HEAVY, push};
use crate::support::fleet::{ask, events, managed};
use crate::support::{Service, home, only_recording, typed, wait_all_closed, wait_for, wait_until};

const TEMPLATE: &str = "\n[[template]]\nname = \"default\"\nformats = [\"hls\"]\nresume_window = \"0s\"\npseudo_live = \"+2h\"\n";

fn channels(home: &Path) -> Vec<Value> {
    typed(home, &["channel", "list"])["channels"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn a_template_shows_its_recordings_again_once_also_over_crashes() {
    let home = home();
    let service = Service::start_with(home.path(), TEMPLATE);
    push(&service, "live/cam1", 6, 0);
    wait_all_closed(&service.data(), 1);
    // Mostly before the channel is made: that is looked for each half minute, and at a start.
    service.kill();
    let service = Service::start_with(home.path(), TEMPLATE);
    let one = wait_for("a channel", || channels(home.path()).pop());
    let recording = only_recording(&service.data());
    assert_eq!(one["name"], format!("live-cam1-{}", recording.id));
    assert_eq!(
        (&one["state"], &one["play"]),
        (&json!("waiting"), &json!("once")),
        "{one}"
    );
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let (start, expires) = (
        at(one["start"].as_str().unwrap()),
        at(one["expires"].as_str().unwrap()),
    );
    let late = start - at(&recording.end) - 7_200_000;
    assert!((-100..=100).contains(&late), "{late} ms");
    assert!((3_600_000..3_700_000).contains(&(expires - start)), "{one}");
    service.kill();

    // What somebody deleted does not come back, and nothing is made twice.
    let service = Service::start_with(home.path(), TEMPLATE);
    assert_eq!(channels(home.path()).len(), 1);
    typed(home.path(), &["channel", "delete", one["name"].as_str().unwrap()]);
    push(&service, "live/cam2", 6, 0);
    wait_all_closed(&service.data(), 2);
    service.stop();
    let service = Service::start_with(home.path(), TEMPLATE);
    wait_until("the other channel", || !channels(home.path()).is_empty());
    let names: Vec<Value> = channels(home.path())
        .iter()
        .map(|channel| channel["name"].clone())
        .collect();
    assert!(
        names.len() == 1 && names[0].as_str().unwrap().starts_with("live-cam2-"),
        "{names:?}"
    );
    drop(service);
}

#[test]
fn channels_over_half_of_the_space_are_refused_and_lost_items_are_told_over_mqtt() {
    let (home, broker) = (home(), Broker::start());
    let data = home.path().join("data");
    let more = format!("{}{TEMPLATE}", managed(&broker, ""));
    let start = || Service::start_on(home.path(), &data, ("quota = \"64 MiB\"", &more), &[]);
    let service = start();
    push(&service, "live/cam1", 20, 4 * HEAVY);
    push(&service, "live/cam2", 6, 0);
    let all = wait_all_closed(&service.data(), 2);
    let id = |stream: &str| all.iter().find(|one| one.stream == stream).unwrap().id.clone();
    let (large, small) = (id("live/cam1"), id("live/cam2"));
    let put = |name: &str, item: &str, place: &str| {
        ask(
            &broker,
            "channel.put",
            &json!({"name": name, "items": [item], "play": "loop"}),
            place,
        )
    };
    let refused = put("large", &large, "1");
    assert_eq!(refused["error"]["code"], "refused", "{refused}");
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("half of the"),
        "{refused}"
    );
    assert_eq!(put("small", &small, "2")["ok"], true);
    assert_eq!(
        ask(&broker, "recording.delete", &json!({"recording": small}), "3")["ok"],
        true
    );
    let told = |of: &str| {
        let of = of.to_owned();
        let is = move |event: &Value| {
            event["type"] == "channel.exception" && event["data"]["recording"] == of.as_str()
        };
        wait_for("channel.exception", || {
            events(&broker).into_values().find(|event| is(event))
        })
    };
    let lost = told(&small);
    assert_eq!(lost["data"]["channel"], "small", "{lost}");
    // The template wants the large one, too. It is looked for at a start.
    service.stop();
    let service = start();
    let wanted = told(&large);
    assert!(
        wanted["data"]["reason"].as_str().unwrap().contains("half of the"),
        "{wanted}"
    );
    assert_eq!(wanted["data"]["channel"], format!("live-cam1-{large}"));
    drop(service);
}
