//! Opens the door for viewers. Everything is recorded without it, too.

use std::sync::Arc;

use super::{keys, may_block};
use crate::access::viewer::{Gate, limits};
use crate::api::Api;
use crate::config::Config;
use crate::doors::http::{Inside, Running, Server};
use crate::event::Sender;
use crate::https::with_causes;
use crate::recorder::Recorder;
use crate::store::{Clock, Store};
use crate::tls::Identity;
use crate::worker::MediaWorker;

/// What happens where another program has a port that viewers are to connect to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TakenPort {
    /// Viewers cannot connect, and the log says why.
    #[default]
    Fails,
    /// The system chooses another port.
    IsReplaced,
}

/// The door for viewers, and what a reload changes of it.
pub(super) struct Viewing {
    gate: Arc<Gate>,
    identity: Identity,
    running: Running,
}

/// Opens the door, if the configuration has one. If that fails, an error is logged, and the service works without it. `dates` are
/// those that live playlists had in earlier runs.
pub(super) async fn open(
    (config, taken_port): (&Config, TakenPort),
    api: &Api,
    recorder: &Recorder,
    (store, clock, worker): (&Store, &Arc<dyn Clock>, &Arc<MediaWorker>),
    dates: Vec<(String, String)>,
) -> Option<Viewing> {
    if !config.http.is_on() {
        return None;
    }
    match try_to_open((config, taken_port), api, recorder, (store, clock, worker), dates).await {
        Ok(viewing) => {
            for url in viewing.running.urls() {
                tracing::info!("listening for viewers: {url}");
            }
            Some(viewing)
        }
        Err(error) => {
            tracing::error!(
                "viewers cannot connect; everything is recorded all the same: {}",
                with_causes(error.as_ref())
            );
            None
        }
    }
}

async fn try_to_open(
    (config, taken_port): (&Config, TakenPort),
    api: &Api,
    recorder: &Recorder,
    (store, clock, worker): (&Store, &Arc<dyn Clock>, &Arc<MediaWorker>),
    dates: Vec<(String, String)>,
) -> anyhow::Result<Viewing> {
    let of = config.clone();
    let read = may_block(move || (keys::viewers(&of), keys::https_certificate(&of))).await?;
    let (viewers, certificate) = (read.0?, read.1?);
    let identity = Identity::default();
    certificate
        .into_iter()
        .for_each(|certificate| identity.set(certificate));
    let gate = Arc::new(Gate::new(viewers, limits(&config.http)));
    let inside = Inside {
        api: api.clone(),
        gate: gate.clone(),
        recorder: recorder.clone(),
        store: store.clone(),
        clock: clock.clone(),
        identity: identity.clone(),
        dir: config.storage.dir.clone(),
        dates,
        sender: Sender {
            source: format!("edgereel/{}", config.device.id),
            device: config.device.id.clone(),
            domain: config.device.id.clone(),
            key: None,
            played_at: None,
        },
        delivers: config.sync.is_some(),
        machine: machine(),
        worker: worker.clone(),
    };
    let server = match (Server::bind(&config.http), taken_port) {
        (Err(error), TakenPort::IsReplaced) if error.is_taken() => Server::bind(&config.http.on_any_port()),
        (bound, _) => bound,
    };
    let running = server?.start(config.http.clone(), inside)?;
    Ok(Viewing {
        gate,
        identity,
        running,
    })
}

impl Viewing {
    /// The gate, which makes tokens.
    pub(super) fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate)
    }

    /// The address under which viewers reach the box, without a slash at its end.
    pub(super) fn address(&self) -> Option<String> {
        self.running.address()
    }

    /// Takes over the settings that can change while the door is open. Says what stays as it was.
    pub(super) async fn reconfigure(&self, config: &Config) -> Vec<String> {
        let of = config.clone();
        let mut warnings = Vec::new();
        match may_block(move || (keys::viewers(&of), keys::https_certificate(&of))).await {
            Ok((viewers, certificate)) => {
                match viewers {
                    Ok(viewers) => self.gate.reconfigure(viewers, limits(&config.http)),
                    Err(error) => {
                        warnings.push(format!("who may watch stays as it was: {}", with_causes(&error)))
                    }
                }
                match certificate {
                    Ok(certificate) => certificate.into_iter().for_each(|it| self.identity.set(it)),
                    Err(error) => warnings.push(format!(
                        "the certificate of HTTPS stays as it was: {}",
                        with_causes(error.as_ref())
                    )),
                }
            }
            Err(error) => warnings.push(format!(
                "who may watch stays as it was: {}",
                with_causes(error.as_ref())
            )),
        }
        self.running.reconfigure(config.http.clone());
        warnings
    }

    /// Closes the door.
    pub(super) async fn stop(self) {
        // The thread has a bounded time to end.
        let _ = tokio::task::spawn_blocking(move || self.running.stop()).await;
    }
}

/// The name of this machine.
fn machine() -> String {
    let name = nix::unistd::gethostname().ok();
    name.and_then(|name| name.into_string().ok()).unwrap_or_default()
}
