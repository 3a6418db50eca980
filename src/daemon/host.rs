//! Carries out commands about the device itself.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::pulse::Pulse;
use super::{log, recent};
use crate::access::Admission;
use crate::access::viewer::{Claims, Gate, VIEWER};
use crate::api::{ByWord, CallbackRow, HookStatus, Host, LogWanted, Reloaded, Signs};
use crate::doors::mqtt::Tally;
use crate::doors::rtmp;
use crate::doors::webhook::{Callback, ReviewHook};
use crate::model::reply::{DeviceBroker, LinkHealth, LogTail};

/// A request to read the configuration again. The sender takes the result.
pub(super) type Reloading = oneshot::Sender<Result<Reloaded, String>>;

/// The service, as commands see it.
pub(super) struct ThisService {
    device: String,
    facts: Arc<Mutex<Facts>>,
    reload: mpsc::Sender<Reloading>,
    tally: Arc<Tally>,
    admission: Arc<Admission>,
    pulse: Arc<Pulse>,
}

/// The configuration in force, as commands show it.
#[derive(Default)]
pub(super) struct Facts {
    /// The configuration as TOML, with its secrets masked.
    pub(super) config: String,
    /// The callbacks that are configured, and below those that run.
    pub(super) callbacks: Vec<CallbackRow>,
    pub(super) webhooks: Vec<Callback>,
    /// The hook that reviews, if there is one.
    pub(super) hook: Option<ReviewHook>,
    /// The address of the broker, if one is configured.
    pub(super) broker: Option<String>,
    /// The gate of viewers, if there is a door for them, and the address of that door.
    pub(super) gate: Option<Arc<Gate>>,
    pub(super) address: Option<String>,
}

impl ThisService {
    pub(super) fn new(
        device: String,
        facts: Arc<Mutex<Facts>>,
        reload: mpsc::Sender<Reloading>,
        tally: Arc<Tally>,
        (admission, pulse): (Arc<Admission>, Arc<Pulse>),
    ) -> Self {
        Self {
            device,
            facts,
            reload,
            tally,
            admission,
            pulse,
        }
    }
}

impl Host for ThisService {
    fn device(&self) -> String {
        self.device.clone()
    }

    fn config(&self) -> String {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.config.clone()
    }

    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<Reloaded, String>> + Send>> {
        let reload = self.reload.clone();
        Box::pin(async move {
            let (done, reloaded) = oneshot::channel();
            let stopping = || "the service is stopping".to_owned();
            reload.send(done).await.map_err(|_| stopping())?;
            reloaded.await.map_err(|_| stopping())?
        })
    }

    fn set_log(&self, filter: &str) -> Result<(), String> {
        log::set_log(filter)?;
        tracing::warn!("the log level was set to {filter}");
        Ok(())
    }

    fn log_lost(&self) -> u64 {
        log::lost()
    }

    fn log_tail(&self, wanted: &LogWanted) -> LogTail {
        recent::tail(wanted)
    }

    fn callbacks(&self) -> Vec<CallbackRow> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.callbacks.clone()
    }

    fn look_again(&self) {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.webhooks.iter().for_each(Callback::look_again);
        facts.hook.iter().for_each(ReviewHook::look_again);
    }

    fn review_hook(&self) -> Option<HookStatus> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.hook.as_ref().map(ReviewHook::status)
    }

    fn token(&self, claims: &Claims) -> Result<String, String> {
        let gate = self
            .facts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .gate
            .clone();
        let gate = gate.ok_or("viewers cannot connect: http.listen has no address, or the log says why")?;
        let made = gate.viewers().token(claims);
        made.map_err(|reason| VIEWER.told(&reason))
    }

    fn address(&self) -> Option<String> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.address.clone()
    }

    fn link(&self) -> Option<LinkHealth> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.broker.is_some().then(|| self.tally.health())
    }

    fn broker(&self) -> Option<DeviceBroker> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        Some(self.tally.about(facts.broker.clone()?))
    }

    fn is_linked(&self) -> bool {
        self.tally.is_connected()
    }

    fn refusals(&self) -> ByWord {
        let counts = self.admission.refusals();
        let kinds = rtmp::refusal_kinds();
        kinds
            .map(|kind| (kind, counts.get(kind).copied().unwrap_or(0)))
            .collect()
    }

    fn signs(&self) -> Signs {
        self.pulse.silence(Instant::now()).signs()
    }
}
