//! Tasks that recorded nothing.

use super::ledger::{MONDAY, Machine, SECOND};
use super::orders::{create, task};
use super::sessions::{CAM, on_demand};
use crate::config::{Rule, Weekly};
use crate::event::{Event, Miss, TaskMissed, rfc3339};
use crate::recorder::Missed;
use crate::recorder::tasks::{Task, TaskState, When};

const DAY: i64 = 86_400 * SECOND;

fn told(machine: &Machine) -> Vec<&TaskMissed> {
    let missed = machine.reports.iter().filter_map(|event| match event {
        Event::TaskMissed(missed) => Some(&**missed),
        _ => None,
    });
    missed.collect()
}

fn missed<'a>(machine: &'a Machine, id: &str) -> Option<&'a Missed> {
    machine.core.tasks.task(id).unwrap().outcome.missed.as_ref()
}

/// A task for every day, from the first minute of `hours` to the second.
fn daily(machine: &mut Machine, id: &str, hours: &str) {
    let weekly = Weekly::parse(&[hours.to_owned()], "UTC".parse().unwrap()).unwrap();
    let daily = Task {
        when: When::Weekly(weekly),
        ..task(id, 0, 1)
    };
    create(machine, daily).unwrap();
}

#[test]
fn a_time_in_which_nobody_published_is_told_once_with_what_to_check() {
    let mut machine = on_demand();
    create(&mut machine, task("t", 60, 90)).unwrap();
    machine.begin("live/cam-1");
    machine.wait(30);
    assert!(told(&machine).is_empty());
    machine.wait(15);
    let event = told(&machine)[0].clone();
    assert_eq!((event.reason, event.times), (Miss::Publish, 1));
    assert_eq!(event.start, rfc3339(MONDAY + 60 * SECOND));
    assert_eq!(event.end, rfc3339(MONDAY + 90 * SECOND));
    for said in [
        &format!("nobody published '{CAM}'")[..],
        "check that",
        "'live/cam-1' is published now",
    ] {
        assert!(event.detail.contains(said), "{}", event.detail);
    }
    machine.crash(SECOND);
    machine.wait(30);
    assert_eq!(told(&machine).len(), 1);
    assert_eq!(missed(&machine, "t").unwrap().detail, event.detail);
    assert_eq!(machine.core.tasks.task("t").unwrap().state, TaskState::Over);
}

#[test]
fn the_mark_and_the_event_are_one_command_so_that_a_power_cut_takes_both_or_none() {
    for commands in 0..4 {
        let mut machine = on_demand();
        create(&mut machine, task("t", 60, 90)).unwrap();
        machine.wait(35);
        machine.power = Some(commands);
        machine.wait(10);
        machine.crash(5 * SECOND);
        machine.wait(5);
        assert_eq!(told(&machine).len(), 1, "{commands}");
    }
}

#[test]
fn what_was_recorded_is_not_missed_however_short_it_was_and_whatever_restarts() {
    let mut machine = on_demand();
    create(&mut machine, task("t", 60, 120)).unwrap();
    machine.begin(CAM);
    machine.play(CAM, 20);
    machine.break_off(CAM);
    machine.crash(SECOND);
    machine.wait(60);
    assert!(told(&machine).is_empty() && missed(&machine, "t").is_none());
    assert!(machine.core.tasks.task("t").unwrap().outcome.recorded.is_some());
    // A push that leaves nothing counts as no recording.
    create(&mut machine, task("short", 150, 180)).unwrap();
    machine.wait(25);
    machine.begin(CAM);
    machine.play_gop(CAM, 400, 2_000);
    machine.break_off(CAM);
    machine.wait(30);
    assert_eq!(told(&machine)[0].reason, Miss::Publish);
}

#[test]
fn what_began_in_the_last_second_of_a_time_is_not_missed() {
    let mut machine = on_demand();
    create(&mut machine, task("t", 60, 120)).unwrap();
    // The second after which a publish is on the tape ends with the time of the task, or right behind it.
    machine.wait(69);
    machine.begin(CAM);
    machine.play(CAM, 4);
    machine.break_off(CAM);
    machine.wait(3);
    let recorded = machine.core.tasks.task("t").unwrap().outcome.recorded;
    assert_eq!(machine.table(), ["task hls#1 closed 1"]);
    assert_eq!(recorded, Some(MONDAY + 119 * SECOND));
    assert!(told(&machine).is_empty() && missed(&machine, "t").is_none());
    machine.crash(SECOND);
    machine.wait(3);
    assert!(told(&machine).is_empty());
}

