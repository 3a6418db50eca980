//! The handle of delivery for the rest of the service: it sends orders to the thread of delivery.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};

use crate::config::{Delivery, OnBlock, Target};
use crate::media::RecordingId;
use crate::store::{Change, Clock, Command, Reader, Store};
use crate::watch::has_failed;

use super::check::SyncCheck;
use super::context::Context;
use super::put::{NotPut, Object, Stored};
use super::remote::folder::Folder;
use super::remote::s3::S3;
use super::remote::{Pace, Remote};
use super::run::{Loop, Order};
use super::tally::Tally;
use super::{Ciphers, Deliveries, Keys, SyncStatus};

/// The namespace in which orders about delivery are kept over restarts.
pub const NAMESPACE: &str = "sync";

/// The most orders that wait.
const ORDERS: usize = 16;

/// The settings of delivery.
pub struct UploaderSettings {
    /// The destination, and how to deliver there.
    pub delivery: Delivery,
    /// The name of the box, for keys.
    pub device: String,
    /// The storage directory.
    pub dir: PathBuf,
    /// The access key, for a bucket.
    pub keys: Arc<dyn Keys>,
    /// How recordings are encrypted.
    pub ciphers: Arc<dyn Ciphers>,
    /// PEM of certificates that are trusted beside those of the system.
    pub authority: Option<Vec<u8>>,
}

/// The orders of people about delivery, kept over restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// True while delivery is paused.
    pub paused: bool,
    /// Most bytes a second, in place of the configured limit; zero is without a limit.
    pub max_rate: Option<u64>,
}

/// The reason why delivery cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum UploaderError {
    /// The configuration cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The thread for deliveries cannot be started.
    #[error("the thread for deliveries could not be started: {0}")]
    Thread(String),
}

/// Delivery takes no more orders: the service stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("delivery is stopping, or begins anew as the changed configuration says: ask again in a moment")]
pub struct Stopping;

/// The deliveries of this process; clones share them.
#[derive(Clone)]
pub struct Uploader {
    inner: Arc<Inner>,
}

struct Inner {
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    store: Store,
    said: Arc<Mutex<Said>>,
    tally: Arc<Tally>,
    on_block: OnBlock,
}

