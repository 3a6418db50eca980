//! Decides whether a client may have a stream, by the proof that it shows and the address that it comes from.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::query::parameter;
use super::signature::{Aliyun, Tencent, key_proves};
use super::{Reason, Scheme};
use crate::config::{AddressRange, BitRate, Hook, Pattern, Proof, Publisher, Required, Secret, SecretSource};
use crate::media::{Micros, StreamName};

/// The longest query that is looked at, in bytes.
pub const MAX_QUERY: usize = 4_096;

/// The most services that are asked about one request.
const MAX_HOOKS: usize = 4;

/// What is known about a client that asks for a stream.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The stream that is asked for.
    pub stream: &'a StreamName,
    /// The query behind the stream's name, with its secrets.
    pub query: &'a str,
    /// The address that the connection comes from.
    pub peer: IpAddr,
    /// UTC now, in microseconds, where the clock is trusted. Where it is not, signatures are checked, and an expiry is not held
    /// against them.
    pub utc: Option<Micros>,
}

/// What the door does about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let the client begin.
    Allow(Arc<Grant>),
    /// Ask these services, in this order. The first that says yes lets the client begin.
    Ask(Vec<(Hook, Arc<Grant>)>),
    /// Refuse, for this reason.
    Refuse(Reason),
}

/// The entry that lets a client have a stream, and the bounds that it sets.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Grant {
    /// The name of the entry. None where anyone may have the stream.
    pub account: Option<String>,
    /// The most streams at one time under this entry.
    pub max_streams: Option<u32>,
    /// The highest bit rate of each of these streams.
    pub max_bitrate: Option<BitRate>,
    /// The tracks that may come only in a coding that is recorded.
    pub required: Required,
}

/// The entries of the configuration, with their keys.
#[derive(Debug)]
pub struct Authorizer {
    entries: Vec<Entry>,
    anonymous: Anonymous,
}

/// Who may have a stream while the configuration has no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anonymous {
    FromThisMachine,
    FromAnywhere,
}

#[derive(Debug)]
struct Entry {
    grant: Arc<Grant>,
    stream: Pattern,
    from: Vec<AddressRange>,
    proofs: Vec<Known>,
    hook: Option<Hook>,
}

/// A proof with the key that was read for it.
#[derive(Debug)]
enum Known {
    Key(Secret),
    Tencent(Secret),
    Aliyun { key: Secret, valid: Micros },
}

/// A key that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("[[publisher]] '{publisher}': cannot take a key from '{path}': {why}")]
pub struct KeyError {
    publisher: String,
    path: PathBuf,
    why: String,
}

/// What a query shows as proof.
struct Shown<'a> {
    key: Option<&'a str>,
    tencent: Option<Result<Tencent<'a>, Reason>>,
    aliyun: Option<Result<Aliyun<'a>, Reason>>,
    path: String,
}

impl Authorizer {
    /// An authorizer with these entries. `read` reads keys in files: it gives a file's text, or says why it cannot.
    pub fn new(
        publishers: &[Publisher],
        allow_anonymous: bool,
        mut read: impl FnMut(&Path) -> Result<String, String>,
    ) -> Result<Self, KeyError> {
        let entries = publishers
            .iter()
            .map(|publisher| Entry::new(publisher, &mut read));
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
            anonymous: if allow_anonymous {
                Anonymous::FromAnywhere
            } else {
                Anonymous::FromThisMachine
            },
        })
    }

    /// Decides about a request. This takes less than a millisecond for a thousand entries, each with a signature to compute,
    /// even unoptimized.
    pub fn check(&self, asked: &Asked<'_>) -> Verdict {
        if asked.query.len() > MAX_QUERY {
            return Verdict::Refuse(Reason::Malformed {
                what: "the part after the ?",
                why: "it is longer than 4096 bytes",
            });
        }
        if self.entries.is_empty() {
            let local = asked.peer.to_canonical().is_loopback();
            return if local || self.anonymous == Anonymous::FromAnywhere {
                Verdict::Allow(Arc::default())
            } else {
                Verdict::Refuse(Reason::Anonymous)
            };
        }
        let shown = Shown::read(asked);
        let mut nearest = Reason::NotListed;
        let mut hooks = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.is_about(asked)) {
            match entry.judge(asked, &shown) {
                Ok(()) => return Verdict::Allow(Arc::clone(&entry.grant)),
                Err(reason) if reason.nearness() > nearest.nearness() => nearest = reason,
                Err(_) => {}
            }
            if let Some(hook) = entry.hook.as_ref().filter(|_| hooks.len() < MAX_HOOKS) {
                hooks.push((hook.clone(), Arc::clone(&entry.grant)));
            }
        }
        if hooks.is_empty() {
            Verdict::Refuse(nearest)
        } else {
            Verdict::Ask(hooks)
        }
    }
}

