//! The state of deliveries in the journal: which renditions of recordings are delivered, and how far.

use super::{Library, StoreError};
use crate::format::Format;
use crate::media::{Micros, RecordingId};
use crate::model::ReviewStatus;

/// A rendition: the recording, the format and the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RenditionId {
    /// The recording.
    pub recording: RecordingId,
    /// The format.
    pub format: Format,
    /// The number of the file in this format, from 1.
    pub part: u32,
}

/// A rendition that is to be delivered, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendition {
    /// Its recording, format and part.
    pub id: RenditionId,
    /// The state of its delivery.
    pub state: RenditionState,
    /// The store that its key belongs to.
    pub store: String,
    /// Its key in the store; of HLS, that of the playlist.
    pub key: String,
    /// The address where it can be fetched.
    pub url: String,
    /// The address of the master playlist of HLS, once the store has it.
    pub master_url: Option<String>,
    /// Bytes; of HLS, of all files.
    pub bytes: u64,
    /// CRC-32C of the whole file; `None` for a folder.
    pub crc: Option<u32>,
    /// The store's name of this version of the object.
    pub etag: String,
    /// The upload in parts that was begun for it.
    pub upload: Option<Upload>,
    /// Number of files of a folder that decode the others.
    pub inits: u32,
    /// Number of the other files.
    pub chunks: u32,
    /// The reason why it is not delivered, if there was a fault.
    pub error: Option<String>,
    /// UTC of its delivery.
    pub delivered: Option<Micros>,
    /// UTC at which it is to be removed from the store.
    pub remove_at: Option<Micros>,
    /// The days that its tag `edgereel-days` says, if it has one.
    pub days: Option<i64>,
}

/// How far a rendition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenditionState {
    /// It waits, or is on its way.
    Waiting,
    /// The store has it, and said so.
    Delivered,
    /// It was refused too often, or cannot be read: it waits for somebody to look at it.
    Failed,
    /// The recording has nothing that this format could carry.
    Void,
    /// It is to be removed from the store.
    Removing,
}

/// An upload in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The store's name of the upload; `None` while the upload is about to be begun.
    pub id: Option<String>,
    /// How the file is cut into parts.
    pub layout: Layout,
}

/// How a file is cut into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Parts of so many bytes, from the beginning of the file.
    Equal(u64),
    /// Parts of a file that grows: the first part comes last.
    Growing,
}

/// A piece of a rendition that the store has: a part of an upload, or a file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The part's number, or the file's name.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// CRC-32C of these bytes.
    pub crc: u32,
    /// The store's name of this version of the piece.
    pub etag: String,
    /// The mark of its media, in hexadecimal. The mark of a part covers everything up to the end of the part.
    pub mark: String,
}

/// A change of the state of deliveries. The changes of one [`Change::Deliver`](super::Change::Deliver) are made together.
#[derive(Clone, Debug, PartialEq)]
pub enum DeliveryChange {
    /// Sets the state of a rendition. Its first delivery is told as an event.
    Put(Rendition),
    /// The store has this piece of a rendition.
    Piece(RenditionId, Piece),
    /// The pieces of a rendition do not count any more. An upload that was begun is to be given up.
    Restart(RenditionId),
    /// Forgets a rendition.
    Forget(RenditionId),
    /// An upload was given up in the store, too.
    Abandoned {
        /// The key that it was for.
        key: String,
        /// The store's name of the upload.
        upload: String,
    },
    /// True: the rest of the recording's delivery has failed and waits until somebody acts. False: it waits no longer.
    Failed(RecordingId, bool),
    /// All failed deliveries of all recordings are tried again.
    RetryAll,
    /// All removals and tags that the store refused are asked for again.
    RetryRemovals,
    /// All renditions of a recording are to be removed from the store.
    Remove(RecordingId),
    /// The store refuses to remove a rendition, for this reason. The removal waits until somebody acts, or for the next day.
    NotRemoved(RenditionId, String),
    /// The store has the tag of a delivered rendition, with this review.
    Tagged(RenditionId, ReviewStatus),
    /// The store refuses the tag with this review, for this reason. It waits until somebody acts, or for the next day.
    NotTagged(RenditionId, ReviewStatus, String),
    /// The tag with this review fails again and again, for this reason. It is asked for again.
    TagFails(RenditionId, ReviewStatus, String),
    /// A rendition was found in the store, where it may have the tag of an earlier review.
    TagAgain(RenditionId),
    /// The store put a tag in place of a delivered rendition. What is there is to be removed.
    Spoiled(RenditionId),
}

/// The recording that comes first among those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingOrder {
    /// The newest.
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

