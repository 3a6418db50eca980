//! Delivery: uploads recordings to an object store, whatever the network does.
//!
//! Its promises: every recording that is to be delivered is delivered once, whole, and in the configured order; no recording is
//! called delivered before it is in the store; a failure delays no other delivery; and recording never waits for delivery.
//!
//! Renditions are made while they are sent: no second copy is written, and no more than two parts of each transfer are in
//! memory. The journal contains the progress of each, so that a crash costs only the part that was being sent.
//!
//! | module | what it is |
//! |---|---|
//! | `planner`, `backoff` | which recording is delivered when: pure |
//! | `decide`, `layout` | the next step of one rendition: pure |
//! | `job`, `source`, `context` | carry out this step |
//! | `cleaner`, `dates` | removals in the object store, and whether their time has come |
//! | `put` | a small object of its own, beside recordings |
//! | `tags` | tags of reviews in the object store |
//! | `ciphers` | how recordings are encrypted on their way |
//! | `check` | the box's permissions in the object store |
//! | `remote` | the stores: a bucket that speaks S3, a folder |
//! | `status`, `open`, `tally` | the state of delivery, when open recordings are delivered, and what is counted |
//! | `run`, `handle` | the loop around the planner, on a thread of its own, and the handle of it |

mod backoff;
mod check;
mod ciphers;
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
mod put;
mod remote;
mod run;
mod source;
mod status;
mod tags;
mod tally;

pub use check::{CheckStep, SyncCheck};
pub use ciphers::{Cipher, Ciphers};
pub use handle::{NAMESPACE, Said, Stopping, Uploader, UploaderError, UploaderSettings};
pub use keys::{AccessKey, Keys};
pub use put::{NotPut, Object, Stored};
#[doc(hidden)]
pub use remote::fuzz_s3_answer;
pub use status::{FailedStatus, OpenStatus, SyncStatus, TransferStatus, WaitingFormat};
pub use tally::{Deliveries, Failure};
