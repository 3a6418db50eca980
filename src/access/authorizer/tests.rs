use super::super::client::tests::READER;
use super::*;
use crate::config::Config;

const NOW: Micros = 1_546_064_025_000_000;

fn authorizer(toml: &str) -> Authorizer {
    let file = |path: &Path| match path.to_str() {
        Some("rotated") => Ok("from-file\n".to_owned()),
        _ => Err("no such file".to_owned()),
    };
    let config = Config::parse(Some((Path::new("box.toml"), toml)), [], "box").unwrap();
    Authorizer::new(&config.publishers, config.rtmp.allow_anonymous, file).unwrap()
}

fn asks(authorizer: &Authorizer, stream: &str, query: &str, peer: &str) -> Verdict {
    at(authorizer, stream, query, peer, Some(NOW))
}

fn at(authorizer: &Authorizer, stream: &str, query: &str, peer: &str, utc: Option<Micros>) -> Verdict {
    let stream = &stream.parse().unwrap();
    let peer = peer.parse().unwrap();
    authorizer.check(&Asked {
        stream,
        query,
        peer,
        utc,
    })
}

fn name(verdict: Verdict) -> String {
    match verdict {
        Verdict::Allow(grant) => grant.account.clone().unwrap_or_else(|| "anyone".to_owned()),
        Verdict::Ask(hooks) => format!("ask {}", hooks.len()),
        Verdict::Refuse(reason) => format!("no: {}", reason.kind()),
    }
}

/// What a holder of one signature can make of it by moving the border between name and time, or by taking another app.
#[test]
fn a_signature_of_one_stream_opens_no_other() {
    const KEY: &str = "e12c46f2612d5106e2034781ab261ca3";
    // md5(KEY + "room101" + "5C271098"), expired a second ago.
    let sum = crate::access::signature::tests::tencent_sum(KEY, "room101", "5C271098");
    let authorizer = authorizer(&format!(
        "[[publisher]]\nstream = \"live/*\"\ntencent_key = \"{KEY}\"\n"
    ));
    let refused = |stream: &str, time: &str| {
        let query = format!("txSecret={sum}&txTime={time}");
        match asks(&authorizer, stream, &query, "192.0.2.1") {
            Verdict::Refuse(reason) => reason.kind(),
            other => panic!("{stream} {time}: {other:?}"),
        }
    };
    assert_eq!(refused("live/room101", "5C271098"), "expired");
    for (stream, time) in [
        ("live/room10", "15C271098"),
        ("live/room1", "015C271098"),
        ("live/room", "1015C271098"),
        ("live/room1015", "C271098"),
    ] {
        assert_eq!(refused(stream, time), "malformed", "{stream}");
    }
    assert_eq!(refused("live/room1015C", "27109800"), "wrong_signature");
    assert_eq!(refused("test/room101", "5C271098"), "not_listed");
}

#[test]
fn without_entries_this_machine_may_push_and_others_when_told_so() {
    let closed = authorizer("");
    for (peer, expected) in [
        ("127.0.0.1", "anyone"),
        ("::1", "anyone"),
        ("::ffff:127.0.0.1", "anyone"),
        ("10.0.0.1", "no: anonymous"),
    ] {
        assert_eq!(name(asks(&closed, "live/a", "", peer)), expected, "{peer}");
    }
    assert_eq!(
        name(asks(
            &authorizer("rtmp.allow_anonymous = true"),
            "live/a",
            "",
            "10.0.0.1"
        )),
        "anyone"
    );
}

