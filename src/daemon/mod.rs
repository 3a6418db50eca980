//! Wires the rooms together: start-up order, reload, shutdown, and messages to the service manager.
//!
//! Start-up: the store is opened first, and repairs what the last run left. Then the recorder starts, then the network is let
//! in. Only then is the service called ready. Shutdown goes the other way: publishers are ended, the frames in memory are
//! written and made durable, the segments are sealed.

mod broker;
mod callbacks;
mod control;
mod credentials;
mod encryption;
mod filter;
mod host;
mod keys;
mod limits;
mod log;
mod notify;
mod pulse;
mod pushes;
mod recent;
mod service;
mod viewers;

pub(crate) use control::NAME as SOCKET_NAME;
pub use control::default_socket;
pub(crate) use keys::{
    authority, authorizer, broker_keys, callback_key, certificate, https_certificate, review_key, viewers,
};
pub use log::{LogTarget, flush_log, init_log};
pub use pulse::Silence;
pub use service::{Service, Snapshot, Tuning};
pub use viewers::TakenPort;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::api::{Caller, Code, Failure, Reloaded};
use crate::config::{Advice, Config};
use crate::https::with_causes;

/// Reads the configuration again, for SIGHUP. It also gives the advice about the configuration file, if there is any.
pub type Reload = Arc<dyn Fn() -> anyhow::Result<(Config, Option<Advice>)> + Send + Sync>;

/// Runs the service until SIGTERM or SIGINT; SIGHUP reloads.
pub async fn run(config: Config, reload: Reload) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;

    let manager = notify::Manager::find();
    let start = manager.while_starting(Service::start(config), crate::store::looked_at);
    let mut service = start.await?;
    manager.ready();
    let mut heart = notify::Heart::new(manager.clone());
    let mut reloads = service.take_reloads();
    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            _ = hangup.recv() => {
                manager.reloading();
                let entry = service.api().for_caller(Caller::signal("SIGHUP")).begin_unasked("config.reload");
                let taken = take_over(&mut service, read(&reload).await).await;
                let refused = |reason| Failure::new(Code::Refused, reason);
                entry.end(&taken.map(|_| Value::Null).map_err(refused));
                manager.ready();
            }
            Some(asked) = next(&mut reloads) => {
                manager.reloading();
                let taken = take_over(&mut service, read(&reload).await).await;
                manager.ready();
                let _ = asked.send(taken);
            }
            () = heart.beat() => heart.tell(&service.snapshot()),
            failed = service.failed() => break failed,
        }
    };
    manager.stopping();
    // This happens also after a failure, as far as it can: the frames in memory are made durable, and whoever is connected is
    // told.
    let stopped = service.stop().await;
    ended.and(stopped)
}

/// The next value of the channel. Never resolves where there is no channel.
async fn next<T>(channel: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    match channel {
        Some(channel) => channel.recv().await,
        None => std::future::pending().await,
    }
}

/// Reads the configuration again, on another thread: the file may be on a card that stalls.
async fn read(reload: &Reload) -> anyhow::Result<(Config, Option<Advice>)> {
    let reload = reload.clone();
    may_block(move || reload()).await?
}

/// Runs work that may wait for a file or a thread on another thread, so that it holds up nobody.
async fn may_block<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .context("it could not be carried out, which is a defect of edgereel")
}

/// Takes over a configuration that was read again. The error is why it could not be read.
async fn take_over(
    service: &mut Service,
    read: anyhow::Result<(Config, Option<Advice>)>,
) -> Result<Reloaded, String> {
    match read {
        Ok((config, of_file)) => Ok(service.reconfigure(config, of_file).await),
        Err(error) => {
            let words = with_causes(error.as_ref());
            tracing::error!("configuration not reloaded, the old one stays in force: {words}");
            Err(words)
        }
    }
}

/// A thread that reads files ends after it had no work for this time.
const BLOCKING_IDLE: Duration = Duration::from_secs(1);

/// Runs `body` on the one network thread: a tokio current-thread runtime.
pub fn block_on<T>(body: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // The network thread seldom works with files (DNS of `publish`). A small pool costs no idle memory.
        .max_blocking_threads(4)
        // Each thread has memory of its own, which it gives back only when it ends.
        .thread_keep_alive(BLOCKING_IDLE)
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(body)
}

/// The path of the configuration that a package installs, if it is there.
pub fn default_config_path() -> Option<PathBuf> {
    let packaged = PathBuf::from("/etc/edgereel/edgereel.toml");
    // A file that this user may not see counts as there: without it the service would do something else.
    packaged.try_exists().unwrap_or(true).then_some(packaged)
}
