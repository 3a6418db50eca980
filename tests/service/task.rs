//! Tasks: recordings that are ordered for a time.

use std::path::Path;

use crate::control::{CAM, ON_DEMAND, closed, live, refused};
use crate::support::{Service, edgereel_of, home, recordings, typed, verified, wait_for, wait_until};
use serde_json::{Value, json};

#[test]
fn tasks_of_the_configuration_are_listed_reloaded_and_not_deleted_by_command() {
    let home = home();
    let home = home.path();
    let entry = |name: &str, more: &str| format!("[[task]]\nname = \"{name}\"\nstream = \"{CAM}\"\n{more}\n");
    let always = entry("all-week", "weekly = [\"daily 00:00-24:00\"]");
    let over = entry("once", "start = \"2001-01-01T00:00:00Z\"\nduration = \"1h\"");
    let service = Service::start_with(home, &format!("{ON_DEMAND}{always}{over}"));
    service.wait_for_log(|log| log.contains("task 'once' has ended").then_some(()));
    let listed = |home: &Path| typed(home, &["task", "list"])["tasks"].clone();
    let before = listed(home);
    assert_eq!(
        (&before[0]["task"], &before[0]["from"], &before[0]["state"]),
        (&json!("config.all-week"), &json!("config"), &json!("running")),
        "{before}"
    );
    let refused = refused(home, &["task", "delete", "config.all-week"]);
    assert!(refused.contains("[[task]] name = \"all-week\""), "{refused}");
    let feed = live(&service, CAM);
    wait_until("the task to record", || !recordings(&service.data()).is_empty());
    feed.over();
    service.kill();
    let service = Service::start_with(home, &format!("{ON_DEMAND}{always}{over}"));
    let after = listed(home);
    assert!(after[0]["last_recorded"].is_string(), "{after}");
    let states = |tasks: &Value| [tasks[0]["state"].clone(), tasks[1]["state"].clone()];
    assert_eq!(states(&after), states(&before));
    // The configuration now has another task, and no longer this one.
    crate::support::service::write_config(
        home,
        &format!("{ON_DEMAND}{}", entry("new", "weekly = [\"Mon 08:00-09:00\"]")),
    );
    service.signal(nix::sys::signal::Signal::SIGHUP);
    wait_until("the other task", || listed(home)[0]["task"] == "config.new");
    assert_eq!(listed(home).as_array().unwrap().len(), 1);
    service.stop();
    verified(&home.join("data"));
}

#[test]
fn a_task_records_whoever_publishes_in_its_time() {
    let home = home();
    let home = home.path();
    let service = Service::start_with(home, ON_DEMAND);
    let task = typed(home, &["task", "create", CAM, "--duration", "1h"]);
    assert_eq!(task["state"], "running", "{task}");
    let feed = live(&service, CAM);
    let row = wait_for("a recording", || recordings(&service.data()).pop());
    typed(home, &["task", "stop", task["task"].as_str().unwrap()]);
    let row = closed(home, &row.id);
    assert_eq!(row["origin"], "task");
    feed.over();
}

#[test]
fn a_task_that_recorded_nothing_is_told_once_and_listed() {
    let home = home();
    let home = home.path();
    let service = Service::start_with(home, ON_DEMAND);
    let task = typed(home, &["task", "create", CAM, "--duration", "1s"]);
    let missed = service.wait_for_log(|log| {
        let mut lines = log.lines();
        lines
            .find(|line| line.contains("recorded nothing"))
            .map(str::to_owned)
    });
    let said = [
        "WARN",
        "nobody published 'live/cam1'",
        "check that",
        task["task"].as_str().unwrap(),
    ];
    assert!(said.iter().all(|word| missed.contains(word)), "{missed}");
    let listed = || typed(home, &["task", "list"])["tasks"][0].clone();
    let row = listed();
    assert_eq!(
        (&row["state"], &row["missed"]["reason"]),
        (&json!("over"), &json!("publish")),
        "{row}"
    );
    assert_eq!(row["missed"]["start"], task["start"]);
    let shown = edgereel_of(home, &["task", "list"]).ok();
    assert!(shown.text().contains("missed"), "{}", shown.text());
    assert!(shown.stderr.contains("recorded nothing from"), "{}", shown.stderr);
    service.kill();
    let service = Service::start_with(home, ON_DEMAND);
    assert_eq!(listed(), row);
    assert!(!service.log().contains("recorded nothing"));
    service.stop();
}
