//! Rules that commands put, and what is said of them.

use super::ledger::{Machine, SECOND};
use super::sessions::{CAM, cam};
use crate::config::{Rule, TemplateSource};
use crate::recorder::orders::RULES;

fn rule(text: &str) -> Rule {
    toml::from_str(text).unwrap()
}

fn put(machine: &mut Machine, text: &str) {
    machine
        .ask(|core, _, out| core.put_rule(rule(text), out))
        .unwrap();
}

fn advice(machine: &Machine) -> Vec<String> {
    machine.core.advice().iter().map(ToString::to_string).collect()
}

/// Streams of the rules that commands put.
fn kept(machine: &Machine) -> Vec<String> {
    let rules = machine.core.rules();
    let put = rules.iter().filter(|(_, put)| *put);
    put.map(|(rule, _)| rule.stream.to_string()).collect()
}

#[test]
fn a_rule_that_an_earlier_release_kept_is_in_force_and_can_be_taken_back() {
    for (id, body, stream) in [
        (
            "*|live|cam*",
            r#"{"app":"live","stream":"cam*","template":"default","record":"always"}"#,
            "live/cam*",
        ),
        (
            "*|*|cam",
            r#"{"stream":"cam","template":"default","record":"always"}"#,
            "*/cam",
        ),
        (
            "*|live|*",
            r#"{"app":"live","template":"default","record":"always"}"#,
            "live/*",
        ),
        ("*|*|*", r#"{"template":"default","record":"always"}"#, "*"),
        // It fitted nothing then, and was put by somebody who meant this.
        (
            "*|*|live/cam",
            r#"{"stream":"live/cam","template":"default","record":"always"}"#,
            "live/cam",
        ),
    ] {
        let mut machine = Machine::with(&[], vec![rule("record = \"on-demand\"")]);
        machine.shelves.insert((RULES, id.to_owned()), body.to_owned());
        machine.crash(SECOND);
        assert_eq!(kept(&machine), [stream], "{id}");
        machine.begin(CAM);
        machine.play(CAM, 3);
        assert_eq!(machine.table().len(), 1, "{id}");
        // Another over it, and both taken back: nothing of it comes again.
        put(
            &mut machine,
            &format!("stream = \"{stream}\"\nrecord = \"never\""),
        );
        machine.crash(SECOND);
        assert_eq!(kept(&machine), [stream], "{id}");
        let about = rule(&format!("stream = \"{stream}\""));
        machine.ask(|core, _, out| core.delete_rule(&about, out)).unwrap();
        assert!(machine.shelves.is_empty(), "{id}: {:?}", machine.shelves);
    }
}

#[test]
fn a_pattern_of_a_rule_is_about_the_whole_name() {
    let mut machine = Machine::with(&[], Vec::new());
    put(&mut machine, "stream = \"live/*\"\nrecord = \"never\"");
    put(&mut machine, "stream = \"live/room/*\"");
    let fits = |name: &str| {
        let rule = machine.core.rulebook.rule(&name.parse().unwrap(), None);
        rule.map(|rule| rule.stream.to_string())
    };
    assert_eq!(fits("live/cam").as_deref(), Some("live/*"));
    assert_eq!(fits("live/hall/cam").as_deref(), Some("live/*"));
    assert_eq!(fits("live/room/cam").as_deref(), Some("live/room/*"));
    assert_eq!(fits("other/cam"), None);
}

#[test]
fn what_commands_bring_about_is_said() {
    let mut machine = Machine::with(&["name = \"lesson\""], Vec::new());
    assert_eq!(advice(&machine).len(), 1, "{:?}", advice(&machine));
    put(&mut machine, "stream = \"live/*\"\ntemplate = \"lesson\"");
    let all = advice(&machine);
    assert!(
        matches!(all.as_slice(), [one] if one.starts_with("streams that no rule fits")),
        "{all:?}"
    );
    put(&mut machine, "record = \"on-demand\"");
    assert_eq!(advice(&machine), [""; 0]);
    // The file is edited, and the command's counts.
    let lesson: TemplateSource = toml::from_str("name = \"lesson\"\nkeep = \"1d\"").unwrap();
    machine
        .ask(|core, _, out| core.put_template(lesson, out))
        .unwrap();
    let all = advice(&machine);
    assert!(
        all[0].starts_with("template 'lesson' of the configuration file is not in force"),
        "{all:?}"
    );
    // A template that a rule needs is gone from the file.
    machine
        .ask(|core, _, out| core.delete_template("lesson", out))
        .unwrap();
    machine.core.rulebook.configure(Vec::new(), Vec::new());
    let all = advice(&machine);
    assert!(
        all[0].contains("names the template 'lesson', which is not there"),
        "{all:?}"
    );
    machine.begin(CAM);
    machine.play(CAM, 3);
    assert!(machine.table().is_empty() && !machine.tape.contains_key(&cam()));
}
