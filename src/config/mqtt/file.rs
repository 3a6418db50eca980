//! The section as it is written.

use std::path::PathBuf;

use serde::Deserialize;

use super::{BrokerUrl, Login, Mqtt, MqttVersion};
use crate::config::file::{Refused, in_range};
use crate::config::{Secret, SecretSource, Span};
use crate::event::Dialect;

/// Topics have at most 65,535 bytes (MQTT 5, 1.5.4); a prefix is what a fleet is told apart by.
const LONGEST_PREFIX: usize = 128;
/// So many filters of topics may be given.
const MOST_FILTERS: usize = 16;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct MqttFile {
    url: Option<String>,
    version: Option<MqttVersion>,
    prefix: Option<String>,
    client_id: Option<String>,
    user: Option<String>,
    password: Option<Secret>,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    keep_alive: Option<Span>,
    session_expiry: Option<Span>,
    response_topics: Option<Vec<String>>,
    health: Option<Span>,
    dialects: Option<Vec<Dialect>>,
    sign_key: Option<Secret>,
    sign_key_file: Option<PathBuf>,
}

impl MqttFile {
    /// There is no broker where there is no `url`.
    pub(in crate::config) fn resolve(self, device: &str) -> Result<Option<Mqtt>, Refused> {
        let Some(url) = &self.url else {
            return match self.says_anything() {
                true => refuse(
                    "mqtt.url",
                    "mqtt.url is missing: where the broker is, as in \"mqtts://broker.example.com:8883\"",
                ),
                false => Ok(None),
            };
        };
        let url: BrokerUrl = match url.parse() {
            Ok(url) => url,
            Err(error) => return refuse("mqtt.url", &format!("mqtt.url: {error}")),
        };
        let prefix = self.prefix.unwrap_or_else(|| "edgereel".to_owned());
        if !is_topic(&prefix) {
            return refuse(
                "mqtt.prefix",
                "mqtt.prefix: up to 128 bytes, levels that are not empty, without '+', '#', '$' or control characters",
            );
        }
        let client_id = self.client_id.unwrap_or_else(|| format!("edgereel-{device}"));
        if client_id.is_empty() || client_id.len() > 128 || client_id.chars().any(char::is_control) {
            return refuse(
                "mqtt.client_id",
                "mqtt.client_id: 1 to 128 bytes without control characters",
            );
        }
        if !url.tls && (self.ca_file.is_some() || self.cert_file.is_some()) {
            return refuse(
                "mqtt.url",
                "mqtt.url: certificates are of use with mqtts:// alone",
            );
        }
        let password = either("mqtt.password", self.password, self.password_file)?;
        let login = match (self.user, password) {
            (Some(user), _) if user.is_empty() || user.len() > 512 || user.chars().any(char::is_control) => {
                return refuse(
                    "mqtt.user",
                    "mqtt.user: 1 to 512 bytes without control characters",
                );
            }
            (Some(user), password) => Some(Login { user, password }),
            (None, None) => None,
            (None, Some(_)) => {
                return refuse(
                    "mqtt.password",
                    "mqtt.password and mqtt.password_file go with mqtt.user",
                );
            }
        };
        let identity = match (self.cert_file, self.key_file) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => {
                return refuse(
                    "mqtt.cert_file",
                    "mqtt.cert_file and mqtt.key_file: both of them, or none",
                );
            }
        };
        let mut dialects = self.dialects.unwrap_or_else(|| vec![Dialect::CloudEvents]);
        dialects.sort_unstable();
        dialects.dedup();
        if dialects.is_empty() {
            return refuse(
                "mqtt.dialects",
                "mqtt.dialects: one at least, as in [\"cloudevents\"]",
            );
        }
        let response_topics = self.response_topics.unwrap_or_default();
        if response_topics.len() > MOST_FILTERS || !response_topics.iter().all(|filter| is_filter(filter)) {
            return refuse(
                "mqtt.response_topics",
                "mqtt.response_topics: up to 16 filters of topics, each of up to 128 bytes, as in [\"backend/answers/#\"]",
            );
        }
        let mqtt = Mqtt {
            url,
            version: self.version.unwrap_or_default(),
            prefix,
            client_id,
            login,
            ca_file: self.ca_file,
            identity,
            keep_alive: self.keep_alive.unwrap_or(Span::from_secs(30)),
            session_expiry: self.session_expiry.unwrap_or(Span::from_secs(86_400)),
            response_topics,
            health: self.health.unwrap_or(Span::from_secs(60)),
            dialects,
            sign_key: either("mqtt.sign_key", self.sign_key, self.sign_key_file)?,
        };
        let (second, day) = (Span::from_secs(1), Span::from_secs(86_400));
        in_range(
            "mqtt.keep_alive",
            mqtt.keep_alive,
            Span::from_secs(5),
            Span::from_secs(3_600),
        )?;
        in_range(
            "mqtt.session_expiry",
            mqtt.session_expiry,
            Span::from_secs(0),
            Span::from_secs(30 * 86_400),
        )?;
        in_range("mqtt.health", mqtt.health, second, day)?;
        Ok(Some(mqtt))
    }

    fn says_anything(&self) -> bool {
        self.prefix.is_some()
            || self.version.is_some()
            || self.client_id.is_some()
            || self.user.is_some()
            || self.password.is_some()
            || self.key_file.is_some()
            || self.keep_alive.is_some()
            || self.session_expiry.is_some()
            || self.response_topics.is_some()
            || self.health.is_some()
            || self.sign_key.is_some()
            || self.sign_key_file.is_some()
            || self.password_file.is_some()
            || self.ca_file.is_some()
            || self.cert_file.is_some()
            || self.dialects.is_some()
    }
}

/// A secret, or where it is.
pub(in crate::config) fn either(
    key: &'static str,
    given: Option<Secret>,
    file: Option<PathBuf>,
) -> Result<Option<SecretSource>, Refused> {
    match (given, file) {
        (None, None) => Ok(None),
        (Some(secret), None) => Ok(Some(SecretSource::Given(secret))),
        (None, Some(path)) => Ok(Some(SecretSource::File(path))),
        (Some(_), Some(_)) => refuse(key, &format!("{key} and {key}_file: one of them")),
    }
}

/// What topics may begin with (MQTT 5, 4.7.1).
fn is_topic(text: &str) -> bool {
    let fits = |c: char| !c.is_control() && !matches!(c, '+' | '#');
    text.len() <= LONGEST_PREFIX
        && !text.starts_with('$')
        && text.chars().all(fits)
        && text.split('/').all(|level| !level.is_empty())
}

/// What filters of topics are (MQTT 5, 4.7.1).
fn is_filter(text: &str) -> bool {
    let last = text.split('/').count().saturating_sub(1);
    let fits = |(place, level): (usize, &str)| match level {
        "+" => true,
        "#" => place == last,
        level => !level.contains(['+', '#']) && !level.chars().any(char::is_control),
    };
    !text.is_empty()
        && text.len() <= LONGEST_PREFIX
        && !text.starts_with('$')
        && text.split('/').enumerate().all(fits)
}

pub(in crate::config) fn refuse<T>(key: &'static str, message: &str) -> Result<T, Refused> {
    Err(Refused::new(key, message.to_owned()))
}
