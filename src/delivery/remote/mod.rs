//! Object stores: a bucket that speaks S3, and a folder.
//!
//! A [`Remote`] carries out one [`Request`] at a time. It returns an [`Answer`], or a [`Fault`] with the cause of the failure. It
//! never tries twice, knows nothing about recordings and keeps no state: the journal keeps the state, and the planner decides.

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
    /// Carries out a request, once. Dropping the future gives it up; what it had done by then may be done.
    fn perform(&self, request: Request) -> Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send + '_>>;

    /// True when the parts of an upload may be of any size and come in any order, the first one last.
    fn takes_parts_in_any_order(&self) -> bool;

    /// How far the store's clock is ahead of this box's, in seconds, as far as its answers say.
    fn clock_offset(&self) -> Option<i64>;
}

/// A request to a store. Keys include the store's prefix.
#[derive(Clone, Debug)]
pub(super) enum Request {
    /// Puts a whole object, over what is there.
    Put {
        key: String,
        body: Payload,
        about: About,
    },
    /// Begins an upload in parts.
    Create { key: String, about: About },
    /// Sends a part, over what was sent under its number.
    Part {
        key: String,
        upload: String,
        /// 1 to 10,000.
        number: u32,
        /// Where it stands in the object; not known of an upload whose first part comes last.
        offset: Option<u64>,
        body: Payload,
    },
    /// Lists the parts of an upload that have arrived.
    Parts { key: String, upload: String },
    /// Makes an object of the parts, over what is there: numbers and ETags, ascending.
    Complete {
        key: String,
        upload: String,
        parts: Vec<(u32, String)>,
    },
    /// Gives an upload up. One that is not there any more is given up already.
    Abort { key: String, upload: String },
    /// Uploads in parts that were begun under exactly this key and neither completed nor given up.
    Uploads { key: String },
    /// Asks for the size and the ETag of an object.
    Head { key: String },
    /// Reads some of an object.
    Read { key: String, offset: u64, len: u64 },
    /// Removes an object. One that is not there is removed already.
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
    /// `Cache-Control`, for what changes.
    pub(super) cache: Option<&'static str>,
    /// The recording that it is of: `x-amz-meta-edgereel-recording`.
    pub(super) recording: String,
    /// Viewers wait for it: what else is on its way gives way to it.
    pub(super) first: bool,
}

/// The answer of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// To `Abort`, `Remove` and `Tag`.
    Done,
    /// To `Put`, `Part` and `Complete`: the ETag without its quotes; empty where there are none.
    Stored { etag: String },
    /// To `Complete`: the store has put it together, and its ETag is not what Amazon's would be. Some stores make theirs in other
    /// ways, and some make mistakes: somebody has to look.
    Doubted { etag: String },
    /// To `Create`.
    Created { upload: String },
    /// To `Parts`, ascending; nothing where the store does not tell, but has the upload.
    Parts(Option<Vec<PartSeen>>),
    /// To `Uploads`: their ids.
    Uploads(Vec<String>),
    /// To `Head`: nothing where there is no such object.
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
    /// Empty where the store does not tell.
    pub(super) etag: String,
}

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ObjectSeen {
    pub(super) bytes: u64,
    /// Without its quotes; empty where there are none.
    pub(super) etag: String,
    /// The recording that it was said to be of.
    pub(super) recording: Option<String>,
}
