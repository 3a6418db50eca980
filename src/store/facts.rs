//! Changes of what people set of recordings, and the reasons why they are refused.

use tokio::sync::oneshot;

use crate::media::RecordingId;
use crate::model::{Category, CategoryId, CategoryRefusal, Facts, FactsChange, OnBlock, Review};

/// A change of what people set. It is carried out when all commands before it are committed, and answered when it is durable.
#[derive(Debug)]
pub enum FactsCommand {
    /// Changes the facts of a recording.
    Set {
        /// The recording.
        recording: RecordingId,
        /// The change.
        change: Box<FactsChange>,
        /// The receiver of all facts that the recording has now.
        done: oneshot::Sender<Result<Facts, FactsError>>,
    },
    /// Notes what a review says of a recording.
    Review {
        /// The recording.
        recording: RecordingId,
        /// The review.
        review: Review,
        /// What becomes of files that were delivered, where the recording is blocked.
        on_block: OnBlock,
        /// True for the answer of a service that was asked: where somebody reviewed the recording meanwhile, it does not count.
        asked: bool,
        /// The receiver of the answer.
        done: oneshot::Sender<Result<(), FactsError>>,
    },
    /// Changes the tree of categories.
    Categories {
        /// The change.
        change: CategoryChange,
        /// The receiver of the answer.
        done: oneshot::Sender<Result<(), FactsError>>,
    },
}

/// The facts of a file that the journal has not, with the tags that an earlier release set in the journal meanwhile.
pub(super) fn together(read: Facts, known: Facts) -> Facts {
    if known.tags.is_empty() {
        return read;
    }
    Facts {
        tags: known.tags,
        ..read
    }
}

/// A change of the tree of categories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CategoryChange {
    /// Adds a category, or replaces the one with its id.
    Put(Category),
    /// Removes a category that has no others in it, and no recordings.
    Delete(CategoryId),
}

/// The reason why nothing was changed, or not yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// There is no such recording.
    #[error("there is no recording '{0}'")]
    NoRecording(RecordingId),
    /// Somebody reviewed the recording since it was asked about.
    #[error("recording {0} was reviewed meanwhile")]
    Reviewed(RecordingId),
    /// The tree does not take it.
    #[error(transparent)]
    Category(#[from] CategoryRefusal),
    /// Recordings are in the category.
    #[error("category '{category}' has {count} recordings in it; file those elsewhere first, or delete them")]
    InUse {
        /// The category.
        category: CategoryId,
        /// The number of recordings in it.
        count: u64,
        /// The first of them.
        recordings: Vec<RecordingId>,
    },
    /// The storage device or the journal does not take it.
    #[error("not written: {0}")]
    Unwritten(String),
    /// The journal does not take it now. The change waits for the next commit, and is lost if the service ends before.
    #[error("not written yet, and may become true when the journal can be written again: {0}")]
    Waits(String),
}
