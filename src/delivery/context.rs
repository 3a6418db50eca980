//! The values that all transfers share.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use super::ciphers::Ciphers;
use super::planner::Job;
use super::remote::{Answer, Fault, Remote, Request};
use super::source::{Look, NoMaterial};
use super::tags::Tagging;
use super::tally::Tally;
use crate::config::{DeliverWhen, Delivery};
use crate::media::Micros;
use crate::store::{Change, Clock, Command, DeliveryChange, Library, Reader, RenditionId, Store, StoreError};

/// The values that all transfers share.
pub(super) struct Context {
    pub(super) reader: Reader,
    pub(super) store: Store,
    pub(super) remote: Arc<dyn Remote>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) delivery: Delivery,
    pub(super) ciphers: Arc<dyn Ciphers>,
    pub(super) device: String,
    /// CLOCK_BOOTTIME of the start.
    pub(super) started: Micros,
    /// False while transfers are to stop where they are.
    pub(super) go: watch::Receiver<bool>,
    /// Held while a key is chosen: two transfers that choose at once would choose the same key.
    pub(super) naming: tokio::sync::Mutex<()>,
    /// Uploads that the store was asked about since the start.
    pub(super) looked_at: Mutex<HashSet<RenditionId>>,
    /// The store's ETags of uploads in parts are not made as Amazon's are.
    pub(super) other_etags: AtomicBool,
    /// The store took a tag for an object: from then on objects get no tags.
    pub(super) takes_no_tags: AtomicBool,
    /// An object was the same behind a tag.
    pub(super) takes_tags: AtomicBool,
    /// The reason why objects stay although their time is over.
    pub(super) keeps_all: Mutex<Option<String>>,
    /// How far the tags are that did not reach their end.
    pub(super) tagging: Mutex<HashMap<RenditionId, Tagging>>,
    /// What is counted since the start.
    pub(super) tally: Arc<Tally>,
    /// An urgent transfer waits for a free place: a transfer that can wait gives way after its present part.
    pub(super) give_way: AtomicBool,
    /// The state of earlier looks at recordings that are delivered while they grow.
    pub(super) looks: Mutex<HashMap<Job, Look>>,
    /// CLOCK_BOOTTIME at which the next live playlist is there at the latest, if the link carries the stream.
    pub(super) due: Mutex<HashMap<Job, Micros>>,
    /// The transfers that run.
    pub(super) board: Mutex<HashMap<Job, OnTheWay>>,
}

/// The state of a transfer, for people to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OnTheWay {
    pub(super) key: String,
    /// Bytes of the rendition that the store has.
    pub(super) sent: u64,
    /// Bytes of the rendition, as far as it is known now.
    pub(super) bytes: u64,
}

/// The reason why a transfer did not reach its end.
#[derive(Debug)]
pub(super) enum End {
    Fault(Fault),
    Material(NoMaterial),
    /// The journal could not be written.
    Journal(String),
    Stopped,
}

impl Context {
    /// Reads from the store on a thread that may wait for it.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Library) -> Result<T, NoMaterial> + Send + 'static,
    ) -> Result<T, NoMaterial> {
        match self.reader.read(work).await {
            Err(NoMaterial::Store(error @ StoreError::Reading { .. })) => {
                Err(NoMaterial::Tape(error.to_string()))
            }
            read => read,
        }
    }

    /// The public address of an object.
    pub(super) fn url_of(&self, key: &str) -> String {
        match &self.delivery.public_url {
            Some(url) => url.of(key),
            None => self.delivery.target.object_url(key),
        }
    }

    /// Sends a request to the object store.
    pub(super) async fn ask(&self, request: Request) -> Result<Answer, End> {
        let bytes = match &request {
            Request::Put { body, .. } | Request::Part { body, .. } => body.len(),
            _ => 0,
        };
        let answer = self.remote.perform(request).await.map_err(End::Fault)?;
        // Bytes that were being sent when a connection broke did not arrive.
        self.tally.sent(bytes);
        Ok(answer)
    }

    /// Commits changes to the journal; durable when this returns.
    pub(super) async fn commit(&self, changes: Vec<DeliveryChange>) -> Result<(), End> {
        let (done, committed) = oneshot::channel();
        for command in [Command::Change(Change::Deliver(changes)), Command::Fence { done }] {
            let refused = |error: crate::store::Refused| End::Journal(error.to_string());
            self.store.submit(command).map_err(refused)?;
        }
        match committed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(End::Journal(reason)),
            Err(_) => Err(End::Journal("the store was closed".to_owned())),
        }
    }

    /// True when the storage directory came from another box and nobody adopted it: then its journal causes no removal.
    pub(super) fn is_moved(&self) -> bool {
        self.store.progress().borrow().moved
    }

    /// An error when the transfer must stop.
    pub(super) fn may_go_on(&self) -> Result<(), End> {
        if *self.go.borrow() {
            Ok(())
        } else {
            Err(End::Stopped)
        }
    }

    /// True when recordings go to the store while they grow.
    pub(super) fn is_live(&self) -> bool {
        self.delivery.when == DeliverWhen::Live
    }

    /// The name of the store. What is known of one store does not count for another.
    pub(super) fn store_name(&self) -> String {
        use crate::config::Target;
        match &self.delivery.target {
            Target::S3(s3) => format!("{} at {}", self.delivery.target.url(), s3.endpoint),
            Target::Folder(_) => self.delivery.target.url(),
        }
    }

    pub(super) fn keeps_all(&self) -> MutexGuard<'_, Option<String>> {
        self.keeps_all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tagging(&self) -> MutexGuard<'_, HashMap<RenditionId, Tagging>> {
        self.tagging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn looked_at(&self) -> MutexGuard<'_, HashSet<RenditionId>> {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn looks(&self) -> MutexGuard<'_, HashMap<Job, Look>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn due(&self) -> MutexGuard<'_, HashMap<Job, Micros>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn board(&self) -> MutexGuard<'_, HashMap<Job, OnTheWay>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<NoMaterial> for End {
    fn from(error: NoMaterial) -> Self {
        End::Material(error)
    }
}
