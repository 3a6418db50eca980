//! `[[publisher]]`: who may push which streams, and how publishers prove who they are.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::file::{Refused, in_range, refuse};
use super::secret::MASK;
use super::texts::{SecretPath, Texts, sources, texts};
use super::{AddressRange, BitRate, Pattern, Secret, SecretSource, Span};
use crate::media::TrackKind;

/// The most entries of a configuration.
pub const MAX_PUBLISHERS: usize = 1_000;
/// The most keys of one kind. They are enough for a change of keys.
const MAX_KEYS: usize = 8;
const MAX_NAME: usize = 64;
const MAX_URL: usize = 2_048;

/// One entry. A publisher that comes from these addresses and has one of these proofs may push these streams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Publisher {
    name: Option<String>,
    /// The streams of the entry: a pattern on `app/name`, in which `*` stands for slashes, too.
    pub stream: Pattern,
    /// The addresses of the entry; all addresses when empty.
    #[serde(deserialize_with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<AddressRange>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    key: Texts<Secret>,
    /// Another name of `key`. Both may be given.
    #[serde(skip_serializing)]
    keys: Texts<Secret>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    key_file: Texts<SecretPath>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    tencent_key: Texts<Secret>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    tencent_key_file: Texts<SecretPath>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    aliyun_key: Texts<Secret>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    aliyun_key_file: Texts<SecretPath>,
    aliyun_valid: Option<Span>,
    hook: Option<HookUrl>,
    hook_timeout: Option<Span>,
    /// The most publishes at one time under this entry.
    pub max_publishes: Option<u32>,
    /// The bit rate of each publish, at most.
    pub max_bitrate: Option<BitRate>,
    video: Option<Need>,
    audio: Option<Need>,
}

/// The tracks that a recording must have. A track that is not required is left out if its codec is not recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Required {
    /// The picture is required.
    pub video: bool,
    /// The sound is required.
    pub audio: bool,
}

impl Required {
    /// True when this track is required.
    pub fn has(self, kind: TrackKind) -> bool {
        match kind {
            TrackKind::Video => self.video,
            TrackKind::Audio => self.audio,
        }
    }
}

/// How a configuration names a required track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Need {
    Required,
    Optional,
}

/// A proof that a publisher may push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// `?key=…` in the stream's query.
    Key(SecretSource),
    /// `txSecret` and `txTime`, as Tencent Cloud signs.
    Tencent(SecretSource),
    /// `auth_key`, as Alibaba Cloud signs.
    Aliyun {
        /// The key.
        key: SecretSource,
        /// How long a signature is valid after the time in it.
        valid: Span,
    },
    /// A service decides.
    Hook(Hook),
}

/// A service that is asked whether a publish may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The address of the service.
    pub url: HookUrl,
    /// The time within which the service must answer.
    pub timeout: Span,
}

/// `http://…` or `https://…`. Shown without its path and query, which may hold a secret.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HookUrl(String);

/// Writes the address as it is shown.
impl Serialize for HookUrl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl HookUrl {
    /// The whole address, for the request.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True for plain HTTP to another machine: everybody on the way can read the requests and answer them.
    pub fn is_open(&self) -> bool {
        is_open(&self.0)
    }

    /// True for `https`.
    pub fn is_tls(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl TryFrom<String> for HookUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"))
            .ok_or("hook: expected an address as in \"http://127.0.0.1:8080/on_publish\"")?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.is_empty() || host.starts_with(':') {
            Err("hook: the address names no host")
        } else if host.contains('@') {
            Err("hook: user and password in an address are not sent; put a token into its query")
        } else if text.ends_with(&format!("?{MASK}")) || text.ends_with(&format!("/{MASK}")) {
            Err("hook: its path or query is the mask that check-config prints")
        } else if text.len() > MAX_URL || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            Err("hook: the address is longer than 2048 bytes, or has blanks in it")
        } else {
            Ok(Self(text))
        }
    }
}

impl fmt::Display for HookUrl {
    /// Shows the host alone, because the path may be a secret as well as the query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        match rest.split_once(['/', '?', '#']) {
            None | Some((_, "")) => f.write_str(&self.0),
            Some((host, _)) => write!(f, "{scheme}://{host}/{MASK}"),
        }
    }
}

impl fmt::Debug for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Resolves the entries, each with all keys that may be left out.
pub(super) fn resolve(written: Vec<Publisher>) -> Result<Vec<Publisher>, Refused> {
    if written.len() > MAX_PUBLISHERS {
        let message = format!(
            "[[publisher]]: {} entries; at most {MAX_PUBLISHERS}",
            written.len()
        );
        return Err(Refused::new("publisher", message).of(MAX_PUBLISHERS));
    }
    let mut publishers = Vec::with_capacity(written.len());
    for (entry, publisher) in written.into_iter().enumerate() {
        publisher.check().map_err(|refused| refused.of(entry))?;
        publishers.push(publisher.whole());
    }
    Ok(publishers)
}

