//! A box and its broker: what the box publishes, and what happens to each of them when the other is gone.

use std::collections::BTreeSet;

use crate::support::broker::{Behaviour, Broker};
use crate::support::delivered::{publish, push, send};
use crate::support::fleet::{
    ROOT, answers, ask, event, events, kinds, managed, managed_at, retained, status, told,
};
use crate::support::programme::Programme;
use crate::support::service::data_dir;
use crate::support::webhook::Webhook;
use crate::support::{Service, home, recordings, wait_for, wait_until};
use rumqttc::v5::mqttbytes::v5::PubAckReason;
use serde_json::{Value, json};

#[test]
fn what_happens_is_told_in_order_and_what_is_so_is_kept() {
    let (home, broker) = (home(), Broker::start());
    let service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    let mut client = publish(&service, "live/cam");
    let programme = Programme::marked("live/cam", 0, 0);
    send(&mut client, &programme, &mut 0, 3);
    let live = wait_for("the stream to be told of with its tracks", || {
        retained(&broker, "stream/live/cam").filter(|live| live["tracks"][0].is_object())
    });
    assert_eq!(
        (live["live"].as_bool(), live["peer"].as_str()),
        (Some(true), Some("127.0.0.1"))
    );
    assert_eq!(live["tracks"][0]["codec"], "h264");
    client.unpublish("cam").unwrap();
    event(&broker, "publish.ended");
    wait_until("the stream to be forgotten", || {
        retained(&broker, "stream/live/cam").is_none()
    });
    let health = wait_for("health", || retained(&broker, "health"));
    assert_eq!(health["storage"]["state"], "ok");
    service.stop();
    assert_eq!(
        kinds(&broker),
        [
            "device.started",
            "publish.started",
            "recording.started",
            "recording.closed",
            "publish.ended",
            "device.stopping"
        ]
    );
    assert_eq!(
        events(&broker).into_keys().collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6]
    );
    // No event came twice, and the last message says that the service stopped.
    assert_eq!(told(&broker).len(), 6);
    status(&broker, "stopped");
    assert_eq!(broker.messages().last().unwrap().topic, format!("{ROOT}/status"));
}

