//! What a new configuration changes while the service runs.

use std::sync::Arc;

use super::settings::{recorder_settings, stall_memory};
use super::{Service, deliver, order_tasks};
use crate::api::Reloaded;
use crate::config::{Advice, Changes, Config};
use crate::daemon::encryption::{self, Encrypting};
use crate::daemon::{broker, keys, may_block};
use crate::doors::rtmp;
use crate::https::with_causes;

impl Service {
    /// Takes over the settings that can change while the service runs. The answer says which cannot.
    pub async fn reconfigure(&mut self, config: Config, of_file: Option<Advice>) -> Reloaded {
        let changes = Changes::between(&self.config, &config);
        let mut warnings = Vec::new();
        let (templates, rules) = (config.templates.clone(), config.rules.clone());
        self.recorder
            .reconfigure(recorder_settings(&config), templates, rules);
        order_tasks(&self.recorder, &config, self.clock.as_ref());
        if let Some(error) = encryption::take_over(self.api.hls_keys(), &config).await {
            warnings.push(format!(
                "the keys of encrypted recordings stay as they were: {error}"
            ));
        }
        // Commands put templates whatever the configuration says now.
        if let Some(error) = self.api.unready(config.sync.is_some()) {
            warnings.push(error);
        }
        self.store.set_queue_hard(stall_memory(&config));
        self.admission.set_limits(rtmp::limits(&config.rtmp));
        let keys = config.clone();
        let read = may_block(move || (keys::authorizer(&keys), keys::certificate(&keys))).await;
        let (authorizer, certificate) = match read {
            Ok(read) => read,
            Err(error) => (Err(error), Ok(None)),
        };
        match authorizer {
            Ok(authorizer) => self.admission.set_judge(authorizer),
            Err(error) => warnings.push(format!(
                "who may push stays as it was: {}",
                with_causes(error.as_ref())
            )),
        }
        match certificate {
            Ok(certificate) => certificate.into_iter().for_each(|it| self.identity.set(it)),
            Err(error) => warnings.push(format!(
                "the certificate of RTMPS stays as it was: {}",
                with_causes(error.as_ref())
            )),
        }
        if self.config.sync.is_some() && config.sync.is_some() && self.config.sync != config.sync {
            // An upload that is under way goes on where it was.
            let (before, config) = (self.uploader.take(), config.clone());
            let (store, clock) = (self.store.clone(), self.clock.clone());
            let ciphers = Arc::new(Encrypting {
                recorder: self.recorder.clone(),
                keys: self.api.hls_keys().clone(),
            });
            let renewed = may_block(move || {
                let said = before.map(|uploader| {
                    uploader.stop();
                    uploader.said()
                });
                deliver(&config, said.unwrap_or_default(), ciphers, (&store, &clock))
            });
            self.uploader = renewed.await.unwrap_or_else(|error| {
                tracing::error!("nothing is delivered: {}", with_causes(error.as_ref()));
                None
            });
            self.api.set_uploader(self.uploader.clone());
        } else if let Some(uploader) = &self.uploader {
            // The uploader's keys may be others now, in a file or at object storage.
            let _ = uploader.check_again().await;
        }
        let before = self.played_at();
        if let Some(viewing) = &self.viewing {
            warnings.extend(viewing.reconfigure(&config).await);
        }
        warnings.extend(self.pushes.configure(&config, &self.api).await);
        // Events say where recordings play.
        let has_moved = self.played_at() != before;
        if self.config.mqtt != config.mqtt || self.mqtt.is_none() || has_moved {
            if let Some(mqtt) = self.mqtt.take() {
                mqtt.stop().await;
            }
            self.config.mqtt = config.mqtt.clone();
            broker::enroll(&self.config, &self.store);
            let played_at = self.played_at();
            self.mqtt = broker::connect(
                (&self.config, played_at.as_deref()),
                &self.api,
                (&self.store, &self.reader),
                &self.clock,
                &self.tally,
            )
            .await;
        }
        if self.config.callbacks != config.callbacks || has_moved {
            self.config.callbacks = config.callbacks.clone();
            broker::enroll(&self.config, &self.store);
            self.call_back().await;
        }
        if self.config.review != config.review {
            self.config.review = config.review.clone();
            self.ask_hook().await;
        }
        self.config = Changes::in_force(&self.config, config);
        self.tell_facts();
        let mut advice = self.recorder.advice();
        advice.extend(self.config.advice_beside_rules());
        advice.extend(of_file);
        warnings.extend(advice.iter().map(ToString::to_string));
        let list = |keys: &[&str]| {
            if keys.is_empty() {
                "nothing".to_owned()
            } else {
                keys.join(", ")
            }
        };
        tracing::info!("configuration reloaded; changed: {}", list(&changes.taken));
        if !changes.restart.is_empty() {
            tracing::warn!(
                "changed, and takes effect at the next restart: {}",
                list(&changes.restart)
            );
        }
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        Reloaded { changes, warnings }
    }
}
