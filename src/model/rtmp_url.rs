//! Addresses of streams: `rtmp://host[:port]/app[/more]/key[?query]`, or `rtmps://`.

use std::fmt;
use std::str::FromStr;

/// An address to publish to.
#[derive(Clone, PartialEq, Eq)]
pub struct RtmpUrl {
    /// Whether the connection is under TLS: `rtmps://`.
    pub tls: bool,
    /// The host name or address; IPv6 without its brackets.
    pub host: String,
    /// The port. Unless given, it is 1935, or 443 under TLS.
    pub port: u16,
    /// Everything between the host and the last part of the path.
    pub app: String,
    /// The last part of the path.
    pub key: String,
    /// The part behind the `?`. It may hold secrets.
    pub query: String,
}

/// A text that is not such an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{shown}' is not an RTMP address: {why}; expected rtmp://HOST[:PORT]/APP/KEY, or rtmps://")]
pub struct UrlError {
    /// The address without its query.
    pub shown: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl RtmpUrl {
    /// `host:port`, as a resolver takes it.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The address that `connect` sends: without the key.
    pub fn tc_url(&self) -> String {
        format!("{}://{}/{}", self.scheme(), self.authority(), self.app)
    }

    fn scheme(&self) -> &'static str {
        if self.tls { "rtmps" } else { "rtmp" }
    }

    /// The address with `***` in place of the key and the query, for a key that is a secret.
    pub fn masked(&self) -> String {
        format!("{}/***", self.tc_url())
    }

    /// The whole address, with all its secrets.
    pub fn exposed(&self) -> String {
        format!("{}/{}", self.tc_url(), self.publish_name())
    }

    /// The name that `publish` sends: the key with its query.
    pub fn publish_name(&self) -> String {
        if self.query.is_empty() {
            self.key.clone()
        } else {
            format!("{}?{}", self.key, self.query)
        }
    }
}

impl FromStr for RtmpUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (shown, query) = text.split_once('?').unwrap_or((text, ""));
        let refuse = |why| UrlError {
            shown: shown.chars().take(200).collect(),
            why,
        };
        let (tls, rest) = match (shown.strip_prefix("rtmp://"), shown.strip_prefix("rtmps://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(refuse("it does not begin with rtmp:// or rtmps://")),
        };
        let (authority, path) = rest.split_once('/').ok_or_else(|| refuse("it has no path"))?;
        let (app, key) = path
            .trim_matches('/')
            .rsplit_once('/')
            .ok_or_else(|| refuse("it has no stream key"))?;
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => v6
                .split_once(']')
                .ok_or_else(|| refuse("a bracket is not closed"))?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) => digits.parse().map_err(|_| refuse("the port is not one"))?,
            None if port.is_empty() => {
                if tls {
                    443
                } else {
                    1935
                }
            }
            None => return Err(refuse("the port is not one")),
        };
        if host.is_empty() || host.contains('@') || host.chars().any(|c| c.is_control() || c == ' ') {
            return Err(refuse("the host is not one"));
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
            app: app.trim_matches('/').to_owned(),
            key: key.to_owned(),
            query: query.to_owned(),
        })
    }
}

impl fmt::Display for RtmpUrl {
    /// Writes the address without the query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tc_url(), self.key)
    }
}

impl fmt::Debug for RtmpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found() {
        let url: RtmpUrl = "rtmp://box.local/live/room1/cam?key=s3cret&x=/y".parse().unwrap();
        assert_eq!(
            (
                url.host.as_str(),
                url.port,
                url.app.as_str(),
                url.key.as_str(),
                url.query.as_str()
            ),
            ("box.local", 1935, "live/room1", "cam", "key=s3cret&x=/y")
        );
        assert_eq!(url.tc_url(), "rtmp://box.local:1935/live/room1");
        assert_eq!(url.publish_name(), "cam?key=s3cret&x=/y");
        assert!(!format!("{url} {url:?}").contains("s3cret"));
        assert_eq!(url.masked(), "rtmp://box.local:1935/live/room1/***");
        assert_eq!(url.exposed().parse(), Ok(url.clone()));
        let v6: RtmpUrl = "rtmp://[::1]:19350/a/b".parse().unwrap();
        assert_eq!(
            (v6.host.as_str(), v6.port, v6.authority()),
            ("::1", 19350, "[::1]:19350".to_owned())
        );
        let secure: RtmpUrl = "rtmps://box.local/live/cam".parse().unwrap();
        assert_eq!((secure.tls, secure.port), (true, 443));
        assert_eq!(secure.tc_url(), "rtmps://box.local:443/live");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        for bad in [
            "http://h/a/k",
            "rtmp://h",
            "rtmp://h/a",
            "rtmp:///a/k",
            "rtmp://h:x/a/k",
            "rtmp://[::1/a/k",
            "rtmp://[::1]9/a/k",
            "rtmp://u:p@h/a/k",
            "rtmp://h:99999/a/k?key=s3cret",
            "",
        ] {
            let error = bad.parse::<RtmpUrl>().unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
