//! The recorded parts of streams: rules, splits, interruptions, and crashes at any of them.

use super::ledger::{Machine, SECOND};
use crate::config::{Pattern, RecordWhen, Rule};
use crate::event::Event;
use crate::media::{RecordingId, StreamName};
use crate::recorder::orders::{OrderError, StartOrder};
use crate::recorder::publish::EndReason;

pub(super) const CAM: &str = "live/cam";

pub(super) fn rule(template: &str, record: RecordWhen) -> Rule {
    Rule {
        template: template.to_owned(),
        record,
        ..Rule::built_in()
    }
}

fn always(template: &str) -> Vec<Rule> {
    vec![rule(template, RecordWhen::Always)]
}

pub(super) fn on_demand() -> Machine {
    Machine::with(&[], vec![rule("default", RecordWhen::OnDemand)])
}

pub(super) fn cam() -> StreamName {
    CAM.parse().unwrap()
}

pub(super) fn start(machine: &mut Machine, pre_roll: i64) -> Result<Vec<RecordingId>, OrderError> {
    let order = StartOrder {
        stream: cam(),
        template: None,
        name: None,
        pre_roll: pre_roll * SECOND,
        longest: 3_600 * SECOND,
    };
    machine
        .ask(|core, now, out| core.start(&order, now, out))
        .map(|started| started.recordings)
}

/// Checks that every sample of the tape is in exactly one of these recordings.
pub(super) fn assert_seamless(machine: &Machine, ids: &[RecordingId]) {
    let mut all: Vec<_> = ids.iter().flat_map(|id| machine.samples(*id)).collect();
    let mut tape = machine.tape[&cam()].clone();
    all.sort_unstable();
    tape.sort_unstable();
    assert!(all == tape, "{} samples of {}", all.len(), tape.len());
}

// Splits.

#[test]
fn a_recording_is_split_at_keyframes_and_no_sample_is_lost_or_there_twice() {
    let mut machine = Machine::with(
        &["name = \"a\"\nformats = [\"mp4\"]\nsplit = \"31s\""],
        always("a"),
    );
    machine.begin(CAM);
    machine.play(CAM, 100);
    machine.end(CAM, &EndReason::Unpublished);
    assert_eq!(
        machine.table(),
        [
            "rule mp4#1 closed 32",
            "rule mp4#2 closed 32",
            "rule mp4#3 closed 32",
            "rule mp4#4 closed 4"
        ]
    );
    machine.check();
    assert_seamless(&machine, &machine.order.clone());
}

#[test]
fn size_splits_and_the_clock_does() {
    let templates = [
        "name = \"size\"\nformats = [\"mp4\"]\nsplit = \"off\"\nsplit_size = \"1 MiB\"",
        "name = \"clock\"\nformats = [\"mp4\"]\nsplit_at = \"1min\"",
    ];
    // The media has 30,000 bytes a second.
    let mut machine = Machine::with(&templates, always("size"));
    machine.begin(CAM);
    machine.play(CAM, 80);
    machine.end(CAM, &EndReason::Unpublished);
    assert_eq!(machine.table().len(), 3, "{:?}", machine.table());
    assert_seamless(&machine, &machine.order.clone());

    // The recording begins 50 s past a full minute; a clock that is stepped meanwhile moves no boundary.
    let mut machine = Machine::with(&templates, always("clock"));
    machine.begin(CAM);
    machine.play(CAM, 5);
    machine.utc += 3_600 * SECOND + 17 * SECOND;
    machine.play(CAM, 75);
    machine.end(CAM, &EndReason::Unpublished);
    assert_eq!(
        machine.table(),
        [
            "rule mp4#1 closed 10",
            "rule mp4#2 closed 60",
            "rule mp4#3 closed 10"
        ]
    );
    assert_seamless(&machine, &machine.order.clone());
}

