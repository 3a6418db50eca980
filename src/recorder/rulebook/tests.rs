//! Which streams and recordings are closed.

use super::*;

fn rulebook(text: &str) -> Rulebook {
    let text = format!(
        "[encryption]\nmaster_key = \"0123456789abcdef0123456789abcdef\"\n\
         [[template]]\nname = \"open\"\nformats = [\"hls\", \"mp4\"]\n\
         [[template]]\nname = \"closed\"\nformats = [\"hls\"]\nhls = {{ encrypt = \"aes-128\", key_chunks = 5 }}\n\
         [[template]]\nname = \"gone\"\nformats = [\"hls\"]\n\
         [[template]]\nname = \"both\"\nformats = [\"hls\", \"mp4\"]\nhls = {{ encrypt = \"aes-128\", also_clear = true }}\n{text}"
    );
    let config =
        crate::config::Config::parse(Some((std::path::Path::new("box.toml"), &text)), [], "box").unwrap();
    let mut rulebook = Rulebook::default();
    rulebook.configure(config.templates, config.rules);
    rulebook
}

fn stream(text: &str) -> StreamName {
    text.parse().unwrap()
}

#[test]
fn a_stream_is_as_closed_as_the_most_closed_of_its_rules() {
    let rules = rulebook(
        "[[rule]]\nstream = \"live/*\"\ntemplate = \"open\"\n\
         [[rule]]\nstream = \"live/*\"\ndomain = \"a.example.com\"\ntemplate = \"both\"\n\
         [[rule]]\nstream = \"live/a\"\ndomain = \"b.example.com\"\ntemplate = \"closed\"\n\
         [[rule]]\nstream = \"hall/*\"\ntemplate = \"open\"\n",
    );
    let also_clear = |text: &str| rules.encrypt(&stream(text)).map(|encrypt| encrypt.also_clear);
    assert_eq!(also_clear("live/a"), Some(false));
    assert_eq!(also_clear("live/b"), Some(true));
    assert_eq!((also_clear("hall/a"), also_clear("yard/a")), (None, None));
    // Every recording of the stream is closed, whoever wants it.
    let pushed = PushParameters::parse("record=mp4");
    let Verdict::Record { plan, .. } = rules.verdict(&stream("live/a"), None, &pushed) else {
        panic!("a push that asks for it is recorded");
    };
    assert!(plan.outputs.iter().all(|output| output.is_closed()));
    // It is what can be had and delivered, and nothing twice.
    let formats = |plan: &Plan| -> Vec<Vec<Format>> {
        plan.outputs.iter().map(|output| output.formats.clone()).collect()
    };
    assert_eq!(formats(&plan), [vec![Format::Hls]]);
    let open = rules.template(Some("open"), &stream("live/a")).unwrap();
    let outputs = rules.outputs(&stream("live/a"), open, None);
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    let Verdict::Record { plan, .. } = rules.verdict(&stream("hall/a"), None, &pushed) else {
        panic!("a push that asks for it is recorded");
    };
    assert!(plan.outputs.iter().all(|output| output.encrypt.is_none()));
    assert_eq!(formats(&plan), [vec![Format::Mp4]]);
}

#[test]
fn what_the_journal_lost_is_closed_where_there_is_a_master_key() {
    let found = RecordingSpec::built_in();
    let known = RecordingSpec {
        about: About {
            session: "s".to_owned(),
            ..About::default()
        },
        ..RecordingSpec::built_in()
    };
    let closed = |rules: &Rulebook, name: &str, spec: &RecordingSpec| {
        rules
            .encrypt_recorded(&stream(name), spec)
            .map(|encrypt| !encrypt.also_clear)
    };
    let some = "[[rule]]\nstream = \"hall/*\"\ntemplate = \"open\"\n\
                [[rule]]\nstream = \"both/*\"\ntemplate = \"both\"\n\
                [[rule]]\nstream = \"lost/*\"\ntemplate = \"gone\"\n\
                [[rule]]\nstream = \"of/*\"\ndomain = \"a.example.com\"\ntemplate = \"open\"\n";
    for (text, name, of_found, of_known) in [
        // The rules of commands are lost, and the built-in one says nothing.
        ("", "live/a", Some(true), None),
        (some, "live/a", Some(true), None),
        (some, "of/a", Some(true), None),
        // A rule that is there says what holds.
        (some, "hall/a", None, None),
        (some, "both/a", Some(false), Some(false)),
        // A template that is not there may have said anything.
        (some, "lost/a", Some(true), Some(true)),
    ] {
        let mut rules = rulebook(text);
        rules
            .configured
            .templates
            .retain(|template| template.name != "gone");
        rules.arrange();
        assert_eq!(
            closed(&rules, name, &found),
            of_found.filter(|_| name == "both/a")
        );
        rules.set_master_key(true);
        assert_eq!(closed(&rules, name, &found), of_found, "{name} {text}");
        assert_eq!(closed(&rules, name, &known), of_known, "{name} {text}");
    }
}

#[test]
fn a_template_that_encrypts_is_no_use_where_the_stream_is_watched_in_clear() {
    let rules = rulebook(
        "[[rule]]\nstream = \"live/*\"\ntemplate = \"closed\"\n[[rule]]\nstream = \"both/*\"\ntemplate = \"both\"\n\
             [[rule]]\ntemplate = \"open\"\n",
    );
    assert!(rules.template(Some("closed"), &stream("live/a")).is_ok());
    assert!(rules.template(Some("open"), &stream("hall/a")).is_ok());
    for (name, template, is_good) in [
        ("hall/a", "closed", false),
        ("hall/a", "both", false),
        ("live/a", "both", true),
        ("both/a", "both", true),
        ("both/a", "closed", false),
    ] {
        match rules.template(Some(template), &stream(name)) {
            Ok(_) => assert!(is_good, "{name} {template}"),
            Err(error) => {
                let wanted = format!("'{name}' can be watched in clear");
                assert!(!is_good && error.to_string().contains(&wanted), "{error}");
            }
        }
    }
}
