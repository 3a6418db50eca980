//! Starts the callbacks of the configuration while the service runs.

use std::sync::Arc;

use super::keys::{callback_key, review_key};
use super::may_block;
use crate::api::{Api, CallbackRow};
use crate::config::{self, Config};
use crate::doors::webhook::{Callback, CallbackSettings, HookSettings, ReviewHook, listener};
use crate::event::{Dialect, Sender};
use crate::https::{client_with, trusted, trusting, with_causes};
use crate::store::{Clock, Reader, Store};

/// A row for each callback that is configured.
pub(super) fn rows(config: &Config) -> Vec<CallbackRow> {
    let row = |callback: &config::Callback| CallbackRow {
        name: callback.name().to_owned(),
        url: callback.url.to_string(),
        listener: listener(callback.name()),
    };
    config.callbacks.iter().map(row).collect()
}

/// Starts the callbacks that are configured. If one cannot start, an error is logged, and its events wait.
pub(super) async fn start(
    (config, played_at): (&Config, Option<&str>),
    (store, reader): (&Store, &Reader),
    clock: &Arc<dyn Clock>,
) -> Vec<Callback> {
    if config.callbacks.is_empty() {
        return Vec::new();
    }
    let tls = match trusting(trusted().await) {
        Ok(tls) => tls,
        Err(error) => {
            tracing::error!("no callbacks: {}", with_causes(&error));
            return Vec::new();
        }
    };
    let mut started = Vec::new();
    for callback in &config.callbacks {
        let wanted = callback.clone();
        let key = may_block(move || callback_key(&wanted)).await.flatten();
        // Each callback has a client of its own, so that no service closes a connection of another.
        let client = client_with(tls.clone()).pool_max_idle_per_host(1).build();
        let ready = key.and_then(|key| {
            Ok((
                settings((config, played_at), callback, reader.clone(), key),
                client?,
            ))
        });
        match ready {
            Ok((settings, client)) => {
                started.push(Callback::start(settings, client, store.clone(), clock.clone()));
            }
            Err(error) => tracing::error!(
                "no callbacks to {}: {}",
                callback.url,
                with_causes(error.as_ref())
            ),
        }
    }
    started
}

/// Starts to ask the hook of `[review]`, if there is one. If it cannot be asked, an error is logged, and recordings stay held back.
pub(super) async fn start_hook(config: &Config, api: &Api, store: &Store) -> Option<ReviewHook> {
    let review = config.review.clone()?;
    let url = review.hook()?.clone();
    let wanted = review.clone();
    let key = may_block(move || review_key(&wanted)).await.flatten();
    let roots = trusted().await;
    let ready = key.and_then(|key| {
        let client = client_with(trusting(roots)?).pool_max_idle_per_host(1).build()?;
        Ok((key, client))
    });
    match ready {
        Ok((key, client)) => {
            let settings = HookSettings {
                url,
                key,
                every: review.every().duration(),
                timeout: review.timeout().duration(),
            };
            Some(ReviewHook::start(settings, client, api.clone(), store.progress()))
        }
        Err(error) => {
            let reason = with_causes(error.as_ref());
            tracing::error!("review.hook is not asked, and recordings stay held back: {reason}");
            Some(ReviewHook::unready(&url, reason))
        }
    }
}

fn settings(
    (config, played_at): (&Config, Option<&str>),
    callback: &config::Callback,
    reader: Reader,
    key: Option<Vec<u8>>,
) -> CallbackSettings {
    let device = &config.device.id;
    let prefix = config
        .mqtt
        .as_ref()
        .map_or("edgereel", |mqtt| mqtt.prefix.as_str());
    let wanted = callback.clone();
    CallbackSettings {
        listener: listener(callback.name()),
        url: callback.url.clone(),
        dialect: callback.dialect,
        wants: Arc::new(move |kind| wanted.wants(kind)),
        tries: callback.tries(),
        every: callback.every().duration(),
        timeout: callback.timeout().duration(),
        sender: Sender {
            source: format!("{prefix}/{device}"),
            device: device.clone(),
            domain: device.clone(),
            // The signature of CloudEvents is a header over the body that is sent.
            key: key.clone().filter(|_| callback.dialect == Dialect::Tencent),
            played_at: played_at.map(str::to_owned),
        },
        key,
        reader,
    }
}
