//! Orders of people and machines: manual recordings, tasks, clips.

use super::ledger::{MONDAY, Machine, SECOND};
use super::sessions::{CAM, assert_seamless, cam, on_demand, start};
use crate::event::Lack;
use crate::format::Format;
use crate::media::RecordingId;
use crate::recorder::orders::{ClipOrder, ClipRange, ClipSource, OrderError, Which};
use crate::recorder::publish::EndReason;
use crate::recorder::tasks::{Task, TaskError, TaskState, When};
use crate::store::{Asked, ClipBounds};

#[test]
fn nothing_is_written_until_somebody_asks_and_then_the_pre_roll_goes_first() {
    let mut machine = on_demand();
    machine.begin(CAM);
    machine.play(CAM, 30);
    assert!(machine.tape.is_empty(), "nobody asked");
    let ids = start(&mut machine, 10).unwrap();
    machine.play(CAM, 7);
    let stopped = machine
        .ask(|core, now, out| core.stop(&Which::Stream(cam()), now, out))
        .unwrap();
    machine.play(CAM, 5);
    assert_eq!((ids.clone(), machine.order.clone()), (stopped, ids.clone()));
    // The recording has the tape from the keyframe at 20 s to 37 s, and nothing more.
    assert_eq!(machine.table(), ["manual hls+mp4#1 closed 17"]);
    let after = machine.tape[&cam()].iter().map(|sample| sample.at).max().unwrap();
    let end = machine.recordings[&ids[0]].end.unwrap();
    assert!(
        after - end <= SECOND,
        "no more than the fragment in which it ended: {} ms",
        (after - end) / 1_000
    );
    machine.check();

    // Media that the ring still has is not written twice: the tape goes on where it was.
    let again = start(&mut machine, 10).unwrap();
    machine.play(CAM, 3);
    let order = machine.order.clone();
    let first = machine.samples(order[0]);
    let second = machine.samples(again[0]);
    assert!(
        second.first().unwrap().at <= first.last().unwrap().at,
        "the pre-roll is tape already"
    );
    machine.check();
    // Where the ring does not reach back that far, a keyframe begins anew.
    machine
        .ask(|core, now, out| core.stop(&Which::Recording(again[0]), now, out))
        .unwrap();
    machine.play(CAM, 60);
    start(&mut machine, 1).unwrap();
    machine.play(CAM, 3);
    machine.check();
}

#[test]
fn illegal_orders_are_refused_with_the_state() {
    let mut machine = on_demand();
    let nothing = machine.ask(|core, now, out| core.stop(&Which::Stream(cam()), now, out));
    assert!(nothing.unwrap_err().to_string().contains("nobody publishes it"));
    assert_eq!(start(&mut machine, 0), Err(OrderError::OffAir(cam())));
    machine.begin(CAM);
    machine.play(CAM, 3);
    let nothing = machine.ask(|core, now, out| core.stop(&Which::Stream(cam()), now, out));
    assert!(
        nothing
            .unwrap_err()
            .to_string()
            .contains("it is on the air, and nothing")
    );
    let ids = start(&mut machine, 0).unwrap();
    let twice = start(&mut machine, 0).unwrap_err();
    assert!(twice.to_string().contains(&ids[0].to_string()), "{twice}");
    let finish = machine.ask(|core, now, out| core.finish(&Which::Stream(cam()), now, out));
    assert!(finish.unwrap_err().to_string().contains("(manual)"));
    let lost = RecordingId::new(1);
    let lost = machine
        .ask(|core, _, _| core.restart(&Which::Recording(lost)))
        .unwrap_err();
    assert!(lost.to_string().contains("it is over, or never was"));
}

