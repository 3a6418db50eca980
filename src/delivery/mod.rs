//! Delivery: recordings go to a store of objects, whatever the network does.
//!
//! What it promises: everything that is to be delivered is delivered once, whole, and in the order that was asked for; what
//! is not there is not called delivered; nothing that fails holds up anything else; and recording never waits for any of it.
//!
//! Renditions are made while they are sent: no second copy is written, and no more than two parts of each transfer are in
//! memory. How far each is stands in the journal, so that a crash costs the part that was on its way.
//!
//! | module | what it is |
//! |---|---|
//! | `planner`, `backoff` | which recording is delivered when: pure |
//! | `decide`, `layout` | what is to be done next for one rendition: pure |
//! | `job`, `source`, `context` | does it |
//! | `cleaner`, `dates` | what is to go from the store, and whether its time is over |
//! | `check` | whether the store lets this box do that |
//! | `remote` | the stores: a bucket that speaks S3, a folder |
//! | `status`, `open` | how delivery is, and what will go when |
//! | `run`, `handle` | the loop around the planner, on a thread of its own, and what others hold of it |

mod backoff;
mod check;
mod cleaner;
mod context;
mod dates;
mod decide;
mod handle;
mod job;
mod keys;
mod layout;
mod open;
mod planner;
mod remote;
mod run;
mod source;
mod status;

pub use check::{CheckStep, SyncCheck};
pub use handle::{SHELF, Said, Stopping, Uploader, UploaderError, UploaderSettings};
pub use keys::{AccessKey, Keys};
#[doc(hidden)]
pub use remote::fuzz_s3_answer;
pub use status::{FailedStatus, OpenStatus, SyncStatus, TransferStatus};
