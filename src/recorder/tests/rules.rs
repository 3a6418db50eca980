//! Rules that commands put, and the warnings about them.

use super::ledger::{Machine, SECOND};
use std::sync::Arc;

use super::sessions::{CAM, cam, on_demand, start};
use crate::config::{Rule, Template, TemplateSource};
use crate::event::{Event, Recorded};
use crate::recorder::orders::{RULES, Which};
use crate::recorder::publish::EndReason;
use crate::recorder::push::PushParameters;
use crate::recorder::rulebook::Rulebook;

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
        // The rule fitted nothing at first, and somebody put it for this stream.
        (
            "*|*|live/cam",
            r#"{"stream":"live/cam","template":"default","record":"always"}"#,
            "live/cam",
        ),
    ] {
        let mut machine = Machine::with(&[], vec![rule("record = \"on-demand\"")]);
        machine.kept.insert((RULES, id.to_owned()), body.to_owned());
        machine.crash(SECOND);
        assert_eq!(kept(&machine), [stream], "{id}");
        machine.begin(CAM);
        machine.play(CAM, 3);
        assert_eq!(machine.table().len(), 1, "{id}");
        // Another rule is put in its place, and both are removed: the first does not come back.
        put(
            &mut machine,
            &format!("stream = \"{stream}\"\nrecord = \"never\""),
        );
        machine.crash(SECOND);
        assert_eq!(kept(&machine), [stream], "{id}");
        let about = rule(&format!("stream = \"{stream}\""));
        machine.ask(|core, _, out| core.delete_rule(&about, out)).unwrap();
        assert!(machine.kept.is_empty(), "{id}: {:?}", machine.kept);
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
    // The file is edited, and the template of the command still applies.
    let lesson: TemplateSource = toml::from_str("name = \"lesson\"\nkeep = \"1d\"").unwrap();
    machine
        .ask(|core, _, out| core.put_template(lesson, out))
        .unwrap();
    let all = advice(&machine);
    assert!(
        all[0].starts_with("template 'lesson' of the configuration file is not in force"),
        "{all:?}"
    );
    // A template that a rule needs is removed from the file.
    machine
        .ask(|core, _, out| core.delete_template("lesson", out))
        .unwrap();
    machine.core.rulebook.configure(Vec::new(), Vec::new());
    let all = advice(&machine);
    assert!(
        all[0].contains("names the template 'lesson', which does not exist"),
        "{all:?}"
    );
    machine.begin(CAM);
    machine.play(CAM, 3);
    assert!(machine.table().is_empty() && !machine.tape.contains_key(&cam()));
}

/// The decision in the event of a publish's beginning.
fn said(machine: &mut Machine, stream: &str, query: &str) -> Recorded {
    let asked = PushParameters::parse(query);
    let name = stream.parse().unwrap();
    let begun = machine.ask(|core, now, out| core.publish(&name, &Arc::default(), &asked, now, out));
    begun.unwrap().recorded
}

#[test]
fn each_publish_is_told_whether_it_is_recorded_and_why() {
    let cases: &[(&str, &str, Option<&str>, &str)] = &[
        (
            "",
            "",
            None,
            "recorded as hls, mp4 by template 'default' and the built-in rule for every stream",
        ),
        (
            "stream = \"live/*\"",
            "",
            None,
            "recorded as hls, mp4 by template 'default' and the rule for stream 'live/*'",
        ),
        (
            "stream = \"hall/*\"",
            "",
            Some("no_rule"),
            "not recorded, because no rule fits it; add a [[rule]] with stream = \"live/cam\"",
        ),
        (
            "template = \"off\"",
            "record=mp4",
            Some("template_off"),
            "names the template 'off', which has formats = []",
        ),
        (
            "template = \"gone\"",
            "",
            Some("no_template"),
            "names the template 'gone', which is not there",
        ),
        (
            "record = \"on-demand\"",
            "",
            Some("on_demand"),
            "record = \"on-demand\"; a command (edgereel recording start)",
        ),
        (
            "record = \"on-demand\"",
            "record=flv",
            None,
            "recorded as flv, as the push asks",
        ),
        (
            "record = \"never\"",
            "record=flv",
            Some("never"),
            "says record = \"never\"",
        ),
        (
            "template = \"sound\"",
            "record_type=video",
            Some("nothing_left"),
            "leaves nothing of what template 'sound' makes",
        ),
    ];
    for (rule_text, query, why_not, text) in cases {
        let rules = if rule_text.is_empty() {
            Vec::new()
        } else {
            vec![rule(rule_text)]
        };
        let templates = [
            "name = \"off\"\nformats = []",
            "name = \"sound\"\nformats = [\"aac\"]",
        ];
        let mut machine = Machine::with(&templates, rules);
        let recorded = said(&mut machine, CAM, query);
        assert!(recorded.text.contains(text), "{rule_text}: {}", recorded.text);
        assert_eq!(
            (recorded.now, recorded.why_not.as_deref()),
            (why_not.is_none(), *why_not),
            "{rule_text}"
        );
    }
}

