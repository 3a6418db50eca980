//! The running service: store, recorder, network.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use super::control::Control;
use super::credentials::Account;
use super::host::{Facts, Reloading, ThisService};
use super::keys;
use super::pulse::{Pulse, Silence};
use super::pushes::Pushes;
use super::viewers::{self, TakenPort};
use super::{broker, callbacks, may_block};
use crate::access::Admission;
use crate::api::{Api, Reloaded, SHOWN_AGAIN};
use crate::config::{self, Advice, ByteSize, Changes, Config};
use crate::delivery::{NAMESPACE, Said, Uploader, UploaderSettings};
use crate::doors::http::DATES;
use crate::doors::mqtt::Tally;
use crate::doors::rtmp::{self, Listen, PUBLISHER, Server};
use crate::https::with_causes;
use crate::model::Keep;
use crate::recorder::{Recorder, RecorderSettings, StreamStatus};
use crate::store::{CHANNELS, Clock, OnFull, Progress, Reader, RealClock, RealDisk, Store, StoreSettings};
use crate::tls::Identity;
use crate::watch;

/// How long publishers' connections may take to say goodbye before they are dropped.
const FAREWELL: Duration = Duration::from_millis(300);
/// The most threads that read the store at a time, of the four that may wait. One is left for names, keys and the
/// configuration.
const READERS: usize = 3;
/// The least memory that may wait for the card, in bytes, however small the rings are. Less would not do for an ordinary
/// second.
const LEAST_STALL_MEMORY: usize = 8 << 20;

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

    /// Starts the service like [`start`](Self::start). `tune` may change what no configuration sets.
    pub async fn start_with(config: Config, tune: impl FnOnce(&mut Tuning)) -> anyhow::Result<Self> {
        let limits = rtmp::limits(&config.rtmp);
        let admission = Arc::new(Admission::new(&PUBLISHER, keys::authorizer(&config)?, limits));
        let identity = Identity::default();
        keys::certificate(&config)?
            .into_iter()
            .for_each(|certificate| identity.set(certificate));
        let clock: Arc<dyn Clock> = Arc::new(RealClock);
        let mut tuning = Tuning {
            store: store_settings(&config),
            taken_port: TakenPort::default(),
        };
        tune(&mut tuning);
        let of = clock.clone();
        let (store, opened) = may_block(move || Store::open(tuning.store, Arc::new(RealDisk), of))
            .await?
            .with_context(|| format!("cannot open the store in '{}'", config.storage.dir.display()))?;
        tracing::info!(dir = %config.storage.dir.display(), "store open: {}", opened.report);

        let recorder = Recorder::new(
            recorder_settings(&config),
            store.clone(),
            clock.clone(),
            opened.tape_base,
        );
        recorder.reconfigure(
            recorder_settings(&config),
            config.templates.clone(),
            config.rules.clone(),
        );
        recorder.restore(&opened);
        for advice in recorder.advice().iter().chain(&config.advice_beside_rules()) {
            tracing::warn!("{advice}");
        }
        order_tasks(&recorder, &config, clock.as_ref());
        let said = opened
            .kept
            .get(NAMESPACE)
            .map_or_else(Said::default, |kept| Said::restore(kept));
        let uploader = deliver(&config, said, &store, &clock);
        let reader = Reader::new(config.storage.dir.clone(), READERS);
        let api = Api::new(recorder.clone(), store.clone(), reader.clone(), clock.clone());
        api.set_uploader(uploader.clone());
        api.restore_channels(opened.kept.get(CHANNELS).map_or(&[], Vec::as_slice));
        api.restore_shown_again(opened.kept.get(SHOWN_AGAIN).map_or(&[], Vec::as_slice));
        let (tally, facts) = (Arc::<Tally>::default(), Arc::<Mutex<Facts>>::default());
        let pulse = Arc::new(Pulse::new(sd_notify::watchdog_enabled(), Instant::now()));
        let (reload, reloads) = mpsc::channel(1);
        api.set_host(Arc::new(ThisService::new(
            config.device.id.clone(),
            facts.clone(),
            reload,
            tally.clone(),
            (admission.clone(), pulse.clone()),
        )));
        broker::enroll(&config, &store);
        let control = match Control::start(&config, api.clone()).await {
            Ok(control) => control,
            Err(error) => {
                uploader.iter().for_each(Uploader::stop);
                store.shutdown().context("cannot close the store")?;
                return Err(error).context("cannot take commands");
            }
        };
        let server = Server::bind(
            listen(&config),
            server_settings(&config),
            admission.clone(),
            identity.clone(),
        )
        .await;
        let server = match server {
            Ok(server) => server,
            Err(error) => {
                if let Some(control) = control {
                    control.stop().await;
                }
                uploader.iter().for_each(Uploader::stop);
                store.shutdown().context("cannot close the store")?;
                return Err(error).context("cannot listen for RTMP");
            }
        };
        let addresses = server.local_addrs();
        for address in &addresses {
            tracing::info!("listening on rtmp://{address}");
        }
        for address in server.local_tls_addrs() {
            tracing::info!("listening on rtmps://{address}");
        }
        let (stop_server, stopped) = oneshot::channel();
        let server = tokio::task::spawn(server.run(recorder.clone(), async {
            let _ = stopped.await;
        }));
        let time = tokio::task::spawn(recorder.clone().keep_time());
        let channels = tokio::task::spawn(api.clone().keep_channels());
        let dates = opened.kept.get(DATES).cloned().unwrap_or_default();
        let viewing = viewers::open(
            (&config, tuning.taken_port),
            &api,
            &recorder,
            (&store, &clock),
            dates,
        )
        .await;
        let mut pushes = Pushes::default();
        if let Some(warning) = pushes.configure(&config, &api).await {
            tracing::error!("{warning}");
        }
        let played_at = played_at(&config, viewing.as_ref());
        let mqtt = broker::connect(
            (&config, played_at.as_deref()),
            &api,
            (&store, &reader),
            &clock,
            &tally,
        )
        .await;
        let service = Self {
            config,
            store,
            reader,
            recorder,
            time,
            channels,
            admission,
            identity,
            addresses,
            server,
            stop_server: Some(stop_server),
            control,
            clock,
            api,
            uploader,
            viewing,
            pushes,
            mqtt,
            tally,
            pulse,
            facts,
            reloads: Some(reloads),
        };
        service.tell_facts();
        service.call_back().await;
        Ok(service)
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

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_facts(&self) {
        let mut facts = self.facts();
        facts.callbacks = callbacks::rows(&self.config);
        facts.config = self.config.to_toml();
        facts.has_broker = self.config.mqtt.is_some();
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

    /// Takes over the settings that can change while the service runs. The answer says which cannot.
    pub async fn reconfigure(&mut self, config: Config, of_file: Option<Advice>) -> Reloaded {
        let changes = Changes::between(&self.config, &config);
        let mut warnings = Vec::new();
        let (templates, rules) = (config.templates.clone(), config.rules.clone());
        self.recorder
            .reconfigure(recorder_settings(&config), templates, rules);
        order_tasks(&self.recorder, &config, self.clock.as_ref());
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
            let renewed = may_block(move || {
                let said = before.map(|uploader| {
                    uploader.stop();
                    uploader.said()
                });
                deliver(&config, said.unwrap_or_default(), &store, &clock)
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
        self.facts().webhooks.clear();
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
fn deliver(config: &Config, said: Said, store: &Store, clock: &Arc<dyn Clock>) -> Option<Uploader> {
    let delivery = config.sync.clone()?;
    let url = delivery.target.url();
    let started = keys::authority(config).and_then(|authority| {
        let settings = UploaderSettings {
            keys: Arc::new(Account::of(&delivery)),
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

fn store_settings(config: &Config) -> StoreSettings {
    let mut settings = StoreSettings::new(&config.storage.dir, &config.device.id);
    settings.own = own_name(&config.device.id);
    let storage = &config.storage;
    settings.durability = storage.durability.duration();
    settings.quota = storage.quota.map(ByteSize::bytes);
    settings.min_free = storage.min_free.map(ByteSize::bytes);
    settings.on_full = match storage.on_full {
        config::OnFull::OverwriteOldest => OnFull::OverwriteOldest,
        config::OnFull::Stop => OnFull::Stop,
    };
    settings.keep = match storage.keep {
        Keep::Forever => None,
        Keep::For(span) => Some(span.as_micros()),
    };
    settings.queue_hard = stall_memory(config);
    settings.delivers = config.sync.is_some();
    settings
}

/// A name that tells this box from others and is not on the card. It is a digest of the machine's id, so that nobody can find
/// the id from it. Where there is no such id, it is the device's id.
fn own_name(device: &str) -> String {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/etc/machine-id").or_else(|| read("/var/lib/dbus/machine-id"));
    let machine = machine
        .filter(|id| id.trim().len() == 32 && id.trim().bytes().all(|digit| digit.is_ascii_hexdigit()));
    let Some(machine) = machine else {
        return format!("device {device}");
    };
    let digest: [u8; 32] = Sha256::digest(format!("edgereel owns this journal {}", machine.trim())).into();
    format!("machine {}", HEXLOWER.encode(digest.split_at(16).0))
}

/// The bytes that may wait for a card that stalls: all that the rings may hold. The rings give way to it.
fn stall_memory(config: &Config) -> usize {
    memory(config).max(LEAST_STALL_MEMORY)
}

fn memory(config: &Config) -> usize {
    usize::try_from(config.ring.memory.bytes()).unwrap_or(usize::MAX)
}

fn recorder_settings(config: &Config) -> RecorderSettings {
    RecorderSettings {
        pre_roll: config.ring.pre_roll.as_micros(),
        ring_bytes: memory(config),
        takeover_after: config.rtmp.takeover_after.as_micros(),
        live_window: config.http.live_window.map_or(0, |window| window.as_micros()),
        is_viewed: config.http.is_on(),
    }
}

fn listen(config: &Config) -> Listen<'_> {
    Listen {
        plain: &config.rtmp.listen,
        tls: config.rtmp.tls.as_ref().map_or(&[], |tls| &tls.listen),
    }
}

fn server_settings(config: &Config) -> rtmp::Settings {
    rtmp::Settings {
        handshake_timeout: config.rtmp.handshake_timeout.duration(),
        publish_timeout: config.rtmp.publish_timeout.duration(),
        idle_timeout: config.rtmp.idle_timeout.duration(),
        max_connections: config.rtmp.max_connections,
        ..rtmp::Settings::default()
    }
}

#[cfg(test)]
mod tests;