#[test]
fn restart_and_finish_do_what_they_say() {
    let mut machine = Machine::with(&[], Vec::new());
    machine.begin(CAM);
    machine.play(CAM, 5);
    let first = machine.order[0];
    machine
        .ask(|core, _, _| core.restart(&Which::Recording(first)))
        .unwrap();
    machine.play(CAM, 5);
    machine.break_off(CAM);
    assert_eq!(
        machine.table(),
        ["rule hls+mp4#1 closed 6", "rule hls+mp4#2 paused 4"]
    );
    machine
        .ask(|core, now, out| core.finish(&Which::Stream(cam()), now, out))
        .unwrap();
    assert_eq!(machine.table()[1], "rule hls+mp4#2 closed 4");
    assert_seamless(&machine, &machine.order.clone());
    machine.check();
}

#[test]
fn a_forgotten_manual_recording_ends_by_itself() {
    let mut machine = on_demand();
    machine.begin(CAM);
    machine.play(CAM, 4);
    start(&mut machine, 0).unwrap();
    machine.play(CAM, 3_600 + 10);
    // The recording also has the GOP in which it was begun.
    assert_eq!(machine.table(), ["manual hls+mp4#1 closed 3601.92"]);
    machine.check();
}

// Tasks.

pub(super) fn task(id: &str, from: i64, to: i64) -> Task {
    Task {
        id: id.to_owned(),
        stream: cam(),
        template: None,
        name: None,
        when: When::Once(MONDAY + from * SECOND, MONDAY + to * SECOND),
        state: TaskState::Waiting,
        outcome: crate::recorder::Outcome::default(),
        configured: false,
    }
}

pub(super) fn create(machine: &mut Machine, task: Task) -> Result<Task, OrderError> {
    machine.ask(|core, now, out| core.create_task(task, now, out))
}

#[test]
fn a_task_and_a_template_are_two_recordings_and_one_tape() {
    let mut machine = Machine::with(&[], Vec::new());
    create(&mut machine, task("t", 60, 90)).unwrap();
    machine.begin(CAM);
    machine.play(CAM, 60);
    machine.end(CAM, &EndReason::Unpublished);
    assert_eq!(
        machine.table(),
        ["rule hls+mp4#1 closed 60", "task hls#1 closed 29.92"]
    );
    let rule = machine.order[0];
    assert_seamless(&machine, &[rule]);
    machine.check();
}

#[test]
fn a_task_stays_armed_over_interruptions_and_restarts_until_its_end() {
    let mut machine = on_demand();
    create(&mut machine, task("t", 55, 200)).unwrap();
    machine.begin(CAM);
    machine.play(CAM, 20);
    machine.break_off(CAM);
    machine.wait(5);
    machine.begin(CAM);
    machine.play(CAM, 10);
    machine.crash(5 * SECOND);
    machine.begin(CAM);
    machine.play(CAM, 20);
    machine.break_off(CAM);
    machine.wait(60);
    machine.begin(CAM);
    machine.play(CAM, 60);
    let states: Vec<String> = machine
        .table()
        .iter()
        .map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        states,
        [
            "task hls#1 closed",
            "task hls#2 closed",
            "task hls#1 closed",
            "task hls#2 closed"
        ]
    );
    let last = machine.order[3];
    assert_eq!(machine.recordings[&last].reason, "its time is over");
    assert_eq!(machine.core.tasks.task("t").unwrap().state, TaskState::Over);
    machine.check();
}

#[test]
fn a_stopped_task_never_starts_again_and_a_deleted_one_leaves_its_file_alone() {
    let mut machine = on_demand();
    create(&mut machine, task("a", 50, 500)).unwrap();
    create(&mut machine, task("b", 50, 500)).unwrap();
    machine.begin(CAM);
    machine.play(CAM, 10);
    machine
        .ask(|core, now, out| core.stop_task("a", now, out))
        .unwrap();
    machine.ask(|core, _, out| core.delete_task("b", out)).unwrap();
    machine.play(CAM, 10);
    machine.break_off(CAM);
    machine.begin(CAM);
    machine.play(CAM, 10);
    assert_eq!(machine.table(), ["task hls#1 closed 10", "task hls#1 closed 20"]);
    let again = machine
        .ask(|core, now, out| core.stop_task("a", now, out))
        .unwrap_err();
    assert!(again.to_string().contains("stopped"), "{again}");
    machine.check();
}

