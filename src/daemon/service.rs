//! The running service: store, recorder, network.

mod reload;
mod settings;
mod start;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use super::control::Control;
use super::credentials::Account;
use super::host::{Facts, Reloading};
use super::pulse::{Pulse, Silence};
use super::pushes::Pushes;
use super::viewers::{self, TakenPort};
use super::{callbacks, keys};
use crate::access::Admission;
use crate::api::Api;
use crate::config::Config;
use crate::delivery::{Ciphers, Said, Uploader, UploaderSettings};
use crate::doors::mqtt::Tally;
use crate::https::with_causes;
use crate::recorder::{Recorder, StreamStatus};
use crate::store::{Clock, Progress, Reader, Store, StoreSettings};
use crate::tls::Identity;
use crate::watch;

/// How long publishers' connections may take to say goodbye before they are dropped.
const FAREWELL: Duration = Duration::from_millis(300);

/// A service that accepts publishers.
pub struct Service {
    config: Config,
    store: Store,
    /// Reads the store, for everybody on the network's thread.
    reader: Reader,
    recorder: Recorder,
    /// The task that does what is due by time alone.
    time: JoinHandle<()>,
    /// The task that looks after channels.
    channels: JoinHandle<()>,
    /// The task that makes one recording more of each session that is over.
    sessions: JoinHandle<()>,
    jobs: JoinHandle<()>,
    work: JoinHandle<()>,
    admission: Arc<Admission>,
    /// The certificate that RTMPS proves itself with.
    identity: Identity,
    addresses: Vec<std::net::SocketAddr>,
    server: JoinHandle<()>,
    stop_server: Option<oneshot::Sender<()>>,
    control: Option<Control>,
    clock: Arc<dyn Clock>,
    api: Api,
    uploader: Option<Uploader>,
    /// The door for viewers, if it is open.
    viewing: Option<viewers::Viewing>,
    /// What sends channels to other servers.
    pushes: Pushes,
    /// The connection to the broker, if one is configured.
    mqtt: Option<crate::doors::mqtt::Control>,
    tally: Arc<Tally>,
    pulse: Arc<Pulse>,
    facts: Arc<Mutex<Facts>>,
    reloads: Option<mpsc::Receiver<Reloading>>,
}

/// What of a service no configuration sets.
pub struct Tuning {
    /// The settings of the store.
    pub store: StoreSettings,
    /// What happens where another program has a port of `[http]`.
    pub taken_port: TakenPort,
}

/// The state of the service at one moment.
pub struct Snapshot {
    /// Streams on the air.
    pub streams: Vec<StreamStatus>,
    /// The store's progress.
    pub progress: Progress,
    /// How long there was no sign of life.
    pub silence: Silence,
    /// Bytes of media that wait for the card.
    pub backlog: usize,
    /// Bytes of media that were dropped because the card did not take them in time.
    pub let_go: u64,
}

