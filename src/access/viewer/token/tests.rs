use proptest::prelude::*;

use super::*;
use crate::config::Pattern;
use crate::media::StreamName;

const NOW: Micros = 1_795_000_000_000_000;
const HOUR: Micros = 3_600_000_000;

fn key(text: &str) -> Secret {
    Secret::try_from(text.to_owned()).unwrap()
}

fn tokens(keys: &[&str]) -> Tokens {
    Tokens::new(keys.iter().map(|text| key(text)).collect(), WithoutClock::Refuse)
}

fn streams(pattern: &str) -> TokenScope {
    TokenScope::Streams(Pattern::try_from(pattern.to_owned()).unwrap())
}

fn claims(scope: TokenScope) -> Claims {
    Claims {
        rights: Rights::from_iter([Right::Watch]),
        scope,
        from: None,
        to: None,
        expires: Some(NOW + HOUR),
    }
}

fn name(text: &str) -> StreamName {
    text.parse().unwrap()
}

fn what(stream: &StreamName) -> What<'_> {
    What {
        stream,
        recording: None,
        span: None,
        still: false,
    }
}

#[test]
fn a_token_opens_its_streams_and_no_others() {
    let tokens = tokens(&["key one"]);
    let text = tokens.mint(&claims(streams("live/*"))).unwrap();
    let viewer = tokens.check(&text, Some(NOW)).unwrap();
    let (cam, other) = (name("live/cam1"), name("hall/cam1"));
    assert!(viewer.may(Right::Watch, &what(&cam)) && !viewer.may(Right::Watch, &what(&other)));
    assert!(!viewer.may(Right::Download, &what(&cam)) && !viewer.has(Right::Operate));
    assert_eq!(viewer.until(Right::Watch, &what(&cam)), Some(NOW + HOUR));
    // A token opens media alone, whatever is in its streams.
    assert_eq!(viewer.scope(Right::Watch), (Rights::NONE, Vec::new()));
}

#[test]
fn a_token_of_a_recording_opens_no_other_recording_and_no_live_stream() {
    let tokens = tokens(&["key one"]);
    let (recording, another) = (RecordingId::new(1), RecordingId::new(2));
    let text = tokens.mint(&claims(TokenScope::Recording(recording))).unwrap();
    let viewer = tokens.check(&text, Some(NOW)).unwrap();
    let cam = name("live/cam1");
    let of = |recording| What {
        recording,
        ..what(&cam)
    };
    assert!(viewer.may(Right::Watch, &of(Some(recording))));
    assert!(!viewer.may(Right::Watch, &of(Some(another))) && !viewer.may(Right::Watch, &of(None)));
}

#[test]
fn a_token_for_the_stills_of_a_recording_opens_nothing_else() {
    let tokens = tokens(&["key one"]);
    let (recording, another) = (RecordingId::new(1), RecordingId::new(2));
    let text = tokens.mint(&claims(TokenScope::Frames(recording))).unwrap();
    assert_eq!(
        Token::parse(&text).unwrap().claims(),
        &claims(TokenScope::Frames(recording))
    );
    let viewer = tokens.check(&text, Some(NOW)).unwrap();
    let cam = name("live/cam1");
    for (of, still, opens) in [
        (Some(recording), true, true),
        (Some(recording), false, false),
        (Some(another), true, false),
        (None, true, false),
        (None, false, false),
    ] {
        let what = What {
            recording: of,
            still,
            ..what(&cam)
        };
        assert_eq!(viewer.may(Right::Watch, &what), opens);
        assert_eq!(viewer.reviews(&what), opens);
        assert!(!viewer.may(Right::Download, &what) && !viewer.may(Right::Moderate, &what));
    }
    let whole = tokens.mint(&claims(TokenScope::Recording(recording))).unwrap();
    let still = What {
        recording: Some(recording),
        still: true,
        ..what(&cam)
    };
    let viewer = tokens.check(&whole, Some(NOW)).unwrap();
    assert!(viewer.may(Right::Watch, &still) && !viewer.reviews(&still));
    // Nobody passes it on.
    assert!(!viewer.may_pass_on(&claims(TokenScope::Frames(recording)), Some(&still)));
}

