//! `[rtmp]`: where publishers connect, and how much of everything.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde::Deserialize;

use super::file::{Refused, in_range};
use super::{BitRate, Span};

/// Most connections, and of anything else that is counted.
const MOST: usize = 10_000;
const MAX_LISTENERS: usize = 16;

/// The RTMP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtmp {
    /// Addresses to listen on; loopback by default.
    pub listen: Vec<SocketAddr>,
    /// Without any publisher: anyone may push, from anywhere.
    pub allow_anonymous: bool,
    /// Connections at the same time, all addresses together.
    pub max_connections: usize,
    /// Bounds that hold for everyone who may push.
    pub limits: Limits,
    /// Time a new connection has until its handshake is done.
    pub handshake_timeout: Span,
    /// A connection that sends nothing for this long is closed.
    pub idle_timeout: Span,
    /// A publisher that sent nothing for this long gives way to another of the same stream.
    pub takeover_after: Span,
}

/// Bounds on publishers. An address is an IPv4 address, or the 64 bits of a network of IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time from one address.
    pub connections_per_address: Option<usize>,
    /// Publishes at the same time.
    pub publishes: Option<usize>,
    /// Publishes at the same time from one address.
    pub publishes_per_address: Option<usize>,
    /// Bit rate of each publish.
    pub bitrate: Option<BitRate>,
}

impl Rtmp {
    pub(super) fn defaults() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 1935))],
            allow_anonymous: false,
            max_connections: 64,
            limits: Limits::default(),
            handshake_timeout: Span::from_secs(5),
            idle_timeout: Span::from_secs(30),
            takeover_after: Span::from_secs(5),
        }
    }

    pub(super) fn to_toml(&self, out: &mut String) {
        let listen: Vec<String> = self
            .listen
            .iter()
            .map(|address| format!("\"{address}\""))
            .collect();
        let _ = write!(
            out,
            "[rtmp]\nlisten = [{listen}]\nallow_anonymous = {anonymous}\nmax_connections = {connections}\n",
            listen = listen.join(", "),
            anonymous = self.allow_anonymous,
            connections = self.max_connections,
        );
        let Limits {
            connections_per_address,
            publishes,
            publishes_per_address,
            bitrate,
        } = self.limits;
        for (key, most) in [
            ("max_connections_per_address", connections_per_address),
            ("max_publishes", publishes),
            ("max_publishes_per_address", publishes_per_address),
        ] {
            let _ = most.map(|most| writeln!(out, "{key} = {most}"));
        }
        let _ = bitrate.map(|rate| writeln!(out, "max_bitrate = \"{rate}\""));
        let _ = write!(
            out,
            "handshake_timeout = \"{}\"\nidle_timeout = \"{}\"\ntakeover_after = \"{}\"\n",
            self.handshake_timeout, self.idle_timeout, self.takeover_after,
        );
    }

    /// `guarded`: it is known who may push.
    pub(super) fn check(&self, guarded: bool) -> Result<(), Refused> {
        let refuse = |key, message: String| Err(Refused { key, message });
        if self.listen.is_empty() || self.listen.len() > MAX_LISTENERS {
            return refuse(
                "rtmp.listen",
                "rtmp.listen: 1 to 16 addresses, as in [\"127.0.0.1:1935\"]".to_owned(),
            );
        }
        let open = self.listen.iter().find(|address| !address.ip().is_loopback());
        if let (Some(address), false) = (open, guarded || self.allow_anonymous) {
            return refuse(
                "rtmp.listen",
                format!(
                    "rtmp.listen: {address} can be reached from other machines, and anyone there could push; say who \
                     may in [[publisher]], listen on 127.0.0.1, or set rtmp.allow_anonymous = true if the network is \
                     trusted"
                ),
            );
        }
        in_range("rtmp.max_connections", self.max_connections, 1, MOST)?;
        let limits = &self.limits;
        for (key, most) in [
            ("rtmp.max_connections_per_address", limits.connections_per_address),
            ("rtmp.max_publishes", limits.publishes),
            ("rtmp.max_publishes_per_address", limits.publishes_per_address),
        ] {
            most.map_or(Ok(()), |most| in_range(key, most, 1, MOST))?;
        }
        let (second, hour) = (Span::from_secs(1), Span::from_secs(3600));
        in_range("rtmp.handshake_timeout", self.handshake_timeout, second, hour)?;
        in_range("rtmp.idle_timeout", self.idle_timeout, second, hour)?;
        in_range(
            "rtmp.takeover_after",
            self.takeover_after,
            Span::from_millis(100),
            hour,
        )
    }
}

/// The section as it is written.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RtmpFile {
    listen: Option<Vec<SocketAddr>>,
    allow_anonymous: Option<bool>,
    max_connections: Option<usize>,
    max_connections_per_address: Option<usize>,
    max_publishes: Option<usize>,
    max_publishes_per_address: Option<usize>,
    max_bitrate: Option<BitRate>,
    handshake_timeout: Option<Span>,
    idle_timeout: Option<Span>,
    takeover_after: Option<Span>,
}

impl RtmpFile {
    pub(super) fn resolve(self) -> Rtmp {
        let base = Rtmp::defaults();
        Rtmp {
            listen: self.listen.unwrap_or(base.listen),
            allow_anonymous: self.allow_anonymous.unwrap_or(base.allow_anonymous),
            max_connections: self.max_connections.unwrap_or(base.max_connections),
            limits: Limits {
                connections_per_address: self.max_connections_per_address,
                publishes: self.max_publishes,
                publishes_per_address: self.max_publishes_per_address,
                bitrate: self.max_bitrate,
            },
            handshake_timeout: self.handshake_timeout.unwrap_or(base.handshake_timeout),
            idle_timeout: self.idle_timeout.unwrap_or(base.idle_timeout),
            takeover_after: self.takeover_after.unwrap_or(base.takeover_after),
        }
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
    fn limits_are_read_and_printed_and_have_bounds() {
        let text = "[rtmp]\nmax_connections_per_address = 8\nmax_publishes = 4\nmax_publishes_per_address = 2\n\
                    max_bitrate = \"8 Mbit/s\"\n";
        let config = parse(text).unwrap();
        assert_eq!(config.rtmp.limits.publishes, Some(4));
        assert_eq!(parse(&config.to_toml()).unwrap(), config);
        let said = parse("[rtmp]\nmax_publishes = 0\n").unwrap_err().to_string();
        assert_eq!(
            said,
            "box.toml:2: rtmp.max_publishes = 0: must be from 1 to 10000"
        );
        assert!(parse("[rtmp]\nmax_bitrate = \"fast\"\n").is_err());
    }
}