#[test]
fn a_stream_without_keyframes_is_split_all_the_same_and_said_so() {
    let mut machine = Machine::with(
        &["name = \"a\"\nformats = [\"mp4\"]\nsplit = \"30s\""],
        always("a"),
    );
    machine.begin(CAM);
    machine.play_gop(CAM, 70_000, 1_000_000);
    machine.end(CAM, &EndReason::Unpublished);
    assert_eq!(machine.table(), ["rule mp4#1 closed 60", "rule mp4#2 closed 10"]);
    assert_seamless(&machine, &machine.order.clone());
    let said = |event: &Event| matches!(event, Event::StreamException { what, .. } if what == "keyframe");
    // There is one report for the publish, and one for each split.
    assert_eq!(machine.reports.iter().filter(|event| said(event)).count(), 2);
    let short = &machine.reports[0];
    assert!(short.body().contains("keyframe interval of 2 s"), "{short:?}");
}

// Interruptions.

#[test]
fn ten_reconnects_in_a_minute_are_one_recording() {
    let mut machine = Machine::with(&[], Vec::new());
    for _ in 0..10 {
        machine.begin(CAM);
        machine.play(CAM, 4);
        machine.break_off(CAM);
        machine.wait(2);
        // A publisher that sends nothing worth keeping does not end the recording either.
        machine.begin(CAM);
        machine.break_off(CAM);
    }
    machine.wait(177);
    assert_eq!(machine.table(), ["rule hls+mp4#1 paused 40"]);
    machine.wait(2);
    assert_eq!(machine.table(), ["rule hls+mp4#1 closed 40"]);
    assert_eq!(
        machine
            .recordings
            .values()
            .map(|entry| entry.resumed)
            .sum::<u32>(),
        9
    );
    machine.check();
}

#[test]
fn a_proper_end_closes_at_once_unless_the_template_waits_for_any() {
    let mut machine = Machine::with(
        &["name = \"any\"\nformats = [\"mp4\"]\nresume_after = \"any\""],
        vec![
            rule("default", RecordWhen::Always),
            Rule {
                stream: Pattern::try_from("any/*".to_owned()).unwrap(),
                ..rule("any", RecordWhen::Always)
            },
        ],
    );
    for stream in [CAM, "any/cam"] {
        for _ in 0..2 {
            machine.begin(stream);
            machine.play(stream, 4);
            machine.end(stream, &EndReason::Unpublished);
        }
    }
    assert_eq!(
        machine.table(),
        [
            "rule hls+mp4#1 closed 4",
            "rule hls+mp4#1 closed 4",
            "rule mp4#1 paused 8"
        ]
    );
}

/// Twenty-six minutes with two interruptions, as in docs/recording.md.
fn twenty_six_minutes(template: &str) -> Machine {
    let mut machine = Machine::with(&[template], always("cloud"));
    for (minutes, away) in [(10, 100), (8, 120), (8, 0)] {
        machine.begin(CAM);
        machine.play(CAM, minutes * 60);
        match away {
            0 => machine.end(CAM, &EndReason::Unpublished),
            away => {
                machine.break_off(CAM);
                machine.wait(away);
            }
        }
    }
    machine.wait(1_801);
    machine.check();
    machine
}

#[test]
fn a_cloud_that_splices_hls_alone() {
    let machine = twenty_six_minutes(
        "name = \"cloud\"\nformats = [\"hls\", \"mp4\", \"flv\"]\nsplit = \"30min\"\nresume_window = \"0s\"\n\
         [hls]\nsplit = \"off\"\nresume_window = \"30min\"\nresume_after = \"any\"",
    );
    assert_eq!(
        machine.table(),
        [
            "rule hls#1 closed 1560",
            "rule mp4+flv#1 closed 600",
            "rule mp4+flv#2 closed 480",
            "rule mp4+flv#3 closed 480"
        ]
    );
    let sessions: std::collections::BTreeSet<_> = machine
        .recordings
        .values()
        .map(|entry| &entry.spec.about.session)
        .collect();
    assert_eq!(sessions.len(), 1);
}

#[test]
fn a_cloud_that_continues_every_format() {
    let machine = twenty_six_minutes(
        "name = \"cloud\"\nformats = [\"hls\", \"mp4\", \"flv\"]\nsplit = \"60min\"\nresume_after = \"any\"",
    );
    assert_eq!(machine.table(), ["rule hls+mp4+flv#1 closed 1560"]);
    let only = machine.recordings.values().next().unwrap();
    assert_eq!((only.resumed, only.reason.as_str()), (2, "nobody came back"));
}

