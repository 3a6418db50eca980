//! The query of a stream's address: `name=value&…`, percent-encoded or not.

use std::borrow::Cow;

/// The parameters that hold a publisher's proof.
const SECRETS: [&str; 3] = ["key", "txSecret", "auth_key"];

/// Parts of names that other secrets probably have.
const SOUNDS_SECRET: [&str; 9] = [
    "key", "secret", "sig", "token", "auth", "pass", "pw", "hash", "cred",
];

/// The longest part of a query that [`harmless`] gives, in bytes.
const MAX_TOLD: usize = 512;

/// The first value of a parameter, as it came: not decoded.
pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        (decoded(found).as_ref() == name.as_bytes()).then_some(value)
    })
}

/// The query without the parameters that hold secrets. The rest may be handed on. The secrets are never needed again.
pub fn without_secrets(query: &str) -> String {
    let secret = |pair: &&str| {
        let name = decoded(pair.split_once('=').map_or(*pair, |(name, _)| name));
        SECRETS
            .iter()
            .any(|secret| name.trim_ascii().eq_ignore_ascii_case(secret.as_bytes()))
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !secret(pair)).collect();
    kept.join("&")
}

/// The pairs of a query that anybody may read. A pair without a name, or with a name that sounds like that of a secret, is left
/// out, and so is what is too long.
pub fn harmless(query: &str) -> String {
    let mut told = String::new();
    for pair in query.split('&') {
        let Some((name, _)) = pair.split_once('=') else {
            continue;
        };
        let name = decoded(name).to_ascii_lowercase();
        let name = String::from_utf8_lossy(&name);
        let sounds = SOUNDS_SECRET.iter().any(|sound| name.contains(sound));
        if name.trim().is_empty() || sounds || told.len() + pair.len() >= MAX_TOLD {
            continue;
        }
        if !told.is_empty() {
            told.push('&');
        }
        told.push_str(pair);
    }
    told
}

/// The text with `%XX` decoded (RFC 3986 §2.1). Anything that is no such code stays as it is.
pub(super) fn decoded(text: &str) -> Cow<'_, [u8]> {
    percent_encoding::percent_decode_str(text).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_found() {
        let query = "record=mp4&key=a%2Bb=&k%65y=second&empty=&bare";
        assert_eq!(parameter(query, "key"), Some("a%2Bb="));
        assert_eq!(decoded("a%2Bb="), Cow::<[u8]>::Owned(b"a+b=".to_vec()));
        assert_eq!(parameter(query, "empty"), Some(""));
        assert_eq!((parameter(query, "bare"), parameter("", "key")), (None, None));
        assert_eq!(decoded("%",).as_ref(), b"%");
        assert_eq!(decoded("%4%zz%41").as_ref(), b"%4%zzA");
    }

    #[test]
    fn what_may_be_a_secret_is_told_to_nobody() {
        for (query, told) in [
            ("pw=s3cret&sig=abc&room=2", "room=2"),
            (
                "record=mp4&txSecret=s&txTime=5C27&record_interval=60",
                "record=mp4&txTime=5C27&record_interval=60",
            ),
            ("auth_key=1-0-0-s", ""),
            ("KEY=s&Sign=s&x-token=s&stream_pass=s&k%65y=s&%20key=s", ""),
            ("s3cret&=s3cret&%20=s3cret&a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(harmless(query), told, "{query}");
        }
        let long = format!("a={}&b=2", "x".repeat(MAX_TOLD));
        assert_eq!(harmless(&long), "b=2");
    }

    #[test]
    fn secrets_go_and_the_rest_stays() {
        for (query, left) in [
            (
                "record=mp4&key=s3cret&record_interval=60",
                "record=mp4&record_interval=60",
            ),
            ("txSecret=s3cret&txTime=5C271099", "txTime=5C271099"),
            ("auth_key=1-0-0-s3cret", ""),
            ("k%65y=s3cret&KEY=s3cret&TXSECRET=s3cret& key =s3cret", ""),
            ("keys=1&token=t&a%26key=1", "keys=1&token=t&a%26key=1"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(query), left, "{query}");
        }
    }

    proptest! {
        #[test]
        fn whatever_can_prove_is_taken_out(query in "(&|=|%|key|6b|6B|k|ey|auth_|auth_key|txSecret|[a-z ]){0,12}") {
            let left = without_secrets(&query);
            for name in SECRETS {
                prop_assert_eq!(parameter(&left, name), None);
            }
        }
    }
}
