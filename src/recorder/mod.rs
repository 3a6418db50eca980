//! The recorder: streams, the ring of the last seconds, and what becomes of them.
//!
//! Its decisions are plain state (`core`, `live`, `cutter`, `ring`): messages and the time go in, commands to
//! the store come out. [`Recorder`] is the thin shell around them that lives on the network thread.
//!
//! The default rule is the only one so far: every publish is recorded from its first keyframe to its end,
//! one recording each, and a push of less than a second makes none.

mod core;
mod cutter;
mod handle;
mod lead;
mod live;
mod orders;
mod publish;
mod push;
mod ring;
mod rulebook;
mod run;
mod session;
mod stream;
mod tasks;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use self::core::{RecorderSettings, StreamStatus};
pub use handle::{AskError, ClipCourse, Publishing, Recorder};
pub use live::Moment;
pub use orders::{
    CLIP_LONGEST, ClipOrder, ClipRange, MANUAL_LONGEST, MANUAL_USUAL, OrderError, StartOrder, Which,
};
pub use publish::{EndReason, PublishRequest, Refusal};
pub use rulebook::RuleError;
pub use tasks::{Task, TaskError, TaskState, When};