#[test]
fn tasks_that_cannot_be_are_refused() {
    let mut machine = on_demand();
    assert!(
        create(&mut machine, task("t", 100, 86_501))
            .unwrap_err()
            .to_string()
            .contains("at most 24h")
    );
    assert!(create(&mut machine, task("t", 100, 100)).is_err());
    assert!(
        create(&mut machine, task("t", 10, 40))
            .unwrap_err()
            .to_string()
            .contains("in the past")
    );
    for id in ["a", "b", "c"] {
        create(&mut machine, task(id, 100, 200)).unwrap();
    }
    let fourth = create(&mut machine, task("d", 150, 300)).unwrap_err();
    assert!(
        matches!(fourth, OrderError::Task(TaskError::Crowded { .. })),
        "{fourth}"
    );
    create(&mut machine, task("d", 200, 300)).unwrap();
}

// Clips.

fn clip(range: ClipRange) -> ClipOrder {
    ClipOrder {
        id: RecordingId::new(7),
        stream: cam(),
        range,
        formats: vec![Format::Mp4],
        name: Some("goal".to_owned()),
        keep: None,
    }
}

fn source(machine: &mut Machine, order: &ClipOrder) -> ClipSource {
    machine
        .ask(|core, now, _| core.course(order, now))
        .unwrap()
        .source
}

/// Makes a clip as a door orders it: its bounds are decided first.
fn make(machine: &mut Machine, order: &ClipOrder, found: Option<ClipBounds>) -> Option<(f64, Lack)> {
    let course = machine.ask(|core, now, _| core.course(order, now)).unwrap();
    let order = ClipOrder {
        range: ClipRange::Between(course.from, course.to),
        ..order.clone()
    };
    let short = machine
        .ask(|core, now, out| core.clip(&order, found, now, out))
        .unwrap();
    short.map(|short| (short.missing_s, short.reason))
}

/// The bounds of a recording, in seconds of its stream's tape.
fn bounds(machine: &Machine, id: RecordingId) -> (f64, f64) {
    let entry = &machine.recordings[&id];
    let zero = machine.tape[&cam()].iter().map(|sample| sample.at).min().unwrap();
    let seconds = |at: i64| (at - zero) as f64 / 1e6;
    (seconds(entry.start), seconds(entry.end.unwrap()))
}

#[test]
fn a_goal_is_ten_seconds_before_and_twenty_after_though_nobody_was_recording() {
    let mut machine = on_demand();
    machine.begin(CAM);
    machine.play(CAM, 61);
    assert!(machine.tape.is_empty());
    let goal = clip(ClipRange::Around(10 * SECOND, 20 * SECOND));
    assert_eq!(source(&mut machine, &goal), ClipSource::Live);
    let id = goal.id;
    make(&mut machine, &goal, None);
    machine.play(CAM, 40);
    // The clip goes from the keyframe at 50 s (the moment was 61 s less 10) to 81 s.
    assert_eq!(machine.table(), ["clip mp4#1 closed 31"]);
    let clip = machine.samples(id);
    // Sound comes late: the GOP's sound begins before its picture.
    let before = machine.tape[&cam()]
        .iter()
        .filter(|sample| sample.at < clip[0].at)
        .count();
    let after = machine.tape[&cam()].len() - before - clip.len();
    assert!(
        before <= 3 && after <= 75,
        "{before} samples before, {after} after"
    );
    machine.check();
}

