//! What all requests share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::answer::Refusal;
use super::files::{Bounds, of_store};
use super::flow::Flow;
use super::layouts::{Key, Layout, Layouts, Version};
use super::leases::Leases;
use super::live::{Dates, Inits};
use super::packed::Packed;
use super::pictures::Pictures;
use super::seen::Seen;
use super::server::address;
use super::tally::Tally;
use crate::access::viewer::Gate;
use crate::api::{Api, Back};
use crate::config::Http;
use crate::event::{Event, Sender};
use crate::media::{Micros, StreamName};
use crate::recorder::Recorder;
use crate::store::{Clock, Held, Library, Reader, Store, StoreError};
use crate::tls::Identity;
use crate::worker::MediaWorker;

/// The most reads of the journal at a time.
const READERS: usize = 4;
/// The most of them that lay something out: the others are there for what players wait for.
const LAYING: usize = 2;
/// The longest wait for those who lay something out.
const PATIENCE: Duration = Duration::from_secs(10);
/// So long after a playlist has lost a chunk its players may still fetch it, in microseconds.
const FETCHED: Micros = 600_000_000;
/// Layouts are looked at no more often than this.
const SWEEP: Duration = Duration::from_secs(1);

/// What the door needs of the service.
pub struct Inside {
    /// The commands.
    pub api: Api,
    /// Who may connect and watch, and the limits of addresses.
    pub gate: Arc<Gate>,
    /// The streams on the air, and the box's clock.
    pub recorder: Recorder,
    /// The tape.
    pub store: Store,
    /// The clock of the box.
    pub clock: Arc<dyn Clock>,
    /// The certificate of HTTPS.
    pub identity: Identity,
    /// The storage directory.
    pub dir: std::path::PathBuf,
    /// The dates of live playlists that the journal kept, of each stream: the values of [`DATES`](super::DATES).
    pub dates: Vec<(String, String)>,
    /// What events say of this box.
    pub sender: Sender,
    /// The name of the machine, which a request may be for.
    pub machine: String,
    /// Recordings are delivered. Where they are not, events say where they play.
    pub delivers: bool,
    /// The process that decodes pictures, if there is one.
    pub worker: Arc<MediaWorker>,
}

/// The door's state. One for all connections, on the door's thread.
pub(super) struct Door {
    pub(super) gate: Arc<Gate>,
    pub(super) identity: Identity,
    pub(super) layouts: Layouts,
    pub(super) leases: Leases,
    pub(super) packed: Packed,
    pub(super) pictures: Pictures,
    pub(super) seen: Seen,
    /// The dates that live playlists keep.
    pub(super) dates: Dates,
    /// The inits that playlists named last.
    pub(super) inits: Inits,
    pub(super) store: Store,
    pub(super) flow: Flow,
    pub(super) machine: String,
    pub(super) tally: Arc<Tally>,
    /// What is held back from viewers.
    pub(super) held: watch::Receiver<Arc<Held>>,
    reader: Reader,
    laying: Arc<Semaphore>,
    counting: Semaphore,
    pub(super) api: Api,
    sender: Sender,
    delivers: bool,
    /// The address of the first listener, without a slash at its end.
    own: Option<String>,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    http: Arc<Mutex<Arc<Http>>>,
    sweeps: Mutex<bool>,
}

impl Door {
    pub(super) fn new(
        inside: Inside,
        (http, own): (Arc<Mutex<Arc<Http>>>, Option<String>),
        flow: Flow,
    ) -> Arc<Door> {
        Arc::new(Door {
            gate: inside.gate,
            identity: inside.identity,
            layouts: Layouts::default(),
            leases: Leases::default(),
            packed: Packed::default(),
            pictures: Pictures::of(inside.worker),
            seen: Seen::default(),
            dates: Dates::restored(&inside.dates),
            inits: Inits::default(),
            held: inside.store.held(),
            store: inside.store,
            flow,
            machine: inside.machine,
            tally: Arc::default(),
            reader: Reader::new(inside.dir, READERS),
            laying: Arc::new(Semaphore::new(LAYING)),
            counting: Semaphore::new(1),
            api: inside.api,
            sender: inside.sender,
            delivers: inside.delivers,
            own,
            recorder: inside.recorder,
            clock: inside.clock,
            http,
            sweeps: Mutex::new(false),
        })
    }

    /// The configuration in force.
    pub(super) fn http(&self) -> Arc<Http> {
        let http = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        http.clone()
    }

