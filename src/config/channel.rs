//! `[channel]`: where channels may be sent to.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize, Serializer};

use super::Pattern;
use super::file::Refused;
use super::secret::MASK;
use crate::model::RtmpUrl;

/// The most entries of `push_to`.
const MOST: usize = 64;

/// `[channel]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelSettings {
    /// The servers that channels may be sent to. Without any they are sent nowhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub push_to: Vec<PushTo>,
    /// A file with certificates to trust for `rtmps://`, beside those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// A server, and a pattern for the rest of the address: `rtmps://live.example.com/*`. The last part of a whole path is a stream key: it
/// is shown masked.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PushTo {
    tls: bool,
    host: String,
    port: u16,
    /// A pattern for `app/key`.
    path: Pattern,
    written: String,
}

impl ChannelSettings {
    pub(super) fn check(&self) -> Result<(), Refused> {
        if self.push_to.len() > MOST {
            let message = format!(
                "channel.push_to has {} entries; at most {MOST}",
                self.push_to.len()
            );
            return Err(Refused::new("channel.push_to", message));
        }
        if self.ca_file.is_some() && self.push_to.iter().all(|allowed| !allowed.tls) {
            let message =
                "channel.ca_file is for rtmps://, and channel.push_to has no such address".to_owned();
            return Err(Refused::new("channel.ca_file", message));
        }
        Ok(())
    }
}

impl PushTo {
    /// True when a channel may be sent to this address.
    pub fn fits(&self, url: &RtmpUrl) -> bool {
        let path = format!("{}/{}", url.app, url.key);
        self.tls == url.tls
            && self.host.eq_ignore_ascii_case(&url.host)
            && self.port == url.port
            && self.path.fits(&path)
    }

    /// True for servers under TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The entry that would allow all streams of the server of this address.
    pub fn all_of(url: &RtmpUrl) -> String {
        let scheme = if url.tls { "rtmps" } else { "rtmp" };
        format!("{scheme}://{}/*", url.authority())
    }
}

impl TryFrom<String> for PushTo {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refuse = |why: &str| {
            let shown: String = masked(&text)
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect();
            format!(
                "'{shown}' is no server to send channels to: {why}; write it as in \"rtmps://live.example.com/*\""
            )
        };
        let (server, path) = match text.split_once("://").and_then(|(_, rest)| rest.split_once('/')) {
            Some((_, path)) if !path.is_empty() => text.split_at(text.len() - path.len()),
            _ => {
                return Err(refuse(
                    "a path is missing behind the host; * stands for any characters",
                ));
            }
        };
        if server.contains('*') {
            return Err(refuse("a * may stand in the path alone"));
        }
        if path.contains('?') {
            return Err(refuse("a query is not compared"));
        }
        // Read as a pattern, it would allow all streams of the server.
        if path.trim_end_matches('/').ends_with(MASK) {
            return Err(refuse("its end is the mask that check-config prints"));
        }
        let url: RtmpUrl = format!("{server}app/key")
            .parse()
            .map_err(|error: crate::model::UrlError| refuse(error.why))?;
        let path = Pattern::try_from(path.to_owned()).map_err(|why| refuse(&why))?;
        Ok(Self {
            tls: url.tls,
            host: url.host,
            port: url.port,
            path,
            written: text,
        })
    }
}

/// The address without its query, and with the mask in place of the last part of its path, unless that is `*` alone: it may be a
/// stream key. Of a text that is no address, nothing is shown.
fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return MASK.to_owned();
    };
    let rest = rest.split_once('?').map_or(rest, |(path, _)| path);
    let (host, path) = rest
        .split_once('/')
        .map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = if host.contains('@') { MASK } else { host };
    let path = path.map(|path| match path.rsplit_once('/') {
        Some((_, "*")) => format!("/{path}"),
        // What is before a last slash may be a key that somebody wrote with one behind it.
        Some((app, "")) => masked_end(app) + "/",
        _ => masked_end(path),
    });
    format!("{scheme}://{host}{}", path.unwrap_or_default())
}

/// A path with the mask in place of its last part.
fn masked_end(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((app, _)) => format!("/{app}/{MASK}"),
        None if matches!(path, "" | "*") => format!("/{path}"),
        None => format!("/{MASK}"),
    }
}