#[test]
fn chunks_that_are_partly_within_the_time_are_open_and_the_others_are_not() {
    let tokens = tokens(&["key one"]);
    let text = tokens
        .mint(&Claims {
            from: Some(100),
            to: Some(200),
            ..claims(streams("*"))
        })
        .unwrap();
    let viewer = tokens.check(&text, Some(NOW)).unwrap();
    let cam = name("live/cam1");
    for (span, open) in [
        (Some((90, 101)), true),
        (Some((90, 100)), false),
        (Some((150, 160)), true),
        (Some((199, 205)), true),
        (Some((200, 205)), false),
        (Some((0, 1_000)), true),
        // Whoever does not know the time of the media cannot say that it is within.
        (None, false),
    ] {
        let what = What { span, ..what(&cam) };
        assert_eq!(viewer.may(Right::Watch, &what), open, "{span:?}");
        let bounds = if open {
            (Some(100), Some(200))
        } else {
            (None, None)
        };
        assert_eq!(viewer.bounds(Right::Watch, &what), bounds);
    }
}

#[test]
fn a_token_ends_at_its_time_and_a_box_without_the_time_does_as_it_is_told() {
    let refuses = tokens(&["key one"]);
    let accepts = Tokens::new(vec![key("key one")], WithoutClock::Accept);
    let text = refuses.mint(&claims(streams("*"))).unwrap();
    assert!(refuses.check(&text, Some(NOW + HOUR - 1)).is_ok());
    let expired = Err(Reason::Expired {
        scheme: Scheme::Token,
        at: NOW + HOUR,
    });
    assert_eq!(refuses.check(&text, Some(NOW + HOUR)), expired);
    assert_eq!(accepts.check(&text, Some(NOW + HOUR)), expired);
    assert_eq!(refuses.check(&text, None), Err(Reason::NoClock));
    assert!(accepts.check(&text, None).is_ok());
    let lasting = Claims {
        expires: None,
        ..claims(streams("*"))
    };
    let text = refuses.mint(&lasting).unwrap();
    assert!(refuses.check(&text, None).is_ok() && refuses.check(&text, Some(Micros::MAX)).is_ok());
}

#[test]
fn two_keys_are_valid_the_first_one_signs_and_a_key_that_is_gone_ends_its_tokens() {
    let old = tokens(&["key one"]).mint(&claims(streams("*"))).unwrap();
    let rotated = tokens(&["key two", "key one"]);
    let new = rotated.mint(&claims(streams("*"))).unwrap();
    assert!(rotated.check(&old, Some(NOW)).is_ok() && rotated.check(&new, Some(NOW)).is_ok());
    let later = tokens(&["key two"]);
    assert_eq!(
        later.check(&old, Some(NOW)),
        Err(Reason::WrongSignature(Scheme::Token))
    );
    assert!(later.check(&new, Some(NOW)).is_ok());
    let none = tokens(&[]);
    assert_eq!(none.check(&new, Some(NOW)), Err(Reason::NoTokenKey));
    assert_eq!(none.mint(&claims(streams("*"))), Err(Reason::NoTokenKey));
}

#[test]
fn the_longest_token_is_within_the_bound_and_a_longer_text_is_not_looked_at() {
    let longest = Claims {
        from: Some(1),
        to: Some(2),
        ..claims(streams(&"é".repeat(126)))
    };
    let text = tokens(&["key one"]).mint(&longest).unwrap();
    assert!(text.len() <= MAX_TOKEN, "{}", text.len());
    assert!(Token::parse(&"A".repeat(MAX_TOKEN + 1)).is_err());
    for text in ["", "A", "AQ==", "é", "a/b+", " ", "A A"] {
        assert!(Token::parse(text).is_err(), "{text}");
    }
}

