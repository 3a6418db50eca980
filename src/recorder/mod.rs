//! The recorder: streams, the rings of their last seconds, and the decision what is recorded.
//!
//! Its decisions are plain state: messages, orders and the time go in, and commands to the store come out. [`Recorder`] is the
//! thin shell around them on the network thread.
//!
//! | module | what it is |
//! |---|---|
//! | `core` | all streams, and their common limits: who may publish, the memory of the rings |
//! | `stream` | one stream: its publish, its ring, its sessions |
//! | `live`, `cutter`, `ring`, `ahead`, `ends`, `open_gop` | a publish: frames on their time line, fragments of them, the last seconds |
//! | `chunks`, `played` | the numbers of the chunks that live HLS plays; the chunks that are in memory |
//! | `notice` | reports about a publish while it goes on |
//! | `rulebook`, `push`, `tasks` | what is to be recorded: by rules, by the publisher's parameters, by the clock |
//! | `missed` | times of tasks in which nothing was recorded |
//! | `session`, `run` | one decision to record, and its recordings one after the other |
//! | `orders` | orders of people and machines |
//! | `status`, `counts`, `ended` | what is told of streams; what is counted since the start |
//! | `handle` | the shell: locks, the clock, the store, answers |
//!
//! Its promises (docs/recording.md): recordings of an output never overlap and lose nothing between them, a closed recording is
//! complete, and a push of less than a second leaves nothing.

mod ahead;
mod chunks;
mod core;
mod counts;
mod cutter;
mod decision;
mod ended;
mod ends;
mod handle;
mod live;
mod missed;
mod notice;
mod open_gop;
mod orders;
mod played;
mod publish;
mod push;
mod ring;
mod rulebook;
mod run;
mod session;
mod status;
mod stream;
mod tasks;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use self::core::RecorderSettings;
pub use counts::{Counts, Received, StreamCounts};
pub use ended::EndedBy;
pub use handle::{AskError, Publishing, Recorder};
pub use live::Moment;
pub use missed::{Missed, Outcome};
pub use orders::{
    CLIP_LONGEST, ClipCourse, ClipOrder, ClipRange, ClipSource, MANUAL_LONGEST, MANUAL_USUAL, OrderError,
    StartOrder, Started, Which,
};
pub use played::{RingChunk, RingChunks};
pub use publish::{EndReason, PublishRequest, Refusal};
pub use rulebook::RuleError;
pub use status::StreamStatus;
pub use tasks::{Task, TaskError, TaskState, When};
