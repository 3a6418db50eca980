//! `[mqtt]`: the broker through which the box is managed.

mod check;
#[cfg(test)]
mod tests;
mod url;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use url::{BrokerUrl, BrokerUrlError};

use super::{Secret, SecretSource, Span};
use crate::event::Dialect;

/// The version of MQTT to the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum MqttVersion {
    /// MQTT 5, or MQTT 3.1.1 where the broker supports no other.
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

/// How the box reaches the broker, and what it sends there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mqtt {
    /// The address of the broker. A section without it configures no broker.
    pub url: BrokerUrl,
    /// The version of MQTT.
    pub version: MqttVersion,
    /// The beginning of all topics; the device's id comes behind it.
    pub prefix: String,
    /// The name under which the broker knows the box. No two connections have the same. A configuration always has one, by
    /// default made of the device's id.
    pub client_id: Option<String>,
    /// The user name of the box.
    pub user: Option<String>,
    /// The password of that user, unless it is in [`Mqtt::password_file`].
    pub password: Option<Secret>,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
    /// The certificates that the box trusts a broker by, beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// The box's own certificate. It is set where its private key is.
    pub cert_file: Option<PathBuf>,
    /// The private key of that certificate.
    pub key_file: Option<PathBuf>,
    /// The key that signs events in dialects with signatures, unless it is in [`Mqtt::sign_key_file`].
    pub sign_key: Option<Secret>,
    /// The file with that key.
    pub sign_key_file: Option<PathBuf>,
    /// How long a connection may be silent before it is checked.
    pub keep_alive: Span,
    /// How long the broker keeps requests for a box that is away.
    pub session_expiry: Span,
    /// Filters of the topics that answers may go to, beside those below the box's own `response/`.
    pub response_topics: Vec<String>,
    /// The longest time between two `health` messages.
    pub health: Span,
    /// The dialects that events are sent in.
    pub dialects: Vec<Dialect>,
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            // The default has no host. An accepted configuration always has one.
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
    /// The beginning of all topics of this box.
    pub fn root(&self, device: &str) -> String {
        format!("{}/{device}", self.prefix)
    }

    /// The source of the password, if there is one.
    pub fn password(&self) -> Option<SecretSource> {
        SecretSource::of(self.password.as_ref(), self.password_file.as_ref())
    }

    /// The source of the key that signs events, if there is one.
    pub fn sign_key(&self) -> Option<SecretSource> {
        SecretSource::of(self.sign_key.as_ref(), self.sign_key_file.as_ref())
    }
}
