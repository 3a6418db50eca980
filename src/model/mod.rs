//! What more than one room says of the same thing, said once: the answers of commands, and the rows of lists.
//!
//! Pure: no I/O, no clock. Whoever has the facts makes these values of them; whoever shows them knows no others.

mod about;
mod keep;
mod key;
mod nearest;
mod output;
pub mod reply;
mod size;
mod span;
pub(crate) mod unit;
mod zone;

pub use about::{About, Origin};
pub use keep::Keep;
pub use key::{KeyError, KeyFacts, KeyPattern, distinct};
pub(crate) use nearest::nearest;
pub use output::{Media, Output, Resume, ResumeAfter, Split};
pub use size::{ByteSize, SizeError};
pub use span::{Span, SpanError};
pub use zone::{Zone, ZoneError};
