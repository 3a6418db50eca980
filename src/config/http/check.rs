//! Checks `[http]`.

use super::Http;
use crate::config::file::{Refused, in_range, refuse};
use crate::config::listen::{MAX_LISTENERS, reachable};
use crate::config::secret::{SecretSource, check_strong};
use crate::config::{ByteSize, Span};
use crate::event::Dialect;

/// The most connections.
const MOST: usize = 10_000;
/// The most values in a list.
const MAX_LIST: usize = 64;
/// The most keys of tokens: one that signs, and one that was replaced.
const MAX_TOKEN_KEYS: usize = 2;

impl Http {
    /// Checks the section. `guarded` is true when the configuration says who may watch.
    pub(in crate::config) fn check(&self, guarded: bool) -> Result<(), Refused> {
        self.check_listeners(guarded)?;
        in_range("http.max_connections", self.max_connections, 1, MOST)?;
        in_range(
            "http.max_connections_per_address",
            self.max_connections_per_address,
            1,
            MOST,
        )?;
        let (least, most) = (ByteSize::new(1 << 20), ByteSize::new(1 << 30));
        in_range("http.memory", self.memory, least, most)?;
        for (key, length) in [
            ("http.cors", self.cors.len()),
            ("http.behind", self.behind.len()),
            ("http.names", self.names.len()),
        ] {
            if length > MAX_LIST {
                return Err(Refused::new(
                    key,
                    format!("{key}: {length} values; at most {MAX_LIST}"),
                ));
            }
        }
        if let Some(window) = self.live_window {
            let (least, most) = (Span::from_secs(3), Span::from_secs(600));
            in_range("http.live_window", window, least, most)?;
        }
        in_range("http.live_chunks", self.live_chunks, 3, 1_000)?;
        if self.dialects.contains(&Dialect::CloudEvents) {
            return refuse(
                "http.dialects",
                "http.dialects: \"cloudevents\" is a dialect of events; an address can have the signatures of \"tencent\" and \"aliyun\"",
            );
        }
        self.check_tokens()
    }

    fn check_listeners(&self, guarded: bool) -> Result<(), Refused> {
        let tls = self.tls.as_ref().map_or(&[][..], |tls| &tls.listen);
        if self.listen.len() > MAX_LISTENERS {
            return refuse("http.listen", "http.listen: at most 16 addresses");
        }
        if self.tls.is_some() && !(1..=MAX_LISTENERS).contains(&tls.len()) {
            return refuse("http.tls", "http.tls: listen has 1 to 16 addresses");
        }
        let listeners = [("http.listen", &self.listen[..]), ("http.tls", tls)];
        for (key, listeners) in listeners {
            if let (Some(address), false) = (reachable(listeners), guarded) {
                let message = format!(
                    "{key}: {address} can be reached from other machines, and anyone there could watch. Say who may watch:\n\n    \
                     [[viewer]]\n    name = \"staff\"\n    key = \"…\"        # a new one: openssl rand -hex 16\n\nor listen on \
                     127.0.0.1, for this machine alone; or let everybody watch, with a [[viewer]] that has a name and nothing else"
                );
                return Err(Refused::new(key, message));
            }
        }
        Ok(())
    }

    fn check_tokens(&self) -> Result<(), Refused> {
        let sources = self.token_keys();
        if sources.len() > MAX_TOKEN_KEYS {
            let message = format!(
                "http.token_key: {} keys; at most {MAX_TOKEN_KEYS}: the one that signs, and the one before it",
                sources.len()
            );
            return Err(Refused::new("http.token_key", message));
        }
        for source in &sources {
            if let SecretSource::Given(key) = source {
                check_strong("http.token_key", key)?;
            }
        }
        Ok(())
    }
}