impl Publisher {
    /// The name of the entry for the log and for events. Without a name it is the pattern.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.stream.as_str())
    }

    /// The proofs of the entry. One of them is enough. Without any, no proof is needed.
    pub fn proofs(&self) -> Vec<Proof> {
        let valid = self.aliyun_valid();
        let keys = sources(&[&self.key, &self.keys], &self.key_file);
        let tencent = sources(&[&self.tencent_key], &self.tencent_key_file);
        let aliyun = sources(&[&self.aliyun_key], &self.aliyun_key_file);
        let hook = self.hook.clone().map(|url| {
            let timeout = self.hook_timeout();
            Proof::Hook(Hook { url, timeout })
        });
        let keys = keys.into_iter().map(Proof::Key);
        keys.chain(tencent.into_iter().map(Proof::Tencent))
            .chain(aliyun.into_iter().map(|key| Proof::Aliyun { key, valid }))
            .chain(hook)
            .collect()
    }

    /// The tracks whose codec must be one that is recorded.
    pub fn required(&self) -> Required {
        Required {
            video: self.video == Some(Need::Required),
            audio: self.audio == Some(Need::Required),
        }
    }

    fn aliyun_valid(&self) -> Span {
        self.aliyun_valid.unwrap_or(Span::from_secs(1_800))
    }

    fn hook_timeout(&self) -> Span {
        self.hook_timeout.unwrap_or(Span::from_secs(3))
    }

    fn signs_as_aliyun(&self) -> bool {
        !self.aliyun_key.is_empty() || !self.aliyun_key_file.is_empty()
    }

    /// The entry with all keys that may be left out, as it is shown.
    fn whole(mut self) -> Self {
        self.name = Some(self.name().to_owned());
        self.key.0.append(&mut self.keys.0);
        self.aliyun_valid = self.signs_as_aliyun().then(|| self.aliyun_valid());
        self.hook_timeout = self.hook.is_some().then(|| self.hook_timeout());
        self
    }

    fn check(&self) -> Result<(), Refused> {
        let name = self.name();
        if name.is_empty()
            || name.chars().count() > MAX_NAME.max(self.stream.as_str().len())
            || name.chars().any(char::is_control)
        {
            let message =
                format!("publisher.name: 1 to {MAX_NAME} characters, none of them a control character");
            return Err(Refused::new("publisher.name", message));
        }
        for (kind, keys) in [
            (
                "publisher.key",
                self.key.0.len() + self.keys.0.len() + self.key_file.0.len(),
            ),
            (
                "publisher.tencent_key",
                self.tencent_key.0.len() + self.tencent_key_file.0.len(),
            ),
            (
                "publisher.aliyun_key",
                self.aliyun_key.0.len() + self.aliyun_key_file.0.len(),
            ),
        ] {
            if keys > MAX_KEYS {
                let message = format!("{kind}: {keys} keys; at most {MAX_KEYS} in one entry");
                return Err(Refused::new(kind, message));
            }
        }
        let (second, century) = (Span::from_secs(1), Span::from_secs(100 * 365 * 86_400));
        in_range("publisher.aliyun_valid", self.aliyun_valid(), second, century)?;
        let (shortest, longest) = (Span::from_millis(100), Span::from_secs(30));
        in_range("publisher.hook_timeout", self.hook_timeout(), shortest, longest)?;
        if self.hook.is_none() && self.hook_timeout.is_some() {
            return refuse(
                "publisher.hook_timeout",
                "publisher.hook_timeout: there is no hook",
            );
        }
        if !self.signs_as_aliyun() && self.aliyun_valid.is_some() {
            return refuse(
                "publisher.aliyun_valid",
                "publisher.aliyun_valid: there is no aliyun_key",
            );
        }
        match self.max_publishes {
            Some(0) => refuse(
                "publisher.max_publishes",
                "publisher.max_publishes = 0: must be from 1; leave the entry out to let nobody in",
            ),
            Some(_) | None => Ok(()),
        }
    }
}