    /// What events say of this box now.
    pub(super) fn sender(&self) -> Sender {
        let played_at = || address(&self.http(), self.own.as_deref());
        Sender {
            played_at: (!self.delivers).then(played_at).flatten(),
            ..self.sender.clone()
        }
    }

    /// True where recordings are delivered.
    pub(super) fn delivers(&self) -> bool {
        self.delivers
    }

    /// The name under which this box stands for a push domain.
    pub(super) fn domain(&self) -> &str {
        &self.sender.domain
    }

    /// UTC now, in microseconds, where the clock can be believed.
    pub(super) fn believed_utc(&self) -> Option<Micros> {
        self.recorder.believed_utc()
    }

    /// UTC now, in microseconds, as far as the box knows.
    pub(super) fn utc(&self) -> Micros {
        self.clock.utc()
    }

    /// The streams on the air, and what of them is in memory.
    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// The chunks of a stream that a viewer may have: those of the time of its right, and no longer ago than time shift of the stream
    /// goes.
    pub(super) async fn allowed(&self, stream: &StreamName, bounds: Bounds) -> Result<Allowed, Refusal> {
        let back = self.api.back(stream).await?;
        Ok(Allowed { bounds, back })
    }

    /// True while somebody publishes the stream.
    pub(super) fn is_on_air(&self, stream: &StreamName) -> bool {
        let live = self.recorder.status();
        live.iter().any(|live| live.stream == *stream)
    }

    /// True while the stream is recorded, or is going to be.
    pub(super) fn is_recorded(&self, stream: &StreamName) -> bool {
        let live = self.recorder.status();
        live.iter()
            .any(|live| live.stream == *stream && (live.recorded.now || !live.recordings.is_empty()))
    }

    /// Sends an event.
    pub(super) fn report(&self, event: Event) {
        self.recorder.report(event);
    }

    /// Reads the store, on a thread that may wait for it.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Library) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let read = move |library: &Library| read(library).map_err(Failed::Refused);
        self.reader.read(read).await.map_err(|failed| match failed {
            Failed::Refused(refusal) => refusal,
            Failed::Store(error) => of_store(&error),
        })
    }

    /// Waits for those who lay the same thing out.
    pub(super) async fn turn(&self, key: &Key) -> Result<OwnedMutexGuard<()>, Refusal> {
        let turn = timeout(PATIENCE, self.layouts.turn(key).lock_owned()).await;
        turn.map_err(|_| of_store(&StoreError::Busy))
    }

    /// Waits until many recordings may be counted. They are counted while the permit is there.
    pub(super) async fn counting(&self) -> Result<Option<SemaphorePermit<'_>>, Refusal> {
        let permit = timeout(PATIENCE, self.counting.acquire()).await;
        permit.map(Result::ok).map_err(|_| of_store(&StoreError::Busy))
    }

    /// Waits until something may be laid out. It is laid out while the permit is there.
    pub(super) async fn laying(&self) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let permit = timeout(PATIENCE, Arc::clone(&self.laying).acquire_owned()).await;
        // Nobody closes the semaphore.
        permit.map(Result::ok).map_err(|_| of_store(&StoreError::Busy))
    }

    /// Keeps a layout for the next requests of its player, for a while.
    pub(super) fn keep(self: &Arc<Self>, key: Key, version: Version, layout: Layout) {
        self.layouts.keep(key, version, layout, Instant::now());
        if std::mem::replace(&mut *self.sweeping(), true) {
            return;
        }
        let door = Arc::clone(self);
        tokio::spawn(async move {
            while let Some(due) = door.layouts.expire(Instant::now()) {
                sleep_until(due.max(Instant::now() + SWEEP)).await;
            }
            *door.sweeping() = false;
        });
    }

    fn sweeping(&self) -> MutexGuard<'_, bool> {
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which chunks of a stream a viewer may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    bounds: Bounds,
    back: Option<Back>,
}

/// Why a read came to nothing.
enum Failed {
    Refused(Refusal),
    Store(StoreError),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Failed::Store(error)
    }
}

impl From<Bounds> for Allowed {
    fn from(bounds: Bounds) -> Self {
        Self { bounds, back: None }
    }
}

impl Allowed {
    /// True for a chunk that lies between these moments (UTC), if only for a part. What a playlist listed is fetched for some
    /// minutes more.
    pub(super) fn has(&self, (begins, ends): (Micros, Micros)) -> bool {
        let oldest = self.back.map(|back| back.oldest(ends).saturating_sub(FETCHED));
        let (earliest, latest) = self.bounds;
        earliest.max(oldest).is_none_or(|earliest| ends > earliest)
            && latest.is_none_or(|latest| begins < latest)
    }
}