/// Writes the entry as it is shown.
impl Serialize for PushTo {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl fmt::Display for PushTo {
    /// Shows the entry without a stream key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.written))
    }
}

impl fmt::Debug for PushTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> PushTo {
        PushTo::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_server_is_compared_exactly_and_its_path_by_a_pattern() {
        for (pattern, url, expected) in [
            (
                "rtmps://live.example.com/*",
                "rtmps://live.example.com/app/key?a=b",
                true,
            ),
            (
                "rtmps://live.example.com/*",
                "rtmps://LIVE.example.com:443/app/x/key",
                true,
            ),
            (
                "rtmps://live.example.com/*",
                "rtmp://live.example.com/app/key",
                false,
            ),
            (
                "rtmps://live.example.com/*",
                "rtmps://live.example.com:444/app/key",
                false,
            ),
            (
                "rtmps://live.example.com/*",
                "rtmps://live.example.com.evil/app/key",
                false,
            ),
            (
                "rtmps://live.example.com/*",
                "rtmps://evil/live.example.com/key",
                false,
            ),
            ("rtmp://10.0.0.1:1936/app/*", "rtmp://10.0.0.1:1936/app/key", true),
            (
                "rtmp://10.0.0.1:1936/app/*",
                "rtmp://10.0.0.1:1936/other/key",
                false,
            ),
            ("rtmp://[::1]/app/key", "rtmp://[::1]/app/key", true),
            ("rtmp://[::1]/app/key", "rtmp://[::1]/app/key2", false),
        ] {
            assert_eq!(
                allowed(pattern).fits(&url.parse().unwrap()),
                expected,
                "{pattern} {url}"
            );
        }
        let url: RtmpUrl = "rtmp://[::1]/app/key".parse().unwrap();
        assert!(allowed(&PushTo::all_of(&url)).fits(&url));
    }

    #[test]
    fn a_stream_key_is_not_shown_and_its_mask_is_no_pattern() {
        for (written, shown) in [
            ("rtmps://live.example.com/*", "rtmps://live.example.com/*"),
            ("rtmp://10.0.0.1:1936/app/*", "rtmp://10.0.0.1:1936/app/*"),
            ("rtmp://[::1]/app/s3cret", "rtmp://[::1]/app/***"),
            ("rtmp://[::1]/a/b/s3cret*", "rtmp://[::1]/a/b/***"),
            ("rtmp://[::1]/*/s3cret", "rtmp://[::1]/*/***"),
            ("rtmp://[::1]/s3cret", "rtmp://[::1]/***"),
            ("rtmp://[::1]/app/s3cret/", "rtmp://[::1]/app/***/"),
            ("rtmp://[::1]/s3cret/", "rtmp://[::1]/***/"),
        ] {
            let allowed = allowed(written);
            assert_eq!(serde_json::json!(allowed), shown, "{written}");
            assert_eq!(
                (allowed.to_string(), format!("{allowed:?}")),
                (shown.to_owned(), shown.to_owned())
            );
            if shown != written {
                let error = PushTo::try_from(shown.to_owned()).unwrap_err();
                assert!(error.contains("the mask that check-config prints"), "{error}");
            }
        }
        for bad in [
            "rtmp://live.example.com/app/s3cret?x=*",
            "rtmp://live.example.com/app/*?key=s3cret/*",
            "http://live.example.com/app/s3cret",
            "live.example.com/app/s3cret",
            "s3cret",
        ] {
            let error = PushTo::try_from(bad.to_owned()).unwrap_err();
            assert!(!error.contains("s3cret"), "{bad}: {error}");
        }
    }

    #[test]
    fn slips_are_refused_with_a_sample() {
        for bad in [
            "",
            "*",
            "rtmp://*/app/*",
            "rtmp://live.example.com",
            "rtmp://live.example.com/",
            "rtmp://*.example.com/*",
            "http://live.example.com/*",
            "rtmp://live.example.com:*/x",
            "rtmp://user@live.example.com/*",
            "rtmp://live.example.com/app/key?x=*",
        ] {
            let error = PushTo::try_from(bad.to_owned()).unwrap_err();
            assert!(error.contains("rtmps://live.example.com/*"), "{bad}: {error}");
        }
    }
}