#[test]
fn what_was_recorded_is_not_missed_where_the_clock_is_set_right_before_a_power_cut() {
    let mut machine = on_demand();
    create(&mut machine, task("t", 60, 90)).unwrap();
    machine.begin(CAM);
    machine.play(CAM, 20);
    machine.utc += 3_600 * SECOND;
    machine.crash(SECOND);
    machine.wait(3);
    assert_eq!(machine.core.tasks.task("t").unwrap().state, TaskState::Over);
    assert!(told(&machine).is_empty() && missed(&machine, "t").is_none());
}

#[test]
fn why_nothing_was_recorded_is_told_apart() {
    let mut machine = on_demand();
    create(&mut machine, task("off", 60, 90)).unwrap();
    machine.crash(600 * SECOND);
    machine.wait(2);
    let off = told(&machine).pop().unwrap().clone();
    assert_eq!((off.task.as_str(), off.reason), ("off", Miss::Off));
    assert!(off.detail.contains("the service did not run"), "{}", off.detail);
    // A publisher is there, and none of its pictures can be decoded.
    create(&mut machine, task("media", 700, 730)).unwrap();
    machine.wait(45);
    let name = CAM.parse().unwrap();
    let begun = machine
        .ask(|core, now, out| core.publish(&name, &std::sync::Arc::default(), &Default::default(), now, out));
    begun.unwrap();
    machine.wait(40);
    assert_eq!(told(&machine).pop().unwrap().reason, Miss::Media);
    // The template leaves the configuration.
    let named = Task {
        template: Some("lesson".to_owned()),
        ..task("template", 800, 830)
    };
    let lesson = toml::from_str("name = \"lesson\"").unwrap();
    machine
        .ask(|core, _, out| core.put_template(lesson, out))
        .unwrap();
    create(&mut machine, named).unwrap();
    machine.core.rulebook = Default::default();
    machine.core.rulebook.configure(Vec::new(), Vec::<Rule>::new());
    machine.wait(120);
    let template = told(&machine).pop().unwrap();
    assert_eq!(template.reason, Miss::Template);
    assert!(template.detail.contains("'lesson'"), "{}", template.detail);
}

#[test]
fn who_stops_or_deletes_a_task_is_told_nothing() {
    let mut machine = on_demand();
    create(&mut machine, task("a", 60, 90)).unwrap();
    create(&mut machine, task("b", 60, 90)).unwrap();
    machine
        .ask(|core, now, out| core.stop_task("a", now, out))
        .unwrap();
    machine.ask(|core, _, out| core.delete_task("b", out)).unwrap();
    machine.wait(100);
    machine.crash(100 * SECOND);
    assert!(told(&machine).is_empty());
}

#[test]
fn each_time_of_a_weekly_task_is_judged_and_those_of_one_absence_together() {
    let mut machine = on_demand();
    daily(&mut machine, "d", "daily 00:02-00:03");
    machine.wait(140);
    assert_eq!(told(&machine).len(), 1);
    assert!(missed(&machine, "d").is_some());
    // The next day the task records, and its outcome says so.
    machine.boot += DAY - 80 * SECOND;
    machine.begin(CAM);
    machine.play(CAM, 30);
    machine.break_off(CAM);
    machine.wait(70);
    assert_eq!((told(&machine).len(), missed(&machine, "d")), (1, None));
    // Three days without power are reported once.
    machine.crash(3 * DAY);
    let away = told(&machine);
    assert_eq!((away.len(), away[1].times, away[1].reason), (2, 3, Miss::Off));
    machine.crash(SECOND);
    machine.wait(5);
    assert_eq!(told(&machine).len(), 2);
}

#[test]
fn a_clock_that_was_never_set_and_rows_of_before_accuse_nobody() {
    let mut machine = on_demand();
    let set = machine.utc;
    machine.utc = 0;
    daily(&mut machine, "d", "daily 12:00-12:01");
    machine.utc = set;
    machine.wait(5);
    assert!(told(&machine).is_empty());
    // A row of the former release does not say what was recorded.
    create(&mut machine, task("t", 50, 100)).unwrap();
    machine.wait(5);
    for body in machine.kept.values_mut() {
        let mut row: serde_json::Value = serde_json::from_str(body).unwrap();
        row.as_object_mut().unwrap().remove("outcome").unwrap();
        *body = row.to_string();
    }
    machine.crash(SECOND);
    machine.wait(60);
    assert!(told(&machine).is_empty());
}
