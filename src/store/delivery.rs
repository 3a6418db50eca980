//! The state of deliveries in the journal: which renditions of recordings are delivered, and how far.

use super::{Library, StoreError};
use crate::format::Format;
use crate::media::{Micros, RecordingId};

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
    /// Which it is.
    pub id: RenditionId,
    /// How far it has come.
    pub state: RenditionState,
    /// The store that its key is a key of.
    pub store: String,
    /// Its key there; of HLS, that of the playlist.
    pub key: String,
    /// Where it can be fetched.
    pub url: String,
    /// Where the master playlist of HLS can be fetched, once it is there.
    pub master_url: Option<String>,
    /// Bytes; of HLS, of all files.
    pub bytes: u64,
    /// CRC-32C of the whole file; none of a folder.
    pub crc: Option<u32>,
    /// As the store names this version of it.
    pub etag: String,
    /// The upload in parts that it is in.
    pub upload: Option<Upload>,
    /// Files of a folder that decode the others.
    pub inits: u32,
    /// The others.
    pub chunks: u32,
    /// Why it is not delivered, if there was anything wrong.
    pub error: Option<String>,
    /// UTC of its delivery.
    pub delivered: Option<Micros>,
    /// UTC at which it is to be removed from the store.
    pub remove_at: Option<Micros>,
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
    /// As the store names it; not known yet of one that is about to be begun.
    pub id: Option<String>,
    /// How the file is cut into parts.
    pub layout: Layout,
}

/// How a file is cut into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// From the beginning, in parts of so many bytes.
    Equal(u64),
    /// While the recording grows: the first part comes last.
    Growing,
}

/// Something of a rendition that the store has: a part of an upload, or a file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The part's number, or the file's name.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// CRC-32C of them.
    pub crc: u32,
    /// As the store names it.
    pub etag: String,
    /// What it was made of, in hexadecimal; of a part that of everything up to its end.
    pub mark: String,
}

/// A change of what is remembered. Those of one [`Change::Deliver`](super::Change::Deliver) are made together.
#[derive(Clone, Debug, PartialEq)]
pub enum DeliveryChange {
    /// The rendition is as it says. The first time that it is delivered is told.
    Put(Rendition),
    /// The store has this of it.
    Piece(RenditionId, Piece),
    /// Nothing that the store has of it counts any more. An upload that was begun is to be given up.
    Restart(RenditionId),
    /// It is not known any more.
    Forget(RenditionId),
    /// An upload was given up, there too.
    Abandoned {
        /// The key that it was for.
        key: String,
        /// As the store names it.
        upload: String,
    },
    /// What is left of the recording waits for somebody to look at it, or does not any more.
    Failed(RecordingId, bool),
    /// Everything of all recordings that was set aside is tried again.
    RetryAll,
    /// What the store refused to remove is asked for again.
    RetryRemovals,
    /// All renditions of a recording are to be removed from the store.
    Remove(RecordingId),
    /// The store refuses to remove it, and said why: it waits for somebody to look at it, or for the next day.
    NotRemoved(RenditionId, String),
}

/// Which of the recordings that wait comes first.
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
    /// Its id.
    pub recording: RecordingId,
    /// It grows.
    pub open: bool,
    /// What it is to be had in.
    pub formats: Vec<Format>,
}

/// What waits for delivery, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Recordings that are closed and not delivered.
    pub recordings: u64,
    /// Bytes of their tape.
    pub bytes: u64,
    /// Those of them that were set aside.
    pub aside: u64,
}

impl RenditionState {
    /// As in the journal and in `ls --json`.
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
    /// Bytes of a part; 0 stands for the other.
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
    /// One that nothing is known of yet.
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
        }
    }
}

impl Library {
    /// Up to so many recordings that are to be delivered: the `open` ones first, if they are asked for, then those that
    /// are closed and not set aside.
    pub fn to_deliver(
        &self,
        order: WaitingOrder,
        open: bool,
        limit: usize,
    ) -> Result<Vec<ToDeliver>, StoreError> {
        self.journal().to_deliver(order, open, limit)
    }

    /// What is known of a recording's renditions, also when it is not here any more.
    pub fn renditions(&self, recording: RecordingId) -> Result<Vec<Rendition>, StoreError> {
        self.journal().renditions(recording)
    }

    /// What the store has of a rendition that is on its way.
    pub fn pieces(&self, id: RenditionId) -> Result<Vec<Piece>, StoreError> {
        self.journal().pieces(id)
    }

    /// True when another rendition has, or had, this key.
    pub fn key_is_taken(&self, key: &str, by_other_than: RenditionId) -> Result<bool, StoreError> {
        self.journal().key_is_taken(key, by_other_than)
    }

    /// Up to so many uploads that are to be given up: store, key and the upload's name there; where that is empty, whatever
    /// was begun under the key.
    pub fn abandoned(&self, limit: usize) -> Result<Vec<(String, String, String)>, StoreError> {
        self.journal().abandoned(limit)
    }

    /// Up to so many renditions that are to be removed from their store by now.
    pub fn to_remove(&self, utc: Micros, limit: usize) -> Result<Vec<Rendition>, StoreError> {
        self.journal().to_remove(utc, limit)
    }

    /// What waits for delivery, in numbers.
    pub fn backlog(&self) -> Result<Backlog, StoreError> {
        self.journal().backlog()
    }

    /// Up to so many renditions that were set aside, or that the store refuses to remove, the newest first.
    pub fn set_aside(&self, limit: usize) -> Result<Vec<Rendition>, StoreError> {
        self.journal().set_aside(limit)
    }

    /// True while there is a recording with this id.
    pub fn has(&self, recording: RecordingId) -> Result<bool, StoreError> {
        Ok(self.journal().recording(recording)?.is_some())
    }

    /// True of a recording that only its files told of after the journal was lost: what was delivered of it before is not
    /// known.
    pub fn is_found_again(&self, recording: RecordingId) -> Result<bool, StoreError> {
        self.journal().is_found_again(recording)
    }
}
