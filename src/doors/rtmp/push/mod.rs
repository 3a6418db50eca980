//! Channels that are sent to other servers in real time, as a publisher sends a stream.
//!
//! ```text
//! api: channels, pushes ──► Pushing: a task for each push ──► Sender: the chunk that is shown now, and those behind it ──► Publisher
//!          ▲ how it goes ◄────────────┘ waits, connects, waits longer      chunk → tags → pace ◄── tape
//! ```
//!
//! [`Pushing`] has a thread of its own, which gives way to the recorder. What is wanted comes from [`Api`]; the answer of
//! `channel.pushes` and the event `channel.push_failed` come from here. A push holds at most a second of media in memory, and those that
//! send the same item share its layout: [`layouts`].

mod due;
mod entry;
mod layouts;
mod retry;
mod sender;
mod session;
mod timestamps;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::layouts::Layouts;
use self::session::Session;
use super::Trust;
use crate::api::{Api, PushKey};
use crate::channel::Target;
use crate::store::Reader;
use crate::watch::{has_failed, may_fail};

/// The name of the task in the log.
const TASK: &str = "sending channels";
/// How long pushes may take to end their publishes when the service stops.
const LEAVE: Duration = Duration::from_secs(2);
/// How long the thread may take to end when the service stops: [`LEAVE`], and the same for reads.
const STOP: Duration = Duration::from_secs(5);
/// Pushes that read the tape at one time.
const READERS: usize = 2;
/// Names of hosts that are looked up at one time. A look-up that nobody waits for any more goes on, and must not hold up the reads.
const LOOKUPS: usize = 16;
/// The niceness of the thread: recording goes first.
const NICENESS: i32 = 19;

/// Why channels cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("the thread for pushes could not be started: {0}")]
pub struct PushingError(std::io::Error);

/// The thread that sends channels to other servers.
pub struct Pushing {
    trust: watch::Sender<Option<Trust>>,
    stop: oneshot::Sender<()>,
    /// Ends with the thread.
    over: oneshot::Receiver<()>,
}

/// A push that is carried out.
struct Task {
    target: Target,
    /// The push ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl Pushing {
    /// Carries out the pushes of channels from now on. `dir` is the storage directory; servers under TLS must prove themselves to
    /// `trust`.
    pub fn start(api: Api, dir: PathBuf, trust: Option<Trust>) -> Result<Self, PushingError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(READERS + 1 + LOOKUPS)
            .thread_name("push-read")
            .on_thread_start(give_way)
            .build()
            .map_err(PushingError)?;
        let (trust, trusted) = watch::channel(trust);
        let (stop, mut stopped) = oneshot::channel();
        let (ends, over) = oneshot::channel::<()>();
        let run = move || {
            let _ends = ends;
            give_way();
            let reader = Reader::new(dir, READERS);
            runtime.block_on(async {
                while has_failed(TASK, carry_out(&api, &reader, &trusted, &mut stopped)).await {}
                let _ = timeout(LEAVE, reader.close()).await;
            });
            // Nobody needs the reads that still run.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("push".to_owned()).spawn(run);
        thread.map_err(PushingError)?;
        Ok(Self { trust, stop, over })
    }

    /// Sets the authorities that servers must prove themselves to, for connections that begin from now on.
    pub fn set_trust(&self, trust: Option<Trust>) {
        self.trust.send_replace(trust);
    }

    /// Ends all publishes, and waits for that, but not long.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        if timeout(STOP, self.over).await.is_err() {
            tracing::warn!(
                "{TASK} did not end within {} s; the service ends anyhow",
                STOP.as_secs()
            );
        }
    }
}

/// Starts and ends pushes as they are wanted, until the service stops.
async fn carry_out(
    api: &Api,
    reader: &Reader,
    trust: &watch::Receiver<Option<Trust>>,
    stopped: &mut oneshot::Receiver<()>,
) {
    let mut changed = api.channels_changed();
    let mut running: BTreeMap<PushKey, Task> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    let layouts = Arc::new(Layouts::default());
    loop {
        may_fail(TASK);
        changed.mark_unchanged();
        let wanted = api.pushes();
        running.retain(|key, task| wanted.get(key) == Some(&task.target));
        for (key, target) in wanted {
            if running.contains_key(&key) {
                continue;
            }
            let (stop, stops) = oneshot::channel();
            let session = Session::new(
                api.clone(),
                (reader.clone(), layouts.clone()),
                (key.clone(), target.clone()),
                trust.clone(),
            );
            tasks.spawn(session.run(stops));
            running.insert(key, Task { target, _stop: stop });
        }
        tokio::select! {
            biased;
            _ = &mut *stopped => break,
            Some(_) = tasks.join_next() => {}
            changed = changed.changed() => if changed.is_err() { break },
        }
    }
    running.clear();
    let all_left = async { while tasks.join_next().await.is_some() {} };
    let _ = timeout(LEAVE, all_left).await;
}

fn give_way() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!("a thread for pushes keeps its priority: {error}");
    }
}
