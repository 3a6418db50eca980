//! Tasks that stand in the configuration.

use super::ledger::{MONDAY, Machine, SECOND};
use super::sessions::{CAM, on_demand};
use crate::config::Task;
use crate::event::rfc3339;
use crate::recorder::tasks::TaskState;

/// A task of the file, from and to so many seconds after Monday.
fn task(name: &str, stream: &str, from: i64, to: i64) -> Task {
    let time = |seconds: i64| rfc3339(MONDAY + seconds * SECOND);
    let text = format!(
        "name = {name:?}\nstream = {stream:?}\nstart = {:?}\nend = {:?}",
        time(from),
        time(to)
    );
    toml::from_str(&text).unwrap()
}

fn configure(machine: &mut Machine, tasks: &[Task]) -> Vec<String> {
    machine.ask(|core, now, out| core.configure_tasks(tasks, now, out))
}

fn states(machine: &Machine) -> Vec<(String, TaskState)> {
    let tasks = machine.core.tasks.list(None, None, None);
    tasks.map(|task| (task.id.clone(), task.state)).collect()
}

#[test]
fn a_task_of_the_file_records_over_reloads_and_restarts_and_is_there_once() {
    let mut machine = on_demand();
    let tasks = [task("a", CAM, 60, 120)];
    assert!(configure(&mut machine, &tasks).is_empty());
    machine.begin(CAM);
    machine.play(CAM, 30);
    assert_eq!(states(&machine), [("config.a".to_owned(), TaskState::Running)]);
    // The task did not change.
    configure(&mut machine, &tasks);
    machine.play(CAM, 5);
    machine.crash(3 * SECOND);
    configure(&mut machine, &tasks);
    machine.begin(CAM);
    machine.play(CAM, 60);
    assert_eq!(states(&machine), [("config.a".to_owned(), TaskState::Over)]);
    // The task is not begun again, and not forgotten while it stands there.
    machine.boot += 30 * 86_400 * SECOND;
    machine.wait(2);
    machine.crash(SECOND);
    configure(&mut machine, &tasks);
    machine.wait(2);
    assert_eq!(states(&machine), [("config.a".to_owned(), TaskState::Over)]);
    assert_eq!(machine.recordings.len(), 2);
    assert!(
        machine
            .recordings
            .values()
            .all(|entry| entry.spec.about.name.as_deref() == Some("a"))
    );
    machine.check();
}

#[test]
fn what_records_when_its_entry_changes_goes_on_if_its_time_is_now() {
    let mut machine = on_demand();
    configure(&mut machine, &[task("a", CAM, 50, 100), task("b", CAM, 50, 100)]);
    machine.begin(CAM);
    machine.play(CAM, 20);
    // One task is longer now, the other is later.
    configure(&mut machine, &[task("a", CAM, 50, 90), task("b", CAM, 200, 300)]);
    machine.play(CAM, 10);
    assert_eq!(machine.table(), ["task hls#1 open 29.92", "task hls#1 closed 20"]);
    machine.play(CAM, 30);
    assert_eq!(machine.table()[0], "task hls#1 closed 39.92");
    // A task that left the file is forgotten, and its recording goes on.
    machine.play(CAM, 100);
    assert_eq!(states(&machine)[1], ("config.b".to_owned(), TaskState::Running));
    configure(&mut machine, &[]);
    assert!(states(&machine).is_empty());
    machine.play(CAM, 10);
    assert!(machine.table()[2].starts_with("task hls#1 open"));
    machine.break_off(CAM);
    assert!(machine.table()[2].starts_with("task hls#1 closed"));
    machine.check();
}

#[test]
fn a_command_may_stop_one_and_cannot_delete_it() {
    let mut machine = on_demand();
    let tasks = [task("a", CAM, 50, 500)];
    configure(&mut machine, &tasks);
    let refused = machine.ask(|core, _, out| core.delete_task("config.a", out));
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("[[task]] name = \"a\""), "{said}");
    machine
        .ask(|core, now, out| core.stop_task("config.a", now, out))
        .unwrap();
    machine.boot += 20 * 86_400 * SECOND;
    machine.wait(1);
    machine.crash(SECOND);
    configure(&mut machine, &tasks);
    assert_eq!(states(&machine), [("config.a".to_owned(), TaskState::Stopped)]);
    // Another entry of that name is another task.
    let now = (machine.now().utc - MONDAY) / SECOND;
    configure(&mut machine, &[task("a", CAM, now, now + 60)]);
    assert_eq!(states(&machine), [("config.a".to_owned(), TaskState::Running)]);
}

#[test]
fn more_than_three_at_once_and_those_that_are_over_are_told() {
    let mut machine = on_demand();
    let mut tasks: Vec<Task> = ["a", "b", "c", "d"].map(|name| task(name, CAM, 100, 200)).into();
    let refused = configure(&mut machine, &tasks);
    assert_eq!(refused.len(), 1);
    assert!(
        refused[0].starts_with("task 'd' of the configuration is left out"),
        "{refused:?}"
    );
    tasks[3] = task("d", CAM, 10, 20);
    assert!(configure(&mut machine, &tasks).is_empty());
    assert_eq!(states(&machine)[3].1, TaskState::Over);
}