#[test]
fn any_entry_that_matches_and_is_proved_lets_in() {
    let authorizer = authorizer(
        "rtmp.allow_anonymous = true\n\
         [[publisher]]\nname = \"one\"\nstream = \"live/*\"\nkeys = [\"old\", \"new\"]\nkey_file = \"rotated\"\n\
         [[publisher]]\nname = \"two\"\nstream = \"live/*\"\nfrom = [\"10.0.0.0/8\", \"fd00::/8\"]\n\
         [[publisher]]\nname = \"three\"\nstream = \"hall/cam\"\nkey = \"hall\"\n",
    );
    for (stream, query, peer, expected) in [
        ("live/a", "key=old", "192.0.2.1", "one"),
        ("live/a", "record=mp4&key=new", "192.0.2.1", "one"),
        ("live/a", "key=from-file", "192.0.2.1", "one"),
        ("live/a", "key=hall", "192.0.2.1", "no: wrong_key"),
        ("live/a", "", "192.0.2.1", "no: no_proof"),
        ("live/a", "", "127.0.0.1", "no: no_proof"),
        ("live/a", "", "10.1.2.3", "two"),
        ("live/a", "key=wrong", "::ffff:10.1.2.3", "two"),
        ("live/a", "", "fd12::1", "two"),
        ("hall/cam", "key=hall", "192.0.2.1", "three"),
        ("hall/cam", "key=old", "10.1.2.3", "no: wrong_key"),
        ("hall/cam2", "key=hall", "192.0.2.1", "no: not_listed"),
    ] {
        assert_eq!(
            name(asks(&authorizer, stream, query, peer)),
            expected,
            "{stream}?{query} from {peer}"
        );
    }
}

#[test]
fn tencents_signature_holds_until_its_time_with_either_key() {
    let authorizer = authorizer(
        "[[publisher]]\nname = \"tc\"\n\
         tencent_key = [\"backup-key\", \"e12c46f2612d5106e2034781ab261ca3\"]\n",
    );
    let query = "txSecret=f85a2ab363fe4deaffef9754d79da6fe&txTime=5C271099";
    for (stream, query, utc, synced, expected) in [
        ("live/test", query, NOW, true, "tc"),
        ("other/test", query, NOW - 1, true, "tc"),
        ("live/test", query, NOW + 1, true, "no: expired"),
        // A box that does not know the time ignores the expiry, and checks all of the signature.
        ("live/test", query, NOW + 1, false, "tc"),
        ("live/test2", query, NOW + 1, false, "no: wrong_signature"),
        (
            "live/test",
            &query
                .to_uppercase()
                .replace("TXSECRET", "txSecret")
                .replace("TXTIME", "txTime"),
            NOW,
            true,
            "tc",
        ),
        (
            "live/test",
            &query.replace("5C271099", "5c271099"),
            NOW,
            true,
            "no: wrong_signature",
        ),
        (
            "live/test",
            &query.replace("5C271099", "FFFFFFFF"),
            NOW,
            true,
            "no: wrong_signature",
        ),
        (
            "live/test",
            "txSecret=1&txTime=5C271099",
            NOW,
            true,
            "no: malformed",
        ),
        (
            "live/test",
            "key=e12c46f2612d5106e2034781ab261ca3",
            NOW,
            true,
            "no: no_proof",
        ),
    ] {
        assert_eq!(
            name(at(&authorizer, stream, query, "192.0.2.1", synced.then_some(utc))),
            expected,
            "{query} at {utc}"
        );
    }
}

