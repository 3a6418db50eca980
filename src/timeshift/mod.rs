//! Time shift: a stream from another moment than now. Pure: the caller gives the time and the chunks of the tape.
//!
//! ```text
//! query ──► asked ──► Shift ──┬─ range, start ──► Stretch ──► Listing ◄── chunks ──► Listed: closed, event or sliding
//!           three dialects    └─ delay ─────────► Window ◄─── chunks ──► the last chunks of that moment
//! ```
//!
//! All dialects have one meaning. What a playlist lists is a function of the tape, of what is asked for, and of the time, so two
//! viewers have the same one, also after a restart. Numbers and borders of chunks depend on the tape alone.

mod ask;
mod dialect;
mod fuzz;
mod join;
mod listing;
mod piece;
mod stretch;
#[cfg(test)]
mod tests;
mod window;

pub use ask::{Dialects, Parameters, Shift, ShiftError, asked};
pub use dialect::{TimelineAsked, old_tencent, timeline};
#[doc(hidden)]
pub use fuzz::fuzz_shift;
pub use join::MOST_JOINED;
pub use listing::{Gap, Listed, Listing};
pub use piece::{LONGEST_BREAK, Piece};
pub use stretch::{Growth, LONGEST, Stretch};
pub use window::{SAYS_SO, Shifted, window};
