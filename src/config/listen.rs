//! Addresses that a server listens on.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The most addresses of one server.
pub(super) const MAX_LISTENERS: usize = 16;

/// A server under TLS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// The chain of certificates in PEM, the box's own first. A relative path starts at `$CREDENTIALS_DIRECTORY`.
    pub cert: PathBuf,
    /// The private key of the box in PEM. A relative path starts there, too.
    pub key: PathBuf,
}

/// The first address that other machines can reach.
pub(super) fn reachable(listeners: &[SocketAddr]) -> Option<&SocketAddr> {
    listeners
        .iter()
        .find(|address| !address.ip().to_canonical().is_loopback())
}