#[test]
fn alibabas_signature_holds_for_a_while_after_its_time() {
    let authorizer = authorizer(
        "[[publisher]]\nname = \"al\"\naliyun_key = \"aliyuncdnexp1234\"\naliyun_valid = \"1min\"\n",
    );
    // md5("/live/cam-1546064025-r-u-aliyuncdnexp1234")
    let query = "auth_key=1546064025-r-u-{}";
    let sum = {
        use md5::{Digest as _, Md5};
        let sum = Md5::digest("/live/cam-1546064025-r-u-aliyuncdnexp1234");
        sum.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let query = query.replace("{}", &sum);
    for (stream, query, utc, expected) in [
        ("live/cam", query.as_str(), NOW + 60_000_000, "al"),
        ("live/cam", &query, NOW + 60_000_001, "no: expired"),
        ("live/cam2", &query, NOW, "no: wrong_signature"),
        (
            "live/cam",
            &query.replace("1546064025", "1946064025"),
            NOW,
            "no: wrong_signature",
        ),
        ("live/cam", "auth_key=1", NOW, "no: malformed"),
    ] {
        assert_eq!(
            name(at(&authorizer, stream, query, "192.0.2.1", Some(utc))),
            expected,
            "{query} at {utc}"
        );
    }
}

#[test]
fn a_hook_is_asked_only_where_nothing_else_proves() {
    let authorizer = authorizer(
        "[[publisher]]\nname = \"a\"\nstream = \"live/*\"\nhook = \"http://127.0.0.1:1/a\"\nkey = \"right\"\n\
         [[publisher]]\nname = \"b\"\nstream = \"live/x*\"\nhook = \"http://127.0.0.1:1/b\"\n",
    );
    for (stream, query, expected) in [
        ("live/a", "key=right", "a"),
        ("live/a", "key=wrong", "ask 1"),
        ("live/x", "", "ask 2"),
        ("hall/a", "", "no: not_listed"),
    ] {
        assert_eq!(
            name(asks(&authorizer, stream, query, "127.0.0.1")),
            expected,
            "{stream}?{query}"
        );
    }
}

#[test]
fn long_queries_are_refused_unread_and_missing_keys_are_named() {
    let query = format!("key={}", "k".repeat(MAX_QUERY));
    assert_eq!(
        name(asks(&authorizer(""), "live/a", &query, "127.0.0.1")),
        "no: malformed"
    );
    let config = Config::parse(
        Some((Path::new("b"), "[[publisher]]\nname = \"n\"\nkey_file = \"gone\"")),
        [],
        "box",
    );
    for (text, why) in [
        (Err("it is not there".to_owned()), "it is not there"),
        (Ok("\n".to_owned()), "it is empty"),
    ] {
        let error =
            Authorizer::new(&config.as_ref().unwrap().publishers, false, |_| text.clone()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("[[publisher]] 'n': cannot take a key from 'gone': {why}")
        );
    }
}

#[test]
fn no_reason_repeats_what_was_shown() {
    let authorizer =
        authorizer("[[publisher]]\nkey = \"k-1\"\ntencent_key = \"k-2\"\naliyun_key = \"k-3\"\n");
    for query in [
        "key=s3cret",
        "txSecret=s3cret&txTime=s3cret",
        "auth_key=s3cret",
        "txSecret=f85a2ab363fe4deaffef9754d79da6fe&txTime=5C271099",
    ] {
        let Verdict::Refuse(reason) = asks(&authorizer, "live/a", query, "127.0.0.1") else {
            panic!("{query} was let in");
        };
        let said = format!("{} {reason:?} {authorizer:?}", READER.told(&reason));
        for secret in ["s3cret", "k-1", "k-2", "k-3", "f85a2ab3"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_asked_the_answer_is_no_without_the_key(query in "(&|=|-|%|key=|txSecret=|txTime=|auth_key=|[0-9a-f]{32}|[0-9]{1,10}|\\PC){0,14}") {
        let authorizer = authorizer("[[publisher]]\nkey = \"k-1 with blanks\"\ntencent_key = \"k-2\"\naliyun_key = \"k-3\"\n");
        let verdict = name(asks(&authorizer, "live/a", &query, "127.0.0.1"));
        proptest::prop_assert!(verdict.starts_with("no: "), "{} for {}", verdict, query);
    }
}

/// Prints a figure for people. Nothing is asserted about time.
#[test]
#[ignore = "prints how long a decision takes; cargo test --release authorizer -- --ignored --nocapture"]
#[allow(clippy::disallowed_methods, reason = "a stopwatch")]
fn how_long_a_thousand_entries_take() {
    for kind in ["key", "tencent_key", "aliyun_key"] {
        let text: String = (0..1_000)
            .map(|n| {
                format!(
                    "[[publisher]]\nstream = \"live/*\"\nfrom = \"127.0.0.0/8\"\n{kind} = \"a-key-{n}\"\n"
                )
            })
            .collect();
        let authorizer = authorizer(&text);
        let query = "key=wrong&txSecret=f85a2ab363fe4deaffef9754d79da6fe&txTime=5C271099\
                     &auth_key=1444435200-0-0-80cd3862d699b7118eed99103f2a3a4f";
        let began = std::time::Instant::now();
        for _ in 0..100 {
            assert!(matches!(
                asks(&authorizer, "live/cam1", query, "127.0.0.1"),
                Verdict::Refuse(_)
            ));
        }
        println!("{kind}: {:?} for 1,000 entries", began.elapsed() / 100);
    }
}
