//! The names of the box and of the web pages that use it.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Http;

/// The longest address and the longest name, in bytes.
const MAX_URL: usize = 512;
const MAX_HOST: usize = 253;

/// A host name, in small letters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

/// The origin of a web page (RFC 6454): `https://app.example.com`; or any, `*`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Origin {
    /// Every origin.
    Any,
    /// This origin, as browsers send it.
    Only(String),
}

/// An address that paths are put behind: `https://video.example.com`, or `https://example.com/box-17`. It has no slash at its
/// end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(String);

impl Http {
    /// True when a request may be for this `Host`. A name that the box does not know may be one that another web site leads to
    /// the box, in the browser of a viewer. An address cannot be led anywhere. `machine` is the name of the machine.
    pub fn knows_host(&self, host: &str, machine: &str) -> bool {
        let Some(name) = without_port(host) else {
            return false;
        };
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        let machine = machine.to_ascii_lowercase();
        let of_machine =
            || !machine.is_empty() && (name == machine || name.strip_suffix(".local") == Some(&machine));
        name.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || of_machine()
            || self.names.iter().any(|known| known.0 == name)
            || self.public_url.as_ref().is_some_and(|url| url.host() == name)
    }

    /// True when a page of this `Origin` may read responses that need no credentials.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.cors.iter().any(|allowed| match allowed {
            Origin::Any => true,
            Origin::Only(_) => allowed.is(origin),
        })
    }

    /// True when a page of this `Origin` is named as one that may send commands. `*` names none.
    pub fn names_origin(&self, origin: &str) -> bool {
        self.cors.iter().any(|allowed| allowed.is(origin))
    }
}

impl Origin {
    fn is(&self, origin: &str) -> bool {
        matches!(self, Origin::Only(only) if only.eq_ignore_ascii_case(origin))
    }
}

impl BaseUrl {
    /// The address, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, in small letters and without its port. An IPv6 address has no brackets.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        without_port(authority).unwrap_or(authority)
    }

    /// The origin of pages under this address.
    pub fn origin(&self) -> &str {
        let scheme = self.0.find("://").map_or(0, |at| at + 3);
        self.0.get(..scheme + self.authority().len()).unwrap_or(&self.0)
    }

    fn authority(&self) -> &str {
        let (_, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        rest.split('/').next().unwrap_or_default()
    }
}

/// The host of `host:port` or `host`. None for a text that is neither.
fn without_port(authority: &str) -> Option<&str> {
    let digits = |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let port = port.strip_prefix(':').unwrap_or(port);
        return (digits(port) && address.parse::<std::net::Ipv6Addr>().is_ok()).then_some(address);
    }
    match authority.split_once(':') {
        Some((host, port)) => (digits(port) && !host.is_empty()).then_some(host),
        None => Some(authority).filter(|host| !host.is_empty()),
    }
}

/// The scheme and the authority of an address, and what is behind them. The authority is in small letters.
fn parts(text: &str) -> Result<(&'static str, String, &str), &'static str> {
    let (scheme, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => ("https://", rest),
        (None, Some(rest)) => ("http://", rest),
        (None, None) => return Err("it begins with http:// or https://"),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    let authority = authority.to_ascii_lowercase();
    let host = without_port(&authority).ok_or("it names no host, or its port is none")?;
    if host.parse::<IpAddr>().is_ok() || is_name(host) {
        Ok((scheme, authority, behind))
    } else {
        Err("its host has characters that no host name has")
    }
}

fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(fits)
    };
    text.len() <= MAX_HOST && text.split('.').all(label)
}

/// The beginning of a wrong value, for a message.
fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

impl TryFrom<String> for HostName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_name(&text) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(format!(
                "http.names: {:?} is no host name; write it without a port, as in \"box-17.example.com\"",
                excerpt(&text)
            ))
        }
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "*" {
            return Ok(Origin::Any);
        }
        let origin = match parts(&text) {
            Ok((scheme, authority, "")) => Ok(format!("{scheme}{authority}")),
            Ok(_) => Err("nothing is behind its host, not even a slash"),
            Err(why) => Err(why),
        };
        origin.map(Origin::Only).map_err(|why| {
            format!(
                "http.cors: {:?} is no origin: {why}; write as in \"https://app.example.com\", or \"*\" for all",
                excerpt(&text)
            )
        })
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refused = |why| {
            format!(
                "http.public_url: {:?} cannot be used: {why}; write as in \"https://video.example.com\"",
                excerpt(&text)
            )
        };
        let (scheme, authority, path) = parts(&text).map_err(refused)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte);
        if text.len() > MAX_URL {
            Err(refused("it is longer than 512 bytes"))
        } else if !path.bytes().all(plain) {
            Err(refused("it has a query, or characters that no path has"))
        } else {
            Ok(Self(format!("{scheme}{authority}{}", path.trim_end_matches('/'))))
        }
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> String {
        name.0
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> String {
        match origin {
            Origin::Any => "*".to_owned(),
            Origin::Only(origin) => origin,
        }
    }
}

impl From<BaseUrl> for String {
    fn from(url: BaseUrl) -> String {
        url.0
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
