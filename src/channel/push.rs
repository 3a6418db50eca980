//! Where a channel is sent to.

use std::cmp::Reverse;
use std::fmt;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::RtmpUrl;

/// The longest address that a channel is sent to, in bytes, with its port.
const LONGEST: usize = 1_024;

/// The longest text of a server that is shown, in characters.
const LONGEST_ANSWER: usize = 300;

/// A server that a channel is sent to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Push {
    /// Its number among those of the channel, from 1.
    pub number: u32,
    /// Its address.
    pub url: Target,
}

/// The address of a stream at another server. Its key is a secret: it is masked where the address is shown, and only the form of the
/// journal has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(RtmpUrl);

/// A text that is no such address. The error has nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is no address to send a channel to: {0}; write it as in rtmp://live.example.com/app/key, or rtmps://"
)]
pub struct BadTarget(&'static str);

impl Target {
    /// Reads an address.
    pub fn new(text: &str) -> Result<Self, BadTarget> {
        if text.len() > LONGEST {
            return Err(BadTarget("it has more than 1,024 bytes"));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(BadTarget("it has white space or a control character"));
        }
        let url: RtmpUrl = text
            .parse()
            .map_err(|error: crate::model::UrlError| BadTarget(error.why))?;
        if url.app.is_empty() || url.key.is_empty() {
            return Err(BadTarget("it needs an app and a stream key"));
        }
        // What is kept has a port, and is read again by this function.
        if url.exposed().len() > LONGEST {
            return Err(BadTarget("it has more than 1,024 bytes with its port"));
        }
        Ok(Self(url))
    }

    /// The address with its key, to connect to.
    pub fn url(&self) -> &RtmpUrl {
        &self.0
    }

    /// What a server said, without the key of this address and without the parts of its query, without control characters, and cut.
    /// Whatever a server says may come here: it becomes an event and an answer.
    pub fn without_key(&self, text: &str) -> String {
        let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
        for secret in self.secrets() {
            text = text.replace(&secret, "***");
        }
        // A cut before this would leave the beginning of a key.
        text.chars().take(LONGEST_ANSWER).collect()
    }

    /// The texts that may be secret, as they are written and as a server reads them, the longest first.
    fn secrets(&self) -> Vec<String> {
        let url = &self.0;
        let mut written = vec![url.publish_name(), url.query.clone(), url.key.clone()];
        for part in url.query.split('&') {
            written.push(part.to_owned());
            written.extend(part.split_once('=').map(|(_, value)| value.to_owned()));
        }
        let read = |text: &String| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let read: Vec<String> = written.iter().map(read).collect();
        let mut all = [written, read].concat();
        // A text of one letter is everywhere, and no secret.
        all.retain(|secret| secret.len() > 2);
        all.sort_by_key(|secret| Reverse(secret.len()));
        all
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.masked())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.exposed())
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_taken_is_read_again_whatever_its_length() {
        for scheme in ["rtmp", "rtmps"] {
            let of = |length: usize| {
                let begins = format!("{scheme}://h/app/");
                format!("{begins}{}", "k".repeat(length - begins.len()))
            };
            for length in 1_000..=LONGEST {
                let Ok(url) = Target::new(&of(length)) else {
                    assert!(length > LONGEST - 5, "{length}");
                    continue;
                };
                let kept = serde_json::to_string(&url).unwrap();
                assert_eq!(serde_json::from_str::<Target>(&kept).unwrap(), url, "{length}");
            }
            assert!(Target::new(&of(LONGEST)).is_err());
        }
    }

    #[test]
    fn an_address_is_shown_and_refused_without_its_key() {
        let target = Target::new("rtmp://live.example.com/app/s3cret?sign=s1gn").unwrap();
        let shown = "rtmp://live.example.com:1935/app/***";
        assert_eq!(
            (target.to_string(), format!("{target:?}")),
            (shown.to_owned(), shown.to_owned())
        );
        assert_eq!(
            target.without_key("no stream app/s3cret?sign=s1gn, key s3cret"),
            "no stream app/***, key ***"
        );
        // A server may say a part of it alone, or as it reads it.
        let escaped = Target::new("rtmp://h/app/k%C3%A9y?x=1&sign=s1gn&token=a%2Fb").unwrap();
        for (said, shown) in [
            ("bad sign s1gn", "bad sign ***"),
            ("sign=s1gn is over", "*** is over"),
            ("no kéy, no k%C3%A9y", "no ***, no ***"),
            ("token a/b or a%2Fb", "token *** or ***"),
            ("no s1\u{7}gn\r\n", "no ***"),
        ] {
            assert_eq!(escaped.without_key(said), shown);
        }
        // A cut comes last: it leaves no beginning of a key, and bounds what is shown.
        let cut = target.without_key(&format!("{}s3cret{}", "x".repeat(297), "\u{1}é".repeat(1 << 19)));
        assert_eq!(cut, format!("{}***", "x".repeat(297)));
        let push = Push {
            number: 2,
            url: target,
        };
        let kept = serde_json::to_string(&push).unwrap();
        assert_eq!(serde_json::from_str::<Push>(&kept).unwrap(), push);
        let long = format!("rtmp://h/app/s3cret{}", "x".repeat(LONGEST));
        for bad in [
            "http://live.example.com/app/s3cret",
            "rtmp://live.example.com/s3cret",
            "rtmp://live.example.com/app/s3cret key",
            "rtmp://h:99999/app/s3cret",
            "s3cret",
            &long,
        ] {
            let error = Target::new(bad).unwrap_err().to_string();
            assert!(
                !error.contains("s3cret") && error.contains("rtmp://live.example.com/app/key"),
                "{error}"
            );
        }
    }
}