impl Entry {
    fn new(
        publisher: &Publisher,
        read: &mut impl FnMut(&Path) -> Result<String, String>,
    ) -> Result<Self, KeyError> {
        let mut secret = |source: &SecretSource| match source {
            SecretSource::Given(secret) => Ok(secret.clone()),
            SecretSource::File(path) => read(path)
                .and_then(|text| Secret::from_file_text(&text).map_err(|error| error.to_string()))
                .map_err(|why| KeyError {
                    publisher: publisher.name().to_owned(),
                    path: path.clone(),
                    why,
                }),
        };
        let mut proofs = Vec::new();
        let mut hook = None;
        for proof in &publisher.proofs() {
            match proof {
                Proof::Key(source) => proofs.push(Known::Key(secret(source)?)),
                Proof::Tencent(source) => proofs.push(Known::Tencent(secret(source)?)),
                Proof::Aliyun { key, valid } => proofs.push(Known::Aliyun {
                    key: secret(key)?,
                    valid: valid.as_micros(),
                }),
                Proof::Hook(asked) => hook = Some(asked.clone()),
            }
        }
        Ok(Self {
            grant: Arc::new(Grant {
                account: Some(publisher.name().to_owned()),
                max_streams: publisher.max_publishes,
                max_bitrate: publisher.max_bitrate,
                required: publisher.required(),
            }),
            stream: publisher.stream.clone(),
            from: publisher.from.clone(),
            proofs,
            hook,
        })
    }

    fn is_about(&self, asked: &Asked<'_>) -> bool {
        let from_here = self.from.is_empty() || self.from.iter().any(|range| range.contains(asked.peer));
        from_here && self.stream.fits(asked.stream.as_str())
    }

    /// Whether one proof of the entry is right. If none is, the error is about the proof that came nearest.
    fn judge(&self, asked: &Asked<'_>, shown: &Shown<'_>) -> Result<(), Reason> {
        if self.proofs.is_empty() && self.hook.is_none() {
            return Ok(());
        }
        let mut nearest = Reason::NotListed;
        for proof in &self.proofs {
            match proof.judge(asked, shown) {
                Ok(()) => return Ok(()),
                Err(reason) if reason.nearness() > nearest.nearness() => nearest = reason,
                Err(_) => {}
            }
        }
        Err(nearest)
    }
}

impl Known {
    fn judge(&self, asked: &Asked<'_>, shown: &Shown<'_>) -> Result<(), Reason> {
        match self {
            Known::Key(key) => match shown.key {
                Some(shown) if key_proves(shown, key) => Ok(()),
                Some(_) => Err(Reason::WrongKey),
                None => Err(Reason::NoProof("?key=… behind the stream's name")),
            },
            Known::Tencent(key) => {
                let needed = || Reason::NoProof("?txSecret=…&txTime=… behind the stream's name");
                let signature = shown.tencent.as_ref().ok_or_else(needed)?;
                let signature = signature.as_ref().map_err(Reason::clone)?;
                if signature.proves(asked.stream, key) {
                    in_time(asked, Scheme::Tencent, signature.expires())
                } else {
                    Err(Reason::WrongSignature(Scheme::Tencent))
                }
            }
            Known::Aliyun { key, valid } => {
                let needed = || Reason::NoProof("?auth_key=… behind the stream's name");
                let signature = shown.aliyun.as_ref().ok_or_else(needed)?;
                let signature = signature.as_ref().map_err(Reason::clone)?;
                if signature.proves(&shown.path, key) {
                    in_time(asked, Scheme::Aliyun, signature.expires(*valid))
                } else {
                    Err(Reason::WrongSignature(Scheme::Aliyun))
                }
            }
        }
    }
}

/// Refuses a signature that has expired. A box that does not know the time yet cannot say that: it would lock out everyone
/// until there is a network, and a box may have none for long.
fn in_time(asked: &Asked<'_>, scheme: Scheme, at: Micros) -> Result<(), Reason> {
    match asked.utc {
        Some(utc) if utc > at => Err(Reason::Expired { scheme, at }),
        _ => Ok(()),
    }
}

impl<'a> Shown<'a> {
    fn read(asked: &Asked<'a>) -> Self {
        Self {
            key: parameter(asked.query, "key"),
            tencent: Tencent::read(asked.query),
            aliyun: Aliyun::read(asked.query),
            path: format!("/{}", asked.stream),
        }
    }
}

#[cfg(test)]
mod tests {
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
}
