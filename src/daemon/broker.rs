//! Connects to the broker while the service runs.

use std::sync::Arc;

use rustls::RootCertStore;

use super::{keys, may_block};
use crate::api::Api;
use crate::config::Config;
use crate::doors::mqtt::{self, Control, ControlSettings, Tally};
use crate::doors::webhook::listener;
use crate::event::Sender;
use crate::https::{trusted, with_causes};
use crate::store::{Change, Clock, Command, OutboxChange, Reader, Store};

/// Tells the journal which listeners take events.
pub(super) fn enroll(config: &Config, store: &Store) {
    let all = OutboxChange::Listeners(listeners(config));
    if let Err(refused) = store.submit(Command::Change(Change::Outbox(all))) {
        tracing::error!("the receivers of events are not known: {refused}");
    }
}

/// The names of all listeners that take events.
fn listeners(config: &Config) -> Vec<String> {
    let broker = config.mqtt.iter().map(|_| mqtt::LISTENER.to_owned());
    let callbacks = config.callbacks.iter().map(|callback| listener(callback.name()));
    broker.chain(callbacks).collect()
}

/// Begins to connect, if a broker is configured. If that fails, an error is logged, and events wait.
pub(super) async fn connect(
    (config, played_at): (&Config, Option<&str>),
    api: &Api,
    (store, reader): (&Store, &Reader),
    clock: &Arc<dyn Clock>,
    tally: &Arc<Tally>,
) -> Option<Control> {
    let mqtt = config.mqtt.as_ref()?;
    let roots = if mqtt.url.tls {
        trusted().await
    } else {
        RootCertStore::empty()
    };
    let wanted = mqtt.clone();
    let read = may_block(move || {
        let sign_key = wanted.sign_key().map(|key| keys::secret("mqtt.sign_key", &key));
        Ok((keys::link(&wanted, || roots)?, sign_key.transpose()?))
    });
    let settings = read.await.flatten().map(|(link, key)| ControlSettings {
        link,
        shown: mqtt.url.to_string(),
        root: mqtt.root(&config.device.id),
        response_topics: mqtt.response_topics.clone(),
        health: mqtt.health.duration(),
        dialects: mqtt.dialects.clone(),
        sender: Sender {
            source: mqtt.root(&config.device.id),
            device: config.device.id.clone(),
            domain: config.device.id.clone(),
            key,
            played_at: played_at.map(str::to_owned),
        },
        reader: reader.clone(),
        listeners: listeners(config),
    });
    match settings {
        Ok(settings) => Some(Control::start(
            settings,
            api.clone(),
            store.clone(),
            clock.clone(),
            tally.clone(),
        )),
        Err(error) => {
            tracing::error!("not connected to {}: {}", mqtt.url, with_causes(error.as_ref()));
            None
        }
    }
}
