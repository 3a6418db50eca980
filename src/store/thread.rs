//! The handle on the store, and the thread behind it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::queue::Queue;
use super::{Clock, Command, Disk, Progress, RecoveryReport, Refused, StoreError};
use crate::media::Micros;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// The storage directory; made when it is not there. Its parent must exist.
    pub dir: PathBuf,
    /// The device's id, written into every segment.
    pub device: String,
    /// How often the tape is made durable.
    pub durability: Duration,
    /// A new segment begins at the first keyframe after this much media.
    pub segment_duration: Duration,
    /// A new segment begins at the first keyframe after this many bytes.
    pub segment_bytes: u64,
    /// [`Store::room`] waits while more bytes than this are on their way.
    pub queue_soft: usize,
    /// [`Store::submit`] refuses media beyond this many bytes.
    pub queue_hard: usize,
}

impl StoreSettings {
    /// The defaults of the product for a directory and a device.
    pub fn new(dir: impl Into<PathBuf>, device: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            device: device.into(),
            durability: Duration::from_secs(1),
            segment_duration: Duration::from_secs(60),
            segment_bytes: 32 << 20,
            queue_soft: 8 << 20,
            queue_hard: 16 << 20,
        }
    }
}

/// What opening a store found.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Tape time now is this plus CLOCK_BOOTTIME. Chosen so that it lies past everything on any tape: the line
    /// never goes back, whatever clocks and reboots do.
    pub tape_base: Micros,
    /// What was repaired.
    pub report: RecoveryReport,
}

/// The store of this process; clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    progress: watch::Receiver<Progress>,
}

impl Store {
    /// Locks the directory, repairs what the last run left, and starts the storage thread.
    pub fn open(
        _settings: StoreSettings,
        _disk: Arc<dyn Disk>,
        _clock: Arc<dyn Clock>,
    ) -> Result<(Store, Opened), StoreError> {
        unimplemented!("store")
    }

    /// Hands a command to the storage thread. Never blocks.
    pub fn submit(&self, command: Command) -> Result<(), Refused> {
        self.inner.queue.put(command)
    }

    /// Bytes handed over and not yet written.
    pub fn backlog_bytes(&self) -> usize {
        self.inner.queue.backlog()
    }

    /// Waits until the backlog is below the soft limit: how a slow card slows a fast publisher.
    pub async fn room(&self) {
        self.inner.queue.room().await;
    }

    /// How far the tape is, now and whenever it gets further.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.inner.progress.clone()
    }

    /// Asks the thread for a sign of life and returns how many it has given so far: a number that does not
    /// grow from one call to one some seconds later means that the card holds the thread up.
    pub fn heartbeat(&self) -> u64 {
        self.inner.queue.beat()
    }

    /// Carries out what was submitted, seals everything and ends the thread. Blocks as long as the card does.
    /// Idempotent; later submits are refused.
    pub fn shutdown(&self) -> Result<(), StoreError> {
        self.inner.queue.close();
        Ok(())
    }
}
