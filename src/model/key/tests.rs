//! Keys are what was asked for, and safe whatever a stream is called.

use proptest::prelude::*;

use super::*;

fn about() -> About {
    About {
        template: "lesson".to_owned(),
        number: 3,
        domain: Some("push.example.com".to_owned()),
        ..About::default()
    }
}

fn facts<'a>(about: &'a About, app: &'a str, stream: &'a str, zone: &'a Zone) -> KeyFacts<'a> {
    KeyFacts {
        device: "box-17",
        about,
        app,
        stream,
        recording: "01a1f70f-0363-77e8-9c29-b9786dd59ba1",
        start: 1_780_000_000_123_456,
        end: 1_780_000_090_000_000,
        format: "mp4",
        zone,
    }
}

fn key(pattern: &str) -> String {
    let pattern: KeyPattern = pattern.parse().unwrap();
    pattern.key(&facts(&about(), "live", "cam1", &Zone::utc_zone()))
}

#[test]
fn the_clouds_own_patterns() {
    assert_eq!(
        key(
            "{StreamID}_{StartYear}-{StartMonth}-{StartDay}-{StartHour}-{StartMinute}-{StartSecond}_{EndYear}-\
             {EndMonth}-{EndDay}-{EndHour}-{EndMinute}-{EndSecond}"
        ),
        "cam1_2026-05-28-20-26-40_2026-05-28-20-28-10"
    );
    assert_eq!(
        key("record/{AppName}/{StreamName}/{Sequence}{EscapedStartTime}{EscapedEndTime}"),
        "record/live/cam1/32026-05-28-20-26-402026-05-28-20-28-10"
    );
    assert_eq!(
        key("{AppName}/{StreamName}/{StartTime}_{EndTime}"),
        "live/cam1/2026-05-28T20%3A26%3A40Z_2026-05-28T20%3A28%3A10Z"
    );
    assert_eq!(
        key("{Domain}/{RecordSource}/{RecordId}/{RandomID}/{StartMillisecond}-{UnixTimestamp}"),
        "push.example.com/rule/01a1f70f-0363-77e8-9c29-b9786dd59ba1/1ab95dd6/123-1780000000"
    );
    assert_eq!(
        key("{Device}/{Template}/{Name}.{Format}"),
        "box-17/lesson/01a1f70f-0363-77e8-9c29-b9786dd59ba1.mp4"
    );
    assert_eq!(
        key(KeyPattern::DEFAULT),
        "live/cam1/20260528/202640-01a1f70f-0363-77e8-9c29-b9786dd59ba1"
    );
    assert_eq!(KeyPattern::default().to_string(), KeyPattern::DEFAULT);
}

#[test]
fn times_are_those_of_the_templates_zone() {
    let pattern: KeyPattern = "{StartDay}-{StartHour}".parse().unwrap();
    let zone = "Asia/Shanghai".parse().unwrap();
    assert_eq!(pattern.key(&facts(&about(), "live", "cam1", &zone)), "29-04");
}

#[test]
fn what_is_no_pattern_is_told() {
    for (pattern, said) in [
        ("{StreamId}", "did you mean {StreamID}?"),
        ("{Bananas}", "there are StreamID, StreamName"),
        ("{StreamID", "a '{' without its '}'"),
        ("StreamID}", "a '}' without its '{'"),
        ("recordings", "every file would have the same key"),
        ("", "1 to 255 bytes"),
    ] {
        let error = pattern.parse::<KeyPattern>().unwrap_err().to_string();
        assert!(error.contains(said), "{pattern}: {error}");
    }
    assert!("{StreamID}".repeat(40).parse::<KeyPattern>().is_err());
}

#[test]
fn two_recordings_never_share_a_key() {
    for (pattern, unique) in [
        (KeyPattern::DEFAULT, true),
        ("{RandomID}", false),
        ("{AppName}/{StreamName}/{StartYear}{StartMonth}{StartDay}", false),
    ] {
        assert_eq!(
            pattern.parse::<KeyPattern>().unwrap().is_unique(),
            unique,
            "{pattern}"
        );
    }
    let taken = ["a/b", "a/b-2"];
    assert_eq!(distinct("a/b", |key| taken.contains(&key)), "a/b-3");
    assert_eq!(distinct("a/c", |key| taken.contains(&key)), "a/c");
}

proptest! {
    #[test]
    fn a_key_is_safe_whatever_a_stream_is_called(app in ".{0,80}", stream in ".{0,80}", name in proptest::option::of(".{0,300}")) {
        let zone = Zone::utc_zone();
        let about = About { name, ..about() };
        let facts = facts(&about, &app, &stream, &zone);
        for pattern in ["{AppName}/{StreamName}/{Name}", "../{StreamID}/./{Name}", "{Name}{Name}{Name}/{AppName}", "/{AppName}/"] {
            let key = pattern.parse::<KeyPattern>().unwrap().key(&facts);
            prop_assert!(!key.is_empty() && key.len() <= 1_000, "{} bytes", key.len());
            prop_assert!(!key.starts_with('/') && !key.ends_with('/'), "{key}");
            prop_assert!(key.split('/').all(|part| !matches!(part, "" | "." | "..") && part.len() <= 240), "{key}");
            let safe = |c: char| c.is_ascii_alphanumeric() || "-_.=+,@/%".contains(c);
            prop_assert!(key.chars().all(safe), "{key}");
        }
    }

    #[test]
    fn reading_a_pattern_never_fails_otherwise(text in ".{0,300}") {
        let _ = text.parse::<KeyPattern>();
    }
}