impl Uploader {
    /// Begins to deliver, on a thread of its own: hashing and encryption for the uplink do not hold up publishers.
    pub fn start(
        settings: UploaderSettings,
        said: Said,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UploaderError> {
        let configured = settings.delivery.max_rate.map(|rate| rate.bytes());
        let pace = Pace::new(match said.max_rate {
            Some(0) => None,
            Some(rate) => Some(rate),
            None => configured,
        });
        let on_block = settings.delivery.on_block;
        let remote = remote(&settings, &pace, &clock)?;
        let (go, may_go) = watch::channel(true);
        let said = Arc::new(Mutex::new(said));
        // Each transfer has a thread that reads and one that reads ahead. Beside them one looks at the tape, and one reads
        // keys.
        let threads = 2 * settings.delivery.transfers + 3;
        let tally = Arc::<Tally>::default();
        let cx = Arc::new(Context {
            reader: Reader::new(settings.dir, threads),
            store: store.clone(),
            remote,
            started: clock.boot(),
            clock,
            delivery: settings.delivery,
            ciphers: settings.ciphers,
            device: settings.device,
            go: may_go,
            naming: tokio::sync::Mutex::default(),
            looked_at: Mutex::new(HashSet::new()),
            other_etags: AtomicBool::new(false),
            takes_no_tags: AtomicBool::new(false),
            takes_tags: AtomicBool::new(false),
            keeps_all: Mutex::new(None),
            tagging: Mutex::default(),
            tally: tally.clone(),
            give_way: AtomicBool::new(false),
            looks: Mutex::new(HashMap::new()),
            due: Mutex::new(HashMap::new()),
            board: Mutex::new(HashMap::new()),
        });
        let (orders, mut receiver) = mpsc::channel(ORDERS);
        let kept = said.clone();
        let failed = |error: std::io::Error| UploaderError::Thread(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(threads)
            .thread_name("sync-read")
            .build()
            .map_err(failed)?;
        let thread = std::thread::Builder::new()
            .name("sync".to_owned())
            .spawn(move || {
                // The journal has every step before another depends on it: the next start continues from there.
                runtime.block_on(async {
                    let mut begin = async || {
                        let paused = kept.lock().unwrap_or_else(PoisonError::into_inner).paused;
                        cx.board().clear();
                        let deliveries = Loop::new(cx.clone(), pace.clone(), go.clone(), paused);
                        deliveries.run(&mut receiver).await;
                    };
                    while has_failed("sync", begin()).await {}
                });
                // Nobody needs the reads that still run.
                runtime.shutdown_background();
            })
            .map_err(failed)?;
        Ok(Self {
            inner: Arc::new(Inner {
                orders: Mutex::new(Some(orders)),
                thread: Mutex::new(Some(thread)),
                store,
                said,
                tally,
                on_block,
            }),
        })
    }

    /// What becomes of delivered files of a recording that is blocked.
    pub fn on_block(&self) -> OnBlock {
        self.inner.on_block
    }

    /// Pauses sending, or resumes it; also after a restart.
    pub async fn pause(&self, paused: bool) -> Result<(), Stopping> {
        self.keep("paused", paused.then(|| "true".to_owned()));
        self.said_now().paused = paused;
        self.order(Order::Pause(paused)).await
    }

    /// Tries all deliveries again at once, also failed ones.
    pub async fn retry(&self) -> Result<(), Stopping> {
        self.order(Order::Retry).await
    }

    /// Limits the bytes a second from now on, also after a restart; `None` is without a limit.
    pub async fn limit(&self, rate: Option<u64>) -> Result<(), Stopping> {
        self.keep("max_rate", Some(rate.unwrap_or(0).to_string()));
        self.said_now().max_rate = Some(rate.unwrap_or(0));
        self.order(Order::Limit(rate)).await
    }

    /// The orders of people about delivery, for the next start.
    pub fn said(&self) -> Said {
        *self.said_now()
    }

    fn said_now(&self) -> MutexGuard<'_, Said> {
        self.inner.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the delivered files of a recording from the store, soon. The error says why the removal could not be committed.
    pub async fn remove(&self, recording: RecordingId) -> Result<Result<(), String>, Stopping> {
        let (done, removed) = oneshot::channel();
        self.order(Order::Remove(recording, done)).await?;
        removed.await.map_err(|_| Stopping)
    }

    /// An error where nothing is sent now.
    pub async fn sends(&self) -> Result<(), NotPut> {
        let (done, sends) = oneshot::channel();
        let stopping = |stopping: Stopping| NotPut::Later(stopping.to_string());
        self.order(Order::Sends(done)).await.map_err(stopping)?;
        match sends.await {
            Ok(None) => Ok(()),
            Ok(Some(reason)) => Err(NotPut::Later(reason)),
            Err(_) => Err(stopping(Stopping)),
        }
    }

    /// Puts a small object into the store, in place of the one of this key. Answers with its key there and its public address.
    pub async fn put(&self, object: Object) -> Result<Stored, NotPut> {
        let (done, stored) = oneshot::channel();
        let stopping = |stopping: Stopping| NotPut::Later(stopping.to_string());
        self.order(Order::Put(object, done)).await.map_err(stopping)?;
        stored.await.map_err(|_| stopping(Stopping))?
    }

    /// Checks whether the store permits this box what deliveries need.
    pub async fn check(&self) -> Result<SyncCheck, Stopping> {
        let (done, checked) = oneshot::channel();
        self.order(Order::Check(done)).await?;
        checked.await.map_err(|_| Stopping)
    }

    /// Has the store checked again, soon. A problem is reported as after a start.
    pub async fn check_again(&self) -> Result<(), Stopping> {
        self.order(Order::Recheck).await
    }

    /// The state of delivery.
    pub async fn status(&self) -> Result<SyncStatus, Stopping> {
        let (done, status) = oneshot::channel();
        self.order(Order::Status(done)).await?;
        status.await.map_err(|_| Stopping)
    }

    /// What was counted since delivery began.
    pub fn counts(&self) -> Deliveries {
        self.inner.tally.counted()
    }

    /// Stops delivery. Transfers that run continue after the next start. Blocks for a moment.
    pub fn stop(&self) {
        drop(
            self.inner
                .orders
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let thread = self
            .inner
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread for deliveries failed, which is a defect of edgereel");
        }
    }

    async fn order(&self, order: Order) -> Result<(), Stopping> {
        let orders = self
            .inner
            .orders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match orders {
            Some(orders) => orders.send(order).await.map_err(|_| Stopping),
            None => Err(Stopping),
        }
    }

    fn keep(&self, id: &str, body: Option<String>) {
        let id = id.to_owned();
        let kept = self.inner.store.submit(Command::Change(Change::Keep {
            namespace: NAMESPACE,
            id,
            body,
            tell: Vec::new(),
        }));
        if let Err(refused) = kept {
            tracing::error!("not kept over a restart: {refused}");
        }
    }
}

impl Said {
    /// Restores the orders from their kept values: ids and bodies of [`NAMESPACE`].
    pub fn restore(kept: &[(String, String)]) -> Self {
        let find = |wanted: &str| kept.iter().find(|(id, _)| id == wanted).map(|(_, body)| body);
        Self {
            paused: find("paused").is_some(),
            max_rate: find("max_rate").and_then(|rate| rate.parse().ok()),
        }
    }
}

fn remote(
    settings: &UploaderSettings,
    pace: &Pace,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Remote>, UploaderError> {
    Ok(match &settings.delivery.target {
        Target::Folder(root) => Arc::new(Folder::new(root.clone(), pace.clone())),
        Target::S3(target) => {
            let authority = settings.authority.as_deref();
            let timeout = settings.delivery.timeout.duration();
            let s3 = S3::new(
                target,
                settings.keys.clone(),
                authority,
                pace.clone(),
                timeout,
                clock.clone(),
            );
            Arc::new(s3.map_err(UploaderError::Settings)?)
        }
    })
}
