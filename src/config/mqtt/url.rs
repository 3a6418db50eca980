//! The address of a broker.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// `mqtt://host[:port]` or `mqtts://host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrl {
    /// True when the connection is encrypted.
    pub tls: bool,
    /// Name or address of the broker; an IPv6 address without its brackets.
    pub host: String,
    /// The port; 1883 by default, or 8883 with TLS.
    pub port: u16,
}

/// Why a text is not the address of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerUrlError {
    /// The scheme is neither of the two.
    #[error("expected an address as in \"mqtts://broker.example.com:8883\" or \"mqtt://127.0.0.1\"")]
    Scheme,
    /// The text has no possible host.
    #[error("the address names no host, or something that is none")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// The text has a login, `user:password@host`.
    #[error("user and password do not belong into the address; there is mqtt.user, and mqtt.password_file")]
    Login,
}

impl BrokerUrl {
    /// True when the broker is on this machine.
    pub fn is_loopback(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        address.map_or(self.host == "localhost", |address| address.is_loopback())
    }

    /// The host as it stands before a port.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        }
    }
}

impl std::str::FromStr for BrokerUrl {
    type Err = BrokerUrlError;

    fn from_str(text: &str) -> Result<Self, BrokerUrlError> {
        let (tls, rest) = match (text.strip_prefix("mqtts://"), text.strip_prefix("mqtt://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(BrokerUrlError::Scheme),
        };
        if rest.contains('@') {
            return Err(BrokerUrlError::Login);
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, behind) = rest.split_once(']').ok_or(BrokerUrlError::Host)?;
                host.parse::<std::net::Ipv6Addr>()
                    .map_err(|_| BrokerUrlError::Host)?;
                (
                    host,
                    (!behind.is_empty()).then(|| behind.strip_prefix(':').unwrap_or("x")),
                )
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let v6 = host.parse::<std::net::Ipv6Addr>().is_ok();
        if host.is_empty() || host.len() > 255 || !(v6 || host.chars().all(fits)) {
            return Err(BrokerUrlError::Host);
        }
        let port = match port {
            None => Some(if tls { 8_883 } else { 1_883 }),
            Some(port) => port.parse().ok().filter(|port| *port > 0),
        };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: port.ok_or(BrokerUrlError::Port)?,
        })
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        write!(f, "{scheme}://{}:{}", self.authority(), self.port)
    }
}

impl<'de> Deserialize<'de> for BrokerUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let url = String::deserialize(from)?.parse();
        url.map_err(|error: BrokerUrlError| de::Error::custom(format!("mqtt.url: {error}")))
    }
}

impl Serialize for BrokerUrl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}