#[test]
fn a_clip_of_the_past_is_taken_from_the_tape_and_one_across_the_edge_from_both() {
    let mut machine = Machine::with(&[], Vec::new());
    machine.begin(CAM);
    machine.play(CAM, 60);
    let begun = MONDAY + 50 * SECOND;
    let past = clip(ClipRange::Between(begun + 10 * SECOND, begun + 20 * SECOND));
    assert_eq!(source(&mut machine, &past), ClipSource::Tape);
    let across = clip(ClipRange::Between(begun + 10 * SECOND, begun + 70 * SECOND));
    assert_eq!(source(&mut machine, &across), ClipSource::TapeAndLive);
    let entry = machine.tape[&cam()]
        .iter()
        .filter(|s| s.key && s.video)
        .nth(5)
        .unwrap()
        .at;
    let found = ClipBounds {
        start: entry,
        end: entry + SECOND,
        asked: Asked {
            from: entry + SECOND,
            late: Lack::Tape,
            to: None,
            early: Lack::Tape,
        },
    };
    make(&mut machine, &across, Some(found));
    let asked = machine.recordings[&across.id].spec.asked.unwrap();
    assert_eq!((asked.from, asked.late), (entry + SECOND, Lack::Tape));
    machine.play(CAM, 20);
    assert_eq!(
        machine.table(),
        ["rule hls+mp4#1 open 79.92", "clip mp4#1 closed 60"]
    );
    let none = clip(ClipRange::Around(0, 0));
    assert!(machine.ask(|core, now, _| core.course(&none, now)).is_err());
    machine.check();
}

#[test]
fn what_comes_while_a_clip_is_ordered_does_not_move_it() {
    let mut machine = Machine::with(&[], Vec::new());
    machine.begin(CAM);
    machine.play(CAM, 30);
    let order = clip(ClipRange::Around(6 * SECOND, 4 * SECOND));
    let course = machine.ask(|core, now, _| core.course(&order, now)).unwrap();
    // The tape is read meanwhile, and the card is slow.
    machine.play(CAM, 3);
    let order = ClipOrder {
        range: ClipRange::Between(course.from, course.to),
        ..order
    };
    machine
        .ask(|core, now, out| core.clip(&order, None, now, out))
        .unwrap();
    machine.play(CAM, 10);
    let asked = machine.recordings[&order.id].spec.asked.unwrap();
    let (start, end) = bounds(&machine, order.id);
    assert_eq!((start, end), (24.0, 34.0));
    assert_eq!(asked.to.unwrap() - asked.from, 10 * SECOND);
    assert_eq!(machine.recordings[&order.id].end, asked.to);
    machine.check();
}

#[test]
fn a_clip_whose_publisher_breaks_off_and_is_back_goes_on_to_its_end() {
    for restarted in [false, true] {
        let mut machine = on_demand();
        machine.begin(CAM);
        machine.play(CAM, 20);
        let order = clip(ClipRange::Around(10 * SECOND, 30 * SECOND));
        make(&mut machine, &order, None);
        machine.play(CAM, 10);
        if restarted {
            machine.crash(5 * SECOND)
        } else {
            machine.break_off(CAM);
            machine.wait(5);
        }
        machine.begin(CAM);
        machine.play(CAM, 40);
        let entry = &machine.recordings[&order.id];
        let asked = entry.spec.asked.unwrap();
        assert_eq!((entry.state, entry.resumed), ("closed", 1));
        if !restarted {
            assert_eq!(
                (entry.end, asked.to.unwrap() - asked.from),
                (asked.to, 40 * SECOND)
            );
        }
        let seconds = machine
            .samples(order.id)
            .iter()
            .filter(|sample| sample.video)
            .count()
            / 25;
        assert!((34..=36).contains(&seconds), "{seconds} s without the break");
        machine.check();
    }
}

#[test]
fn a_clip_ends_when_its_time_is_over_though_nobody_is_back_and_at_once_with_a_proper_end() {
    let mut machine = on_demand();
    machine.begin(CAM);
    machine.play(CAM, 20);
    let order = clip(ClipRange::Around(10 * SECOND, 30 * SECOND));
    make(&mut machine, &order, None);
    machine.play(CAM, 10);
    machine.break_off(CAM);
    machine.wait(18);
    assert_eq!(machine.table(), ["clip mp4#1 paused 20"]);
    machine.wait(4);
    assert_eq!(machine.table(), ["clip mp4#1 closed 20"]);
    machine.begin(CAM);
    machine.play(CAM, 12);
    let other = ClipOrder {
        id: RecordingId::new(8),
        ..order
    };
    make(&mut machine, &other, None);
    machine.play(CAM, 3);
    machine.end(CAM, &EndReason::Unpublished);
    assert_eq!(machine.table()[1], "clip mp4#1 closed 13");
    machine.check();
}

