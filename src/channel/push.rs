//! Where a channel is sent to.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::RtmpUrl;

/// The longest address that a channel is sent to, in bytes.
const LONGEST: usize = 1_024;

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
        Ok(Self(url))
    }

    /// The address with its key, to connect to.
    pub fn url(&self) -> &RtmpUrl {
        &self.0
    }

    /// What a server said, without the key of this address.
    pub fn without_key(&self, text: &str) -> String {
        let secrets = [self.0.publish_name(), self.0.query.clone(), self.0.key.clone()];
        let mut text = text.to_owned();
        // A text of one letter is everywhere, and no secret.
        for secret in secrets.iter().filter(|secret| secret.len() > 2) {
            text = text.replace(secret.as_str(), "***");
        }
        text
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
