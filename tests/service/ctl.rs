//! `edgereel ctl`: people send commands to boxes through a broker.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::support::broker::Broker;
use crate::support::cli::command;
use crate::support::delivered::push;
use crate::support::fleet::{managed, status};
use crate::support::{Done, Service, edgereel, home};
use serde_json::Value;

/// `edgereel ctl` to the box under test.
fn ctl(broker: &Broker, arguments: &[&str]) -> Done {
    let url = broker.url();
    let mut all = vec!["ctl", "--broker", &url, "--device", "box-17"];
    all.extend(arguments);
    edgereel(&all)
}

#[test]
fn people_ask_read_tables_and_are_told_what_is_wrong() {
    let (home, broker) = (home(), Broker::start());
    let service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    push(&service, "live/cam", 2, 0);
    let list = ctl(&broker, &["recording.list", "stream=live/cam"]).ok();
    let text = list.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("ID") && lines[0].contains("STREAM"),
        "{}",
        list.text()
    );
    assert!(
        lines[1].contains("live/cam") && lines.len() == 2,
        "{}",
        list.text()
    );
    let json = ctl(&broker, &["--json", "recording.list", "limit=1"]).ok();
    let answer: Value = serde_json::from_str(&json.text()).unwrap();
    assert_eq!(
        (
            &answer["ok"],
            answer["result"]["recordings"].as_array().unwrap().len()
        ),
        (&true.into(), 1)
    );
    let refused = ctl(&broker, &["recording.get", "recording=none"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("none"));
    let wrong = ctl(&broker, &["recording.get", "recordin=none"]);
    assert!(wrong.stderr.contains("has no argument 'recordin'"));
    let info = ctl(&broker, &["device.info"]).ok();
    assert!(
        info.text().contains("device") && info.text().contains("box-17"),
        "{}",
        info.text()
    );
}

#[test]
fn a_box_that_does_not_answer_is_told_of_with_what_is_known_of_it() {
    let (home, broker) = (home(), Broker::start());
    let never = ctl(&broker, &["--timeout", "500ms", "help"]);
    assert!(never.stderr.contains("never published anything"));
    let service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    service.kill();
    status(&broker, "down");
    let down = ctl(&broker, &["--timeout", "500ms", "help"]);
    assert_eq!(down.code, Some(1));
    assert!(down.stderr.contains("it is down; it had connected at 20"));
    let nobody = edgereel(&["ctl", "--broker", "mqtt://127.0.0.1:1", "--device", "a", "help"]);
    assert!(nobody.stderr.contains("mqtt://127.0.0.1:1"));
}

#[test]
fn events_are_watched_as_they_come() {
    let (home, broker) = (home(), Broker::start());
    let service = Service::start_with(home.path(), &managed(&broker, ""));
    status(&broker, "up");
    let mut watching = command();
    watching.args(["ctl", "--broker", &broker.url(), "--device", "+", "watch"]);
    let mut watching = watching.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("box-17  is up"));
    push(&service, "live/cam", 2, 0);
    let closed = lines
        .map(Result::unwrap)
        .find(|line| line.contains("recording.closed"))
        .unwrap();
    assert!(
        closed.contains("stream=live/cam") && closed.contains("reason=unpublished"),
        "{closed}"
    );
    watching.kill().unwrap();
    watching.wait().unwrap();
}