impl Service {
    /// Opens the store, then lets publishers in.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        Self::start_with(config, |_| ()).await
    }

    pub(super) fn api(&self) -> &Api {
        &self.api
    }

    /// The requests of commands to reload the configuration. They can be taken once.
    pub(super) fn take_reloads(&mut self) -> Option<mpsc::Receiver<Reloading>> {
        self.reloads.take()
    }

    /// Starts the callbacks of the configuration, in place of those that ran before.
    async fn call_back(&self) {
        self.facts().webhooks.clear();
        let played_at = self.played_at();
        let settings = (&self.config, played_at.as_deref());
        let webhooks = callbacks::start(settings, (&self.store, &self.reader), &self.clock).await;
        self.facts().webhooks = webhooks;
    }

    /// Asks the hook of the configuration, in place of the one that was asked before.
    async fn ask_hook(&self) {
        self.facts().hook = None;
        let hook = callbacks::start_hook(&self.config, &self.api, &self.store).await;
        self.facts().hook = hook;
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_facts(&self) {
        let mut facts = self.facts();
        facts.callbacks = callbacks::rows(&self.config);
        facts.config = self.config.to_toml();
        facts.broker = self.config.mqtt.as_ref().map(|mqtt| mqtt.url.to_string());
        facts.gate = self.viewing.as_ref().map(viewers::Viewing::gate);
        facts.address = self.viewers_address();
    }

    /// The addresses that the service listens on, with the ports that the system chose.
    pub fn addresses(&self) -> &[std::net::SocketAddr] {
        &self.addresses
    }

    /// The address under which viewers reach the box, without a slash at its end, if the door for them is open.
    pub fn viewers_address(&self) -> Option<String> {
        self.viewing.as_ref()?.address()
    }

    /// Where events say that recordings play.
    fn played_at(&self) -> Option<String> {
        played_at(&self.config, self.viewing.as_ref())
    }

    /// The uploader, if recordings are delivered.
    pub fn uploader(&self) -> Option<&Uploader> {
        self.uploader.as_ref()
    }

    /// The state of the service now. The main loop asks for it every few seconds, which is its sign of life.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            streams: self.recorder.status(),
            progress: self.store.progress().borrow().clone(),
            silence: self.pulse.beat(self.store.heartbeat(), Instant::now()),
            backlog: self.store.backlog_bytes(),
            let_go: self.store.let_go_bytes(),
        }
    }

    /// Resolves only when a task has ended that recording depends on, which never should happen. Any other task that fails
    /// begins anew by itself.
    pub async fn failed(&mut self) -> anyhow::Result<()> {
        let mut progress = self.store.progress();
        let control = async {
            match &mut self.control {
                Some(control) => control.ended().await,
                None => std::future::pending().await,
            }
        };
        let what = tokio::select! {
            ended = &mut self.server => ended_by("the RTMP server", ended),
            ended = &mut self.time => ended_by("the recorder's clock", ended),
            how = control => how,
            () = async { while progress.changed().await.is_ok() {} } => "the storage thread ended".to_owned(),
        };
        watch::failed("the service", &what, "edgereel ends, and systemd starts it again");
        bail!(what)
    }

    /// Ends every publish, makes the frames in memory durable, and seals the segments.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        // The service takes no more commands, then no more media.
        if let Some(control) = self.control.take() {
            control.stop().await;
        }
        // Responses may end meanwhile.
        let viewing = self.viewing.take().map(|viewing| tokio::spawn(viewing.stop()));
        let pushes = tokio::spawn(std::mem::take(&mut self.pushes).stop());
        self.time.abort();
        self.channels.abort();
        self.sessions.abort();
        self.jobs.abort();
        self.work.abort();
        self.recorder.stop();
        if let Some(stop) = self.stop_server.take() {
            let _ = stop.send(());
        }
        // The store has the media already. A connection that lingers cannot hold it up.
        if !self.server.is_finished() && tokio::time::timeout(FAREWELL, &mut self.server).await.is_err() {
            self.server.abort();
        }
        let uploader = self.uploader.take();
        self.api.set_uploader(None);
        tokio::task::spawn_blocking(move || uploader.iter().for_each(Uploader::stop))
            .await
            .context("the uploader could not be joined")?;
        {
            let mut facts = self.facts();
            facts.webhooks.clear();
            facts.hook = None;
        }
        let sealed = self.store.seal().await;
        // The last events are in the outbox now, so the broker can have them.
        if let Some(mqtt) = self.mqtt.take() {
            mqtt.stop().await;
        }
        if let Some(viewing) = viewing {
            viewing
                .await
                .context("the door for viewers could not be closed")?;
        }
        pushes.await.context("what sends channels could not be ended")?;
        self.reader.close().await;
        let store = self.store.clone();
        let shut = tokio::task::spawn_blocking(move || store.shutdown()).await;
        sealed.context("not everything could be sealed")?;
        shut.context("the storage thread could not be joined")?
            .context("not everything could be sealed")?;
        tracing::info!("stopped; everything received is sealed");
        Ok(())
    }
}

fn ended_by(what: &str, ended: Result<(), JoinError>) -> String {
    match ended {
        Ok(()) => format!("{what} ended by itself"),
        Err(error) => format!("{what} failed: {error}"),
    }
}

/// Takes over the tasks of the configuration, and says which of them record nothing.
fn order_tasks(recorder: &Recorder, config: &Config, clock: &dyn Clock) {
    for refused in recorder.configure_tasks(&config.tasks) {
        tracing::warn!("{refused}");
    }
    for advice in config.advice_of_tasks(clock.utc()) {
        tracing::warn!("{advice}");
    }
}

/// Starts the uploader, if delivery is configured. If that fails, an error is logged, and recordings wait: they are made all
/// the same.
fn deliver(
    config: &Config,
    said: Said,
    ciphers: Arc<dyn Ciphers>,
    (store, clock): (&Store, &Arc<dyn Clock>),
) -> Option<Uploader> {
    let delivery = config.sync.clone()?;
    let url = delivery.target.url();
    let started = keys::authority(config).and_then(|authority| {
        let settings = UploaderSettings {
            keys: Arc::new(Account::of(&delivery)),
            ciphers,
            delivery,
            device: config.device.id.clone(),
            dir: config.storage.dir.clone(),
            authority,
        };
        Ok(Uploader::start(settings, said, store.clone(), clock.clone())?)
    });
    match started {
        Ok(uploader) => {
            tracing::info!("recordings are delivered to {url}");
            Some(uploader)
        }
        Err(error) => {
            tracing::error!("nothing is delivered to {url}: {}", with_causes(error.as_ref()));
            None
        }
    }
}

/// Where recordings play that are delivered nowhere. None where they are delivered, and where no viewer can connect.
fn played_at(config: &Config, viewing: Option<&viewers::Viewing>) -> Option<String> {
    viewing.filter(|_| config.sync.is_none())?.address()
}
