//! Whatever publishers, people and power cuts do: no recording is begun or closed twice, none of an output overlaps another, a
//! closed one is complete, and in the end every one is closed.

use proptest::prelude::*;

use super::ledger::{MONDAY, Machine, SECOND};
use crate::config::{RecordWhen, Rule};
use crate::event::Event;
use crate::format::Format;
use crate::media::StreamName;
use crate::recorder::missed::Outcome;
use crate::recorder::orders::{ClipOrder, ClipRange, ClipSource, StartOrder, Which};
use crate::recorder::publish::EndReason;
use crate::recorder::tasks::{Task, TaskState, When};

const CAM: &str = "live/cam";

#[derive(Clone, Debug)]
enum Action {
    Begin,
    Play(u32),
    /// Media with a keyframe this seldom.
    Crawl(u32),
    Break,
    Unpublish,
    Wait(i64),
    Start(i64),
    Stop,
    Restart,
    Finish,
    Clip(i64, i64),
    Task(i64, i64),
    StopTask,
    DeleteTask,
    Rule(usize),
    StepClock(i64),
    /// The power goes when so many further commands have reached the store, and comes back after so many seconds.
    Crash(usize, i64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Begin),
        6 => (0u32..20).prop_map(Action::Play),
        1 => (0u32..80).prop_map(Action::Crawl),
        3 => Just(Action::Break),
        1 => Just(Action::Unpublish),
        3 => (0i64..40).prop_map(Action::Wait),
        2 => (0i64..12).prop_map(Action::Start),
        2 => Just(Action::Stop),
        1 => Just(Action::Restart),
        1 => Just(Action::Finish),
        2 => (0i64..12, 0i64..12).prop_map(|(before, after)| Action::Clip(before, after)),
        1 => (0i64..60, 1i64..60).prop_map(|(from, length)| Action::Task(from, length)),
        1 => Just(Action::StopTask),
        1 => Just(Action::DeleteTask),
        1 => (0usize..4).prop_map(Action::Rule),
        1 => (-4_000i64..4_000).prop_map(Action::StepClock),
        3 => (0usize..6, 0i64..60).prop_map(|(within, down)| Action::Crash(within, down)),
    ]
}

const TEMPLATES: [&str; 4] = [
    "name = \"spliced\"\nformats = [\"hls\", \"mp4\"]\nsplit = \"30s\"\nresume_window = \"0s\"\n\
     [hls]\nsplit = \"off\"\nresume_window = \"60s\"\nresume_after = \"any\"",
    "name = \"clock\"\nformats = [\"mp4\"]\nsplit_at = \"30s\"\nresume_window = \"20s\"",
    "name = \"demand\"\nformats = [\"mp4\", \"flv\"]\nresume_window = \"20s\"",
    "name = \"off\"\nformats = []",
];

fn rule(number: usize) -> Rule {
    let (template, record) = [
        ("spliced", RecordWhen::Always),
        ("clock", RecordWhen::Always),
        ("demand", RecordWhen::OnDemand),
        ("off", RecordWhen::Always),
    ][number];
    Rule {
        template: template.to_owned(),
        record,
        ..Rule::built_in()
    }
}

struct Script {
    machine: Machine,
    stream: StreamName,
    tasks: usize,
}