#[test]
fn the_window_outlives_the_box() {
    for (down, after, expected) in [
        (60, 60, ["rule hls+mp4#1 open 9"].as_slice()),
        (60, 121, &["rule hls+mp4#1 closed 5", "rule hls+mp4#1 open 4"]),
        (200, 0, &["rule hls+mp4#1 closed 5", "rule hls+mp4#1 open 4"]),
    ] {
        let mut machine = Machine::with(&[], Vec::new());
        machine.begin(CAM);
        machine.play(CAM, 6);
        machine.crash(down * SECOND);
        machine.wait(after);
        machine.begin(CAM);
        machine.play(CAM, 5);
        let table: Vec<String> = machine.table();
        let shown: Vec<&str> = table.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(shown.len(), expected.len(), "{down} {after}: {table:?}");
        let states = |lines: &[String]| {
            lines
                .iter()
                .map(|l| l.split(' ').nth(2).unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(states(&table), states(&expected), "{down} {after}: {table:?}");
        machine.check();
    }
}

#[test]
fn a_change_of_the_rules_holds_from_the_next_push_on() {
    let mut machine = Machine::with(&["name = \"a\"\nformats = [\"mp4\"]"], always("a"));
    machine.begin(CAM);
    machine.play(CAM, 4);
    let put = rule("default", RecordWhen::Always);
    machine.ask(|core, _, out| core.put_rule(put, out)).unwrap();
    machine.play(CAM, 4);
    assert_eq!(machine.table().len(), 1);
    machine.break_off(CAM);
    machine.begin(CAM);
    machine.play(CAM, 4);
    assert_eq!(
        machine.table(),
        ["rule mp4#1 closed 8", "rule hls+mp4#1 open 3.92"]
    );
    machine.check();
}

#[test]
fn the_best_rule_applies_and_a_template_without_formats_switches_off() {
    let about = |domain: &str, app: &str, stream: &str, template: &str| Rule {
        domain: Pattern::try_from(domain.to_owned()).unwrap(),
        stream: Pattern::try_from(format!("{app}/{stream}")).unwrap(),
        ..rule(template, RecordWhen::Always)
    };
    let templates: Vec<String> = ["all", "name", "app", "domain"]
        .iter()
        .map(|name| format!("name = \"{name}\"\nformats = [\"mp4\"]"))
        .chain(["name = \"off\"\nformats = []".to_owned()])
        .collect();
    let templates: Vec<&str> = templates.iter().map(String::as_str).collect();
    let mut rules = vec![
        about("box.example", "*", "*", "domain"),
        about("box.example", "live", "*", "app"),
        about("box.example", "*", "cam", "name"),
        about("box.example", "live", "cam", "all"),
        about("other.example", "live", "cam", "off"),
    ];
    for expected in ["all", "name", "app", "domain"] {
        let mut machine = Machine::with(&templates, rules.clone());
        machine.begin(CAM);
        machine.play(CAM, 3);
        let template = machine
            .recordings
            .values()
            .next()
            .unwrap()
            .spec
            .about
            .template
            .clone();
        assert_eq!(template, expected);
        rules.retain(|rule| rule.template != expected);
    }
    let mut machine = Machine::with(&templates, always("off"));
    // A rule that forbids recording holds, whatever a publisher asks for.
    machine.begin_with(CAM, "record=mp4");
    machine.play(CAM, 3);
    assert_eq!(machine.table(), [""; 0]);
    assert!(machine.tape.is_empty());
}

#[test]
fn a_push_may_switch_its_recording_on() {
    let mut machine = on_demand();
    machine.begin_with(CAM, "record=flv&record_interval=30&record_type=audio");
    machine.play(CAM, 40);
    assert_eq!(machine.table()[0], "push flv#1 closed 30");
    assert_eq!(
        machine.recordings.values().next().unwrap().spec.output.media,
        crate::model::Media::Audio
    );
    machine.check();
}
