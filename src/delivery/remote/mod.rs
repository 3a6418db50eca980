//! Object stores: a bucket that speaks S3, and a folder.
//!
//! A [`Remote`] carries out one [`Request`] at a time. It returns an [`Answer`], or a [`Fault`] with the cause of the failure.
//! It never tries twice, knows nothing about recordings and keeps no state: the journal keeps the state, and the planner
//! decides.

mod body;
mod bucket;
mod content;
mod fault;
pub(in crate::delivery) mod folder;
mod link;
mod pace;
mod progress;
pub(in crate::delivery) mod s3;

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

pub(super) use content::{Content, PIECE, Payload, Source};
pub(super) use fault::Fault;
pub(super) use pace::Pace;
pub use s3::fuzz as fuzz_s3_answer;
pub(super) use s3::same_etag;

/// A store of objects.
pub(super) trait Remote: Send + Sync {
    /// Carries out a request, once. Dropping the future cancels the request, which the store may have carried out by then.
    fn perform(&self, request: Request) -> Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send + '_>>;

    /// True when the parts of an upload may be of any size and come in any order, the first one last.
    fn takes_parts_in_any_order(&self) -> bool;

    /// How far the store's clock is ahead of this box's, in seconds, as far as its answers say.
    fn clock_offset(&self) -> Option<i64>;
}

/// A request to a store. Keys include the store's prefix.
#[derive(Clone, Debug)]
pub(super) enum Request {
    /// Puts a whole object, in place of the one that is there.
    Put {
        key: String,
        body: Payload,
        about: About,
    },
    /// Begins an upload in parts.
    Create { key: String, about: About },
    /// Sends a part, in place of one with the same number.
    Part {
        key: String,
        upload: String,
        /// 1 to 10,000.
        number: u32,
        /// The part's position in the object; `None` for an upload whose first part comes last.
        offset: Option<u64>,
        body: Payload,
    },
    /// Lists the parts of an upload that have arrived.
    Parts { key: String, upload: String },
    /// Makes an object of the parts, in place of the one that is there: numbers and ETags, ascending.
    Complete {
        key: String,
        upload: String,
        parts: Vec<(u32, String)>,
    },
    /// Gives an upload up. An upload that is gone counts as given up.
    Abort { key: String, upload: String },
    /// Lists the uploads in parts that were begun under exactly this key, and were neither completed nor given up.
    Uploads { key: String },
    /// Asks for the size and the ETag of an object.
    Head { key: String },
    /// Reads a range of an object.
    Read { key: String, offset: u64, len: u64 },
    /// Removes an object. An object that is gone counts as removed.
    Remove { key: String },
    /// Puts the object's tags, in place of those it has.
    Tag {
        key: String,
        tags: Vec<(String, String)>,
    },
    /// Asks for the free space.
    Space,
}

/// The metadata of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// `Content-Type`
    pub(super) mime: &'static str,
    /// `Cache-Control`, for files that change.
    pub(super) cache: Option<&'static str>,
    /// The recording of the object: `x-amz-meta-edgereel-recording`.
    pub(super) recording: String,
    /// Viewers wait for the object: other bodies give way to it.
    pub(super) first: bool,
}

/// The answer of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// To `Abort`, `Remove` and `Tag`.
    Done,
    /// To `Put`, `Part` and `Complete`: the ETag without its quotes; empty where there are none.
    Stored { etag: String },
    /// To `Complete`: the store has put the object together, and its ETag differs from the one that Amazon would make. Some
    /// stores make their ETags in other ways, and some make mistakes: the object must be checked.
    Doubted { etag: String },
    /// To `Create`.
    Created { upload: String },
    /// To `Parts`, ascending; `None` where the store has the upload, and does not list its parts.
    Parts(Option<Vec<PartSeen>>),
    /// To `Uploads`: their ids.
    Uploads(Vec<String>),
    /// To `Head`: `None` where there is no such object.
    Head(Option<ObjectSeen>),
    /// To `Read`.
    Bytes(Bytes),
    /// To `Space`: bytes.
    Space(u64),
}

/// A part that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartSeen {
    pub(super) number: u32,
    pub(super) bytes: u64,
    /// The part's ETag; empty where the store does not tell it.
    pub(super) etag: String,
}

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ObjectSeen {
    pub(super) bytes: u64,
    /// The object's ETag without its quotes; empty where there is none.
    pub(super) etag: String,
    /// The recording in the object's metadata.
    pub(super) recording: Option<String>,
}