#[test]
fn a_box_that_is_gone_without_a_word_is_known_to_be() {
    let (home, broker) = (home(), Broker::start());
    let more = managed(&broker, "");
    let service = Service::start_with(home.path(), &more);
    let up = status(&broker, "up");
    let mut client = publish(&service, "live/cam");
    send(&mut client, &Programme::marked("live/cam", 0, 0), &mut 0, 3);
    wait_until("the stream to be told of", || {
        retained(&broker, "stream/live/cam").is_some()
    });
    event(&broker, "recording.started");
    service.kill();
    let down = status(&broker, "down");
    assert_eq!((&down["pid"], &down["boot_id"]), (&up["pid"], &up["boot_id"]));
    // The next run removes the stream's topic, because it does not know the stream.
    let _service = Service::start_with(home.path(), &more);
    status(&broker, "up");
    wait_until("the stream to be forgotten", || {
        retained(&broker, "stream/live/cam").is_none()
    });
    wait_until("all to be told", || {
        kinds(&broker)
            .iter()
            .filter(|kind| *kind == "device.started")
            .count()
            == 2
    });
    let numbers: Vec<u64> = events(&broker).into_keys().collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

#[test]
fn no_event_is_lost_or_out_of_order_whatever_becomes_of_the_broker() {
    let (home, mut broker) = (home(), Broker::start());
    let mut service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    for round in 0..8 {
        match round {
            0 => broker.stop(),
            1 => broker.resume(),
            2 => broker.behave(Behaviour {
                lose_acks: true,
                ..Behaviour::default()
            }),
            3 => {
                broker.stop();
                broker.forget();
                broker.behave(Behaviour {
                    cut_after: Some(3),
                    ..Behaviour::default()
                });
                broker.resume();
            }
            4 => broker.cut(),
            5 => {
                // If the service is killed, it does not send an event that is not on flash yet.
                wait_until("all to be closed", || {
                    let all = recordings(&service.data());
                    all.iter().filter(|one| one.state == "closed").count() == 15
                });
                service.kill();
                service = Service::start_with(home.path(), &managed(&broker, ""));
            }
            6 => broker.behave(Behaviour {
                refuse: Some(PubAckReason::QuotaExceeded),
                ..Behaviour::default()
            }),
            _ => {
                broker.behave(Behaviour::default());
                broker.cut();
            }
        }
        for number in 0..3 {
            push(&service, &format!("live/cam{round}{number}"), 2, 0);
        }
    }
    // 24 publishes, each with four events, and two starts. The second start counts publishes whose end the kill took, in place of
    // an event for each.
    wait_until("everything to be told", || {
        let all = events(&broker);
        let ended = all
            .values()
            .filter_map(|event| event["data"]["recovered"]["publishes_ended"].as_u64());
        all.len() as u64 + ended.sum::<u64>() >= 24 * 4 + 2
    });
    let heard = events(&broker);
    assert_eq!(
        heard.keys().copied().collect::<Vec<_>>(),
        (1..=heard.len() as u64).collect::<Vec<_>>()
    );
    let ids: BTreeSet<&str> = heard
        .values()
        .map(|event| event["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), heard.len());
    assert!(heard.values().all(|event| event.get("dropped").is_none()));
}

#[test]
fn a_broker_that_says_nothing_any_more_is_left_and_found_again() {
    let (home, broker) = (home(), Broker::start());
    let service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    broker.behave(Behaviour {
        silent: true,
        ..Behaviour::default()
    });
    push(&service, "live/cam", 2, 0);
    service.wait_for_log(|log| log.contains("is not reached, events wait").then_some(()));
    broker.behave(Behaviour::default());
    event(&broker, "publish.ended");
    assert_eq!(kinds(&broker).len(), 5);
}

#[test]
fn two_boxes_with_one_name_are_told_of() {
    let (one, other, broker) = (home(), home(), Broker::start());
    let first = Service::start_with(one.path(), &managed(&broker, ""));
    status(&broker, "up");
    let _second = Service::start_with(other.path(), &managed(&broker, ""));
    first.wait_for_log(|log| log.contains("another box").then_some(()));
    wait_until("health to tell it", || {
        retained(&broker, "health").is_some_and(|health| health["mqtt"]["takeovers"].as_u64() > Some(0))
    });
}

#[test]
fn an_event_larger_than_the_broker_takes_is_dropped_and_counted() {
    let (home, broker) = (home(), Broker::start());
    broker.behave(Behaviour {
        max_packet: Some(1_600),
        ..Behaviour::default()
    });
    let service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    // The event contains too much of what the repair found. The next event is short.
    service.wait_for_log(|log| log.contains("an event was dropped").then_some(()));
    service.stop();
    assert_eq!(kinds(&broker), ["device.stopping"]);
    assert_eq!(broker.connects(), 1);
}

#[test]
fn a_broker_that_keeps_nothing_is_used_as_it_is() {
    let (home, broker) = (home(), Broker::start());
    broker.behave(Behaviour {
        no_retain: true,
        ..Behaviour::default()
    });
    let _service = Service::start_with(home.path(), &managed(&broker, ""));
    event(&broker, "device.started");
    assert_eq!(ask(&broker, "help", &json!({}), "x")["ok"], true);
}

#[test]
fn a_broker_may_want_a_password_and_does_not_see_it_elsewhere() {
    let (home, broker) = (home(), Broker::start());
    broker.login("box", "s3cret-of-the-broker");
    let wrong = managed(&broker, "user = \"box\"\npassword = \"wrong-of-the-broker\"");
    let service = Service::start_with(home.path(), &wrong);
    service.wait_for_log(|log| log.contains("the broker refuses this client").then_some(()));
    assert!(!service.log().contains("wrong-of-the-broker"));
    service.stop();
    let file = home.path().join("password");
    std::fs::write(&file, "s3cret-of-the-broker\n").unwrap();
    let right = format!("user = \"box\"\npassword_file = {:?}", file.to_str().unwrap());
    let _service = Service::start_with(home.path(), &managed(&broker, &right));
    status(&broker, "up");
    let config = ask(&broker, "config.get", &json!({}), "x");
    assert!(
        config["result"]["config"]
            .as_str()
            .unwrap()
            .contains("password_file")
    );
    let all: String = broker
        .messages()
        .iter()
        .map(|message| message.text().to_owned())
        .collect();
    assert!(!all.contains("s3cret-of-the-broker"));
}

#[test]
fn the_broker_is_known_by_its_certificate_and_the_box_by_its_own() {
    let home = home();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let (cert_file, key_file) = (home.path().join("cert.pem"), home.path().join("key.pem"));
    std::fs::write(&cert_file, made.cert.pem()).unwrap();
    std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let broker = Broker::start_tls(tls);
    let service = Service::start_with(home.path(), &managed_at(&broker.url(), ""));
    service.wait_for_log(|log| log.contains("is not reached, events wait").then_some(()));
    service.stop();
    assert_eq!(broker.connects(), 0);
    let more = format!(
        "ca_file = {:?}\ncert_file = {:?}\nkey_file = {:?}",
        cert_file.to_str().unwrap(),
        cert_file.to_str().unwrap(),
        key_file.to_str().unwrap()
    );
    let _service = Service::start_with(home.path(), &managed_at(&broker.url(), &more));
    status(&broker, "up");
    assert_eq!(ask(&broker, "help", &json!({}), "x")["ok"], true);
}

#[test]
fn a_day_of_events_goes_out_in_order_and_what_did_not_fit_is_counted() {
    let (home, mut broker) = (home(), Broker::start());
    broker.stop();
    let more = managed(&broker, "");
    // The start and the end of a run, and the other events of a day: more than the outbox keeps.
    Service::start_with(home.path(), &more).stop();
    let journal = rusqlite::Connection::open(data_dir(home.path()).join("journal.db")).unwrap();
    journal
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10040)
             INSERT INTO outbox (id, kind, body, time)
                SELECT randomblob(16), 'storage.recovered', '{}', 1790000000000000 + i FROM n",
        )
        .unwrap();
    drop(journal);
    broker.resume();
    let _service = Service::start_with(home.path(), &more);
    // 10,043 with the start of this run. The outbox keeps 10,000 of them.
    wait_until("all to be told", || {
        let messages = broker.messages();
        messages
            .iter()
            .any(|message| message.text().contains("\"sequence\":\"10043\""))
    });
    let heard = events(&broker);
    let (first, _) = heard.first_key_value().unwrap();
    assert_eq!((*first, heard.len()), (44, 10_000));
    assert_eq!(heard[first]["dropped"], 43);
    assert!(heard.values().skip(1).all(|event| event.get("dropped").is_none()));
    let stats = ask(&broker, "device.stats", &json!({}), "x");
    assert_eq!(stats["result"]["mqtt"]["dropped"], 43);
    wait_until("nothing to wait any more", || {
        ask(
            &broker,
            "device.stats",
            &json!({ "id": broker.messages().len().to_string() }),
            "y",
        );
        answers(&broker, "y").last().unwrap()["result"]["outbox"]["events"] == 0
    });
}

#[test]
fn a_journal_that_is_lost_under_way_begins_anew_and_all_of_it_is_told() {
    let (home, broker, webhook) = (home(), Broker::start(), Webhook::start());
    let callback = format!("\n[[callback]]\nurl = \"{}\"\n", webhook.url("/"));
    let service = Service::start_with(home.path(), &(managed(&broker, "") + &callback));
    status(&broker, "up");
    for number in 0..3 {
        push(&service, &format!("live/cam{number}"), 2, 0);
    }
    wait_until("all to be told", || {
        kinds(&broker).len() == 13 && webhook.calls().len() == 13
    });
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        std::fs::remove_file(data_dir(home.path()).join(name)).unwrap();
    }
    // A tick of the writer finds the journal gone.
    push(&service, "live/late", 2, 0);
    service.wait_for_log(|log| log.contains("the store is back").then_some(()));
    push(&service, "live/later", 2, 0);
    let anew = |all: Vec<Value>| {
        let number = |event: &Value| event["sequence"].as_str().unwrap().parse::<u64>().unwrap();
        let numbers: Vec<u64> = all.iter().skip(13).map(number).collect();
        let last = all.last().unwrap();
        let over = last["type"] == "publish.ended" && last["data"]["stream"] == "live/later";
        over.then_some(numbers)
    };
    for heard in [
        wait_for("the broker to hear the last", || anew(told(&broker))),
        wait_for("the service to hear the last", || {
            anew(webhook.calls().iter().map(|call| call.json()).collect())
        }),
    ] {
        // The last events of the old journal may not have been sent.
        let first = heard.iter().position(|number| *number == 1).unwrap();
        let anew = &heard[first..];
        assert_eq!(anew, (1..=anew.len() as u64).collect::<Vec<_>>(), "{heard:?}");
    }
}

