//! `[mqtt]`: the broker that the box is managed by.

mod file;
#[cfg(test)]
mod tests;
mod url;

use std::fmt::Write as _;
use std::path::PathBuf;

pub(super) use file::{MqttFile, either, refuse};
pub use url::{BrokerUrl, BrokerUrlError};

use serde::Deserialize;

use super::secret::MASK;
use super::{SecretSource, Span};
use crate::event::Dialect;

/// Which version of MQTT is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
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

impl MqttVersion {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            MqttVersion::Auto => "auto",
            MqttVersion::V5 => "5",
            MqttVersion::V311 => "3.1.1",
        }
    }
}

/// How the broker is reached, and what goes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mqtt {
    /// Where it is.
    pub url: BrokerUrl,
    /// Which version of MQTT is spoken.
    pub version: MqttVersion,
    /// What all topics begin with; the device's id comes behind it.
    pub prefix: String,
    /// What the broker knows the box by; no two connections have the same.
    pub client_id: String,
    /// Who the box says it is.
    pub login: Option<Login>,
    /// The certificates that the broker is to be trusted by, beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// The box's own certificate and its private key.
    pub identity: Option<(PathBuf, PathBuf)>,
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
    /// Signs events in dialects that have signatures.
    pub sign_key: Option<SecretSource>,
}

/// A user and, mostly, a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Option<SecretSource>,
}

impl Mqtt {
    /// What all topics of this box begin with.
    pub fn root(&self, device: &str) -> String {
        format!("{}/{device}", self.prefix)
    }

    pub(super) fn to_toml(&self, out: &mut String) {
        let _ = write!(
            out,
            "\n[mqtt]\nurl = \"{}\"\nversion = \"{}\"\nprefix = {:?}\nclient_id = {:?}\n",
            self.url,
            self.version.as_str(),
            self.prefix,
            self.client_id
        );
        let mut line = |key: &str, value: Option<String>| {
            let _ = value.map(|value| writeln!(out, "{key} = {value:?}"));
        };
        let path = |path: &PathBuf| path.display().to_string();
        if let Some(login) = &self.login {
            line("user", Some(login.user.clone()));
            secret("password", login.password.as_ref(), &mut line);
        }
        line("ca_file", self.ca_file.as_ref().map(path));
        line("cert_file", self.identity.as_ref().map(|(cert, _)| path(cert)));
        line("key_file", self.identity.as_ref().map(|(_, key)| path(key)));
        secret("sign_key", self.sign_key.as_ref(), &mut line);
        let dialects: Vec<&str> = self.dialects.iter().map(|dialect| dialect.as_str()).collect();
        let _ = write!(
            out,
            "keep_alive = \"{}\"\nsession_expiry = \"{}\"\nresponse_topics = {:?}\nhealth = \"{}\"\ndialects = {dialects:?}\n",
            self.keep_alive, self.session_expiry, self.response_topics, self.health
        );
    }
}

/// A secret's line: masked, or where it is.
pub(super) fn secret(key: &str, source: Option<&SecretSource>, line: &mut impl FnMut(&str, Option<String>)) {
    match source {
        None => {}
        Some(SecretSource::Given(_)) => line(key, Some(MASK.to_owned())),
        Some(SecretSource::File(path)) => line(&format!("{key}_file"), Some(path.display().to_string())),
    }
}