/// A recording that is to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToDeliver {
    /// The recording.
    pub recording: RecordingId,
    /// True while the recording grows.
    pub open: bool,
    /// The formats that are delivered.
    pub formats: Vec<Format>,
}

/// The number and the size of the deliveries that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Recordings that are closed and not delivered.
    pub recordings: u64,
    /// Bytes of their tape.
    pub bytes: u64,
    /// Recordings among them with failed deliveries.
    pub aside: u64,
}

impl RenditionState {
    /// The word in the journal and in `ls --json`.
    pub fn as_str(self) -> &'static str {
        match self {
            RenditionState::Waiting => "waiting",
            RenditionState::Delivered => "delivered",
            RenditionState::Failed => "failed",
            RenditionState::Void => "empty",
            RenditionState::Removing => "removing",
        }
    }

    pub(in crate::store) fn read(text: &str) -> Option<Self> {
        use RenditionState::{Delivered, Failed, Removing, Void, Waiting};
        [Waiting, Delivered, Failed, Void, Removing]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

impl Layout {
    /// The number in the journal: bytes of a part; 0 is the layout of a file that grows.
    pub(in crate::store) fn written(self) -> u64 {
        match self {
            Layout::Equal(bytes) => bytes.max(1),
            Layout::Growing => 0,
        }
    }

    pub(in crate::store) fn read(number: u64) -> Self {
        match number {
            0 => Layout::Growing,
            bytes => Layout::Equal(bytes),
        }
    }
}

impl Rendition {
    /// A rendition without progress.
    pub fn new(id: RenditionId) -> Self {
        Self {
            id,
            state: RenditionState::Waiting,
            store: String::new(),
            key: String::new(),
            url: String::new(),
            master_url: None,
            bytes: 0,
            crc: None,
            etag: String::new(),
            upload: None,
            inits: 0,
            chunks: 0,
            error: None,
            delivered: None,
            remove_at: None,
            days: None,
        }
    }
}

impl Library {
    /// Up to so many recordings that are to be delivered. The `open` ones come first, if they are asked for; then the closed
    /// ones without failed deliveries.
    pub fn to_deliver(
        &self,
        order: WaitingOrder,
        open: bool,
        limit: usize,
    ) -> Result<Vec<ToDeliver>, StoreError> {
        self.journal().to_deliver(order, open, limit)
    }

    /// The renditions of a recording, also when the recording is gone.
    pub fn renditions(&self, recording: RecordingId) -> Result<Vec<Rendition>, StoreError> {
        self.journal().renditions(recording)
    }

    /// The pieces of a rendition in delivery that the store has.
    pub fn pieces(&self, id: RenditionId) -> Result<Vec<Piece>, StoreError> {
        self.journal().pieces(id)
    }

    /// Bytes that the store has of files of a recording that are not whole there, by format.
    pub fn sent_pieces(&self, recording: RecordingId) -> Result<Vec<(String, u64)>, StoreError> {
        self.journal().sent_pieces(recording)
    }

    /// True when another rendition has, or had, this key.
    pub fn key_is_taken(&self, key: &str, by_other_than: RenditionId) -> Result<bool, StoreError> {
        self.journal().key_is_taken(key, by_other_than)
    }

    /// Up to so many uploads that are to be given up: store, key and the upload's name there. An empty name stands for every
    /// upload that was begun under the key.
    pub fn abandoned(&self, limit: usize) -> Result<Vec<(String, String, String)>, StoreError> {
        self.journal().abandoned(limit)
    }

    /// Up to so many renditions that are due to be removed from their store.
    pub fn to_remove(&self, utc: Micros, limit: usize) -> Result<Vec<Rendition>, StoreError> {
        self.journal().to_remove(utc, limit)
    }

    /// Up to so many delivered renditions that are to have a tag with this review in their store.
    pub fn to_tag(&self, limit: usize) -> Result<Vec<(Rendition, ReviewStatus)>, StoreError> {
        self.journal().to_tag(limit)
    }

    /// The number and the size of the deliveries that wait.
    pub fn backlog(&self) -> Result<Backlog, StoreError> {
        self.journal().backlog()
    }

    /// Up to so many renditions whose delivery failed, or whose removal or tag the store refuses or cannot carry out, the newest first.
    pub fn set_aside(&self, limit: usize) -> Result<Vec<Rendition>, StoreError> {
        self.journal().set_aside(limit)
    }

    /// True while there is a recording with this id.
    pub fn has(&self, recording: RecordingId) -> Result<bool, StoreError> {
        Ok(self.journal().recording(recording)?.is_some())
    }

    /// True of a recording that was found again by its files alone, after the journal was lost: its former deliveries are not
    /// known.
    pub fn is_found_again(&self, recording: RecordingId) -> Result<bool, StoreError> {
        self.journal().is_found_again(recording)
    }
}