/// The layout must not change: tokens that were given away must stay valid. The key is 16 bytes `k`, and the signature was
/// computed by another implementation.
#[test]
fn a_token_is_written_as_the_layout_says() {
    let of = Claims {
        rights: Rights::from_iter([Right::Watch, Right::Download]),
        scope: streams("live/*"),
        from: None,
        to: None,
        expires: Some(1_800_000_000_000_000),
    };
    let text = tokens(&["kkkkkkkkkkkkkkkk"]).mint(&of).unwrap();
    assert_eq!(text, "AXFGMlEDAQAGZRcomIAAbGl2ZS8qEEv3gCdOHKXf6mfQabvYeQ");
}

#[test]
fn nobody_passes_on_more_than_they_have() {
    let viewer = |rights: &[Right], patterns: &[&str]| Viewer {
        name: "a".to_owned(),
        by: By::Key,
        scopes: vec![Scope {
            rights: rights.iter().copied().collect(),
            of: Media::Fitting(
                patterns
                    .iter()
                    .map(|text| Pattern::try_from((*text).to_owned()).unwrap())
                    .collect(),
            ),
            from: None,
            to: None,
            until: None,
        }],
    };
    let all = viewer(&Right::ALL, &["*"]);
    let some = viewer(&[Right::Watch, Right::Keys], &["live/*", "hall/a"]);
    let cam = name("live/cam1");
    let of_recording = |stream| What {
        stream,
        recording: Some(RecordingId::new(1)),
        span: None,
        still: false,
    };
    let downloads = Claims {
        rights: Claims::possible(),
        ..claims(streams("live/cam1"))
    };
    assert!(all.may_pass_on(&downloads, None) && !some.may_pass_on(&downloads, None));
    for (pattern, may) in [
        ("live/cam1", true),
        ("live/*", true),
        ("hall/a", true),
        ("hall/*", false),
        ("*", false),
        ("*/cam1", false),
    ] {
        assert_eq!(
            some.may_pass_on(&claims(streams(pattern)), None),
            may,
            "{pattern}"
        );
        assert!(all.may_pass_on(&claims(streams(pattern)), None));
        assert!(!viewer(&[Right::Watch], &["*"]).may_pass_on(&claims(streams(pattern)), None));
    }
    let recording = claims(TokenScope::Recording(RecordingId::new(1)));
    assert!(some.may_pass_on(&recording, Some(&of_recording(&cam))));
    let other = name("yard/cam1");
    assert!(!some.may_pass_on(&recording, Some(&of_recording(&other))));
    assert!(!some.may_pass_on(&recording, None));
}

fn any_claims() -> impl Strategy<Value = Claims> {
    let scope = prop_oneof![
        "[a-z*/é]{1,40}".prop_map(|pattern| streams(&pattern)),
        any::<[u8; 16]>().prop_map(|id| TokenScope::Recording(RecordingId::from_bytes(id))),
    ];
    let time = || proptest::option::of(any::<i64>());
    (scope, time(), time(), time(), 0_u8..4).prop_map(|(scope, from, to, expires, rights)| Claims {
        rights: Rights::of_bits(rights).unwrap(),
        scope,
        from,
        to,
        expires,
    })
}

proptest! {
    #[test]
    fn a_token_says_what_was_put_into_it(claims in any_claims()) {
        let text = tokens(&["key one"]).mint(&claims).unwrap();
        prop_assert!(text.len() <= MAX_TOKEN);
        let token = Token::parse(&text).unwrap();
        prop_assert_eq!(token.claims(), &claims);
    }

    /// Whatever bit is changed, in the text or in the bytes that it stands for, the token is refused.
    #[test]
    fn a_token_with_one_bit_changed_is_refused(claims in any_claims(), at in any::<proptest::sample::Index>()) {
        let accepts = Tokens::new(vec![key("key one")], WithoutClock::Accept);
        let claims = Claims { expires: None, ..claims };
        let text = accepts.mint(&claims).unwrap();
        prop_assert!(accepts.check(&text, None).is_ok());
        let mut bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(accepts.check(&data_encoding::BASE64URL_NOPAD.encode(&bytes), None).is_err());
        let mut letters = text.into_bytes();
        let bit = at.index(letters.len() * 8);
        letters[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(accepts.check(&String::from_utf8_lossy(&letters), None).is_err());
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Token::parse(&text);
        super::super::fuzz_token(&bytes);
    }
}