impl Script {
    fn run(&mut self, action: &Action) {
        let on_air = self.machine.live.contains_key(&self.stream);
        let which = Which::Stream(self.stream.clone());
        let machine = &mut self.machine;
        match action {
            Action::Begin if !on_air => machine.begin(CAM),
            Action::Play(seconds) if on_air => machine.play(CAM, *seconds),
            Action::Crawl(seconds) if on_air => machine.play_gop(CAM, seconds * 1_000, 1_000_000),
            Action::Break if on_air => machine.break_off(CAM),
            Action::Unpublish if on_air => machine.end(CAM, &EndReason::Unpublished),
            Action::Begin | Action::Play(_) | Action::Crawl(_) | Action::Break | Action::Unpublish => {}
            Action::Wait(seconds) => machine.wait(*seconds),
            Action::Start(pre_roll) => {
                let order = StartOrder {
                    stream: self.stream.clone(),
                    template: Some("demand".to_owned()),
                    name: None,
                    pre_roll: pre_roll * SECOND,
                    longest: 45 * SECOND,
                };
                let _ = machine.ask(|core, now, out| core.start(&order, now, out));
            }
            Action::Stop => drop(machine.ask(|core, now, out| core.stop(&which, now, out))),
            Action::Restart => {
                let last = machine.order.last().copied();
                if let Some(last) = last {
                    let _ = machine.ask(|core, _, _| core.restart(&Which::Recording(last)));
                }
            }
            Action::Finish => drop(machine.ask(|core, now, out| core.finish(&which, now, out))),
            Action::Clip(before, after) => {
                let order = ClipOrder {
                    id: crate::media::RecordingId::new(1_000 + machine.order.len() as u64),
                    stream: self.stream.clone(),
                    range: ClipRange::Around(before * SECOND, after * SECOND),
                    formats: vec![Format::Mp4],
                    name: None,
                    keep: None,
                };
                // The library makes a clip from the tape alone, so it is no part of this test.
                let course = machine.ask(|core, now, _| core.course(&order, now));
                if let Ok(course) = course.map(|course| course.source)
                    && course != ClipSource::Tape
                {
                    let _ = machine.ask(|core, now, out| core.clip(&order, None, now, out));
                }
            }
            Action::Task(from, length) => {
                self.tasks += 1;
                let start = machine.now().utc + from * SECOND;
                let task = Task {
                    id: format!("t{:03}", self.tasks),
                    stream: self.stream.clone(),
                    template: Some("clock".to_owned()),
                    name: None,
                    when: When::Once(start, start + length * SECOND),
                    state: TaskState::Waiting,
                    outcome: Outcome::default(),
                    configured: false,
                };
                let _ = machine.ask(|core, now, out| core.create_task(task, now, out));
            }
            Action::StopTask => {
                let id = format!("t{:03}", self.tasks);
                let _ = machine.ask(|core, now, out| core.stop_task(&id, now, out));
            }
            Action::DeleteTask => {
                let id = format!("t{:03}", self.tasks);
                let _ = machine.ask(|core, _, out| core.delete_task(&id, out));
            }
            Action::Rule(number) => machine
                .ask(|core, _, out| core.put_rule(rule(*number), out))
                .unwrap(),
            Action::StepClock(seconds) => machine.utc = (machine.utc + seconds * SECOND).max(MONDAY),
            Action::Crash(..) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_recordings_are_what_they_say(
        first in 0usize..4,
        script in prop::collection::vec(action(), 1..40),
    ) {
        let mut run = Script {
            machine: Machine::with(&TEMPLATES, vec![rule(first)]),
            stream: CAM.parse().unwrap(),
            tasks: 0,
        };
        let mut power: Option<i64> = None;
        for action in &script {
            if let Action::Crash(within, down) = action {
                run.machine.power = Some(*within);
                power = Some(*down);
                continue;
            }
            run.run(action);
            if let Some(down) = power.take() {
                run.machine.crash(down * SECOND);
            }
            run.machine.check();
        }
        run.machine.power = None;
        // At the end nobody publishes, and all windows, limits and tasks are over.
        if run.machine.live.contains_key(&run.stream) {
            run.machine.break_off(CAM);
        }
        run.machine.boot += 8_000 * SECOND;
        run.machine.wait(3);
        run.machine.check();
        for (id, entry) in &run.machine.recordings {
            prop_assert_eq!(entry.state, "closed", "{}: {:?}", id, entry);
        }
        let left = run.machine.core.stream(&run.stream).map_or(0, |stream| stream.sessions.len());
        prop_assert_eq!(left, 0);
        for task in run.machine.core.tasks.list(None, None, None) {
            let of_it = |event: &&Event| matches!(event, Event::TaskMissed(missed) if missed.task == task.id);
            let told = run.machine.reports.iter().filter(of_it).count();
            let Outcome { recorded, missed, .. } = &task.outcome;
            prop_assert_eq!(told, usize::from(missed.is_some()), "{:?}", task);
            let is_over = task.state == TaskState::Over;
            // A recording that begins with a keyframe from before the time, and was cut off there, belongs to no time.
            let When::Once(start, end) = task.when else {
                unreachable!("no script orders another")
            };
            let within = recorded.is_some_and(|at| (start..=end).contains(&at));
            prop_assert_eq!(is_over && !within, missed.is_some(), "{:?}", task);
        }
    }
}