#[test]
fn why_a_clip_or_a_pre_roll_is_short_is_known_when_it_begins() {
    let mut machine = on_demand();
    machine.begin(CAM);
    machine.play(CAM, 8);
    // The publish began later than the clip's beginning.
    let order = clip(ClipRange::Around(10 * SECOND, SECOND));
    assert_eq!(make(&mut machine, &order, None), Some((2.0, Lack::Publish)));
    let entry = &machine.recordings[&order.id];
    assert_eq!(entry.start - entry.spec.asked.unwrap().from, 2 * SECOND);
    // The beginning is no longer in memory, which holds ten seconds and the GOP in which they begin.
    machine.play(CAM, 30);
    let order = ClipOrder {
        id: RecordingId::new(8),
        ..clip(ClipRange::Around(20 * SECOND, SECOND))
    };
    assert_eq!(source(&mut machine, &order), ClipSource::TapeAndLive);
    assert_eq!(make(&mut machine, &order, None), Some((8.0, Lack::Ring)));
    let entry = &machine.recordings[&order.id];
    // The sound of the clip's first GOP begins somewhat before the picture.
    assert_eq!(entry.start - entry.spec.asked.unwrap().from, 7_940_000);
    // A past part that only memory has comes from there, as far as memory goes.
    machine.play(CAM, 30);
    let past = machine.now().utc - 8 * SECOND;
    let order = ClipOrder {
        id: RecordingId::new(9),
        ..clip(ClipRange::Between(past - 20 * SECOND, past))
    };
    assert_eq!(source(&mut machine, &order), ClipSource::TapeAndLive);
    make(&mut machine, &order, None);
    assert_eq!(machine.recordings[&order.id].spec.asked.unwrap().late, Lack::Ring);
    assert_eq!(
        machine.recordings[&order.id].end,
        machine.recordings[&order.id].spec.asked.unwrap().to
    );
    // The same holds for a recording by command.
    machine.play(CAM, 30);
    let ids = start(&mut machine, 60).unwrap();
    let asked = machine.recordings[&ids[0]].spec.asked.unwrap();
    assert_eq!((asked.late, asked.to), (Lack::Ring, None));
    assert!(machine.recordings[&ids[0]].start > asked.from + 40 * SECOND);
    machine.check();
}

#[test]
fn an_order_that_waits_for_its_keyframe_is_known_and_can_be_taken_back() {
    let mut machine = on_demand();
    machine.begin(CAM);
    // No media came yet, so there is no keyframe to begin with.
    let ids = start(&mut machine, 0).unwrap();
    let twice = start(&mut machine, 0).unwrap_err();
    assert!(twice.to_string().contains(&ids[0].to_string()), "{twice}");
    let stopped = machine.ask(|core, now, out| core.stop(&Which::Recording(ids[0]), now, out));
    assert_eq!(stopped, Ok(ids));
    machine.play(CAM, 5);
    assert!(machine.tape.is_empty(), "it was taken back");
    machine.check();
}

#[test]
fn so_many_clips_are_in_the_making_and_no_more() {
    let mut machine = on_demand();
    machine.begin(CAM);
    machine.play(CAM, 4);
    let order = || clip(ClipRange::Around(SECOND, 60 * SECOND));
    let made = (0..40).map_while(|_| {
        machine
            .ask(|core, now, out| core.clip(&order(), None, now, out))
            .ok()
    });
    assert_eq!(made.count(), 32);
    let refused = machine
        .ask(|core, now, out| core.clip(&order(), None, now, out))
        .unwrap_err();
    assert!(
        refused.to_string().contains("32 clips of 'live/cam'"),
        "{refused}"
    );
    machine.play(CAM, 62);
    assert!(
        machine
            .table()
            .iter()
            .all(|line| line.starts_with("clip mp4#1 closed"))
    );
    assert!(
        machine
            .ask(|core, now, out| core.clip(&order(), None, now, out))
            .is_ok()
    );
    machine.check();
}
