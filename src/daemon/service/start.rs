//! The start of the service: the store first, then the recorder, then the doors.

use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::settings::{listen, recorder_settings, server_settings, store_settings};
use super::{Service, Tuning, deliver, order_tasks, played_at};
use crate::access::Admission;
use crate::api::{Api, SHOWN_AGAIN};
use crate::config::Config;
use crate::daemon::control::Control;
use crate::daemon::encryption::{self, Encrypting};
use crate::daemon::host::{Facts, ThisService};
use crate::daemon::pulse::Pulse;
use crate::daemon::pushes::Pushes;
use crate::daemon::viewers::{self, TakenPort};
use crate::daemon::{broker, keys, may_block};
use crate::delivery::{NAMESPACE, Said, Uploader};
use crate::doors::http::DATES;
use crate::doors::mqtt::Tally;
use crate::doors::rtmp::{self, PUBLISHER, Server};
use crate::recorder::Recorder;
use crate::store::{CHANNELS, Clock, Reader, RealClock, RealDisk, Store};
use crate::tls::Identity;
use crate::work;
use crate::worker::MediaWorker;

/// The most threads that read the store at a time, of the four that may wait. One is left for names, keys and the
/// configuration.
const READERS: usize = 3;

impl Service {
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
        let reader = Reader::new(config.storage.dir.clone(), READERS);
        let api = Api::new(recorder.clone(), store.clone(), reader.clone(), clock.clone());
        if let Some(error) = encryption::take_over(api.hls_keys(), &config).await {
            tracing::error!("encrypted recordings are neither played nor delivered: {error}");
        }
        if let Some(error) = api.unready(config.sync.is_some()) {
            tracing::error!("{error}");
        }
        let ciphers = Arc::new(Encrypting {
            recorder: recorder.clone(),
            keys: api.hls_keys().clone(),
        });
        let uploader = deliver(&config, said, ciphers, (&store, &clock));
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
        let sessions = tokio::task::spawn(api.clone().compose_sessions());
        let jobs = tokio::task::spawn(api.clone().follow_jobs());
        let worker = Arc::new(MediaWorker::new(config.media.socket().to_owned()));
        let delivery = api.clone();
        let source = work::Source {
            store: store.clone(),
            reader: reader.clone(),
            clock: clock.clone(),
            worker: worker.clone(),
            device: config.device.id.clone(),
            uploader: Arc::new(move || delivery.delivery()),
        };
        let work = tokio::task::spawn(work::Queue::new(source, api.work().clone()).run());
        let dates = opened.kept.get(DATES).cloned().unwrap_or_default();
        let viewing = viewers::open(
            (&config, tuning.taken_port),
            &api,
            &recorder,
            (&store, &clock, &worker),
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
            sessions,
            jobs,
            work,
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
        service.ask_hook().await;
        Ok(service)
    }
}
