//! `[http]`: where viewers connect, what they may cost, and the names that the box has for them.

mod check;
mod names;
mod paths;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

pub use names::{BaseUrl, HostName, Origin};
pub use paths::{is_reserved, stream_path};

use super::changes::tls_in_force;
use super::texts::{SecretPath, Texts, sources};
use super::{AddressRange, ByteSize, RateLimit, Secret, SecretSource, Span, Tls};
use crate::event::Dialect;

/// The first parts of paths that mean something else than a stream. Streams whose app begins with one of them are played under
/// `/s/<app>/<stream>`.
pub const RESERVED_APPS: [&str; 12] = [
    "r",
    "t",
    "s",
    "k",
    "api",
    "openapi",
    "channel",
    "compat",
    "timeshift",
    "metrics",
    "healthz",
    "readyz",
];

/// The HTTP server. For its limits, an address is an IPv4 address, or the first 64 bits of an IPv6 address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Addresses to listen on. Without any, and without [`Http::tls`], there is no server.
    pub listen: Vec<SocketAddr>,
    /// HTTPS, beside HTTP or in place of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// The most connections at the same time, all addresses together.
    pub max_connections: usize,
    /// The most connections at the same time from one address.
    pub max_connections_per_address: usize,
    /// The most bytes a second of media, all viewers together.
    pub max_rate: RateLimit,
    /// The most bytes of all responses that are in memory at a time.
    pub memory: ByteSize,
    /// The web pages of other origins that may read responses.
    pub cors: Vec<Origin>,
    /// The proxies whose word about the address of a client is believed.
    pub behind: Vec<AddressRange>,
    /// The address under which viewers reach the box.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<BaseUrl>,
    /// True when shared caches may keep media.
    pub public: bool,
    /// The names under which the box is addressed, beside those that it knows by itself.
    pub names: Vec<HostName>,
    /// How much of a stream that nobody records is kept in memory for viewers. Without a value, such streams are not played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_window: Option<Span>,
    /// The number of chunks in a live playlist.
    pub live_chunks: usize,
    /// The clouds whose signatures a playback address may have, and whose parameters of time shift are read.
    pub dialects: Vec<Dialect>,
    /// True where the box answers the clouds' questions about recordings, in their shapes.
    pub compat: bool,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    token_key: Texts<Secret>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    token_key_file: Texts<SecretPath>,
    /// What happens to a token that expires, while the clock cannot be believed.
    pub tokens_without_clock: WithoutClock,
}

/// What happens to a token that expires, on a box that does not know the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WithoutClock {
    /// The token is refused.
    #[default]
    Refuse,
    /// The token is accepted, as if it had not expired.
    Accept,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            tls: None,
            max_connections: 128,
            max_connections_per_address: 16,
            max_rate: RateLimit::of_mebibytes(8),
            memory: ByteSize::new(8 << 20),
            cors: Vec::new(),
            behind: Vec::new(),
            public_url: None,
            public: false,
            names: Vec::new(),
            live_window: None,
            live_chunks: 10,
            dialects: vec![Dialect::Tencent, Dialect::Aliyun],
            compat: false,
            token_key: Texts::default(),
            token_key_file: Texts::default(),
            tokens_without_clock: WithoutClock::Refuse,
        }
    }
}

impl Http {
    /// True when there is a server.
    pub fn is_on(&self) -> bool {
        !self.listen.is_empty() || self.tls.is_some()
    }

    /// The keys that sign tokens: the first one signs new tokens, each of them is valid.
    pub fn token_keys(&self) -> Vec<SecretSource> {
        sources(&[&self.token_key], &self.token_key_file)
    }

    /// The section with the same addresses, on ports that the system chooses.
    pub fn on_any_port(&self) -> Http {
        let mut http = self.clone();
        let tls = http.tls.iter_mut().flat_map(|tls| &mut tls.listen);
        http.listen
            .iter_mut()
            .chain(tls)
            .for_each(|address| address.set_port(0));
        http
    }

    /// The section after a reload: this one, where the server listened before.
    pub(super) fn with_listeners_of(self, before: &Http) -> Http {
        Http {
            listen: before.listen.clone(),
            tls: tls_in_force(&before.tls, self.tls),
            ..self
        }
    }

    /// The addresses that a user can open in a browser, the best first. `machine` is the name of the machine. A port that the
    /// system is to choose is not known here, so its address is left out.
    pub fn addresses(&self, machine: &str) -> Vec<String> {
        let public = self.public_url.iter().map(|url| format!("{url}/"));
        let tls = self.tls.as_ref().map_or(&[][..], |tls| &tls.listen);
        let tls = tls.iter().map(|address| ("https", address));
        let all = tls.chain(self.listen.iter().map(|address| ("http", address)));
        let shown = all.filter(|(_, address)| address.port() != 0);
        let shown = shown.map(|(scheme, address)| {
            if address.ip().is_unspecified() {
                format!("{scheme}://{machine}:{}/", address.port())
            } else {
                format!("{scheme}://{address}/")
            }
        });
        let mut addresses: Vec<String> = public.collect();
        for address in shown {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }
}