#[test]
fn the_list_of_streams_says_how_it_is_now() {
    let mut machine = on_demand();
    let now = |machine: &mut Machine| {
        let now = machine.now();
        machine.core.status(now)[0].recorded.clone()
    };
    machine.begin(CAM);
    machine.play(CAM, 3);
    assert_eq!(now(&mut machine).why_not.as_deref(), Some("on_demand"));
    let ids = start(&mut machine, 0).unwrap();
    machine.play(CAM, 3);
    let recorded = now(&mut machine);
    assert_eq!(
        recorded.text,
        "recorded as hls, mp4 by template 'default', started by command"
    );
    assert_eq!((recorded.by.len(), recorded.by[0].origin.as_str()), (1, "manual"));
    machine
        .ask(|core, now, out| core.stop(&Which::Recording(ids[0]), now, out))
        .unwrap();
    machine.play(CAM, 3);
    assert_eq!(now(&mut machine).why_not.as_deref(), Some("on_demand"));

    // A stream that a rule records and somebody stops is not recorded until the next publish.
    let mut machine = Machine::with(&[], Vec::new());
    machine.begin(CAM);
    machine.play(CAM, 3);
    let id = machine.order[0];
    machine
        .ask(|core, now, out| core.stop(&Which::Recording(id), now, out))
        .unwrap();
    assert_eq!(now(&mut machine).why_not.as_deref(), Some("stopped"));
}

#[test]
fn a_publish_that_nobody_records_is_told_of_like_any_other() {
    let mut machine = on_demand();
    let told = |machine: &Machine| -> Vec<&'static str> { machine.reports.iter().map(Event::kind).collect() };
    machine.begin(CAM);
    machine.play_gop(CAM, 900, 400);
    assert_eq!(told(&machine), [""; 0]);
    machine.play(CAM, 3);
    assert!(machine.tape.is_empty());
    let Some(Event::PublishStarted { recorded, .. }) = machine.reports.first() else {
        panic!("{:?}", machine.reports);
    };
    assert_eq!(recorded.why_not.as_deref(), Some("on_demand"));
    machine.end(CAM, &EndReason::Unpublished);
    assert_eq!(told(&machine), ["publish.started", "publish.ended"]);
    // A stream that is recorded later is reported once.
    machine.reports.clear();
    machine.begin(CAM);
    machine.play(CAM, 3);
    start(&mut machine, 0).unwrap();
    machine.play(CAM, 3);
    machine.end(CAM, &EndReason::Unpublished);
    assert_eq!(told(&machine), ["publish.started"]);
    assert_eq!(machine.quiet, 1);
}

/// Who watches names no domain, so no domain may open more than another one allows.
#[test]
fn time_shift_goes_back_as_far_as_each_rule_of_the_stream_allows() {
    let templates = [("default", "1h"), ("short", "10min"), ("long", "7d")].map(|(name, back)| {
        let text = format!("name = \"{name}\"\nformats = [\"mp4\"]\ntime_shift = \"{back}\"");
        let source: TemplateSource = toml::from_str(&text).unwrap();
        Template::try_from(source).unwrap()
    });
    let of = |rules: &[&str], stream: &str| {
        let mut book = Rulebook::default();
        book.configure(templates.to_vec(), rules.iter().map(|text| rule(text)).collect());
        let back = book.time_shift(&stream.parse().unwrap());
        back.map(|back| back.to_string())
    };
    let short = "domain = \"a.example\"\nstream = \"live/*\"\ntemplate = \"short\"";
    let long = "domain = \"b.example\"\nstream = \"live/cam1\"\ntemplate = \"long\"";
    let any = "stream = \"live/*\"\ntemplate = \"long\"";
    // Of two rules of a domain the first one applies, which is that of the stream itself.
    let only = "domain = \"a.example\"\nstream = \"live/cam1\"\ntemplate = \"long\"";
    for (rules, stream, back) in [
        (&[][..], "live/cam1", "1h"),
        (&[any], "live/cam1", "7d"),
        (&[any], "hall/cam1", "1h"),
        (&[short, any], "live/cam1", "10min"),
        (&[long], "live/cam1", "1h"),
        (&[long, any], "live/cam1", "7d"),
        (&[long, short, any], "live/cam1", "10min"),
        (&[short], "hall/cam1", "1h"),
        (&[only, short, any], "live/cam1", "7d"),
        (&[only, short, any], "live/cam2", "10min"),
    ] {
        assert_eq!(of(rules, stream).as_deref(), Some(back), "{rules:?} {stream}");
    }
}
