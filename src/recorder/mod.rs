//! The recorder: streams, the ring of the last seconds, and what becomes of them.

mod handle;

pub use handle::{EndReason, PublishRequest, Publishing, Recorder, Refusal};
