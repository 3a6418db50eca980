//! `[rtmp]`: where publishers connect, and the limits on them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::file::{Refused, in_range};
use super::listen::{MAX_LISTENERS, reachable};
use super::{BitRate, Span, Tls};

/// The most connections, and the largest value of every other limit.
const MOST: usize = 10_000;

/// The RTMP server. For its limits, an address is an IPv4 address, or the first 64 bits of an IPv6 address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rtmp {
    /// Addresses to listen on; loopback by default.
    pub listen: Vec<SocketAddr>,
    /// RTMPS, beside RTMP or in place of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// True when everybody may push from anywhere. This is for configurations without a publisher.
    pub allow_anonymous: bool,
    /// The most connections at the same time, all addresses together.
    pub max_connections: usize,
    /// The most connections at the same time from one address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections_per_address: Option<usize>,
    /// The most publishes at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_publishes: Option<usize>,
    /// The most publishes at the same time from one address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_publishes_per_address: Option<usize>,
    /// The highest bit rate of each publish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bitrate: Option<BitRate>,
    /// The time that a new connection has for its handshake.
    pub handshake_timeout: Span,
    /// The time that a connection has until it publishes, and after a publish until the next.
    pub publish_timeout: Span,
    /// A connection that sends nothing for this long is closed.
    pub idle_timeout: Span,
    /// A publisher that sent nothing for this long gives way to another publisher of the same stream.
    pub takeover_after: Span,
}

impl Default for Rtmp {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 1935))],
            tls: None,
            allow_anonymous: false,
            max_connections: 64,
            max_connections_per_address: None,
            max_publishes: None,
            max_publishes_per_address: None,
            max_bitrate: None,
            handshake_timeout: Span::from_secs(5),
            publish_timeout: Span::from_secs(10),
            idle_timeout: Span::from_secs(30),
            takeover_after: Span::from_secs(5),
        }
    }
}

impl Rtmp {
    /// Checks the section. `guarded` is true when the configuration says who may push.
    pub(super) fn check(&self, guarded: bool) -> Result<(), Refused> {
        let refuse = |key: &'static str, message: String| Err(Refused::new(key, message));
        let tls = self.tls.as_ref().map_or(&[][..], |tls| &tls.listen);
        if self.listen.len() > MAX_LISTENERS || (self.listen.is_empty() && tls.is_empty()) {
            return refuse(
                "rtmp.listen",
                "rtmp.listen: 1 to 16 addresses, as in [\"127.0.0.1:1935\"]; none only beside rtmp.tls"
                    .to_owned(),
            );
        }
        if self.tls.is_some() && !(1..=MAX_LISTENERS).contains(&tls.len()) {
            return refuse("rtmp.tls", "rtmp.tls: listen has 1 to 16 addresses".to_owned());
        }
        let listeners = [("rtmp.listen", &self.listen[..]), ("rtmp.tls", tls)];
        for (key, listeners) in listeners {
            if let (Some(address), false) = (reachable(listeners), guarded || self.allow_anonymous) {
                return refuse(
                    key,
                    format!(
                        "{key}: {address} can be reached from other machines, and anyone there could push. Say who may \
                         push:\n\n    [[publisher]]\n    stream = \"live/*\"\n    key = \"a long secret\"        # pushed \
                         to rtmp://HOST/live/cam1?key=…\n\nor listen on 127.0.0.1, for this machine alone; or set \
                         allow_anonymous = true in [rtmp], if the network is trusted"
                    ),
                );
            }
        }
        in_range("rtmp.max_connections", self.max_connections, 1, MOST)?;
        for (key, most) in [
            (
                "rtmp.max_connections_per_address",
                self.max_connections_per_address,
            ),
            ("rtmp.max_publishes", self.max_publishes),
            ("rtmp.max_publishes_per_address", self.max_publishes_per_address),
        ] {
            most.map_or(Ok(()), |most| in_range(key, most, 1, MOST))?;
        }
        let (second, hour) = (Span::from_secs(1), Span::from_secs(3600));
        in_range("rtmp.handshake_timeout", self.handshake_timeout, second, hour)?;
        in_range("rtmp.publish_timeout", self.publish_timeout, second, hour)?;
        in_range("rtmp.idle_timeout", self.idle_timeout, second, hour)?;
        in_range(
            "rtmp.takeover_after",
            self.takeover_after,
            Span::from_millis(100),
            hour,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, ConfigError};

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Some((Path::new("box.toml"), text)), [], "box")
    }

    #[test]
    fn rtmps_has_listeners_of_its_own_and_the_same_guard() {
        let tls = |listen: &str| {
            format!("[rtmp]\nlisten = []\ntls = {{ listen = {listen}, cert = \"c\", key = \"/k\" }}\n")
        };
        let config = parse(&tls("[\"127.0.0.1:1936\"]")).unwrap();
        assert_eq!(parse(&config.to_toml()).unwrap(), config);
        let open = tls("[\"0.0.0.0:1936\"]");
        assert!(
            parse(&open)
                .unwrap_err()
                .to_string()
                .starts_with("box.toml:3: rtmp.tls: 0.0.0.0:1936 can be reached")
        );
        assert!(parse(&format!("{open}[[publisher]]\nkey = \"k\"\n")).is_ok());
        assert!(parse(&tls("[]")).is_err());
        assert!(parse("[rtmp]\ntls = { listen = [\"[::1]:1\"], cert = \"c\" }").is_err());
        assert!(parse("[rtmp]\nlisten = []").is_err());
    }

    #[test]
    fn limits_are_read_and_printed_and_have_bounds() {
        let text = "[rtmp]\nmax_connections_per_address = 8\nmax_publishes = 4\nmax_publishes_per_address = 2\n\
                    max_bitrate = \"8 Mbit/s\"\n";
        let config = parse(text).unwrap();
        assert_eq!(config.rtmp.max_publishes, Some(4));
        assert_eq!(parse(&config.to_toml()).unwrap(), config);
        let said = parse("[rtmp]\nmax_publishes = 0\n").unwrap_err().to_string();
        assert_eq!(
            said,
            "box.toml:2: rtmp.max_publishes = 0: must be from 1 to 10000"
        );
        assert!(parse("[rtmp]\nmax_bitrate = \"fast\"\n").is_err());
    }
}