/// True for plain HTTP to another machine.
pub(super) fn is_open(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_loopback = |ip: std::net::IpAddr| ip.to_canonical().is_loopback();
    !(host == "localhost" || host.parse().is_ok_and(is_loopback))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, ConfigError};
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Some((Path::new("box.toml"), text)), [], "box-17")
    }

    fn refusal(entry: &str) -> String {
        parse(&format!("[[publisher]]\n{entry}\n"))
            .unwrap_err()
            .to_string()
    }

    const FULL: &str = "[[publisher]]\nname = \"school\"\nstream = \"live/*\"\nfrom = [\"10.0.0.0/8\", \"::1\"]\n\
        keys = [\"s3cret-one\", \"s3cret-two\"]\nkey_file = \"push-key\"\ntencent_key = \"s3cret-t\"\n\
        aliyun_key_file = [\"/etc/a\", \"/etc/b\"]\naliyun_valid = \"1h\"\n\
        hook = \"https://auth.example.com/s3cret-p?token=s3cret-q\"\nmax_publishes = 4\nmax_bitrate = \"8 Mbit/s\"\n\
        [[publisher]]\n";

    #[test]
    fn an_entry_says_who_and_how() {
        let config = parse(FULL).unwrap();
        let [school, anyone] = config.publishers.as_slice() else {
            panic!("two entries");
        };
        assert_eq!(
            (school.name(), school.from.len(), school.proofs().len()),
            ("school", 2, 7)
        );
        assert_eq!(school.max_bitrate.map(BitRate::bytes), Some(1_000_000));
        let proofs = school.proofs();
        assert!(matches!(&proofs[5], Proof::Aliyun { valid, .. } if valid.as_millis() == 3_600_000));
        assert!(matches!(&proofs[6], Proof::Hook(hook) if hook.timeout == Span::from_secs(3)));
        assert_eq!((anyone.name(), anyone.proofs().len()), ("*", 0));
    }

    #[test]
    fn no_secret_is_ever_shown_and_the_mask_is_no_secret() {
        let config = parse(FULL).unwrap();
        for shown in [config.to_toml(), format!("{config:?}")] {
            assert!(!shown.contains("s3cret"), "{shown}");
        }
        let printed = config.to_toml();
        assert!(
            printed.contains("key = [\"***\", \"***\"]\nkey_file = \"push-key\"\n"),
            "{printed}"
        );
        assert!(parse(&printed).unwrap_err().to_string().contains("mask"));
        // All other text reads back to the same.
        let plain = "[[publisher]]\nfrom = \"fd00::/8\"\naliyun_key_file = \"k\"\nhook = \"http://[::1]:80/\"\nhook_timeout = \"250ms\"\n\
                     audio = \"required\"\nvideo = \"optional\"\n";
        let config = parse(plain).unwrap();
        assert_eq!(parse(&config.to_toml()).unwrap(), config);
        let required = config.publishers[0].required();
        assert!(required.has(TrackKind::Audio) && !required.has(TrackKind::Video));
    }

    #[test]
    fn what_is_wrong_names_the_line_and_never_the_secret() {
        for (entry, line, words) in [
            ("name = \"a\"\nkey = 5309412", 3, "expected a text"),
            ("key = \"\"", 2, "empty"),
            ("keys = [\"5309412\", \"\"]", 2, "empty"),
            ("keys = [\"5309412\", 5309412]", 2, "expected a text"),
            ("keys = []", 2, "the list is empty"),
            ("key = \"5309412\\n\"", 2, "control character"),
            ("kye = \"5309412\"", 2, "did you mean 'key'?"),
            ("stream = \"\"", 2, "a pattern of names has"),
            ("from = \"10.0.0.1/8\"", 2, "bits are set"),
            ("hook = \"ftp://h/?t=5309412\"", 2, "expected an address"),
            ("hook = \"http://u:5309412@h/\"", 2, "token"),
            ("hook = \"http://h/?***\"", 2, "mask"),
            ("hook = \"http://h/***\"", 2, "mask"),
            ("max_bitrate = \"8\"", 2, "bit rate"),
            ("\nhook_timeout = \"1s\"", 3, "there is no hook"),
            ("hook = \"http://h/\"\nhook_timeout = \"1h\"", 3, "100ms to 30s"),
            ("aliyun_valid = \"1h\"", 2, "no aliyun_key"),
            ("max_publishes = 0", 2, "must be from 1"),
            ("name = \"\"", 2, "publisher.name"),
            (
                "key = [\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]",
                2,
                "at most 8",
            ),
        ] {
            let said = refusal(entry);
            assert!(
                said.starts_with(&format!("box.toml:{line}: ")) && said.contains(words),
                "{entry}: {said}"
            );
            assert!(!said.contains("5309412"), "{said}");
        }
        let many = "[[publisher]]\n".repeat(MAX_PUBLISHERS + 1);
        assert!(parse(&many).unwrap_err().to_string().contains("at most 1000"));
    }

    /// The textbook's algorithm: slow, and plainly right.
    fn slowly(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=text.len()).any(|skip| slowly(rest, &text[skip..])),
            (Some((p, pattern)), Some((t, text))) => p == t && slowly(pattern, text),
            _ => false,
        }
    }

    proptest::proptest! {
        #[test]
        fn patterns_of_streams_are_what_they_are_by_definition(pattern in "[ab/*]{1,8}", text in "[ab/]{0,8}") {
            let fits = Pattern::try_from(pattern.clone()).unwrap().fits(&text);
            proptest::prop_assert_eq!(fits, slowly(pattern.as_bytes(), text.as_bytes()));
        }
    }

    #[test]
    fn listening_to_others_needs_an_entry_or_a_word() {
        let open = "[rtmp]\nlisten = [\"0.0.0.0:1935\"]\n";
        assert!(parse(open).unwrap_err().to_string().contains("[[publisher]]"));
        assert!(parse(&format!("{open}[[publisher]]\nkey = \"k\"\n")).is_ok());
    }
}