#[test]
fn a_broker_that_takes_nothing_does_not_hold_up_the_end_of_the_service() {
    let (home, broker) = (home(), Broker::start());
    let more = managed(&broker, "");
    let service = Service::start_with(home.path(), &more);
    event(&broker, "device.started");
    broker.behave(Behaviour {
        refuse: Some(PubAckReason::QuotaExceeded),
        ..Behaviour::default()
    });
    push(&service, "live/cam", 2, 0);
    service.wait_for_log(|log| log.contains("does not take events").then_some(()));
    service.stop();
    status(&broker, "stopped");
    broker.behave(Behaviour::default());
    let _service = Service::start_with(home.path(), &more);
    wait_until("everything to be told", || kinds(&broker).len() == 7);
}

#[test]
fn a_broker_that_goes_while_the_service_stops_does_not_hold_it_up() {
    let (home, mut broker) = (home(), Broker::start());
    let mut service = Service::start_with(home.path(), &managed(&broker, ""));
    event(&broker, "device.started");
    broker.behave(Behaviour {
        lose_acks: true,
        ..Behaviour::default()
    });
    service.signal(nix::sys::signal::Signal::SIGTERM);
    // The service waits for the acknowledgement of its last event.
    event(&broker, "device.stopping");
    broker.stop();
    wait_until("the service to end", || !service.alive());
}

#[test]
fn health_is_told_at_once_when_something_is_wrong() {
    let (home, broker) = (home(), Broker::start());
    let sync = "\n[sync]\nurl = \"s3://media/box\"\nendpoint = \"http://127.0.0.1:1\"\naccess_key_id = \"a\"\n\
                secret_access_key = \"b\"\n";
    // Without the fault, the next `health` would come in an hour.
    let config = managed(&broker, "").replace("health = \"1s\"", "health = \"1h\"") + sync;
    let service = Service::start_with(home.path(), &config);
    status(&broker, "up");
    push(&service, "live/cam", 2, 0);
    event(&broker, "sync.offline");
    wait_until("health to tell it", || {
        retained(&broker, "health").is_some_and(|health| health["sync"]["state"] == "offline")
    });
}
