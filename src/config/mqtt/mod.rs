//! `[mqtt]`: the broker that the box is managed by.

mod check;
#[cfg(test)]
mod tests;
mod url;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use url::{BrokerUrl, BrokerUrlError};

use super::{Secret, SecretSource, Span};
use crate::event::Dialect;

/// Which version of MQTT is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum MqttVersion {
    /// MQTT 5, or MQTT 3.1.1 where the broker speaks no other.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// MQTT 5.
    #[serde(rename = "5")]
    V5,
    /// MQTT 3.1.1.
    #[serde(rename = "3.1.1")]
    V311,
}

/// How the broker is reached, and what goes there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mqtt {
    /// Where it is. A section without it is no configuration of a broker.
    pub url: BrokerUrl,
    /// Which version of MQTT is spoken.
    pub version: MqttVersion,
    /// What all topics begin with; the device's id comes behind it.
    pub prefix: String,
    /// What the broker knows the box by; no two connections have the same. A configuration always has one, by default of the
    /// device's id.
    pub client_id: Option<String>,
    /// Who the box says it is.
    pub user: Option<String>,
    /// What proves it, or [`Mqtt::password_file`].
    pub password: Option<Secret>,
    /// The file of it.
    pub password_file: Option<PathBuf>,
    /// The certificates that the broker is to be trusted by, beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// The box's own certificate. It is there where its private key is.
    pub cert_file: Option<PathBuf>,
    /// The private key of that certificate.
    pub key_file: Option<PathBuf>,
    /// Signs events in dialects that have signatures, or [`Mqtt::sign_key_file`].
    pub sign_key: Option<Secret>,
    /// The file of it.
    pub sign_key_file: Option<PathBuf>,
    /// So long may a connection be silent before it is looked after.
    pub keep_alive: Span,
    /// The broker keeps requests for a box that is away for so long.
    pub session_expiry: Span,
    /// Where answers may go beside below the box's own `response/`, as filters of topics.
    pub response_topics: Vec<String>,
    /// `health` is told at least so often.
    pub health: Span,
    /// What events are sent as.
    pub dialects: Vec<Dialect>,
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            // Of no host: what is taken has another.
            url: BrokerUrl {
                tls: false,
                host: String::new(),
                port: 0,
            },
            version: MqttVersion::Auto,
            prefix: "edgereel".to_owned(),
            client_id: None,
            user: None,
            password: None,
            password_file: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            sign_key: None,
            sign_key_file: None,
            keep_alive: Span::from_secs(30),
            session_expiry: Span::from_secs(86_400),
            response_topics: Vec::new(),
            health: Span::from_secs(60),
            dialects: vec![Dialect::CloudEvents],
        }
    }
}

impl Mqtt {
    /// What all topics of this box begin with.
    pub fn root(&self, device: &str) -> String {
        format!("{}/{device}", self.prefix)
    }

    /// Where the password is, if there is one.
    pub fn password(&self) -> Option<SecretSource> {
        SecretSource::of(self.password.as_ref(), self.password_file.as_ref())
    }

    /// Where the key is that signs events, if there is one.
    pub fn sign_key(&self) -> Option<SecretSource> {
        SecretSource::of(self.sign_key.as_ref(), self.sign_key_file.as_ref())
    }
}
