//! Refuses impossible values of the section.

use super::Mqtt;
use crate::config::file::{Refused, in_range, refuse};
use crate::config::{SecretSource, Span};

/// Topics have at most 65,535 bytes (MQTT 5, 1.5.4). The prefix tells the boxes of a fleet apart.
const LONGEST_PREFIX: usize = 128;
/// The most filters of topics.
const MOST_FILTERS: usize = 16;

impl Mqtt {
    /// Resolves the section. Without `url` there is no broker.
    pub(in crate::config) fn resolve(mut self, device: &str) -> Result<Option<Self>, Refused> {
        if self.url.host.is_empty() {
            return if self == Self::default() {
                Ok(None)
            } else {
                refuse(
                    "mqtt.url",
                    "mqtt.url is missing: where the broker is, as in \"mqtts://broker.example.com:8883\"",
                )
            };
        }
        self.client_id.get_or_insert_with(|| format!("edgereel-{device}"));
        self.dialects.sort_unstable();
        self.dialects.dedup();
        self.check()?;
        Ok(Some(self))
    }

    fn check(&self) -> Result<(), Refused> {
        if !is_topic(&self.prefix) {
            return refuse(
                "mqtt.prefix",
                "mqtt.prefix: up to 128 bytes, levels that are not empty, without '+', '#', '$' or control characters",
            );
        }
        if !self.client_id.as_deref().is_none_or(|id| is_word(id, 128)) {
            return refuse(
                "mqtt.client_id",
                "mqtt.client_id: 1 to 128 bytes without control characters",
            );
        }
        self.check_trust()?;
        if self.dialects.is_empty() {
            return refuse(
                "mqtt.dialects",
                "mqtt.dialects: one at least, as in [\"cloudevents\"]",
            );
        }
        let filters = &self.response_topics;
        if filters.len() > MOST_FILTERS || !filters.iter().all(|filter| is_filter(filter)) {
            return refuse(
                "mqtt.response_topics",
                "mqtt.response_topics: up to 16 filters of topics, each of up to 128 bytes, as in [\"backend/answers/#\"]",
            );
        }
        let (second, hour) = (Span::from_secs(1), Span::from_secs(3_600));
        let (day, month) = (Span::from_secs(86_400), Span::from_secs(30 * 86_400));
        in_range("mqtt.keep_alive", self.keep_alive, Span::from_secs(5), hour)?;
        in_range(
            "mqtt.session_expiry",
            self.session_expiry,
            Span::from_secs(0),
            month,
        )?;
        in_range("mqtt.health", self.health, second, day)
    }

    /// Checks the certificates and the identity of the box.
    fn check_trust(&self) -> Result<(), Refused> {
        if !self.url.tls && (self.ca_file.is_some() || self.cert_file.is_some()) {
            return refuse(
                "mqtt.url",
                "mqtt.url: certificates are of use with mqtts:// alone",
            );
        }
        if self.cert_file.is_some() != self.key_file.is_some() {
            return refuse(
                "mqtt.cert_file",
                "mqtt.cert_file and mqtt.key_file: both of them, or none",
            );
        }
        let password = SecretSource::one_of(
            "mqtt.password",
            self.password.as_ref(),
            self.password_file.as_ref(),
        )?;
        SecretSource::one_of(
            "mqtt.sign_key",
            self.sign_key.as_ref(),
            self.sign_key_file.as_ref(),
        )?;
        match &self.user {
            Some(user) if !is_word(user, 512) => refuse(
                "mqtt.user",
                "mqtt.user: 1 to 512 bytes without control characters",
            ),
            None if password.is_some() => refuse(
                "mqtt.password",
                "mqtt.password and mqtt.password_file go with mqtt.user",
            ),
            Some(_) | None => Ok(()),
        }
    }
}

fn is_word(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// True for a text that topics may begin with (MQTT 5, 4.7.1).
fn is_topic(text: &str) -> bool {
    let fits = |c: char| !c.is_control() && !matches!(c, '+' | '#');
    text.len() <= LONGEST_PREFIX
        && !text.starts_with('$')
        && text.chars().all(fits)
        && text.split('/').all(|level| !level.is_empty())
}

/// True for a filter of topics (MQTT 5, 4.7.1).
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
